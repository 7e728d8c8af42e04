package codec

import (
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

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

// changes adds a frame object with its rows one by one.
func (c *compiler) changes(sel []Field) error {
	return c.frame(c.shape.Types.Changes, sel, func(f Field) error {
		if f.Name != "changes" {
			return errUnknown
		}
		inner := compiler{shape: c.shape}
		if err := inner.update(f.Fields); err != nil {
			return err
		}
		c.add(step{op: opChanges, events: inner.finish()})
		return nil
	})
}

// columns adds a frame object with its rows column by column.
func (c *compiler) columns(sel []Field) error {
	return c.frame(c.shape.Types.Columns, sel, func(f Field) error {
		switch f.Name {
		case "upserts":
			return c.set(c.shape.Types.ColumnSet, f.Fields, false)
		case "deletes":
			return c.set(c.shape.Types.KeySet, f.Fields, true)
		}
		return errUnknown
	})
}

// set adds an object of lists, one for each selected column.
func (c *compiler) set(typ string, sel []Field, deletes bool) error {
	return c.object(typ, sel, func(f Field) error {
		if f.Name == "_key" {
			return c.leaf(f, step{op: opKeys, deletes: deletes})
		}
		i := c.shape.Schema.Field(f.Name)
		if i < 0 || deletes && !c.shape.Schema.IsKey(i) {
			return errUnknown
		}
		return c.leaf(f, step{op: opCells, index: i, column: newColumn(c.shape, i).as(c.numbers), deletes: deletes})
	})
}

// frame adds a frame object: its header, and by rows whatever holds the events.
func (c *compiler) frame(typ string, sel []Field, rows func(Field) error) error {
	return c.object(typ, sel, func(f Field) error {
		if o, ok := headerOp(f.Name); ok {
			return c.leaf(f, step{op: o})
		}
		return rows(f)
	})
}
