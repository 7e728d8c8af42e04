package feed

import (
	"math"

	"github.com/tycostream/tycostream/internal/predindex"
)

// scanRows is how many rows a scan may visit under the feed's read lock: 1,000
// rows are a few microseconds, which ingest does not notice.
const scanRows = 1000

// scanWork is how many predicates a scan may evaluate under the lock, or rows
// put into subsets, before it ends with the row it is at.
const scanWork = 20_000

// pass fills the subsets of new views. Views that come while a pass is on wait
// for the next, so that ten thousand that arrive together cost two passes.
type pass struct {
	views []*view
	built int // slots below it are in the subsets; written holding f.mu for reading
}

// enqueue has a new view filled. It holds f.mu.
func (f *Feed) enqueue(v *view) {
	f.waiting = append(f.waiting, v)
	if !f.building && !f.closed() {
		f.building = true
		f.wg.Go(f.build)
	}
}

// build makes passes until no view waits.
func (f *Feed) build() {
	for {
		f.mu.Lock()
		p := &pass{views: f.waiting}
		f.waiting = nil
		if f.building = len(p.views) > 0 && !f.closed(); !f.building {
			f.mu.Unlock()
			return
		}
		for _, v := range p.views {
			v.pass = p
		}
		f.mu.Unlock()
		f.fill(p)
		for _, v := range p.views {
			v.wake(false)
		}
	}
}

// fill fills the subsets of a pass, a few rows under the lock at a time. Apply
// follows changes of slots below built and leaves the rest to come.
func (f *Feed) fill(p *pass) {
	index := predindex.New[*view](f.schema)
	for _, v := range p.views {
		index.Add(v.where, v)
	}
	puts := uint64(0)
	for done := false; !done && !f.closed(); {
		f.mu.RLock()
		head := f.table.Head().Seq
		slot, end := p.built, min(p.built+scanRows, f.table.Slots())
		for limit := puts + index.Evaluations() + scanWork; slot < end && puts+index.Evaluations() < limit; slot++ {
			row, alive := f.table.Row(uint32(slot)) //nolint:gosec // slots are uint32
			if !alive {
				continue
			}
			index.Match(row, func(v *view) {
				v.subset.Put(uint32(slot), head) //nolint:gosec // see above
				puts++
			})
		}
		p.built = slot
		if done = slot == f.table.Slots(); done {
			p.built = math.MaxInt
			for _, v := range p.views {
				v.ready.Store(true)
			}
		}
		f.mu.RUnlock()
	}
	f.evaluations.Add(index.Evaluations())
}
