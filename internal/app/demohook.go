package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// The demo's trigger: a profit above the first amount fires, below the second
// it clears.
const (
	demoTrigger = "big_winner"
	demoFire    = 1000
	demoClear   = 900
)

// demoPause is the shortest time between two lines that the receiver prints.
const demoPause = 500 * time.Millisecond

// hook is the receiver built into the demo: it prints what is delivered.
type hook struct {
	server *http.Server
	addr   string
	done   chan struct{}
}

func startHook(ctx context.Context, out io.Writer) (*hook, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the demo's webhook: %w", err)
	}
	h := &hook{addr: ln.Addr().String(), done: make(chan struct{})}
	lines := make(chan string) // without room: what nobody prints now is left out
	h.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case lines <- demoLine(r.Body):
		default:
		}
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.server.Serve(ln)
	}()
	go func() {
		defer close(h.done)
		printLines(out, lines, ended)
	}()
	return h, nil
}

// printLines prints lines with pauses in between, so that they can be read.
func printLines(out io.Writer, lines <-chan string, ended <-chan struct{}) {
	pause := time.NewTicker(demoPause)
	defer pause.Stop()
	for {
		select {
		case <-ended:
			return
		case line := <-lines:
			if out != nil {
				_, _ = fmt.Fprintln(out, line)
			}
		}
		select {
		case <-ended:
			return
		case <-pause.C:
		}
	}
}

// demoLine is a delivery in one line.
func demoLine(body io.Reader) string {
	var e struct {
		Event string `json:"event_type"`
		Name  string `json:"trigger_name"`
		Data  struct {
			Symbol string `json:"symbol"`
			Profit any    `json:"theoreticalPnl"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&e); err != nil {
		return "  webhook  not understood: " + err.Error()
	}
	return fmt.Sprintf("  webhook  %-5s  %s  %s  theoreticalPnl %v", e.Event, e.Name, e.Data.Symbol, e.Data.Profit)
}

// trigger is what the demo declares for its receiver.
func (h *hook) trigger() spec.Input {
	condition := func(op string, amount int) any {
		return map[string]any{"theoreticalPnl": map[string]any{op: json.Number(strconv.Itoa(amount))}}
	}
	return spec.Input{
		Name: demoTrigger, Webhook: "http://" + h.addr + "/", Fire: condition("_gt", demoFire), Clear: condition("_lt", demoClear),
	}
}

func (h *hook) close() error {
	err := h.server.Close()
	<-h.done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
