package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// demoTick is how often the demo's market moves. A real database ticks once a
// second; rows that move ten times a second look alive.
const demoTick = 100 * time.Millisecond

// Demo shapes the built-in world that a demo follows.
type Demo struct {
	Rows   int     // instruments
	Rate   float64 // price changes a second
	Listen string  // where psql can reach the stand-in, on a free port if that is 0; empty: nowhere
}

// world is a running stand-in.
type world struct {
	demo *Demo
	sim  *mzsim.Sim
	hook *hook    // nil: triggers are off
	addr net.Addr // where psql is let in; nil: nowhere
	wg   sync.WaitGroup
}

func (d *Demo) start(ctx context.Context, o *Options) (*world, error) {
	rate := d.Rate
	if rate == 0 {
		rate = -1 // the world's word for standing still
	}
	w := &world{demo: d, sim: mzsim.New(mzsim.Options{
		TickInterval: demoTick, Seed: uint64(time.Now().UnixNano()),
		World: &mzsim.WorldOptions{Rows: d.Rows, Rate: rate, Retain: time.Minute},
	})}
	o.Config.Database.Engine = "materialize"
	if o.Config.Triggers.Enabled {
		var err error
		if w.hook, err = startHook(ctx, o.Out); err != nil {
			w.close()
			return nil, err
		}
		o.Schema.Triggers = map[string][]spec.Input{"live_pnl": {w.hook.trigger()}}
	}
	if d.Listen == "" {
		return w, nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", d.Listen)
	if err != nil {
		w.close()
		return nil, fmt.Errorf("--materialize-listen %s: %w", d.Listen, err)
	}
	w.addr = ln.Addr()
	w.wg.Go(func() {
		if err := w.sim.Serve(ln); !errors.Is(err, mzsim.ErrClosed) {
			o.Log.Error("stand-in stopped listening", slog.Any("error", err))
		}
	})
	return w, nil
}

func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) { return w.sim.Dial(ctx) }

func (w *world) close() {
	w.sim.Close()
	w.wg.Wait()
	if w.hook != nil {
		_ = w.hook.close()
	}
}

// greet says where to look.
func (w *world) greet(out io.Writer, addr net.Addr) {
	if out == nil {
		return
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	at := net.JoinHostPort(host, port)
	_, _ = fmt.Fprintf(out, `
  tycostream demo: %d instruments, %g price changes a second

    rows that move     http://%[3]s                in a grid
                       curl -N http://%[3]s/stream/live_pnl
    playground         http://%[3]s/playground
    GraphQL            http://%[3]s/graphql        POST, GET, WebSocket, server-sent events
    health, metrics    http://%[3]s/readyz         http://%[3]s/metrics
`, w.demo.Rows, w.demo.Rate, at)
	if w.hook != nil {
		_, _ = fmt.Fprintf(out, "    webhooks           printed below: the trigger %s fires above a theoreticalPnl of %d and clears below %d\n",
			demoTrigger, demoFire, demoClear)
	}
	if w.addr != nil {
		h, p, _ := net.SplitHostPort(w.addr.String())
		_, _ = fmt.Fprintf(out, "    the database       psql -h %s -p %s -U materialize materialize\n", h, p)
	}
	_, _ = fmt.Fprint(out, "\n  Ctrl-C ends it.\n\n")
}
