package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

// fakeOutbox is an outbox in memory that checks how it is used.
type fakeOutbox struct {
	mu    sync.Mutex
	ready func(webhook.Lane, time.Time)
	lanes map[string]*fakeLane
	dead  []webhook.Delivery
	fail  error // of the next conclusions
	wrong []string
}

type fakeLane struct {
	trigger string
	queue   []webhook.Delivery
	out     bool
}

func (l *fakeLane) Trigger() string { return l.trigger }

func newOutbox() *fakeOutbox { return &fakeOutbox{lanes: map[string]*fakeLane{}} }

// put queues a delivery of a row.
func (o *fakeOutbox) put(trigger, key, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := trigger + "/" + key
	l := o.lanes[name]
	if l == nil {
		l = &fakeLane{trigger: trigger}
		o.lanes[name] = l
	}
	l.queue = append(l.queue, webhook.Delivery{Trigger: trigger, Key: key, ID: id, Kind: webhook.Fire, Body: fmt.Appendf(nil, `{"id":%q}`, id)})
	o.announce(l)
}

func (o *fakeOutbox) announce(l *fakeLane) {
	if o.ready == nil || l.out || len(l.queue) == 0 {
		return
	}
	l.out = true
	o.ready(l, l.queue[0].Attempts.Next)
}

func (o *fakeOutbox) Announce(ready func(webhook.Lane, time.Time)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = ready
	names := make([]string, 0, len(o.lanes))
	for name := range o.lanes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if ready == nil {
			o.lanes[name].out = false
		}
		o.announce(o.lanes[name])
	}
}

func (o *fakeOutbox) Load(_ context.Context, handle webhook.Lane) (webhook.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := handle.(*fakeLane)
	if len(l.queue) == 0 {
		return webhook.Delivery{}, webhook.ErrNotFound
	}
	return l.queue[0], nil
}

func (o *fakeOutbox) take(handle webhook.Lane, keep bool) (*fakeLane, error) {
	l := handle.(*fakeLane)
	if !l.out || len(l.queue) == 0 {
		o.wrong = append(o.wrong, "concluded twice: "+l.trigger)
		return nil, webhook.ErrNotTaken
	}
	if err := o.fail; err != nil {
		o.fail = nil
		return nil, err
	}
	if !keep {
		l.queue = l.queue[1:]
		l.out = false
		o.announce(l)
	}
	return l, nil
}

func (o *fakeOutbox) Done(handle webhook.Lane, _ webhook.Attempts) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.take(handle, false)
	return err
}

func (o *fakeOutbox) Retry(handle webhook.Lane, a webhook.Attempts) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	l, err := o.take(handle, true)
	if err == nil {
		l.queue[0].Attempts = a
	}
	return err
}

func (o *fakeOutbox) Bury(_ context.Context, handle webhook.Lane, a webhook.Attempts) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := handle.(*fakeLane)
	if len(l.queue) == 0 {
		return nil
	}
	d := l.queue[0]
	d.Attempts = a
	_, err := o.take(handle, false)
	if err == nil {
		o.dead = append(o.dead, d)
	}
	return err
}

func (o *fakeOutbox) pending() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, l := range o.lanes {
		n += len(l.queue)
	}
	return n
}

func (o *fakeOutbox) buried() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []string
	for _, d := range o.dead {
		ids = append(ids, d.ID)
	}
	return ids
}

// world is a network of hosts in memory: what answers is a function per host.
type world struct {
	mu      sync.Mutex
	hosts   map[string]func(id string, w http.ResponseWriter, r *http.Request)
	down    map[string]bool // refuses connections
	log     []hit
	busy    map[string]int
	busiest map[string]int
}

type hit struct {
	at   time.Time
	host string
	id   string
}

var errRefused = errors.New("connection refused")

func newWorld() *world {
	return &world{
		hosts: map[string]func(string, http.ResponseWriter, *http.Request){}, down: map[string]bool{},
		busy: map[string]int{}, busiest: map[string]int{},
	}
}

func (w *world) dial(bool) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, addr string) (net.Conn, error) {
		host, _, _ := strings.Cut(addr, ":")
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.down[host] {
			w.log = append(w.log, hit{time.Now(), host, "refused"})
			return nil, errRefused
		}
		here, there := net.Pipe()
		go serve(there, w)
		return here, nil
	}
}

// serve answers the requests of one connection.
func serve(c net.Conn, w *world) {
	one := &oneConn{conn: c, closed: make(chan struct{})}
	srv := &http.Server{Handler: w, ReadHeaderTimeout: time.Hour, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed || s == http.StateHijacked {
			one.Close()
		}
	}}
	_ = srv.Serve(one)
}

// oneConn is a listener with one connection; Accept ends with it.
type oneConn struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, io.EOF
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	id := r.Header.Get("Webhook-Id")
	w.mu.Lock()
	w.log = append(w.log, hit{time.Now(), r.Host, id})
	answer := w.hosts[r.Host]
	w.busy[r.Host]++
	w.busiest[r.Host] = max(w.busiest[r.Host], w.busy[r.Host])
	w.mu.Unlock()
	if answer != nil {
		answer(id, rw, r)
	}
	w.mu.Lock()
	w.busy[r.Host]--
	w.mu.Unlock()
}

// hits returns the times, since start, at which the host was tried, and with
// what.
func (w *world) hits(host string, start time.Time) (at []time.Duration, ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.log {
		if h.host == host {
			at, ids = append(at, h.at.Sub(start)), append(ids, h.id)
		}
	}
	return at, ids
}

// deliverer starts one over the fake outbox and the fake world; trigger x goes
// to http://x/.
func deliverer(t *testing.T, o *fakeOutbox, w *world, change func(*webhook.Options)) *webhook.Deliverer {
	t.Helper()
	opts := webhook.Options{
		Outbox: o, Dial: w.dial, Version: "test",
		Endpoint: func(trigger string) (webhook.Endpoint, bool) {
			return webhook.Endpoint{URL: "http://" + trigger + "/hook?token=secret"}, true
		},
	}
	if change != nil {
		change(&opts)
	}
	d := webhook.New(opts)
	d.Start()
	return d
}
