package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// The whole format of the TypeScript original.
const originalSchema = `
enums: {side: [buy, sell]}
sources:
  trades:
    primary_key: id
    columns: {id: Integer, instrument_id: Integer, side: side, quantity: Integer, price: Float, executed_at: Timestamp}
`

// Its documents: with the filter written out, and in a variable.
var originalDocuments = []subscription{
	{
		field:    "trades",
		document: `subscription { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) { operation data { id side price } fields } }`,
	},
	{
		field:    "trades",
		document: `subscription ($where: tradesExpression) { trades(where: $where) { operation data { id side price } fields } }`,
		variables: map[string]any{"where": map[string]any{
			"side": map[string]any{"_eq": "buy"}, "quantity": map[string]any{"_gt": 10},
		}},
	},
}

// market is a table of trades in one of the databases.
type market interface {
	create()
	// book writes all trades in one transaction; a trade of quantity 0 goes.
	book(trades ...trade)
}

type trade struct {
	id, quantity int
	side         string
	price        float64
}

type simMarket struct {
	t    *testing.T
	sim  *mzsim.Sim
	held map[int]trade
}

func (m *simMarket) create() {
	must[any](m.t)(nil, m.sim.CreateTable("trades", mzsim.Columns("id integer not null", "instrument_id integer",
		"side text", "quantity integer", "price double precision", "executed_at timestamp with time zone"), mzsim.ObjectOptions{}))
}

func (m *simMarket) book(trades ...trade) {
	tx := new(mzsim.Tx)
	cells := func(t trade) []any {
		return []any{t.id, t.id % 10, t.side, t.quantity, t.price, "2026-01-02 03:04:05.5+00"}
	}
	for _, t := range trades {
		if old, ok := m.held[t.id]; ok {
			tx.Delete("trades", cells(old)...)
		}
		delete(m.held, t.id)
		if t.quantity != 0 {
			m.held[t.id] = t
			tx.Insert("trades", cells(t)...)
		}
	}
	must[uint64](m.t)(m.sim.Write(tx))
}

type pgMarket struct{ db *database }

func (m *pgMarket) create() {
	m.db.exec(`CREATE TYPE side AS ENUM ('buy', 'sell');
		CREATE TABLE trades (id int PRIMARY KEY, instrument_id int, side side, quantity int, price float8, executed_at timestamptz)`)
}

func (m *pgMarket) book(trades ...trade) {
	var sql strings.Builder
	for _, t := range trades {
		if t.quantity == 0 {
			fmt.Fprintf(&sql, "DELETE FROM trades WHERE id = %d;", t.id)
			continue
		}
		fmt.Fprintf(&sql, `INSERT INTO trades VALUES (%d, %d, '%s', %d, %v, '2026-01-02 03:04:05.5Z')
			ON CONFLICT (id) DO UPDATE SET side = excluded.side, quantity = excluded.quantity, price = excluded.price;`,
			t.id, t.id%10, t.side, t.quantity, t.price)
	}
	m.db.exec(sql.String())
}

func TestOriginal(t *testing.T) {
	t.Parallel()
	t.Run("materialize", func(t *testing.T) {
		t.Parallel()
		sim, setting := stand(t, mzsim.Options{})
		original(t, &simMarket{t, sim, map[int]trade{}}, "materialize", setting)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db := postgres.Database(t)
		original(t, &pgMarket{reach(t, db.URL())}, "postgres", "DATABASE_URL="+db.URL())
	})
}

// original runs the original's documents while their table is created, filled
// and changed.
func original(t *testing.T, m market, backend, setting string) {
	t.Helper()
	g := serve(t, originalSchema, setting)
	g.says("/readyz", 503, "trades")
	g.state("trades", "FAILED", "trades")
	clients := make([]*client, len(originalDocuments))
	for i, d := range originalDocuments {
		clients[i] = follow(t, g, d)
	}
	same := func(want ...string) {
		t.Helper()
		for _, c := range clients {
			c.holds(t, []string{"id", "side", "price"}, func() []string { return want })
			if err := c.kept(); err != nil {
				t.Error(err)
			}
		}
	}

	m.create()
	m.book(trade{1, 11, "buy", 1.5}, trade{2, 10, "buy", 2}, trade{3, 12, "sell", 3.25}, trade{4, 400, "buy", 0.1})
	g.ready()
	same("1 | buy | 1.5", "4 | buy | 0.1")

	m.book(trade{1, 5, "buy", 1.5}, trade{2, 20, "buy", 2}, trade{3, 12, "buy", 3.25}, trade{4, 400, "buy", 0.2}) // out, in, in, changed
	same("2 | buy | 2", "3 | buy | 3.25", "4 | buy | 0.2")
	m.book(trade{id: 4})
	same("2 | buy | 2", "3 | buy | 3.25")
	for _, c := range clients {
		if c.inserts != 4 || c.deletes != 2 || c.events != 7 {
			t.Errorf("%d inserts, %d deletes, %d events", c.inserts, c.deletes, c.events)
		}
	}

	if _, got := g.post(map[string]any{
		"query":         `query Some($where: tradesExpression) { trades(where: $where, order_by: {id: desc}) { id side executed_at instrument_id } }`,
		"operationName": "Some",
		"variables":     map[string]any{"where": map[string]any{"price": map[string]any{"_lte": 2}}},
	}); got != `{"data":{"trades":[{"id":2,"side":"buy","executed_at":"2026-01-02T03:04:05.5Z","instrument_id":2},`+
		`{"id":1,"side":"buy","executed_at":"2026-01-02T03:04:05.5Z","instrument_id":1}]}}` {
		t.Errorf("query with a variable: %s", got)
	}
	if got, want := g.query(`{ sources { name field backend state rows primaryKey } trades_by_pk(id: 3) { quantity } }`),
		`{"data":{"sources":[{"name":"trades","field":"trades","backend":"`+backend+`","state":"LIVE","rows":3,"primaryKey":["id"]}],`+
			`"trades_by_pk":{"quantity":12}}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
