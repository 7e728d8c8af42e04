package triggers

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/internal/trigger"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// timeForm is that of all timestamps of the API.
const timeForm = "2006-01-02T15:04:05.999999Z"

func timestamp(t time.Time) string { return t.UTC().Format(timeForm) }

// optional returns nil for a zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// moment returns nil for a time that is not known.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return optional(timestamp(t))
}

func duration(d spec.Duration) *string {
	if d == 0 {
		return nil
	}
	return optional(d.String())
}

func show(i *trigger.Info) *model.Trigger {
	t := &model.Trigger{
		ID: i.ID, Source: i.Source, Name: i.Name, Webhook: address(i.Webhook), Fire: i.Fire, Clear: optional(i.Clear),
		Origin: model.TriggerOrigin(strings.ToUpper(string(i.Origin))), State: model.TriggerState(i.State),
		Problem: optional(i.Problem), Paused: i.Paused, Snapshot: i.Snapshot, For: duration(i.For), Cooldown: duration(i.Cooldown),
		Fields: i.Fields, Headers: append([]string{}, slices.Sorted(maps.Keys(i.Header))...), Secrets: i.Secrets, Timeout: duration(i.Timeout),
		CreatedAt: timestamp(i.Created), Fired: int(i.Fired), Cleared: int(i.Cleared), //nolint:gosec // counts of events
	}
	if i.Delays != nil {
		t.Delays = []string{}
	}
	for _, d := range i.Delays {
		t.Delays = append(t.Delays, d.String())
	}
	return t
}

// address returns a webhook as it was given, but for the password in it.
func address(webhook string) string {
	u, err := url.Parse(webhook)
	if err != nil {
		return ""
	}
	if _, secret := u.User.Password(); !secret {
		return webhook
	}
	return u.Redacted()
}

// owner names the trigger of a delivery.
type owner struct{ source, name string }

func showDelivery(o owner, d *webhook.Delivery, status webhook.Status) *model.TriggerDelivery {
	out := &model.TriggerDelivery{
		ID: d.ID, Source: o.source, Trigger: o.name, Event: model.TriggerEvent(d.Kind.String()), Time: timestamp(d.Time),
		Status: model.TriggerDeliveryStatus(status.String()), Resent: d.Resent, Attempts: d.Attempts.Count,
		LastAttempt: moment(d.Attempts.Last), ResponseStatus: optional(d.Attempts.Status), Excerpt: optional(d.Attempts.Excerpt),
		Body: optional(string(d.Body)),
	}
	if d.Kind != webhook.Test {
		out.Key = &d.Key
	}
	if status == webhook.Pending {
		out.NextAttempt = moment(d.Attempts.Next)
	}
	return out
}

// listed adds where a list goes on behind a delivery.
func listed(d *model.TriggerDelivery, cursor uint64) model.TriggerDelivery {
	d.Cursor = optional(strconv.FormatUint(cursor, 10))
	return *d
}
