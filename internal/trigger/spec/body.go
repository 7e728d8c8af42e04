package spec

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // a UUID of version 5 is made of it; nobody's secret
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/webhook"
)

// Payload writes the bodies of one trigger's deliveries.
type Payload struct {
	schema *relation.Schema
	row    *codec.RowEncoder
	middle string // behind the event's type
}

// newPayload returns a payload with these columns, nil for all. They come in
// the order of the schema, however they were given.
func newPayload(sh codec.Shape, name string, fields []string) (*Payload, error) {
	chosen := make(map[string]bool, len(fields))
	for _, f := range fields {
		if sh.Schema.Field(f) < 0 {
			return nil, fmt.Errorf("no such column: %q", f)
		}
		chosen[f] = true
	}
	var sel []codec.Field
	for i := range sh.Schema.Columns {
		if f := sh.Schema.Columns[i].Field; fields == nil || chosen[f] {
			sel = append(sel, codec.Field{Alias: f, Name: f})
		}
	}
	row, err := codec.CompileRow(sh, sel)
	if err != nil {
		return nil, err
	}
	middle := relation.AppendJSONString([]byte(`","trigger_name":`), name)
	return &Payload{sh.Schema, row, string(middle) + `,"timestamp":"`}, nil
}

// timestampForm is that of JavaScript's toISOString, which receivers of the
// original's payloads parse.
const timestampForm = "2006-01-02T15:04:05.000Z"

// Body returns the JSON of one event. The row may hold key cells only.
func (p *Payload) Body(id string, kind webhook.Kind, at time.Time, row relation.Row) []byte {
	b := make([]byte, 0, 160+len(p.middle)+2*len(row))
	b = append(append(append(b, `{"event_id":"`...), id...), `","event_type":"`...)
	b = append(append(b, kind.String()...), p.middle...)
	b = append(at.UTC().AppendFormat(b, timestampForm), `","data":`...)
	return append(p.row.Append(b, row), '}')
}

// EventID returns the id of a transition. Whoever finds the same one gives it
// the same id, so that receivers can tell a repetition.
func EventID(trigger, key string, kind webhook.Kind, at uint64, wall int64) string {
	h := sha1.New() //nolint:gosec // see the import
	h.Write([]byte(trigger))
	h.Write([]byte{0, byte(kind)})
	h.Write(strconv.AppendUint(nil, at, 10))
	h.Write([]byte{0})
	h.Write(strconv.AppendInt(nil, wall, 10))
	h.Write([]byte{0})
	h.Write([]byte(key))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50 // version 5
	u[8] = u[8]&0x3f | 0x80
	return dashed(hex.EncodeToString(u))
}

// RandomID returns a UUID of version 4.
func RandomID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return dashed(hex.EncodeToString(u[:]))
}

// dashed puts the dashes of a UUID between its digits.
func dashed(text string) string {
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// KeyRow returns a row that holds only the key that a key text names, for rows
// of which nothing else is known any more.
func KeyRow(s *relation.Schema, key string) (relation.Row, error) {
	texts := []string{key}
	if len(s.Key) != 1 {
		var err error
		if texts, err = keyTexts(s, key); err != nil {
			return "", fmt.Errorf("read the key %q: %w", key, err)
		}
	}
	var b relation.Builder
	for i := range s.Columns {
		cell, ok := "", false
		for at, k := range s.Key {
			if k == i {
				cell, ok = texts[at], true
			}
		}
		b.AppendCell(cell, ok)
	}
	return b.Row(), nil
}

// keyTexts takes the text of a key of several columns apart, as
// [relation.Schema.AppendKey] put it together.
func keyTexts(s *relation.Schema, key string) ([]string, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(key), &parts); err != nil {
		return nil, err
	}
	if len(parts) != len(s.Key) {
		return nil, fmt.Errorf("%d parts instead of %d", len(parts), len(s.Key))
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		switch s.Columns[s.Key[i]].Kind { // all others are strings
		case relation.Integer:
			texts[i] = string(p)
		case relation.Boolean:
			texts[i] = string(p[:1])
		default:
			if err := json.Unmarshal(p, &texts[i]); err != nil {
				return nil, err
			}
		}
	}
	return texts, nil
}
