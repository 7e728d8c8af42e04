package store

import "github.com/tycostream/tycostream/internal/webhook"

// cache holds the newest appends until their first attempt, so that the way
// from Append to the request reads nothing. What is over the limit is read
// from the stream when its turn comes.
type cache struct {
	limit, size int
	bySeq       map[uint64]webhook.Delivery
	order       []uint64 // of insertion; may name what is gone
}

func newCache(limit int) cache { return cache{limit: limit, bySeq: map[uint64]webhook.Delivery{}} }

// cost of an entry besides its body: the map's slot and the struct in it.
const entryCost = 300

func (c *cache) put(d webhook.Delivery) {
	c.bySeq[d.Seq] = d
	c.order = append(c.order, d.Seq)
	c.size += cap(d.Body) + entryCost
	for c.size > c.limit && len(c.order) > 0 {
		c.drop(c.order[0])
		c.order = c.order[1:]
	}
	if len(c.order) > 2*len(c.bySeq)+1024 {
		kept := make([]uint64, 0, len(c.bySeq))
		for _, seq := range c.order {
			if _, ok := c.bySeq[seq]; ok {
				kept = append(kept, seq)
			}
		}
		c.order = kept
	}
}

func (c *cache) drop(seq uint64) {
	if d, ok := c.bySeq[seq]; ok {
		c.size -= cap(d.Body) + entryCost
		delete(c.bySeq, seq)
	}
}
