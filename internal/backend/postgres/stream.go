package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/backend/postgres/pgoutput"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// stream reads the replication stream and feeds the targets.
type stream struct {
	f     *follow
	watch *watch
	conn  *pgconn.PgConn
	byOID map[uint32][]*target // sources may share a table
	clock *clock
	row   pgoutput.Row

	inTx    bool
	tx      pgoutput.Begin
	touched []*target // of this transaction

	pos     uint64 // everything before it has arrived
	applied uint64 // ... and has been handed over: what is reported to the server
	held    int    // bytes of messages behind batches not yet handed over

	now    time.Time // of the last look at the clock
	heard  time.Time // when something arrived last
	asked  time.Time // when a sign of life was asked for last
	quiet  time.Time // when targets without changes were last told the frontier
	some   bool      // something arrived since now
	counts int
}

const (
	// heldMax is how many bytes of messages are collected before they are
	// handed over although more input waits: large enough to amortize a call of
	// every sink, small enough to stay in the cache.
	heldMax = 256 << 10

	// lookEvery is after how many messages a busy stream looks at the clock.
	lookEvery = 256
)

func newStream(f *follow, w *watch) *stream {
	s := &stream{
		f: f, watch: w, conn: f.repl, byOID: map[uint32][]*target{}, clock: w.clock,
		pos: f.start, applied: f.start,
	}
	for t := range f.live() {
		s.byOID[t.table.OID] = append(s.byOID[t.table.OID], t)
		s.clock.wall = max(s.clock.wall, t.frontier.Wall)
	}
	return s
}

func (s *stream) run(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, s.f.b.opts.Silence)
	defer cancel()
	err := pglogrepl.StartReplication(starting, s.conn, s.f.slot, pglogrepl.LSN(s.f.start), pglogrepl.StartReplicationOptions{
		Mode: pglogrepl.LogicalReplication,
		PluginArgs: []string{
			"proto_version '1'", "publication_names " + pgcatalog.Literal(pgcatalog.Quote(s.f.b.opts.Publication)),
		},
	})
	if err != nil {
		return pgcatalog.Classify("start replication", err)
	}
	s.now = time.Now()
	s.heard, s.quiet = s.now, s.now
	if err := s.report(true); err != nil {
		return err
	}
	idle := true
	for {
		if idle || s.conn.Frontend().ReadBufferLen() == 0 {
			if err := s.rest(ctx); err != nil {
				return err
			}
		}
		// No context: watching one costs more than most messages. The deadline
		// that rest sets ends the read, and interrupt does when ctx ends.
		msg, err := s.conn.ReceiveMessage(context.Background())
		if idle = timedOut(err); idle {
			continue
		}
		if err != nil {
			return pgcatalog.Classify("read the stream", err)
		}
		if err := s.message(msg); err != nil {
			return pgcatalog.Classify("read the stream", err)
		}
		if s.counts++; s.counts%lookEvery == 0 {
			if err := s.look(ctx); err != nil {
				return err
			}
		}
	}
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// rest is called when no more input waits: it hands over what there is and
// sets the deadline of the next read.
func (s *stream) rest(ctx context.Context) error {
	if err := s.handOver(); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if err := s.conn.Conn().SetReadDeadline(s.asked.Add(s.f.b.opts.Heartbeat)); err != nil {
		return pgcatalog.Classify("set a deadline", err)
	}
	return ctx.Err() // interrupt may have come before the deadline was set
}

// look does what time asks for: take news from the watch, ask for a sign of
// life, report the position, tell idle targets the frontier, notice silence.
func (s *stream) look(ctx context.Context) error {
	s.now = time.Now()
	if s.some {
		s.heard, s.some = s.now, false
	}
	if s.now.Sub(s.heard) > s.f.b.opts.Silence {
		return &source.Error{Class: source.Retry, Text: "the database is silent", Err: fmt.Errorf("%w: for %v", source.ErrStalled, s.f.b.opts.Silence)}
	}
	if s.now.Sub(s.quiet) >= s.f.b.opts.Heartbeat/4 {
		s.tellAll()
		s.quiet = s.now
	}
	if s.now.Sub(s.asked) < s.f.b.opts.Heartbeat {
		return nil
	}
	if err := s.watch.news(ctx); err != nil {
		return err
	}
	return s.report(true)
}

// report tells the server how far it may forget its log.
func (s *stream) report(ask bool) error {
	if ask {
		s.asked = s.now
	}
	if err := s.conn.Conn().SetWriteDeadline(s.now.Add(s.f.b.opts.Silence)); err != nil {
		return pgcatalog.Classify("set a deadline", err)
	}
	// Not more than every source can go on from.
	safe := s.applied
	for t := range s.f.live() {
		safe = min(safe, t.frontier.Time+1)
	}
	err := pglogrepl.SendStandbyStatusUpdate(context.Background(), s.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: pglogrepl.LSN(safe), ReplyRequested: ask,
	})
	return pgcatalog.Classify("report the position", err)
}

func (s *stream) message(msg pgproto3.BackendMessage) error {
	s.some = true
	switch msg := msg.(type) {
	case *pgproto3.CopyData:
		return s.copyData(msg.Data)
	case *pgproto3.ErrorResponse:
		return pgconn.ErrorResponseToPgError(msg)
	case *pgproto3.CopyDone:
		return errors.New("the server ended the stream")
	}
	return nil // notices and settings
}

