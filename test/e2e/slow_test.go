package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// Clients that do not read cost the gateway no memory and do not hold up the others,
// and are right again when they read.
func TestClientThatStopsReading(t *testing.T) {
	t.Parallel()
	const count, stuck = 2000, 12
	p := newPages(t, count)
	g := serve(t, sheetSchema, p.setting)
	g.ready()

	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	var slow []*client
	for n := range stuck {
		s := sheetRows(`{}`)
		if n%2 == 1 {
			s = sheetChanges(`{}`)
		}
		s.gate = gate
		slow = append(slow, follow(t, g, s))
	}
	fast := []*client{follow(t, g, sheetRows(`{}`)), follow(t, g, sheetChanges(`{}`))}
	for _, c := range fast {
		c.has(t, count)
	}

	p.write(80) // everything is warm, and every stuck socket full
	before, sent := g.rss(), g.metric("tycostream_source_changes_total")
	for range 4 {
		p.write(80)
		want := p.mark()
		eventually(t, "a change reaches those who read", func() error {
			for _, c := range fast {
				if got := c.value("0", "n"); got != want {
					return fmt.Errorf("%s instead of %s", got, want)
				}
			}
			return nil
		})
	}
	grown, changes := g.rss()-before, g.metric("tycostream_source_changes_total")-sent
	t.Logf("%.0f changes while %d clients did not read: %d KiB more memory", changes, stuck, grown>>10)
	// Queues would hold 380 bytes for each of them and each client.
	if queued := int(changes) * stuck * 380; grown > queued/2 {
		t.Errorf("%d KiB more memory; queues would hold %d KiB", grown>>10, queued>>10)
	}

	open()
	want := reach(t, strings.TrimPrefix(p.setting, "DATABASE_URL=")).lines("SELECT id, n, name FROM sheet")
	for _, c := range append(slow, fast...) {
		c.holds(t, sheetColumns, func() []string { return want })
		if err := c.kept(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.resets != 1 {
			t.Errorf("%s: %d connections", c.name, c.resets)
		}
	}
	_, most := fast[0].counts()
	if _, got := slow[0].counts(); got*2 > most {
		t.Errorf("a client that did not read got %d events, one that did %d: it was not behind", got, most)
	}
}

// pages is a table of rows with a long text.
type pages struct {
	t       *testing.T
	sim     *mzsim.Sim
	setting string
	random  *rand.Rand
	held    []int // n by id
	filler  string
}

func newPages(t *testing.T, count int) *pages {
	t.Helper()
	p := &pages{t: t, random: rand.New(rand.NewPCG(3, 4)), held: make([]int, count), filler: strings.Repeat("x", 300)}
	p.sim, p.setting = stand(t, mzsim.Options{})
	must[any](t)(nil, p.sim.CreateView("sheet", mzsim.Columns("id integer not null", "n bigint", "name text"), mzsim.ObjectOptions{}))
	fill := new(mzsim.Tx)
	for id := range p.held {
		fill.Insert("sheet", id, 0, p.filler)
	}
	must[uint64](t)(p.sim.Write(fill))
	return p
}

func (p *pages) change(tx *mzsim.Tx, id int) {
	tx.Delete("sheet", id, p.held[id], p.filler).Insert("sheet", id, p.held[id]+1, p.filler)
	p.held[id]++
}

// write commits so many transactions of a hundred changes.
func (p *pages) write(transactions int) {
	p.t.Helper()
	for range transactions {
		tx := new(mzsim.Tx)
		for range 100 {
			p.change(tx, p.random.IntN(len(p.held)))
		}
		must[uint64](p.t)(p.sim.Write(tx))
		rest(p.t.Context(), 10*time.Millisecond)
	}
}

// mark changes row 0 and returns its new n.
func (p *pages) mark() string {
	p.t.Helper()
	tx := new(mzsim.Tx)
	p.change(tx, 0)
	must[uint64](p.t)(p.sim.Write(tx))
	return strconv.Itoa(p.held[0])
}
