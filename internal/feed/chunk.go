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

// chunk is one upstream time of a view, encoded once for each plan that reads
// it. Chunks are a linked list from old to new: a cursor that holds one holds
// those behind it until eviction cuts the link, so a slow cursor keeps one
// chunk and never the ring.
//
// A cursor that finds no next chunk is at the head, unless the chunk was
// evicted; evicted is set before the link is cut.
type chunk struct {
	next    atomic.Pointer[chunk]
	evicted atomic.Bool
	from    uint64 // the head before this time
	until   uint64 // the head before the next time that the view has; set before next or evicted
	size    int
	lost    bool // nobody read the view, so its events were not kept
	frame   Frame

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
}

func (m *messages) message(i int) []byte {
	start := 0
	if i > 0 {
		start = m.ends[i-1]
	}
	return m.buf[start:m.ends[i]:m.ends[i]]
}

func (c *chunk) evict() {
	c.evicted.Store(true)
	c.next.Store(nil)
}

// messages returns the chunk's messages under p, encoding them if this is the
// first cursor to ask: ingest never encodes.
func (c *chunk) messages(p *plan) *messages {
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
	rows   int            // at most so many events per frame
	epoch  *atomic.Uint64 // the feed's
	hash   uint64         // of the view's filter
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
	m := &messages{}
	if !p.frames {
		size := 0
		for i := range f.Events {
			size += eventOverhead + len(f.Events[i].Row)
		}
		m.buf, m.ends = p.enc.Encode(make([]byte, 0, size), make([]int, 0, len(f.Events)), f)
		return m
	}
	part := *f
	for rest := f.Events; ; {
		n := min(p.rows, len(rest))
		part.Events, rest = rest[:n], rest[n:]
		part.Last = f.Last && len(rest) == 0
		part.Cursor = ""
		if part.Last {
			part.Cursor = token{p.epoch.Load(), f.Time, p.hash}.String()
		}
		m.buf, m.ends = p.enc.Encode(m.buf, m.ends, &part)
		if len(rest) == 0 {
			return m
		}
	}
}

// inserts makes INSERT events of rows.
func inserts(rows []relation.Row) []Event {
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event{Op: Insert, Row: r}
	}
	return events
}