func (s *stream) copyData(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: empty", pgoutput.ErrMessage)
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		alive, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return fmt.Errorf("%w: %w", pgoutput.ErrMessage, err)
		}
		if !s.inTx { // within a transaction the position may lie behind its commit
			s.pos = max(s.pos, uint64(alive.ServerWALEnd))
			s.clock.alive(mark{uint64(alive.ServerWALEnd), alive.ServerTime.UnixMicro()})
		}
		if alive.ReplyRequested {
			if err := s.handOver(); err != nil {
				return err
			}
			return s.report(false)
		}
		return nil
	case pglogrepl.XLogDataByteID:
		const header = 25 // kind, start, end, time
		if len(data) <= header {
			return fmt.Errorf("%w: data of %d bytes", pgoutput.ErrMessage, len(data))
		}
		s.clock.data()
		s.held += len(data)
		return s.decode(data[header], data[header+1:])
	}
	return nil
}

func (s *stream) decode(kind byte, body []byte) error {
	var err error
	switch kind {
	case pgoutput.MsgBegin:
		s.tx, err = pgoutput.DecodeBegin(body)
		s.inTx = true
	case pgoutput.MsgCommit:
		return s.commit(body)
	case pgoutput.MsgRelation:
		var r pgoutput.Relation
		if r, err = pgoutput.DecodeRelation(body); err == nil {
			for _, t := range s.byOID[r.OID] {
				t.shape, t.bound = &r, false
			}
		}
	case pgoutput.MsgInsert, pgoutput.MsgUpdate, pgoutput.MsgDelete:
		if err = s.row.Decode(kind, body); err == nil {
			err = s.concerned(s.row.OID, func(t *target) error { return t.change(kind, &s.row, s.handOver) })
		}
	case pgoutput.MsgTruncate:
		var oids []uint32
		oids, err = pgoutput.DecodeTruncate(body)
		for i := 0; err == nil && i < len(oids); i++ {
			err = s.concerned(oids[i], func(t *target) error { return t.truncate(s.handOver) })
		}
	}
	return err // types, origins and messages say nothing of rows
}

// concerned calls do for the targets that a change of a table in this
// transaction concerns: not for those that have failed or whose rows already
// hold it.
func (s *stream) concerned(oid uint32, do func(*target) error) error {
	for _, t := range s.byOID[oid] {
		if t.failed || s.tx.LSN <= t.frontier.Time {
			continue
		}
		if len(t.tx.changes) == 0 {
			s.touched = append(s.touched, t)
		}
		if err := s.blame(t, do(t)); err != nil {
			return err
		}
	}
	return nil
}

// blame fails t alone for an error that concerns nothing but its rows, and
// returns all others.
func (s *stream) blame(t *target, err error) error {
	e, ok := errors.AsType[*source.Error](err)
	if ok && (e.Class == source.Slow || e.Class == source.Config) {
		t.fail(err)
		return nil
	}
	return err
}

func (s *stream) commit(body []byte) error {
	c, err := pgoutput.DecodeCommit(body)
	if err != nil {
		return err
	}
	if !s.inTx || c.LSN != s.tx.LSN {
		return fmt.Errorf("%w: a commit without its begin", pgoutput.ErrMessage)
	}
	for _, t := range s.touched {
		if len(t.tx.changes) > 0 { // a target may stand here twice, or have failed
			t.batches = append(t.batches, relation.Batch{Time: s.tx.LSN, Wall: s.tx.Wall, Changes: t.tx.take()})
		}
	}
	s.touched, s.inTx = s.touched[:0], false
	s.pos = max(s.pos, c.End)
	s.clock.advance(s.tx.Wall)
	s.clock.passed(c.End)
	if s.held >= heldMax {
		return s.handOver()
	}
	return nil
}

// frontier is how far everything has arrived, and every table is known to be
// the one that was opened.
func (s *stream) frontier() relation.Frontier {
	return relation.Frontier{Time: min(s.pos, s.watch.seen.Load()) - 1, Wall: s.clock.wall}
}

// handOver gives every target that has changes its batches.
func (s *stream) handOver() error {
	at := s.frontier()
	for t := range s.f.live() {
		if len(t.batches) > 0 {
			t.take(at)
		}
	}
	s.applied, s.held = s.pos, 0
	return nil
}

// tellAll moves the frontier of all targets, with or without changes.
func (s *stream) tellAll() {
	at := s.frontier()
	for t := range s.f.live() {
		if len(t.batches) > 0 || at.Time > t.frontier.Time || at.Wall > t.frontier.Wall {
			t.take(at)
		}
	}
}

// take hands the batches to the sink.
func (t *target) take(at relation.Frontier) {
	at.Time, at.Wall = max(at.Time, t.frontier.Time), max(at.Wall, t.frontier.Wall)
	batches := t.batches
	if n := len(batches); n > 0 { // a table that changed was there
		at.Time, at.Wall = max(at.Time, batches[n-1].Time), max(at.Wall, batches[n-1].Wall)
	}
	t.batches = nil
	if t.memory != nil {
		t.memory.apply(batches)
	}
	if err := t.Sink.Apply(batches, at); err != nil {
		t.fail(err)
		return
	}
	t.frontier = at
}
