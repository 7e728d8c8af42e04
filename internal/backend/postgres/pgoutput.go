package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tycostream/tycostream/internal/source"
)

// The decoder reads version 1 of the pgoutput protocol. It is our own because
// rows are the hot path: tuples are read in place, without an allocation, and
// no message, however damaged, makes it panic.

// errMessage is the cause of every decoding error.
var errMessage = fmt.Errorf("replication message: %w", source.ErrMalformed)

// Message types of pgoutput.
const (
	msgBegin    = 'B'
	msgCommit   = 'C'
	msgRelation = 'R'
	msgInsert   = 'I'
	msgUpdate   = 'U'
	msgDelete   = 'D'
	msgTruncate = 'T'
)

// Kinds of tuples and of the fields in them.
const (
	tupleKey = 'K'
	tupleOld = 'O'
	tupleNew = 'N'

	fieldNull      = 'n'
	fieldUnchanged = 'u'
	fieldText      = 't'
)

// pgEpoch is 2000-01-01, where PostgreSQL's microseconds start, in
// microseconds since 1970.
const pgEpoch = 946684800 * 1000000

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
func (s *scan) wall() int64 { return int64(s.uint64()) + pgEpoch } //nolint:gosec // the protocol's int64

func (s *scan) err(what string) error {
	if s.bad {
		return fmt.Errorf("%w: %s is cut off", errMessage, what)
	}
	return nil
}

// begin is the start of a transaction.
type begin struct {
	lsn  uint64 // of the commit
	wall int64  // of the commit, microseconds since 1970
}

func decodeBegin(body []byte) (begin, error) {
	s := scan{b: body}
	b := begin{lsn: s.uint64(), wall: s.wall()}
	s.uint32() // transaction id
	return b, s.err("begin")
}

// commit is the end of a transaction.
type commit struct {
	lsn uint64 // where the commit stands in the log
	end uint64 // the first position behind it
}

func decodeCommit(body []byte) (commit, error) {
	s := scan{b: body}
	s.byte() // flags, unused
	c := commit{lsn: s.uint64(), end: s.uint64()}
	s.uint64() // time, known from begin
	return c, s.err("commit")
}

// relationMessage describes a table as the changes behind it see it.
type relationMessage struct {
	oid      uint32
	schema   string
	name     string
	identity byte // d default, n nothing, f full, i index
	columns  []relationColumn
}

type relationColumn struct {
	key  bool // part of the replica identity
	name string
	typ  uint32
}

func decodeRelation(body []byte) (relationMessage, error) {
	s := scan{b: body}
	r := relationMessage{oid: s.uint32(), schema: s.text(), name: s.text(), identity: s.byte()}
	for range s.uint16() {
		c := relationColumn{key: s.byte()&1 != 0, name: s.text(), typ: s.uint32()}
		s.uint32() // type modifier
		if s.bad {
			break
		}
		r.columns = append(r.columns, c)
	}
	return r, s.err("relation")
}

// field is one field of a tuple; text is valid until the next message.
type field struct {
	kind byte
	text []byte
}

// rowMessage is an insert, update or delete. It keeps its slices between
// messages.
type rowMessage struct {
	oid     uint32
	oldKind byte // 0: none
	old     []field
	new     []field
}

func (m *rowMessage) decode(kind byte, body []byte) error {
	s := scan{b: body}
	m.oid, m.oldKind, m.old, m.new = s.uint32(), 0, m.old[:0], m.new[:0]
	tuple := s.byte()
	if tuple == tupleKey || tuple == tupleOld {
		m.oldKind = tuple
		m.old = s.tuple(m.old)
		if kind == msgDelete {
			return s.err("delete")
		}
		tuple = s.byte()
	}
	if !s.bad && (tuple != tupleNew || kind == msgDelete) {
		return fmt.Errorf("%w: a tuple of kind %q in a message of kind %q", errMessage, tuple, kind)
	}
	m.new = s.tuple(m.new)
	return s.err("row")
}

func (s *scan) tuple(dst []field) []field {
	for range s.uint16() {
		f := field{kind: s.byte()}
		switch f.kind {
		case fieldText:
			n := s.uint32()
			if uint64(n) > uint64(len(s.b)) {
				s.bad = true
				return dst
			}
			f.text = s.bytes(int(n))
		case fieldNull, fieldUnchanged:
		default: // binary was not asked for
			s.bad = true
			return dst
		}
		dst = append(dst, f)
	}
	return dst
}

func decodeTruncate(body []byte) ([]uint32, error) {
	s := scan{b: body}
	n := s.uint32()
	s.byte() // options
	if uint64(n)*4 > uint64(len(s.b)) {
		return nil, fmt.Errorf("%w: truncate is cut off", errMessage)
	}
	oids := make([]uint32, n)
	for i := range oids {
		oids[i] = s.uint32()
	}
	return oids, s.err("truncate")
}
