package source_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

func TestSupervisorLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := run(t, definition(), source.Settings{}, func(ctx context.Context, targets []source.Target) error {
			sink := targets[0].Sink
			if err := snapshot(sink, 10, row(1, "a"), row(2, "b")); err != nil {
				return err
			}
			err := sink.Apply([]relation.Batch{
				{Time: 11, Changes: []relation.Change{{Op: relation.Update, Old: row(1, "a"), New: row(1, "A")}}},
				{Time: 12, Changes: []relation.Change{{Op: relation.Delete, Old: row(2, "b")}, {Op: relation.Insert, New: row(3, "c")}}},
			}, at(15))
			if err != nil {
				return err
			}
			return hold(ctx, targets)
		})
		equal(t, "rows", u.f.lines(t), []string{"1|A", "3|c"})
		equal(t, "states", u.states(), []string{"0s LIVE"})
		equal(t, "epochs", u.f.letters(), []string{"a"})
		s := u.s.Stats()[0]
		if s.Source != "v" || s.Backend != "fake" || !s.Connected || !s.Known || s.State != feed.Live ||
			s.Snapshots != 1 || s.Lives != 1 || s.Reconnects != 0 || s.Batches != 2 || s.Changes != 3 || s.Frontier != at(15) {
			t.Errorf("stats %+v", s)
		}
		u.stop()
		if s := u.s.Stats()[0]; s.Connected || s.Errors != 0 {
			t.Errorf("stats after the end: %+v", s)
		}
	})
}

// TestSupervisorReconnects loses the connection, is STALE after a while, goes
// on from its position, finds the history gone, and passes on the difference.
func TestSupervisorReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := time.Now().Add(time.Minute)
		steps := []step{
			func(_ context.Context, targets []source.Target) error {
				if err := snapshot(targets[0].Sink, 10, row(1, "a"), row(2, "b")); err != nil {
					return err
				}
				time.Sleep(2 * time.Second)
				return lost()
			},
		}
		for range 8 {
			steps = append(steps, failing(lost()))
		}
		steps = append(steps,
			func(_ context.Context, targets []source.Target) error {
				sink := targets[0].Sink
				if _, _, err := sink.Open(rel("i1")); err != nil {
					return err
				}
				if err := sink.Live(at(10), true); err != nil {
					return err
				}
				if err := sink.Apply([]relation.Batch{{Time: 20, Changes: []relation.Change{{Op: relation.Insert, New: row(3, "c")}}}}, at(25)); err != nil {
					return err
				}
				time.Sleep(5 * time.Second)
				return lost()
			},
			failing(&source.Error{Class: source.Compacted, Text: "history is gone"}),
			following(90, row(1, "a"), row(3, "d")),
		)
		u := run(t, definition(), source.Settings{}, steps...)
		time.Sleep(time.Until(away))
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 12 {
			t.Fatalf("%d calls", len(calls))
		}
		for i := 1; i < 9; i++ { // the waits double, with jitter down to one half
			full := 100 * time.Millisecond << (i - 1)
			wait := calls[i].at - calls[i-1].at
			if i == 1 {
				wait -= 2 * time.Second
			}
			if wait < full/2 || wait > full+100*time.Millisecond {
				t.Errorf("wait %d: %v, want up to %v", i, wait, full)
			}
		}
		want := source.Position{Identity: "i1", Frontier: at(10)}
		if calls[9].resume[0] != want || calls[1].resume[0] != want {
			t.Errorf("resumed from %+v and %+v", calls[1].resume, calls[9].resume)
		}
		if r := calls[10].resume[0]; r.Frontier != at(25) {
			t.Errorf("resumed from %+v", r)
		}
		if r := calls[11].resume[0]; r != (source.Position{}) {
			t.Errorf("after compaction resumed from %+v", r)
		}
		equal(t, "rows", u.f.lines(t), []string{"1|a", "3|d"})
		states := u.states()
		if len(states) < 4 || states[0] != "0s LIVE" || states[1] != "12s STALE the connection was lost" ||
			!strings.HasSuffix(states[len(states)-1], "LIVE") {
			t.Errorf("states %q", states)
		}
		if st := u.f.Status(); st.Inserts != 3 || st.Updates != 1 || st.Deletes != 1 {
			t.Errorf("changes %+v: only differences may be passed on", st)
		}
		if s := u.s.Stats()[0]; s.Resumes != 1 || s.Snapshots != 2 || s.Reconnects != 2 || s.Errors != 11 {
			t.Errorf("stats %+v", s)
		}
		if !strings.Contains(u.log.String(), "history is gone") {
			t.Errorf("the log does not say why a snapshot was taken:\n%s", u.log)
		}
		u.stop()
	})
}

