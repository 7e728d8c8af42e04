package sdl

import (
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// core are the core schema's sources.
func core(tb testing.TB) []*ast.Source {
	tb.Helper()
	var out []*ast.Source
	for _, name := range []string{"core.graphqls", "triggers.graphqls"} {
		input, err := os.ReadFile("../" + name)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, &ast.Source{Name: name, Input: string(input)})
	}
	return out
}

// table makes a source's columns of "name kind" pairs, with a ! where a column
// is not nullable; names follow the style.
func table(camel bool, key []int, columns ...string) *relation.Schema {
	kinds := map[string]relation.Kind{}
	for k := relation.String; k <= relation.Array; k++ {
		kinds[k.String()] = k
	}
	s := &relation.Schema{Key: key}
	for _, text := range columns {
		name, kind, _ := strings.Cut(text, " ")
		kind, required := strings.CutSuffix(kind, "!")
		c := relation.Column{Name: name, Field: naming.Field(name, "", camel), Kind: kinds[kind], Nullable: !required}
		if kind == "side" {
			c.Kind, c.Enum = relation.Enumeration, &relation.Enum{Name: "side", Values: []string{"buy", "sell"}}
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

// model has a small source, and one with a column of every kind and a key of
// two.
func model(camel, stringScalars bool) Model {
	return Model{CamelCase: camel, StringScalars: stringScalars, Sources: []Source{
		{Name: "trades", Base: "trades", Schema: table(camel, []int{0},
			"id Integer", "instrument_id Integer", "side side", "quantity Integer", "price Float", "executed_at Timestamp")},
		{Name: "wide_one", Base: naming.Base("wide_one", "", camel), Schema: table(camel, []int{1, 0},
			"big_one BigInt", "an_id UUID", "text_ String!", "amount Decimal", "ratio Float", "is_open Boolean", "at_ Timestamp",
			"on_day Date", "at_time Time", "doc JSON", "list Array", "side side", "n Integer")},
		{Name: "unknown", Base: "unknown"},
	}}
}
