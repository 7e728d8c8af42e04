package codec

import (
	"math/bits"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// Field is one field of a collected selection: fragments are resolved and
// fields with the same response key merged.
type Field struct {
	Alias  string  // response key
	Name   string  // field name, __typename and _key included
	Fields []Field // selection of an object
}

// Types are the GraphQL type names of a source, for __typename.
type Types struct {
	Row       string // LivePnL
	Update    string // LivePnLUpdate
	Changes   string // LivePnLChanges
	Columns   string // LivePnLColumns
	ColumnSet string // LivePnLColumnSet
	KeySet    string // LivePnLKeySet
}

// Shape is what encoders of one source have in common.
type Shape struct {
	Schema        *relation.Schema
	Types         Types
	StringScalars bool // `scalars: string` of schema.yaml

	Anomalies *Anomalies       // counts cells written as null; nil: not counted
	Now       func() time.Time // for sentAt; nil: time.Now
}

// step is one constant fragment and the variable part behind it.
type step struct {
	before  string
	op      op
	index   int     // opCell, opCells: position of the column
	column  *column // opCell, opCells
	events  *plan   // opChanges: one element of the list
	deletes bool    // opCells, opKeys: of the rows that DELETEs removed, not of those that INSERTs and UPDATEs put
}

// op says what a step appends behind its fragment.
type op uint8

const (
	opCell op = iota // one cell of the row
	opKey            // the row's key as a string

	// Of an event.
	opOperation
	opFields
	opTimestamp // of a frame too

	// The rows of a frame.
	opChanges // the list of its events
	opCells   // the list of one column's cells
	opKeys    // the list of its keys

	// The header of a frame.
	opKind
	opLast
	opCursor
	opFrom
	opAsOf
	opSentAt
	opState
)

// plan is a compiled selection.
type plan struct {
	schema *relation.Schema
	steps  []step
	after  string   // behind the last step
	names  []string // opFields: the columns' names as JSON strings
	all    string   // opFields: the list of all names
	now    func() time.Time
}

// scope is what steps read. Row steps need row, event steps event, all others
// frame.
type scope struct {
	row   relation.Row
	event *feed.Event
	frame *feed.Frame

	digits [20]byte // digits[:n] is frame.Time: written once per frame, an array so that nothing escapes
	n      int
	set    [4]uint64 // opFields: room for 256 columns; wider rows cost an allocation
}

func newScope(f *feed.Frame) scope {
	sc := scope{frame: f}
	sc.n = len(strconv.AppendUint(sc.digits[:0], f.Time, 10))
	return sc
}

func (p *plan) append(dst []byte, sc *scope) []byte {
	for i := range p.steps {
		s := &p.steps[i]
		dst = append(dst, s.before...)
		switch s.op {
		case opCell:
			if text, ok := sc.row.Cell(s.index); ok {
				dst = s.column.append(dst, text)
			} else {
				dst = append(dst, "null"...)
			}
		case opKey:
			start := len(dst)
			dst = quoteTail(p.schema.AppendKey(dst, sc.row), start)
		case opFields:
			dst = p.appendFields(dst, sc)
		case opChanges:
			dst = appendChanges(dst, s.events, sc)
		case opCells:
			dst = s.column.appendCells(dst, sc.frame.Events, s.index, s.deletes)
		case opKeys:
			dst = p.appendKeys(dst, sc.frame.Events, s.deletes)
		case opOperation:
			dst = appendWord(dst, sc.event.Op.String())
		case opTimestamp:
			dst = append(dst, '"')
			dst = append(dst, sc.digits[:sc.n]...)
			dst = append(dst, '"')
		case opKind, opLast, opCursor, opFrom, opAsOf, opSentAt, opState:
			dst = p.appendHeader(dst, s.op, sc.frame)
		}
	}
	return append(dst, p.after...)
}

// appendFields appends the names of the columns that the event changed.
func (p *plan) appendFields(dst []byte, sc *scope) []byte {
	e := sc.event
	if e.Op != feed.Update {
		return append(dst, p.all...)
	}
	set := e.Changed
	if e.Old != "" {
		if n := (len(p.names) + 63) / 64; n <= len(sc.set) {
			set = sc.set[:n]
			clear(set)
		} else {
			set = relation.NewColumnSet(len(p.names))
		}
		set = relation.Diff(e.Old, e.Row, set)
	}
	dst = append(dst, '[')
	start := len(dst)
	for at, word := range set {
		for ; word != 0; word &= word - 1 {
			if len(dst) > start {
				dst = append(dst, ',')
			}
			dst = append(dst, p.names[at*64+bits.TrailingZeros64(word)]...)
		}
	}
	return append(dst, ']')
}

func appendChanges(dst []byte, element *plan, sc *scope) []byte {
	dst = append(dst, '[')
	for i := range sc.frame.Events {
		if i > 0 {
			dst = append(dst, ',')
		}
		sc.event = &sc.frame.Events[i]
		sc.row = sc.event.Row
		dst = element.append(dst, sc)
	}
	return append(dst, ']')
}
