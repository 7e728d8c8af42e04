package robustness

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/testpg"
)

// patience is how long a client that has not arrived may be seen to make no
// headway once nothing is broken any more: a cursor ahead of its gateway is
// waited for up to 5 s. At the latest it arrives within most.
const (
	patience = 20 * time.Second
	most     = 10 * patience
)

// round is a plan that is being carried out.
type round struct {
	t        *testing.T
	plan     *plan
	begun    time.Time
	calm     atomic.Bool // nothing is broken
	m        *model
	up       upstream
	gateways []*gateway
	clients  []*client
	views    []*view     // one for each client
	seers    []*client   // one for each gateway, asked when everybody has arrived
	tls      *tls.Config // nil: plain
	late     []string    // who did not arrive, and when
	strain   strain
	strains  int // acts of which it is known only that they were not calm
}

func (r *round) since() time.Duration { return time.Since(r.begun) }

func (r *round) address(gateway int) string { return r.gateways[gateway].address() }

// newRound starts upstream and the gateways.
func newRound(t *testing.T, p *plan, pool *testpg.Pool) *round {
	t.Helper()
	r := &round{t: t, plan: p, begun: time.Now(), m: newModel()}
	environ := p.Environ
	if p.TLS {
		var settings []string
		settings, r.tls = certificate(t)
		environ = slices.Concat(environ, settings)
	}
	b := book{
		t: t, model: r.m, calm: r.calm.Load,
		ledger: &ledger{r: rand.New(rand.NewPCG(p.Seed, 4)), rows: map[string]*record{}, size: p.Keys},
	}
	if p.Upstream == postgreSQL {
		r.up = newPostgres(t, b, pool.Database(t), lanes*p.Keys/2)
	} else {
		r.up = newStand(t, b, lanes*p.Keys/2)
	}
	for i := range p.Gateways {
		g := startGateway(t, fmt.Sprint("gateway ", i), p.Lazy, append(r.up.settings(), environ...))
		r.gateways = append(r.gateways, g)
	}
	for _, c := range p.Clients {
		r.clients = append(r.clients, &client{p: c, round: r, then: newest, rows: held{}})
		r.views = append(r.views, newView(r.m, &c.Where))
	}
	if !p.apart() { // nobody reads there but the clients, and it shall be away at times
		for i := range p.Gateways {
			r.seers = append(r.seers, newSeer(r, i))
		}
	}
	return r
}

// newSeer returns a client that asks one gateway for all rows when it is told to.
func newSeer(r *round, gateway int) *client {
	p := &profile{Name: fmt.Sprint("seer of gateway ", gateway), Kind: kindQuery, Transport: overPost}
	p.Filter = p.Where.String()
	for n := range columns {
		p.Select = append(p.Select, n)
	}
	return &client{p: p, round: r, gateway: gateway, then: newest, rows: held{}}
}

// play carries the plan out, and ends everything.
func (r *round) play() {
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	for _, c := range r.clients {
		wg.Go(func() { c.run(ctx) })
	}
	wg.Go(func() { r.strain.watch(ctx) })
	r.arrive("at the begin")
	for i, a := range r.plan.Acts {
		if len(r.late) > 0 {
			break
		}
		state, begun := r.m.count(), r.since()
		r.strain.take()
		r.act(ctx, a)
		r.arrive(fmt.Sprintf("after act %d (%s)", i, a))
		if still := r.strain.take(); still > strained && a.calm() {
			r.t.Logf("%6.2fs the process stood still for %v: this act was not calm", r.since().Seconds(), still)
			r.disturb(state, begun)
			r.strains++
		}
	}
	cancel()
	wg.Wait()
	for _, g := range r.gateways {
		g.end()
	}
}

func (a *act) String() string {
	switch {
	case a.Fault != "":
		return a.Fault
	case a.Restart > 0:
		return "restart of a gateway"
	case a.Leave:
		return "everybody leaves"
	}
	return "calm"
}

