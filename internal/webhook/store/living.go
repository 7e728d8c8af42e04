package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
)

// living is a list of the outbox's messages that are needed, as of one sequence:
// what is not in it, up to there, is no longer needed, for good. It is stored
// before the last message of a row goes.
//
// Without it, a row at rest could come back to life. The server writes down that
// it removed a message, but when that was the last one in a file which it must
// keep for other reasons, only with its next summary, minutes later or never:
// after a kill in between the message is there again. An older message of a row
// does no harm, as the last one decides. But when the last is gone for good and
// an older one comes back, a row that cleared is found firing.
type living struct {
	upTo uint64
	runs []run // in order, with gaps between them
}

// run is messages that follow each other.
type run struct{ first, last uint64 }

const livingSubject = "living"

// newLiving makes a list of sequences in any order.
func newLiving(upTo uint64, seqs []uint64) living {
	slices.Sort(seqs)
	l := living{upTo: upTo}
	for _, seq := range seqs {
		if n := len(l.runs); n > 0 && l.runs[n-1].last+1 >= seq {
			l.runs[n-1].last = seq
		} else {
			l.runs = append(l.runs, run{seq, seq})
		}
	}
	return l
}

// has reports whether a message is needed. Messages must be asked for in their
// order.
func (l *living) has(seq uint64) bool {
	if seq > l.upTo {
		return true
	}
	for len(l.runs) > 0 && l.runs[0].last < seq {
		l.runs = l.runs[1:]
	}
	return len(l.runs) > 0 && l.runs[0].first <= seq
}

// encode writes version, upTo, and for each run the gap before it and its
// length.
func (l *living) encode() []byte {
	b := binary.AppendUvarint([]byte{version}, l.upTo)
	last := uint64(0)
	for _, r := range l.runs {
		b = binary.AppendUvarint(b, r.first-last)
		b = binary.AppendUvarint(b, r.last-r.first)
		last = r.last
	}
	return b
}

func decodeLiving(b []byte) (living, error) {
	if len(b) < 1 || b[0] != version {
		return living{}, errBadRecord
	}
	d := decoder{b: b[1:]}
	l := living{upTo: d.uvarint()}
	last := uint64(0)
	for len(d.b) > 0 && !d.bad {
		first := last + d.uvarint()
		end := first + d.uvarint()
		if first < last || end < first || first == last && last > 0 {
			return living{}, errBadRecord
		}
		l.runs, last = append(l.runs, run{first, end}), end
	}
	if d.bad {
		return living{}, errBadRecord
	}
	return l, nil
}

// readLiving returns the stored list. Without one all messages are needed.
func (b *broker) readLiving(ctx context.Context) (living, error) {
	var l living
	err := b.scan(ctx, livingStream, livingSubject, func(_ string, seq uint64, data []byte) (err error) {
		if l, err = decodeLiving(data); err != nil {
			return fmt.Errorf("message %d of %s: %w", seq, livingStream, err)
		}
		return nil
	})
	return l, err
}

func (b *broker) writeLiving(ctx context.Context, l *living) error {
	data := l.encode()
	if len(data) > maxPayload { // hundreds of thousands of gaps
		return fmt.Errorf("list what lives: %w", errTooManyGaps)
	}
	if _, err := b.publish(ctx, livingSubject, data); err != nil {
		return fmt.Errorf("list what lives: %w", err)
	}
	return nil
}

// neededLocked lists the messages that are needed now.
func (s *Store) neededLocked() (upTo uint64, seqs []uint64) {
	seqs = make([]uint64, 0, s.lanes)
	for l := range s.allLocked() {
		seqs = append(seqs, l.pending...)
		if l.state != "" {
			seqs = append(seqs, l.last)
		}
	}
	return s.last, seqs
}
