package delivery

import "sync"

// Merge is a Source of what many streams have, in turn. What [Merge.Envelope]
// says surrounds each message.
type Merge struct {
	// Of whoever pulls.
	env      Envelope
	received int64
	more     []*Stream

	mu     sync.Mutex // guards what follows; taken as Conn.mu is
	room   sync.Cond  // out has shrunk, or the Merge was closed
	wake   func()     // nil before Open
	out    [][]byte   // from Send
	size   int        // of out
	ready  list       // streams to look at
	closed bool
}

// NewMerge returns a Merge that nobody pulls from yet.
func NewMerge() *Merge {
	m := new(Merge)
	m.room.L = &m.mu
	return m
}

// NewStream returns a stream without a source, as that of a Conn does.
func (m *Merge) NewStream(env Envelope, end func(err error) []byte) *Stream {
	return &Stream{owner: m, env: env, end: end}
}

// Open says whom to wake when there is something to pull, and does so if there
// is.
func (m *Merge) Open(wake func()) {
	m.mu.Lock()
	m.wake = wake
	has := m.hasLocked()
	m.mu.Unlock()
	if has {
		wake()
	}
}

// Send queues a message that has its envelope already. It blocks while too much
// waits, and reports whether the Merge is still open. It must not be called from
// a Source or from a stream's end function.
func (m *Merge) Send(msg []byte) bool {
	m.mu.Lock()
	for m.size > highWater && !m.closed {
		m.room.Wait()
	}
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.out = append(m.out, msg)
	m.size += len(msg)
	m.unlockAndWake()
	return true
}

func (m *Merge) enqueue(s *Stream) {
	m.mu.Lock()
	m.ready.push(s)
	m.unlockAndWake()
}

func (m *Merge) unlockAndWake() {
	wake := m.wake
	m.mu.Unlock()
	if wake != nil {
		wake()
	}
}

func (m *Merge) hasLocked() bool { return len(m.out) > 0 || m.ready.head != nil }

// Pull implements Source. It never fails: the end of a stream is a message.
func (m *Merge) Pull(limit int, emit func(msg []byte)) (more bool, err error) {
	m.mu.Lock()
	out, ready := m.out, m.ready
	m.out, m.size, m.ready = nil, 0, list{}
	m.room.Broadcast()
	m.mu.Unlock()

	m.env, m.received = Envelope{}, 0
	left := limit
	for _, msg := range out {
		left -= len(msg)
		emit(msg)
	}
	for left > 0 {
		s := ready.pop()
		if s == nil {
			break
		}
		s.ready.Store(false) // before the pull: what comes during it wakes again
		m.env = s.env
		again, received, last := s.pull(left, func(msg []byte) {
			left -= len(s.env.Prefix) + len(msg) + len(s.env.Suffix)
			emit(msg)
		})
		if received != 0 && (m.received == 0 || received < m.received) {
			m.received = received
		}
		if last != nil {
			m.env = Envelope{}
			emit(last)
		}
		if again {
			m.more = append(m.more, s)
		}
	}
	return m.putBack(ready), nil
}

// putBack returns the streams that were not reached, which come first next time,
// and those that have more, which come last. It reports whether there is
// something to pull.
func (m *Merge) putBack(rest list) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready.prepend(rest)
	for _, s := range m.more {
		if !s.ready.Swap(true) {
			m.ready.push(s)
		}
	}
	clear(m.more)
	m.more = m.more[:0]
	return m.hasLocked() && !m.closed
}

// Envelope returns what surrounds the message that Pull is handing out; it is
// empty if the message has one already.
func (m *Merge) Envelope() Envelope { return m.env }

// Received implements Source.
func (m *Merge) Received() int64 { return m.received }

// Close lets go of those who send. Streams are closed by whoever made them.
func (m *Merge) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.out, m.size = true, nil, 0
	m.room.Broadcast()
}
