package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tycostream/tycostream/internal/testpg"
)

// pgSheet is a sheet in PostgreSQL.
type pgSheet struct {
	t      *testing.T
	db     *database
	random *rand.Rand
}

func newPGSheet(t *testing.T) (s *pgSheet, setting string) {
	t.Helper()
	server := testpg.Start(t, testpg.Options{})
	db := server.NewDatabase(t)
	db.Exec(t, "CREATE TABLE sheet (id int PRIMARY KEY, n bigint, name text)")
	s = &pgSheet{t: t, db: reach(t, db.URL()), random: newRandom()}
	s.write(50)
	return s, "DATABASE_URL=" + db.URL()
}

// write commits so many transactions.
func (s *pgSheet) write(transactions int) {
	s.t.Helper()
	for range transactions {
		var sql strings.Builder
		for range 1 + s.random.IntN(4) {
			id := 1 + s.random.IntN(150)
			if s.random.IntN(4) == 0 {
				fmt.Fprintf(&sql, "DELETE FROM sheet WHERE id = %d;", id)
				continue
			}
			fmt.Fprintf(&sql, "INSERT INTO sheet VALUES (%d, %d, '%c') ON CONFLICT (id) DO UPDATE SET (n, name) = (excluded.n, excluded.name);",
				id, s.random.IntN(1000), "abc"[s.random.IntN(3)])
		}
		s.db.exec(sql.String())
	}
}

// rows are what SQL says, by key.
func (s *pgSheet) rows(sql string) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, l := range s.db.lines("SELECT id, n, name FROM sheet WHERE " + sql) {
		id, _, _ := strings.Cut(l, " ")
		out[id] = l
	}
	return out
}

var pgConditions = [][2]string{{"{}", "true"}, {"{n: {_gt: 500}}", "n > 500"}}

// first reads a snapshot of what SQL says, while nobody writes.
func (s *pgSheet) first(g *gateway, c [2]string) page {
	s.t.Helper()
	g.ready()
	var out page
	eventually(s.t, "a snapshot", func() error {
		p, failed := poll(s.t, g, resuming(c[0], ""))
		if failed != "" {
			s.t.Fatal(failed)
		}
		out = p
		return same(p.lay(map[string]string{}), s.rows(c[1]))
	})
	return out
}

// resume continues a position while nobody writes, and fails unless what comes
// of it, over the rows that were held, is what SQL says and, of a difference,
// names row 900. It returns the last page with the kind of the first.
func (s *pgSheet) resume(g *gateway, c [2]string, at page, held map[string]string) page {
	s.t.Helper()
	r := read(s.t, g, resuming(c[0], at.Cursor))
	defer r.sock.close()
	kind := r.next(0).Kind
	var out page
	var told []string
	eventually(s.t, "what SQL says", func() error {
		rows := maps.Clone(held)
		for _, p := range r.all() {
			p.lay(rows)
			out, told = p, append(told, p.operations()...)
		}
		return same(rows, s.rows(c[1]))
	})
	if out.Kind = kind; kind == "RESUMED" && !slices.Contains(told, "DELETE 900") {
		s.t.Errorf("%s: not told of a row that came and went, but %q", c[0], told)
	}
	return out
}

// comeAndGo writes changes of every sort.
func (s *pgSheet) comeAndGo() {
	s.t.Helper()
	s.db.exec("INSERT INTO sheet VALUES (900, 999, 'x')")
	s.write(10)
	s.db.exec("DELETE FROM sheet WHERE id = 900")
}

func TestPostgresResume(t *testing.T) {
	t.Parallel()
	s, setting := newPGSheet(t)
	g := serve(t, sheetSchema, setting)
	for _, c := range pgConditions {
		at, held := s.first(g, c), s.rows(c[1])
		for range 4 {
			s.comeAndGo()
			got := s.resume(g, c, at, held)
			if got.Kind != "RESUMED" {
				t.Errorf("%s: %s", c[0], got.Kind)
			}
			if again := s.resume(g, c, at, s.rows(c[1])); again.Kind != "RESUMED" {
				t.Errorf("%s, over what is known already: %s", c[0], again.Kind)
			}
			at, held = got, s.rows(c[1])
		}
	}
	// There is no history in PostgreSQL from before a gateway was there.
	c := pgConditions[0]
	at, held := s.first(g, c), s.rows(c[1])
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		g.kill(sig)
		s.write(5)
		g.again()
		g.ready()
		if got := s.resume(g, c, at, held); got.Kind != "RESET" {
			t.Errorf("after a restart: %s", got.Kind)
		}
		at, held = s.first(g, c), s.rows(c[1])
		s.comeAndGo()
		if got := s.resume(g, c, at, held); got.Kind != "RESUMED" {
			t.Errorf("after a restart, with a new cursor: %s", got.Kind)
		}
	}
}

// TestPostgresGateways: two gateways give a transaction the same time, and
// cursors go from one to the other.
func TestPostgresGateways(t *testing.T) {
	t.Parallel()
	s, setting := newPGSheet(t)
	gateways := []*gateway{serve(t, sheetSchema, setting), serve(t, sheetSchema, setting)}
	both := make([]*reader, 2)
	for i, g := range gateways {
		s.first(g, pgConditions[0])
		both[i] = read(t, g, "")
		both[i].next(0)
	}
	s.write(40)
	s.db.exec("INSERT INTO sheet VALUES (999, 1, 'end')")
	told := func(r *reader) (out []string, done bool) {
		for _, p := range r.all()[1:] {
			for _, c := range p.Changes {
				out = append(out, p.Timestamp+" "+c.Operation+" "+text(c.Data["_key"]))
				done = done || text(c.Data["_key"]) == "999"
			}
		}
		return out, done
	}
	for _, r := range both {
		eventually(t, "the end", func() error {
			if _, done := told(r); !done {
				return fmt.Errorf("%d pages", len(r.all()))
			}
			return nil
		})
	}
	one, _ := told(both[0])
	two, _ := told(both[1])
	if err := differ(sorted(one), sorted(two)); err != nil {
		t.Errorf("the gateways tell it differently: %v", err)
	}

	for _, c := range pgConditions {
		at, held := s.first(gateways[0], c), s.rows(c[1])
		for i := range 6 {
			s.comeAndGo()
			got := s.resume(gateways[(i+1)%2], c, at, held)
			if got.Kind != "RESUMED" {
				t.Errorf("%s, switch %d: %s", c[0], i, got.Kind)
			}
			at, held = got, s.rows(c[1])
		}
	}

	// One that comes later does not know what was before.
	at, held := s.first(gateways[0], pgConditions[0]), s.rows("true")
	s.write(5)
	late := serve(t, sheetSchema, setting)
	late.ready()
	s.write(5)
	if got := s.resume(late, pgConditions[0], at, held); got.Kind != "RESET" {
		t.Errorf("on a gateway that came later: %s", got.Kind)
	}
}
