package webhook

import (
	"container/heap"
	"time"
)

// schedule decides what is sent next. It is a data structure: no goroutine, no
// clock, no lock; Deliverer.mu guards it.
//
//	announced ──► queue of a trigger ──► endpoint ──► host ──► request
//	                 ▲     held: paused, stopped                  │
//	                 └──── later: the delays ◄────────────────────┘ failed
//
// A trigger's lanes wait in its queue; queues with lanes take turns at their
// endpoint (the webhook's address); endpoints that may send take turns at the
// slots that all share. So no trigger waits for another's rows, nor any
// endpoint for another's answers, be it on the same host.
//
// Slots are of two classes. Endpoints that answered last within quickAnswer may
// use all of them; others, which are slow, failing, or not known yet, half. So
// the second kind cannot take what the first needs.
//
// A host (scheme, host and port) is judged by whether it can be connected to:
// when it cannot, all endpoints on it share one probe.
type schedule struct {
	set       *Settings
	queues    map[string]*queue    // by trigger
	endpoints map[string]*endpoint // by address
	hosts     map[string]*host     // by origin
	active    [2]fifo[*endpoint]   // by class: that may send; each at most once
	last      class                // that had its turn
	later     timers
	inFlight  [2]int
}

// class is that of an endpoint, and of the slots that it uses.
type class int

const (
	quick class = iota
	slow
)

const (
	quickAnswer   = time.Second
	newcomer      = 2    // requests at a time to an endpoint that never answered
	perHost       = 4    // times PerEndpoint to one host
	keepEndpoints = 4096 // of which the health is remembered although nothing is to be sent
)

// queue holds the lanes of one trigger that are due.
type queue struct {
	trigger string
	end     *endpoint // nil until Endpoint has been asked
	stamp   uint64    // of what Endpoint answered last
	due     fifo[Lane]
	lanes   int  // all that belong to the deliverer: due, later and in flight
	held    bool // nothing is sent until Refresh
	queued  bool // in end.queues
}

// endpoint is one address, its health and its turn.
type endpoint struct {
	health

	url    string
	host   *host
	class  class
	queues fifo[*queue] // with lanes due; each once
	users  int          // queues whose endpoint this is
	active bool         // in schedule.active
	parked bool         // in host.parked
}

// host is what endpoints share: how it can be connected to.
type host struct {
	health

	origin string
	parked [2]fifo[*endpoint] // by class: that wait for the host; each once
	users  int                // endpoints
}

// job is a lane on its way.
type job struct {
	lane  Lane
	queue *queue
	end   *endpoint
	class class
	began time.Time
}

