package backendtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

func describe(e *env) {
	e.create(e.people())
	rec := e.recorder()
	rel, err := e.b.Describe(e.Context(), rec.Def)
	if err != nil {
		e.Fatal(err)
	}
	if rel.Identity == "" || !strings.HasSuffix(rel.Name, e.table) || rel.Type == "" || len(rel.Columns) != 3 {
		e.Fatalf("relation %+v", rel)
	}
	want := []source.CatalogColumn{
		{Name: "id", Kind: relation.Integer}, {Name: "name", Kind: relation.String}, {Name: "amount", Kind: relation.Decimal},
	}
	for i, c := range rel.Columns {
		if c.Name != want[i].Name || c.Kind != want[i].Kind || c.SQLType == "" {
			e.Errorf("column %+v, want %+v", c, want[i])
		}
	}
	e.once(rec)
	e.rows(rec)
	if _, followed := rec.Schema(); followed.Identity != rel.Identity {
		e.Errorf("Describe says identity %q, Follow %q", rel.Identity, followed.Identity)
	}
}

func snapshot(e *env) {
	e.create(e.people(), "1|ann|1.5", "2|-|-", "3||0")
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, "1|ann|1.5", "2|-|-", "3||0")
	if h := rec.History(); len(h) != 1 || !h[0].Snapshot {
		e.Errorf("%d steps, want the snapshot alone", len(h))
	}
}

func emptySnapshot(e *env) {
	e.create(e.people())
	rec := e.recorder()
	e.once(rec)
	e.rows(rec)
	e.insert("1|ann|1")
	e.rows(rec, "1|ann|1")
}

func largeSnapshot(e *env) {
	var rows []string
	for i := range 10_000 {
		rows = append(rows, fmt.Sprintf("%d|name %d|%d", i, i, i+1))
	}
	e.create(e.people(), rows...)
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, rows...)
}

func insertUpdateDelete(e *env) {
	e.create(e.people(), "1|ann|1", "2|bob|2")
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, "1|ann|1", "2|bob|2")
	e.insert("3|cid|3")
	e.rows(rec, "1|ann|1", "2|bob|2", "3|cid|3")
	e.commit(e.update("1", "1|ann|1.25"))
	e.rows(rec, "1|ann|1.25", "2|bob|2", "3|cid|3")
	e.commit(e.update("2", "2|-|-"))
	e.rows(rec, "1|ann|1.25", "2|-|-", "3|cid|3")
	e.commit(e.remove("1"))
	e.rows(rec, "2|-|-", "3|cid|3")
	e.insert("1|again|9")
	e.rows(rec, "1|again|9", "2|-|-", "3|cid|3")
}

func keyChange(e *env) {
	e.create(e.people(), "1|ann|1", "5|eve|5")
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, "1|ann|1", "5|eve|5")
	e.commit(e.update("1", "7|ann|1"))
	e.rows(rec, "5|eve|5", "7|ann|1")
	e.commit(e.update("5", "1|eve|6"), e.update("7", "5|ann|1")) // round about
	e.rows(rec, "1|eve|6", "5|ann|1")
	for _, s := range steps(rec, 1) {
		if len(s.Rows) != 2 {
			e.Errorf("at time %d there are %d rows", s.Time, len(s.Rows))
		}
	}
}

func compositeKey(e *env) {
	e.create(Table{
		Name: e.table, Key: []string{"desk", "day"},
		Columns: []Column{{"desk", "text"}, {"total", "bigint"}, {"day", "date"}},
	}, "a|1|2026-01-01", "a|2|2026-01-02", "b|3|2026-01-01")
	rec := e.recorder("desk", "day")
	e.once(rec)
	e.rows(rec, "a|1|2026-01-01", "a|2|2026-01-02", "b|3|2026-01-01")
	e.commit(e.update("a|2026-01-02", "a|20|2026-01-02"), e.remove("b|2026-01-01"))
	e.rows(rec, "a|1|2026-01-01", "a|20|2026-01-02")
}

// oneKeyManyChanges: what happens to a key inside one transaction is seen as
// its outcome.
func oneKeyManyChanges(e *env) {
	e.create(e.people(), "1|ann|1", "2|bob|2", "3|cid|3")
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, "1|ann|1", "2|bob|2", "3|cid|3")
	var w []Write
	for i := range 50 {
		w = append(w, e.update("1", fmt.Sprintf("1|ann|%d", i+2)))
	}
	w = append(w, e.remove("2"))
	w = append(w, e.inserts("2|back|22", "4|short|4")...)
	w = append(w, e.update("4", "4|lived|4"), e.remove("4"), e.remove("3"))
	e.commit(w...)
	want := []string{"1|ann|51", "2|back|22"}
	e.rows(rec, want...)
	if s := steps(rec, 1); len(s) != 1 {
		e.Errorf("one transaction made %d steps", len(s))
	}
}

