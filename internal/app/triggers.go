package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	api "github.com/tycostream/tycostream/graph/triggers"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/internal/trigger"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/guard"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

// triggers are the engine that finds transitions, the store that keeps them
// and the deliverer that sends them. All are nil but the engine where triggers
// are off.
type triggers struct {
	o         *Options
	engine    *trigger.Engine
	store     *store.Store
	deliverer *webhook.Deliverer
	tally     *tally
	ctx       context.Context //nolint:containedctx // the declarations' life, which close ends
	cancel    context.CancelFunc
	dead      atomic.Int64 // dead letters, when the store could last be asked
	wg        sync.WaitGroup
	once      sync.Once // of close
}

// countWait bounds how long a scrape of the metrics waits for the store.
const countWait = time.Second

// openTriggers takes DATA_DIR. Nothing is sent before start.
func openTriggers(ctx context.Context, o *Options) (*triggers, error) {
	c := o.Config
	t := &triggers{o: o, tally: newTally(o)}
	t.ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	private := c.AdminSecret != "" || onLoopback(c.Listen.Host)
	policies, err := newPolicies(c.Webhook.Allow)
	if err != nil {
		return nil, err
	}
	options := trigger.Options{
		Check: policies.check, Changed: t.changed, Private: private, Log: o.Log,
	}
	if !c.Triggers.Enabled {
		options.Disabled = disabledText(c.Triggers.At)
		o.Log.Info("triggers are off", slog.Int("declared", declared(o)))
		t.engine, err = trigger.Open(ctx, nil, options)
		return t, err
	}
	dir := dataDir(o)
	t.store, err = store.Open(ctx, store.Options{Dir: dir, Sync: store.Sync(c.Triggers.Sync), Log: o.Log})
	if err != nil {
		return nil, err
	}
	if dir == "" {
		o.Log.Info("triggers and their deliveries are in memory: they end with the gateway; set DATA_DIR to keep them")
	} else {
		o.Log.Info("triggers and their deliveries are kept", slog.String("directory", dir), slog.String("sync", c.Triggers.Sync))
	}
	t.engine, err = trigger.Open(ctx, t.tally.watch(t.store), options)
	if err != nil {
		return nil, errors.Join(err, t.store.Close())
	}
	t.deliverer = webhook.New(webhook.Options{
		Settings: deliverySettings(&c.Webhook), Outbox: t.store, Endpoint: t.endpoint, Gone: t.gone,
		Observe: t.tally.observe, Dial: policies.dial, Version: o.Build.Version, Log: o.Log,
	})
	t.retire(ctx)
	return t, nil
}

// retire ends the triggers of sources that schema.yaml no longer names.
func (t *triggers) retire(ctx context.Context) {
	resting, err := t.engine.Retire(ctx, func(name string) bool {
		return slices.ContainsFunc(t.o.Schema.Sources, func(d *source.Definition) bool { return d.Name == name })
	})
	if err != nil {
		t.o.Log.Error("triggers that schema.yaml no longer declares are not deleted", slog.Any("error", err))
	}
	if len(resting) > 0 {
		t.o.Log.Warn("these triggers rest, as schema.yaml does not name their sources; what they had to deliver is delivered", slog.Any("triggers", resting))
	}
}

// dataDir returns where triggers are kept. A gateway that declares none, and
// was not told where, need not be able to write: it may run where nobody ever
// thought of triggers.
func dataDir(o *Options) string {
	dir := o.Config.DataDir
	if dir != config.DefaultDataDir || declared(o) > 0 {
		return dir
	}
	if err := store.Probe(dir); err != nil && !errors.Is(err, webhook.ErrLocked) {
		o.Log.Warn("nothing can be kept here: set DATA_DIR to a directory that can be written if triggers shall outlive the gateway", slog.Any("error", err))
		return ""
	}
	return dir
}

func disabledText(at string) string {
	text := "this gateway runs no triggers (TRIGGERS=off): ask the one that does"
	if at != "" {
		text += ", at " + at
	}
	return text
}

func declared(o *Options) int {
	n := 0
	for _, list := range o.Schema.Triggers {
		n += len(list)
	}
	return n
}

// deliverySettings spreads the attempts over the schedule, whose last delay
// stands for all beyond it.
func deliverySettings(w *config.Webhook) webhook.Settings {
	delays := slices.Clone(w.Delays)
	if len(delays) == 0 {
		delays = webhook.DefaultDelays()
	}
	for len(delays) < w.Attempts-1 {
		delays = append(delays, delays[len(delays)-1])
	}
	return webhook.Settings{
		Delays: delays[:w.Attempts-1], Timeout: w.Timeout, PerEndpoint: w.Concurrency, InFlight: max(256, w.Concurrency),
	}
}

