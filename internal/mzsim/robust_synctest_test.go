package mzsim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/relation"
)

// follower is a client after the book: it collects between progress rows,
// applies whole batches, and resumes at the last progress less one.
type follower struct {
	state    map[string]int64 // lines of the relation with their counts
	frontier uint64
	buffer   map[string]int64
	resumed  int
	snaps    int
	last     uint64 // greatest time seen on this connection
}

// follow reads one connection until it breaks or target is complete.
func (f *follower) follow(t *testing.T, sim *mzsim.Sim, object string, target uint64) {
	t.Helper()
	c, err := sim.Dial(t.Context())
	if err != nil {
		return // down
	}
	defer func() { _ = c.Close() }()
	fe := pgproto3.NewFrontend(c, c)
	fe.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "u"}})
	sql := "COPY (SUBSCRIBE " + object + " WITH (PROGRESS)) TO STDOUT"
	if f.frontier > 0 {
		sql = fmt.Sprintf("COPY (SUBSCRIBE %s WITH (PROGRESS, SNAPSHOT = false) AS OF %d) TO STDOUT", object, f.frontier-1)
	}
	fe.Send(&pgproto3.Query{String: sql})
	if fe.Flush() != nil {
		return
	}
	var asOf uint64
	snapshot := f.frontier == 0
	f.buffer, f.last = map[string]int64{}, 0
	for f.frontier <= target || snapshot {
		m, err := fe.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			if m.Code == "22000" { // history is gone: start again
				f.frontier = 0
			}
			return
		case *pgproto3.CopyData:
			ts, progress, line, diff := split(t, string(m.Data))
			if ts < f.last {
				t.Errorf("time went back from %d to %d", f.last, ts)
			}
			f.last = ts
			switch {
			case !progress:
				if !snapshot && ts < f.frontier {
					t.Errorf("an update at %d was delivered twice", ts)
				}
				f.buffer[line] += diff
			case asOf == 0:
				asOf = ts
				if f.frontier > 0 {
					f.resumed++
				}
			default:
				if snapshot {
					f.snaps++
					f.state, snapshot = map[string]int64{}, false
				}
				for l, d := range f.buffer {
					if f.state[l] += d; f.state[l] == 0 {
						delete(f.state, l)
					}
				}
				clear(f.buffer)
				f.frontier = ts
			}
		}
	}
}

func split(t *testing.T, data string) (ts uint64, progress bool, line string, diff int64) {
	t.Helper()
	fields := strings.SplitN(strings.TrimSuffix(data, "\n"), "\t", 4)
	ts, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		t.Errorf("%q: %v", data, err)
	}
	if fields[1] == "t" {
		return ts, true, "", 0
	}
	diff, err = strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		t.Errorf("%q: %v", data, err)
	}
	return ts, false, fields[3], diff
}

// TestFollowersThroughFaults lets clients follow a moving world for ten
// minutes while connections are cut, stalled and refused and history is lost,
// and compares what they have with what the store has.
func TestFollowersThroughFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{Seed: 5, TickInterval: 500 * time.Millisecond, World: &mzsim.WorldOptions{Rows: 40, Rate: 60, Churn: 1, Times: 3, Retain: 20 * time.Second}})
		defer sim.Close()
		start := sim.Upper()
		target := start + 600_000
		objects := []string{"live_pnl", "trades", "(SELECT symbol, net_position FROM live_pnl WHERE net_position > 0)", "market_data"}
		followers := make([]*follower, 2*len(objects))
		var wg sync.WaitGroup
		for i := range followers {
			f := &follower{state: map[string]int64{}}
			followers[i] = f
			wg.Go(func() {
				for f.frontier <= target {
					f.follow(t, sim, objects[i%len(objects)], target)
					time.Sleep(time.Duration(100+37*i) * time.Millisecond)
				}
			})
		}
		rnd := rand.New(rand.NewPCG(9, 9))
		for sim.Upper() < target-30_000 {
			time.Sleep(time.Duration(1+rnd.IntN(4000)) * time.Millisecond)
			f := sim.Faults()
			switch rnd.IntN(8) {
			case 0:
				f.Cut(rnd.Int64N(5000))
			case 1:
				f.CutAt(mzsim.Place(1+rnd.IntN(5)), rnd.IntN(50))
			case 2:
				release := f.Stall()
				time.Sleep(time.Duration(rnd.IntN(5)) * time.Second)
				release()
			case 3:
				f.Down(nil)
				time.Sleep(time.Duration(rnd.IntN(40)) * time.Second)
				f.Up()
			case 4:
				f.LoseHistory()
				f.Restart()
			case 5:
				f.Split(1+rnd.IntN(100), 0)
			case 6:
				f.Split(0, 0)
			case 7:
				sim.World().Burst(200)
				sim.World().Again()
			}
		}
		sim.Faults().Split(0, 0)
		for sim.Upper() <= target {
			time.Sleep(time.Second)
		}
		wg.Wait()
		// Everybody stands at a frontier of their own; let one more read
		// each bring them to the same, now that nothing moves.
		sim.World().Stop()
		final := sim.Tick()
		resumed, snaps := 0, 0
		for i, f := range followers {
			f.follow(t, sim, objects[i%len(objects)], final-1)
			resumed, snaps = resumed+f.resumed, snaps+f.snaps
			if want := truth(t, sim, objects[i%len(objects)]); !maps.Equal(f.state, want) {
				t.Errorf("%s: %d lines, not %d", objects[i%len(objects)], len(f.state), len(want))
			}
		}
		if resumed < 50 || snaps < 20 {
			t.Errorf("only %d resumes and %d snapshots: the faults did not bite", resumed, snaps)
		}
	})
}

// truth is what the store holds, as lines.
func truth(t *testing.T, sim *mzsim.Sim, object string) map[string]int64 {
	t.Helper()
	name := object
	if strings.HasPrefix(object, "(") {
		name = "live_pnl"
	}
	rows, err := sim.Rows(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	for _, r := range rows {
		if name != object {
			if n, _ := strconv.Atoi(r.Text(2)); n <= 0 {
				continue
			}
			r = relation.Texts(r.Text(1), r.Text(2))
		}
		var fields []string
		for i := range r.Len() {
			text, ok := r.Cell(i)
			if !ok {
				text = `\N`
			}
			fields = append(fields, text)
		}
		want[strings.Join(fields, "\t")]++
	}
	return want
}
