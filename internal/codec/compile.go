package codec

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// CompileUpdates returns an encoder of one message per event, the whole
// response body {"data":{"<alias>":{...}}} of the original's subscriptions. sel
// selects from the update type: operation, data {...}, fields, timestamp.
//
// Here and in the functions below an empty alias means the object alone, for
// queries, whose response holds other fields too.
func CompileUpdates(sh Shape, alias string, sel []Field) (feed.Encoder, error) {
	c := compiler{shape: &sh}
	p, err := c.message(alias, func() error { return c.update(sel) })
	if err != nil {
		return nil, err
	}
	return &updates{plan: p, id: identify("updates", &sh, alias, sel, Exact)}, nil
}

// CompileChanges returns an encoder of one message per frame, the whole response
// body. sel selects from the changes type: kind, changes {...}, last, timestamp,
// cursor, from, asOf, sentAt, state.
func CompileChanges(sh Shape, alias string, sel []Field) (feed.Encoder, error) {
	c := compiler{shape: &sh}
	p, err := c.message(alias, func() error { return c.changes(sel) })
	if err != nil {
		return nil, err
	}
	return &frames{plan: p, id: identify("changes", &sh, alias, sel, Exact)}, nil
}

// CompileColumns returns an encoder of one message per frame, the whole
// response body, with the rows column by column. sel selects from the columns
// type: upserts { _key and columns }, deletes { _key and key columns } and the
// other fields of [CompileChanges].
func CompileColumns(sh Shape, alias string, sel []Field, numbers Numbers) (feed.Encoder, error) {
	c := compiler{shape: &sh, numbers: numbers}
	p, err := c.message(alias, func() error { return c.columns(sel) })
	if err != nil {
		return nil, err
	}
	return &frames{plan: p, id: identify("columns", &sh, alias, sel, numbers)}, nil
}

// RowEncoder writes rows as JSON objects. It is immutable and safe for
// concurrent use.
type RowEncoder struct {
	plan *plan
}

// CompileRow returns an encoder of one JSON object per row, for queries. sel
// selects from the row type.
func CompileRow(sh Shape, sel []Field) (*RowEncoder, error) {
	c := compiler{shape: &sh}
	p, err := c.message("", func() error { return c.row(sel) })
	if err != nil {
		return nil, err
	}
	return &RowEncoder{plan: p}, nil
}

// Append appends r's object to dst.
func (e *RowEncoder) Append(dst []byte, r relation.Row) []byte {
	return e.plan.append(dst, &scope{row: r})
}

// Data returns the value of "data" in a message of an encoder with an alias,
// for transports that build the response body themselves.
func Data(message []byte) []byte {
	return message[len(openData) : len(message)-1]
}

const openData = `{"data":`

// compiler builds a plan. Constant text gathers in before until a step needs
// it, so that neighboring fragments become one.
type compiler struct {
	shape   *Shape
	numbers Numbers
	plan    plan
	before  []byte
}

// message compiles what object adds, as the response body under alias or, when
// that is empty, alone.
func (c *compiler) message(alias string, object func() error) (*plan, error) {
	if alias != "" {
		c.text(openData + "{")
		c.name(alias)
	}
	if err := object(); err != nil {
		return nil, err
	}
	if alias != "" {
		c.text("}}")
	}
	return c.finish(), nil
}

func (c *compiler) text(s string) { c.before = append(c.before, s...) }

// name adds a response key.
func (c *compiler) name(s string) {
	c.before = append(relation.AppendJSONString(c.before, s), ':')
}

func (c *compiler) add(s step) {
	s.before = string(c.before)
	c.before = c.before[:0]
	c.plan.steps = append(c.plan.steps, s)
}

func (c *compiler) finish() *plan {
	p := c.plan
	p.schema, p.after = c.shape.Schema, string(c.before)
	p.now = c.shape.Now
	if p.now == nil {
		p.now = time.Now
	}
	return &p
}

// errUnknown is what a field function returns for a field that its type lacks.
var errUnknown = errors.New("unknown field")

// object adds an object of type typ; field adds the value of one of its fields.
func (c *compiler) object(typ string, sel []Field, field func(Field) error) error {
	if len(sel) == 0 {
		return fmt.Errorf("no field of %s is selected", typ)
	}
	seen := make(map[string]bool, len(sel))
	sep := "{"
	for _, f := range sel {
		if seen[f.Alias] {
			return fmt.Errorf("%q is selected twice from %s", f.Alias, typ)
		}
		seen[f.Alias] = true
		c.text(sep)
		c.name(f.Alias)
		sep = ","
		if f.Name == "__typename" {
			c.before = relation.AppendJSONString(c.before, typ)
			continue
		}
		if err := field(f); err != nil {
			return fmt.Errorf("field %q of %s: %w", f.Name, typ, err)
		}
	}
	c.text("}")
	return nil
}

// leaf adds the value of a field without sub-selection.
func (c *compiler) leaf(f Field, s step) error {
	if len(f.Fields) > 0 {
		return errors.New("it has no fields to select")
	}
	c.add(s)
	return nil
}

// identify names an encoder by all that its bytes depend on.
func identify(kind string, sh *Shape, alias string, sel []Field, numbers Numbers) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %q %q %t %d %v\n", kind, alias, sh.Types, sh.StringScalars, numbers, sh.Schema.Key)
	for _, c := range sh.Schema.Columns {
		_, _ = fmt.Fprintf(h, "%q %q %d %d %t", c.Name, c.Field, c.Kind, c.Elem, c.Zoned)
		if c.Enum != nil {
			_, _ = fmt.Fprintf(h, " %q", c.Enum.Values)
		}
		_, _ = fmt.Fprintln(h)
	}
	_, _ = fmt.Fprintf(h, "%q", sel)
	return kind + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}
