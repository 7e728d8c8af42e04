package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// page is a set of frames that belong together.
type page struct {
	Kind      string  `json:"kind"`
	Changes   []event `json:"changes"`
	Last      bool    `json:"last"`
	Timestamp string  `json:"timestamp"`
	Cursor    string  `json:"cursor"`
	From      string  `json:"from"`
	State     string  `json:"state"`

	frames []int // changes of each frame
	time   uint64
}

// pageFields are what documents ask for.
const pageFields = `kind last timestamp cursor from state changes { operation timestamp data { _key id n name } }`

// reader is one operation on sheetChanges, from its start to its end.
type reader struct {
	t    *testing.T
	sock *socket

	mu     sync.Mutex // guards what follows
	part   page       // frames of a set that is not whole yet
	pages  []page
	errors []string
	kinds  []string // of all frames
}

// read starts a subscription with arguments such as `where: {...}, maxRate: 2`.
func read(t *testing.T, g *gateway, arguments string) *reader {
	t.Helper()
	r := &reader{t: t}
	eventually(t, "connect", func() (err error) {
		r.sock, err = open(t.Context(), g.address(), opening{})
		return err
	})
	t.Cleanup(r.sock.close)
	if _, err := r.sock.subscribe("subscription { sheetChanges"+parenthesized(arguments)+" { "+pageFields+" } }", nil, r.take); err != nil {
		t.Fatal(err)
	}
	return r
}

func parenthesized(arguments string) string {
	if arguments == "" {
		return ""
	}
	return "(" + arguments + ")"
}

// resuming joins a filter and a cursor to arguments.
func resuming(where, cursor string) string {
	if cursor == "" {
		return "where: " + where
	}
	return fmt.Sprintf("where: %s, resumeFrom: %q", where, cursor)
}

func (r *reader) take(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var answer struct {
		Data   struct{ SheetChanges page }
		Errors json.RawMessage
	}
	if m.Type != "next" {
		if m.Type == "error" {
			r.errors = append(r.errors, string(m.Payload))
		}
		return
	}
	if err := decode(m.Payload, &answer); err != nil || answer.Errors != nil {
		r.errors = append(r.errors, fmt.Sprint(string(m.Payload), err))
		return
	}
	p := answer.Data.SheetChanges
	r.kinds = append(r.kinds, p.Kind)
	if p.Kind != r.part.Kind {
		r.part = page{} // what was said to a reader that waits
	}
	p.frames = slices.Concat(r.part.frames, []int{len(p.Changes)})
	p.Changes = slices.Concat(r.part.Changes, p.Changes)
	if !p.Last {
		r.part = p
		return
	}
	r.part = page{}
	p.time = must[uint64](r.t)(strconv.ParseUint(p.Timestamp, 10, 64))
	r.pages = append(r.pages, p)
}

// next returns the n-th page, once it is there.
func (r *reader) next(n int) page {
	r.t.Helper()
	var out page
	eventually(r.t, fmt.Sprintf("page %d", n), func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.pages) > n {
			out = r.pages[n]
			return nil
		}
		return fmt.Errorf("%d pages, frames %q, errors %q", len(r.pages), r.kinds, r.errors)
	})
	return out
}

// all returns the pages so far.
func (r *reader) all() []page {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pages)
}

// failure returns the error that ends the operation.
func (r *reader) failure() string {
	r.t.Helper()
	var out string
	eventually(r.t, "an error", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.errors) == 0 {
			return fmt.Errorf("frames %q", r.kinds)
		}
		out = r.errors[0]
		return nil
	})
	return out
}

// poll asks a query for one frame.
func poll(t *testing.T, g *gateway, arguments string) (page, string) {
	t.Helper()
	body := g.query("{ sheetChanges" + parenthesized(arguments) + " { " + pageFields + " } }")
	var answer struct {
		Data   struct{ SheetChanges page }
		Errors json.RawMessage
	}
	if err := decode([]byte(body), &answer); err != nil {
		t.Fatal(err, body)
	}
	p := answer.Data.SheetChanges
	if answer.Errors != nil {
		return p, string(answer.Errors)
	}
	if !p.Last {
		t.Errorf("a query's frame is not the last: %s", body)
	}
	p.time = must[uint64](t)(strconv.ParseUint(p.Timestamp, 10, 64))
	return p, ""
}

// ledger is a sheet in a stand-in of which every state is known.
type ledger struct {
	*sheet
	lmu    sync.Mutex // guards what follows
	times  []uint64
	states []map[int][]any // at times
}

// newLedger makes a sheet in a stand-in of its own.
func newLedger(t *testing.T, o mzsim.ObjectOptions, sims ...mzsim.Options) (l *ledger, setting string) {
	t.Helper()
	so := mzsim.Options{}
	if len(sims) > 0 {
		so = sims[0]
	}
	so.Seed = 7
	sim, setting := stand(t, so)
	l = &ledger{sheet: &sheet{t: t, sim: sim, url: strings.TrimPrefix(setting, "DATABASE_URL="), random: newRandom(), held: map[int][]any{}}}
	o.Type = "materialized view"
	must[any](t)(nil, sim.CreateView("sheet", mzsim.Columns("id integer not null", "n bigint", "name text"), o))
	l.write(60)
	return l, setting
}

// write commits so many random transactions.
func (l *ledger) write(transactions int) {
	l.t.Helper()
	for range transactions {
		l.commit(func(tx *mzsim.Tx) {
			for range 1 + l.random.IntN(5) {
				l.changeLocked(tx)
			}
		})
	}
}

