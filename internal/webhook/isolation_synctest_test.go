package webhook_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

// hang answers nothing until the sender gives up.
func hang(_ string, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// at sends trigger "host/path" to http://host/path.
func at(o *webhook.Options) {
	o.Endpoint = func(trigger string) (webhook.Endpoint, bool) { return webhook.Endpoint{URL: "http://" + trigger}, true }
}

// latest is the time of the last hit that a host got with an id that begins so,
// and how many there were.
func (w *world) latest(host, prefix string, start time.Time) (last time.Duration, n int) {
	times, ids := w.hits(host, start)
	for i, id := range ids {
		if strings.HasPrefix(id, prefix) {
			last, n = times[i], n+1
		}
	}
	return last, n
}

// A webhook that hangs delays no other one of the same host.
func TestSlowPathOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["host"] = func(id string, rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				hang(id, rw, r)
			}
		}
		for i := range 200 {
			o.put("host/slow", strconv.Itoa(i), fmt.Sprint("slow", i))
			o.put("host/fast", strconv.Itoa(i), fmt.Sprint("fast", i))
		}
		d := deliverer(t, o, w, at)
		sleep(10 * time.Second)
		o.put("host/fast", "new", "later")
		sleep(time.Minute) // by now the slow one is probed
		o.put("host/fast", "newer", "fast and last")
		sleep(time.Second)
		if last, n := w.latest("host", "fast", start); n != 201 || last != 70*time.Second {
			t.Errorf("%d to the fast one, the last at %s", n, last)
		}
		if last, n := w.latest("host", "later", start); n != 1 || last != 10*time.Second {
			t.Errorf("what came while the other hung was sent at %s", last)
		}
		if _, n := w.latest("host", "slow", start); n > 20 {
			t.Errorf("%d requests that hang in a minute", n)
		}
		d.Close(t.Context())
	})
}

// All webhooks of a host that cannot be connected to cost one probe at a time.
func TestDeadHostOfManyWebhooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.down["host"] = true
		for i := range 500 {
			o.put(fmt.Sprint("host/", i), "a", fmt.Sprint("first of ", i))
			o.put("other/", strconv.Itoa(i), fmt.Sprint("other ", i))
		}
		d := deliverer(t, o, w, at)
		sleep(time.Hour)
		if times, _ := w.hits("host", start); len(times) > 64+70 || len(times) < 50 {
			t.Errorf("%d connections in an hour, want 64 and about one per minute", len(times))
		}
		if last, n := w.latest("other", "other", start); n != 500 || last > 100*time.Millisecond {
			t.Errorf("%d to another host until %s", n, last)
		}
		w.mu.Lock()
		w.down["host"] = false
		w.mu.Unlock()
		sleep(2 * time.Minute)
		// Those that were tried wait for their delays, none for a probe.
		if n := o.pending(); n > 64+70 {
			t.Errorf("%d pending after it came back", n)
		}
		d.Close(t.Context())
	})
}

// However many receivers hang, one that answers quickly is never delayed.
func TestManyReceiversHang(t *testing.T) {
	for _, hosts := range []int{40, 400} {
		t.Run(strconv.Itoa(hosts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, w, start := newOutbox(), newWorld(), time.Now()
				d := deliverer(t, o, w, at)
				o.put("good/", "a", "good and known")
				sleep(time.Second)
				for h := range hosts {
					host := fmt.Sprint("hangs", h)
					w.mu.Lock()
					w.hosts[host] = hang
					w.mu.Unlock()
					for i := range 30 {
						o.put(host+"/", strconv.Itoa(i), "x")
					}
				}
				sleep(time.Second)
				for i := range 50 {
					o.put("good/", strconv.Itoa(i), fmt.Sprint("good ", i))
					sleep(time.Second)
				}
				times, ids := w.hits("good", start)
				for i, id := range ids[1:] {
					if want := time.Duration(i+2) * time.Second; times[i+1] != want || id != fmt.Sprint("good ", i) {
						t.Fatalf("%s at %s, want it at %s", id, times[i+1], want)
					}
				}
				if hosts < 64 { // 128 slots, 2 for each
					o.put("unknown/", "a", "new")
					sleep(time.Second)
					if last, _ := w.latest("unknown", "new", start); last != 52*time.Second {
						t.Errorf("one that is not known yet waited until %s", last)
					}
				}
				d.Close(t.Context())
			})
		})
	}
}

