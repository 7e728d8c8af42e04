package pgoutput

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tycostream/tycostream/internal/source"
)

// ErrMessage is the cause of every decoding error.
var ErrMessage = fmt.Errorf("replication message: %w", source.ErrMalformed)

// Message types of pgoutput.
const (
	MsgBegin    = 'B'
	MsgCommit   = 'C'
	MsgRelation = 'R'
	MsgInsert   = 'I'
	MsgUpdate   = 'U'
	MsgDelete   = 'D'
	MsgTruncate = 'T'
)

// Kinds of tuples and of the fields in them.
const (
	TupleKey = 'K'
	TupleOld = 'O'
	TupleNew = 'N'

	FieldNull      = 'n'
	FieldUnchanged = 'u'
	FieldText      = 't'
)

// Epoch is 2000-01-01, where PostgreSQL's microseconds start, in
// microseconds since 1970.
const Epoch = 946684800 * 1000000

// scan reads a message from its front. After the first read beyond the end,
// bad is set and everything reads as zero.
type scan struct {
	b   []byte
	bad bool
}

func (s *scan) bytes(n int) []byte {
	if n < 0 || n > len(s.b) {
		s.bad, s.b = true, nil
		return nil
	}
	out := s.b[:n:n]
	s.b = s.b[n:]
	return out
}

func (s *scan) byte() byte {
	if b := s.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (s *scan) uint16() int {
	if b := s.bytes(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (s *scan) uint32() uint32 {
	if b := s.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (s *scan) uint64() uint64 {
	if b := s.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (s *scan) text() string {
	i := bytes.IndexByte(s.b, 0)
	if i < 0 {
		s.bad, s.b = true, nil
		return ""
	}
	t := string(s.b[:i])
	s.b = s.b[i+1:]
	return t
}

// wall reads a time as microseconds since 1970.
func (s *scan) wall() int64 { return int64(s.uint64()) + Epoch } //nolint:gosec // the protocol's int64

func (s *scan) err(what string) error {
	if s.bad {
		return fmt.Errorf("%w: %s is cut off", ErrMessage, what)
	}
	return nil
}

// Begin is the start of a transaction.
type Begin struct {
	LSN  uint64 // of the commit
	Wall int64  // of the commit, microseconds since 1970
}

// DecodeBegin decodes the body of a message, which starts behind its kind.
func DecodeBegin(body []byte) (Begin, error) {
	s := scan{b: body}
	b := Begin{LSN: s.uint64(), Wall: s.wall()}
	s.uint32() // transaction id
	return b, s.err("begin")
}

// Commit is the end of a transaction.
type Commit struct {
	LSN uint64 // where the commit stands in the log
	End uint64 // the first position behind it
}

// DecodeCommit decodes the body of a message.
func DecodeCommit(body []byte) (Commit, error) {
	s := scan{b: body}
	s.byte() // flags, unused
	c := Commit{LSN: s.uint64(), End: s.uint64()}
	s.uint64() // time, known from begin
	return c, s.err("commit")
}

// Relation describes a table as the changes behind it see it.
type Relation struct {
	OID      uint32
	Schema   string
	Name     string
	Identity byte // d default, n nothing, f full, i index
	Columns  []Column
}

// Column is a column of a Relation.
type Column struct {
	Key  bool // part of the replica identity
	Name string
	Type uint32 // OID
}

// DecodeRelation decodes the body of a message.
func DecodeRelation(body []byte) (Relation, error) {
	s := scan{b: body}
	r := Relation{OID: s.uint32(), Schema: s.text(), Name: s.text(), Identity: s.byte()}
	for range s.uint16() {
		c := Column{Key: s.byte()&1 != 0, Name: s.text(), Type: s.uint32()}
		s.uint32() // type modifier
		if s.bad {
			break
		}
		r.Columns = append(r.Columns, c)
	}
	return r, s.err("relation")
}

// Field is one field of a tuple; Text is valid until the next message.
type Field struct {
	Kind byte
	Text []byte
}

// Row is an insert, update or delete. It keeps its slices between
// messages.
type Row struct {
	OID     uint32
	OldKind byte // 0: none
	Old     []Field
	New     []Field
}

// Decode decodes the body of an insert, update or delete, as kind says.
func (m *Row) Decode(kind byte, body []byte) error {
	s := scan{b: body}
	m.OID, m.OldKind, m.Old, m.New = s.uint32(), 0, m.Old[:0], m.New[:0]
	tuple := s.byte()
	if tuple == TupleKey || tuple == TupleOld {
		m.OldKind = tuple
		m.Old = s.tuple(m.Old)
		if kind == MsgDelete {
			return s.err("delete")
		}
		tuple = s.byte()
	}
	if !s.bad && (tuple != TupleNew || kind == MsgDelete) {
		return fmt.Errorf("%w: a tuple of kind %q in a message of kind %q", ErrMessage, tuple, kind)
	}
	m.New = s.tuple(m.New)
	return s.err("row")
}

func (s *scan) tuple(dst []Field) []Field {
	for range s.uint16() {
		f := Field{Kind: s.byte()}
		switch f.Kind {
		case FieldText:
			n := s.uint32()
			if uint64(n) > uint64(len(s.b)) {
				s.bad = true
				return dst
			}
			f.Text = s.bytes(int(n))
		case FieldNull, FieldUnchanged:
		default: // binary was not asked for
			s.bad = true
			return dst
		}
		dst = append(dst, f)
	}
	return dst
}

// DecodeTruncate decodes the body of a message: the tables that were emptied.
func DecodeTruncate(body []byte) ([]uint32, error) {
	s := scan{b: body}
	n := s.uint32()
	s.byte() // options
	if uint64(n)*4 > uint64(len(s.b)) {
		return nil, fmt.Errorf("%w: truncate is cut off", ErrMessage)
	}
	oids := make([]uint32, n)
	for i := range oids {
		oids[i] = s.uint32()
	}
	return oids, s.err("truncate")
}