func newSchedule(set *Settings) *schedule {
	return &schedule{set: set, queues: map[string]*queue{}, endpoints: map[string]*endpoint{}, hosts: map[string]*host{}}
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
func (s *schedule) place(q *queue, url string, held bool) {
	q.held = held
	if held {
		return
	}
	s.attach(q, s.endpointOf(url))
	s.offer(q)
}

func (s *schedule) endpointOf(url string) *endpoint {
	e := s.endpoints[url]
	if e != nil {
		return e
	}
	origin := originOf(url)
	h := s.hosts[origin]
	if h == nil {
		most := perHost * s.set.PerEndpoint
		h = &host{origin: origin, health: health{limit: most, most: most}}
		s.hosts[origin] = h
	}
	h.users++
	most := s.set.PerEndpoint
	e = &endpoint{url: url, host: h, class: slow, health: health{limit: min(newcomer, most), most: most}}
	s.endpoints[url] = e
	return e
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

// hurry makes the lanes of a queue due that wait for their delays.
func (s *schedule) hurry(q *queue) {
	kept := s.later[:0]
	for _, t := range s.later {
		if t.queue == q {
			q.due.push(t.lane)
		} else {
			kept = append(kept, t)
		}
	}
	clear(s.later[len(kept):])
	s.later = kept
	heap.Init(&s.later)
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
	if !e.active && !e.parked && e.inFlight < e.limit && e.queues.len() > 0 {
		e.active = true
		s.active[e.class].push(e)
	}
}

// pick takes the next endpoint that has a turn; the classes have it by turns.
func (s *schedule) pick() *endpoint {
	if s.inFlight[quick]+s.inFlight[slow] >= s.set.InFlight {
		return nil
	}
	for skipped := 0; skipped < 2; {
		s.last = 1 - s.last
		if s.last == slow && s.inFlight[slow] >= max(1, s.set.InFlight/2) || s.active[s.last].len() == 0 {
			skipped++
			continue
		}
		e := s.active[s.last].pop()
		e.active = false
		if e.class == s.last {
			return e
		}
		s.activate(e) // it has become one of the others
		skipped = 0
	}
	return nil
}

// next takes the next lane to send, if any may be sent.
func (s *schedule) next(now time.Time) (job, bool) {
	for e := s.pick(); e != nil; e = s.pick() {
		if !e.ready(now) {
			s.unpark(e.host, now) // another may use the host; a timer or an answer activates this one again
			continue
		}
		if !e.host.ready(now) {
			e.parked = true
			e.host.parked[e.class].push(e)
			continue
		}
		if j, ok := s.take(e, now); ok {
			return j, true
		}
		s.unpark(e.host, now)
	}
	return job{}, false
}

// take takes the next lane of an endpoint.
func (s *schedule) take(e *endpoint, now time.Time) (job, bool) {
	for e.queues.len() > 0 {
		q := e.queues.pop()
		q.queued = false
		if q.held || q.end != e || q.due.len() == 0 {
			continue
		}
		j := job{lane: q.due.pop(), queue: q, end: e, class: e.class, began: now}
		e.inFlight++
		e.host.inFlight++
		s.inFlight[j.class]++
		s.offer(q)
		s.activate(e)
		s.unpark(e.host, now)
		return j, true
	}
	return job{}, false
}

// unpark lets endpoints that waited for their host have a turn, one of each
// class: whoever has had one unparks the next.
func (s *schedule) unpark(h *host, now time.Time) {
	if !h.ready(now) {
		return
	}
	for c := range h.parked {
		if h.parked[c].len() > 0 {
			e := h.parked[c].pop()
			e.parked = false
			s.activate(e)
		}
	}
}

// release gives the slots of a job back.
func (s *schedule) release(j job, now time.Time) {
	j.end.inFlight--
	j.end.host.inFlight--
	s.inFlight[j.class]--
	s.activate(j.end)
	s.unpark(j.end.host, now)
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

// forget drops an endpoint that no trigger with lanes uses, when there are many.
func (s *schedule) forget(e *endpoint) {
	if e.users > 0 || e.inFlight > 0 || len(s.endpoints) <= keepEndpoints || s.endpoints[e.url] != e {
		return
	}
	delete(s.endpoints, e.url)
	if e.host.users--; e.host.users == 0 {
		delete(s.hosts, e.host.origin)
	}
}

// alive notes an answer that says the endpoint works.
func (s *schedule) alive(j job, took time.Duration) {
	j.end.class = slow
	if took <= quickAnswer {
		j.end.class = quick
	}
	j.end.alive()
	j.end.host.reached()
}

// reached notes a connection, whatever came of it.
func (h *host) reached() {
	h.alive()
	h.resume = time.Time{}
}

// failing notes a failure, which is the host's when there was no connection,
// else the endpoint's.
func (s *schedule) failing(j job, v verdict, now time.Time) {
	if !v.connected {
		if j.end.host.failing(s.set, j.began, false, 0, now) {
			heap.Push(&s.later, timer{at: j.end.host.resume, host: j.end.host})
		}
		return
	}
	j.end.class = slow
	j.end.host.reached()
	if j.end.failing(s.set, j.began, v.throttled, v.wait, now) {
		heap.Push(&s.later, timer{at: j.end.resume, end: j.end})
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
		switch {
		case t.end != nil:
			s.activate(t.end)
		case t.host != nil:
			s.unpark(t.host, now)
		default:
			t.queue.due.push(t.lane)
			s.offer(t.queue)
		}
	}
	return time.Time{}
}
