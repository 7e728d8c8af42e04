package app

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// tally counts what triggers find and what becomes of it. Its labels are
// bounded: sources, kinds of events and HTTP's own statuses. All methods are
// safe for concurrent use.
type tally struct {
	seconds histogram.Histogram // of attempts
	latency histogram.Histogram // of deliveries

	mu          sync.Mutex // guards what follows
	sources     map[string]string
	transitions map[telemetry.TransitionLabels]uint64
	attempts    map[string]uint64
}

// newTally begins with zeros, so that the first event of a kind is seen as an
// increase.
func newTally(o *Options) *tally {
	t := &tally{
		sources: map[string]string{}, transitions: map[telemetry.TransitionLabels]uint64{},
		attempts: map[string]uint64{"200": 0, "none": 0},
	}
	for _, def := range o.Schema.Sources {
		for _, kind := range []webhook.Kind{webhook.Fire, webhook.Clear, webhook.Test} {
			t.transitions[telemetry.TransitionLabels{Source: def.Name, Event: kind.String()}] = 0
		}
	}
	return t
}

// observe is the deliverer's Observe.
func (t *tally) observe(r webhook.Result) {
	t.seconds.Observe(r.Took)
	if r.Status == webhook.Delivered && r.Kind != webhook.Test && !r.Resent {
		t.latency.Observe(time.Since(r.Time))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempts[statusLabel(r.Attempts.Status)]++
}

// statusLabel bounds the label's values: a receiver may answer any number.
func statusLabel(status int) string {
	switch {
	case status == 0:
		return "none" // there was no answer
	case http.StatusText(status) != "":
		return strconv.Itoa(status)
	}
	return "other"
}

// counts are what is counted, for a scrape.
func (t *tally) counts() (transitions []telemetry.TransitionStats, attempts map[string]uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for labels, n := range t.transitions {
		transitions = append(transitions, telemetry.TransitionStats{TransitionLabels: labels, Count: n})
	}
	return transitions, maps.Clone(t.attempts)
}

// watch counts what is appended to a log.
func (t *tally) watch(log webhook.Log) webhook.Log { return &talliedLog{log, t} }

type talliedLog struct {
	webhook.Log

	tally *tally
}

// Append implements webhook.Log.
func (l *talliedLog) Append(ctx context.Context, ts []webhook.Transition) ([]uint64, error) {
	seqs, err := l.Log.Append(ctx, ts)
	if err != nil {
		return seqs, err
	}
	l.tally.mu.Lock()
	defer l.tally.mu.Unlock()
	for i := range ts {
		if !ts[i].Silent {
			l.tally.transitions[telemetry.TransitionLabels{Source: l.tally.sources[ts[i].Trigger], Event: ts[i].Kind.String()}]++
		}
	}
	return seqs, nil
}

// PutDefinition implements webhook.Log.
func (l *talliedLog) PutDefinition(ctx context.Context, name string, doc []byte) error {
	l.tally.learn(name, doc)
	return l.Log.PutDefinition(ctx, name, doc)
}

// DeleteDefinition implements webhook.Log.
func (l *talliedLog) DeleteDefinition(ctx context.Context, name string) error {
	err := l.Log.DeleteDefinition(ctx, name)
	if err == nil {
		l.tally.mu.Lock()
		defer l.tally.mu.Unlock()
		delete(l.tally.sources, name)
	}
	return err
}

// Definitions implements webhook.Log.
func (l *talliedLog) Definitions(ctx context.Context) (map[string][]byte, error) {
	docs, err := l.Log.Definitions(ctx)
	for name, doc := range docs {
		l.tally.learn(name, doc)
	}
	return docs, err
}

// learn notes whose trigger it is.
func (t *tally) learn(id string, doc []byte) {
	d, err := spec.Decode(doc)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sources[id] = d.Source
}
