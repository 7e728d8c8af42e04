package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// operations are a page's, as "UPDATE 7", sorted.
func (p *page) operations() []string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Operation+" "+text(c.Data["_key"]))
	}
	return sorted(out)
}

// TestMaxRate: the first change at once, then nothing for the period, then what
// came of all that happened.
func TestMaxRate(t *testing.T) {
	t.Parallel()
	const period = 4 * time.Second
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting, "TYCOSTREAM_HEARTBEAT=1m")
	g.ready()
	for i := range 4 {
		l.set(800+i, []any{800 + i, 1, "a"})
	}
	c := conditions[0]
	r := read(t, g, "maxRate: 0.25")
	first := l.follows(c, r, map[string]string{}, 0, l.settled())
	n := len(r.all())
	rest(t.Context(), period)

	began := time.Now()
	l.set(800, []any{800, 2, "a"})
	at := r.next(n)
	if took := time.Since(began); took > period/2 {
		t.Errorf("the first change came after %v", took)
	}
	if err := differ(at.operations(), []string{"UPDATE 800"}); err != nil {
		t.Error(err)
	}
	rows := at.lay(l.at(c, first.time))

	began = time.Now()
	l.set(801, []any{801, 2, "a"}) // three values, of which the last is told
	l.set(801, []any{801, 3, "a"})
	l.set(810, []any{810, 1, "a"}) // comes and goes
	l.set(802, nil)                // goes and comes
	l.set(803, nil)                // goes
	rest(t.Context(), period/4)
	if got := r.all(); len(got) != n+1 {
		t.Errorf("%d pages after a quarter of the period", len(got)-n)
	}
	l.set(810, nil)
	l.set(802, []any{802, 9, "b"})
	l.set(811, []any{811, 1, "a"}) // comes
	l.set(801, []any{801, 4, "a"})
	at = r.next(n + 1)
	if took := time.Since(began); took < period/2 || took > 2*period {
		t.Errorf("the difference came after %v", took)
	}
	if err := differ(at.operations(), []string{"DELETE 803", "INSERT 811", "UPDATE 801", "UPDATE 802"}); err != nil {
		t.Error(err)
	}
	if err := same(at.lay(rows), l.at(c, at.time)); err != nil {
		t.Error(err)
	}
}

// TestMaxRateUnderLoad: each of the few pages is the state at its time, and the
// clients that did not ask for a rate get every change.
func TestMaxRateUnderLoad(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting, "TYCOSTREAM_HEARTBEAT=1m")
	g.ready()
	readers, all := make([]*reader, len(conditions)), read(t, g, "")
	for i, c := range conditions {
		readers[i] = read(t, g, "where: "+c.where+", maxRate: 5")
	}
	slow := follow(t, g, subscription{field: "sheet", document: `subscription { sheet(maxRate: 5) { operation fields timestamp data { _key id n name } } }`})
	all.next(0)
	began := time.Now()
	stop := l.keepWriting()
	rest(t.Context(), 2*time.Second)
	stop()
	upto := l.settled()
	for i, c := range conditions {
		l.follows(c, readers[i], map[string]string{}, 0, upto)
		most := int(time.Since(began).Seconds()*5) + 3
		if n := len(readers[i].all()); n > most || n < 5 {
			t.Errorf("%s: %d pages, at most %d", c.where, n, most)
		}
	}
	l.follows(conditions[0], all, map[string]string{}, 0, upto)
	if n := len(all.all()); n < 100 {
		t.Errorf("%d pages without a rate", n)
	}
	slow.holds(t, sheetColumns, func() []string {
		want := reach(t, l.url).lines("SELECT id, n, name FROM sheet")
		return want
	})
	if err := slow.kept(); err != nil {
		t.Error(err)
	}
	slow.mu.Lock()
	defer slow.mu.Unlock()
	if told := slow.events; told > 5000 {
		t.Errorf("%d rows told", told)
	}
}

// TestMaxRows: large sets come in frames, of which the last says so.
func TestMaxRows(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting)
	g.ready()
	chunks := func(p *page, most int) error {
		full := slices.Repeat([]int{most}, len(p.Changes)/most)
		if left := len(p.Changes) % most; left > 0 || len(full) == 0 {
			full = append(full, left)
		}
		if !slices.Equal(p.frames, full) {
			return fmt.Errorf("%s of %d rows in frames of %d", p.Kind, len(p.Changes), p.frames)
		}
		return nil
	}
	for _, c := range conditions {
		for _, most := range []int{1, 3, 7, 1000} {
			limit := fmt.Sprintf(", maxRows: %d", most)
			r := read(t, g, "where: "+c.where+limit)
			at := l.follows(c, r, map[string]string{}, 0, 0)
			if err := chunks(&at, most); err != nil {
				t.Error(err)
			}
			r.sock.close()
			l.comeAndGo()
			p := read(t, g, resuming(c.where, at.Cursor)+limit).next(0)
			l.check(c, at, &p)
			if err := chunks(&p, most); err != nil {
				t.Error(err)
			}
		}
	}
}
