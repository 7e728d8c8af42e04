package materialize_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/backend/backendtest"
	"github.com/tycostream/tycostream/internal/backend/materialize"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// gateway is the whole way of a row, from the stand-in to a feed, in simulated
// time.
type gateway struct {
	*testing.T
	sim  *mzsim.Sim
	s    *source.Supervisor
	feed *feed.Feed // of the one source, once it is known
	end  func()     // ends the gateway
	stop func()     // ends everything; called at the end of the test anyway
}

// serve starts a gateway over one source; columns may be nil.
func serve(t *testing.T, sim *mzsim.Sim, def *source.Definition, mod ...func(*materialize.Config)) *gateway {
	t.Helper()
	return serveWith(t, sim, def, source.Settings{}, mod...)
}

func serveWith(t *testing.T, sim *mzsim.Sim, def *source.Definition, set source.Settings, mod ...func(*materialize.Config)) *gateway {
	t.Helper()
	g := &gateway{T: t, sim: sim}
	src := source.Source{Def: def}
	if schema, ok := def.Declared(); ok {
		g.feed = feed.New(schema, feed.Config{})
		src.Feed = g.feed
	}
	set.OnSchema = func(_ *source.Definition, schema *relation.Schema) (source.Feed, error) {
		g.feed = feed.New(schema, feed.Config{})
		return g.feed, nil
	}
	g.s = source.NewSupervisor(open(t, sim, mod...), []source.Source{src}, set)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.s.Run(ctx)
	}()
	g.end = sync.OnceFunc(func() {
		cancel()
		<-done
		if g.feed != nil {
			g.feed.Close()
		}
	})
	g.stop = sync.OnceFunc(func() {
		g.end()
		sim.Close()
	})
	t.Cleanup(g.stop)
	return g
}

func (g *gateway) stats() source.Stats { return g.s.Stats()[0] }

// after waits for simulated time to pass, then checks the state and a part of
// its reason.
func (g *gateway) after(d time.Duration, state feed.State, reason string) {
	g.Helper()
	time.Sleep(d)
	synctest.Wait()
	if s := g.stats(); s.State != state || !strings.Contains(s.Reason, reason) {
		g.Fatalf("state %v, reason %q, want %v, %q (last error %s)", s.State, s.Reason, state, reason, s.LastError)
	}
}

func (g *gateway) lines() []string {
	g.Helper()
	res, err := g.feed.Rows(g.Context(), nil)
	if err != nil {
		g.Fatal(err)
	}
	out := []string{}
	for _, r := range res.Rows {
		out = append(out, backendtest.Line(r))
	}
	slices.Sort(out)
	return out
}

func (g *gateway) rows(want ...string) {
	g.Helper()
	if got := g.lines(); !slices.Equal(got, want) {
		g.Fatalf("rows %q, want %q", got, want)
	}
}

func (g *gateway) write(tx *mzsim.Tx) {
	g.Helper()
	_, err := g.sim.Write(tx)
	check(g.T, err)
}

func people(t *testing.T, sim *mzsim.Sim, opts mzsim.ObjectOptions, rows ...string) {
	t.Helper()
	check(t, sim.CreateView("people", mzsim.Columns("id integer not null", "name text"), opts))
	tx := new(mzsim.Tx)
	for _, r := range rows {
		id, name, _ := strings.Cut(r, "|")
		tx.Insert("people", id, name)
	}
	_, err := sim.Write(tx)
	check(t, err)
}

func peopleSource() *source.Definition {
	return &source.Definition{Name: "people", Key: []string{"id"}, Columns: []source.ColumnDefinition{
		{Name: "id", Field: "id", Kind: relation.Integer}, {Name: "name", Field: "name"},
	}}
}

