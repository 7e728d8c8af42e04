package materialize_test

import (
	"testing"

	"github.com/tycostream/tycostream/internal/backend/materialize"
	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/source"
)

// identityOf is what a gateway takes a source for.
func identityOf(t *testing.T, sim *mzsim.Sim, def *source.Definition, mod ...func(*materialize.Config)) string {
	t.Helper()
	rel, err := open(t, sim, mod...).Describe(t.Context(), def)
	check(t, err)
	return rel.Identity
}

func peopleIn(t *testing.T, o mzsim.Options, names ...string) *mzsim.Sim {
	t.Helper()
	o.Manual = true
	sim := mzsim.New(o)
	t.Cleanup(sim.Close)
	for _, n := range names {
		check(t, sim.CreateView(n, mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{}))
	}
	return sim
}

// TestIdentity: gateways over one relation take it for the same, and nothing
// else for it.
func TestIdentity(t *testing.T) {
	const name = "materialize.public.people"
	sim := peopleIn(t, mzsim.Options{Environment: "prod-0"}, name, "other", "staging.public.people")
	def := func(relation string, key ...string) *source.Definition {
		return &source.Definition{Name: "people", Relation: relation, Key: key}
	}
	base := identityOf(t, sim, def(name, "id"))
	elsewhere := func(c *materialize.Config) {
		c.ConnString = "host=mzsim user=another database=staging sslmode=disable"
	}
	for what, got := range map[string]string{
		"another process":                   identityOf(t, sim, def(name, "id")),
		"the short name":                    identityOf(t, sim, def("people", "id")),
		"another user from another session": identityOf(t, sim, def(name, "id"), elsewhere),
	} {
		if got != base {
			t.Errorf("%s: identity %q, not %q", what, got, base)
		}
	}
	twin := peopleIn(t, mzsim.Options{Environment: "test-0"}, name)
	for what, got := range map[string]string{
		"another relation":      identityOf(t, sim, def("other", "id")),
		"another database":      identityOf(t, sim, def("staging.public.people", "id")),
		"its session's default": identityOf(t, sim, def("people", "id"), elsewhere),
		"another key":           identityOf(t, sim, def(name, "name")),
		"another installation":  identityOf(t, twin, def(name, "id")),
	} {
		if got == base {
			t.Errorf("%s has the same identity", what)
		}
	}
	check(t, sim.Replace("people", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{}))
	again := identityOf(t, sim, def(name, "id"))
	check(t, sim.Alter("people", mzsim.Columns("id bigint not null", "name text"), nil))
	if altered := identityOf(t, sim, def(name, "id")); again == base || altered == again {
		t.Errorf("identities %q, %q of a view made anew, %q of an altered one", base, again, altered)
	}
}

// TestIdentityOfQuery: a query means what its names mean when it is asked.
func TestIdentityOfQuery(t *testing.T) {
	sim := peopleIn(t, mzsim.Options{}, "people", "other")
	q := func(text string) *source.Definition {
		return &source.Definition{Name: "q", Query: text, Key: []string{"id"}}
	}
	const text = "SELECT id, name FROM People WHERE id > 1"
	base := identityOf(t, sim, q(text))
	check(t, sim.Replace("other", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{}))
	if got := identityOf(t, sim, q(text)); got != base {
		t.Errorf("identity %q, not %q, after another view was replaced", got, base)
	}
	if got := identityOf(t, sim, q(text+" AND id > 2")); got == base {
		t.Error("another query has the same identity")
	}
	check(t, sim.Replace("people", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{}))
	if got := identityOf(t, sim, q(text)); got == base {
		t.Error("a query of a view made anew has the same identity")
	}
}
