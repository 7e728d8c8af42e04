package trigger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// Declare makes the triggers that schema.yaml declares for a source what it
// says: it creates, updates and deletes those that the file owns. One of the
// same name that a client created becomes the file's, with its state. What is
// wrong with one trigger does not keep the others from being declared.
func (e *Engine) Declare(ctx context.Context, source string, ins []spec.Input) error {
	h, err := e.hub(source)
	if err != nil {
		if e.opts.Disabled != "" {
			return nil
		}
		return err
	}
	var errs []error
	declared := make(map[string]bool, len(ins))
	for i := range ins {
		declared[ins[i].Name] = true
		if err := e.declare(ctx, h, &ins[i]); err != nil {
			errs = append(errs, fmt.Errorf("trigger %s of source %s: %w", ins[i].Name, source, err))
		}
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	for _, t := range e.all(source) {
		if t.def.Origin == spec.File && !declared[t.def.Name] {
			errs = append(errs, e.remove(ctx, h, t))
		}
	}
	return errors.Join(errs...)
}

// Retire deletes the triggers that the file owned of sources that it no longer
// names, and returns those of clients: they rest until the source is back.
func (e *Engine) Retire(ctx context.Context, named func(source string) bool) (resting []string, err error) {
	if e.opts.Disabled != "" {
		return nil, nil
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	e.mu.RLock()
	var gone []*trigger
	for _, t := range e.byID {
		if !named(t.def.Source) {
			gone = append(gone, t)
		}
	}
	e.mu.RUnlock()
	slices.SortFunc(gone, func(a, b *trigger) int { return spec.Compare(a.def, b.def) })
	var errs []error
	for _, t := range gone {
		if t.def.Origin == spec.File {
			errs = append(errs, e.remove(ctx, nil, t))
		} else {
			resting = append(resting, t.def.Source+"."+t.def.Name)
		}
	}
	return resting, errors.Join(errs...)
}

func (e *Engine) declare(ctx context.Context, h *hub, in *spec.Input) error {
	d, err := in.Define(h.name, spec.File, h.shape)
	if err != nil {
		return err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	t := e.find(h.name, d.Name)
	if t == nil {
		if err := e.check(ctx, d); err != nil {
			return err
		}
		_, err := e.create(ctx, h, d)
		return err
	}
	d.Generation, d.Created, d.Stopped = t.def.Generation, t.def.Created, t.def.Stopped
	if d.Webhook != t.def.Webhook {
		d.Stopped = "" // another receiver
	}
	if d.Settings() == t.def.Settings() && d.Stopped == t.def.Stopped {
		return nil
	}
	if err := e.check(ctx, d); err != nil {
		return err
	}
	return e.replace(ctx, h, t, d)
}