func transactionWhole(e *env) {
	e.create(e.people(), "1|ann|100", "2|bob|0")
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, "1|ann|100", "2|bob|0")
	const transfers = 40
	for i := 1; i <= transfers; i++ {
		e.commit(e.update("1", fmt.Sprintf("1|ann|%d", 100-i)), e.update("2", fmt.Sprintf("2|bob|%d", i)))
	}
	e.rows(rec, fmt.Sprintf("1|ann|%d", 100-transfers), fmt.Sprintf("2|bob|%d", transfers))
	for _, s := range rec.History() {
		var a, b int
		if _, err := fmt.Sscanf(strings.Join(lines(s.Rows), " "), "1|ann|%d 2|bob|%d", &a, &b); err != nil || a+b != 100 {
			e.Errorf("at time %d: rows %q", s.Time, lines(s.Rows))
		}
	}
}

func timesAscend(e *env) {
	e.create(e.people())
	rec := e.recorder()
	e.once(rec)
	e.rows(rec)
	var want []string
	for i := range 20 {
		row := fmt.Sprintf("%d|x|%d", i, i)
		want = append(want, row)
		e.insert(row)
	}
	e.rows(rec, want...)
	history := rec.History()
	for i := 1; i < len(history); i++ {
		if history[i].Time <= history[i-1].Time {
			e.Errorf("time %d after %d", history[i].Time, history[i-1].Time)
		}
	}
	f := rec.Frontier()
	if last := history[len(history)-1].Time; f.Time < last || f.Wall <= 0 {
		e.Errorf("frontier %v after time %d", f, last)
	}
	if e.f.Ticks {
		rec.Wait(e.T, "the frontier to move by itself", func() bool { return rec.Frontier().Time > f.Time })
	}
}

// texts are the texts that a protocol may spoil.
func texts(e *env) {
	hard := []string{
		"", " ", "tab\there", "line\nfeed", "return\rhere", `back\slash`, `\`, `\\`, `\N`, `\n`, `\.`, "-1", "NULL", "null",
		"\b\f\v\x01\x1f\x7f", `"quoted"`, `it's`, "{a,b}", "ünïcødé", "日本語", "🎈", "  padded  ", "ends in tab\t", "\n", "\r\n",
	}
	table := Table{Name: e.table, Key: []string{"id"}, Columns: []Column{{"id", "integer"}, {"name", "text"}, {"more", "text"}}}
	e.h.Create(e.T, table)
	write := func(shift int) (w []Write, want []string) {
		for i, text := range hard {
			other := hard[(i+shift)%len(hard)]
			id := Text(strconv.Itoa(i))
			row := Write{Op: Insert, Table: e.table, Row: []Cell{id, Text(text), Text(other)}}
			if shift > 1 {
				row.Op, row.Key = Update, []Cell{id}
			}
			w = append(w, row)
			want = append(want, fmt.Sprintf("%d|%s|%s", i, text, other))
		}
		return w, want
	}
	w, want := write(1)
	e.commit(w...)
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, want...)
	w, want = write(2)
	e.commit(w...)
	e.rows(rec, want...)
}

// Typed is a SQL type with what is expected of it.
type Typed struct {
	SQLType string
	Kind    relation.Kind
	Elem    relation.Kind
	Texts   []string // as the database prints them
}

