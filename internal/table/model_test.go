package table_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/table"
)

// The model: a plain map of rows, the history of every state by sequence
// number, and for each reader the rows it was told about.

func schema() *relation.Schema {
	return &relation.Schema{
		Columns: []relation.Column{
			{Name: "id", Field: "id", Kind: relation.Integer},
			{Name: "a", Field: "a", Kind: relation.String, Nullable: true},
			{Name: "b", Field: "b", Kind: relation.Integer, Nullable: true},
		},
		Key: []int{0},
	}
}

// member is the filter of the model's view: b is even.
func member(r relation.Row) bool {
	n, err := strconv.Atoi(r.Text(2))
	return err == nil && n%2 == 0
}

type client struct {
	t      *testing.T
	name   string
	reader table.Reader
	rows   map[string]relation.Row
	subset bool
}

type model struct {
	t       *testing.T
	rng     *rand.Rand
	tab     *table.Table
	sub     *table.Subset
	rows    map[string]relation.Row
	clients []*client
	time    uint64
}

func (m *model) randomRow(id int) relation.Row {
	if m.rng.IntN(8) == 0 {
		return relation.Cells(new(strconv.Itoa(id)), nil, new(strconv.Itoa(m.rng.IntN(4))))
	}
	return relation.Texts(strconv.Itoa(id), strconv.Itoa(m.rng.IntN(3)), strconv.Itoa(m.rng.IntN(4)))
}

// change makes a random change that holds, and applies it to next.
func (m *model) change(next map[string]relation.Row) relation.Change {
	id := m.rng.IntN(12)
	key := strconv.Itoa(id)
	old, live := next[key]
	row := m.randomRow(id)
	loose := m.rng.IntN(2) == 0
	switch {
	case m.rng.IntN(3) == 0 && (live || loose):
		delete(next, key)
		if loose {
			return relation.Change{Op: relation.Remove, Old: relation.Cells(&key, nil, nil)}
		}
		return relation.Change{Op: relation.Delete, Old: old}
	case loose:
		next[key] = row
		return relation.Change{Op: relation.Put, New: row}
	case live:
		next[key] = row
		return relation.Change{Op: relation.Update, Old: old, New: row}
	}
	next[key] = row
	return relation.Change{Op: relation.Insert, New: row}
}

// wrong makes a change whose claim does not hold.
func (m *model) wrong(next map[string]relation.Row) relation.Change {
	id := m.rng.IntN(12)
	key := strconv.Itoa(id)
	if old, live := next[key]; live {
		if m.rng.IntN(2) == 0 {
			return relation.Change{Op: relation.Insert, New: old}
		}
		return relation.Change{Op: relation.Delete, Old: relation.Texts(key, "other", "row")}
	}
	return relation.Change{Op: relation.Update, Old: m.randomRow(id), New: m.randomRow(id)}
}

func (m *model) step() {
	m.time++
	f := relation.Frontier{Time: m.time}
	switch m.rng.IntN(12) {
	case 0: // a snapshot with some rows changed, new and gone
		next := maps.Clone(m.rows)
		for range m.rng.IntN(6) {
			m.change(next)
		}
		var rows []relation.Row
		for _, r := range next {
			rows = append(rows, r)
		}
		if len(rows) > 0 && m.rng.IntN(4) == 0 {
			if _, err := m.tab.Replace(append(rows, rows[0]), f); err == nil {
				m.t.Fatal("a key that occurs twice in a snapshot was accepted")
			}
		}
		touches, err := m.tab.Replace(rows, f)
		m.applied(touches, err, next)
	case 1: // a false claim somewhere in the batch: nothing happens
		next := maps.Clone(m.rows)
		b := relation.Batch{Time: m.time}
		for range m.rng.IntN(5) {
			b.Changes = append(b.Changes, m.change(next))
		}
		b.Changes = append(b.Changes, m.wrong(next))
		_, err := m.tab.Apply(b)
		if claim := (*table.ClaimError)(nil); !errors.As(err, &claim) {
			m.t.Fatalf("false claim: got %v", err)
		}
	default:
		next := maps.Clone(m.rows)
		b := relation.Batch{Time: m.time}
		for range m.rng.IntN(6) {
			b.Changes = append(b.Changes, m.change(next))
		}
		touches, err := m.tab.Apply(b)
		m.applied(touches, err, next)
	}
	m.check()
}

