package feed

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tycostream/tycostream/internal/relation"
)

// eventOverhead is what an event costs in a ring beside its rows' text, in
// bytes: the Event itself and the JSON around the cells.
const eventOverhead = 192

// chunk is one upstream time of a view. Chunks are a linked list from old to
// new: a cursor that holds one holds those behind it until eviction cuts the
// link and drops the content, so a slow cursor keeps one empty chunk and never
// the ring.
//
// A cursor that finds no next chunk is at the head, unless the chunk was
// evicted; evicted is set before the link is cut and the content dropped.
type chunk struct {
	next     atomic.Pointer[chunk]
	evicted  atomic.Bool
	from     uint64                  // the head before this time
	until    uint64                  // the head before the next time that the view has; set before next or evicted
	content  atomic.Pointer[content] // nil: lost or evicted
	size     int
	received int64  // when it came from upstream, of Now's clock; 0: it is no change
	total    uint64 // row changes that the view has seen up to it
	border   relation.Frontier
	epoch    uint64 // of border
	lost     bool   // its events were not kept: nobody read the view, or they are too many for the ring
}

// content is what a chunk says, encoded once for each plan that reads it.
type content struct {
	frame Frame

	mu      sync.Mutex // guards encoded
	encoded []encoding
}

// encoding is a chunk's messages under one plan.
type encoding struct {
	plan *plan
	*messages
}

// messages are encoded messages: message i ends at ends[i] in buf. Immutable.
type messages struct {
	buf  []byte
	ends []int
	ops  [len(opNames)]int // row changes by Op
}

func (m *messages) message(i int) []byte {
	start := 0
	if i > 0 {
		start = m.ends[i-1]
	}
	return m.buf[start:m.ends[i]:m.ends[i]]
}

func newChunk(from uint64, f Frame) *chunk {
	c := &chunk{from: from, border: relation.Frontier{Time: f.Time, Wall: f.Wall}, epoch: f.epoch}
	c.content.Store(&content{frame: f})
	return c
}

func (c *chunk) evict() {
	c.evicted.Store(true)
	c.next.Store(nil)
	c.content.Store(nil)
}

// lose drops what a chunk says before anybody reads it.
func (c *chunk) lose() {
	c.content.Store(nil)
	c.size, c.lost = 0, true
}

// messages returns the chunk's messages under p, nil if it was evicted.
func (c *chunk) messages(p *plan) *messages {
	if ct := c.content.Load(); ct != nil {
		return ct.messages(p)
	}
	return nil
}

// messages encodes if this is the first cursor to ask: ingest never encodes.
// Bytes that only one reader will ask for are not kept.
func (c *content) messages(p *plan) *messages {
	if p.readers.Load() == 1 {
		return p.encode(&c.frame)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.encoded {
		if c.encoded[i].plan == p {
			return c.encoded[i].messages
		}
	}
	m := p.encode(&c.frame)
	c.encoded = append(c.encoded, encoding{p, m})
	return m
}

// plan is an encoder as a view's readers share it.
type plan struct {
	enc    Encoder
	frames bool
	rows   int    // at most so many events per frame, and in one portion of a set
	hash   uint64 // of the view's filter

	readers atomic.Int64 // cursors that have it; written under view.mu

	// ratio is how many 64ths of their estimate the last frame's messages took;
	// 0: there was none. Guessing too low doubles the cost of a snapshot: half
	// of it is then growing buffers.
	ratio atomic.Int64
}

func planKey(e Encoder, frameRows int) string {
	if !e.Frames() {
		return e.ID()
	}
	return e.ID() + "\x00" + strconv.Itoa(frameRows)
}

// encode turns a frame into messages: frames in portions of at most rows
// events, of which only the last carries the cursor.
func (p *plan) encode(f *Frame) *messages {
	estimate := eventOverhead
	m := &messages{}
	for i := range f.Events {
		estimate += eventOverhead + len(f.Events[i].Row)
		m.ops[f.Events[i].Op]++
	}
	m.buf = make([]byte, 0, p.guess(estimate))
	defer func() { p.learn(estimate, len(m.buf)) }()
	if !p.frames {
		m.buf, m.ends = p.enc.Encode(m.buf, make([]int, 0, len(f.Events)), f)
		return m
	}
	part := *f
	for rest := f.Events; ; {
		n := min(p.rows, len(rest))
		part.Events, rest = rest[:n], rest[n:]
		part.Last = f.Last && len(rest) == 0
		part.Cursor = ""
		if part.Last {
			part.Cursor = token{f.epoch, f.Time, p.hash}.String()
		}
		m.buf, m.ends = p.enc.Encode(m.buf, m.ends, &part)
		if len(rest) == 0 {
			return m
		}
	}
}

// guess returns how many bytes messages of that estimate will about take.
func (p *plan) guess(estimate int) int {
	if r := int(p.ratio.Load()); r > 0 {
		return estimate * r / 64
	}
	return estimate
}

// learn notes how many bytes messages took, and a little more.
func (p *plan) learn(estimate, size int) {
	p.ratio.Store(int64(min(max(64*size/estimate+3, 16), 256)))
}
