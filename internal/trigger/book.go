package trigger

import (
	"container/heap"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
)

// entry is one row under one trigger, while it is not at rest.
type entry struct {
	watch  *watch
	key    string
	status machine.Status
	seq    uint64       // of its last transition in the store
	row    relation.Row // Waiting: the newest, which its FIRE will tell
	met    uint64       // the comparison that met the row last

	due        int64 // Unix microseconds
	place      int   // in the book's timers plus one; 0: it has none
	prev, next *entry
}

// book holds the rows of one source that are not at rest, by key and by time.
type book struct {
	first  map[string]*entry // of the rows with that key under any trigger
	timers timers
}

func newBook() book { return book{first: make(map[string]*entry)} }

// add puts a row into the book. There must be none of that trigger and key.
func (b *book) add(w *watch, key string) *entry {
	e := &entry{watch: w, key: key}
	if e.next = b.first[key]; e.next != nil {
		e.next.prev = e
	}
	b.first[key] = e
	w.rows[key] = e
	return e
}

func (b *book) remove(e *entry) {
	b.stop(e)
	delete(e.watch.rows, e.key)
	if e.next != nil {
		e.next.prev = e.prev
	}
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case e.next != nil:
		b.first[e.key] = e.next
	default:
		delete(b.first, e.key)
	}
}

// drop removes all rows of a trigger.
func (b *book) drop(w *watch) {
	for _, e := range w.rows {
		b.remove(e)
	}
}

// set gives a row its status, and takes it out when there is nothing to
// remember.
func (b *book) set(e *entry, s machine.Status) {
	e.status = s
	if s == (machine.Status{}) {
		b.remove(e)
		return
	}
	due, timed := e.watch.rule.Due(s)
	switch {
	case !timed:
		b.stop(e)
	case e.place == 0:
		e.due = due
		heap.Push(&b.timers, e)
	case e.due != due:
		e.due = due
		heap.Fix(&b.timers, e.place-1)
	}
}

func (b *book) stop(e *entry) {
	if e.place > 0 {
		heap.Remove(&b.timers, e.place-1)
	}
}

// expired returns the row that is due first, if that is at limit or before.
func (b *book) expired(limit int64) *entry {
	if len(b.timers) == 0 || b.timers[0].due > limit {
		return nil
	}
	return b.timers[0]
}

// timers is a heap of entries, the first due at its top.
type timers []*entry

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].due < t[j].due }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i+1, j+1
}

func (t *timers) Push(x any) {
	e := x.(*entry) //nolint:forcetypeassert // nothing else is ever pushed
	*t = append(*t, e)
	e.place = len(*t)
}

func (t *timers) Pop() any {
	old := *t
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	e.place = 0
	return e
}
