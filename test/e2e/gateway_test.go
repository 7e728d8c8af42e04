package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/test/gatewaylog"
)

// gateway is the binary in a process of its own, which can be killed and
// started again on the same port.
type gateway struct {
	t    *testing.T
	dir  string
	args []string
	env  []string

	mu     sync.Mutex // guards what follows
	cmd    *exec.Cmd
	output *gatewaylog.Log
	addr   string
	exited chan struct{} // closed when the process has ended
	errors bool          // its log may have some
}

// quick are settings under which a test need not wait for what people can wait for.
func quick() []string {
	return []string{
		"LISTEN_HOST=127.0.0.1", "TYCOSTREAM_SHUTDOWN_GRACE=500ms", "TYCOSTREAM_STALE_AFTER=1s",
		"TYCOSTREAM_RETRY_MIN=20ms", "TYCOSTREAM_RETRY_MAX=500ms", "TYCOSTREAM_RETRY_SLOW=300ms",
		"TYCOSTREAM_POSTGRES_POLL_INTERVAL=200ms", "TYCOSTREAM_HEARTBEAT=500ms", "TYCOSTREAM_STALL_TIMEOUT=3s",
		"LOG_LEVEL=debug",
	}
}

// serve starts a gateway over a schema file's text.
func serve(t *testing.T, schema string, env ...string) *gateway {
	t.Helper()
	return start(t, schema, []string{"serve"}, env...)
}

// start runs a command that serves, and waits until it listens.
func start(t *testing.T, schema string, args []string, env ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), args: args, env: append(quick(), env...)}
	if schema != "" {
		if err := os.WriteFile(filepath.Join(g.dir, "schema.yaml"), []byte(schema), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.start("0")
	t.Cleanup(func() {
		g.kill(syscall.SIGKILL)
		for _, bad := range []string{"DATA RACE", "panic", `"level":"error"`} { // GOFLAGS=-race looks for races in the gateway, too
			if strings.Contains(g.log(), bad) && !g.errors {
				t.Errorf("the gateway's log has %q", bad)
			}
		}
		if t.Failed() {
			t.Logf("the gateway's output:\n%.6000s", tail(g.log(), 6000))
		}
	})
	return g
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (g *gateway) start(port string) {
	g.t.Helper()
	g.spawn(port)
	g.listens()
}

// mayComplain says that errors in the log are no surprise.
func (g *gateway) mayComplain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errors = true
}

// spawn starts a process and does not wait for it.
func (g *gateway) spawn(port string) {
	g.t.Helper()
	cmd := exec.Command(binary, g.args...) //nolint:noctx // ends by kill, which waits
	cmd.Dir = g.dir
	cmd.Env = append([]string{"GRAPHQL_PORT=" + port}, g.env...)
	out := &gatewaylog.Log{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is in cmd.ProcessState
		close(exited)
	}()
	g.mu.Lock()
	g.cmd, g.output, g.exited = cmd, out, exited
	g.mu.Unlock()
}

// listens waits until the gateway listens.
func (g *gateway) listens() {
	g.t.Helper()
	g.mu.Lock()
	out, exited := g.output, g.exited
	g.mu.Unlock()
	eventually(g.t, "the gateway listens", func() error {
		if addr := out.Address(); addr != "" {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.addr = addr
			return nil
		}
		select {
		case <-exited:
			g.t.Fatalf("the gateway ended: %s", out)
		default:
		}
		return errors.New(out.String())
	})
}

// again starts the gateway anew on the port it had.
func (g *gateway) again() {
	g.t.Helper()
	g.launch()
	g.listens()
}

// launch is again without waiting.
func (g *gateway) launch() {
	g.t.Helper()
	addr := g.address()
	g.spawn(addr[strings.LastIndexByte(addr, ':')+1:])
}

// kill sends a signal, waits for the end and returns the exit code.
func (g *gateway) kill(sig syscall.Signal) int {
	g.mu.Lock()
	cmd, exited := g.cmd, g.exited
	g.mu.Unlock()
	_ = cmd.Process.Signal(sig) // it may have ended already
	select {
	case <-exited:
	case <-time.After(time.Minute):
		g.t.Errorf("signal %v: the gateway did not end", sig)
		_ = cmd.Process.Kill()
		<-exited
	}
	return cmd.ProcessState.ExitCode()
}

func (g *gateway) address() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addr
}

func (g *gateway) log() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.output.String()
}

// rss is the process's resident memory in bytes.
func (g *gateway) rss() int {
	g.t.Helper()
	g.mu.Lock()
	pid := g.cmd.Process.Pid
	g.mu.Unlock()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		g.t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		g.t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func (g *gateway) get(path string) (int, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://"+g.address()+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	code, _, body := g.do(req)
	return code, body
}

func (g *gateway) do(req *http.Request) (int, http.Header, string) {
	g.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err.Error()
	}
	return res.StatusCode, res.Header, string(body)
}

// query posts a document and returns the body of the answer.
func (g *gateway) query(document string) string {
	g.t.Helper()
	_, body := g.post(map[string]any{"query": document})
	return body
}

func (g *gateway) post(request any) (int, string) {
	g.t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.postRaw(body)
}

func (g *gateway) postRaw(body []byte) (int, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, "http://"+g.address()+"/graphql", bytes.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	code, _, text := g.do(req)
	return code, text
}

// ready waits until all sources have been live.
func (g *gateway) ready() {
	g.t.Helper()
	g.says("/readyz", http.StatusOK, `"ready"`)
}

// says waits until a path answers with a code and a text.
func (g *gateway) says(path string, code int, want string) {
	g.t.Helper()
	eventually(g.t, path, func() error {
		got, body := g.get(path)
		if got == code && strings.Contains(body, want) {
			return nil
		}
		return fmt.Errorf("%d %s", got, body)
	})
}

// metric returns the sum of all samples of a metric.
func (g *gateway) metric(name string) (sum float64) {
	g.t.Helper()
	_, body := g.get("/metrics")
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, name) {
			value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			if err != nil {
				g.t.Fatal(err)
			}
			sum += value
		}
	}
	return sum
}

// state waits until a source has a state and a reason that holds a text.
func (g *gateway) state(source, state, reason string) {
	g.t.Helper()
	want := fmt.Sprintf(`{"name":%q,"state":%q`, source, state)
	eventually(g.t, source+" is "+state, func() error {
		got := g.query(`{ sources { name state error } }`)
		_, rest, found := strings.Cut(got, want)
		end := strings.IndexByte(rest, '}')
		if found && strings.Contains(rest[:max(end, 0)], reason) {
			return nil
		}
		return errors.New(got)
	})
}

// command runs the binary to its end and returns what it says on stderr.
func command(t *testing.T, schema string, env []string, args ...string) (code int, stderr string) {
	t.Helper()
	dir := t.TempDir()
	if schema != "" {
		if err := os.WriteFile(filepath.Join(dir, "schema.yaml"), []byte(schema), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Env = dir, append([]string{}, env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}
