package materialize

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/source"
)

// Follow implements source.Backend for exactly one target.
func (b *Backend) Follow(ctx context.Context, targets []source.Target) error {
	if len(targets) != 1 {
		return &source.Error{Class: source.Config, Text: "one source is followed at a time", Err: fmt.Errorf("%d targets", len(targets))}
	}
	err := b.follow(ctx, &targets[0])
	if errors.Is(err, source.ErrComplete) {
		// Nothing more will come, but the relation may be redefined one day.
		timer := time.NewTimer(b.resubscribe)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ended(ctx, err)
}

func (b *Backend) follow(ctx context.Context, target *source.Target) error {
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	rel, object, err := b.describe(c, target.Def)
	if err != nil {
		return err
	}
	begin, now, err := b.past(c, target, object.id)
	if err != nil {
		return classify(describing, err)
	}
	schema, layout, err := target.Sink.Open(rel)
	if err != nil {
		return err
	}
	s := newStream(schema, layout, len(rel.Columns), target.Sink)
	sql := "SUBSCRIBE " + object.sql + " WITH (PROGRESS)"
	switch {
	case target.Resume.Identity == rel.Identity:
		s.resume, s.asOf = true, target.Resume.Frontier.Time
		if s.now, err = b.present(c, s.asOf); err != nil {
			return classify(describing, err)
		}
		sql = "SUBSCRIBE " + object.sql + " WITH (PROGRESS, SNAPSHOT = false) AS OF " + strconv.FormatUint(s.asOf, 10)
	case now > 0:
		// What is not readable any more only makes the past shorter; where it
		// begins is what the first progress row says.
		s.now = now
		sql += " AS OF AT LEAST " + strconv.FormatUint(begin, 10)
	}
	if err := c.send(&pgproto3.Query{String: "COPY (" + sql + ") TO STDOUT"}); err != nil {
		return classify(s.phase(), err)
	}
	err = b.pump(c, s)
	if sunk, ok := errors.AsType[*sinkError](err); ok {
		return sunk.err
	}
	if errors.Is(err, source.ErrComplete) {
		return &source.Error{Class: source.Retry, Text: "the input is complete", Err: err}
	}
	if line, ok := errors.AsType[*copytext.LineError](err); ok {
		b.log.Debug("line that cannot be read", "source", target.Def.Name, "reason", line.Reason, "excerpt", line.Excerpt)
	}
	// What a progress row has covered is good, whatever came behind it.
	if delivered := s.deliver(); delivered != nil {
		if sunk, ok := errors.AsType[*sinkError](delivered); ok {
			return sunk.err
		}
	}
	return classify(s.phase(), err)
}

// pump moves messages into the stream until one of them is an error or the
// input is complete (ErrComplete). Whole times are handed on whenever no more
// input is waiting, or when many changes have gathered.
func (b *Backend) pump(c *conn, s *stream) error {
	for {
		if c.front.ReadBufferLen() == 0 || s.gathered >= gatherMax {
			if err := s.deliver(); err != nil {
				return err
			}
		}
		// An unhydrated view is silent for minutes; a stream that has begun is not.
		c.read.patience = 0
		if s.begun() {
			c.read.patience = b.stall
		}
		msg, err := b.receive(c)
		if err != nil {
			return err
		}
		switch msg := msg.(type) {
		case *pgproto3.CopyOutResponse:
			err = s.format(msg)
		case *pgproto3.CopyData:
			err = s.data(msg.Data)
		case *pgproto3.CommandComplete:
			if err = s.complete(); err == nil {
				err = source.ErrComplete
			}
		}
		if err != nil {
			return err
		}
	}
}
