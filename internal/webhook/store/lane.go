package store

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// trigger is one trigger's part of the index. Store.mu guards it.
type trigger struct {
	id      string
	rows    map[string]*lane // by token
	once    map[string]*lane // tests and what is resent
	pending int              // deliveries
}

// lane is what the index knows of one subject. Bodies stay in the stream: a
// row with a delivery to come costs some 250 bytes here, and as much in the
// server's own index. Store.mu guards all but trig, token and once, which
// never change.
type lane struct {
	trig  *trigger
	token string
	key   string // only of hashed tokens
	once  bool   // its space: beside the rows

	out     bool     // with the deliverer
	dirty   bool     // in Store.dirty
	resting bool     // in Store.resting
	gone    bool     // purged or forgotten: no longer in the index
	loaded  uint32   // checksum of the id that Load read last
	taken   uint64   // and its sequence
	state   string   // after the last message; "": at rest
	last    uint64   // sequence of the newest message
	oldest  uint64   // all below is purged; 0: nothing is known to be there
	pending []uint64 // deliveries to come, oldest first
	mark    *mark    // nil: nothing was ever tried
}

// Trigger implements webhook.Lane.
func (l *lane) Trigger() string { return l.trig.id }

func (l *lane) subject() string { return subject(l.once, l.trig.id, l.token) }

func (l *lane) markSubject() string { return "mark." + l.subject() }

// idle reports whether nothing of the lane is needed any more.
func (l *lane) idle() bool { return l.state == "" && len(l.pending) == 0 && !l.out }

// keepFrom returns the lowest sequence that is still needed: below it,
// messages are delivered and superseded.
func (l *lane) keepFrom() uint64 {
	switch {
	case len(l.pending) > 0:
		return l.pending[0]
	case l.state != "":
		return l.last
	default:
		return l.last + 1
	}
}

func (t *trigger) lanes(once bool) map[string]*lane {
	if once {
		return t.once
	}
	return t.rows
}

func subject(once bool, trigger, token string) string {
	if once {
		return onceSpace + "." + trigger + "." + token
	}
	return rowSpace + "." + trigger + "." + token
}

// parseSubject is the inverse of subject.
func parseSubject(text string) (once bool, trigger, token string, err error) {
	space, rest, _ := strings.Cut(text, ".")
	trigger, token, ok := strings.Cut(rest, ".")
	if !ok || token == "" || space != rowSpace && space != onceSpace {
		return false, "", "", fmt.Errorf("subject %q: %w", text, errBadRecord)
	}
	return space == onceSpace, trigger, token, nil
}

// laneLocked returns the lane, a new one if there is none.
func (s *Store) laneLocked(once bool, trig, token string) *lane {
	t := s.triggers[trig]
	if t == nil {
		t = &trigger{id: trig, rows: map[string]*lane{}, once: map[string]*lane{}}
		s.triggers[trig] = t
	}
	l := t.lanes(once)[token]
	if l == nil {
		l = &lane{trig: t, token: token, once: once}
		t.lanes(once)[token] = l
		s.lanes++
	}
	return l
}

// findLocked returns the lane or nil.
func (s *Store) findLocked(once bool, trig, token string) *lane {
	if t := s.triggers[trig]; t != nil {
		return t.lanes(once)[token]
	}
	return nil
}

// allLocked goes through all lanes.
func (s *Store) allLocked() iter.Seq[*lane] {
	return func(yield func(*lane) bool) {
		for _, t := range s.triggers {
			for _, lanes := range []map[string]*lane{t.rows, t.once} {
				for _, l := range lanes {
					if !yield(l) {
						return
					}
				}
			}
		}
	}
}

// dropLocked takes an idle lane out of the index.
func (s *Store) dropLocked(l *lane) {
	l.gone = true
	s.lanes--
	delete(l.trig.lanes(l.once), l.token)
	if len(l.trig.rows) == 0 && len(l.trig.once) == 0 && s.triggers[l.trig.id] == l.trig {
		delete(s.triggers, l.trig.id)
	}
}

// addLocked notes a message that is in the stream now.
func (s *Store) addLocked(l *lane, seq uint64, r *record) {
	s.last = max(s.last, seq)
	if l.oldest == 0 {
		l.oldest = seq
	}
	l.last, l.state, l.key = seq, string(r.state), r.key
	if !r.silent {
		l.pending = append(l.pending, seq)
		l.trig.pending++
	}
	s.announceLocked(l)
	s.cleanLocked(l)
}

// announceLocked hands a lane with a delivery to the deliverer, if it is not
// there.
func (s *Store) announceLocked(l *lane) {
	if l.out || l.gone || len(l.pending) == 0 || s.ready == nil {
		return
	}
	l.out = true
	var due time.Time
	if l.mark != nil && l.mark.head == l.pending[0] {
		due = l.mark.attempts.Next
	}
	s.ready(l, due)
}

// cleanLocked queues a lane for the sweeper, if there is something to purge.
func (s *Store) cleanLocked(l *lane) {
	if l.dirty || l.resting || l.gone || l.keepFrom() <= l.oldest && !l.idle() {
		return
	}
	l.dirty = true
	s.dirty = append(s.dirty, l)
	wake(s.wakeSweeper)
}
