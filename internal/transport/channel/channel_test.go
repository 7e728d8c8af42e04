package channel_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/transport/channel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a feed of rows (id, n, word).
type world struct {
	*testing.T
	*feed.Feed
	schema *relation.Schema
	time   uint64
	held   map[int]relation.Row
}

func newWorld(t *testing.T, cfg feed.Config) *world {
	t.Helper()
	schema := &relation.Schema{Key: []int{0}, Columns: []relation.Column{
		{Name: "id", Field: "id", Kind: relation.Integer},
		{Name: "n", Field: "n", Kind: relation.BigInt, Nullable: true},
		{Name: "a_word", Field: "aWord", Kind: relation.String, Nullable: true},
	}}
	w := &world{t, feed.New(schema, cfg), schema, 1, map[int]relation.Row{}}
	t.Cleanup(w.Close)
	return w
}

// live commits so many rows.
func (w *world) live(n int) *world {
	w.Helper()
	var rows []relation.Row
	for id := 1; id <= n; id++ {
		w.held[id] = relation.Texts(strconv.Itoa(id), "0", "w")
		rows = append(rows, w.held[id])
	}
	w.check(w.Load(rows), w.Commit(relation.Frontier{Time: w.time, Wall: 1}))
	w.SetState(feed.Live, "")
	return w
}

