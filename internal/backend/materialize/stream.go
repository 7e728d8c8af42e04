package materialize

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

const (
	snapshotChunk = 4096           // rows in a call of Sink.Snapshot
	gatherMax     = 1 << 15        // changes that Apply gets at once while more input waits
	constant      = math.MaxUint64 // the time of rows that never change
)

// stream turns the lines of one SUBSCRIBE into calls of a sink.
//
// Times never go back. Rows of the time `at` gather in net; when a later time
// comes they become one batch. A progress row f covers all batches, because
// each of them is below it: upto = f-1 is what the sink may see.
type stream struct {
	schema  *relation.Schema
	layout  []int // schema column -> field of the line
	columns int   // fields of a line
	sink    source.Sink

	split copytext.Splitter
	rec   copytext.Record
	cells relation.Builder

	resume  bool // go on behind asOf, without a snapshot
	open    bool // the server has agreed to send rows
	started bool // the first progress row has come: asOf is known
	based   bool // Sink.Past or Sink.Live was called, or may be
	live    bool // Sink.Live was called

	asOf   uint64
	now    uint64 // when the stream begins in the past, or goes on: the time at which it has caught up; 0: at once
	at     uint64 // never below the last progress row
	atText []byte // the text of at, or empty: most lines repeat it
	upto   uint64 // every time up to it is whole, once started
	due    bool   // upto moved and the sink does not know yet

	net      *netter
	snapshot []relation.Row
	staged   bool             // Sink.Snapshot was called
	batches  []relation.Batch // times below at, in order
	covered  int              // so many of them are not above upto
	gathered int              // their changes
	waiting  int              // the changes of the others
}

func newStream(schema *relation.Schema, layout []int, columns int, sink source.Sink) *stream {
	s := &stream{
		schema: schema, columns: progressColumns + columns, sink: sink, net: newNetter(schema),
		layout: make([]int, len(layout)),
	}
	for i, at := range layout {
		s.layout[i] = progressColumns + at
	}
	return s
}

// sinkError carries a sink's own error through, which is returned as it is.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return "sink: " + e.err.Error() }

func sunk(err error) error {
	if err == nil {
		return nil
	}
	return &sinkError{err}
}

func (s *stream) phase() phase {
	switch {
	case s.started:
		return streaming
	case s.resume:
		return resuming
	}
	return subscribing
}

// begun reports whether silence has become suspicious.
func (s *stream) begun() bool {
	return s.based || s.staged || len(s.snapshot) > 0 || s.started && s.resume
}

func garbled(format string, args ...any) error {
	return fmt.Errorf("%w: %s", source.ErrMalformed, fmt.Sprintf(format, args...))
}

// format checks what the server says it will send.
func (s *stream) format(msg *pgproto3.CopyOutResponse) error {
	if msg.OverallFormat != 0 {
		return garbled("binary COPY")
	}
	if n := len(msg.ColumnFormatCodes); n != s.columns {
		return fmt.Errorf("%w: %d columns instead of %d", source.ErrChanged, n, s.columns)
	}
	s.open = true
	return nil
}

// data takes the bytes of one CopyData.
func (s *stream) data(data []byte) error {
	if !s.open {
		return garbled("rows before their format")
	}
	s.split.Push(data)
	for {
		line, ok, err := s.split.Next()
		if !ok || err != nil {
			return err
		}
		if err := s.line(line); err != nil {
			return err
		}
	}
}

func (s *stream) line(line []byte) error {
	if err := s.rec.Parse(line, s.columns); err != nil {
		return err
	}
	at, err := s.time()
	if err != nil {
		return err
	}
	progressed, _ := s.rec.Field(1)
	switch string(progressed) {
	case "t":
		return s.progress(at)
	case "f":
		return s.row(at)
	}
	return garbled("mz_progressed is neither t nor f")
}

// time reads mz_timestamp.
func (s *stream) time() (uint64, error) {
	text, ok := s.rec.Field(0)
	if ok && len(s.atText) > 0 && bytes.Equal(text, s.atText) {
		return s.at, nil
	}
	at, err := strconv.ParseUint(string(text), 10, 64)
	if !ok || err != nil {
		return 0, garbled("mz_timestamp is not a time")
	}
	return at, nil
}

// progress takes "everything below f has been sent". The first one only names
// the time of the snapshot.
func (s *stream) progress(f uint64) error {
	if !s.started {
		if s.resume && f != s.asOf {
			return &source.Error{
				Class: source.Compacted, Text: "the last position is not usable",
				Err: fmt.Errorf("the stream begins at %d instead of %d", f, s.asOf),
			}
		}
		s.started, s.asOf, s.upto = true, f, f
		s.turn(f, nil)
		return nil
	}
	if f < s.at {
		return garbled("time went back from %d to %d", s.at, f)
	}
	if f > s.at {
		if err := s.close(); err != nil {
			return err
		}
		s.turn(f, nil)
	}
	if f > s.asOf && (f-1 > s.upto || !s.based) {
		s.cover(f - 1)
	}
	return nil
}

// turn makes t the current time.
func (s *stream) turn(t uint64, text []byte) {
	s.at, s.atText = t, append(s.atText[:0], text...)
}

