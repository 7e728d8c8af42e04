package graph

import (
	"container/list"
	"context"
	"sync"
)

// lru is a cache that forgets what was used longest ago. It is bounded twice: by
// entries, and by the bytes of its keys and values as size counts them. Safe
// for concurrent use.
type lru[T any] struct {
	entries, bytes int // limits
	size           func(T) int

	mu    sync.Mutex // guards what follows
	used  int
	order list.List // of *entry[T], newest first
	index map[string]*list.Element
}

type entry[T any] struct {
	key   string
	value T
	size  int
}

func newLRU[T any](entries, bytes int, size func(T) int) *lru[T] {
	return &lru[T]{entries: entries, bytes: bytes, size: size, index: map[string]*list.Element{}}
}

// Get implements gqlgen's graphql.Cache.
func (c *lru[T]) Get(_ context.Context, key string) (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.index[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[T]).value, true //nolint:forcetypeassert // only entries are put in
}

// Add implements gqlgen's graphql.Cache. A value that alone exceeds the limit
// is not kept.
func (c *lru[T]) Add(_ context.Context, key string, value T) {
	n := len(key) + c.size(value)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.index[key]; ok {
		c.remove(e)
	}
	if n > c.bytes {
		return
	}
	c.index[key] = c.order.PushFront(&entry[T]{key: key, value: value, size: n})
	c.used += n
	for c.used > c.bytes || len(c.index) > c.entries {
		c.remove(c.order.Back())
	}
}

func (c *lru[T]) remove(e *list.Element) {
	old := c.order.Remove(e).(*entry[T]) //nolint:forcetypeassert // only entries are put in
	delete(c.index, old.key)
	c.used -= old.size
}
