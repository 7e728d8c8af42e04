package robustness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wireRow is a change of one row.
type wireRow struct {
	Operation string         `json:"operation"`
	Fields    []string       `json:"fields"`
	Timestamp string         `json:"timestamp"`
	Data      map[string]any `json:"data"`
}

// wireFrame is a frame of either shape.
type wireFrame struct {
	wireRow
	Kind    string           `json:"kind"`
	Last    *bool            `json:"last"`
	Cursor  string           `json:"cursor"`
	From    string           `json:"from"`
	State   string           `json:"state"`
	AsOf    time.Time        `json:"asOf"`
	SentAt  time.Time        `json:"sentAt"`
	Changes []wireRow        `json:"changes"`
	Upserts map[string][]any `json:"upserts"`
	Deletes map[string][]any `json:"deletes"`
}

// refused is an error that the gateway answered.
type refused struct{ text string }

func (r *refused) Error() string { return r.text }

// field is the root field of a profile's operation.
func (p *profile) field() string {
	switch p.Kind {
	case kindChanges, kindPoll:
		return "accountsChanges"
	case kindColumns:
		return "accountsColumns"
	}
	return "accounts"
}

// decode reads a payload. It returns nil for what is no message, such as the
// relay's header.
func decode(p *profile, payload []byte) (*message, error) {
	switch {
	case p.Kind == kindRelay && p.Format == "jsonl":
		return decodeJSONLine(p, payload)
	case p.Kind == kindRelay:
		return decodeTSV(payload)
	}
	var answer struct {
		Data   map[string]json.RawMessage `json:"data"`
		Errors json.RawMessage            `json:"errors"`
	}
	if err := unmarshal(payload, &answer); err != nil {
		return nil, err
	}
	if answer.Errors != nil {
		return nil, &refused{string(answer.Errors)}
	}
	data := answer.Data[p.field()]
	if p.Kind == kindQuery {
		return decodeList(p, data)
	}
	var f wireFrame
	if err := unmarshal(data, &f); err != nil {
		return nil, err
	}
	if !p.frames() {
		e, err := f.event(p)
		return &message{Time: e.Time, Events: []event{e}}, err
	}
	return f.message(p)
}

func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("payload %.200q: %w", b, err)
	}
	return nil
}

func decodeList(p *profile, data []byte) (*message, error) {
	var rows []map[string]any
	if err := unmarshal(data, &rows); err != nil {
		return nil, err
	}
	m := &message{}
	for _, r := range rows {
		cells, err := p.cells(r)
		if err != nil {
			return nil, err
		}
		m.Events = append(m.Events, event{Op: "UPSERT", Key: fmt.Sprint(r["_key"]), Row: cells})
	}
	return m, nil
}

// event reads a change of one row.
func (w *wireRow) event(p *profile) (e event, err error) {
	if w.Timestamp != "" || !p.frames() {
		if e.Time, err = strconv.ParseUint(w.Timestamp, 10, 64); err != nil {
			return e, fmt.Errorf("timestamp %q: %w", w.Timestamp, err)
		}
	}
	e.Op, e.Fields, e.Key = w.Operation, w.Fields, fmt.Sprint(w.Data["_key"])
	e.Row, err = p.cells(w.Data)
	return e, err
}