// TestSupervisorFailed reports at once what somebody has to mend, retries
// slowly and comes up by itself.
func TestSupervisorFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		missing := &source.Error{Class: source.Slow, Text: "the relation does not exist (yet)"}
		var steps []step
		for range 9 {
			steps = append(steps, failing(missing))
		}
		u := run(t, definition(), source.Settings{}, append(steps, following(5, row(1, "a")))...)
		equal(t, "states", u.states(), []string{"0s FAILED the relation does not exist (yet)"})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 10 {
			t.Fatalf("%d calls", len(calls))
		}
		if d := calls[1].at - calls[0].at; d < 500*time.Millisecond || d > time.Second {
			t.Errorf("first retry after %v", d)
		}
		if d := calls[9].at - calls[8].at; d < 15*time.Second || d > 30*time.Second {
			t.Errorf("last retry after %v", d)
		}
		if states := u.states(); !strings.HasSuffix(states[len(states)-1], "LIVE") {
			t.Errorf("states %q", states)
		}
		if n := strings.Count(u.log.String(), "source is disconnected"); n < 2 || n > 6 {
			t.Errorf("%d log lines for 9 equal errors in 3 minutes:\n%s", n, u.log)
		}
		u.stop()
	})
}

func TestSupervisorRefusals(t *testing.T) {
	wide := func(name string, kind relation.Kind) *source.Relation {
		r := rel("i1")
		r.Columns[0].Kind, r.Columns[0].SQLType = kind, name
		return r
	}
	open := func(r *source.Relation, rows []relation.Row, then func(source.Sink) error) step {
		return func(ctx context.Context, targets []source.Target) error {
			sink := targets[0].Sink
			if _, _, err := sink.Open(r); err != nil {
				return err
			}
			if err := sink.Snapshot(rows); err != nil {
				return err
			}
			if err := sink.Live(at(5), false); err != nil {
				return err
			}
			if then != nil {
				if err := then(sink); err != nil {
					return err
				}
			}
			return hold(ctx, targets)
		}
	}
	insert := func(r relation.Row) func(source.Sink) error {
		return func(s source.Sink) error {
			return s.Apply([]relation.Batch{{Time: 6, Changes: []relation.Change{{Op: relation.Insert, New: r}}}}, at(6))
		}
	}
	name := "x"
	nullKey := relation.Cells(nil, &name)
	tests := []struct {
		name string
		step step
		text string
	}{
		{"duplicate key in the snapshot", open(rel("i1"), []relation.Row{row(7, "a"), row(7, "b")}, nil), `primary_key is not unique: key "7"`},
		{"duplicate key later", open(rel("i1"), []relation.Row{row(7, "a")}, insert(row(7, "b"))), `primary_key is not unique: key "7"`},
		{"null key in the snapshot", open(rel("i1"), []relation.Row{nullKey}, nil), `key column "id" holds a null`},
		{"null key later", open(rel("i1"), nil, insert(nullKey)), `key column "id" holds a null`},
		{"key beyond 32 bits", open(wide("bigint", relation.BigInt), []relation.Row{relation.Texts("2147483648", "x")}, nil), `key column "id" holds 2147483648, which is no 32-bit integer: declare it BigInt`},
		{"key beyond 32 bits later", open(wide("bigint", relation.BigInt), nil, insert(relation.Texts("-2147483649", "x"))), "no 32-bit integer"},
		{"key with a fraction", open(wide("numeric", relation.Decimal), nil, insert(relation.Texts("1.5", "x"))), "no 32-bit integer"},
		{"too many rows", open(rel("i1"), []relation.Row{row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d")}, nil), "more than max_rows (3) rows: raise max_rows"},
		{"too many rows later", open(rel("i1"), []relation.Row{row(1, "a"), row(2, "b"), row(3, "c")}, insert(row(4, "d"))), "more than max_rows (3) rows"},
		{"column gone", open(&source.Relation{Identity: "i1", Name: "v", Columns: rel("").Columns[:1]}, nil, nil), `column "name" does not exist in v`},
		{"column of another type", open(wide("text", relation.String), nil, nil), `column "id" is declared Integer but is text in the database`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				def := definition()
				def.MaxRows = 3
				u := run(t, def, source.Settings{}, tt.step)
				s := u.s.Stats()[0]
				if s.State != feed.Failed || !strings.Contains(s.Reason, tt.text) {
					t.Errorf("state %v, reason %q, want %q", s.State, s.Reason, tt.text)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if calls := u.b.followed(); len(calls) != 2 || calls[1].resume[0] != (source.Position{}) {
					t.Errorf("then: %+v", calls)
				}
				u.stop()
			})
		})
	}
	t.Run("values within bounds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := run(t, definition(), source.Settings{}, open(wide("bigint", relation.BigInt), []relation.Row{relation.Texts("2147483647", "x")}, nil))
			if s := u.s.Stats()[0]; s.State != feed.Live {
				t.Errorf("stats %+v", s)
			}
			if !strings.Contains(u.log.String(), "declared Integer but is bigint") {
				t.Errorf("no warning: %s", u.log)
			}
			u.stop()
		})
	})
}
