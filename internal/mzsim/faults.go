package mzsim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/subscribe"
	"github.com/tycostream/tycostream/internal/relation"
)

// Phase is a moment at which [Faults.FailNext] strikes.
type Phase uint8

// The phases.
const (
	AtConnect   Phase = iota // instead of the login
	AtSubscribe              // when a SUBSCRIBE starts
)

// Place is where in a stream a fault strikes.
type Place uint8

// The places.
const (
	MidHeader      Place = iota + 1 // inside the five bytes before a row
	MidRow                          // inside a data row
	MidTimestamp                    // between two rows of one time
	BeforeProgress                  // after the rows of a batch, before its progress row
	AfterProgress                   // after a progress row
)

// Garbling is a way to spoil a row.
type Garbling uint8

// The ways.
const (
	GarbleBytes  Garbling = iota + 1 // random bytes instead of the line
	GarbleColumn                     // one field is missing
	GarbleTime                       // the timestamp is not a number
	GarbleDiff                       // the diff is not a number, or the state unknown
	GarbleFrame                      // the message has no valid type or length
)

// rowFault waits for its row.
type rowFault struct {
	place  Place    // of a cut
	garble Garbling // of a spoilt row
	skip   int      // events to leave out first
}

// Faults breaks a Sim on purpose. All methods may be called at any time from
// any goroutine. What they do depends on Options.Seed and on the order of
// calls and rows alone.
type Faults struct {
	sim *Sim

	mu       sync.Mutex
	rnd      *rand.Rand
	stalled  chan struct{} // non-nil while writes wait
	cutAfter int64         // bytes of stream left before a cut; -1: none
	piece    int           // greatest size of a write; 0: whole
	delay    time.Duration // between pieces
	rowFault *rowFault
	errors   map[Phase][]*Error
	down     bool   // nobody listens
	refuse   *Error // answer to every connection
}

func newFaults(s *Sim) *Faults {
	return &Faults{sim: s, cutAfter: -1, rnd: rand.New(rand.NewPCG(s.opts.Seed, 1)), errors: map[Phase][]*Error{}} //nolint:gosec // repeatable on purpose
}

// Cut closes the connection of the stream that sends the n-th byte from now
// on, counted over all running subscriptions, right behind that byte.
func (f *Faults) Cut(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cutAfter = max(n, 0)
}

// CutAt closes the connection of the next stream that comes to the place, skip
// events from now.
func (f *Faults) CutAt(p Place, skip int) { f.setRow(&rowFault{place: p, skip: skip}) }

// Garble spoils one event of the next stream, skip events from now.
func (f *Faults) Garble(g Garbling, skip int) { f.setRow(&rowFault{garble: g, skip: skip}) }

func (f *Faults) setRow(r *rowFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rowFault = r
}

// Disarm takes back what Cut, CutAt, Garble and FailNext have not done yet.
func (f *Faults) Disarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cutAfter, f.rowFault = -1, nil
	clear(f.errors)
}

// CutAll closes every connection now, without a word.
func (f *Faults) CutAll() { f.sim.eachSession(func(s *session) { s.kill() }) }

// Stall lets no byte out until release is called. Connections stay open.
func (f *Faults) Stall() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stalled == nil {
		f.stalled = make(chan struct{})
	}
	gate := f.stalled
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.stalled == gate {
			f.stalled = nil
			close(gate)
		}
	})
}

// Split writes pieces of 1 to size random bytes, with a pause between them.
// Size 0 writes whole again.
func (f *Faults) Split(size int, pause time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.piece, f.delay = size, pause
}

// FailNext answers the next connection or SUBSCRIBE with an error. Several
// calls queue up.
func (f *Faults) FailNext(p Phase, e *Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors[p] = append(f.errors[p], e)
}

// FailStreams ends every running subscription with an error and returns how
// many there were. A FATAL error closes the connections.
func (f *Faults) FailStreams(e *Error) int {
	n := 0
	f.sim.eachSession(func(s *session) {
		if s.streaming.Load() && s.inject(e) {
			n++
		}
	})
	return n
}

// Down closes every connection and refuses new ones until Up: nobody listens,
// or, with an error, a balancer answers with that.
func (f *Faults) Down(answer *Error) {
	f.mu.Lock()
	f.down, f.refuse = answer == nil, answer
	f.mu.Unlock()
	f.CutAll()
}

// Up ends Down. The data is what it was.
func (f *Faults) Up() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.refuse = false, nil
}

// Restart is Down and Up in one: every connection dies, new ones find the same
// data.
func (f *Faults) Restart() {
	f.Down(pgerr.Unavailable())
	f.Up()
}

// LoseHistory compacts every collection up to now, so that no subscription can
// be resumed.
func (f *Faults) LoseHistory() {
	for _, i := range f.sim.List() {
		_ = f.sim.Compact(i.Name.String(), f.sim.Upper()) // it was there a moment ago
	}
}