// applied follows the touches in the subset and checks that they are the net
// difference, no more and no less.
func (m *model) applied(touches []table.Touch, err error, next map[string]relation.Row) {
	if err != nil {
		m.t.Fatal(err)
	}
	got := maps.Clone(m.rows)
	for _, to := range touches {
		if to.Old == to.New {
			m.t.Fatalf("a touch that changes nothing: %v", to)
		}
		row := to.New
		if row == "" {
			row = to.Old
		}
		key := row.Text(0)
		if got[key] != to.Old {
			m.t.Fatalf("touch of %s: old row %q, model has %q", key, to.Old, got[key])
		}
		if to.New == "" {
			delete(got, key)
		} else {
			got[key] = to.New
		}
		was, is := m.sub.Has(to.Slot), to.New != "" && member(to.New)
		switch {
		case is:
			m.sub.Put(to.Slot, to.Seq)
		case was:
			m.sub.Delete(to.Slot, to.Seq, to.Old)
		}
	}
	if !maps.Equal(got, next) {
		m.t.Fatalf("touches lead to %v, want %v", got, next)
	}
	m.rows = next
}

func (m *model) check() {
	if m.tab.Rows() != len(m.rows) {
		m.t.Fatalf("%d rows, model has %d", m.tab.Rows(), len(m.rows))
	}
	for key, want := range m.rows {
		if got, ok := m.tab.Find(relation.Cells(&key, nil, nil)); !ok || got != want {
			m.t.Fatalf("row %s: %q, model has %q", key, got, want)
		}
	}
}

func (m *model) want(subset bool) map[string]relation.Row {
	rows := maps.Clone(m.rows)
	if subset {
		maps.DeleteFunc(rows, func(_ string, r relation.Row) bool { return !member(r) })
	}
	return rows
}

// read lets a client scan once and checks all that it is told.
func (m *model) read(c *client, limit int) {
	log := m.tab.Log()
	if c.subset {
		log = m.sub.Log()
	}
	done, err := c.reader.Scan(log, m.tab.Head().Seq, limit, func(it table.Item) { m.tell(c, it) })
	if errors.Is(err, table.ErrCompacted) {
		if c.reader.Base() >= log.Horizon() {
			m.t.Fatal("compacted without reason")
		}
		c.rows, c.reader = m.want(c.subset), table.NewReader(m.tab.Head().Seq)
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	if done {
		if want := m.want(c.subset); !maps.Equal(c.rows, want) {
			m.t.Fatalf("%s at the head has %v, want %v", c.name, c.rows, want)
		}
	}
}

func (m *model) tell(c *client, it table.Item) {
	slot := it.ID
	if c.subset {
		slot = m.sub.Slot(it.ID)
	}
	row, _ := m.tab.Row(slot)
	if !it.Alive && c.subset {
		row = m.sub.Last(it.ID)
	}
	key := row.Text(0)
	held, known := c.rows[key]
	if known != it.Known {
		m.t.Fatalf("%s, key %s: told known=%v, holds it: %v", c.name, key, it.Known, known)
	}
	switch {
	case !it.Alive:
		if c.subset && !member(row) {
			m.t.Fatalf("%s: deleted row %q was never in the view", c.name, row)
		}
		delete(c.rows, key)
	case it.Known:
		told := m.tab.Changed(slot, it.Since, relation.NewColumnSet(3))
		for i := range 3 {
			a, aok := held.Cell(i)
			b, bok := row.Cell(i)
			if (a != b || aok != bok) && !told.Has(i) {
				m.t.Fatalf("%s, key %s: column %d changed and is not told", c.name, key, i)
			}
		}
		c.rows[key] = row
	default:
		c.rows[key] = row
	}
}

func (m *model) purge() {
	horizon := m.tab.Head().Seq
	if m.rng.IntN(4) != 0 { // otherwise: capped, some readers are compacted
		for _, c := range m.clients {
			horizon = min(horizon, c.reader.Base())
		}
	}
	m.sub.Purge(horizon)
	m.tab.Purge(horizon)
}

func run(t *testing.T, seed uint64, steps int) {
	t.Helper()
	m := &model{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), tab: table.New(schema()), sub: table.NewSubset(),
		rows: make(map[string]relation.Row),
	}
	for i := range 6 {
		m.clients = append(m.clients, &client{
			t: t, name: fmt.Sprintf("seed %d client %d", seed, i), subset: i%2 == 1, rows: make(map[string]relation.Row),
		})
	}
	for range steps {
		m.step()
		for _, c := range m.clients {
			switch m.rng.IntN(6) {
			case 0:
				m.read(c, 1+m.rng.IntN(4))
			case 1:
				m.read(c, 1000)
			}
		}
		if m.rng.IntN(10) == 0 {
			m.purge()
		}
	}
	for _, c := range m.clients {
		m.read(c, 1<<30)
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		run(t, seed, 200)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(1), uint16(50))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { run(t, seed, int(steps%2000)) })
}
