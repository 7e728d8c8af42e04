package channel

import (
	"sync"

	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// Subscription is a source of one subscriber's messages. It owns the cursor
// that it reads.
type Subscription struct {
	delivery.Source // the cursor, whose encoder is an [Encoder]

	name     string
	snapshot bool
	explain  func(error) (code, text string)

	// Of whoever pulls.
	emit   func(msg []byte)
	take   func(msg []byte) // made once: a pull allocates nothing
	told   bool             // that it has joined
	resets bool             // in the rows behind a reset

	mu      sync.Mutex // guards what follows
	waiting []string   // names to acknowledge
}

// Follow returns a subscription to the channel that the client calls name. With
// snapshot the cursor must not skip its own. explain words the error that ends
// a cursor.
func Follow(cursor delivery.Source, name string, snapshot bool, explain func(error) (code, text string)) *Subscription {
	s := &Subscription{Source: cursor, name: name, snapshot: snapshot, explain: explain, waiting: []string{name}}
	s.take = s.message
	return s
}

// Snapshot reports whether the subscriber asked for one.
func (s *Subscription) Snapshot() bool { return s.snapshot }

// mostWaiting bounds what a client can make a subscription say that cannot say
// it yet.
const mostWaiting = 100

// Again has the next Pull acknowledge a client that subscribes once more, as
// name. Have the subscription pulled.
func (s *Subscription) Again(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) < mostWaiting {
		s.waiting = append(s.waiting, name)
	}
}

// Pull implements delivery.Source. The acknowledgment comes with the cursor's
// first message and not before: from then on no change is lost. An error is
// told before it is returned.
func (s *Subscription) Pull(limit int, emit func(msg []byte)) (more bool, err error) {
	s.emit = emit
	if s.told {
		s.acknowledge()
	}
	if more, err = s.Source.Pull(limit, s.take); err != nil {
		code, text := s.explain(err)
		emit(Problem(s.name, code, text))
	}
	s.emit = nil
	return more, err
}

func (s *Subscription) message(msg []byte) {
	if !s.told {
		s.told = true
		s.acknowledge()
	}
	switch msg[0] {
	case markReset:
		if !s.resets { // each portion of the rows has one
			s.resets = true
			s.emit(Message(Reset, s.name))
		}
	case markWhole:
		s.resets = false
		if s.snapshot {
			s.emit(Message(Snapshot, s.name))
		}
	default:
		s.emit(msg)
	}
}

// acknowledge answers those who wait for it.
func (s *Subscription) acknowledge() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, name := range waiting {
		s.emit(Message(Subscribed, name))
	}
}
