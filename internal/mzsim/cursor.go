package mzsim

import (
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/wire"
)

// maxFetchTimeout bounds FETCH ... WITH (timeout = ...).
const maxFetchTimeout = 24 * time.Hour

func (s *session) declare(st *sqlparse.Declare, p *portal) error {
	if !s.tx.block() {
		return pgerr.Errorf("25P01", "DECLARE CURSOR can only be used in transaction blocks")
	}
	if s.cursors[st.Name] != nil {
		return pgerr.Errorf("42P03", "cursor \"%s\" already exists", st.Name)
	}
	inner := *p.prep
	inner.stmt = st.Stmt
	inner.cols = inner.resultColumns()
	s.cursors[st.Name] = newPortal(s, &inner, p.params, nil)
	s.complete("DECLARE CURSOR")
	return nil
}

func (s *session) closeCursor(st *sqlparse.Close) error {
	if st.Name == "" {
		for name, c := range s.cursors {
			c.close()
			delete(s.cursors, name)
		}
		s.complete("CLOSE CURSOR ALL")
		return nil
	}
	c := s.cursors[st.Name]
	if c == nil {
		return pgerr.Errorf("34000", "cursor \"%s\" does not exist", st.Name)
	}
	c.close()
	delete(s.cursors, st.Name)
	s.complete("CLOSE CURSOR")
	return nil
}

// timeout reads a FETCH's; nil means: wait for the first row, then take what
// is ready.
func timeout(st *sqlparse.Fetch) (*time.Duration, error) {
	if st.Timeout == nil {
		return nil, nil //nolint:nilnil // no time-out is an answer
	}
	d, err := pgval.ParseDuration(*st.Timeout)
	switch {
	case err != nil:
		return nil, pgerr.Errorf("22023", "invalid TIMEOUT: %s", err)
	case d < 0:
		return nil, pgerr.Errorf("XX000", "invalid TIMEOUT: cannot convert negative interval to duration")
	case d > maxFetchTimeout:
		return nil, pgerr.Errorf("XX000", "timeout out of range: %s", *st.Timeout)
	}
	return &d, nil
}

// fetch answers FETCH. The formats are those of p, the FETCH's own portal.
func (s *session) fetch(st *sqlparse.Fetch, p *portal, limit int) error {
	c := s.cursors[st.Name]
	if c == nil {
		return pgerr.Errorf("34000", "cursor \"%s\" does not exist", st.Name)
	}
	if limit > 0 && (st.Count < 0 || int64(limit) < st.Count) {
		return pgerr.Errorf("0A000", "Execute with a row limit below the FETCH count is not supported")
	}
	wait, err := timeout(st)
	if err != nil {
		return err
	}
	if err := c.start(false); err != nil {
		return err
	}
	if p.describe {
		s.send(wire.RowDescription(c.prep.cols, p.formats))
	}
	if c.sub != nil {
		s.streaming.Store(true)
		defer s.streaming.Store(false)
	}
	n, err := s.collect(c, st.Count, wait)
	if err != nil {
		return err
	}
	for range n {
		m, err := wire.DataRow(c.prep.cols, p.formats, c.queue[0])
		if err != nil {
			return err
		}
		c.queue = c.queue[1:]
		s.send(m)
		if err := s.flushSome(); err != nil {
			return err
		}
	}
	s.complete("FETCH " + strconv.Itoa(n))
	return nil
}

// collect waits as the FETCH rules say and returns how many rows of the queue
// to send.
func (s *session) collect(c *portal, count int64, limit *time.Duration) (int, error) {
	var timer <-chan time.Time
	var deadline time.Time
	if limit != nil {
		t := time.NewTimer(*limit)
		defer t.Stop()
		timer, deadline = t.C, time.Now().Add(*limit)
	}
	for {
		changed := s.sim.Changed()
		if err := s.kicked(); err != nil {
			return 0, err
		}
		if count == 0 {
			return 0, nil
		}
		if err := c.fill(); err != nil && len(c.queue) == 0 {
			return 0, err
		}
		have := int64(len(c.queue))
		expired := limit != nil && !time.Now().Before(deadline)
		switch {
		case count > 0 && have >= count:
			return int(count), nil
		case c.ended, expired, c.pending != nil && have > 0, limit == nil && have > 0:
			return int(have), nil
		}
		if err := s.flush(); err != nil {
			return 0, err
		}
		if err := s.wait(changed, timer); err != nil {
			return 0, err
		}
	}
}
