package feed_test

import (
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// A cursor names a time of the epoch in which that time was, also when the
// frame is encoded later: chunks are encoded by the first who reads them.
func TestCursorsNameTheirEpoch(t *testing.T) {
	t.Parallel()
	f := feed.New(schema(), feed.Config{})
	defer f.Close()
	f.SetEpoch("one")
	begin(t, f, "1")
	open := func(maxRows int) *reader {
		return subscribe(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRows: maxRows})
	}
	cursors := func(r *reader) (out []string) {
		for _, f := range r.take() {
			out = append(out, f.Cursor)
		}
		return out
	}
	prompt, late := open(10), open(20)
	if a, b := cursors(prompt), cursors(late); a[0] != b[0] {
		t.Errorf("two cursors of one snapshot: %s, %s", a, b)
	}
	apply(t, f, 11, put("1", "y"))
	want := cursors(prompt)[0]
	f.SetEpoch("two")
	if res, err := f.Rows(t.Context(), nil); err != nil || res.Cursor != want {
		t.Errorf("a query before the first snapshot of the new epoch: %s, want %s, %v", res.Cursor, want, err)
	}
	_ = f.Load([]relation.Row{put("1", "z").New})
	if err := f.Commit(relation.Frontier{Time: 11}); err != nil { // the same time, another epoch
		t.Fatal(err)
	}
	got := cursors(late)
	if got[0] != want {
		t.Errorf("cursor of the old epoch is %s, and %s when it is encoded later", want, got[0])
	}
	if got[1] == want {
		t.Error("the same cursor in another epoch")
	}
	if res, err := f.Rows(t.Context(), nil); err != nil || res.Cursor != got[1] {
		t.Errorf("a query in the new epoch: %s, want %s, %v", res.Cursor, got[1], err)
	}
}
