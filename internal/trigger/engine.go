package trigger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/guard"
)

// Options are what an engine needs to know.
type Options struct {
	// Check refuses an address to which nothing may be delivered, as
	// [guard.Policy.CheckTarget] does. private says that private and loopback
	// addresses are allowed. nil: every address will do.
	Check func(ctx context.Context, url string, private bool) error

	// Changed is told of triggers whose endpoint may be another, or gone. It
	// must not call the engine, and may be nil.
	Changed func(id string)

	// Private allows private and loopback addresses for all triggers, not only
	// for those that schema.yaml declares.
	Private bool

	// Disabled says, when it is not empty, why this gateway runs no triggers and
	// which one does.
	Disabled string

	Log *slog.Logger
}

// Engine runs the triggers of all sources. See the package for its concurrency.
type Engine struct {
	store  webhook.Log
	opts   Options
	cancel context.CancelFunc
	ctx    context.Context //nolint:containedctx // the hubs' life, which Close ends
	wg     sync.WaitGroup

	changes sync.Mutex // held by whoever changes definitions, over the writing; taken before mu

	mu       sync.RWMutex // guards all below
	closed   bool
	hubs     map[string]*hub
	triggers map[string]map[string]*trigger // by source and name
	byID     map[string]*trigger
}

// trigger is a definition and, if it is on and its source is there, the watch
// that runs it. The engine's mu guards def, watch and problem.
type trigger struct {
	id       string
	def      *spec.Definition // immutable; replaced
	watch    *watch
	problem  string // why it cannot run
	counters counters
}

// Open reads the definitions from the store. The engine does not close the
// store; it may be nil when the options disable triggers.
func Open(ctx context.Context, store webhook.Log, o Options) (*Engine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		store: store, opts: o,
		hubs: make(map[string]*hub), triggers: make(map[string]map[string]*trigger), byID: make(map[string]*trigger),
	}
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if o.Disabled != "" {
		return e, nil
	}
	docs, err := store.Definitions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the triggers: %w", err)
	}
	for name, doc := range docs {
		d, err := spec.Decode(doc)
		if err != nil {
			return nil, fmt.Errorf("trigger %s: %w", name, err)
		}
		e.put(d)
	}
	ids, err := store.Triggers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the triggers: %w", err)
	}
	for _, id := range ids {
		if e.byID[id] != nil {
			continue
		}
		if err := store.Forget(ctx, id); err != nil { // it was being deleted
			return nil, fmt.Errorf("forget the rows of a deleted trigger: %w", err)
		}
	}
	return e, nil
}

// Attach runs the triggers of a source whose rows f serves. It is called once
// for each source.
func (e *Engine) Attach(source string, f *feed.Feed, sh codec.Shape) {
	if e.opts.Disabled != "" {
		return
	}
	h := newHub(source, f, sh, e.store, e.opts.Log)
	e.changes.Lock()
	defer e.changes.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.hubs[source] = h
	for _, t := range e.triggers[source] {
		e.run(h, t)
	}
	e.wg.Go(func() { h.run(e.ctx) })
}

// Close ends all work and returns when it has ended. What was not appended yet
// is found again by comparison after the next Open.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.wg.Wait()
}

// put registers a definition. mu is held, or nobody else knows the engine.
func (e *Engine) put(d *spec.Definition) *trigger {
	t := &trigger{id: d.ID(), def: d}
	if e.triggers[d.Source] == nil {
		e.triggers[d.Source] = make(map[string]*trigger)
	}
	e.triggers[d.Source][d.Name] = t
	e.byID[t.id] = t
	return t
}

// run starts a trigger's watch if it is on. It holds mu, and changes, so that
// no other watch of it is at work.
func (e *Engine) run(h *hub, t *trigger) {
	t.watch, t.problem = nil, ""
	if h == nil || t.def.Off() {
		return
	}
	c, err := t.def.Compile(h.shape)
	if err != nil {
		t.problem = err.Error()
		h.log.Error("a trigger does not fit its source any more", "trigger", t.def.Name, "error", err)
		return
	}
	t.watch = newWatch(t.def, c, &t.counters)
	h.start(t.watch)
}

