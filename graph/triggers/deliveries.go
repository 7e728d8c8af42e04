package triggers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/internal/trigger"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// maxPage is how many entries one list answers at most.
const maxPage = 1000

func checkLimit(limit int) error {
	if limit < 1 || limit > maxPage {
		return invalid("limit", fmt.Sprintf("%d is not between 1 and %d", limit, maxPage))
	}
	return nil
}

// rows returns the rows of a trigger that are firing: none of one that has been
// deleted.
func (a *API) rows(ctx context.Context, t *model.Trigger) ([]trigger.FiringRow, error) {
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	rows, err := a.backend.Engine.Firing(ctx, t.Source, t.Name)
	if e, ok := errors.AsType[*spec.Error](err); ok && e.Code == spec.CodeNotFound {
		return nil, nil
	}
	return rows, explain(err)
}

// Firing counts the rows that are firing.
func (a *API) Firing(ctx context.Context, t *model.Trigger) (int, error) {
	rows, err := a.rows(ctx, t)
	return len(rows), err
}

// FiringRows answers the rows that are firing, those after a key.
func (a *API) FiringRows(ctx context.Context, t *model.Trigger, limit int, after *string) ([]model.TriggerFiringRow, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	rows, err := a.rows(ctx, t)
	if err != nil {
		return nil, err
	}
	if after != nil {
		i, found := slices.BinarySearchFunc(rows, *after, func(r trigger.FiringRow, key string) int { return strings.Compare(r.Key, key) })
		if found {
			i++
		}
		rows = rows[i:]
	}
	out := []model.TriggerFiringRow{}
	for _, r := range rows[:min(limit, len(rows))] {
		out = append(out, model.TriggerFiringRow{Key: r.Key, Since: timestamp(r.Since)})
	}
	return out, nil
}

// Pending counts the deliveries of a trigger that wait.
func (a *API) Pending(ctx context.Context, t *model.Trigger) (int, error) {
	if err := a.begin(ctx); err != nil {
		return 0, err
	}
	return a.backend.Deliveries.Pending(t.ID), nil
}

// Dead counts those that were given up.
func (a *API) Dead(ctx context.Context, t *model.Trigger) (int, error) {
	if err := a.begin(ctx); err != nil {
		return 0, err
	}
	n, err := a.backend.Deliveries.Dead(ctx, t.ID)
	return n, explain(err)
}

// Page says which deliveries to list.
type Page struct {
	Status model.TriggerDeliveryStatus
	Limit  int
	After  *string // a delivery's cursor
}

// Deliveries lists deliveries of a trigger.
func (a *API) Deliveries(ctx context.Context, source, name string, p Page) ([]model.TriggerDelivery, error) {
	i, err := a.known(ctx, source, name)
	if err != nil {
		return nil, err
	}
	if err := checkLimit(p.Limit); err != nil {
		return nil, err
	}
	page := webhook.Page{Limit: p.Limit}
	if p.After != nil && *p.After != "" {
		if page.After, err = strconv.ParseUint(*p.After, 10, 64); err != nil {
			return nil, invalid("after", "it is no cursor of a delivery")
		}
	}
	out, o := []model.TriggerDelivery{}, owner{source, name}
	if p.Status == model.TriggerDeliveryStatusDelivered {
		for _, r := range a.backend.Deliveries.Recent(i.ID, maxRecent) {
			if r.Status == webhook.Delivered && r.N > page.After && len(out) < p.Limit {
				out = append(out, listed(showDelivery(o, &r.Delivery, r.Status), r.N))
			}
		}
		return out, nil
	}
	list, status := a.backend.Deliveries.PendingOf, webhook.Pending
	if p.Status == model.TriggerDeliveryStatusDead {
		list, status = a.backend.Deliveries.DeadOf, webhook.Dead
	}
	found, err := list(ctx, i.ID, page)
	for _, d := range found {
		out = append(out, listed(showDelivery(o, &d, status), d.Seq))
	}
	return out, explain(err)
}

// maxRecent is more than a deliverer remembers.
const maxRecent = 1 << 30

// Resend queues a dead letter again.
func (a *API) Resend(ctx context.Context, source, name, id string) error {
	i, err := a.known(ctx, source, name)
	if err != nil {
		return err
	}
	err = a.backend.Deliveries.Resend(ctx, i.ID, id)
	if errors.Is(err, webhook.ErrNotFound) {
		return &Error{Code: codeNoDelivery, Argument: "id", Text: "the trigger has given up no delivery with this id, or it was sent again already"}
	}
	return explain(err)
}

// ResendAll queues all dead letters of a trigger again, and answers how many.
func (a *API) ResendAll(ctx context.Context, source, name string) (int, error) {
	i, err := a.known(ctx, source, name)
	if err != nil {
		return 0, err
	}
	n, err := a.backend.Deliveries.ResendAll(ctx, i.ID)
	return n, explain(err)
}

// Follow answers the results of attempts as they come.
func (a *API) Follow(ctx context.Context, source, name *string) (<-chan *model.TriggerResult, error) {
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	f := follow{api: a, source: source, owners: map[string]owner{}, out: make(chan *model.TriggerResult)}
	id := ""
	if name != nil {
		if source == nil {
			return nil, invalid("source", "names of triggers are unique per source: name the source too")
		}
		i, err := a.known(ctx, *source, *name)
		if err != nil {
			return nil, err
		}
		id = i.ID
	}
	f.results = a.backend.Deliveries.Follow(id)
	go f.run(ctx)
	return f.out, nil
}

// follow is one subscription. Its goroutine ends with the context.
type follow struct {
	api     *API
	source  *string // nil: all
	results *webhook.Follower
	owners  map[string]owner // by trigger id, of what has been seen
	out     chan *model.TriggerResult
}

func (f *follow) run(ctx context.Context) {
	defer close(f.out)
	missed := uint64(0)
	for {
		list, lost, err := f.results.Next(ctx)
		if err != nil {
			return
		}
		missed += lost
		for _, r := range list {
			o := f.owner(r.Trigger)
			if f.source != nil && o.source != *f.source {
				continue
			}
			select {
			case f.out <- &model.TriggerResult{
				Delivery: showDelivery(o, &r.Delivery, r.Status),
				Seconds:  r.Took.Seconds(), Missed: int(missed),
			}:
				missed = 0
			case <-ctx.Done():
				return
			}
		}
	}
}

// owner names a trigger by its id; one that was deleted meanwhile has no names.
func (f *follow) owner(id string) owner {
	if o, ok := f.owners[id]; ok {
		return o
	}
	for _, source := range f.api.sources {
		for _, i := range f.api.backend.Engine.List(source) {
			f.owners[i.ID] = owner{source, i.Name}
		}
	}
	if _, ok := f.owners[id]; !ok {
		f.owners[id] = owner{}
	}
	return f.owners[id]
}