func (f *wireFrame) message(p *profile) (*message, error) {
	if f.Last == nil || f.SentAt.IsZero() {
		return nil, errors.New("a frame without last or sentAt")
	}
	m := &message{Kind: f.Kind, Last: *f.Last, Cursor: f.Cursor, From: f.From, State: f.State, sent: f.SentAt}
	var err error
	if m.Time, err = strconv.ParseUint(f.Timestamp, 10, 64); err != nil && (f.Last == nil || *f.Last) {
		return nil, fmt.Errorf("timestamp %q: %w", f.Timestamp, err)
	}
	for i := range f.Changes {
		e, err := f.Changes[i].event(p)
		if err != nil {
			return nil, err
		}
		m.Events = append(m.Events, e)
	}
	for i, key := range f.Deletes["_key"] {
		if f.Deletes["id"][i] != json.Number(fmt.Sprint(key)) {
			return nil, fmt.Errorf("deletes: _key %v beside id %v", key, f.Deletes["id"][i])
		}
		m.Events = append(m.Events, event{Op: "DELETE", Key: fmt.Sprint(key)})
	}
	for i, key := range f.Upserts["_key"] {
		row := map[string]any{}
		for name, column := range f.Upserts {
			if len(column) != len(f.Upserts["_key"]) {
				return nil, fmt.Errorf("column %s has %d values for %d rows", name, len(column), len(f.Upserts["_key"]))
			}
			row[name] = column[i]
		}
		cells, err := p.cells(row)
		if err != nil {
			return nil, err
		}
		m.Events = append(m.Events, event{Op: "UPSERT", Key: fmt.Sprint(key), Row: cells})
	}
	return m, nil
}

// cells reads the selected columns of a row.
func (p *profile) cells(data map[string]any) ([]string, error) {
	out := make([]string, len(p.Select))
	for i, c := range p.Select {
		v, ok := data[columns[c].name]
		if !ok {
			return nil, fmt.Errorf("column %s is missing", columns[c].name)
		}
		var err error
		if out[i], err = cell(columns[c].kind, v, p.Numbers); err != nil {
			return nil, fmt.Errorf("column %s: %w", columns[c].name, err)
		}
	}
	return out, nil
}

// cell reads a JSON value as the text that the model has.
func cell(k kind, v any, numbers bool) (string, error) {
	switch v := v.(type) {
	case nil:
		return null, nil
	case json.Number:
		if k == integer || k == float || numbers && (k == bigint || k == decimal) {
			return v.String(), nil
		}
	case bool:
		if k == boolean {
			return strconv.FormatBool(v), nil
		}
	case string:
		if k != integer && k != float && k != boolean && (!numbers || k != bigint && k != decimal) {
			return v, nil
		}
	}
	return "", fmt.Errorf("%v (%T) is not how this type is written", v, v)
}

func lineEvent(diff int, row []string) (e event, err error) {
	op, ok := map[int]string{1: "UPSERT", -1: "DELETE"}[diff]
	if !ok {
		return e, fmt.Errorf("diff %d", diff)
	}
	return event{Op: op, Key: row[0], Row: row}, nil
}

func decodeJSONLine(p *profile, line []byte) (*message, error) {
	var l struct {
		Timestamp string
		Diff      int
		Row       map[string]any
	}
	if err := unmarshal(line, &l); err != nil {
		return nil, err
	}
	row, err := p.cells(l.Row)
	if err != nil {
		return nil, err
	}
	time, err := strconv.ParseUint(l.Timestamp, 10, 64)
	if err != nil {
		return nil, err
	}
	e, err := lineEvent(l.Diff, row)
	return &message{Time: time, Events: []event{e}}, err
}

var unescape = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")

func decodeTSV(line []byte) (*message, error) {
	fields := strings.Split(string(line), "\t")
	if len(fields) != len(columns)+2 {
		return nil, fmt.Errorf("line %.200q", line)
	}
	if fields[0] == "timestamp" {
		if !slices.Equal(fields[2:], columnNames()) {
			return nil, fmt.Errorf("header %.200q", line)
		}
		return nil, nil //nolint:nilnil // no message and no mistake
	}
	time, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return nil, err
	}
	diff, err := strconv.Atoi(fields[1])
	if err != nil {
		return nil, err
	}
	row := fields[2:]
	for i, c := range columns {
		switch {
		case row[i] == `\N`:
			row[i] = null
		case c.kind == boolean:
			row[i] = map[string]string{"t": "true", "f": "false"}[row[i]]
		case c.kind == timestamp:
			row[i] = strings.Replace(strings.TrimSuffix(row[i], "+00"), " ", "T", 1) + "Z"
		default:
			row[i] = unescape.Replace(row[i])
		}
	}
	e, err := lineEvent(diff, row)
	return &message{Time: time, Events: []event{e}}, err
}
