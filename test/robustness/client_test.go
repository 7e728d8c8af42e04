package robustness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The ways to come back.
const (
	freshly = "fresh"  // with no cursor
	newest  = "newest" // with the newest cursor
	older   = "older"  // with some cursor that came before
	same    = "same"   // with the variables of last time, as graphql-ws' silent retry
)

// answered ends the session of a client that asks again and again.
const answered = "answered"

// action is something that a client does by plan.
type action struct {
	At      time.Duration `json:"at"` // from the begin of the act
	Client  int           `json:"client"`
	Do      string        `json:"do"`             // drop, stall
	For     time.Duration `json:"for,omitempty"`  // a stall, or the time away
	Then    string        `json:"then,omitempty"` // how to come back
	Pick    int           `json:"pick,omitempty"` // which older cursor
	Gateway int           `json:"gateway"`        // where to
}

// client is one program that follows the table, and writes down what it hears.
type client struct {
	p     *profile
	round *round

	mu      sync.Mutex // guards what follows
	steps   []*step
	rows    held
	within  bool // a set of frames has begun and not ended
	state   string
	time    uint64 // of the newest frame that has one
	open    bool
	link    *link
	stalled time.Time // until then nothing is read
	away    time.Time // not before then it comes back
	gateway int
	then    string
	pick    int
	resume  string   // of the last subscription
	cursors []string // since the last SNAPSHOT or RESET began, at most a few dozen
}

func (c *client) noteLocked(s *step) {
	s.At, s.Calm = c.round.since(), c.round.calm.Load()
	c.steps = append(c.steps, s)
}

func (c *client) note(s *step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked(s)
}

// run lives until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := 20 * time.Millisecond
		c.session(ctx)
		c.mu.Lock()
		away := time.Until(c.away)
		c.mu.Unlock()
		rest(ctx, away)
		if c.p.Kind == kindQuery || c.p.Kind == kindPoll {
			pause = 60 * time.Millisecond
		}
		rest(ctx, pause)
	}
}

// begin decides how to subscribe now.
func (c *client) begin() (gateway int, resume string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	then := c.then
	if len(c.cursors) == 0 || !c.p.Resumes { // in the middle of a first set there is nothing to go on from
		then = freshly
	}
	switch then {
	case freshly:
		c.resume = ""
	case newest:
		c.resume = c.cursors[len(c.cursors)-1]
	case older:
		c.resume = c.cursors[c.pick%len(c.cursors)]
	}
	if c.resume == "" {
		c.cursors = nil
		if c.p.Transport != overPost { // otherwise the next answer replaces the last one
			c.rows = held{}
		}
	}
	c.within = c.p.frames()
	c.noteLocked(&step{What: stepOpen, Gateway: c.gateway, Resume: c.resume})
	return c.gateway, c.resume
}

// session is one subscription's life.
func (c *client) session(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gateway, resume := c.begin()
	q := c.request(gateway, resume)
	link, err := open(ctx, c.p.Transport, q)
	if err != nil {
		c.note(&step{What: stepEnd, Note: err.Error()})
		return
	}
	defer link.close()
	stop := context.AfterFunc(ctx, link.close)
	defer stop()
	c.mu.Lock()
	c.link, c.open = link, true
	c.mu.Unlock()
	err = c.read(ctx, link)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link, c.open = nil, false
	if no := (*refused)(nil); errors.As(err, &no) {
		c.noteLocked(&step{What: stepError, Note: no.text})
		if strings.Contains(no.text, resync) {
			c.cursors = nil
		}
		return
	}
	c.noteLocked(&step{What: stepEnd, Note: fmt.Sprint(err)})
}

func (c *client) read(ctx context.Context, link *link) error {
	for {
		c.mu.Lock()
		pause := time.Until(c.stalled)
		c.mu.Unlock()
		if pause > 0 {
			rest(ctx, pause)
		}
		payload, err := link.next()
		if err != nil {
			return err
		}
		m, err := decode(c.p, payload)
		if err != nil {
			if no := (*refused)(nil); errors.As(err, &no) {
				return err
			}
			return &refused{"not understood: " + err.Error()}
		}
		if m == nil {
			continue
		}
		c.take(m)
		if c.p.Transport == overPost {
			return errors.New(answered)
		}
	}
}

