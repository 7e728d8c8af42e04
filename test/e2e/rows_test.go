package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// row is one row as a client got it.
type row map[string]any

// event is livePnLUpdate's shape.
type event struct {
	Operation string   `json:"operation"`
	Data      row      `json:"data"`
	Fields    []string `json:"fields"`
	Timestamp string   `json:"timestamp"`
}

// frame is livePnLChanges' shape.
type frame struct {
	Kind      string  `json:"kind"`
	Changes   []event `json:"changes"`
	Last      bool    `json:"last"`
	Timestamp string  `json:"timestamp"`
	State     string  `json:"state"`
}

// rows is what a client holds of one subscription, and what it thinks of the
// messages that it got. Documents must select _key, or id where that is the key.
type rows struct {
	field string // the root field's alias or name

	// check, if there is one, is asked whenever a time is whole.
	check func(count, sum int) error

	mu       sync.Mutex // guards what follows
	held     map[string]row
	sum      int // of column n
	events   int
	inserts  int
	deletes  int
	frames   []frame // without their changes
	time     uint64
	resets   int      // connections, and RESET frames
	partial  bool     // inside a set of frames that is not whole yet
	broken   []string // promises
	failures []string // error messages
	ended    bool     // by the server's complete or error
	state    string
}

func newRows(field string) *rows { return &rows{field: field, held: map[string]row{}} }

// reset forgets everything, as a client that connects anew does.
func (r *rows) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resetLocked()
}

func (r *rows) resetLocked() {
	r.held, r.sum, r.time, r.ended, r.partial = map[string]row{}, 0, 0, false, false
	r.resets++
}

// take is a subscription's handler.
func (r *rows) take(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		r.breakLocked("%s after the end", m.Type)
	}
	switch m.Type {
	case "next":
		r.nextLocked(m.Payload)
	case "error":
		r.ended = true
		r.failures = append(r.failures, string(m.Payload))
	case "complete":
		r.ended = true
	default:
		r.breakLocked("message of type %q", m.Type)
	}
}

func (r *rows) nextLocked(payload []byte) {
	var answer struct {
		Data   map[string]json.RawMessage `json:"data"`
		Errors json.RawMessage            `json:"errors"`
	}
	if err := decode(payload, &answer); err != nil {
		r.breakLocked("not JSON: %v", err)
		return
	}
	if answer.Errors != nil {
		r.failures = append(r.failures, string(answer.Errors))
		return
	}
	body := answer.Data[r.field]
	if !bytes.Contains(body, []byte(`"changes":`)) {
		var e event
		if err := decode(body, &e); err != nil {
			r.breakLocked("%v in %s", err, body)
			return
		}
		r.applyLocked(&e)
		return
	}
	var f frame
	if err := decode(body, &f); err != nil {
		r.breakLocked("%v in %s", err, body)
		return
	}
	if f.Kind == "RESET" || f.Kind == "SNAPSHOT" && !r.partial && len(r.frames) > 0 && len(r.held) > 0 {
		r.resetLocked()
	}
	for i := range f.Changes {
		r.applyLocked(&f.Changes[i])
	}
	r.partial, r.state = !f.Last, f.State
	if f.Last && r.check != nil {
		if err := r.check(len(r.held), r.sum); err != nil {
			r.breakLocked("%s frame at %s: %v", f.Kind, f.Timestamp, err)
		}
	}
	f.Changes = nil
	r.frames = append(r.frames, f)
}

func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

func (r *rows) breakLocked(format string, args ...any) {
	if len(r.broken) < 20 {
		r.broken = append(r.broken, fmt.Sprintf(format, args...))
	}
}

func (r *rows) applyLocked(e *event) {
	r.events++
	if e.Timestamp != "" {
		now, err := strconv.ParseUint(e.Timestamp, 10, 64)
		if err != nil || now < r.time {
			r.breakLocked("time %s after %d", e.Timestamp, r.time)
		}
		if now != r.time && len(r.frames) == 0 && r.check != nil && r.time != 0 {
			if err := r.check(len(r.held), r.sum); err != nil {
				r.breakLocked("at %d: %v", r.time, err)
			}
		}
		r.time = now
	}
	id, given := e.Data["_key"]
	if !given {
		id = e.Data["id"]
	}
	key := text(id)
	if id == nil {
		r.breakLocked("%s without a key: %v", e.Operation, e.Data)
		return
	}
	old, known := r.held[key]
	r.sum -= number(old["n"])
	if e.Operation != "DELETE" {
		r.sum += number(e.Data["n"])
	}
	switch e.Operation {
	case "INSERT":
		if known {
			r.breakLocked("INSERT of row %s, which is held", key)
		}
		r.inserts++
		r.held[key] = e.Data
	case "UPDATE":
		if !known {
			r.breakLocked("UPDATE of row %s, which is not held", key)
		}
		if len(e.Fields) == 0 {
			r.breakLocked("UPDATE of row %s without fields", key)
		}
		for name, value := range e.Data {
			if known && text(value) != text(old[name]) && !slices.Contains(e.Fields, name) {
				r.breakLocked("UPDATE of row %s: %s changed and is not among %v", key, name, e.Fields)
			}
		}
		r.held[key] = e.Data
	case "DELETE":
		if !known {
			r.breakLocked("DELETE of row %s, which is not held", key)
		}
		r.deletes++
		delete(r.held, key)
	default:
		r.breakLocked("operation %q", e.Operation)
	}
}

// number is the value of a whole number, however it is written; 0 for others.
func number(v any) int {
	n, err := strconv.Atoi(text(v))
	if err != nil {
		return 0
	}
	return n
}

// text is a value as both sides of a comparison write it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case json.Number:
		return v.String()
	}
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// lines are the rows, one line each, sorted.
func (r *rows) lines(columns []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, one := range r.held {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = text(one[c])
		}
		out = append(out, strings.Join(cells, " | "))
	}
	slices.Sort(out)
	return out
}

// counts returns the number of rows, and of events so far.
func (r *rows) counts() (held, events int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held), r.events
}

// kept returns an error when a promise was broken or an operation failed.
func (r *rows) kept() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.broken)+len(r.failures) == 0 {
		return nil
	}
	return errors.New(strings.Join(slices.Concat(r.broken, r.failures), "\n"))
}

// seen returns the kinds and states of the frames so far, in order, each as
// often as it changed.
func (r *rows) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, f := range r.frames {
		out = append(out, f.Kind+" "+f.State)
	}
	return strings.Join(slices.Compact(out), ", ")
}

// differ compares lines and says what differs.
func differ(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	left := map[string]int{}
	for _, l := range got {
		left[l]++
	}
	for _, l := range want {
		left[l]--
	}
	var out []string
	for _, l := range slices.SortedFunc(maps.Keys(left), cmp.Compare) {
		switch n := left[l]; {
		case n > 0:
			out = append(out, "client only:   "+l)
		case n < 0:
			out = append(out, "database only: "+l)
		}
	}
	return fmt.Errorf("%d rows instead of %d:\n%.2000s", len(got), len(want), strings.Join(out, "\n"))
}

// value is one cell of one row.
func (r *rows) value(key, column string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return text(r.held[key][column])
}

// contains reports whether s holds all parts.
func contains(s string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}

func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}
