package mzsim

import (
	"strings"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// planShow makes a query of a SHOW statement.
func (s *session) planShow(stmt sqlparse.Statement) (*eval.Plan, error) {
	switch st := stmt.(type) {
	case *sqlparse.Show:
		if st.Name == "all" {
			return s.fixed([]string{"name", "setting"}, s.allSettings()), nil
		}
		v, ok := s.settings[st.Name]
		if !ok {
			return nil, errorf("42704", "unrecognized configuration parameter \"%s\"", st.Name)
		}
		name := st.Name
		for _, r := range reported() {
			if strings.EqualFold(r, name) {
				name = r
			}
		}
		return s.fixed([]string{name}, []eval.Row{{eval.Of(v)}}), nil
	case *sqlparse.ShowColumns:
		return s.showColumns(st)
	case *sqlparse.ShowCreate:
		c, err := s.collection(st.Object)
		if err != nil {
			return nil, err
		}
		n := c.Name()
		return s.fixed([]string{"name", "create_sql"}, []eval.Row{cells(n.String(), createSQL(s.sim.Info(c)))}), nil
	case *sqlparse.ShowObjects:
		return s.showObjects(st.What), nil
	}
	return nil, errorf("0A000", "SHOW is not supported here")
}

func (s *session) allSettings() []eval.Row {
	var rows []eval.Row
	for name, v := range s.settings {
		rows = append(rows, eval.Row{eval.Of(name), eval.Of(v)})
	}
	return firstOfEach(rows)
}

// fixed is a plan with a result known beforehand, all text.
func (s *session) fixed(names []string, rows []eval.Row) *eval.Plan {
	cols := make([]eval.Column, len(names))
	for i, n := range names {
		cols[i] = eval.Column{Name: n, Type: pgval.Must("text"), Nullable: true}
	}
	return eval.Fixed(cols, rows)
}

func (s *session) showColumns(st *sqlparse.ShowColumns) (*eval.Plan, error) {
	c, err := s.collection(st.Object)
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
	b.WriteString("CREATE " + strings.ToUpper(i.Type) + " " + shown(i.Name.Database, i.Name.Schema, i.Name.Name) + " (")
	for n, c := range i.Columns {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(shown(c.Name) + " " + c.Type.Name)
		if !c.Nullable {
			b.WriteString(" NOT NULL")
		}
	}
	return b.String() + ")"
}

func (s *session) showObjects(what string) *eval.Plan {
	var rows []eval.Row
	switch what {
	case "databases":
		for _, r := range s.databaseRows() {
			rows = append(rows, eval.Row{r[2], eval.Of("")})
		}
		return s.fixed([]string{"name", "comment"}, rows)
	case "schemas":
		for _, r := range s.schemaRows() {
			rows = append(rows, eval.Row{r[3], eval.Of("")})
		}
		return s.fixed([]string{"name", "comment"}, rows)
	case "clusters":
		for _, r := range s.clusterRows(false) {
			rows = append(rows, eval.Row{r[1], eval.Of("r1 (100cc)"), eval.Of("")})
		}
		return s.fixed([]string{"name", "replicas", "comment"}, rows)
	case "indexes":
		for _, i := range s.sim.List() {
			if i.Indexed {
				rows = append(rows, cells(i.Name.Name+"_primary_idx", i.Name.Name, "quickstart", "{"+i.Columns[0].Name+"}"))
			}
		}
		return s.fixed([]string{"name", "on", "cluster", "key"}, rows)
	}
	for _, i := range s.sim.List() {
		if what == "objects" || i.Type+"s" == what {
			rows = append(rows, cells(i.Name.Name, i.Type))
		}
	}
	return s.fixed([]string{"name", "type"}, rows)
}
