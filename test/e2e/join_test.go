package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// Accounts between which money moves: whoever sees a time whole sees a total
// that never changes.
const accountsSchema = `
naming: camelCase
sources:
  accounts:
    primary_key: id
    columns: {id: Integer, n: BigInt}
`

const (
	accounts = 5_000
	moving   = 500 // of them, so that many transfers meet in one row
)

// accountsRows and accountsChanges follow all accounts and count the money.
func accountsRows() subscription {
	return subscription{
		field: "accounts", check: total,
		document: `subscription { accounts { operation fields timestamp data { _key id n } } }`,
	}
}

func accountsChanges() subscription {
	return subscription{
		field: "accountsChanges", check: total,
		document: `subscription { accountsChanges { kind last state timestamp changes { operation fields timestamp data { _key id n } } } }`,
	}
}

// total is the check of both.
func total(count, sum int) error {
	if count == 0 || count == accounts && sum == 100*accounts { // 0: before the snapshot
		return nil
	}
	return fmt.Errorf("%d accounts hold %d", count, sum)
}

// joinThrough lets clients in while the source takes its first snapshot and
// while transfers run, then compares all of them with what the database says.
func joinThrough(t *testing.T, setting string, transfer func(ctx context.Context, r *rand.Rand), want func() []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n := range 4 {
		random := rand.New(rand.NewPCG(uint64(n), 3))
		wg.Go(func() { transfer(ctx, random) })
	}
	g := serve(t, accountsSchema, setting)
	clients := []*client{follow(t, g, accountsRows()), follow(t, g, accountsChanges())}
	join := func(n int) {
		for range n {
			clients = append(clients, follow(t, g, accountsChanges()))
			rest(t.Context(), time.Duration(20+rand.IntN(40))*time.Millisecond)
		}
	}
	join(8)
	early, _ := clients[1].counts()
	clients[1].has(t, accounts)
	join(6)
	rest(t.Context(), 300*time.Millisecond)
	stop()
	wg.Wait()
	expected := want()
	for _, c := range clients {
		c.holds(t, []string{"id", "n"}, func() []string { return expected })
		if err := c.kept(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	t.Logf("the second client held %d rows when the tenth had joined", early)
}

func TestJoinPostgres(t *testing.T) {
	t.Parallel()
	db := postgres.Database(t)
	db.Exec(t, fmt.Sprintf(`CREATE TABLE accounts (id int PRIMARY KEY, n bigint);
		INSERT INTO accounts SELECT g, 100 FROM generate_series(1, %d) g`, accounts))
	transfer := func(ctx context.Context, r *rand.Rand) {
		conn, err := pgconn.Connect(ctx, db.URL())
		if err != nil {
			return
		}
		defer conn.Close(context.WithoutCancel(ctx))
		for ctx.Err() == nil {
			a, b := 1+r.IntN(moving), 1+r.IntN(moving)
			// A batch is one transaction; the lower row is locked first.
			_ = conn.Exec(ctx, fmt.Sprintf(`SELECT FROM accounts WHERE id IN (%d, %d) ORDER BY id FOR UPDATE;
				UPDATE accounts SET n = n - 7 WHERE id = %[1]d; UPDATE accounts SET n = n + 7 WHERE id = %[2]d;`, a, b)).Close()
			rest(ctx, 10*time.Millisecond)
		}
	}
	joinThrough(t, "DATABASE_URL="+db.URL(), transfer, func() []string { return reach(t, db.URL()).lines("SELECT id, n FROM accounts") })
}

func TestJoinMaterialize(t *testing.T) {
	t.Parallel()
	sim, setting := stand(t, mzsim.Options{})
	must[any](t)(nil, sim.CreateView("accounts", mzsim.Columns("id integer not null", "n bigint"), mzsim.ObjectOptions{Cold: true}))
	held := make([]int, accounts+1)
	fill := new(mzsim.Tx)
	for id := 1; id <= accounts; id++ {
		held[id] = 100
		fill.Insert("accounts", id, 100)
	}
	must[uint64](t)(sim.Write(fill))
	var mu sync.Mutex // guards held
	transfer := func(ctx context.Context, r *rand.Rand) {
		for ctx.Err() == nil {
			mu.Lock()
			tx, touched := new(mzsim.Tx), map[int]int{}
			for range 1 + r.IntN(5) {
				touched[1+r.IntN(moving)] += 7
				touched[1+r.IntN(moving)] -= 7
			}
			for id, by := range touched {
				tx.Delete("accounts", id, held[id]).Insert("accounts", id, held[id]+by)
				held[id] += by
			}
			_, err := sim.Write(tx)
			mu.Unlock()
			if err != nil {
				return
			}
			rest(ctx, 20*time.Millisecond)
		}
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = sim.Hydrate("accounts") }) // the clients tell if not
	joinThrough(t, setting, transfer, func() []string {
		lines := make([]string, 0, accounts)
		rows, err := sim.Rows("accounts")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			id, _ := r.Cell(0)
			n, _ := r.Cell(1)
			lines = append(lines, id+" | "+n)
		}
		return sorted(lines)
	})
}

// Nobody is told anything about a view that is not there yet but that it is
// not; then everybody gets its rows.
func TestColdView(t *testing.T) {
	t.Parallel()
	sim, setting := stand(t, mzsim.Options{})
	must[any](t)(nil, sim.CreateView("sheet", mzsim.Columns("id integer not null", "n bigint", "name text"), mzsim.ObjectOptions{Cold: true}))
	must[uint64](t)(sim.Write(new(mzsim.Tx).Insert("sheet", 1, 10, "a").Insert("sheet", 2, nil, nil)))
	g := serve(t, sheetSchema, setting, "TYCOSTREAM_QUERY_WAIT=100ms")
	c := follow(t, g, sheetChanges(`{}`))
	eventually(t, "a frame", func() error {
		if seen := c.seen(); seen != "SNAPSHOT STARTING" && seen != "LIVE STARTING" {
			return fmt.Errorf("%q", seen)
		}
		return nil
	})
	if got := g.query(`{ sheet { id } }`); !contains(got, `"SOURCE_NOT_READY"`, "sheet") {
		t.Errorf("query: %s", got)
	}
	g.says("/readyz", 503, `"state":"STARTING"`)
	must[any](t)(nil, sim.Hydrate("sheet"))
	c.holds(t, sheetColumns, func() []string { return []string{"1 | 10 | a", "2 | null | null"} })
	g.ready()
	if err := c.kept(); err != nil {
		t.Error(err)
	}
}