func (w *world) check(errs ...error) {
	w.Helper()
	if err := errors.Join(errs...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(id, n int, word string) {
	w.Helper()
	w.held[id] = relation.Texts(strconv.Itoa(id), strconv.Itoa(n), word)
	w.apply(relation.Change{Op: relation.Put, New: w.held[id]})
}

func (w *world) drop(id int) {
	w.Helper()
	w.apply(relation.Change{Op: relation.Delete, Old: w.held[id]})
	delete(w.held, id)
}

func (w *world) apply(ch relation.Change) {
	w.Helper()
	w.time++
	b := relation.Batch{Time: w.time, Wall: int64(w.time), Changes: []relation.Change{ch}}
	w.check(w.Apply([]relation.Batch{b}, relation.Frontier{Time: w.time, Wall: int64(w.time)}))
}

// reader is a subscription that the test pulls.
type reader struct {
	*world
	*channel.Subscription
}

func (w *world) follow(name string, snapshot bool, encoders ...feed.Encoder) *reader {
	w.Helper()
	rows := codec.Images(codec.Shape{Schema: w.schema}, "t")
	if len(encoders) > 0 {
		rows = encoders[0]
	}
	cursor := w.Subscribe(feed.Options{Encoder: channel.Encoder(rows), SkipSnapshot: !snapshot, MaxRows: 4}, func() {})
	s := channel.Follow(cursor, name, snapshot, func(err error) (string, string) {
		e, _ := errors.AsType[*feed.Error](err)
		return e.Code, e.Text
	})
	w.Cleanup(s.Close)
	return &reader{w, s}
}

// pull returns all that there is, and how it ended.
func (r *reader) pull() (got []string, err error) {
	r.Helper()
	for more := true; more && err == nil; {
		more, err = r.Pull(1<<10, func(m []byte) { got = append(got, string(m)) })
	}
	return got, err
}

func (r *reader) want(want ...string) {
	r.Helper()
	got, err := r.pull()
	if err != nil || !slices.Equal(got, want) {
		r.Fatalf("got %v\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func image(id, n int, word string) string {
	return fmt.Sprintf(`{"id":%d,"n":"%d","a_word":"%s"}`, id, n, word)
}

func inserted(row string) string { return `{"op":"INSERT","table":"t","new":` + row + `,"old":null}` }

func updated(row, old string) string {
	return `{"op":"UPDATE","table":"t","new":` + row + `,"old":` + old + `}`
}

func deleted(row string) string { return `{"op":"DELETE","table":"t","new":null,"old":` + row + `}` }

func says(kind string) string { return `{"type":"` + kind + `","channel":"c"}` }

func TestSubscription(t *testing.T) {
	w := newWorld(t, feed.Config{})
	early := w.follow("c", false)
	early.want() // the source has no rows yet
	w.live(6)
	early.want(says("subscribed"))
	with := w.follow("c", true)
	with.want(says("subscribed"), inserted(image(1, 0, "w")), inserted(image(2, 0, "w")), inserted(image(3, 0, "w")), inserted(image(4, 0, "w")),
		inserted(image(5, 0, "w")), inserted(image(6, 0, "w")), says("snapshot"))
	w.SetState(feed.Stale, "") // is none of their business
	w.put(1, 7, "w")
	w.drop(2)
	for _, r := range []*reader{early, with} {
		r.want(updated(image(1, 7, "w"), image(1, 0, "w")), deleted(image(2, 0, "w")))
	}
	early.Again("d")
	early.Again("d")
	early.want(`{"type":"subscribed","channel":"d"}`, `{"type":"subscribed","channel":"d"}`)
	w.Close()
	if got, err := with.pull(); err == nil || len(got) != 1 ||
		got[0] != `{"type":"error","channel":"c","message":"the source was closed: subscribe again","code":"SOURCE_CLOSED"}` {
		t.Errorf("%v %q", err, got)
	}
}

// A subscriber that was behind is told the difference, and of what changed only
// that it did.
func TestDifference(t *testing.T) {
	w := newWorld(t, feed.Config{RingChunks: 2}).live(4)
	r := w.follow("c", false)
	r.want(says("subscribed"))
	w.put(1, 1, "w")
	r.want(updated(image(1, 1, "w"), image(1, 0, "w")))

	w.put(5, 1, "came and went")
	w.put(6, 1, "new")
	w.drop(5)
	w.drop(2)
	w.drop(3)
	w.put(3, 0, "w") // as it was
	w.put(4, 2, "w")
	w.put(1, 2, "w")
	w.put(1, 3, "w")
	got, err := r.pull()
	want := []string{
		inserted(image(6, 1, "new")), deleted(image(2, 0, "w")),
		updated(image(4, 2, "w"), `{"id":4,"a_word":"w"}`), updated(image(1, 3, "w"), `{"id":1,"a_word":"w"}`),
	}
	for _, m := range want {
		if !slices.Contains(got, m) {
			t.Errorf("it lacks %s", m)
		}
	}
	// Row 3 may be told again: it was gone for a while.
	for _, m := range got {
		if !slices.Contains(want, m) && !strings.HasPrefix(m, `{"op":"UPDATE","table":"t","new":`+image(3, 0, "w")) {
			t.Errorf("what is %s?", m)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// A subscriber whose history is gone begins anew if it has a snapshot, and ends
// if it has none.
func TestHistoryIsGone(t *testing.T) {
	w := newWorld(t, feed.Config{RingChunks: 2, MaxGraves: 1}).live(1)
	without, with := w.follow("c", false), w.follow("c", true)
	without.want(says("subscribed"))
	with.want(says("subscribed"), inserted(image(1, 0, "w")), says("snapshot"))
	for range 3 { // more than once
		for id := 100; id < 400; id++ {
			w.put(id, 1, "x")
			w.drop(id)
		}
		for id := 2; id <= 6; id++ {
			w.put(id, 0, "w")
		}
		want := []string{says("reset")}
		for id := 1; id <= 6; id++ {
			want = append(want, inserted(image(id, 0, "w")))
		}
		want = append(want, says("snapshot"))
		got, err := with.pull()
		if slices.Sort(got[1 : len(got)-1]); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %q", err, got)
		}
		for id := 2; id <= 6; id++ {
			w.drop(id)
			with.want(deleted(image(id, 0, "w")))
		}
	}
	got, err := without.pull()
	if err == nil || len(got) != 1 || !strings.HasPrefix(got[0], `{"type":"error","channel":"c","message":"`) || !strings.HasSuffix(got[0], `"code":"RESYNC_REQUIRED"}`) {
		t.Errorf("%v %q", err, got)
	}
}

// counting counts how many events it encodes.
type counting struct {
	feed.Encoder
	events *atomic.Int64
}

func (c counting) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	c.events.Add(int64(len(f.Events)))
	return c.Encoder.Encode(dst, ends, f)
}

// Subscribers of a channel share its bytes, whatever they called it, with and
// without a snapshot.
func TestSharing(t *testing.T) {
	const rows, readers = 10, 200
	w := newWorld(t, feed.Config{}).live(rows)
	var events atomic.Int64
	var all []*reader
	for i := range readers {
		one := counting{codec.Images(codec.Shape{Schema: w.schema}, "t"), &events} // as each client's subscribe makes one
		all = append(all, w.follow([]string{"c", "d"}[i%2], i%4 < 2, one))
	}
	for i, r := range all {
		want := 1
		if i%4 < 2 {
			want += rows + 1
		}
		if got, err := r.pull(); len(got) != want || err != nil {
			t.Fatalf("%q %v", got, err)
		}
	}
	if n := events.Load(); n != rows {
		t.Errorf("%d rows encoded for %d readers of one snapshot of %d", n, readers, rows)
	}
	events.Store(0)
	for i := range 5 {
		w.put(1, 10+i, "w")
	}
	for _, r := range all {
		if got, err := r.pull(); len(got) != 5 || err != nil {
			t.Fatalf("%q %v", got, err)
		}
	}
	if n := events.Load(); n != 5 {
		t.Errorf("5 changes encoded %d times for %d readers", n, readers)
	}
}

func TestPullsAllocateNothing(t *testing.T) {
	w := newWorld(t, feed.Config{}).live(1)
	r := w.follow("c", true)
	_, _ = r.pull()
	emit := func([]byte) {}
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Pull(1<<10, emit) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
