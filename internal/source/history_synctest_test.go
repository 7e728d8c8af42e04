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

// past opens the relation and brings rows of the past.
func past(sink source.Sink, t uint64, rows ...relation.Row) error {
	if _, _, err := sink.Open(rel("i1")); err != nil {
		return err
	}
	if err := sink.Snapshot(rows); err != nil {
		return err
	}
	return sink.(source.HistorySink).Past(at(t))
}

func puts(t uint64, rows ...relation.Row) []relation.Batch {
	b := relation.Batch{Time: t, Wall: int64(t) * 1000}
	for _, r := range rows {
		b.Changes = append(b.Changes, relation.Change{Op: relation.Put, New: r})
	}
	return []relation.Batch{b}
}

// hidden fails when anybody can see rows.
func (u *bubble) hidden() {
	u.t.Helper()
	if s := u.s.Stats()[0]; s.State != feed.Starting || s.Connected || s.Lives != 0 {
		u.t.Errorf("in the past: %+v", s)
	}
	ctx, cancel := context.WithTimeout(u.t.Context(), time.Millisecond)
	defer cancel()
	if res, err := u.f.Rows(ctx, nil); err == nil {
		u.t.Errorf("rows of the past are answered: %+v", res)
	}
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		u := run(t, definition(), source.Settings{History: 5 * time.Minute}, func(_ context.Context, targets []source.Target) error {
			sink := targets[0].Sink
			if err := past(sink, 10, row(1, "a"), row(2, "b")); err != nil {
				return err
			}
			<-proceed
			if err := sink.Apply(puts(20, row(1, "aa")), at(30)); err != nil {
				return err
			}
			<-proceed
			if err := sink.Live(at(30), false); err != nil {
				return err
			}
			<-proceed
			return lost()
		})
		u.hidden()
		proceed <- struct{}{}
		synctest.Wait()
		u.hidden()
		proceed <- struct{}{}
		synctest.Wait()
		equal(t, "rows", u.f.lines(t), []string{"1|aa", "2|b"})
		if s := u.s.Stats()[0]; s.State != feed.Live || s.Lives != 1 || s.Snapshots != 1 || s.Resumes != 0 || s.Frontier != at(30) {
			t.Errorf("live: %+v", s)
		}
		proceed <- struct{}{}
		time.Sleep(time.Second)
		synctest.Wait()
		calls := u.b.followed()
		if len(calls) != 2 || calls[0].history != 5*time.Minute || calls[1].history != 0 || calls[1].resume[0].Frontier != at(30) {
			t.Errorf("calls %+v", calls)
		}
		equal(t, "states", u.states(), []string{"0s STARTING", "0s LIVE"})
		u.stop()
	})
}

// TestHistoryFails: whatever goes wrong on the way from the past, the next
// stream takes a plain snapshot, and until then nobody sees anything.
func TestHistoryFails(t *testing.T) {
	big := definition()
	big.MaxRows = 1
	for _, tt := range []struct {
		name string
		def  *source.Definition
		then func(sink source.Sink) error
	}{
		{"the connection", definition(), func(source.Sink) error { return lost() }},
		{"poisoned data", definition(), func(source.Sink) error {
			return &source.Error{Class: source.Slow, Text: "division by zero"}
		}},
		{"the key was not unique", definition(), func(sink source.Sink) error {
			b := puts(20, row(1, "b"))
			b[0].Changes[0].Op = relation.Insert
			return sink.Apply(b, at(20))
		}},
		{"more rows than now", big, func(sink source.Sink) error { return sink.Apply(puts(20, row(2, "b")), at(20)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := run(t, tt.def, source.Settings{History: time.Minute}, func(_ context.Context, targets []source.Target) error {
					if err := past(targets[0].Sink, 10, row(1, "a")); err != nil {
						return err
					}
					return tt.then(targets[0].Sink)
				}, following(40, row(1, "now")))
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if s := u.s.Stats()[0]; s.Lives != 0 || s.State == feed.Live {
					t.Errorf("after the past: %+v", s)
				}
				if _, err := u.f.Rows(ctx, nil); err == nil {
					t.Error("rows of the past are answered")
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				calls := u.b.followed()
				if len(calls) != 2 || calls[0].history == 0 || calls[1].history != 0 || calls[1].resume[0].Identity != "" {
					t.Fatalf("calls %+v", calls)
				}
				equal(t, "rows", u.f.lines(t), []string{"1|now"})
				if s := u.s.Stats()[0]; s.State != feed.Live || s.Snapshots != 1 {
					t.Errorf("at last: %+v", s)
				}
				equal(t, "epochs", u.f.letters(), []string{"a", "a"})
				u.stop()
			})
		})
	}
}

// TestHistoryAfterFailure: a source that had FAILED before it had any rows does
// not show those of the past.
func TestHistoryAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := run(t, definition(), source.Settings{History: time.Minute},
			failing(&source.Error{Class: source.Slow, Text: "the relation does not exist (yet)"}),
			func(ctx context.Context, targets []source.Target) error {
				if err := past(targets[0].Sink, 10, row(1, "a")); err != nil {
					return err
				}
				return hold(ctx, targets)
			})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		u.hidden()
		if got := u.states(); len(got) != 2 || !strings.Contains(got[0], "FAILED") || !strings.Contains(got[1], "STARTING") {
			t.Errorf("states %q", got)
		}
		u.stop()
	})
}