// Receivers that fail, hang and are slow take turns: each gets its share.
func TestSlowReceiversTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		for h := range 100 {
			host := fmt.Sprint("slow", h)
			w.hosts[host] = func(string, http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) }
			for i := range 20 {
				o.put(host+"/", strconv.Itoa(i), strconv.Itoa(i))
			}
		}
		d := deliverer(t, o, w, at)
		sleep(3 * time.Minute)
		var counts []int
		for h := range 100 {
			times, _ := w.hits(fmt.Sprint("slow", h), start)
			counts = append(counts, len(times))
		}
		if slices.Min(counts) != 20 || o.pending() != 0 {
			t.Errorf("after three minutes %v, %d pending", counts, o.pending())
		}
		d.Close(t.Context())
	})
}

// What waits for its delay is tried at once when the trigger's address, headers
// or secrets are others, or when it was held; not when nothing changed.
func TestRefreshTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["t"], w.hosts["u"] = status(http.StatusUnauthorized), status(http.StatusUnauthorized)
		end := webhook.Endpoint{URL: "http://t/"}
		delays := []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}
		o.put("x", "a", "1")
		o.put("x", "b", "2")
		d := deliverer(t, o, w, func(opts *webhook.Options) {
			opts.Settings.Delays = delays
			opts.Endpoint = func(string) (webhook.Endpoint, bool) { return end, true }
		})
		sleep(time.Second)
		attempts := func() int {
			a, _ := w.hits("t", start)
			b, _ := w.hits("u", start)
			return len(a) + len(b)
		}
		for _, c := range []struct {
			what   string
			change func()
			want   int
		}{
			{"nothing", func() {}, 2},
			{"the headers", func() { end.Header = map[string]string{"Authorization": "x"} }, 4},
			{"the secrets", func() { end.Secrets = []string{"a secret of some length"} }, 6},
			{"the address", func() { end.URL = "http://u/" }, 8},
			{"nothing again", func() {}, 8},
			{"a pause", func() { end.Paused = true }, 8},
			{"its end", func() { end.Paused = false }, 10},
		} {
			c.change()
			d.Refresh("x")
			sleep(time.Second)
			if n := attempts(); n != c.want {
				t.Errorf("after %s: %d attempts, want %d", c.what, n, c.want)
			}
		}
		w.mu.Lock()
		w.hosts["u"] = nil
		w.mu.Unlock()
		sleep(2 * time.Hour)
		if o.pending() != 0 || len(o.wrong) > 0 {
			t.Errorf("%d pending, %v", o.pending(), o.wrong)
		}
		d.Close(t.Context())
	})
}

// A trigger's own time-out holds for it alone.
func TestOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w := newOutbox(), newWorld()
		w.hosts["host"] = hang
		o.put("host/short", "a", "1")
		o.put("host/usual", "a", "2")
		d := deliverer(t, o, w, func(opts *webhook.Options) {
			opts.Endpoint = func(trigger string) (webhook.Endpoint, bool) {
				end := webhook.Endpoint{URL: "http://" + trigger}
				if trigger == "host/short" {
					end.Timeout = 2 * time.Second
				}
				return end, true
			}
		})
		sleep(16 * time.Second)
		got := map[string]string{}
		for _, r := range d.Recent("", 10) {
			if got[r.Trigger] == "" {
				got[r.Trigger] = fmt.Sprint(r.Took, ": ", r.Attempts.Excerpt)
			}
		}
		if want := "map[host/short:2s: no answer within 2s host/usual:15s: no answer within 15s]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
		d.Close(t.Context())
	})
}
