package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

// Declared returns the schema that the definition gives without the catalog,
// and false when it declares no columns. Two facts that only the catalog knows,
// the zone of timestamps and the element kind of arrays, may be missing from
// it; nothing but constants in filters depends on them.
func (d *Definition) Declared() (*relation.Schema, bool) {
	if len(d.Columns) == 0 {
		return nil, false
	}
	s := &relation.Schema{}
	for i := range d.Columns {
		c := &d.Columns[i]
		nullable := !slices.Contains(d.Key, c.Name)
		if c.Nullable != nil {
			nullable = *c.Nullable
		}
		s.Columns = append(s.Columns, relation.Column{
			Name: c.Name, Field: c.Field, Kind: c.Kind, Elem: c.Elem, Enum: c.Enum, Nullable: nullable,
		})
	}
	for _, k := range d.Key {
		if i := s.Column(k); i >= 0 {
			s.Key = append(s.Key, i)
		}
	}
	return s, true
}

// Resolve brings the definition and the catalog together: it returns the
// source's schema, for each of its columns the position in rel.Columns, and
// warnings about declarations that may lose values. Declared types win over
// the catalog's; without declared columns all of the catalog's are taken. The
// error is an *Error that lists every mistake.
func (d *Definition) Resolve(rel *Relation) (schema *relation.Schema, layout []int, warnings []string, err error) {
	f := fitting{rel: rel, lines: d.lines()}
	schema, declared := d.Declared()
	if !declared {
		schema = d.fromCatalog(rel)
	}
	d.checkKey(&f, schema)
	layout = f.fit(schema)
	if len(f.mistakes) > 0 {
		return nil, nil, nil, f.err(d.Name)
	}
	for i, at := range layout {
		c, known := &schema.Columns[i], &rel.Columns[at]
		c.Zoned = known.Zoned
		if c.Kind == relation.Array && c.Elem == relation.String {
			c.Elem = known.Elem
		}
	}
	return schema, layout, f.warnings, nil
}

// Fit says how a relation carries a schema that is in use: the positions of
// its columns in rel. The error is an *Error that lists what does not fit.
func (d *Definition) Fit(schema *relation.Schema, rel *Relation) (layout []int, warnings []string, err error) {
	f := fitting{rel: rel, lines: d.lines()}
	d.checkKey(&f, schema)
	layout = f.fit(schema)
	if len(f.mistakes) > 0 {
		return nil, nil, f.err(d.Name)
	}
	return layout, f.warnings, nil
}

// lines says where columns are declared.
func (d *Definition) lines() map[string]int {
	lines := make(map[string]int, len(d.Columns))
	for i := range d.Columns {
		lines[d.Columns[i].Name] = d.Columns[i].Line
	}
	return lines
}

func (d *Definition) fromCatalog(rel *Relation) *relation.Schema {
	s := &relation.Schema{}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		field := c.Name
		if d.Field != nil {
			field = d.Field(c.Name)
		}
		s.Columns = append(s.Columns, relation.Column{
			Name: c.Name, Field: field, Kind: c.Kind, Elem: c.Elem, Zoned: c.Zoned,
			Nullable: !slices.Contains(d.Key, c.Name),
		})
	}
	for _, k := range d.Key {
		if i := s.Column(k); i >= 0 {
			s.Key = append(s.Key, i)
		}
	}
	return s
}

// checkKey wants every key column in the schema, which Declared and
// fromCatalog silently leave out otherwise.
func (d *Definition) checkKey(f *fitting, schema *relation.Schema) {
	if len(d.Key) == 0 {
		f.mistake("it has no primary_key")
	}
	for _, k := range d.Key {
		if schema.Column(k) >= 0 {
			continue
		}
		var names []string
		for i := range schema.Columns {
			names = append(names, schema.Columns[i].Name)
		}
		f.mistake("its key column %q does not exist%s", k, suggest(k, names))
	}
}

