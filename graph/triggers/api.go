package triggers

import (
	"context"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/trigger"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// Engine is what the API needs of triggers: a [trigger.Engine].
type Engine interface {
	Create(ctx context.Context, source string, in spec.Input) (trigger.Info, error)
	Update(ctx context.Context, source, name string, p spec.Patch) (trigger.Info, error)
	Delete(ctx context.Context, source, name string) (trigger.Info, error)
	Pause(ctx context.Context, source, name string) (trigger.Info, error)
	Resume(ctx context.Context, source, name string) (trigger.Info, error)
	Test(ctx context.Context, source, name string) (id string, err error)
	Get(source, name string) (trigger.Info, bool)
	List(source string) []trigger.Info
	Firing(ctx context.Context, source, name string) ([]trigger.FiringRow, error)
}

// Deliveries is what the API needs of deliveries: the store's half and that of
// a [webhook.Deliverer].
type Deliveries interface {
	webhook.Admin
	Follow(trigger string) *webhook.Follower
	Recent(trigger string, limit int) []webhook.Result
}

// Backend is what runs triggers. Without an engine there is none, and Disabled
// says where triggers are; with an engine there are deliveries too.
type Backend struct {
	Engine     Engine
	Deliveries Deliveries
	Disabled   string // for clients; empty: a general text
}

// API answers the fields of the core schema.
type API struct {
	backend Backend
	sources []string
}

// New returns an API for the triggers of sources, by their names in
// schema.yaml.
func New(b Backend, sources []string) *API {
	if b.Disabled == "" {
		b.Disabled = "this gateway runs no triggers: send this to one that does, or start it without TRIGGERS=off"
	}
	return &API{b, sources}
}

// Check refuses what is no condition on a source's rows. argument is the place
// that holds it.
type Check func(argument string, where any) error

// begin refuses callers who may not see triggers, and those who ask where there
// are none.
func (a *API) begin(ctx context.Context) error {
	if err := auth.RequireAdmin(ctx); err != nil {
		return err
	}
	if a.backend.Engine == nil {
		return &Error{Code: spec.CodeDisabled, Text: a.backend.Disabled}
	}
	return nil
}

// List answers the triggers of a source.
func (a *API) List(ctx context.Context, source string) ([]model.Trigger, error) {
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	list := []model.Trigger{}
	for _, i := range a.backend.Engine.List(source) {
		list = append(list, *show(&i))
	}
	return list, nil
}

// Get answers one trigger, nil when there is none of that name.
func (a *API) Get(ctx context.Context, source, name string) (*model.Trigger, error) {
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	i, ok := a.backend.Engine.Get(source, name)
	if !ok {
		return nil, nil //nolint:nilnil // GraphQL's null
	}
	return show(&i), nil
}

// Create makes a trigger.
func (a *API) Create(ctx context.Context, source string, input any, check Check) (*model.Trigger, error) {
	return a.change(ctx, func() (trigger.Info, error) {
		in, err := readInput(input, check)
		if err != nil {
			return trigger.Info{}, err
		}
		return a.backend.Engine.Create(ctx, source, in)
	})
}

// Update changes a trigger.
func (a *API) Update(ctx context.Context, source, name string, input any, check Check) (*model.Trigger, error) {
	return a.change(ctx, func() (trigger.Info, error) {
		p, err := readPatch(input, check)
		if err != nil {
			return trigger.Info{}, err
		}
		return a.backend.Engine.Update(ctx, source, name, p)
	})
}

// Delete removes a trigger, and answers what it was.
func (a *API) Delete(ctx context.Context, source, name string) (*model.Trigger, error) {
	return a.change(ctx, func() (trigger.Info, error) { return a.backend.Engine.Delete(ctx, source, name) })
}

// Pause pauses a trigger.
func (a *API) Pause(ctx context.Context, source, name string) (*model.Trigger, error) {
	return a.change(ctx, func() (trigger.Info, error) { return a.backend.Engine.Pause(ctx, source, name) })
}

// Resume ends a pause.
func (a *API) Resume(ctx context.Context, source, name string) (*model.Trigger, error) {
	return a.change(ctx, func() (trigger.Info, error) { return a.backend.Engine.Resume(ctx, source, name) })
}

// change does what changes a trigger.
func (a *API) change(ctx context.Context, do func() (trigger.Info, error)) (*model.Trigger, error) {
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	i, err := do()
	if err != nil {
		return nil, explain(err)
	}
	return show(&i), nil
}

// Test queues a sample, and answers its id.
func (a *API) Test(ctx context.Context, source, name string) (string, error) {
	if err := a.begin(ctx); err != nil {
		return "", err
	}
	id, err := a.backend.Engine.Test(ctx, source, name)
	return id, explain(err)
}

// known returns a trigger that must exist.
func (a *API) known(ctx context.Context, source, name string) (trigger.Info, error) {
	if err := a.begin(ctx); err != nil {
		return trigger.Info{}, err
	}
	i, ok := a.backend.Engine.Get(source, name)
	if !ok {
		return i, &Error{Code: spec.CodeNotFound, Text: "source " + source + " has no trigger " + name}
	}
	return i, nil
}
