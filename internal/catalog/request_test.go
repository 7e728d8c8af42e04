package catalog_test

import (
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/catalog"
	"github.com/tycostream/tycostream/internal/source"
)

func TestRequest(t *testing.T) {
	r, err := catalog.Arguments{
		Sources: []string{"a, b", "public.c"}, Keys: []string{"a=id", "b=x,y"}, Enums: []string{"side=buy, sell"},
		Columns: []string{"public.c.d=side", "a.e=JSON"}, Naming: "database",
	}.Request()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Sources) != 3 || len(r.Keys["b"]) != 2 || r.Enums[0].Values[1] != "sell" || r.Columns["c"]["d"] != "side" ||
		r.Columns["a"]["e"] != "JSON" || !r.Database {
		t.Errorf("%+v", r)
	}
}

func TestRequestMistakes(t *testing.T) {
	one := []string{"a"}
	for _, c := range []struct {
		a    catalog.Arguments
		want string
	}{
		{catalog.Arguments{Naming: "snake"}, "use camelCase or database"},
		{catalog.Arguments{Keys: []string{"id"}}, "say of which source"},
		{catalog.Arguments{Sources: []string{"a,b"}, Keys: []string{"id"}}, "say of which source"},
		{catalog.Arguments{Sources: one, Keys: []string{"b=id"}}, "b is not among the sources"},
		{catalog.Arguments{Sources: one, Keys: []string{"a="}}, "name at least one column"},
		{catalog.Arguments{Sources: one, Keys: []string{"x", "y"}}, "given already"},
		{catalog.Arguments{Enums: []string{"side"}}, "write the name and its values"},
		{catalog.Arguments{Enums: []string{"side=buy,first-half"}}, "first-half"},
		{catalog.Arguments{Columns: []string{"side=x"}}, "write source, column and type"},
		{catalog.Arguments{Columns: []string{"trades.side"}}, "write source, column and type"},
	} {
		if _, err := c.a.Request(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v does not say %q", c.a, err, c.want)
		}
	}
}

func TestTableName(t *testing.T) {
	for relation, want := range map[string]string{
		"live_pnl": "live_pnl", "public.live_pnl": "live_pnl", "materialize.public.Live": "Live", `public."a.""b"`: `a."b`,
	} {
		if got := catalog.TableName(&source.Definition{Name: "s", Relation: relation}); got != want {
			t.Errorf("%s: %q, want %q", relation, got, want)
		}
	}
	if got := catalog.TableName(&source.Definition{Name: "s", Query: "SELECT 1"}); got != "s" {
		t.Errorf("a query: %q", got)
	}
}
