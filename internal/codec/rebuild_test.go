package codec

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// grid holds what a client knows: rows by _key, of each its cells as JSON.
type grid map[string]map[string]string

// applyChanges takes in a message of CompileChanges that selects all columns.
func (g grid) applyChanges(t *testing.T, message string) {
	t.Helper()
	var m struct {
		Changes []struct {
			Operation string
			Data      map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		t.Fatalf("%v in %s", err, message)
	}
	for _, c := range m.Changes {
		key := string(c.Data["_key"])
		if c.Operation == "DELETE" {
			delete(g, key)
			continue
		}
		g[key] = map[string]string{}
		for name, cell := range c.Data {
			g[key][name] = string(cell)
		}
	}
}

// applyColumns takes in a message of CompileColumns that selects all columns.
// It removes first: within a frame the order must not matter.
func (g grid) applyColumns(t *testing.T, message string) {
	t.Helper()
	var m struct {
		Upserts, Deletes map[string][]json.RawMessage
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		t.Fatalf("%v in %s", err, message)
	}
	for _, set := range []map[string][]json.RawMessage{m.Upserts, m.Deletes} {
		for name, list := range set {
			if len(list) != len(set["_key"]) {
				t.Fatalf("%d of %s and %d keys: %s", len(list), name, len(set["_key"]), message)
			}
		}
	}
	for _, key := range m.Deletes["_key"] {
		delete(g, string(key))
	}
	for i, key := range m.Upserts["_key"] {
		row := map[string]string{}
		for name, list := range m.Upserts {
			row[name] = string(list[i])
		}
		g[string(key)] = row
	}
}

// asNumbers is g as a client of Number has it.
func (g grid) asNumbers(s *relation.Schema) grid {
	out := grid{}
	for key, row := range g {
		out[key] = map[string]string{}
		for name, cell := range row {
			if i := s.Field(name); i >= 0 {
				cell = asNumber(s.Columns[i].Kind, cell)
			}
			out[key][name] = cell
		}
	}
	return out
}

// rebuild sends frames through both shapes and both number formats and checks
// that the clients end with the same rows.
func rebuild(t *testing.T, sh Shape, frames []feed.Frame) {
	t.Helper()
	all := append(allColumns(sh.Schema), fields("_key")...)
	changes, err := CompileChanges(sh, "", []Field{object("changes", append(fields("operation"), object("data", all...))...)})
	if err != nil {
		t.Fatal(err)
	}
	keys := fields("_key")
	for _, k := range sh.Schema.Key {
		keys = append(keys, fields(sh.Schema.Columns[k].Field)...)
	}
	encoders := [2]feed.Encoder{}
	for n := range encoders {
		if encoders[n], err = CompileColumns(sh, "", []Field{object("upserts", all...), object("deletes", keys...)}, Numbers(n)); err != nil {
			t.Fatal(err)
		}
	}
	want, got := grid{}, [2]grid{{}, {}}
	for i := range frames {
		want.applyChanges(t, messages(t, changes, &frames[i])[0])
		for n, enc := range encoders {
			m := messages(t, enc, &frames[i])[0]
			checkLine(t, m)
			got[n].applyColumns(t, m)
		}
	}
	equal := func(format string, got, want grid) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d", format, len(got), len(want))
		}
		for key, row := range want {
			for name, cell := range row {
				if got[key][name] != cell {
					t.Errorf("%s: row %s has %s = %s, want %s", format, key, name, got[key][name], cell)
				}
			}
		}
	}
	equal("exact", got[Exact], want)
	equal("number", got[Number], want.asNumbers(sh.Schema))
}

// everything is a shape with a column of every kind, the key in three of them.
func everything() Shape {
	s := trades()
	for i, k := range []relation.Kind{relation.BigInt, relation.Float, relation.UUID, relation.Boolean, relation.Date, relation.Time} {
		name := "more" + strconv.Itoa(i)
		s.Columns = append(s.Columns, relation.Column{Name: name, Field: name, Kind: k, Nullable: true})
	}
	s.Key = []int{7, 0, 3}
	return Shape{Schema: s}
}