// hub returns the hub of a source, and refuses when there can be none.
func (e *Engine) hub(source string) (*hub, error) {
	if e.opts.Disabled != "" {
		return nil, spec.Refuse(spec.CodeDisabled, "%s", e.opts.Disabled)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	switch h := e.hubs[source]; {
	case e.closed:
		return nil, spec.Refuse(spec.CodeClosed, "the gateway is shutting down: try again")
	case h == nil:
		return nil, spec.Refuse(feed.CodeNotReady, "source %s is not known yet: try again", source)
	default:
		return h, nil
	}
}

func (e *Engine) find(source, name string) *trigger {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.triggers[source][name]
}

// Endpoint says where the deliveries of a trigger go, false when the trigger is
// gone. Its delays are nil when the settings' hold.
func (e *Engine) Endpoint(id string) (webhook.Endpoint, bool) {
	e.mu.RLock()
	t := e.byID[id]
	if t == nil {
		e.mu.RUnlock()
		return webhook.Endpoint{}, false
	}
	d := t.def
	e.mu.RUnlock()
	p := webhook.Endpoint{URL: d.Webhook, Header: d.Header, Private: e.private(d.Origin), Timeout: time.Duration(d.Timeout), Paused: d.Off()}
	for _, s := range d.Secrets {
		p.Secrets = append(p.Secrets, string(s))
	}
	for _, v := range d.Delays {
		p.Delays = append(p.Delays, time.Duration(v))
	}
	return p, true
}

func (e *Engine) private(o spec.Origin) bool { return e.opts.Private || o == spec.File }

// check asks whether the address that a definition names will do.
func (e *Engine) check(ctx context.Context, d *spec.Definition) error {
	if e.opts.Check == nil {
		return nil
	}
	err := e.opts.Check(ctx, d.Webhook, e.private(d.Origin))
	if err == nil || d.Origin == spec.File && errors.Is(err, guard.ErrUnreachable) {
		return nil // a name server that is away must not keep the file's triggers away
	}
	if refused, ok := errors.AsType[*guard.RefusedError](err); ok {
		return spec.Refuse(spec.CodeRefused, "webhook: %v", refused)
	}
	return spec.Invalid("webhook: %v", err)
}

func (e *Engine) changed(id string) {
	if e.opts.Changed != nil {
		e.opts.Changed(id)
	}
}

// create stores and starts a definition. It holds changes.
func (e *Engine) create(ctx context.Context, h *hub, d *spec.Definition) (*trigger, error) {
	d.Generation, d.Created = rand.Text(), time.Now().UTC()
	if err := e.store.PutDefinition(ctx, d.ID(), d.Encode()); err != nil {
		return nil, fmt.Errorf("store the trigger: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.put(d)
	e.run(h, t)
	return t, nil
}

// replace stores another definition of a trigger. Its watch goes on unless rows
// are to be looked at in another way. It holds changes.
func (e *Engine) replace(ctx context.Context, h *hub, t *trigger, d *spec.Definition) error {
	if err := e.store.PutDefinition(ctx, t.id, d.Encode()); err != nil {
		return fmt.Errorf("store the trigger: %w", err)
	}
	e.mu.Lock()
	old, w := t.def, t.watch
	t.def = d
	e.mu.Unlock()
	defer e.changed(t.id)
	if old.Watched() == d.Watched() {
		return nil
	}
	if w != nil {
		h.stop(w)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.run(h, t)
	return nil
}

// remove deletes a trigger, its rows' state and its deliveries. It holds
// changes.
func (e *Engine) remove(ctx context.Context, h *hub, t *trigger) error {
	if err := e.store.DeleteDefinition(ctx, t.id); err != nil {
		return fmt.Errorf("delete the trigger: %w", err)
	}
	e.mu.Lock()
	delete(e.triggers[t.def.Source], t.def.Name)
	delete(e.byID, t.id)
	w := t.watch
	e.mu.Unlock()
	defer e.changed(t.id)
	if w != nil {
		h.stop(w)
	}
	if err := e.store.Forget(context.WithoutCancel(ctx), t.id); err != nil {
		// It is deleted all the same, and Open finishes it.
		e.opts.Log.Error("what a deleted trigger left will be removed at the next start", "error", err)
	}
	return nil
}

// all returns the triggers of a source by name.
func (e *Engine) all(source string) []*trigger {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.SortedFunc(maps.Values(e.triggers[source]), func(a, b *trigger) int { return spec.Compare(a.def, b.def) })
}

// Stats are a source's figures, for metrics. Those of single triggers are in
// [Info].
type Stats struct {
	Source   string
	Triggers int
	Active   int    // of them watched
	Rows     int    // rows under triggers that are not at rest
	Compared uint64 // times that rows were compared anew because what happened in between is not known
	Retries  uint64 // of the store
}

// Stats returns the figures of all sources.
func (e *Engine) Stats() []Stats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var all []Stats
	for _, name := range slices.Sorted(maps.Keys(e.hubs)) {
		h := e.hubs[name]
		s := Stats{Source: name, Triggers: len(e.triggers[name]), Compared: h.compared.Load(), Retries: h.retries.Load()}
		h.mu.Lock()
		for w := range h.watches {
			s.Active++
			s.Rows += len(w.rows)
		}
		h.mu.Unlock()
		all = append(all, s)
	}
	return all
}
