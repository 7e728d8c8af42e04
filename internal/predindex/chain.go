package predindex

// path is one way for rows to reach an entry. A path hangs in one place, its
// home: a bucket of a hash, a list, a tree of ranges, or a twig of a trie.
type path[T any] struct {
	entry  *Entry[T]
	next   *path[T] // in a bucket or list
	exact  bool     // reaching the entry means that its predicate is true
	anchor anchor   // in a trie

	home home[T]
	prev *path[T]
	key  string   // of the bucket
	span *span[T] // in a tree
}

// home is where a path hangs.
type home[T any] interface {
	unlink(p *path[T])
}

// chain is a list of paths.
type chain[T any] struct {
	head *path[T]
}

func (c *chain[T]) link(p *path[T]) {
	p.home, p.next = c, c.head
	if c.head != nil {
		c.head.prev = p
	}
	c.head = p
}

func (c *chain[T]) unlink(p *path[T]) {
	if p.next != nil {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		c.head = p.next
	}
}

// hash holds paths in buckets by canonical text.
type hash[T any] struct {
	heads map[string]*path[T]
}

func (h *hash[T]) link(p *path[T], key string) {
	if h.heads == nil {
		h.heads = make(map[string]*path[T])
	}
	p.home, p.key, p.next = h, key, h.heads[key]
	if p.next != nil {
		p.next.prev = p
		p.key = p.next.key // one text for all
	}
	h.heads[p.key] = p
}

func (h *hash[T]) unlink(p *path[T]) {
	if p.next != nil {
		p.next.prev = p.prev
	}
	switch {
	case p.prev != nil:
		p.prev.next = p.next
	case p.next != nil:
		h.heads[p.key] = p.next
	default:
		delete(h.heads, p.key)
	}
	if len(h.heads) == 0 {
		h.heads = nil // maps do not shrink
	}
}

func (h *hash[T]) empty() bool { return len(h.heads) == 0 }
