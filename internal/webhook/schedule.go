package webhook

import (
	"container/heap"
	"time"
)

// schedule decides what is sent next. It is a data structure: no goroutine, no
// clock, no lock; Deliverer.mu guards it.
//
//	announced ──► queue of a trigger ──► endpoint ──► request
//	                 ▲     held: paused, stopped        │
//	                 └──── later: the delays ◄──────────┘ failed
//
// A trigger's lanes wait in its queue; queues with lanes take turns at their
// endpoint (scheme, host, port); endpoints that may send take turns at the
// slots that all share. So no trigger waits for another's rows, nor any
// endpoint for another's answers.
type schedule struct {
	set       *Settings
	queues    map[string]*queue    // by trigger
	endpoints map[string]*endpoint // by origin
	active    fifo[*endpoint]      // that may send; each at most once
	later     timers
	inFlight  int
}

// queue holds the lanes of one trigger that are due.
type queue struct {
	trigger string
	end     *endpoint // nil until Endpoint has been asked
	due     fifo[Lane]
	lanes   int  // all that belong to the deliverer: due, later and in flight
	held    bool // nothing is sent until Refresh
	queued  bool // in end.queues
}

// endpoint is one origin's health and turn.
//
//	failures = 0           healthy: up to limit requests at a time
//	0 < failures < Trip    doubtful: the limit halves with each
//	Trip <= failures       down: one request after each pause
//
// An answer that proves the endpoint alive raises the limit by one, so that
// one that has just come back is not flooded.
type endpoint struct {
	origin   string
	queues   fifo[*queue] // with lanes due; each once
	users    int          // queues whose endpoint this is
	limit    int
	inFlight int
	failures int       // in a row
	judged   time.Time // requests from before this no longer count as failures
	resume   time.Time // nothing is sent before
	active   bool      // in schedule.active
}

// job is a lane on its way.
type job struct {
	lane  Lane
	queue *queue
	end   *endpoint
	began time.Time
}

func newSchedule(set *Settings) *schedule {
	return &schedule{set: set, queues: map[string]*queue{}, endpoints: map[string]*endpoint{}}
}

// queueOf returns the queue of a trigger.
func (s *schedule) queueOf(trigger string) *queue {
	q := s.queues[trigger]
	if q == nil {
		q = &queue{trigger: trigger}
		s.queues[trigger] = q
	}
	return q
}

// place puts a queue at its endpoint, or on hold.
func (s *schedule) place(q *queue, origin string, held bool) {
	q.held = held
	if held {
		return
	}
	end := s.endpoints[origin]
	if end == nil {
		end = &endpoint{origin: origin, limit: s.set.PerEndpoint}
		s.endpoints[origin] = end
	}
	s.attach(q, end)
	s.offer(q)
}

// add takes a lane in, for a time; one that is past is now.
func (s *schedule) add(q *queue, l Lane, due, now time.Time) {
	if due.After(now) {
		heap.Push(&s.later, timer{at: due, lane: l, queue: q})
		return
	}
	q.due.push(l)
	s.offer(q)
}

// offer lets a queue and its endpoint take their turns, if they have any.
func (s *schedule) offer(q *queue) {
	if q.held || q.end == nil || q.due.len() == 0 {
		return
	}
	if !q.queued {
		q.queued = true
		q.end.queues.push(q)
	}
	s.activate(q.end)
}

func (s *schedule) activate(e *endpoint) {
	if !e.active && e.inFlight < e.limit && e.queues.len() > 0 {
		e.active = true
		s.active.push(e)
	}
}

// next takes the next lane to send, if any may be sent.
func (s *schedule) next(now time.Time) (job, bool) {
	for s.inFlight < s.set.InFlight && s.active.len() > 0 {
		e := s.active.pop()
		e.active = false
		if e.resume.After(now) || e.inFlight >= e.limit {
			continue // a timer or an answer activates it again
		}
		for e.queues.len() > 0 {
			q := e.queues.pop()
			q.queued = false
			if q.held || q.end != e || q.due.len() == 0 {
				continue
			}
			j := job{lane: q.due.pop(), queue: q, end: e, began: now}
			e.inFlight++
			s.inFlight++
			s.offer(q)
			s.activate(e)
			return j, true
		}
	}
	return job{}, false
}

// release gives the slots of a job back.
func (s *schedule) release(j job) {
	j.end.inFlight--
	s.inFlight--
	s.activate(j.end)
	s.forget(j.end)
}

// leave notes that a lane went back to the outbox.
func (s *schedule) leave(q *queue) {
	q.lanes--
	if q.lanes == 0 && !q.held {
		s.attach(q, nil)
		delete(s.queues, q.trigger)
	}
}

// attach moves a queue to an endpoint; nil: to none.
func (s *schedule) attach(q *queue, e *endpoint) {
	old := q.end
	if old == e {
		return
	}
	if q.end = e; e != nil {
		e.users++
	}
	if old == nil {
		return
	}
	if q.queued {
		q.queued = false
		old.queues.remove(q)
	}
	old.users--
	s.forget(old)
}

// forget drops an endpoint that no trigger with lanes uses.
func (s *schedule) forget(e *endpoint) {
	if e.users == 0 && e.inFlight == 0 && s.endpoints[e.origin] == e {
		delete(s.endpoints, e.origin)
	}
}

// alive notes an answer that says the endpoint works.
func (s *schedule) alive(e *endpoint) {
	e.failures = 0
	e.limit = min(e.limit+1, s.set.PerEndpoint)
	s.activate(e)
}

// failing notes a failure of the endpoint itself. throttled is an answer that
// asks for less; wait is what it asks for.
func (s *schedule) failing(j job, throttled bool, wait time.Duration, now time.Time) {
	e := j.end
	if !j.began.After(e.judged) {
		return // sent before the endpoint was found to be down: nothing new
	}
	e.failures++
	e.limit = max(1, e.limit/2)
	if !throttled && e.failures < s.set.Trip {
		return
	}
	e.failures = max(e.failures, s.set.Trip)
	e.limit, e.judged = 1, now
	pause := max(s.set.probe(e.failures-s.set.Trip), min(wait, maxRetryAfter))
	if at := now.Add(pause); at.After(e.resume) {
		e.resume = at
		heap.Push(&s.later, timer{at: at, end: e})
	}
}

// advance moves what is due by now and returns the time of the next that is
// not; zero: there is none.
func (s *schedule) advance(now time.Time) time.Time {
	for len(s.later) > 0 {
		if s.later[0].at.After(now) {
			return s.later[0].at
		}
		t := heap.Pop(&s.later).(timer) //nolint:forcetypeassert // the heap's only type
		if t.end != nil {
			s.activate(t.end)
			continue
		}
		t.queue.due.push(t.lane)
		s.offer(t.queue)
	}
	return time.Time{}
}

// timer is a lane or an endpoint that waits for a time.
type timer struct {
	at    time.Time
	lane  Lane
	queue *queue
	end   *endpoint
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
