package source_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// cursorOf runs a gateway over a relation and returns a cursor of its.
func cursorOf(t *testing.T, def *source.Definition, r *source.Relation) (cursor string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		u := run(t, def, source.Settings{}, opening(r, 5))
		defer u.stop()
		res, err := u.f.Rows(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		cursor = res.Cursor
	})
	return cursor
}

// TestCursorsOfGateways: cursors go from one gateway to another only if both take
// the same rows for the same.
func TestCursorsOfGateways(t *testing.T) {
	side := &relation.Enum{Name: "side", Values: []string{"buy", "sell"}}
	other := &relation.Enum{Name: "side", Values: []string{"sell", "buy"}}
	declare := func(columns ...source.ColumnDefinition) *source.Definition {
		d := definition()
		d.Columns = append(d.Columns[:1:1], columns...)
		return d
	}
	name := source.ColumnDefinition{Name: "name", Field: "name"}
	base := cursorOf(t, definition(), rel("i1"))
	for _, tt := range []struct {
		name string
		def  *source.Definition
		rel  *source.Relation
		same bool
	}{
		{"the same", declare(name), rel("i1"), true},
		{"another relation", declare(name), rel("i2"), false},
		{"a column less", declare(), rel("i1"), false},
		{"an enum", declare(source.ColumnDefinition{Name: "name", Field: "name", Kind: relation.Enumeration, Enum: side}), rel("i1"), false},
		{"another key", func() *source.Definition { d := declare(name); d.Key = []string{"name"}; return d }(), rel("i1"), false},
		{"life, linger and limits", func() *source.Definition {
			d := declare(name)
			d.Linger, d.MaxRows, d.Required = time.Hour, 9, true
			return d
		}(), rel("i1"), true},
	} {
		if got := cursorOf(t, tt.def, tt.rel); got == base != tt.same {
			t.Errorf("%s: epochs %q and %q", tt.name, base, got)
		}
	}
	// The order of an enum's values decides what a filter means.
	enum := func(e *relation.Enum) string {
		return cursorOf(t, declare(source.ColumnDefinition{Name: "name", Field: "name", Kind: relation.Enumeration, Enum: e}), rel("i1"))
	}
	if one, again := enum(side), enum(side); one != again || one == enum(other) {
		t.Error("the order of an enum's values is not looked at")
	}
}

// TestEpochAfterSetBack: nobody knows what two gateways have seen of a database
// that was set back, so their cursors part.
func TestEpochAfterSetBack(t *testing.T) {
	epochs := func() (before, after string) {
		synctest.Test(t, func(t *testing.T) {
			back := func(at uint64) step { return opening(rel("i1"), at) }
			compacted := failing(&source.Error{Class: source.Compacted, Text: "gone"})
			u := run(t, definition(), source.Settings{}, ending(back(100)), compacted, ending(back(50)), compacted, back(60))
			time.Sleep(time.Minute)
			u.stop()
			equal(t, "epochs", u.f.letters(), []string{"a", "b", "b"})
			before, after = u.f.epochs[0], u.f.epochs[1]
		})
		return before, after
	}
	b1, a1 := epochs()
	b2, a2 := epochs()
	if b1 != b2 || a1 == a2 || a1 == b2 || a2 == b1 {
		t.Errorf("before %q and %q, after %q and %q", b1, b2, a1, a2)
	}
}
