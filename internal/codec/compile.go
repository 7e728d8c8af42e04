package codec

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// CompileUpdates returns an encoder of one message per event, the whole
// response body {"data":{"<alias>":{...}}} of the original's subscriptions. sel
// selects from the update type: operation, data {...}, fields, timestamp.
func CompileUpdates(sh Shape, alias string, sel []Field) (feed.Encoder, error) {
	c := compiler{shape: &sh}
	c.open(alias)
	if err := c.update(sel); err != nil {
		return nil, err
	}
	return &updates{plan: c.finish("}}"), id: identify("updates", &sh, alias, sel)}, nil
}

// CompileChanges returns an encoder of one message per frame, the whole response
// body. sel selects from the changes type: kind, changes {...}, last, timestamp,
// cursor, from, asOf, sentAt, state.
func CompileChanges(sh Shape, alias string, sel []Field) (feed.Encoder, error) {
	c := compiler{shape: &sh}
	c.open(alias)
	if err := c.changes(sel); err != nil {
		return nil, err
	}
	return &changes{plan: c.finish("}}"), id: identify("changes", &sh, alias, sel)}, nil
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
	if err := c.row(sel); err != nil {
		return nil, err
	}
	return &RowEncoder{plan: c.finish("")}, nil
}

// Append appends r's object to dst.
func (e *RowEncoder) Append(dst []byte, r relation.Row) []byte {
	return e.plan.append(dst, &scope{row: r})
}

// Data returns the value of "data" in a message of [CompileUpdates] or
// [CompileChanges], for transports that build the response body themselves.
func Data(message []byte) []byte {
	return message[len(openData) : len(message)-1]
}

const openData = `{"data":`

// compiler builds a plan. Constant text gathers in before until a step needs
// it, so that neighboring fragments become one.
type compiler struct {
	shape  *Shape
	plan   plan
	before []byte
}

func (c *compiler) open(alias string) {
	c.text(openData + "{")
	c.name(alias)
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

func (c *compiler) finish(tail string) *plan {
	c.text(tail)
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

// row adds a row object.
func (c *compiler) row(sel []Field) error {
	return c.object(c.shape.Types.Row, sel, func(f Field) error {
		if f.Name == "_key" {
			return c.leaf(f, step{op: opKey})
		}
		i := c.shape.Schema.Field(f.Name)
		if i < 0 {
			return errUnknown
		}
		return c.leaf(f, step{op: opCell, index: i, column: newColumn(c.shape, i)})
	})
}

// update adds an update object.
func (c *compiler) update(sel []Field) error {
	return c.object(c.shape.Types.Update, sel, func(f Field) error {
		switch f.Name {
		case "operation":
			return c.leaf(f, step{op: opOperation})
		case "data":
			return c.row(f.Fields)
		case "fields":
			c.fieldNames()
			return c.leaf(f, step{op: opFields})
		case "timestamp":
			return c.leaf(f, step{op: opTimestamp})
		}
		return errUnknown
	})
}

// fieldNames prepares what opFields needs.
func (c *compiler) fieldNames() {
	c.plan.names = nil
	for i := range c.shape.Schema.Columns {
		name := relation.AppendJSONString(nil, c.shape.Schema.Columns[i].Field)
		c.plan.names = append(c.plan.names, string(name))
	}
	c.plan.all = "[" + strings.Join(c.plan.names, ",") + "]"
}

// changes adds a frame object.
func (c *compiler) changes(sel []Field) error {
	return c.object(c.shape.Types.Changes, sel, func(f Field) error {
		switch f.Name {
		case "kind":
			return c.leaf(f, step{op: opKind})
		case "changes":
			return c.events(f)
		case "last":
			return c.leaf(f, step{op: opLast})
		case "timestamp":
			return c.leaf(f, step{op: opTimestamp})
		case "cursor":
			return c.leaf(f, step{op: opCursor})
		case "from":
			return c.leaf(f, step{op: opFrom})
		case "asOf":
			return c.leaf(f, step{op: opAsOf})
		case "sentAt":
			return c.leaf(f, step{op: opSentAt})
		case "state":
			return c.leaf(f, step{op: opState})
		}
		return errUnknown
	})
}

// events adds the list of a frame's changes. It may be selected more than once,
// under different aliases.
func (c *compiler) events(f Field) error {
	inner := compiler{shape: c.shape}
	if err := inner.update(f.Fields); err != nil {
		return err
	}
	c.add(step{op: opChanges, events: inner.finish("")})
	return nil
}

// identify names an encoder by all that its bytes depend on.
func identify(kind string, sh *Shape, alias string, sel []Field) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %q %q %t %v\n", kind, alias, sh.Types, sh.StringScalars, sh.Schema.Key)
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