// fitting collects what is wrong with a schema over a relation.
type fitting struct {
	rel      *Relation
	lines    map[string]int
	mistakes []string
	warnings []string
}

func (f *fitting) mistake(format string, args ...any) {
	f.mistakes = append(f.mistakes, fmt.Sprintf(format, args...))
}

func (f *fitting) err(source string) *Error {
	return &Error{Class: Config, Text: "source " + source + ": " + strings.Join(f.mistakes, "; ")}
}

func (f *fitting) fit(schema *relation.Schema) []int {
	layout := make([]int, len(schema.Columns))
	for i := range schema.Columns {
		c := &schema.Columns[i]
		at := slices.IndexFunc(f.rel.Columns, func(k CatalogColumn) bool { return k.Name == c.Name })
		if at < 0 {
			var names []string
			for j := range f.rel.Columns {
				names = append(names, f.rel.Columns[j].Name)
			}
			f.mistake("column %q%s does not exist in %s%s", c.Name, f.line(c.Name), f.rel.Name, suggest(c.Name, names))
			continue
		}
		layout[i] = at
		known := &f.rel.Columns[at]
		switch ok, caution := holds(c.Kind, known.Kind); {
		case !ok:
			f.mistake("column %q%s is declared %s but is %s in the database: declare it %s",
				c.Name, f.line(c.Name), kindName(c), known.SQLType, alternatives(known.Kind))
		case caution != "":
			f.warnings = append(f.warnings, fmt.Sprintf("column %q%s is declared %s but is %s in the database: %s",
				c.Name, f.line(c.Name), kindName(c), known.SQLType, caution))
		}
	}
	return layout
}

func (f *fitting) line(column string) string {
	if n := f.lines[column]; n > 0 {
		return fmt.Sprintf(" (line %d)", n)
	}
	return ""
}

func kindName(c *relation.Column) string {
	if c.Kind == relation.Enumeration && c.Enum != nil {
		return c.Enum.Name
	}
	return c.Kind.String()
}

func alternatives(known relation.Kind) string {
	if known == relation.String {
		return "String"
	}
	return known.String() + " or String"
}

// The cautions of declarations that may lose values.
const (
	beyondInt32  = "values beyond 32 bits become null"
	withFraction = "values with a fraction become null"
	exponents    = "values may carry an exponent"
	anyText      = "values that are not UUIDs are passed on as they are"
)

// holds reports whether a column declared as kind can hold the texts of a
// column that the catalog knows as known, and what to be careful about. What
// is not listed is refused: the texts of one are no texts of the other
// (Boolean over anything but bool, Timestamp over text or date, ...).
func holds(kind, known relation.Kind) (ok bool, caution string) {
	if kind == known || kind == relation.String {
		return true, ""
	}
	type pair struct{ kind, known relation.Kind }
	switch (pair{kind, known}) {
	case pair{relation.Integer, relation.BigInt}:
		return true, beyondInt32
	case pair{relation.Integer, relation.Decimal}, pair{relation.BigInt, relation.Decimal}:
		return true, withFraction
	case pair{relation.BigInt, relation.Integer},
		pair{relation.Float, relation.Integer}, pair{relation.Float, relation.BigInt}, pair{relation.Float, relation.Decimal},
		pair{relation.Decimal, relation.Integer}, pair{relation.Decimal, relation.BigInt},
		pair{relation.Enumeration, relation.String}:
		return true, ""
	case pair{relation.Decimal, relation.Float}:
		return true, exponents
	case pair{relation.UUID, relation.String}:
		return true, anyText
	}
	return false, ""
}

// suggest returns "; did you mean ...?" with the nearest name, or "".
func suggest(name string, names []string) string {
	best, at := len(name)/2+1, -1
	for i, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < best {
			best, at = d, i
		}
	}
	if at < 0 {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", names[at])
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j]+1, left+1)
		}
	}
	return row[len(b)]
}
