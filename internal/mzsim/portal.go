package mzsim

import (
	"strconv"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/subscribe"
	"github.com/tycostream/tycostream/internal/mzsim/wire"
)

// portal is a statement with its parameters, and how far it has run. A
// declared cursor is one too.
type portal struct {
	s        *session
	prep     *prepared
	params   []eval.Cell
	formats  []int16
	describe bool // send a RowDescription (simple protocol)

	started bool
	sub     *subscribe.Subscription
	queue   []eval.Row // computed and not yet sent
	ended   bool       // nothing follows the queue
	sent    int
	pending error // reported once the queue is empty
}

func newPortal(s *session, prep *prepared, params []eval.Cell, formats []int16) *portal {
	return &portal{s: s, prep: prep, params: params, formats: formats}
}

func (p *portal) close() {
	if p.sub != nil {
		p.sub.Close()
	}
	p.ended, p.queue = true, nil
}

// start computes a query, or starts a subscription.
func (p *portal) start(copying bool) error {
	if p.started {
		return nil
	}
	p.started = true
	s := p.s
	if p.prep.sub != nil {
		kind := readSubscribe
		if p.prep.sub.Pinned() {
			kind = readPinned
		}
		if err := s.tx.reading(kind); err != nil {
			return err
		}
		if err := s.sim.faults.next(AtSubscribe); err != nil {
			return err
		}
		if err := s.view.CheckCluster(); err != nil {
			return err
		}
		sub, notice, err := p.prep.sub.Start(s.sim.subscribing(), p.params, copying)
		if notice != "" {
			s.notice("NOTICE", "00000", notice, "")
		}
		p.sub = sub
		return err
	}
	p.ended = true
	if _, ok := p.prep.stmt.(*sqlparse.Show); !ok {
		if err := s.tx.reading(readQuery); err != nil {
			return err
		}
	}
	rows, err := p.prep.query.Run(&eval.Runtime{Params: p.params})
	p.queue = rows
	return err
}

// fill moves what a subscription has now into the queue.
func (p *portal) fill() error {
	if p.sub == nil || p.ended {
		return nil
	}
	if p.pending != nil {
		return p.pending
	}
	events, err := p.sub.Poll()
	for _, e := range events {
		p.queue = append(p.queue, p.prep.sub.Cells(e))
	}
	p.ended = p.sub.Done()
	if err != nil && len(events) > 0 {
		p.pending = err
		return nil
	}
	return err
}

// rows runs SELECT, SHOW and direct SUBSCRIBE. limit 0 means all.
func (s *session) rows(p *portal, limit int) error {
	if err := p.start(false); err != nil {
		return err
	}
	if p.describe {
		s.send(wire.RowDescription(p.prep.cols, p.formats))
		p.describe = false
	}
	if p.sub != nil {
		if p.sent == 0 {
			s.notice("NOTICE", "01000", "streaming SUBSCRIBE rows directly requires a client that does not buffer output", s.copyHint())
		}
		s.streaming.Store(true)
		defer s.streaming.Store(false)
	}
	n := 0
	for {
		changed := s.sim.Changed()
		if err := s.kicked(); err != nil {
			return err
		}
		if err := p.fill(); err != nil {
			return err
		}
		for len(p.queue) > 0 && (limit == 0 || n < limit) {
			if err := s.sendRow(p); err != nil {
				return err
			}
			n++
		}
		switch {
		case limit > 0 && n == limit:
			s.send(&pgproto3.PortalSuspended{})
			return nil
		case p.ended && len(p.queue) == 0:
			s.complete("SELECT " + strconv.Itoa(p.sent))
			return nil
		}
		if err := s.flush(); err != nil {
			return err
		}
		if p.pending == nil {
			if err := s.wait(changed, nil); err != nil {
				return err
			}
		}
	}
}

func (s *session) copyHint() string {
	if s.view.Settings.Get("application_name") == "psql" {
		return "Wrap your SUBSCRIBE statement in a COPY command: COPY (SUBSCRIBE ...) TO STDOUT"
	}
	return ""
}

// sendRow sends the first row of the queue.
func (s *session) sendRow(p *portal) error {
	cols := p.prep.cols
	m, err := wire.DataRow(cols, p.formats, p.queue[0])
	if err != nil {
		return err
	}
	p.queue = p.queue[1:]
	p.sent++
	s.send(m)
	return s.flushSome()
}

// copyOut runs COPY ... TO STDOUT.
func (s *session) copyOut(st *sqlparse.Copy, p *portal) error {
	if err := p.start(true); err != nil {
		return err
	}
	width := len(p.prep.resultColumns())
	s.send(&pgproto3.CopyOutResponse{ColumnFormatCodes: make([]uint16, width)})
	csv := st.Options["format"] == "csv"
	n := 0
	var err error
	if p.sub != nil {
		n, err = s.stream(p.sub, csv)
	} else {
		for _, row := range p.queue {
			line := wire.AppendLine
			if csv {
				line = wire.AppendCSV
			}
			s.send(&pgproto3.CopyData{Data: line(nil, row)})
			n++
			if err = s.flushSome(); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	s.send(&pgproto3.CopyDone{})
	s.complete("COPY " + strconv.Itoa(n))
	return nil
}

// stream sends a subscription as CopyData until it ends. The CopyOutResponse
// before it is not flushed on its own: a client that asks for no progress may
// wait for it as long as for the first row.
func (s *session) stream(sub *subscribe.Subscription, csv bool) (int, error) {
	s.streaming.Store(true)
	defer s.streaming.Store(false)
	n := 0
	for {
		changed := s.sim.Changed()
		if err := s.kicked(); err != nil {
			return n, err
		}
		events, err := sub.Poll()
		for i, e := range events {
			n++
			if fault := s.sim.faults.row(events, i); fault != nil {
				if err := s.breakRow(sub, e, fault); err != nil {
					return n, err
				}
				continue
			}
			if csv {
				s.send(&pgproto3.CopyData{Data: wire.AppendCSV(nil, sub.Plan().Cells(e))})
			} else {
				s.out = sub.Plan().AppendEvent(s.out, e)
			}
			if err := s.flushSome(); err != nil {
				return n, err
			}
		}
		if err != nil {
			return n, err
		}
		if sub.Done() {
			return n, nil
		}
		if len(events) > 0 {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
		if err := s.wait(changed, nil); err != nil {
			return n, err
		}
	}
}