// close makes a batch of the rows at the current time.
func (s *stream) close() error {
	changes, err := s.net.take()
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		s.batches = append(s.batches, relation.Batch{Time: s.at, Wall: wall(s.at), Changes: changes})
		s.waiting += len(changes)
	}
	return nil
}

// cover lets the sink see all batches.
func (s *stream) cover(upto uint64) {
	s.gathered, s.waiting = s.gathered+s.waiting, 0
	s.covered, s.upto, s.due = len(s.batches), upto, true
}

// row takes a data row at time t.
func (s *stream) row(t uint64) error {
	count, err := s.count()
	switch {
	case err != nil:
		return err
	case !s.started:
		return garbled("a row before the first progress row")
	case t < s.at:
		return garbled("time went back from %d to %d", s.at, t)
	}
	if t > s.at {
		if t == constant && s.at == s.asOf && !s.resume && !s.staged && len(s.snapshot) == 0 {
			// Rows that never change stand at the end of time, whatever AS OF says.
			s.asOf, s.upto = t, t
		}
		if err := s.close(); err != nil {
			return err
		}
		if s.waiting >= gatherMax && t <= s.now && !s.resume {
			// Minutes of the past may come as one batch. Nobody sees them yet, and
			// a later time proves the ones before it whole.
			s.cover(t - 1)
		}
		text, _ := s.rec.Field(0)
		s.turn(t, text)
	}
	for _, i := range s.layout {
		if text, ok := s.rec.Field(i); ok {
			s.cells.Append(text)
		} else {
			s.cells.AppendNull()
		}
	}
	row := s.cells.Row()
	if t > s.asOf {
		s.net.add(row, count)
		return nil
	}
	return s.snapshotRow(row, count)
}

// count reads mz_diff.
func (s *stream) count() (int64, error) {
	text, ok := s.rec.Field(2)
	if len(text) == 1 && text[0] == '1' {
		return 1, nil
	}
	count, err := strconv.ParseInt(string(text), 10, 64)
	if !ok || err != nil || count == 0 {
		return 0, garbled("mz_diff is not a count")
	}
	return count, nil
}

func (s *stream) snapshotRow(row relation.Row, count int64) error {
	switch {
	case s.resume:
		return garbled("a snapshot that was not asked for")
	case count > 1:
		return notUnique(s.schema, row, count)
	case count < 0:
		return &source.Error{
			Class: source.Slow, Text: "the snapshot takes back rows that it does not hold: the view's inputs contradict each other",
			Err: fmt.Errorf("count %d at the time of the snapshot", count),
		}
	}
	if s.snapshot == nil {
		s.snapshot = make([]relation.Row, 0, snapshotChunk)
	}
	if s.snapshot = append(s.snapshot, row); len(s.snapshot) == snapshotChunk {
		return s.stage()
	}
	return nil
}

// stage hands on the rows of the snapshot so far.
func (s *stream) stage() error {
	if len(s.snapshot) == 0 {
		return nil
	}
	rows := s.snapshot
	s.snapshot, s.staged = nil, true
	return sunk(s.sink.Snapshot(rows))
}

// deliver hands on what is covered.
func (s *stream) deliver() error {
	if !s.due {
		return nil
	}
	s.due = false
	if !s.based {
		if err := s.base(); err != nil {
			return err
		}
	}
	if s.covered > 0 || s.upto != s.asOf {
		batches := s.batches[:s.covered:s.covered]
		s.batches = append([]relation.Batch(nil), s.batches[s.covered:]...)
		s.covered, s.gathered = 0, 0
		if err := s.sink.Apply(batches, frontier(s.upto)); err != nil {
			return sunk(err)
		}
	}
	if s.live || s.upto < s.now {
		return nil
	}
	s.live = true
	return sunk(s.sink.Live(frontier(s.upto), s.resume))
}

// base ends the snapshot. One of the past does not make the source live, nor does
// a position.
func (s *stream) base() error {
	if err := s.stage(); err != nil {
		return err
	}
	s.based = true
	if s.resume {
		return nil
	}
	if past, ok := s.sink.(source.HistorySink); ok && s.asOf < s.now {
		return sunk(past.Past(frontier(s.asOf)))
	}
	s.live = true
	return sunk(s.sink.Live(frontier(s.asOf), false))
}

// complete takes the regular end of the input: all that came is final.
func (s *stream) complete() error {
	if !s.started || len(s.split.Rest()) > 0 {
		return garbled("the input ended in the middle")
	}
	if err := s.close(); err != nil {
		return err
	}
	s.cover(max(s.at, s.upto))
	s.now = min(s.now, s.upto) // nothing newer will come
	return s.deliver()
}

func frontier(t uint64) relation.Frontier { return relation.Frontier{Time: t, Wall: wall(t)} }

// lastMilli is the end of the year 9999: times beyond it are no wall clock.
const lastMilli = 253402300799999

// wall is the wall clock of a time, in microseconds.
func wall(t uint64) int64 {
	if t > lastMilli {
		return time.Now().UnixMicro()
	}
	return int64(t) * 1000
}