// TestEndToEndFaults moves money between accounts while everything goes wrong
// that the stand-in can make go wrong. The sum must hold whenever anybody
// looks, time must not go back, and at the end the rows must be the same.
func TestEndToEndFaults(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := mzsim.New(mzsim.Options{Seed: seed, PipeBuffer: 8192, TickInterval: 300 * time.Millisecond})
				retain := time.Second
				if seed%2 == 0 {
					retain = time.Hour
				}
				check(t, sim.CreateView("accounts", mzsim.Columns("id integer not null", "balance integer", "note text"), mzsim.ObjectOptions{Retain: retain}))
				const accounts, each = 40, 100
				balance := make([]int, accounts)
				note := make([]string, accounts)
				tx := new(mzsim.Tx)
				for i := range balance {
					balance[i] = each
					tx.Insert("accounts", i, each, "")
				}
				_, err := sim.Write(tx)
				check(t, err)
				def := &source.Definition{Name: "accounts", Key: []string{"id"}}
				g := serveWith(t, sim, def, source.Settings{RetryMax: 2 * time.Second}, func(c *materialize.Config) { c.Stall = 3 * time.Second })
				rnd := rand.New(rand.NewPCG(seed, 7))
				var last uint64
				look := func() { last = g.balanced(accounts, each, last) }
				g.after(2*time.Second, feed.Live, "")
				for range 3000 {
					tx := new(mzsim.Tx)
					for range 1 + rnd.IntN(3) {
						a, b := rnd.IntN(accounts), rnd.IntN(accounts)
						if a == b {
							continue
						}
						n := rnd.IntN(50)
						tx.Delete("accounts", a, balance[a], note[a]).Delete("accounts", b, balance[b], note[b])
						balance[a], balance[b] = balance[a]-n, balance[b]+n
						note[a] = strings.Repeat("\\\t\nx", rnd.IntN(20))
						tx.Insert("accounts", a, balance[a], note[a]).Insert("accounts", b, balance[b], note[b])
					}
					_, err := sim.Write(tx)
					check(t, err)
					breakSomething(sim, rnd)
					time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
					look()
				}
				sim.Faults().Split(0, 0)
				g.after(3*time.Minute, feed.Live, "")
				look()
				want := []string{}
				for i := range balance {
					want = append(want, fmt.Sprintf("%d|%d|%s", i, balance[i], note[i]))
				}
				slices.Sort(want)
				g.rows(want...)
				s := g.stats()
				t.Logf("%d snapshots, %d resumes, %d malformed, %d errors", s.Snapshots, s.Resumes, s.Malformed, s.Errors)
				if s.Reconnects < 10 || s.Malformed == 0 {
					t.Errorf("too little went wrong: %+v", s)
				}
				if seed%2 == 0 && s.Resumes < s.Snapshots {
					t.Errorf("%d resumes, %d snapshots with an hour of history", s.Resumes, s.Snapshots)
				}
			})
		})
	}
}

// balanced checks the sum of all accounts, and that time has not gone back; it
// returns the time.
func (g *gateway) balanced(accounts, each int, last uint64) uint64 {
	g.Helper()
	res, err := g.feed.Rows(g.Context(), nil)
	if err != nil {
		g.Fatal(err)
	}
	sum := 0
	for _, r := range res.Rows {
		n, err := strconv.Atoi(r.Text(1))
		check(g.T, err)
		sum += n
	}
	if sum != accounts*each || len(res.Rows) != accounts {
		g.Fatalf("at %d: %d rows, sum %d", res.Frontier.Time, len(res.Rows), sum)
	}
	if res.Frontier.Time < last {
		g.Fatalf("time went back from %d to %d", last, res.Frontier.Time)
	}
	return res.Frontier.Time
}

// breakSomething breaks something now and then.
func breakSomething(sim *mzsim.Sim, rnd *rand.Rand) {
	f := sim.Faults()
	switch rnd.IntN(160) {
	case 0:
		f.Cut(int64(rnd.IntN(2000)))
	case 1, 2:
		f.CutAt(mzsim.Place(1+rnd.IntN(5)), rnd.IntN(5))
	case 3, 4:
		f.Garble(mzsim.Garbling(1+rnd.IntN(5)), rnd.IntN(5))
	case 5:
		f.Restart()
	case 6:
		release := f.Stall()
		time.AfterFunc(time.Duration(rnd.IntN(10))*time.Second, release)
	case 7:
		f.Split(1+rnd.IntN(100), 0)
	case 8:
		f.CutAll()
	case 9:
		if rnd.IntN(10) == 0 {
			f.LoseHistory()
			f.CutAll()
		}
	}
}

func TestEndToEndDuplicateKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{}, "1|ann", "2|bob")
		g := serve(t, sim, peopleSource())
		g.after(2*time.Second, feed.Live, "")
		_, row, err := sim.Faults().DuplicateKey("people", "id")
		check(t, err)
		g.after(2*time.Second, feed.Failed, `primary_key is not unique: key "1"`)
		g.rows("1|ann", "2|bob")
		g.after(5*time.Minute, feed.Failed, `primary_key is not unique: key "1"`) // now by its snapshot
		if n := g.stats().Connects; n < 10 || n > 30 {
			t.Errorf("%d connections", n)
		}
		g.write(new(mzsim.Tx).Add("people", row, -1))
		g.after(time.Minute, feed.Live, "")
		g.rows("1|ann", "2|bob")
	})
}

func TestEndToEndDroppedAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		def := &source.Definition{Name: "people", Key: []string{"id"}}
		g := serve(t, sim, def)
		g.after(5*time.Second, feed.Failed, "materialize.public.people does not exist (yet)")
		people(t, sim, mzsim.ObjectOptions{}, "1|ann", "2|bob")
		g.after(31*time.Second, feed.Live, "")
		g.rows("1|ann", "2|bob")
		check(t, sim.Drop("people"))
		g.after(200*time.Millisecond, feed.Failed, "was dropped")
		g.rows("1|ann", "2|bob")
		check(t, sim.CreateView("people", mzsim.Columns("id integer not null", "nick text"), mzsim.ObjectOptions{}))
		g.after(40*time.Second, feed.Failed, `column "name" does not exist`)
		check(t, sim.Drop("people"))
		check(t, sim.CreateView("people", mzsim.Columns("extra text", "name text", "id integer not null"), mzsim.ObjectOptions{}))
		g.write(new(mzsim.Tx).Insert("people", "x", "cid", 3).Insert("people", "y", "bob", 2))
		g.after(31*time.Second, feed.Live, "")
		g.rows("2|bob", "3|cid")
		if st := g.feed.Status(); st.Inserts != 3 || st.Deletes != 1 || st.Updates != 0 {
			t.Errorf("%+v: a row that stayed was passed on", st)
		}
	})
}

func TestEndToEndStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{Retain: time.Hour}, "1|ann")
		g := serve(t, sim, peopleSource())
		g.after(10*time.Second, feed.Live, "")
		release := sim.Faults().Stall()
		g.after(29*time.Second, feed.Live, "")
		g.after(4*time.Second, feed.Stale, "gone silent")
		g.write(new(mzsim.Tx).Insert("people", 2, "bob"))
		release()
		g.after(31*time.Second, feed.Live, "")
		g.rows("1|ann", "2|bob")
		if s := g.stats(); s.Resumes == 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestEndToEndDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		sim.Faults().Down(nil)
		people(t, sim, mzsim.ObjectOptions{}, "1|ann")
		g := serve(t, sim, peopleSource())
		g.after(time.Minute, feed.Starting, "cannot be reached")
		sim.Faults().Up()
		g.after(31*time.Second, feed.Live, "")
		sim.Faults().Down(nil)
		g.after(9*time.Second, feed.Live, "")
		g.after(2*time.Second, feed.Stale, "cannot be reached")
		g.rows("1|ann")
		sim.Faults().Up()
		g.after(31*time.Second, feed.Live, "")
	})
}

func TestEndToEndPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{}, "1|ann")
		g := serve(t, sim, peopleSource())
		g.after(2*time.Second, feed.Live, "")
		check(t, sim.Poison("people", "division by zero"))
		g.after(2*time.Second, feed.Failed, "the view fails on its data")
		check(t, sim.Poison("people", ""))
		g.after(31*time.Second, feed.Live, "")
		check(t, sim.Set("people", func(o *mzsim.ObjectOptions) { o.Denied = true }))
		sim.Faults().CutAll()
		g.after(2*time.Second, feed.Failed, "permission denied")
	})
}

func TestEndToEndHydration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{Cold: true}, "1|ann")
		g := serve(t, sim, peopleSource())
		g.after(20*time.Minute, feed.Starting, "") // silence is no reason to start again
		if n := g.stats().Connects; n != 1 {
			t.Errorf("%d connections", n)
		}
		check(t, sim.Hydrate("people"))
		g.after(2*time.Second, feed.Live, "")
		g.rows("1|ann")
	})
}

func TestEndToEndConstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		rows := []relation.Row{relation.Texts("1", "ann"), relation.Texts("2", "bob")}
		check(t, sim.CreateView("people", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{Constant: true, Rows: rows}))
		g := serve(t, sim, peopleSource())
		g.after(10*time.Minute, feed.Live, "")
		g.rows("1|ann", "2|bob")
		if s := g.stats(); s.Errors != 0 || s.Snapshots < 5 || s.Snapshots > 15 {
			t.Errorf("stats %+v", s)
		}
		check(t, sim.Replace("people", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{}))
		g.write(new(mzsim.Tx).Insert("people", 2, "bob").Insert("people", 3, "cid"))
		g.after(61*time.Second, feed.Live, "")
		g.rows("2|bob", "3|cid")
		g.write(new(mzsim.Tx).Insert("people", 4, "dan"))
		g.after(2*time.Second, feed.Live, "")
		g.rows("2|bob", "3|cid", "4|dan")
	})
}

func TestEndToEndQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{}, "1|ann", "2|bob", "3|ann")
		def := &source.Definition{Name: "anns", Query: "SELECT id, name FROM people WHERE name = 'ann'; ", Key: []string{"id"}}
		g := serve(t, sim, def)
		g.after(2*time.Second, feed.Live, "")
		g.rows("1|ann", "3|ann")
		g.write(new(mzsim.Tx).Delete("people", 3, "ann").Insert("people", 4, "ann").Insert("people", 5, "eve"))
		g.after(2*time.Second, feed.Live, "")
		g.rows("1|ann", "4|ann")
	})
}

func TestEndToEndLogin(t *testing.T) {
	for name, auth := range map[string]mzsim.AuthMethod{"cleartext": mzsim.AuthCleartext, "scram": mzsim.AuthSCRAM} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := mzsim.New(mzsim.Options{Auth: auth, Users: map[string]string{"reader": "s3cret"}})
				people(t, sim, mzsim.ObjectOptions{}, "1|ann")
				with := func(password string) func(*materialize.Config) {
					return func(c *materialize.Config) {
						c.ConnString = "host=mzsim user=reader database=materialize sslmode=prefer password=" + password
					}
				}
				g := serve(t, sim, peopleSource(), with("s3cret"))
				g.after(2*time.Second, feed.Live, "")
				_, err := open(t, sim, with("wrong")).Describe(t.Context(), peopleSource())
				if err == nil || !strings.Contains(err.Error(), "correct DATABASE_USER and DATABASE_PASSWORD") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestEndToEndMaxRows refuses a view that is too large.
func TestEndToEndMaxRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{})
		people(t, sim, mzsim.ObjectOptions{}, "1|ann", "2|bob", "3|cid")
		def := peopleSource()
		def.MaxRows = 3
		g := serve(t, sim, def)
		g.after(2*time.Second, feed.Live, "")
		g.write(new(mzsim.Tx).Insert("people", 4, "dan"))
		g.after(2*time.Second, feed.Failed, "more than max_rows (3) rows")
		g.write(new(mzsim.Tx).Delete("people", 1, "ann"))
		g.after(31*time.Second, feed.Live, "")
		g.rows("2|bob", "3|cid", "4|dan")
	})
}