// AllTypes lists the types that every backend must map and pass on.
func AllTypes() []Typed {
	return []Typed{
		{"boolean", relation.Boolean, 0, []string{"t", "f"}},
		{"smallint", relation.Integer, 0, []string{"-32768", "32767"}},
		{"integer", relation.Integer, 0, []string{"-2147483648", "2147483647"}},
		{"bigint", relation.BigInt, 0, []string{"-9223372036854775808", "9223372036854775807"}},
		{"real", relation.Float, 0, []string{"1.5", "NaN"}},
		{"double precision", relation.Float, 0, []string{"-2.25", "Infinity", "0.1"}},
		{"numeric", relation.Decimal, 0, []string{"12345678901234567890.123456789", "-0.5", "NaN"}},
		{"text", relation.String, 0, []string{"x", ""}},
		{"varchar(10)", relation.String, 0, []string{"abc"}},
		{"uuid", relation.UUID, 0, []string{"0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}},
		{"date", relation.Date, 0, []string{"2026-01-02", "0044-03-15 BC"}},
		{"time", relation.Time, 0, []string{"03:04:05", "23:59:59.999999"}},
		{"timestamp", relation.Timestamp, 0, []string{"2026-01-02 03:04:05.678", "1999-12-31 23:59:59"}},
		{"timestamp with time zone", relation.Timestamp, 0, []string{"2026-01-02 03:04:05.678+00"}},
		{"interval", relation.String, 0, []string{"1 day", "01:02:03"}},
		{"jsonb", relation.JSON, 0, []string{"{}", `"x\ty"`, "null", "[]", "12.5"}},
		{"bytea", relation.String, 0, []string{`\x`, `\x00ff`}},
		{"text[]", relation.Array, relation.String, []string{"{}", `{a,"b c",NULL,"NULL","q\"\\"}`}},
		{"integer[]", relation.Array, relation.Integer, []string{"{1,NULL,-3}"}},
	}
}

func allTypes(e *env) {
	table := Table{Name: e.table, Key: []string{"id"}, Columns: []Column{{"id", "integer"}}}
	depth := 0
	for i, typ := range AllTypes() {
		table.Columns = append(table.Columns, Column{fmt.Sprintf("c%d", i), typ.SQLType})
		depth = max(depth, len(typ.Texts))
	}
	e.h.Create(e.T, table)
	var writes []Write
	var want []string
	for n := range depth + 1 { // the last row is all NULL
		row := []Cell{Text(strconv.Itoa(n))}
		for _, typ := range AllTypes() {
			var c Cell
			if n < len(typ.Texts) {
				c = Text(typ.Texts[n])
			}
			row = append(row, c)
		}
		writes = append(writes, Write{Op: Insert, Table: e.table, Row: row})
		var texts []string
		for _, c := range row {
			if c == nil {
				texts = append(texts, "-")
			} else {
				texts = append(texts, *c)
			}
		}
		want = append(want, strings.Join(texts, "|"))
	}
	e.commit(writes[:2]...)
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, want[:2]...)
	e.commit(writes[2:]...)
	e.rows(rec, want...)
	schema, _ := rec.Schema()
	for i, typ := range AllTypes() {
		c := schema.Columns[i+1]
		if c.Kind != e.kindOf(typ.SQLType, typ.Kind) || c.Elem != typ.Elem || c.Zoned != (typ.SQLType == "timestamp with time zone") {
			e.Errorf("%s: column %+v", typ.SQLType, c)
		}
	}
}

// largeValues changes one column of rows that hold a large one: databases
// leave the large one out of such a change.
func largeValues(e *env) {
	var b strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&b, "%x", i*2654435761)
	}
	large := b.String()
	e.create(e.people(), "1|"+large+"|1", "2|small|2")
	rec := e.recorder()
	e.once(rec)
	e.rows(rec, "1|"+large+"|1", "2|small|2")
	e.commit(e.update("1", "1|"+large+"|10"), e.update("2", "2|"+large+"x|2"))
	e.rows(rec, "1|"+large+"|10", "2|"+large+"x|2")
	e.commit(e.update("2", "3|"+large+"x|2"))
	e.rows(rec, "1|"+large+"|10", "3|"+large+"x|2")
}

func subsetOfColumns(e *env) {
	e.create(e.people(), "1|ann|1", "2|bob|2")
	rec := e.recorder()
	rec.Def.Columns = []source.ColumnDefinition{
		{Name: "amount", Field: "amount", Kind: relation.Float}, {Name: "id", Field: "id", Kind: relation.BigInt},
	}
	e.once(rec)
	e.rows(rec, "1|1", "2|2")
	e.commit(e.update("1", "1|changed|1"), e.update("2", "2|bob|3"))
	e.rows(rec, "1|1", "3|2")
	e.commit(e.remove("1"))
	e.rows(rec, "3|2")
}

func wrongColumn(e *env) {
	e.create(e.people())
	rec := e.recorder()
	rec.Def.Columns = []source.ColumnDefinition{{Name: "id", Kind: relation.Integer}, {Name: "nam", Kind: relation.String}}
	err := e.trouble(e.once(rec), rec)
	if err.Class != source.Config || !strings.Contains(err.Text, `did you mean "name"?`) {
		e.Errorf("class %d, %v", err.Class, err)
	}
}

func cancelFollow(e *env) {
	e.create(e.people(), "1|ann|1")
	rec := e.recorder()
	r := e.once(rec)
	e.rows(rec, "1|ann|1")
	r.end()
	e.insert("2|bob|2")
	if got := rec.Lines(); !slices.Equal(got, []string{"1|ann|1"}) {
		e.Errorf("rows after the end: %q", got)
	}
}
