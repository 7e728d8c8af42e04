package store_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

var rounds = flag.Int("rounds", 8, "kill -9 so often in the crash test")

const (
	childDir = "TYCOSTREAM_TEST_CRASH_DIR"
	childURL = "TYCOSTREAM_TEST_CRASH_URL"
	childRun = "TYCOSTREAM_TEST_CRASH_RUN"
)

// A child appends and delivers, and is killed at random moments, again and
// again. It says what it is about to append ("try"), what was accepted ("ok"),
// and which states it found ("state"). In the end:
//
//   - all that was accepted is delivered, and nothing that was never tried;
//   - an event comes only after all accepted ones before it of its row;
//   - a row's state is that of its last accepted event, or of one in doubt
//     after it.
//
// Bodies are large, so that the stream begins a new block every few rounds.
func TestKill(t *testing.T) {
	for _, sync := range []store.Sync{store.Always, store.Interval} {
		t.Run(string(sync), func(t *testing.T) {
			h := &history{accepted: map[string]bool{}, at: map[string]int{}, tried: map[string][]string{}}
			srv := httptest.NewServer(h)
			defer srv.Close()
			dir := t.TempDir()
			for run := 0; run < *rounds || h.few(); run++ { // a slow machine takes more rounds
				if run == 20**rounds {
					t.Fatal("hardly anything is accepted: the test does nothing")
				}
				lifetime := time.Duration(50+rand.IntN(400)) * time.Millisecond
				h.child(t, dir, srv.URL, fmt.Sprintf("%s %d", sync, run), lifetime)
			}
			if !h.child(t, dir, srv.URL, string(sync)+" drain", 2*time.Minute) {
				t.Fatal("the last child did not deliver everything in time")
			}
			h.check(t)
		})
	}
}

type history struct {
	mu       sync.Mutex
	tried    map[string][]string // by row
	at       map[string]int      // place of an id in its row's tried
	accepted map[string]bool
	got      []string // ids, as they were received
	repeats  int
}

// ServeHTTP is the receiver: one request in ten fails.
func (h *history) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n := rand.IntN(20); n < 2 {
		w.WriteHeader([]int{http.StatusInternalServerError, http.StatusBadRequest}[n])
		return
	}
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.Header.Get("Webhook-Id")
	if strings.TrimRight(string(body), " ") != id {
		id = "mixed up: " + id
	}
	h.got = append(h.got, id)
}

// row returns the row of an id: <row>/<run>/<n>/<F or C>.
func row(id string) string { key, _, _ := strings.Cut(id, "/"); return key }

// child runs one child for at most a lifetime and reports whether it ended by
// itself.
func (h *history) child(t *testing.T, dir, url, run string, lifetime time.Duration) (drained bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childRun+"="+run)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	found := map[string]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, id, _ := strings.Cut(lines.Text(), " ")
		h.mu.Lock()
		switch word {
		case "open":
			kill.Reset(lifetime)
		case "state":
			found[row(id)] = id
		case "states":
			h.checkStates(t, found)
		case "try":
			h.at[id] = len(h.tried[row(id)])
			h.tried[row(id)] = append(h.tried[row(id)], id)
		case "ok":
			h.accepted[id] = true
		case "drained":
			drained = true
		case "FAIL:":
			t.Errorf("child %s: %s", run, id)
		}
		h.mu.Unlock()
	}
	kill.Stop()
	_ = cmd.Wait()
	return drained
}

// checkStates compares states found after a start with what may be.
func (h *history) checkStates(t *testing.T, found map[string]string) {
	t.Helper()
	for key, ids := range h.tried {
		ok, allowed := false, []string(nil)
		for i := len(ids) - 1; i >= -1 && !ok; i-- {
			want := ""
			if i >= 0 && strings.HasSuffix(ids[i], "F") {
				want = ids[i]
			}
			ok = found[key] == want
			allowed = append(allowed, want)
			if i >= 0 && h.accepted[ids[i]] {
				break
			}
		}
		if !ok {
			t.Errorf("row %s: state %q, want one of %q", key, found[key], allowed)
		}
	}
}

// few reports whether too little was accepted yet for the test to mean much.
func (h *history) few() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.accepted) < 100
}