// DuplicateKey writes a second row for a live key at a new time: a copy of the
// collection's first row, one value outside the key changed. It returns the
// time and the new row, so that a test can take it away again.
func (f *Faults) DuplicateKey(name string, key ...string) (uint64, relation.Row, error) {
	rows, err := f.sim.Rows(name)
	if err != nil {
		return 0, "", err
	}
	if len(rows) == 0 {
		return 0, "", fmt.Errorf("%s has no rows", name)
	}
	slices.Sort(rows)
	for _, i := range f.sim.List() {
		if !strings.HasSuffix("."+i.Name.String(), "."+name) {
			continue
		}
		for n, c := range i.Columns {
			if slices.Contains(key, c.Name) {
				continue
			}
			text, ok := another(c.Type, rows[0].Text(n))
			if !ok {
				continue
			}
			copied := catalog.ToEval(rows[0])
			copied[n] = eval.Of(text)
			row := catalog.FromEval(new(relation.Builder), copied)
			ts, err := f.sim.Write(new(Tx).Add(name, row, 1))
			return ts, row, err
		}
	}
	return 0, "", fmt.Errorf("%s has no column that could differ", name)
}

// another returns a value of the type that is not text.
func another(t pgval.Type, text string) (string, bool) {
	switch t.Class { //nolint:exhaustive // enough to find one column in every test
	case pgval.Text:
		return text + "'", true
	case pgval.Int, pgval.Numeric, pgval.Float:
		if text == "1" {
			return "2", true
		}
		return "1", true
	case pgval.Bool:
		if text == "t" {
			return "f", true
		}
		return "t", true
	}
	return "", false
}

// refusal is what a new connection meets before it speaks.
func (f *Faults) refusal() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return errors.New("connection refused: the server is down")
	}
	return nil
}

// next takes an error that waits for the phase.
func (f *Faults) next(p Phase) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p == AtConnect && f.refuse != nil {
		return f.refuse
	}
	if queue := f.errors[p]; len(queue) > 0 {
		f.errors[p] = queue[1:]
		return queue[0]
	}
	return nil
}

// gate returns the channel to wait for before a write, or nil.
func (f *Faults) gate() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stalled == nil {
		return nil // a nil channel of the other type would not be nil
	}
	return f.stalled
}

// portion says how many of n bytes to write now, how long to pause then, and
// whether to cut the connection behind them.
func (f *Faults) portion(n int, streaming bool) (size int, pause time.Duration, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.piece > 0 {
		n = min(n, 1+f.rnd.IntN(f.piece))
	}
	if streaming && f.cutAfter >= 0 {
		n = int(min(int64(n), f.cutAfter))
		f.cutAfter -= int64(n)
		if f.cutAfter == 0 {
			f.cutAfter = -1
			return n, 0, true
		}
	}
	return n, f.delay, false
}

// row returns the fault that strikes event i of a batch, if one does.
func (f *Faults) row(events []subscribe.Event, i int) *rowFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rowFault
	if r == nil {
		return nil
	}
	e := events[i]
	if r.skip > 0 {
		r.skip--
		return nil
	}
	data := !e.Progress
	last := i == len(events)-1
	switch r.place {
	case MidTimestamp:
		if !data || last || events[i+1].Progress || events[i+1].Time != e.Time {
			return nil
		}
	case BeforeProgress:
		if !data || !last && !events[i+1].Progress {
			return nil
		}
	case AfterProgress:
		if data {
			return nil
		}
	case MidRow:
		if !data {
			return nil
		}
	case MidHeader:
	}
	f.rowFault = nil
	return r
}

// breakRow sends an event with a fault.
func (s *session) breakRow(sub *subscribe.Subscription, e subscribe.Event, r *rowFault) error {
	msg := sub.Plan().AppendEvent(nil, e)
	if r.garble != 0 {
		s.out = append(s.out, s.sim.faults.spoil(r.garble, msg)...)
		return s.flush()
	}
	switch r.place {
	case MidHeader:
		msg = msg[:3]
	case MidRow:
		msg = msg[:5+(len(msg)-5)/2]
	case MidTimestamp, BeforeProgress, AfterProgress:
	}
	s.out = append(s.out, msg...)
	_ = s.flush() // the connection ends anyway
	s.kill()
	return errGone
}

// spoil garbles a CopyData message.
func (f *Faults) spoil(g Garbling, msg []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := string(msg[5 : len(msg)-1])
	fields := strings.Split(line, "\t")
	switch g {
	case GarbleBytes:
		b := make([]byte, 1+f.rnd.IntN(60))
		for i := range b {
			b[i] = byte(f.rnd.UintN(256)) //nolint:gosec // below 256
		}
		line = string(b)
	case GarbleColumn:
		line = strings.Join(fields[:len(fields)-1], "\t")
	case GarbleTime:
		fields[0] = "soon"
		line = strings.Join(fields, "\t")
	case GarbleDiff:
		for i := 1; i < min(3, len(fields)); i++ {
			if fields[i] != "t" && fields[i] != "f" {
				fields[i] = "?"
			}
		}
		line = strings.Join(fields, "\t")
	case GarbleFrame:
		return []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	out := append([]byte{'d', 0, 0, 0, 0}, line...)
	out = append(out, '\n')
	binary.BigEndian.PutUint32(out[1:], uint32(len(out)-1)) //nolint:gosec // short
	return out
}
