package predindex

import "github.com/tycostream/tycostream/internal/relation"

// bound is one end of a range; without a value the range has no end there.
type bound struct {
	value *relation.Value
	open  bool // value itself lies outside
}

// span is a range and a node of a tree.
type span[T any] struct {
	low, high   bound
	reach       bound // the greatest high end in the subtree
	left, right *span[T]
	priority    uint64 // unique, so that it also orders equal ranges
	path        *path[T]
}

// tree finds the ranges that hold a value. It is a treap, a search tree that
// random priorities keep balanced, ordered by low ends and, where those are
// equal, falling high ends: thus the ranges with one end that hold a value are
// neighbors. A subtree that does not reach up to the value is skipped.
type tree[T any] struct {
	root *span[T]
	made uint64
}

func (t *tree[T]) link(p *path[T], low, high bound) {
	t.made++
	p.home = t
	p.span = &span[T]{low: low, high: high, reach: high, priority: scramble(t.made), path: p}
	t.root = t.root.insert(p.span)
}

func (t *tree[T]) unlink(p *path[T]) {
	t.root = t.root.remove(p.span)
}

// scramble makes distinct random-looking numbers of distinct ones (splitmix64).
func scramble(n uint64) uint64 {
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func (s *span[T]) insert(one *span[T]) *span[T] {
	switch {
	case s == nil:
		return one
	case one.priority > s.priority:
		one.left, one.right = s.split(one)
		one.update()
		return one
	case one.before(s):
		s.left = s.left.insert(one)
	default:
		s.right = s.right.insert(one)
	}
	s.update()
	return s
}

// split parts a subtree into what comes before one and what comes after it.
func (s *span[T]) split(one *span[T]) (left, right *span[T]) {
	if s == nil {
		return nil, nil
	}
	if one.before(s) {
		left, s.left = s.left.split(one)
		s.update()
		return left, s
	}
	s.right, right = s.right.split(one)
	s.update()
	return s, right
}

func (s *span[T]) remove(one *span[T]) *span[T] {
	switch {
	case s == one:
		return merge(s.left, s.right)
	case one.before(s):
		s.left = s.left.remove(one)
	default:
		s.right = s.right.remove(one)
	}
	s.update()
	return s
}

func merge[T any](left, right *span[T]) *span[T] {
	switch {
	case left == nil:
		return right
	case right == nil:
		return left
	case left.priority > right.priority:
		left.right = merge(left.right, right)
		left.update()
		return left
	}
	right.left = merge(left, right.left)
	right.update()
	return right
}

func (s *span[T]) update() {
	s.reach = s.high
	for _, child := range [...]*span[T]{s.left, s.right} {
		if child != nil && compareHigh(&child.reach, &s.reach) > 0 {
			s.reach = child.reach
		}
	}
}

func (s *span[T]) before(o *span[T]) bool {
	order := compareLow(&s.low, &o.low)
	if order == 0 {
		order = compareHigh(&o.high, &s.high)
	}
	return order < 0 || order == 0 && s.priority < o.priority
}

// compareLow orders low ends: a closed one comes before an open one.
func compareLow(a, b *bound) int {
	if a.value == nil || b.value == nil {
		return flag(a.value != nil) - flag(b.value != nil)
	}
	if order := a.value.Compare(b.value); order != 0 {
		return order
	}
	return flag(a.open) - flag(b.open)
}

// compareHigh orders high ends: an open one comes before a closed one.
func compareHigh(a, b *bound) int {
	if a.value == nil || b.value == nil {
		return flag(a.value == nil) - flag(b.value == nil)
	}
	if order := a.value.Compare(b.value); order != 0 {
		return order
	}
	return flag(b.open) - flag(a.open)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stab reaches every path in the subtree whose range holds a value, given as a
// closed bound.
func (x *Index[T]) stab(s *span[T], at *bound, rows sides) {
	for s != nil && compareHigh(&s.reach, at) >= 0 {
		x.stab(s.left, at, rows)
		if compareLow(&s.low, at) > 0 {
			return
		}
		if compareHigh(&s.high, at) >= 0 {
			x.reach(s.path, rows)
		}
		s = s.right
	}
}
