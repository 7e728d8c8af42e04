package feed_test

import (
	"encoding/json"
	"maps"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

// counting counts the events that it encodes.
type counting struct {
	encoder
	events *atomic.Int64
}

func (c counting) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	c.events.Add(int64(len(f.Events)))
	return c.encoder.Encode(dst, ends, f)
}

func many(t *testing.T, f *feed.Feed, n int) {
	t.Helper()
	rows := make([]relation.Row, n)
	for i := range rows {
		rows[i] = relation.Texts(strconv.Itoa(i), "x", strconv.Itoa(i))
	}
	if err := f.Load(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(relation.Frontier{Time: 10}); err != nil {
		t.Fatal(err)
	}
	f.SetState(feed.Live, "")
}

// readAll brings readers to the head, a portion of each in turn.
func readAll(t *testing.T, readers []*reader) []map[string]relation.Row {
	t.Helper()
	rows := make([]map[string]relation.Row, len(readers))
	for i := range rows {
		rows[i] = map[string]relation.Row{}
	}
	for busy := true; busy; {
		busy = false
		for i, r := range readers {
			more, err := r.cursor.Pull(20_000, func(b []byte) {
				for _, ev := range decode(t, b).Events {
					if ev.Op == "DELETE" {
						delete(rows[i], ev.Row.Text(0))
					} else {
						rows[i][ev.Row.Text(0)] = ev.Row
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			busy = busy || more
		}
	}
	return rows
}

// Readers that come within a second share a snapshot and its bytes, also while
// rows change; what they shared is forgotten soon after.
func TestJoinersShareSnapshots(t *testing.T) {
	const rows, joiners = 2000, 50
	for _, frames := range []bool{false, true} {
		for _, limit := range []int{0, 200_000} {
			synctest.Test(t, func(t *testing.T) {
				f := feed.New(schema(), feed.Config{SharedBytes: limit})
				defer f.Close()
				many(t, f, rows)
				enc := counting{encoder{frames}, &atomic.Int64{}}
				var readers []*reader
				for i := range joiners {
					readers = append(readers, subscribe(t, f, feed.Options{Encoder: enc}))
					apply(t, f, 11+uint64(i), put("1", strconv.Itoa(i)), insert(strconv.Itoa(10_000+i)))
				}
				got := readAll(t, readers)
				if limit > 0 && f.SharedBytes() > int64(limit) {
					t.Errorf("%d bytes are kept, want at most %d", f.SharedBytes(), limit)
				}
				for i := range got {
					if len(got[i]) != rows+joiners || !maps.Equal(got[i], got[0]) {
						t.Fatalf("reader %d holds %d rows, want %d", i, len(got[i]), rows+joiners)
					}
				}
				// The rows once, and every change once for all who live on the ring.
				if n := enc.events.Load(); n > rows+20*joiners {
					t.Errorf("%d events were encoded for %d readers of %d rows", n, joiners, rows)
				}
				time.Sleep(4 * time.Second)
				if n := f.SharedBytes(); n != 0 {
					t.Errorf("%d bytes are kept after all have read", n)
				}
			})
		}
	}
}

// A reader that stops in the middle of its snapshot keeps no bytes of it, and
// goes on where it was.
func TestStoppedJoinerKeepsNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		many(t, f, 2000)
		readers := []*reader{
			subscribe(t, f, feed.Options{Encoder: encoder{}}), subscribe(t, f, feed.Options{Encoder: encoder{}}),
		}
		for _, r := range readers {
			if _, err := r.cursor.Pull(100, func([]byte) {}); err != nil {
				t.Fatal(err)
			}
		}
		if f.SharedBytes() == 0 {
			t.Error("nothing is shared")
		}
		time.Sleep(5 * time.Second)
		if n := f.SharedBytes(); n != 0 {
			t.Errorf("%d bytes are kept for readers that do not read", n)
		}
		for i := range 20 {
			apply(t, f, 11+uint64(i), put("1", strconv.Itoa(i)), remove(strconv.Itoa(2+i)))
		}
		readAll(t, readers)
		if n := f.SharedBytes(); n != 0 {
			t.Errorf("%d bytes are kept of a snapshot that nobody begins with", n)
		}
	})
}

// Readers that resume from one cursor share the difference, as long as nothing
// changes: it must not be older than what they may hold.
func TestResumersShareTheDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		many(t, f, 2000)
		old := cursorNow(t, f)
		for i := range 100 {
			apply(t, f, 11+uint64(i), put(strconv.Itoa(i), "new"), remove(strconv.Itoa(1000+i)))
		}
		enc := counting{encoder{frames: true}, &atomic.Int64{}}
		var readers []*reader
		for range 100 {
			readers = append(readers, subscribe(t, f, feed.Options{Encoder: enc, Resume: position(t, old, nil)}))
		}
		for i, r := range readers {
			if i%10 == 0 {
				apply(t, f, 200+uint64(i), put("1", strconv.Itoa(i)))
			}
			if r.pull(); len(r.frames) == 0 || r.frames[0].Kind != "RESUMED" || len(r.frames[0].Events) != 200 {
				t.Fatalf("reader %d: %q", i, describe(r.frames))
			}
		}
		if n := enc.events.Load(); n > 10*200+100 {
			t.Errorf("%d events were encoded for ten differences of 200", n)
		}
	})
}

