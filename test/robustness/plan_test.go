package robustness

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The upstreams.
const (
	materialize = "materialize"
	postgreSQL  = "postgres"
)

// act is a part of a round. Writers write, perhaps something is broken and
// mended, clients do what they do; then the writers rest, and everybody has to
// arrive at the final state.
type act struct {
	Length  time.Duration `json:"length"`
	Pause   time.Duration `json:"pause"`             // between transactions; 0: nobody writes
	Fault   string        `json:"fault,omitempty"`   // of upstream; strikes after a quarter
	Restart int           `json:"restart,omitempty"` // the gateway, from 1, that is started anew after a third
	Leave   bool          `json:"leave,omitempty"`   // everybody, for a while
	Actions []action      `json:"actions,omitempty"`
}

// calm says that nothing is broken, so that clients that keep up are shown
// everything.
func (a *act) calm() bool { return a.Fault == "" && a.Restart == 0 && !a.Leave }

// plan is all that is decided before a round begins.
type plan struct {
	Seed     uint64     `json:"seed"`
	Upstream string     `json:"upstream"`
	Gateways int        `json:"gateways"`
	Keys     int        `json:"keys"` // of each lane
	Environ  []string   `json:"environ,omitempty"`
	Narrow   bool       `json:"narrow,omitempty"` // so little is kept that nobody is promised every change
	Lazy     bool       `json:"lazy,omitempty"`
	TLS      bool       `json:"tls,omitempty"`
	Clients  []*profile `json:"clients"`
	Acts     []*act     `json:"acts"`
}

// apart says that gateways leave upstream when nobody reads. A backend with one
// stream for all sources never does.
func (p *plan) apart() bool { return p.Lazy && p.Upstream == materialize }

// shape narrows a plan for the tests that want one thing.
type shape struct {
	upstream string // empty: any
	gateways int    // 0: any
	length   time.Duration
}

// newPlan draws a plan. The same seed and shape draw the same one.
func newPlan(seed uint64, s shape) *plan {
	r := rand.New(rand.NewPCG(seed, 3))
	p := &plan{
		Seed: seed, Upstream: pick(r, materialize, materialize, postgreSQL), Gateways: 1 + r.IntN(2),
		Keys: pick(r, 4, 15, 30, 60), Narrow: r.IntN(3) == 0, TLS: r.IntN(3) == 0, Lazy: r.IntN(3) == 0,
	}
	if s.upstream != "" {
		p.Upstream = s.upstream
	}
	if s.gateways != 0 {
		p.Gateways = s.gateways
	}
	if p.Narrow {
		p.Environ = []string{
			"TYCOSTREAM_RING_BYTES=64KiB", "TYCOSTREAM_RING_TOTAL=64KiB", fmt.Sprintf("TYCOSTREAM_RING_CHUNKS=%d", 2+r.IntN(20)),
			"TYCOSTREAM_UNDO_BYTES=" + pick(r, "64KiB", "256KiB", "16MiB"), "TYCOSTREAM_UNDO_AGE=" + pick(r, "300ms", "2s", "5m"),
		}
	}
	for i := range 9 + r.IntN(5) {
		p.Clients = append(p.Clients, randomProfile(r, i, p))
	}
	for left := s.length; left > 0; {
		a := p.randomAct(r, len(p.Acts))
		left -= a.Length + 200*time.Millisecond // and what it takes to arrive
		p.Acts = append(p.Acts, a)
	}
	return p
}

func randomProfile(r *rand.Rand, i int, p *plan) *profile {
	kinds := []string{kindRows, kindChanges, kindColumns, kindRelay, kindQuery, kindPoll}
	c := &profile{Kind: pick(r, kindRows, kindChanges, kindChanges, kindColumns, kindRelay, kindQuery, kindPoll)}
	if i < len(kinds) {
		c.Kind = kinds[i] // one of each at least
	}
	c.Name = fmt.Sprintf("client %d", i)
	if i > 2 {
		c.Where = randomWhere(r, 2)
	}
	c.Filter = c.Where.String()
	c.Variables = r.IntN(2) == 0
	c.Transport = pick(r, overWS, overWS, overLegacy, overSSE, overMultipart)
	for n := range columns {
		if n == 0 || r.IntN(3) > 0 {
			c.Select = append(c.Select, n)
		}
	}
	c.Eager, c.Reaches, c.Apart = i%2 == 0 && !p.Narrow, !p.Narrow, p.apart()
	switch {
	case c.Kind == kindRelay:
		c.Transport, c.Format = pick(r, overHTTP, overWSLines), pick(r, "", "tsv", "jsonl")
		c.Select = nil
		for n := range columns {
			c.Select = append(c.Select, n)
		}
	case c.Kind == kindQuery || c.Kind == kindPoll:
		c.Transport = overPost
	case !c.Eager && r.IntN(2) == 0:
		c.MaxRate = pick(r, 2.5, 5, 10, 20.5)
	}
	c.Resumes = c.frames() && r.IntN(4) > 0
	if c.Transport != overPost && c.frames() && r.IntN(2) == 0 {
		c.MaxRows = pick(r, 1, 3, 10, 100)
	}
	c.Difference = c.Resumes && c.Transport != overPost && r.IntN(4) == 0
	c.Numbers = c.Kind == kindColumns && r.IntN(2) == 0
	return c
}

func (p *plan) randomAct(r *rand.Rand, n int) *act {
	a := &act{
		Length: time.Duration(400+r.IntN(900)) * time.Millisecond,
		Pause:  pick(r, 2*time.Millisecond, 5*time.Millisecond, 10*time.Millisecond, 40*time.Millisecond, 0),
	}
	faults := mzFaults
	if p.Upstream == postgreSQL {
		faults = pgFaults
	}
	switch {
	case n == 0: // begin in peace
	case r.IntN(12) == 0:
		a.Leave = true
	case r.IntN(8) == 0:
		a.Restart = 1 + r.IntN(p.Gateways)
	case r.IntN(3) > 0:
		a.Fault = faults[r.IntN(len(faults))]
		if a.Fault == "long stall" {
			a.Length = 2500 * time.Millisecond
		}
	}
	every, storm := a.Length, r.IntN(6) == 0
	if storm {
		every = 100 * time.Millisecond
	}
	for i, c := range p.Clients {
		if a.Leave {
			a.Actions = append(a.Actions, action{
				At: a.Length / 3, Client: i, Do: "drop", Then: pick(r, freshly, newest, newest, older), For: 400 * time.Millisecond,
				Pick: r.IntN(1000), Gateway: r.IntN(p.Gateways),
			})
			continue
		}
		for at := time.Duration(0); !c.Eager && (storm || r.IntN(2) == 0); {
			at += time.Duration(r.IntN(int(every)))
			if at >= a.Length {
				break
			}
			x := action{
				At: at, Client: i, Do: pick(r, "drop", "drop", "stall"), Then: pick(r, freshly, newest, newest, older, older, same),
				Pick: r.IntN(1000), Gateway: r.IntN(p.Gateways),
			}
			if x.Do == "stall" || r.IntN(4) == 0 {
				x.For = time.Duration(50+r.IntN(600)) * time.Millisecond
			}
			if c.Transport == overPost && x.Do == "stall" {
				continue
			}
			a.Actions = append(a.Actions, x)
		}
	}
	slices.SortStableFunc(a.Actions, func(x, y action) int { return int(x.At - y.At) })
	return a
}