func (h *history) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, due := map[string]bool{}, map[string]int{} // due: the first of a row that must still come
	for _, id := range h.got {
		at, ok := h.at[id]
		if !ok {
			t.Fatalf("%q was delivered and never appended", id)
		}
		ids, next := h.tried[row(id)], due[row(id)]
		for next < at && (seen[ids[next]] || !h.accepted[ids[next]]) {
			next++
		}
		if due[row(id)] = next; next < at {
			t.Fatalf("%s came before %s", id, ids[next])
		}
		if seen[id] {
			h.repeats++
		}
		seen[id] = true
	}
	for id := range h.accepted {
		if !seen[id] {
			t.Errorf("%s was accepted and never delivered", id)
		}
	}
	t.Logf("%d accepted, %d deliveries, %d repeats", len(h.accepted), len(h.got), h.repeats)
}

// TestChild is the child process of TestKill.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("runs as a child of TestKill")
	}
	mode, run, _ := strings.Cut(os.Getenv(childRun), " ")
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Sync: store.Sync(mode), Interval: 100 * time.Millisecond, Cache: 20_000})
	if err != nil {
		say("FAIL:", err)
		os.Exit(1)
	}
	say("open")
	c := &child{s: s, run: run, rows: map[string]*childRow{}}
	err = s.States(t.Context(), "t1", func(key string, seq uint64, state []byte) bool {
		say("state", string(state))
		c.rows[key] = &childRow{prev: seq}
		return true
	})
	if err != nil {
		say("FAIL:", err)
	}
	say("states")
	d := webhook.New(webhook.Options{
		Outbox: s, Settings: webhook.Settings{Delays: shortDelays(), Trip: 20, ProbeMin: time.Millisecond, ProbeMax: 10 * time.Millisecond},
		Endpoint: func(string) (webhook.Endpoint, bool) { return webhook.Endpoint{URL: os.Getenv(childURL)}, true },
		Dial: func(bool) func(context.Context, string, string) (net.Conn, error) {
			return new(net.Dialer).DialContext
		},
	})
	d.Start()
	if run != "drain" {
		for worker := range 4 {
			go c.append(worker)
		}
		select {} // until it is killed
	}
	for s.Pending("") > 0 {
		<-time.After(10 * time.Millisecond)
	}
	d.Close(t.Context())
	s.Close()
	say("drained")
}

func say(words ...any) { _, _ = fmt.Fprintln(os.Stdout, words...) }

func shortDelays() []time.Duration {
	delays := make([]time.Duration, 200)
	for i := range delays {
		delays[i] = 5 * time.Millisecond
	}
	return delays
}

type child struct {
	s    *store.Store
	run  string
	rows map[string]*childRow
	out  sync.Mutex
}

type childRow struct {
	prev uint64
	n    int
}

// append works on rows of its own: batches of 1 to 40, now and then with a row
// twice.
func (c *child) append(worker int) {
	own := map[string]*childRow{}
	for i := range 40 {
		key := fmt.Sprintf("w%d-%d", worker, i)
		own[key] = c.rows[key]
		if own[key] == nil {
			own[key] = &childRow{}
		}
	}
	for {
		if c.s.Pending("t1") > 2000 {
			runtime.Gosched() // the disk is faster than the receiver
			continue
		}
		var ts []webhook.Transition
		var text strings.Builder
		firing := map[string]bool{}
		for range 1 + rand.IntN(40) {
			key := fmt.Sprintf("w%d-%d", worker, rand.IntN(40))
			r := own[key]
			if _, twice := firing[key]; !twice {
				firing[key] = r.prev != 0
			}
			firing[key] = !firing[key]
			tr := webhook.Transition{Trigger: "t1", Key: key, Kind: webhook.Clear, Time: time.Now(), Prev: r.prev}
			suffix := "C"
			if firing[key] {
				suffix = "F"
			}
			tr.ID = fmt.Sprintf("%s/%s/%d/%s", key, c.run, r.n, suffix)
			if firing[key] {
				tr.Kind, tr.State = webhook.Fire, []byte(tr.ID)
			}
			tr.Body = []byte(tr.ID + strings.Repeat(" ", rand.IntN(10_000)))
			r.n++
			ts = append(ts, tr)
			fmt.Fprintf(&text, "try %s\n", tr.ID)
		}
		c.print(text.String())
		seqs, err := c.s.Append(context.Background(), ts)
		if err != nil {
			c.print(fmt.Sprintln("FAIL:", err))
			return
		}
		text.Reset()
		for i, tr := range ts {
			own[tr.Key].prev = seqs[i]
			if tr.State == nil {
				own[tr.Key].prev = 0
			}
			fmt.Fprintf(&text, "ok %s\n", tr.ID)
		}
		c.print(text.String())
	}
}

func (c *child) print(text string) {
	c.out.Lock()
	defer c.out.Unlock()
	_, _ = os.Stdout.WriteString(text)
}
