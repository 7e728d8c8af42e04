package trigger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// State is what a trigger does.
type State string

// The states of a trigger.
const (
	Active  State = "ACTIVE"
	Joining State = "STARTING" // it waits for the source's rows
	Paused  State = "PAUSED"   // by its owner
	Stopped State = "STOPPED"  // by the gateway; Problem says why
	Broken  State = "FAILED"   // it does not fit the source; Problem says why
)

// Info is a trigger as clients may see it.
type Info struct {
	spec.Definition // without secrets
	ID              string
	State           State
	Problem         string
	Secrets         int    // how many sign
	Fired           uint64 // FIREs since the process started
	Cleared         uint64
}

// FiringRow is a row whose CLEAR is to come.
type FiringRow struct {
	Key   string
	Since time.Time
}

// startWait is how long Create, Update and Resume wait for the trigger to have
// begun. They succeed in any case.
const startWait = 5 * time.Second

// Create makes a trigger. When it returns, every change from then on counts,
// unless the source has no rows yet: then those of its first snapshot are the
// ones that the trigger begins with.
func (e *Engine) Create(ctx context.Context, source string, in spec.Input) (Info, error) {
	h, err := e.hub(source)
	if err != nil {
		return Info{}, err
	}
	d, err := in.Define(source, spec.API, h.shape)
	if err != nil {
		return Info{}, err
	}
	if e.find(source, d.Name) != nil { // before anybody is asked about the address
		return Info{}, taken(d)
	}
	if err := e.check(ctx, d); err != nil {
		return Info{}, err
	}
	t, err := e.createNew(ctx, h, d)
	if err != nil {
		return Info{}, err
	}
	e.await(ctx, h, t)
	return e.info(t), nil
}

func taken(d *spec.Definition) error {
	return spec.Refuse(spec.CodeExists, "a trigger %q exists already: update it, delete it first, or choose another name", d.Name)
}

func (e *Engine) createNew(ctx context.Context, h *hub, d *spec.Definition) (*trigger, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	if e.find(d.Source, d.Name) != nil {
		return nil, taken(d)
	}
	return e.create(ctx, h, d)
}

// await waits until a trigger has begun, if it can.
func (e *Engine) await(ctx context.Context, h *hub, t *trigger) {
	e.mu.RLock()
	w := t.watch
	e.mu.RUnlock()
	if w == nil || !h.feed.Status().Ready {
		return
	}
	limit := time.NewTimer(startWait)
	defer limit.Stop()
	select {
	case <-w.begun:
	case <-limit.C:
	case <-ctx.Done():
	case <-e.ctx.Done():
	}
}

// Update changes a trigger. Where conditions stay, so does the state of all
// rows. Otherwise a row that is firing is CLEARed when it meets the new
// condition for that, and goes on firing when it does not; a row that now
// matches is taken note of in silence, or fires with Snapshot, as for a new
// trigger.
func (e *Engine) Update(ctx context.Context, source, name string, p spec.Patch) (Info, error) {
	if err := e.checkPatch(ctx, source, name, &p); err != nil {
		return Info{}, err
	}
	return e.change(ctx, source, name, false, func(h *hub, d *spec.Definition) error {
		if err := p.Apply(d, h.shape); err != nil {
			return err
		}
		if p.Webhook.Given {
			d.Stopped = "" // another receiver
		}
		return nil
	})
}

// checkPatch is the part of Update that may take long, and that nobody else
// shall wait for.
func (e *Engine) checkPatch(ctx context.Context, source, name string, p *spec.Patch) error {
	h, err := e.hub(source)
	if err != nil {
		return err
	}
	t, err := e.own(source, name, false)
	if err != nil || !p.Webhook.Given {
		return err
	}
	e.mu.RLock()
	d := t.def.Clone()
	e.mu.RUnlock()
	if err := p.Apply(d, h.shape); err != nil {
		return err
	}
	return e.check(ctx, d)
}

// Pause has a trigger take no notice of rows, and holds its deliveries back.
func (e *Engine) Pause(ctx context.Context, source, name string) (Info, error) {
	return e.change(ctx, source, name, false, func(_ *hub, d *spec.Definition) error {
		d.Paused = true
		return nil
	})
}

// Resume ends a pause, also one that the gateway itself made. What is another
// than before the pause is told once.
func (e *Engine) Resume(ctx context.Context, source, name string) (Info, error) {
	return e.change(ctx, source, name, true, func(_ *hub, d *spec.Definition) error {
		if d.Origin == spec.API {
			d.Paused = false
		}
		d.Stopped = ""
		return nil
	})
}

// Gone stops a trigger, soon, because its receiver answered 410. It fits
// [webhook.Options].
func (e *Engine) Gone(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.wg.Go(func() {
		err := e.halt(e.ctx, id, "the receiver answered 410 Gone: it wants no more. Resume the trigger, or give it another webhook")
		if err != nil && e.ctx.Err() == nil {
			e.opts.Log.Error("a trigger whose receiver is gone is not stopped", "trigger", id, "error", err)
		}
	})
}

// halt pauses a trigger as the gateway itself does. It does nothing when the
// trigger is gone.
func (e *Engine) halt(ctx context.Context, id, reason string) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	e.mu.RLock()
	t := e.byID[id]
	e.mu.RUnlock()
	if t == nil || t.def.Stopped != "" {
		return nil
	}
	h, err := e.hub(t.def.Source)
	if err != nil {
		return err
	}
	d := t.def.Clone()
	d.Stopped = reason
	return e.replace(ctx, h, t, d)
}

