package postgres

import "github.com/tycostream/tycostream/internal/relation"

// pending collects what a transaction does to one table, at most one change
// for each key: the last one counts.
type pending struct {
	schema  *relation.Schema
	changes []relation.Change
	at      map[string]int // position in changes by key text; nil while there are few
	key     []byte
}

// few is how many changes are searched one by one: most transactions change a
// row or two of a table, and need no map.
const few = 4

func (p *pending) find(row relation.Row) (int, bool) {
	if p.at == nil {
		for i := range p.changes {
			if p.schema.KeyEqual(rowOf(&p.changes[i]), row) {
				return i, true
			}
		}
		return 0, false
	}
	p.key = p.schema.AppendKey(p.key[:0], row)
	i, ok := p.at[string(p.key)]
	return i, ok
}

// rowOf is the row that carries the change's key.
func rowOf(c *relation.Change) relation.Row {
	if c.Op == relation.Put {
		return c.New
	}
	return c.Old
}

func (p *pending) set(row relation.Row, c relation.Change) {
	if i, ok := p.find(row); ok {
		p.changes[i] = c
		return
	}
	p.changes = append(p.changes, c)
	switch {
	case p.at != nil:
		p.at[string(p.key)] = len(p.changes) - 1 // find has left the key there
	case len(p.changes) > few:
		p.at = make(map[string]int, 4*few)
		for i := range p.changes {
			p.at[string(p.schema.AppendKey(nil, rowOf(&p.changes[i])))] = i
		}
	}
}

// put says that row stands.
func (p *pending) put(row relation.Row) { p.set(row, relation.Change{Op: relation.Put, New: row}) }

// remove says that the row with old's key is gone. When old is the whole row
// and the transaction has already put another one in its place, that one
// stays: with a deferred unique constraint rows may swap their keys.
func (p *pending) remove(old relation.Row, whole bool) {
	if whole {
		if i, ok := p.find(old); ok && p.changes[i].Op == relation.Put && p.changes[i].New != old {
			return
		}
	}
	p.set(old, relation.Change{Op: relation.Remove, Old: old})
}

// current says what the transaction has made of a key so far.
func (p *pending) current(key relation.Row) (row relation.Row, live, known bool) {
	i, ok := p.find(key)
	if !ok {
		return "", false, false
	}
	c := &p.changes[i]
	return c.New, c.Op == relation.Put, true
}

// take returns the changes and starts over.
func (p *pending) take() []relation.Change {
	out := p.changes
	p.changes, p.at = nil, nil
	return out
}
