package delivery

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tycostream/tycostream/internal/histogram"
)

// Config sets a pool's limits. Zero fields get defaults.
type Config struct {
	Workers     int           // goroutines that write; GOMAXPROCS, at least 2
	PassBytes   int           // what one pass gathers for one connection; 64 KiB
	SlowTimeout time.Duration // a blocked client that takes not one byte for so long is cut off; 10 min

	// Clock is the one of Source.Received: nanoseconds that never go back. Nil
	// is one that starts with the pool.
	Clock func() int64
}

func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = max(2, runtime.GOMAXPROCS(0))
	}
	if c.PassBytes <= 0 {
		c.PassBytes = 64 << 10
	}
	if c.SlowTimeout <= 0 {
		c.SlowTimeout = 10 * time.Minute
	}
	if c.Clock == nil {
		start := time.Now()
		c.Clock = func() int64 { return int64(time.Since(start)) }
	}
	return c
}

// Stats is a snapshot of a pool's counters.
type Stats struct {
	Writes  uint64 // writes begun
	Blocked int64  // connections whose socket is full now
	Slow    uint64 // connections cut off by SlowTimeout
	Queued  int64  // bytes that wait: tails of blocked connections, and frames given to Send

	Write         histogram.Counts // of passes: from the first byte tried until all bytes were taken
	ChangeLatency histogram.Counts // of passes with live changes: from Source.Received until all bytes were taken
}

// Counters count what connections carry. Connections of a kind share them.
type Counters struct {
	Messages atomic.Uint64 // of streams, handed to sockets; frames given to Send are not counted
	Bytes    atomic.Uint64 // taken by sockets, frame headers included
}

// Pool is a set of delivery workers.
type Pool struct {
	cfg     Config
	workers []*worker

	slow            atomic.Uint64
	blocked, queued atomic.Int64
	late            timing // of passes whose connection was blocked meanwhile

	buffers sync.Pool // *[]byte, of blocked connections' tails and workers
	wg      sync.WaitGroup

	mu         sync.Mutex // guards what follows, and Conn.link
	work       sync.Cond
	head, tail *Conn
	idle       int
	closed     bool
}

// NewPool starts the workers.
func NewPool(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults()}
	p.work.L = &p.mu
	p.buffers.New = func() any {
		b := make([]byte, 0, p.cfg.PassBytes+4096)
		return &b
	}
	for range p.cfg.Workers {
		p.workers = append(p.workers, newWorker(p))
	}
	for _, w := range p.workers {
		p.wg.Go(w.run)
	}
	return p
}

// Close stops the workers and waits until they, and the goroutines of blocked
// connections, are gone. Abort the connections first.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.work.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}

// Stats returns the counters.
func (p *Pool) Stats() Stats {
	s := Stats{
		Blocked:       p.blocked.Load(),
		Slow:          p.slow.Load(),
		Queued:        p.queued.Load(),
		Write:         p.late.write.Counts(),
		ChangeLatency: p.late.change.Counts(),
	}
	for _, w := range p.workers {
		s.Writes += w.writes.Load()
		s.Write.Add(w.timing.write.Counts())
		s.ChangeLatency.Add(w.timing.change.Counts())
	}
	return s
}

// timing is how long passes took. Each worker has its own, so that none waits
// for another one's cache line.
type timing struct{ write, change histogram.Histogram }

// moment is where a pass is timed from.
type moment struct {
	began    int64 // its first byte was tried
	received int64 // the oldest of its streams' newest changes came in; 0: none is live
}

func (t *timing) taken(m moment, now int64) {
	t.write.Observe(time.Duration(now - m.began))
	if m.received != 0 {
		t.change.Observe(time.Duration(now - m.received))
	}
}

func (p *Pool) push(c *Conn) {
	p.mu.Lock()
	if p.tail == nil {
		p.head = c
	} else {
		p.tail.link = c
	}
	p.tail = c
	if p.idle > 0 {
		p.work.Signal()
	}
	p.mu.Unlock()
}

// pop waits for a dirty connection; nil means that the pool is closed.
func (p *Pool) pop() *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.head == nil && !p.closed {
		p.idle++
		p.work.Wait()
		p.idle--
	}
	if p.closed {
		return nil
	}
	c := p.head
	p.head, c.link = c.link, nil
	if p.head == nil {
		p.tail = nil
	}
	return c
}

func (p *Pool) buffer() []byte {
	b, _ := p.buffers.Get().(*[]byte)
	return (*b)[:0]
}

// release takes a buffer back, unless a huge message has blown it up.
func (p *Pool) release(b []byte) {
	if c := cap(b); c >= p.cfg.PassBytes && c <= 8*p.cfg.PassBytes {
		b = b[:0]
		p.buffers.Put(&b)
	}
}