// A difference of very many changes is worked out apart from the readers, who
// are woken when it is there.
func TestResumeFromFarBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rows = 30_000
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		many(t, f, rows)
		old := cursorNow(t, f)
		changes := make([]relation.Change, rows)
		for i := range changes {
			changes[i] = put(strconv.Itoa(i), "new")
		}
		apply(t, f, 11, changes...)
		woken := make(chan struct{}, 1)
		c := f.Subscribe(feed.Options{Encoder: encoder{frames: true}, MaxRows: 10_000, Resume: position(t, old, nil)}, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		defer c.Close()
		r := &reader{t: t, cursor: c}
		told := 0
		for told < rows {
			<-woken
			for _, fr := range r.take() {
				if fr.Kind != "RESUMED" || fr.From != old {
					t.Fatalf("%s from %q", fr.Kind, fr.From)
				}
				told += len(fr.Events)
			}
		}
		if told != rows {
			t.Errorf("%d rows, want %d", told, rows)
		}
	})
}

// A reader that takes a few rows at a time from a source where everything
// changes all the time still comes to a state that was true, again and again.
func TestSlowReaderIsConsistent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rows = 200
		f := feed.New(schema(), feed.Config{RingChunks: 4})
		defer f.Close()
		many(t, f, rows)
		r := subscribe(t, f, feed.Options{Encoder: encoder{frames: true}, MaxRows: 10})
		held, whole := map[string]string{}, 0
		for at := uint64(11); at < 500; at++ {
			text := strconv.FormatUint(at, 10)
			var changes []relation.Change
			for i := range rows {
				changes = append(changes, put(strconv.Itoa(i), text))
			}
			apply(t, f, at, changes...)
			if _, err := r.cursor.Pull(1, func(b []byte) { // one frame per time
				fr := decode(t, b)
				for _, ev := range fr.Events {
					held[ev.Row.Text(0)] = ev.Row.Text(1)
				}
				if !fr.Last {
					return
				}
				whole++
				for id, text := range held {
					if text != "x" && text != strconv.FormatUint(fr.Time, 10) {
						t.Fatalf("at time %d row %s is of %s", fr.Time, id, text)
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		if whole < 10 || len(held) != rows {
			t.Errorf("%d times whole, %d rows", whole, len(held))
		}
	})
}

// Views that come and go by the thousand, while rows change, hold what they
// should.
func TestManyViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const views = 500
		f := feed.New(schema(), feed.Config{Linger: time.Second})
		defer f.Close()
		many(t, f, 5000)
		equal := func(n int) *filter.Predicate {
			p, err := filter.Compile(schema(), map[string]any{"b": map[string]any{"_eq": json.Number(strconv.Itoa(n))}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		at := uint64(11)
		for round := range 3 {
			var readers []*reader
			for i := range views {
				readers = append(readers, subscribe(t, f, feed.Options{Encoder: encoder{}, Where: equal(round*100 + i)}))
				if i%7 == 0 { // a row moves from a view to another
					apply(t, f, at, relation.Change{Op: relation.Put, New: relation.Texts(strconv.Itoa(i), strconv.FormatUint(at, 10), strconv.Itoa(i+1))})
					at++
				}
			}
			synctest.Wait()
			if s := f.Status(); s.Views < views || s.Indexed < views {
				t.Errorf("%d views, %d indexed", s.Views, s.Indexed)
			}
			want := map[int]map[string]relation.Row{}
			all, err := f.Rows(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range all.Rows {
				b, _ := strconv.Atoi(row.Text(2))
				if want[b] == nil {
					want[b] = map[string]relation.Row{}
				}
				want[b][row.Text(0)] = row
			}
			for i, got := range readAll(t, readers) {
				if !maps.Equal(got, want[round*100+i]) {
					t.Fatalf("round %d, view %d: %q, want %q", round, i, got, want[round*100+i])
				}
			}
			for i, r := range readers {
				if i%2 == round%2 {
					r.cursor.Close()
				}
			}
			time.Sleep(3 * time.Second)
		}
		synctest.Wait()
		if s := f.Status(); s.Views != s.Indexed || s.Views > 3*views/2+100 {
			t.Errorf("%d views, %d indexed", s.Views, s.Indexed)
		}
	})
}
