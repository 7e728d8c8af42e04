package catalog

import (
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/settings"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// Show makes a query of a SHOW statement.
func (v *View) Show(stmt sqlparse.Statement) (*eval.Plan, error) {
	switch st := stmt.(type) {
	case *sqlparse.Show:
		if st.Name == "all" {
			return v.fixed([]string{"name", "setting"}, v.allSettings()), nil
		}
		value, ok := v.Settings[st.Name]
		if !ok {
			return nil, pgerr.Errorf("42704", "unrecognized configuration parameter \"%s\"", st.Name)
		}
		name := st.Name
		for _, r := range settings.Reported() {
			if strings.EqualFold(r, name) {
				name = r
			}
		}
		return v.fixed([]string{name}, []eval.Row{{eval.Of(value)}}), nil
	case *sqlparse.ShowColumns:
		return v.showColumns(st)
	case *sqlparse.ShowCreate:
		c, err := v.Collection(st.Object)
		if err != nil {
			return nil, err
		}
		n := c.Name()
		return v.fixed([]string{"name", "create_sql"}, []eval.Row{cells(n.String(), createSQL(v.Store.Info(c)))}), nil
	case *sqlparse.ShowObjects:
		return v.showObjects(st.What), nil
	}
	return nil, pgerr.Errorf("0A000", "SHOW is not supported here")
}

func (v *View) allSettings() []eval.Row {
	var rows []eval.Row
	for name, value := range v.Settings {
		rows = append(rows, eval.Row{eval.Of(name), eval.Of(value)})
	}
	return firstOfEach(rows)
}

// fixed is a plan with a result known beforehand, all text.
func (v *View) fixed(names []string, rows []eval.Row) *eval.Plan {
	cols := make([]eval.Column, len(names))
	for i, n := range names {
		cols[i] = eval.Column{Name: n, Type: pgval.Must("text"), Nullable: true}
	}
	return eval.Fixed(cols, rows)
}

func (v *View) showColumns(st *sqlparse.ShowColumns) (*eval.Plan, error) {
	c, err := v.Collection(st.Object)
	if err != nil {
		return nil, err
	}
	text, boolean := pgval.Must("text"), pgval.Must("boolean")
	cols := []eval.Column{{Name: "name", Type: text}, {Name: "nullable", Type: boolean}, {Name: "type", Type: text}, {Name: "comment", Type: text}}
	var rows []eval.Row
	for _, col := range c.Columns() {
		rows = append(rows, eval.Row{eval.Of(col.Name), eval.Bool(col.Nullable), eval.Of(col.Type.Name), eval.Of("")})
	}
	return eval.Fixed(cols, rows), nil
}

func createSQL(i store.Info) string {
	var b strings.Builder
	b.WriteString("CREATE " + strings.ToUpper(i.Type) + " " + quote(i.Name.Database, i.Name.Schema, i.Name.Name) + " (")
	for n, c := range i.Columns {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(c.Name) + " " + c.Type.Name)
		if !c.Nullable {
			b.WriteString(" NOT NULL")
		}
	}
	return b.String() + ")"
}

func (v *View) showObjects(what string) *eval.Plan {
	var rows []eval.Row
	switch what {
	case "databases":
		for _, r := range v.databaseRows() {
			rows = append(rows, eval.Row{r[2], eval.Of("")})
		}
		return v.fixed([]string{"name", "comment"}, rows)
	case "schemas":
		for _, r := range v.schemaRows() {
			rows = append(rows, eval.Row{r[3], eval.Of("")})
		}
		return v.fixed([]string{"name", "comment"}, rows)
	case "clusters":
		for _, r := range v.clusterRows(false) {
			rows = append(rows, eval.Row{r[1], eval.Of("r1 (100cc)"), eval.Of("")})
		}
		return v.fixed([]string{"name", "replicas", "comment"}, rows)
	case "indexes":
		for _, i := range v.Store.List() {
			if i.Indexed {
				rows = append(rows, cells(i.Name.Name+"_primary_idx", i.Name.Name, "quickstart", "{"+i.Columns[0].Name+"}"))
			}
		}
		return v.fixed([]string{"name", "on", "cluster", "key"}, rows)
	}
	for _, i := range v.Store.List() {
		if what == "objects" || i.Type+"s" == what {
			rows = append(rows, cells(i.Name.Name, i.Type))
		}
	}
	return v.fixed([]string{"name", "type"}, rows)
}

func quote(parts ...string) string {
	for i, p := range parts {
		parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}
