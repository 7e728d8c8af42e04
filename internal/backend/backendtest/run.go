package backendtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// Run runs every case that the harness's features allow, one after the other.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*env)
	}{
		{"describe", describe},
		{"snapshot", snapshot},
		{"empty_snapshot", emptySnapshot},
		{"large_snapshot", largeSnapshot},
		{"insert_update_delete", insertUpdateDelete},
		{"key_change", keyChange},
		{"composite_key", compositeKey},
		{"one_key_many_changes", oneKeyManyChanges},
		{"transaction_whole", transactionWhole},
		{"times_ascend", timesAscend},
		{"texts", texts},
		{"all_types", allTypes},
		{"large_values", largeValues},
		{"subset_of_columns", subsetOfColumns},
		{"wrong_column", wrongColumn},
		{"cut", cut},
		{"cut_many_times", cutManyTimes},
		{"resume", resume},
		{"history_lost", historyLost},
		{"restart", restart},
		{"created_later", createdLater},
		{"dropped_and_recreated", droppedAndRecreated},
		{"cancel", cancelFollow},
		{"sink_error", sinkError},
		{"duplicate_key", duplicateKey},
		{"several_targets", severalTargets},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&env{T: t, h: h, b: h.Backend(t), f: h.Features(), table: "bt_" + c.name})
		})
	}
}

// env is what a case works with.
type env struct {
	*testing.T
	h     Harness
	b     source.Backend
	f     Features
	table string // the case's own
}

// people is the table that most cases use.
func (e *env) people() Table {
	return Table{
		Name: e.table, Key: []string{"id"},
		Columns: []Column{{"id", "integer"}, {"name", "text"}, {"amount", "numeric"}},
	}
}

// create makes the table, with rows written as "1|ann|1.5", NULL as "-".
func (e *env) create(table Table, rows ...string) {
	e.Helper()
	e.h.Create(e.T, table)
	e.insert(rows...)
}

func cells(line string) []Cell {
	var out []Cell
	for text := range strings.SplitSeq(line, "|") {
		if text == "-" {
			out = append(out, nil)
		} else {
			out = append(out, Text(text))
		}
	}
	return out
}

func (e *env) inserts(rows ...string) []Write {
	var out []Write
	for _, r := range rows {
		out = append(out, Write{Op: Insert, Table: e.table, Row: cells(r)})
	}
	return out
}

func (e *env) update(key, row string) Write {
	return Write{Op: Update, Table: e.table, Key: cells(key), Row: cells(row)}
}

func (e *env) remove(key string) Write { return Write{Op: Delete, Table: e.table, Key: cells(key)} }

func (e *env) insert(rows ...string) {
	e.Helper()
	if len(rows) > 0 {
		e.h.Commit(e.T, e.inserts(rows...)...)
	}
}

func (e *env) commit(w ...Write) {
	e.Helper()
	e.h.Commit(e.T, w...)
}

// recorder returns a recorder for the case's table.
func (e *env) recorder(key ...string) *Recorder {
	if len(key) == 0 {
		key = []string{"id"}
	}
	return NewRecorder(&source.Definition{Name: e.table, Relation: e.h.Relation(e.table), Key: key})
}

// running is a Follow that runs.
type running struct {
	t    testing.TB
	stop context.CancelCauseFunc
	done chan struct{}
	err  error // once done is closed
}

var errEnough = errors.New("the test has seen enough")

// once follows the recorders' sources until the stream ends.
func (e *env) once(recs ...*Recorder) *running {
	return e.start(func(ctx context.Context) error {
		var targets []source.Target
		for _, r := range recs {
			targets = append(targets, r.Target())
		}
		return e.b.Follow(ctx, targets)
	})
}

// keep follows a recorder's source again and again, as a supervisor does.
func (e *env) keep(rec *Recorder) {
	e.start(func(ctx context.Context) error {
		for {
			err := e.b.Follow(ctx, []source.Target{rec.Target()})
			class, ok := errors.AsType[*source.Error](err)
			switch {
			case ctx.Err() != nil:
				return err
			case err != nil && !ok:
				e.Errorf("error %v is not classified", err)
				return err
			case ok && class.Class == source.Compacted:
				rec.Forget()
			}
			timer := time.NewTimer(20 * time.Millisecond)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	})
}

func (e *env) start(work func(context.Context) error) *running {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(e.Context()))
	r := &running{t: e.T, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = work(ctx)
	}()
	e.Cleanup(r.end)
	return r
}

// end stops the Follow, which must say why it ended.
func (r *running) end() {
	r.stop(errEnough)
	if err := r.wait(); errors.Is(err, context.Canceled) {
		r.t.Errorf("Follow returned %v instead of the context's cause", err)
	}
}

// wait waits for the end of the Follow and returns its error.
func (r *running) wait() error {
	r.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		r.t.Fatal("Follow does not end")
	}
	return r.err
}

// trouble waits until the source cannot go on, by itself or with its stream,
// and returns why.
func (e *env) trouble(r *running, rec *Recorder) *source.Error {
	e.Helper()
	failed := make(chan error, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			changed := rec.next()
			if err := rec.Failed(); err != nil {
				failed <- err
				return
			}
			select {
			case <-changed:
			case <-stop:
				return
			}
		}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case <-r.done:
		err = r.err
	case err = <-failed:
	case <-timer.C:
		e.Fatal("the source goes on")
	}
	class, ok := errors.AsType[*source.Error](err)
	if !ok {
		e.Fatalf("error %v is not classified", err)
	}
	if class.Text == "" {
		e.Errorf("error without a text: %v", err)
	}
	return class
}

// rows waits until the recorder is live with exactly these rows.
func (e *env) rows(rec *Recorder, want ...string) {
	e.Helper()
	slices.Sort(want)
	if want == nil {
		want = []string{}
	}
	rec.Wait(e.T, "rows "+strings.Join(want, " "), func() bool {
		return rec.liveNow() && slices.Equal(rec.Lines(), want)
	})
}

// steps returns the steps behind the first n.
func steps(rec *Recorder, n int) []Step { return rec.History()[n:] }

// kindOf is what the catalog is expected to say of a SQL type.
func (e *env) kindOf(sqlType string, kind relation.Kind) relation.Kind {
	if k, ok := e.f.Kinds[sqlType]; ok {
		return k
	}
	return kind
}