// take believes a message.
func (c *client) take(m *message) {
	newest, _ := c.round.m.last()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.p.Kind == kindQuery || c.p.Kind == kindPoll && m.Kind == "SNAPSHOT" || m.Kind == "RESET" && (len(c.cursors) > 0 || !c.within) {
		c.rows, c.cursors = held{}, nil
	}
	for i := range m.Events {
		c.rows.apply(&m.Events[i], c.p, idempotent)
	}
	c.within, c.state, c.time = m.Kind != "" && !m.Last, m.State, cmp.Or(m.Time, c.time)
	if m.Last && m.Cursor != "" {
		c.cursors = append(c.cursors, m.Cursor)
		if len(c.cursors) > 60 {
			c.cursors = slices.Delete(c.cursors, 0, 20)
		}
	}
	s := &step{What: stepMessage, Message: m}
	if !m.sent.IsZero() {
		s.Sent = m.sent.Sub(c.round.begun)
	}
	if c.p.Kind == kindQuery {
		s.State = newest
	}
	c.noteLocked(s)
}

// act does what the plan says.
func (c *client) act(a *action) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch a.Do {
	case "stall":
		c.stalled = time.Now().Add(a.For)
		c.noteLocked(&step{What: stepStall, Note: a.For.String()})
	case "drop":
		c.gateway, c.then, c.pick, c.away = a.Gateway, a.Then, a.Pick, time.Now().Add(a.For)
		if c.link != nil {
			c.link.close()
		}
	}
}

// behind says why the client does not yet hold the state; empty: it does.
func (c *client) behind(v *view, s *state) string {
	want := v.rows(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	polls := c.p.Transport == overPost
	switch { // rows alone say little: it may hold the same ones as long before
	case time.Now().Before(c.stalled):
		return "does not read"
	case !c.open && !polls:
		return "not connected"
	case c.within && !polls:
		return "in a set that has not ended"
	case c.p.frames() && c.state != "LIVE":
		return "told that the source is " + c.state
	case c.p.frames() && c.time <= s.before && c.time < s.after: // a time before it; in between it may be either
		return fmt.Sprintf("told of time %d, not yet of %d", c.time, s.after)
	case len(want) != len(c.rows):
		return fmt.Sprintf("%d rows instead of %d", len(c.rows), len(want))
	}
	for key, r := range want {
		if !slices.Equal(c.rows[key], c.p.Select.of(r)) {
			return "row " + key
		}
	}
	return ""
}

// request writes the operation.
func (c *client) request(gateway int, resume string) *request {
	q := &request{addr: c.round.address(gateway), tls: c.round.tls, narrow: !c.p.Eager}
	if c.p.Kind == kindRelay {
		q.path = relayPath(c.p)
		return q
	}
	q.document, q.variables = operation(c.p, resume)
	return q
}

// operation is a profile's GraphQL document with its variables.
func operation(p *profile, resume string) (document string, variables map[string]any) {
	variables = map[string]any{}
	var declared, args []string
	argument := func(name, kind string, v any) {
		declared = append(declared, fmt.Sprintf("$%s: %s", name, kind))
		args = append(args, fmt.Sprintf("%s: $%s", name, name))
		variables[name] = v
	}
	if p.Variables {
		argument("where", "AccountsExpression", p.Where.value())
	} else {
		args = append(args, "where: "+literal(&p.Where))
	}
	if p.frames() && p.Resumes {
		argument("resumeFrom", "String", resume)
	}
	if p.MaxRate > 0 {
		argument("maxRate", "Float", p.MaxRate)
	}
	if p.MaxRows > 0 {
		argument("maxRows", "Int", p.MaxRows)
	}
	if p.Difference && resume != "" {
		args = append(args, "snapshot: false")
	}
	if p.Numbers {
		args = append(args, "numbers: NUMBER")
	}
	row := "_key " + strings.Join(p.Select.names(), " ")
	const head = "kind last timestamp cursor from asOf sentAt state "
	body := map[string]string{
		kindQuery:   row,
		kindRows:    "operation fields timestamp data { " + row + " }",
		kindChanges: head + "changes { operation fields timestamp data { " + row + " } }",
		kindColumns: head + "upserts { " + row + " } deletes { _key id }",
	}
	body[kindPoll] = body[kindChanges]
	verb := "subscription"
	if p.Transport == overPost {
		verb = "query"
	}
	if len(declared) > 0 {
		verb += "(" + strings.Join(declared, ", ") + ")"
	}
	return fmt.Sprintf("%s { %s(%s) { %s } }", verb, p.field(), strings.Join(args, ", "), body[p.Kind]), variables
}

// rest lets time pass.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
