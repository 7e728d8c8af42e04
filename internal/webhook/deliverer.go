package webhook

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// storePause is how long a delivery waits when the outbox cannot be read or
// written.
const storePause = 5 * time.Second

// Deliverer posts what an [Outbox] holds. Make one with [New], then [Deliverer.Start] it.
type Deliverer struct {
	opts    Options
	set     Settings
	clients [2]*http.Client // by private
	feed    *results
	ctx     context.Context //nolint:containedctx // ends all requests; Close's own context decides when
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	wake    chan struct{} // one slot: news for the scheduler
	stop    chan struct{}
	once    sync.Once

	news   sync.Mutex // guards the next two; held for no longer than an append
	fresh  []arrival
	change []string // triggers to refresh

	mu     sync.Mutex // never held while the outbox or the owner is called
	sched  *schedule
	closed bool
}

type arrival struct {
	lane Lane
	due  time.Time
}

// New returns a deliverer. Nothing is sent before Start.
func New(o Options) *Deliverer {
	set := o.Settings.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	d := &Deliverer{
		opts: o, set: set, feed: newResults(set.Feed), ctx: ctx, cancel: cancel,
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	d.sched = newSchedule(&d.set)
	for i := range d.clients {
		d.clients[i] = newClient(&o, set, i == 1)
	}
	return d
}

// Start begins with what is pending.
func (d *Deliverer) Start() {
	d.wg.Go(d.run)
	d.opts.Outbox.Announce(func(lane Lane, due time.Time) {
		d.news.Lock()
		d.fresh = append(d.fresh, arrival{lane, due})
		d.news.Unlock()
		d.signal()
	})
}

// Refresh asks for a trigger's endpoint again: after a change of it, a pause
// or its end, and to start a trigger that a 410 has stopped.
func (d *Deliverer) Refresh(trigger string) {
	d.news.Lock()
	d.change = append(d.change, trigger)
	d.news.Unlock()
	d.signal()
}

// Close sends nothing new, waits for the requests that are out until ctx ends,
// then cuts them: what they carry stays in the outbox. It returns when all
// goroutines of the deliverer have ended.
func (d *Deliverer) Close(ctx context.Context) {
	d.once.Do(func() {
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		close(d.stop)
	})
	stop := context.AfterFunc(ctx, d.cancel)
	d.wg.Wait()
	stop()
	d.cancel()
	d.opts.Outbox.Announce(nil)
	for _, c := range d.clients {
		c.CloseIdleConnections()
	}
	d.feed.end()
}

func (d *Deliverer) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run is the scheduler's goroutine: it takes news in and keeps the time.
// Requests that end start the next by themselves.
func (d *Deliverer) run() {
	clock := time.NewTimer(time.Hour)
	defer clock.Stop()
	for {
		d.takeNews()
		d.mu.Lock()
		next := d.sched.advance(time.Now())
		d.launchLocked()
		d.mu.Unlock()
		wait := time.Hour
		if !next.IsZero() {
			wait = time.Until(next)
		}
		clock.Reset(wait)
		select {
		case <-d.wake:
		case <-clock.C:
		case <-d.stop:
			return
		}
	}
}

// takeNews sorts arrivals into queues and asks for endpoints that are not
// known yet.
func (d *Deliverer) takeNews() {
	d.news.Lock()
	fresh, change := d.fresh, d.change
	d.fresh, d.change = nil, nil
	d.news.Unlock()
	ask := map[string]bool{}
	for _, trigger := range change {
		ask[trigger] = true
	}
	d.mu.Lock()
	now := time.Now()
	for _, a := range fresh {
		q := d.sched.queueOf(a.lane.Trigger())
		q.lanes++
		if q.end == nil && !q.held {
			ask[q.trigger] = true
		}
		d.sched.add(q, a.lane, a.due, now)
	}
	d.mu.Unlock()
	for trigger := range ask {
		end, ok := d.opts.Endpoint(trigger)
		d.mu.Lock()
		if q := d.sched.queues[trigger]; q != nil {
			d.placeLocked(q, &end, ok)
		}
		d.mu.Unlock()
	}
}

// placeLocked takes in where a trigger's requests go now. One without an
// endpoint is not held yet: its lanes may be gone, which an attempt finds out.
// What waits for its delay is tried at once when the trigger was held, or goes
// elsewhere, or in another way: what failed may be mended.
func (d *Deliverer) placeLocked(q *queue, end *Endpoint, ok bool) {
	held := q.held
	if q.lanes == 0 {
		q.held = false
		q.lanes++
		d.sched.leave(q)
		return
	}
	stamp := end.stamp()
	other := q.stamp != 0 && q.stamp != stamp
	q.stamp = stamp
	d.sched.place(q, end.URL, ok && end.Paused)
	if !q.held && (held || other) {
		d.sched.hurry(q)
	}
}

// launchLocked starts all that may be sent now.
func (d *Deliverer) launchLocked() {
	for !d.closed {
		j, ok := d.sched.next(time.Now())
		if !ok {
			return
		}
		d.wg.Go(func() { d.work(j) })
	}
}

// work sends one delivery after the other until there is nothing that may be
// sent.
func (d *Deliverer) work(j job) {
	for ok := true; ok; {
		v := d.deliver(j)
		d.mu.Lock()
		d.settleLocked(j, v)
		if ok = !d.closed; ok {
			j, ok = d.sched.next(time.Now())
		}
		d.launchLocked()
		d.mu.Unlock()
	}
}

// verdict is what an attempt means for the schedule.
type verdict struct {
	again     time.Time     // the lane waits until then; zero: it is with the outbox
	hold      bool          // the trigger waits for Refresh
	url       string        // where the trigger's requests go now
	alive     bool          // the endpoint answered as one that works
	took      time.Duration // that answer
	failed    bool          // the endpoint itself failed
	connected bool          // and its host did not
	throttled bool          // it asked for less
	wait      time.Duration // for so long
}

func (d *Deliverer) settleLocked(j job, v verdict) {
	now := time.Now()
	switch {
	case v.alive:
		d.sched.alive(j, v.took)
	case v.failed:
		d.sched.failing(j, v, now)
		d.signal() // there may be a new time to keep
	}
	if v.hold {
		j.queue.held = true
	} else if v.url != "" && v.url != j.end.url && j.queue.end == j.end {
		d.sched.place(j.queue, v.url, false)
	}
	if v.again.IsZero() {
		d.sched.leave(j.queue)
	} else {
		d.sched.add(j.queue, j.lane, v.again, now)
		d.signal()
	}
	d.sched.release(j, now)
}

// deliver makes one attempt and tells the outbox.
func (d *Deliverer) deliver(j job) verdict {
	end, ok := d.opts.Endpoint(j.queue.trigger)
	if end.Paused {
		return verdict{hold: true, again: j.began}
	}
	del, err := d.opts.Outbox.Load(d.ctx, j.lane)
	if errors.Is(err, ErrNotFound) {
		// Gone with its trigger; what else the lane has is announced again.
		return d.concluded(verdict{}, d.opts.Outbox.Done(j.lane, Attempts{}))
	}
	if err != nil {
		return d.concluded(verdict{}, err)
	}
	if !ok {
		return verdict{hold: true, again: j.began}
	}
	began := time.Now()
	a := d.post(d.ctx, end, &del)
	if d.ctx.Err() != nil {
		return verdict{again: j.began}
	}
	return d.conclude(j, end, del, a, began)
}

// conclude decides what an answer means.
func (d *Deliverer) conclude(j job, end Endpoint, del Delivery, a answer, began time.Time) verdict {
	now := time.Now()
	tried := Attempts{Count: del.Attempts.Count + 1, Last: now, Status: a.status, Excerpt: a.excerpt}
	v := a.verdict()
	v.url, v.took = end.URL, now.Sub(began)
	delays := d.set.Delays
	if end.Delays != nil {
		delays = end.Delays
	}
	r := Result{Delivery: del, Took: now.Sub(began)}
	r.Body = nil
	note := d.opts.Outbox.Retry
	switch {
	case a.status/100 == 2:
		r.Status, note = Delivered, d.opts.Outbox.Done
	case a.status == http.StatusGone || tried.Count > len(delays):
		r.Status = Dead
		note = func(lane Lane, a Attempts) error { return d.opts.Outbox.Bury(d.ctx, lane, a) }
	default:
		r.Status = Pending
		delay := max(d.set.spread(delays[tried.Count-1]), min(a.retryAfter, maxRetryAfter))
		tried.Next = now.Add(delay)
		v.again = tried.Next
	}
	r.Attempts = tried
	// Told before it is noted: then the results of a row come in its order.
	d.tell(r)
	err := note(j.lane, tried)
	if a.status == http.StatusGone {
		v.hold = true
		if d.opts.Gone != nil {
			d.opts.Gone(j.queue.trigger)
		}
	}
	return d.concluded(v, err)
}

func (d *Deliverer) tell(r Result) {
	r = d.feed.add(r)
	if d.opts.Observe != nil {
		d.opts.Observe(r)
	}
}

// concluded returns the verdict, or one that waits a while if the outbox
// failed: the delivery is then repeated with the same id.
func (d *Deliverer) concluded(v verdict, err error) verdict {
	if err == nil {
		return v
	}
	if d.opts.Log != nil && d.ctx.Err() == nil {
		d.opts.Log.Warn("webhook: outbox", "err", err)
	}
	if v.again.IsZero() {
		v.again = time.Now().Add(storePause)
	}
	return v
}
