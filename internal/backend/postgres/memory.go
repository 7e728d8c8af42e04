package postgres

import (
	"iter"
	"maps"

	"github.com/tycostream/tycostream/internal/relation"
)

// holder answers what rows a target holds: its sink, or a memory.
type holder interface {
	Current(key relation.Row) (relation.Row, bool)
	All() iter.Seq[relation.Row]
}

// memory remembers a target's rows for a sink that cannot be asked. Rows are
// shared with the sink, so that it costs the map alone.
type memory struct {
	schema  *relation.Schema
	rows    map[string]relation.Row
	partial bool // the stream was resumed: older rows are missing
	key     []byte
}

func newMemory(schema *relation.Schema) *memory {
	return &memory{schema: schema, rows: map[string]relation.Row{}}
}

func (m *memory) keyOf(row relation.Row) []byte {
	m.key = m.schema.AppendKey(m.key[:0], row)
	return m.key
}

// Current returns the row with the key of key.
func (m *memory) Current(key relation.Row) (relation.Row, bool) {
	row, ok := m.rows[string(m.keyOf(key))]
	return row, ok
}

// All yields every row.
func (m *memory) All() iter.Seq[relation.Row] { return maps.Values(m.rows) }

func (m *memory) load(rows []relation.Row) {
	for _, r := range rows {
		m.rows[string(m.keyOf(r))] = r
	}
}

func (m *memory) apply(batches []relation.Batch) {
	for _, b := range batches {
		for i := range b.Changes {
			if c := &b.Changes[i]; c.Op == relation.Put {
				m.rows[string(m.keyOf(c.New))] = c.New
			} else {
				delete(m.rows, string(m.keyOf(c.Old)))
			}
		}
	}
}
