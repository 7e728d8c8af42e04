package delivery

import (
	"sync"
	"sync/atomic"
)

// Source is what a stream pulls from; a feed's cursor is one.
type Source interface {
	// Pull emits whole messages until limit bytes are passed or nothing is
	// left. With more=false, the stream's Wake is called when there may be
	// something again. An error ends the stream.
	Pull(limit int, emit func(msg []byte)) (more bool, err error)

	// Received returns when the newest live change that the last Pull handed
	// out came in, on Config.Clock; 0 if it handed out none.
	Received() int64
	Close()
}

// Envelope is what surrounds a stream's messages, one text frame each.
type Envelope struct {
	Prefix []byte
	Suffix string
}

// Stream carries one source's messages over a connection.
type Stream struct {
	owner owner
	env   Envelope
	end   func(err error) []byte

	ready atomic.Bool // it stands in the owner's list, or will be looked at by the running pass
	next  *Stream     // in that list; guarded by the owner's mu

	mu     sync.Mutex // guards what follows; held while the source is called
	src    Source
	closed bool
}

// owner is what pulls from streams: a Conn or a Merge.
type owner interface {
	enqueue(s *Stream) // has something; does not block
}

// NewStream returns a stream without a source. When the source ends with an
// error, end returns the text message that takes its place, or nil; it is
// called once, by a worker, and must not block.
func (c *Conn) NewStream(env Envelope, end func(err error) []byte) *Stream {
	return &Stream{owner: c, env: env, end: end}
}

// Attach gives the stream its source and starts it. It owns the source from
// now on; a stream that was closed meanwhile closes it at once.
func (s *Stream) Attach(src Source) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.src = src
	}
	s.mu.Unlock()
	if closed {
		src.Close()
		return
	}
	s.Wake()
}

// Wake says that the source may have something. It never blocks.
func (s *Stream) Wake() {
	if !s.ready.Swap(true) {
		s.owner.enqueue(s)
	}
}

// Close closes the source. When it returns, nothing more is pulled from it.
func (s *Stream) Close() {
	s.mu.Lock()
	src := s.src
	s.src, s.closed = nil, true
	if src != nil {
		src.Close()
	}
	s.mu.Unlock()
}

// pull pulls once. It returns when what was pulled came in, and what the
// stream's end leaves behind.
func (s *Stream) pull(limit int, emit func([]byte)) (more bool, received int64, last []byte) {
	s.mu.Lock()
	if s.src == nil {
		s.mu.Unlock()
		return false, 0, nil
	}
	more, err := s.src.Pull(limit, emit)
	received = s.src.Received()
	if err == nil {
		s.mu.Unlock()
		return more, received, nil
	}
	s.src.Close()
	s.src, s.closed = nil, true
	s.mu.Unlock()
	return false, received, s.end(err) // outside the lock: it takes the owner's
}

// list is a queue of streams, linked through Stream.next.
type list struct{ head, tail *Stream }

func (l *list) push(s *Stream) {
	if l.tail == nil {
		l.head = s
	} else {
		l.tail.next = s
	}
	l.tail = s
}

func (l *list) pop() *Stream {
	s := l.head
	if s == nil {
		return nil
	}
	l.head, s.next = s.next, nil
	if l.head == nil {
		l.tail = nil
	}
	return s
}

// prepend puts front before l.
func (l *list) prepend(front list) {
	if front.head == nil {
		return
	}
	front.tail.next = l.head
	if l.head == nil {
		l.tail = front.tail
	}
	l.head = front.head
}
