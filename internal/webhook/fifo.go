package webhook

import "time"

// timer is a lane, an endpoint or a host that waits for a time.
type timer struct {
	at    time.Time
	lane  Lane
	queue *queue
	end   *endpoint
	host  *host
}

// timers implements heap.Interface.
type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *timers) Push(v any) { *t = append(*t, v.(timer)) } //nolint:forcetypeassert // the heap's only type

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	old := *t
	v := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return v
}

// fifo is a queue on a slice; the front is given back in pieces.
type fifo[T comparable] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) pop() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	f.head++
	if f.head > 32 && f.head > len(f.items)/2 {
		f.items = append(make([]T, 0, f.len()), f.items[f.head:]...)
		f.head = 0
	}
	return v
}

func (f *fifo[T]) remove(v T) {
	for i := f.head; i < len(f.items); i++ {
		if f.items[i] == v {
			f.items = append(f.items[:i], f.items[i+1:]...)
			return
		}
	}
}
