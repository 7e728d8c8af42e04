package trigger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tycostream/tycostream/internal/webhook"
)

// memory is a webhook.Log that keeps everything in memory, and that tests can
// break.
type memory struct {
	mu      sync.Mutex
	seq     uint64
	rows    map[string]map[string]storedRow
	docs    map[string][]byte
	told    []webhook.Transition // not silent, in order
	appends int
	closed  bool

	refuse func(ts []webhook.Transition) (kept int, err error) // asked before each append
}

type storedRow struct {
	seq   uint64
	state []byte
}

func newMemory() *memory {
	return &memory{rows: map[string]map[string]storedRow{}, docs: map[string][]byte{}}
}

func (m *memory) Append(_ context.Context, ts []webhook.Transition) ([]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, webhook.ErrClosed
	}
	if m.refuse != nil {
		if kept, err := m.refuse(ts); err != nil {
			_, _ = m.write(ts[:kept])
			return nil, err
		}
	}
	return m.write(ts)
}

func (m *memory) write(ts []webhook.Transition) ([]uint64, error) {
	inBatch := map[string]bool{}
	for _, t := range ts {
		id := t.Trigger + "\x00" + t.Key
		if last := m.rows[t.Trigger][t.Key].seq; t.Kind != webhook.Test && !inBatch[id] && last != t.Prev {
			return nil, fmt.Errorf("%w: %q is at %d, not %d", webhook.ErrConflict, t.Key, last, t.Prev)
		}
		inBatch[id] = true
	}
	m.appends++
	var seqs []uint64
	for _, t := range ts {
		m.seq++
		seqs = append(seqs, m.seq)
		if !t.Silent {
			m.told = append(m.told, t)
		}
		if t.Kind == webhook.Test {
			continue
		}
		if m.rows[t.Trigger] == nil {
			m.rows[t.Trigger] = map[string]storedRow{}
		}
		m.rows[t.Trigger][t.Key] = storedRow{m.seq, t.State}
		if len(t.State) == 0 {
			delete(m.rows[t.Trigger], t.Key)
		}
	}
	return seqs, nil
}

func (m *memory) States(_ context.Context, trigger string, yield func(string, uint64, []byte) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, r := range m.rows[trigger] {
		if !yield(key, r.seq, r.state) {
			return nil
		}
	}
	return nil
}

func (m *memory) Forget(_ context.Context, trigger string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, trigger)
	return nil
}

func (m *memory) Triggers(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.rows)), nil
}

func (m *memory) PutDefinition(_ context.Context, name string, doc []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.docs[name] = doc
	return nil
}

func (m *memory) DeleteDefinition(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.docs, name)
	return nil
}

func (m *memory) Definitions(context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.docs), nil
}

// take returns what was told since the last call.
func (m *memory) take() []webhook.Transition {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := m.told
	m.told = nil
	return told
}