// keepWriting writes until the test calls stop.
func (l *ledger) keepWriting() (stop func()) { return repeat(l.t, func() { l.write(1) }) }

// commit commits one transaction.
func (l *ledger) commit(fill func(*mzsim.Tx)) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	tx := new(mzsim.Tx)
	fill(tx)
	l.lmu.Lock()
	defer l.lmu.Unlock()
	at := must[uint64](l.t)(l.sim.Write(tx))
	l.times, l.states = append(l.times, at), append(l.states, maps.Clone(l.held))
}

// set puts a row in the place of the one with its key, nil for none.
func (l *ledger) set(id int, next []any) {
	l.t.Helper()
	l.commit(func(tx *mzsim.Tx) {
		if old, ok := l.held[id]; ok {
			tx.Delete("sheet", old...)
			delete(l.held, id)
		}
		if next != nil {
			tx.Insert("sheet", next...)
			l.held[id] = next
		}
	})
}

// condition is a filter as a client writes it, and what it means.
type condition struct {
	where string
	match func(row []any) bool
}

var conditions = []condition{
	{"{}", func([]any) bool { return true }},
	{"{n: {_gt: 500}}", func(row []any) bool { return row[1].(int) > 500 }},
	{`{name: {_in: ["a", "b"]}, id: {_lt: 150}}`, func(row []any) bool {
		return (row[2] == "a" || row[2] == "b") && row[0].(int) < 150
	}},
}

// at returns the rows of a condition at a time, by key.
func (l *ledger) at(c condition, t uint64) map[string]string {
	l.lmu.Lock()
	defer l.lmu.Unlock()
	i, found := slices.BinarySearch(l.times, t)
	if !found {
		i--
	}
	return l.stateLocked(c, i)
}

func (l *ledger) stateLocked(c condition, i int) map[string]string {
	out := map[string]string{}
	if i < 0 {
		return out
	}
	for id, row := range l.states[i] {
		if c.match(row) {
			out[strconv.Itoa(id)] = line(row)
		}
	}
	return out
}

func line(row []any) string {
	cells := make([]string, len(row))
	for i, c := range row {
		cells[i] = text(c)
	}
	return strings.Join(cells, " | ")
}

// touched returns the keys of the rows that a condition held at any time from
// after to upto and that changed in between.
func (l *ledger) touched(c condition, after, upto uint64) []string {
	l.lmu.Lock()
	defer l.lmu.Unlock()
	keys := map[string]bool{}
	for i, t := range l.times {
		if t <= after || t > upto {
			continue
		}
		before, now := l.stateLocked(c, i-1), l.stateLocked(c, i)
		for _, pair := range [][2]map[string]string{{before, now}, {now, before}} {
			for k, row := range pair[0] {
				if pair[1][k] != row {
					keys[k] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// lay does to rows what a page says.
func (p *page) lay(rows map[string]string) map[string]string {
	if p.Kind == "SNAPSHOT" || p.Kind == "RESET" {
		clear(rows)
	}
	for _, c := range p.Changes {
		key := text(c.Data["_key"])
		if c.Operation == "DELETE" {
			delete(rows, key)
			continue
		}
		rows[key] = text(c.Data["id"]) + " | " + text(c.Data["n"]) + " | " + text(c.Data["name"])
	}
	return rows
}

// check fails unless a page that continues a position says exactly the
// difference, keys that came and went included, and leads to the state at its
// time from any state in between.
func (l *ledger) check(c condition, from page, p *page) {
	l.t.Helper()
	if p.Kind != "RESUMED" || p.From != from.Cursor {
		l.t.Fatalf("%s: %s from %q, want RESUMED from %q", c.where, p.Kind, p.From, from.Cursor)
	}
	var keys []string
	for _, ch := range p.Changes {
		keys = append(keys, text(ch.Data["_key"]))
	}
	if err := differ(sorted(keys), l.touched(c, from.time, p.time)); err != nil {
		l.t.Errorf("%s: told about other keys than those that changed between %d and %d: %v", c.where, from.time, p.time, err)
	}
	l.lmu.Lock()
	between := slices.DeleteFunc(slices.Clone(l.times), func(t uint64) bool { return t < from.time || t > p.time })
	l.lmu.Unlock()
	for _, t := range append(between, from.time) {
		if err := same(p.lay(l.at(c, t)), l.at(c, p.time)); err != nil {
			l.t.Fatalf("%s: laid over the state at %d: %v", c.where, t, err)
		}
	}
}

// same compares rows by key.
func same(got, want map[string]string) error {
	if maps.Equal(got, want) {
		return nil
	}
	return errors.Join(errors.New("other rows"), differ(slices.Sorted(maps.Values(got)), slices.Sorted(maps.Values(want))))
}

// settled returns a time that everything written so far is not later than.
func (l *ledger) settled() uint64 {
	l.lmu.Lock()
	defer l.lmu.Unlock()
	return l.times[len(l.times)-1]
}

// follows reads pages up to one that is not before a time, and fails unless
// each is the state at its time. It returns the last.
func (l *ledger) follows(c condition, r *reader, rows map[string]string, n int, upto uint64) page {
	l.t.Helper()
	for ; ; n++ {
		p := r.next(n)
		if err := same(p.lay(rows), l.at(c, p.time)); err != nil {
			l.t.Fatalf("%s: %s page %d at %d: %v", c.where, p.Kind, n, p.time, err)
		}
		if p.time >= upto {
			return p
		}
	}
}