// act lets writers, faults and clients do their part, and mends what is broken.
func (r *round) act(ctx context.Context, a *act) {
	ctx, cancel := context.WithTimeout(ctx, a.Length)
	defer cancel()
	r.calm.Store(a.calm())
	r.t.Logf("%6.2fs %s for %v", r.since().Seconds(), a, a.Length)
	var wg sync.WaitGroup
	if a.Pause > 0 {
		wg.Go(func() { r.write(ctx, a.Pause) })
	}
	wg.Go(func() {
		begun := time.Now()
		for i := range a.Actions {
			rest(ctx, a.Actions[i].At-time.Since(begun))
			r.clients[a.Actions[i].Client].act(&a.Actions[i])
		}
	})
	outer := context.WithoutCancel(ctx) // what was begun is brought to an end
	switch {
	case a.Fault != "":
		rest(ctx, a.Length/4)
		mend := r.up.strike(outer, a.Fault)
		<-ctx.Done()
		mend()
	case a.Restart > 0:
		rest(ctx, a.Length/3)
		g := r.gateways[a.Restart-1]
		g.end()
		rest(ctx, a.Length/3)
		g.start()
	}
	<-ctx.Done()
	wg.Wait()
	r.seal(outer)
}

func (r *round) write(ctx context.Context, pause time.Duration) {
	outer := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		_ = r.up.write(outer) // the database may be away
		rest(ctx, pause)
	}
}

// seal writes until a transaction has succeeded, so that nobody is at the final
// state without having been told since everything was mended.
func (r *round) seal(ctx context.Context) {
	before, _ := r.m.last()
	for end := time.Now().Add(most); time.Now().Before(end); rest(ctx, 20*time.Millisecond) {
		err := r.up.write(ctx)
		if now, _ := r.m.last(); err == nil && now > before {
			return
		}
	}
	r.t.Error("upstream cannot be written any more")
}

// arrive waits until every client and every gateway hold the final state: what a
// gateway without clients has yet to get over must not come when all is calm.
func (r *round) arrive(when string) {
	n, final := r.m.last()
	end := time.Now().Add(most)
	// Until all are there at once, the gateways included: some clients had yet to
	// leave, some held the final rows by chance and are told what came between.
	for waited := true; waited && len(r.late) == 0; {
		for _, c := range r.seers {
			if why := c.ask(final); why != "" {
				r.late = append(r.late, fmt.Sprintf("%s %s: not within %v: %s", c.p.Name, when, 3*patience, why))
			}
		}
		waited = false
		for i, c := range r.clients {
			if c.behind(r.views[i], final) == "" {
				continue
			}
			waited = true
			if why := c.await(r.t.Context(), r.views[i], final, end); why != "" {
				r.late = append(r.late, fmt.Sprintf("%s %s: no headway in %v: %s", c.p.Name, when, patience, why))
			}
		}
	}
	for _, c := range r.clients {
		c.note(&step{What: stepQuiet, State: n})
	}
}

// await waits until the client holds the state, as long as it makes headway, and
// says why it does not.
func (c *client) await(ctx context.Context, v *view, final *state, last time.Time) (why string) {
	why = c.behind(v, final)
	for end := time.Now().Add(patience); why != "" && time.Now().Before(end) && time.Now().Before(last); {
		rest(ctx, 10*time.Millisecond)
		now := c.behind(v, final)
		if now != why {
			end = time.Now().Add(patience)
		}
		why = now
	}
	return why
}

// ask queries until the answer is the state, and says why it is not.
func (c *client) ask(final *state) (why string) {
	ctx, cancel := context.WithTimeout(c.round.t.Context(), 3*patience)
	defer cancel()
	v := newView(c.round.m, &c.p.Where)
	for why = "no answer"; why != "" && ctx.Err() == nil; rest(ctx, 5*time.Millisecond) {
		c.session(ctx)
		why = c.behind(v, final)
	}
	return why
}

// settled waits until the process has no more goroutines than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; rest(t.Context(), 20*time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines instead of %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			return
		}
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