// texts of which each kind can hold some, and none can hold all.
func oddTexts() []string {
	return []string{
		"", "0", "-0", "7", "-7.00", "1.50", "1e5", "+5", ".5", "9007199254740993", "99999999999999999999.9", "NaN", "Infinity", "-Infinity",
		"t", "f", "buy", "x", "a\"b\\", "é\n\x01", "\xff", "NULL", "null", "{1,NULL,\"a b\"}", "{", `{"k": [1, {}]}`,
		"2026-01-02", "03:04:05", "2026-01-02 03:04:05.678+00", "infinity", "c1f3a4b5-0000-4000-8000-0123456789ab",
	}
}

// randomFrames makes frames that hold each key once, as a feed does.
func randomFrames(r *rand.Rand, sh Shape, texts []string) []feed.Frame {
	var out []feed.Frame
	for range 1 + r.IntN(8) {
		f := feed.Frame{Kind: feed.LiveFrame, Last: true}
		seen := map[string]bool{}
		for range r.IntN(12) {
			e := feed.Event{Op: feed.Insert + feed.Op(r.IntN(3)), Row: randomRow(r, sh.Schema, texts)}
			key := keyOf(sh.Schema, e.Row)
			if seen[key] {
				continue
			}
			seen[key] = true
			switch e.Op {
			case feed.Update:
				e.Old = randomRow(r, sh.Schema, texts)
			case feed.Delete:
				if r.IntN(2) == 0 {
					e.Row = sh.Schema.KeyRow(e.Row)
				}
			case feed.Insert:
			}
			f.Events = append(f.Events, e)
		}
		out = append(out, f)
	}
	return out
}

// keyOf is the row's key as JSON will have it, in valid UTF-8.
func keyOf(s *relation.Schema, r relation.Row) string {
	return string([]rune(string(s.AppendKey(nil, r))))
}

func randomRow(r *rand.Rand, s *relation.Schema, texts []string) relation.Row {
	var b relation.Builder
	for i := range s.Columns {
		switch {
		case s.IsKey(i): // few keys, so that they come again
			b.AppendString(strconv.Itoa(r.IntN(3)))
		case r.IntN(6) == 0:
			b.AppendNull()
		default:
			b.AppendString(texts[r.IntN(len(texts))])
		}
	}
	return b.Row()
}

func TestColumnsEqualChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		sh := everything()
		sh.StringScalars = i%2 == 1
		rebuild(t, sh, randomFrames(r, sh, oddTexts()))
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
}

// FuzzColumns does the same with any texts, in key columns too.
func FuzzColumns(f *testing.F) {
	f.Add(uint64(1), "1", "2", "{a,1.5}", false)
	f.Add(uint64(2), "1.50", "1.5", `["\xff`, true)
	f.Add(uint64(3), "\xff", "\ufffd", "+5", false)
	f.Fuzz(func(t *testing.T, seed uint64, key, other, text string, style bool) {
		sh := everything()
		sh.StringScalars = style
		r := rand.New(rand.NewPCG(seed, 0))
		frames := randomFrames(r, sh, append(oddTexts(), text, text, text, key))
		row1 := relation.Texts(key, text, text, key, text, text, text, key, text, other, text, text, text)
		row2 := relation.Texts(other, text, text, key, text, text, text, key, text, text, text, text, text)
		last := feed.Frame{Events: []feed.Event{{Op: feed.Insert + feed.Op(r.IntN(3)), Row: row1}}}
		if keyOf(sh.Schema, row1) != keyOf(sh.Schema, row2) {
			last.Events = append(last.Events, feed.Event{Op: feed.Insert + feed.Op(r.IntN(3)), Row: row2})
		}
		rebuild(t, sh, append(append(frames, feed.Frame{Events: inserts(row1)}), last))
	})
}
