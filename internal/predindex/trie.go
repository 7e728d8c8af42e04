package predindex

import (
	"bytes"
	"strings"

	"github.com/tycostream/tycostream/internal/filter"
)

// anchor says where in a cell a needle has to stand.
type anchor uint8

const (
	anywhere anchor = iota
	atStart
	atEnd
	whole // the cell is the needle
	anchors
)

func anchorOf(n *filter.Needle) anchor {
	var a anchor
	if n.Start {
		a += atStart
	}
	if n.End {
		a += atEnd
	}
	return a
}

// trie finds the needles that a text holds, by walking down from each of its
// bytes as far as there are needles that go on like the text: the more needles,
// the longer the walks, but by far not in proportion.
type trie[T any] struct {
	first    *[256]*twig[T] // by first byte; nil: no needles
	needles  int
	floating int // those that may begin anywhere
	walk     uint64
}

// twig stands for the text that some needles begin with. A needle ends at it, or
// it has two branches at least.
type twig[T any] struct {
	text   string // from the root on
	start  int    // where it goes on from the twig above
	paths  int    // in chains
	above  *twig[T]
	next   []byte // first bytes of the branches
	below  []*twig[T]
	trie   *trie[T]
	walk   uint64            // the last that found the needles which may stand anywhere
	chains [anchors]chain[T] // of needles that are the text
}

// link hangs a path on a needle, which is not empty.
func (t *trie[T]) link(p *path[T], n *filter.Needle) {
	w := t.plant(n.Text)
	p.anchor = anchorOf(n)
	w.chains[p.anchor].link(p)
	p.home = w
	w.count(p.anchor, 1)
}

func (w *twig[T]) count(a anchor, n int) {
	w.paths += n
	w.trie.needles += n
	if a == anywhere || a == atEnd {
		w.trie.floating += n
	}
}

// unlink takes a path off its needle.
func (w *twig[T]) unlink(p *path[T]) {
	w.chains[p.anchor].unlink(p)
	w.count(p.anchor, -1)
	w.wither()
}

// plant returns the twig of a text.
func (t *trie[T]) plant(text string) *twig[T] {
	if t.first == nil {
		t.first = new([256]*twig[T])
	}
	var above *twig[T]
	slot := &t.first[text[0]]
	for at := 0; ; {
		w := *slot
		if w == nil {
			w = &twig[T]{text: strings.Clone(text), start: at, above: above, trie: t}
			*slot = w
			return w
		}
		end := at + shared(w.text[at:], text[at:])
		if end < len(w.text) { // the twig forks within
			w = w.fork(end)
			*slot = w
		}
		if end == len(text) {
			return w
		}
		above, at = w, end
		slot = w.slot(text[at])
	}
}

// shared returns how many bytes two texts have in common at their starts.
func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// fork puts a twig in between that ends at end.
func (w *twig[T]) fork(end int) *twig[T] {
	in := &twig[T]{text: w.text[:end], start: w.start, above: w.above, trie: w.trie}
	in.next, in.below = []byte{w.text[end]}, []*twig[T]{w}
	w.start, w.above = end, in
	return in
}

// slot returns where the branch with a first byte hangs, or may.
func (w *twig[T]) slot(first byte) **twig[T] {
	i := bytes.IndexByte(w.next, first)
	if i < 0 {
		i = len(w.next)
		w.next, w.below = append(w.next, first), append(w.below, nil)
	}
	return &w.below[i]
}

// wither takes a twig out that is not needed any more.
func (w *twig[T]) wither() {
	if len(w.below) > 1 || w.chains != [anchors]chain[T]{} {
		return
	}
	slot := &w.trie.first[w.text[0]]
	if w.above != nil {
		slot = w.above.slot(w.text[w.start])
	}
	if len(w.below) == 1 {
		only := w.below[0]
		only.start, only.above = w.start, w.above
		*slot = only
		return
	}
	*slot = nil
	if w.above != nil {
		w.above.shed(w.text[w.start])
		w.above.wither()
	}
}

// shed drops a branch.
func (w *twig[T]) shed(first byte) {
	i := bytes.IndexByte(w.next, first)
	last := len(w.next) - 1
	w.next[i], w.below[i] = w.next[last], w.below[last]
	w.below[last] = nil
	w.next, w.below = w.next[:last], w.below[:last]
}

func (t *trie[T]) empty() bool { return t.needles == 0 }

// crowd returns how many paths hang at a needle.
func (t *trie[T]) crowd(text string) int {
	if t.empty() {
		return 0
	}
	for w := t.first[text[0]]; w != nil && strings.HasPrefix(text, w.text); {
		if len(w.text) == len(text) {
			return w.paths
		}
		i := bytes.IndexByte(w.next, text[len(w.text)])
		if i < 0 {
			break
		}
		w = w.below[i]
	}
	return 0
}

// find reaches the needles that a text holds.
func find[T any, S string | []byte](x *Index[T], t *trie[T], text S, rows sides) {
	t.walk++
	starts := len(text)
	if t.floating == 0 {
		starts = min(starts, 1)
	}
	for from := range starts {
		for w := t.first[text[from]]; w != nil; {
			end := from + len(w.text)
			if end > len(text) || string(text[from+w.start:end]) != w.text[w.start:] {
				break
			}
			if w.walk != t.walk { // else it has been found before in this text
				w.walk = t.walk
				x.follow(w.chains[anywhere].head, rows)
			}
			if from == 0 {
				x.follow(w.chains[atStart].head, rows)
			}
			if end == len(text) {
				x.follow(w.chains[atEnd].head, rows)
				if from == 0 {
					x.follow(w.chains[whole].head, rows)
				}
				break
			}
			i := bytes.IndexByte(w.next, text[end])
			if i < 0 {
				break
			}
			w = w.below[i]
		}
	}
}