// onLoopback reports whether only this machine can reach a listener.
func onLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// start begins with what is pending.
func (t *triggers) start() {
	if t.deliverer != nil {
		t.deliverer.Start()
	}
}

// backend is what the API works on.
func (t *triggers) backend() api.Backend {
	if t.deliverer == nil {
		return api.Backend{Disabled: disabledText(t.o.Config.Triggers.At)}
	}
	return api.Backend{Engine: t.engine, Deliveries: deliveries{t.store, t.deliverer}}
}

// deliveries are both halves of what the API shows of deliveries.
type deliveries struct {
	webhook.Admin
	*webhook.Deliverer
}

// attach runs the triggers of a source whose rows are known, those that
// schema.yaml declares among them.
func (t *triggers) attach(e *entry) {
	if t.deliverer == nil {
		return
	}
	t.engine.Attach(e.def.Name, e.feed, codec.Shape{Schema: e.schema, StringScalars: t.o.Schema.StringScalars})
	name, list := e.def.Name, t.o.Schema.Triggers[e.def.Name]
	t.wg.Go(func() { t.declare(name, list) })
}

// declare repeats until all declarations stand: a receiver's name that cannot
// be resolved now may be resolved later.
func (t *triggers) declare(source string, list []spec.Input) {
	said := ""
	for {
		err := t.engine.Declare(t.ctx, source, list)
		if err == nil || t.ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			t.o.Log.Error("triggers of schema.yaml", slog.String("source", source), slog.String("error", text))
			said = text
		}
		select {
		case <-t.ctx.Done():
			return
		case <-time.After(t.o.Config.Retry.Slow):
		}
	}
}

// endpoint is the engine's, signed with the gateway's secrets where the
// trigger has none.
func (t *triggers) endpoint(id string) (webhook.Endpoint, bool) {
	end, ok := t.engine.Endpoint(id)
	if len(end.Secrets) == 0 {
		end.Secrets = t.o.Config.Webhook.Secrets
	}
	return end, ok
}

// gone stops a trigger whose receiver answered 410.
func (t *triggers) gone(id string) {
	t.o.Log.Warn("a receiver answered 410: its trigger is stopped until somebody resumes it", slog.String("trigger", id))
	t.engine.Gone(id)
}

// changed has the deliverer look at an endpoint again.
func (t *triggers) changed(id string) { t.deliverer.Refresh(id) }

// close finishes what is being sent, for no longer than the grace, and gives
// DATA_DIR back. Further calls do nothing.
func (t *triggers) close() { t.once.Do(t.end) }

func (t *triggers) end() {
	t.cancel()
	t.engine.Close()
	if t.deliverer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), t.o.Config.ShutdownGrace)
	defer cancel()
	t.deliverer.Close(ctx)
	t.wg.Wait()
	if err := t.store.Close(); err != nil {
		t.o.Log.Error("close the data directory", slog.Any("error", err))
	}
}

// policies say where deliveries may go: to public addresses and those that
// WEBHOOK_ALLOW names, or to private ones too.
type policies struct{ public, private *guard.Policy }

func newPolicies(allow []string) (*policies, error) {
	public, err := guard.New(false, allow)
	if err != nil {
		return nil, err
	}
	private, err := guard.New(true, allow)
	return &policies{public, private}, err
}

func (p *policies) of(private bool) *guard.Policy {
	if private {
		return p.private
	}
	return p.public
}

func (p *policies) dial(private bool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return p.of(private).Dialer()
}

// resolveWait is how long a name may take to resolve when a trigger is made.
const resolveWait = 5 * time.Second

// check is the engine's question about an address.
func (p *policies) check(ctx context.Context, url string, private bool) error {
	ctx, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	return p.of(private).CheckTarget(ctx, net.DefaultResolver, url)
}

// stats are the triggers as metrics show them.
func (t *triggers) stats() telemetry.TriggerStats {
	var s telemetry.TriggerStats
	if t.deliverer == nil {
		return s
	}
	for _, e := range t.o.Schema.Sources {
		s.Active = append(s.Active, telemetry.SourceCount{Source: e.Name, Count: t.engine.Active(e.Name)})
	}
	s.Transitions, s.Attempts = t.tally.counts()
	s.Seconds, s.Latency = t.tally.seconds.Counts(), t.tally.latency.Counts()
	s.StoreUp = t.store.Failed() == nil
	ctx, cancel := context.WithTimeout(t.ctx, countWait)
	defer cancel()
	if n, err := t.store.Dead(ctx, ""); err == nil {
		t.dead.Store(int64(n))
	}
	s.Queue, s.Dead, s.Counted = t.store.Pending(""), int(t.dead.Load()), true
	return s
}