// change replaces a definition by what edit makes of it.
func (e *Engine) change(ctx context.Context, source, name string, resume bool, edit func(*hub, *spec.Definition) error) (Info, error) {
	h, err := e.hub(source)
	if err != nil {
		return Info{}, err
	}
	t, err := e.edit(ctx, h, name, resume, edit)
	if err != nil {
		return Info{}, err
	}
	e.await(ctx, h, t)
	return e.info(t), nil
}

func (e *Engine) edit(ctx context.Context, h *hub, name string, resume bool, edit func(*hub, *spec.Definition) error) (*trigger, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	t, err := e.own(h.name, name, resume)
	if err != nil {
		return nil, err
	}
	d := t.def.Clone()
	if err := edit(h, d); err != nil {
		return nil, err
	}
	return t, e.replace(ctx, h, t, d)
}

// own returns a trigger that the API may change: of one that the file owns only
// what the gateway itself did to it.
func (e *Engine) own(source, name string, resume bool) (*trigger, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t := e.triggers[source][name]
	switch {
	case t == nil:
		return nil, spec.Refuse(spec.CodeNotFound, "there is no trigger %q", name)
	case t.def.Origin == spec.File && (!resume || t.def.Stopped == ""):
		return nil, spec.Refuse(spec.CodeOwned, "trigger %q is declared in schema.yaml: change it there", name)
	}
	return t, nil
}

// Delete removes a trigger with its state and all its deliveries, and returns
// what it was.
func (e *Engine) Delete(ctx context.Context, source, name string) (Info, error) {
	h, err := e.hub(source)
	if err != nil {
		return Info{}, err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	t, err := e.own(source, name, false)
	if err != nil {
		return Info{}, err
	}
	was := e.info(t)
	return was, e.remove(ctx, h, t)
}

// Get returns a trigger, false when there is none.
func (e *Engine) Get(source, name string) (Info, bool) {
	t := e.find(source, name)
	if t == nil {
		return Info{}, false
	}
	return e.info(t), true
}

// List returns the triggers of a source by name.
func (e *Engine) List(source string) []Info {
	var list []Info
	for _, t := range e.all(source) {
		list = append(list, e.info(t))
	}
	return list
}

// Active counts the triggers of a source that watch rows.
func (e *Engine) Active(source string) (n int) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, t := range e.triggers[source] {
		if t.stateLocked() == Active {
			n++
		}
	}
	return n
}

func (e *Engine) info(t *trigger) Info {
	e.mu.RLock()
	defer e.mu.RUnlock()
	i := Info{
		Definition: *t.def.Clone(), ID: t.id, State: t.stateLocked(), Problem: t.problem, Secrets: len(t.def.Secrets),
		Fired: t.counters.fired.Load(), Cleared: t.counters.cleared.Load(),
	}
	i.Definition.Secrets = nil
	if i.State == Stopped {
		i.Problem = t.def.Stopped
	}
	return i
}

// stateLocked says what a trigger does. The engine's mu is held.
func (t *trigger) stateLocked() State {
	switch {
	case t.def.Stopped != "":
		return Stopped
	case t.def.Paused:
		return Paused
	case t.problem != "":
		return Broken
	case t.watch == nil:
		return Joining
	}
	select {
	case <-t.watch.begun:
		return Active
	default:
		return Joining
	}
}

// Firing returns the rows whose CLEAR is to come, by key.
func (e *Engine) Firing(ctx context.Context, source, name string) ([]FiringRow, error) {
	t := e.find(source, name)
	if t == nil {
		return nil, spec.Refuse(spec.CodeNotFound, "there is no trigger %q", name)
	}
	var rows []FiringRow
	err := e.store.States(ctx, t.id, func(key string, _ uint64, state []byte) bool {
		if s, err := machine.DecodeStatus(state); key != markKey && err == nil && s.Phase == machine.Firing {
			rows = append(rows, FiringRow{key, time.UnixMicro(s.Since).UTC()})
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read the rows of trigger %s: %w", name, err)
	}
	slices.SortFunc(rows, func(a, b FiringRow) int { return strings.Compare(a.Key, b.Key) })
	return rows, nil
}

// Test queues a sample delivery, marked as TEST, and returns its event id. It
// shows a row that matches, else any row, else one of nulls.
func (e *Engine) Test(ctx context.Context, source, name string) (string, error) {
	h, err := e.hub(source)
	if err != nil {
		return "", err
	}
	t := e.find(source, name)
	if t == nil {
		return "", spec.Refuse(spec.CodeNotFound, "there is no trigger %q", name)
	}
	e.mu.RLock()
	d := t.def
	e.mu.RUnlock()
	if d.Off() {
		return "", spec.Invalid("trigger %q is paused: resume it first", name)
	}
	c, err := d.Compile(h.shape)
	if err != nil {
		return "", err
	}
	at, id := time.Now().UTC(), spec.RandomID()
	body := c.Payload.Body(id, webhook.Test, at, sample(h, c))
	_, err = e.store.Append(ctx, []webhook.Transition{{
		Trigger: t.id, Key: "test " + id, Kind: webhook.Test, ID: id, Time: at, Body: body,
	}})
	if err != nil {
		return "", fmt.Errorf("queue the test: %w", err)
	}
	return id, nil
}

// sample returns a row to show.
func sample(h *hub, c *spec.Conditions) relation.Row {
	row := nullRow(h.shape.Schema)
	first := true
	for r := range h.feed.All() {
		if c.Fire.Match(r) {
			return r
		}
		if first {
			row, first = r, false
		}
	}
	return row
}
