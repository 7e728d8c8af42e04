package source

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

func tradesRelation() *Relation {
	return &Relation{
		Identity: "i1", Name: "materialize.public.trades", Type: "table",
		Columns: []CatalogColumn{
			{Name: "id", SQLType: "bigint", Kind: relation.BigInt},
			{Name: "side", SQLType: "text", Kind: relation.String, Nullable: true},
			{Name: "quantity", SQLType: "integer", Kind: relation.Integer, Nullable: true},
			{Name: "price", SQLType: "numeric", Kind: relation.Decimal, Nullable: true},
			{Name: "executed_at", SQLType: "timestamp with time zone", Kind: relation.Timestamp, Zoned: true, Nullable: true},
			{Name: "tags", SQLType: "integer[]", Kind: relation.Array, Elem: relation.Integer, Nullable: true},
		},
	}
}

func TestResolveDeclared(t *testing.T) {
	side := &relation.Enum{Name: "side", Values: []string{"buy", "sell"}}
	no := false
	d := &Definition{Name: "trades", Key: []string{"id"}, Columns: []ColumnDefinition{
		{Name: "price", Field: "price", Kind: relation.Float, Nullable: &no},
		{Name: "id", Field: "tradeId", Kind: relation.Integer, Line: 7},
		{Name: "side", Field: "side", Kind: relation.Enumeration, Enum: side},
		{Name: "executed_at", Field: "executedAt", Kind: relation.Timestamp},
		{Name: "tags", Field: "tags", Kind: relation.Array},
	}}
	s, layout, warnings, err := d.Resolve(tradesRelation())
	if err != nil {
		t.Fatal(err)
	}
	want := &relation.Schema{Key: []int{1}, Columns: []relation.Column{
		{Name: "price", Field: "price", Kind: relation.Float},
		{Name: "id", Field: "tradeId", Kind: relation.Integer},
		{Name: "side", Field: "side", Kind: relation.Enumeration, Enum: side, Nullable: true},
		{Name: "executed_at", Field: "executedAt", Kind: relation.Timestamp, Zoned: true, Nullable: true},
		{Name: "tags", Field: "tags", Kind: relation.Array, Elem: relation.Integer, Nullable: true},
	}}
	if !s.Equal(want) {
		t.Errorf("schema %v, want %v", s, want)
	}
	if !slices.Equal(layout, []int{3, 0, 1, 4, 5}) {
		t.Errorf("layout %v", layout)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], `"id" (line 7) is declared Integer but is bigint`) {
		t.Errorf("warnings %q", warnings)
	}
}

func TestResolveFromCatalog(t *testing.T) {
	d := &Definition{Name: "trades", Key: []string{"side", "id"}, Field: strings.ToUpper}
	s, layout, warnings, err := d.Resolve(tradesRelation())
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	if got := s.String(); got != "*id BigInt, *side String, quantity Integer, price Decimal, executed_at Timestamp, tags Array" {
		t.Errorf("schema %s", got)
	}
	if !slices.Equal(s.Key, []int{1, 0}) || !slices.Equal(layout, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("key %v, layout %v", s.Key, layout)
	}
	if c := s.Columns[4]; c.Field != "EXECUTED_AT" || !c.Zoned || !c.Nullable {
		t.Errorf("column %+v", c)
	}
	if s.Columns[0].Nullable {
		t.Error("a key column is nullable")
	}
}

func TestResolveMistakes(t *testing.T) {
	enum := &relation.Enum{Name: "side"}
	d := &Definition{Name: "trades", Key: []string{"id", "nr"}, Columns: []ColumnDefinition{
		{Name: "id", Kind: relation.BigInt},
		{Name: "quantty", Kind: relation.Integer, Line: 9},
		{Name: "side", Kind: relation.Boolean, Line: 10},
		{Name: "price", Kind: relation.Enumeration, Enum: enum},
	}}
	_, _, _, err := d.Resolve(tradesRelation())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Class != Config {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{
		"source trades: ",
		`key column "nr" does not exist`,
		`column "quantty" (line 9) does not exist in materialize.public.trades: did you mean "quantity"?`,
		`column "side" (line 10) is declared Boolean but is text in the database: declare it String`,
		`column "price" is declared side but is numeric in the database: declare it Decimal or String`,
	} {
		if !strings.Contains(e.Text, part) {
			t.Errorf("%q lacks %q", e.Text, part)
		}
	}
	if _, _, _, err := (&Definition{Name: "x"}).Resolve(tradesRelation()); err == nil {
		t.Error("a source without a key was accepted")
	}
}

func TestFitAfterChange(t *testing.T) {
	d := &Definition{Name: "trades", Key: []string{"id"}}
	s, _, _, err := d.Resolve(tradesRelation())
	if err != nil {
		t.Fatal(err)
	}
	rel := tradesRelation()
	slices.Reverse(rel.Columns)
	rel.Columns = append(rel.Columns, CatalogColumn{Name: "new", SQLType: "text"})
	layout, _, err := d.Fit(s, rel)
	if err != nil || !slices.Equal(layout, []int{5, 4, 3, 2, 1, 0}) {
		t.Fatalf("reordered: %v, %v", layout, err)
	}
	rel.Columns[2].Kind, rel.Columns[2].SQLType = relation.Boolean, "boolean"
	if _, _, err = d.Fit(s, rel); err == nil || !strings.Contains(err.Error(), `"price" is declared Decimal but is boolean`) {
		t.Fatalf("retyped: %v", err)
	}
	rel.Columns = rel.Columns[:5]
	if _, _, err = d.Fit(s, rel); err == nil || !strings.Contains(err.Error(), `column "id" does not exist`) {
		t.Fatalf("dropped: %v", err)
	}
}

// TestHolds spells out every pair of a declared and a catalog kind.
func TestHolds(t *testing.T) {
	// For each declared kind: the catalog kinds it can hold; in capitals those
	// that hold with a caution.
	allowed := map[relation.Kind]string{
		relation.Integer:     "integer BIGINT DECIMAL",
		relation.BigInt:      "integer bigint DECIMAL",
		relation.Float:       "integer bigint float decimal",
		relation.Decimal:     "integer bigint FLOAT decimal",
		relation.UUID:        "STRING uuid",
		relation.Boolean:     "boolean",
		relation.Timestamp:   "timestamp",
		relation.Date:        "date",
		relation.Time:        "time",
		relation.JSON:        "json",
		relation.Array:       "array",
		relation.Enumeration: "string enum",
		relation.String:      "string integer bigint float decimal uuid boolean timestamp date time json array enum",
	}
	for kind := relation.String; kind <= relation.Enumeration; kind++ {
		words := strings.Fields(allowed[kind])
		for known := relation.String; known <= relation.Enumeration; known++ {
			plain := slices.Contains(words, strings.ToLower(known.String()))
			careful := slices.Contains(words, strings.ToUpper(known.String()))
			ok, caution := holds(kind, known)
			if ok != (plain || careful) || (caution != "") != careful {
				t.Errorf("%v over %v: %v, %q", kind, known, ok, caution)
			}
		}
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"instrument_id", "symbol", "latest_price"}
	tests := []struct{ name, want string }{
		{"symbl", `: did you mean "symbol"?`},
		{"Symbol", `: did you mean "symbol"?`},
		{"instrumentid", `: did you mean "instrument_id"?`},
		{"zzz", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := suggest(tt.name, names); got != tt.want {
			t.Errorf("suggest(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
	if d := distance("kitten", "sitting"); d != 3 {
		t.Errorf("distance %d", d)
	}
}
