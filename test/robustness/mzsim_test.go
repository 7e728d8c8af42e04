package robustness

import (
	"context"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// ahead is how far the first era of the stand-in runs before the clock, so that
// a later one can begin earlier.
const ahead = time.Hour

// stand is Materialize's stand-in behind a listener.
type stand struct {
	book
	addr string

	mu   sync.Mutex // guards what follows; held while somebody writes
	sim  *mzsim.Sim
	gone chan struct{} // closed when sim's listener is closed
	wide int           // columns more than ours
}

const relation = "accounts"

// mzFaults are the names that strike knows.
var mzFaults = []string{
	"cut in a header", "cut in a row", "cut in a time", "cut before progress", "cut after progress", "cut everywhere",
	"cut without history", "restart", "restart without history", "history lost", "garbled bytes", "garbled column",
	"garbled time", "garbled diff", "garbled frame", "split", "stall", "long stall", "down", "busy", "stream failed", "refused",
	"subscribe refused", "replaced", "dropped", "poisoned", "duplicate key", "another column", "set back",
}

func newStand(t *testing.T, b book, size int) *stand {
	t.Helper()
	s := &stand{book: b, addr: "127.0.0.1:0"}
	t.Cleanup(func() { s.sim.Close(); <-s.gone })
	s.listen()
	s.create(nil)
	first := s.found(size)
	ts, err := s.sim.WriteAt(uint64(time.Now().Add(ahead).UnixMilli()), s.batch(first))
	if err != nil {
		t.Fatal(err)
	}
	s.commit(first, ts, ts)
	return s
}

// listen starts a stand-in with no data.
func (s *stand) listen() {
	s.sim, s.gone = mzsim.New(mzsim.Options{TickInterval: 20 * time.Millisecond, Seed: 1}), make(chan struct{})
	ln, err := new(net.ListenConfig).Listen(context.WithoutCancel(s.t.Context()), "tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	sim, gone := s.sim, s.gone
	go func() {
		defer close(gone)
		_ = sim.Serve(ln) // ends with Close
	}()
}

func (s *stand) columns() []mzsim.Column {
	var d []string
	for _, c := range columns {
		d = append(d, c.name+" "+c.mz)
	}
	for range s.wide {
		d = append(d, "more"+string(rune('a'+len(d)))+" text")
	}
	return mzsim.Columns(d...)
}

// create makes the view with rows that the model has already.
func (s *stand) create(rows map[string]*record) {
	if err := s.sim.CreateView(relation, s.columns(), s.options(rows)); err != nil {
		s.t.Error(err)
	}
}

func (s *stand) options(rows map[string]*record) mzsim.ObjectOptions {
	o := mzsim.ObjectOptions{Type: "materialized view", Retain: time.Minute}
	for _, r := range rows {
		row, err := store.MakeRow(s.columns(), s.cells(r)...)
		if err != nil {
			s.t.Error(err)
		}
		o.Rows = append(o.Rows, row)
	}
	return o
}

func (s *stand) settings() []string {
	return []string{"DATABASE_URL=postgres://materialize@" + s.addr + "/materialize?sslmode=disable"}
}

// cells are a row as the stand-in takes it.
func (s *stand) cells(r *record) []any {
	out := make([]any, len(columns)+s.wide)
	for i, c := range r.cells {
		if c != null {
			out[i] = c
		}
	}
	return out
}

func (s *stand) batch(t *tx) *mzsim.Tx {
	out := new(mzsim.Tx)
	for _, o := range t.ops {
		if o.old != nil {
			out.Delete(relation, s.cells(o.old)...)
		}
		if o.row != nil {
			out.Insert(relation, s.cells(o.row)...)
		}
	}
	return out
}

func (s *stand) write(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 1
	if s.ledger.r.IntN(8) == 0 {
		n = 2 + s.ledger.r.IntN(5)
		defer s.sim.HoldUpper()() // several times that become visible at once
	}
	for range n {
		t := s.ledger.draw(s.ledger.r.IntN(lanes))
		ts, err := s.sim.Write(s.batch(t))
		if err != nil {
			return err
		}
		s.commit(t, ts, ts)
	}
	return nil
}

func (s *stand) strike(ctx context.Context, fault string) (mend func()) {
	f := s.faults()
	mend = f.Disarm // what nothing came by for must not strike when all is calm
	switch fault {
	case "cut in a header":
		f.CutAt(mzsim.MidHeader, 3)
	case "cut in a row":
		f.CutAt(mzsim.MidRow, 3)
	case "cut in a time":
		f.CutAt(mzsim.MidTimestamp, 2)
	case "cut before progress":
		f.CutAt(mzsim.BeforeProgress, 2)
	case "cut after progress":
		f.CutAt(mzsim.AfterProgress, 2)
	case "cut everywhere":
		f.CutAll()
	case "cut without history":
		f.LoseHistory()
		f.CutAll()
	case "restart":
		f.Restart()
	case "restart without history":
		f.LoseHistory()
		f.Restart()
	case "history lost":
		f.LoseHistory()
	case "garbled bytes":
		f.Garble(mzsim.GarbleBytes, 2)
	case "garbled column":
		f.Garble(mzsim.GarbleColumn, 2)
	case "garbled time":
		f.Garble(mzsim.GarbleTime, 2)
	case "garbled diff":
		f.Garble(mzsim.GarbleDiff, 2)
	case "garbled frame":
		f.Garble(mzsim.GarbleFrame, 2)
	case "split":
		f.Split(3, 0)
		mend = func() { f.Split(0, 0) }
	case "stall", "long stall": // shorter and longer than the gateway's patience
		mend = f.Stall()
	case "down":
		f.Down(nil)
		mend = f.Up
	case "busy":
		f.Down(pgerr.Unavailable())
		mend = f.Up
	case "stream failed":
		f.FailStreams(pgerr.Replica())
	case "refused":
		for range 3 {
			f.FailNext(mzsim.AtConnect, pgerr.Unavailable())
		}
		f.CutAll()
	case "subscribe refused":
		f.FailNext(mzsim.AtSubscribe, pgerr.NoReplicas("quickstart"))
		f.CutAll()
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.rebuildLocked(ctx, fault)
	}
	return mend
}

func (s *stand) faults() *mzsim.Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sim.Faults()
}

// rebuildLocked are the faults during which nobody may write.
func (s *stand) rebuildLocked(ctx context.Context, fault string) (mend func()) {
	must := func(err error) {
		if err != nil {
			s.t.Errorf("%s: %v", fault, err)
		}
	}
	mend = func() {}
	switch _, now := s.model.last(); fault {
	case "replaced":
		must(s.sim.Replace(relation, s.columns(), s.options(now.rows)))
	case "dropped":
		must(s.sim.Drop(relation))
		rest(ctx, 250*time.Millisecond)
		s.create(now.rows)
	case "poisoned":
		must(s.sim.Poison(relation, "division by zero"))
		rest(ctx, 250*time.Millisecond)
		must(s.sim.Poison(relation, ""))
	case "duplicate key":
		_, row, err := s.sim.Faults().DuplicateKey(relation, "id")
		must(err)
		rest(ctx, 250*time.Millisecond)
		_, err = s.sim.Write(new(mzsim.Tx).Add(relation, row, -1))
		must(err)
	case "another column":
		must(s.sim.Drop(relation))
		s.wide++
		s.create(now.rows)
	case "set back":
		s.setBackLocked()
	default:
		s.t.Errorf("there is no fault %q", fault)
	}
	return mend
}

// setBackLocked replaces the database by one as of some transactions ago, whose
// clock is behind.
func (s *stand) setBackLocked() {
	s.sim.Close()
	<-s.gone
	n, _ := s.model.last()
	back := s.model.states[max(0, n-20)]
	s.ledger.rows = maps.Clone(back.rows)
	told := s.sim.Upper()
	s.listen()
	if s.era == 0 {
		s.era++
	} else {
		s.sim.Advance(told + 1) // no time has two states
	}
	ts := s.sim.Upper() - 1 // nobody can read at an earlier time
	s.create(back.rows)
	var keys []string
	for i := max(0, n-20); i <= n; i++ {
		keys = append(keys, s.model.states[i].keys...)
	}
	s.model.commit(&state{before: ts, after: ts, era: s.era, rows: maps.Clone(back.rows), keys: keys})
}
