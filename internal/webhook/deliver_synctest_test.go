package webhook_test

import (
	"context"
	"errors"
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

func status(code int) func(string, http.ResponseWriter, *http.Request) {
	return func(_ string, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// sleep returns when all has happened that was to happen until then; what it
// did is visible.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func exactly(o *webhook.Options) { o.Settings.Jitter = 1e-9 }

// The schedule of Standard Webhooks, to the second, then the dead letter.
func TestScheduleThenDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["t"] = func(_ string, rw http.ResponseWriter, _ *http.Request) {
			http.Error(rw, "no\x00 such\n\n  row", http.StatusBadRequest)
		}
		o.put("t", "a", "a1")
		o.put("t", "a", "a2")
		d := deliverer(t, o, w, exactly)
		sleep(100 * time.Hour)
		at, ids := w.hits("t", start)
		want := []time.Duration{0}
		for _, delay := range webhook.DefaultDelays() {
			want = append(want, want[len(want)-1]+delay)
		}
		for i, ws := range want {
			if got := at[i].Round(time.Second); got != ws || ids[i] != "a1" {
				t.Errorf("attempt %d: %s at %s, want a1 at %s", i+1, ids[i], got, ws)
			}
		}
		if ids[10] != "a2" || fmt.Sprint(o.buried()) != "[a1]" {
			t.Errorf("after the last attempt: %s, dead %v", ids[10], o.buried())
		}
		if got := o.dead[0].Attempts; got.Count != 10 || got.Status != 400 || got.Excerpt != "no such row" {
			t.Errorf("dead letter: %+v", got)
		}
		d.Close(t.Context())
	})
}

// A row that is always refused holds back itself and nobody else.
func TestPoisonedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["t"] = func(id string, rw http.ResponseWriter, _ *http.Request) {
			if strings.HasPrefix(id, "bad") {
				rw.WriteHeader(http.StatusBadRequest)
			}
		}
		for i := range 200 {
			o.put("t", fmt.Sprint("bad", i), fmt.Sprint("bad", i))
			o.put("t", fmt.Sprint("good", i), fmt.Sprint("good", i))
		}
		o.put("t", "bad0", "later")
		d := deliverer(t, o, w, nil)
		sleep(time.Second)
		at, ids := w.hits("t", start)
		if len(at) != 400 || slices.Max(at) > 100*time.Millisecond {
			t.Errorf("%d first attempts until %s, want 400 at once", len(at), slices.Max(at))
		}
		if slices.Contains(ids, "later") {
			t.Error("a later event of a row came before an earlier one")
		}
		if n := o.pending(); n != 201 {
			t.Errorf("%d pending, want the refused 200 and the one behind", n)
		}
		d.Close(t.Context())
	})
}

// A receiver that is down costs one probe at a time.
func TestDeadReceiverIsProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.down["t"] = true
		for i := range 10_000 {
			o.put("t", strconv.Itoa(i), strconv.Itoa(i))
			if i < 50 {
				o.put("other", strconv.Itoa(i), strconv.Itoa(i))
			}
		}
		d := deliverer(t, o, w, nil)
		sleep(time.Hour)
		at, _ := w.hits("t", start)
		if len(at) > 100 || len(at) < 50 {
			t.Errorf("%d connections in an hour, want 16 and about one per minute", len(at))
		}
		if first := slices.IndexFunc(at, func(d time.Duration) bool { return d > 100*time.Millisecond }); at[first] > 2*time.Second {
			t.Errorf("the first probe came after %s", at[first])
		}
		if other, _ := w.hits("other", start); len(other) != 50 || slices.Max(other) > 100*time.Millisecond {
			t.Errorf("the other endpoint got %d, the last at %s", len(other), slices.Max(other))
		}
		w.mu.Lock()
		w.down["t"] = false
		w.mu.Unlock()
		sleep(10 * time.Minute)
		if n := o.pending(); n > 40 { // those that had three attempts and more wait for their delays
			t.Errorf("%d pending after it came back", n)
		}
		if n := w.busiest["t"]; n > 16 {
			t.Errorf("%d requests at a time", n)
		}
		d.Close(t.Context())
	})
}

// A receiver that hangs holds its own slots for the time-out, and nothing else.
func TestSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["slow"] = func(_ string, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		w.hosts["t"] = func(string, http.ResponseWriter, *http.Request) { time.Sleep(10 * time.Millisecond) }
		for i := range 500 {
			o.put("slow", strconv.Itoa(i), strconv.Itoa(i))
			o.put("t", strconv.Itoa(i), strconv.Itoa(i))
		}
		d := deliverer(t, o, w, nil)
		sleep(40 * time.Second)
		if at, _ := w.hits("t", start); len(at) != 500 || slices.Max(at) > 500*time.Millisecond {
			t.Errorf("%d to the other endpoint until %s", len(at), slices.Max(at))
		}
		if at, _ := w.hits("slow", start); len(at) > 18 {
			t.Errorf("%d to the slow endpoint in 40 s, want 16 and probes", len(at))
		}
		o.mu.Lock()
		excerpt := o.lanes["slow/0"].queue[0].Attempts.Excerpt
		o.mu.Unlock()
		if excerpt != "no answer within 15s" {
			t.Errorf("excerpt %q", excerpt)
		}
		d.Close(t.Context())
	})
}

func TestThrottle(t *testing.T) {
	for _, c := range []struct {
		name, header string
		code         int
		want         time.Duration
	}{
		{"seconds", "90", http.StatusTooManyRequests, 90 * time.Second},
		{"date", "date", http.StatusServiceUnavailable, 120 * time.Second},
		{"gateway without a header", "", http.StatusBadGateway, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, w, start := newOutbox(), newWorld(), time.Now()
				w.hosts["t"] = func(id string, rw http.ResponseWriter, _ *http.Request) {
					if id == "a" && time.Since(start) < time.Second {
						header := c.header
						if header == "date" {
							header = start.Add(120 * time.Second).UTC().Format(http.TimeFormat)
						}
						rw.Header().Set("Retry-After", header)
						rw.WriteHeader(c.code)
					}
				}
				o.put("t", "a", "a")
				d := deliverer(t, o, w, exactly)
				sleep(100 * time.Millisecond)
				o.put("t", "b", "b")
				sleep(10 * time.Minute)
				at, ids := w.hits("t", start)
				if len(at) != 3 || at[1].Round(time.Second) != c.want {
					t.Errorf("attempts %v at %v, want the second after %s", ids, at, c.want)
				}
				d.Close(t.Context())
			})
		})
	}
}

func TestGoneStopsTheTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["t"] = status(http.StatusGone)
		var gone []string
		o.put("t", "a", "a1")
		d := deliverer(t, o, w, func(opts *webhook.Options) {
			opts.Gone = func(trigger string) { gone = append(gone, trigger) }
		})
		sleep(time.Second)
		for i := range 100 {
			o.put("t", strconv.Itoa(i), strconv.Itoa(i))
		}
		sleep(48 * time.Hour)
		if at, _ := w.hits("t", start); len(at) != 1 || fmt.Sprint(gone) != "[t]" {
			t.Errorf("%d requests, gone %v", len(at), gone)
		}
		if fmt.Sprint(o.buried()) != "[a1]" || o.pending() != 100 {
			t.Errorf("dead %v, pending %d", o.buried(), o.pending())
		}
		w.mu.Lock()
		w.hosts["t"] = nil
		w.mu.Unlock()
		d.Refresh("t")
		sleep(time.Second)
		if o.pending() != 0 {
			t.Errorf("%d pending after the trigger was started again", o.pending())
		}
		d.Close(t.Context())
	})
}

func TestPauseResumeAndMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		end, known := webhook.Endpoint{URL: "http://old/", Paused: true}, true
		d := deliverer(t, o, w, func(opts *webhook.Options) {
			opts.Endpoint = func(string) (webhook.Endpoint, bool) { return end, known }
		})
		count := func(host string) int { at, _ := w.hits(host, start); return len(at) }
		o.put("t", "a", "1")
		sleep(time.Hour)
		if count("old") != 0 {
			t.Fatal("a paused trigger delivers")
		}
		end.Paused = false
		w.down["old"] = true
		d.Refresh("t")
		sleep(10 * time.Second)
		if count("old") == 0 {
			t.Fatal("a resumed trigger does not deliver")
		}
		end.URL = "http://new/"
		d.Refresh("t")
		sleep(10 * time.Minute)
		if count("new") != 1 || o.pending() != 0 {
			t.Errorf("%d at the new place, %d pending", count("new"), o.pending())
		}
		known = false
		o.put("t", "b", "2")
		sleep(time.Hour)
		if count("new") != 1 || o.pending() != 1 {
			t.Error("a trigger without an endpoint delivers")
		}
		d.Close(t.Context())
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.hosts["t"] = func(_ string, rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://elsewhere/", http.StatusTemporaryRedirect)
		}
		o.put("t", "a", "1")
		d := deliverer(t, o, w, nil)
		sleep(time.Second)
		if at, _ := w.hits("elsewhere", start); len(at) != 0 || o.pending() != 1 {
			t.Errorf("%d requests to the other place, %d pending", len(at), o.pending())
		}
		d.Close(t.Context())
	})
}

// Close waits for what is out, cuts it when told to, and loses nothing.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w := newOutbox(), newWorld()
		w.hosts["t"] = func(_ string, _ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(10 * time.Second):
			case <-r.Context().Done():
			}
		}
		o.put("t", "a", "1")
		o.put("t", "a", "2")
		d := deliverer(t, o, w, nil)
		sleep(time.Second)
		began := time.Now()
		d.Close(t.Context())
		if got := time.Since(began); got != 9*time.Second || o.pending() != 1 {
			t.Errorf("closed after %s with %d pending", got, o.pending())
		}
		d = deliverer(t, o, w, nil)
		sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		d.Close(ctx)
		if got := time.Since(began); got != time.Second || o.pending() != 1 {
			t.Errorf("cut after %s with %d pending", got, o.pending())
		}
		if got := o.lanes["t/a"].queue[0].Attempts.Count; got != 0 {
			t.Errorf("a request that was cut counts: %d", got)
		}
	})
}

// An outbox that fails repeats a delivery and never loses one.
func TestOutboxFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		o.put("t", "a", "1")
		o.fail = errors.New("disk")
		d := deliverer(t, o, w, nil)
		sleep(time.Minute)
		if _, ids := w.hits("t", start); fmt.Sprint(ids) != "[1 1]" || o.pending() != 0 {
			t.Errorf("requests %v, %d pending", ids, o.pending())
		}
		d.Close(t.Context())
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w := newOutbox(), newWorld()
		w.hosts["t"] = func(id string, rw http.ResponseWriter, _ *http.Request) {
			if id == "bad" {
				rw.WriteHeader(http.StatusNotFound)
			}
		}
		d := deliverer(t, o, w, func(opts *webhook.Options) { opts.Settings.Feed = 8 })
		all, one := d.Follow(""), d.Follow("t")
		o.put("t", "a", "good")
		o.put("u", "a", "u1")
		sleep(time.Second)
		o.put("t", "b", "bad")
		sleep(time.Second)
		list, missed, err := one.Next(t.Context())
		if err != nil || missed != 0 || len(list) != 2 || list[0].Status != webhook.Delivered || list[1].Status != webhook.Pending || list[1].Attempts.Status != 404 || list[1].Body != nil {
			t.Errorf("followed %+v, missed %d, %v", list, missed, err)
		}
		for i := range 20 {
			o.put("t", "c", strconv.Itoa(i))
		}
		sleep(time.Second)
		list, missed, err = all.Next(t.Context())
		if err != nil || len(list)+int(missed) != 23 || len(list) != 8 {
			t.Errorf("%d results, %d missed, %v", len(list), missed, err)
		}
		if got := d.Recent("t", 3); len(got) != 3 || got[2].ID != "19" {
			t.Errorf("recent %+v", got)
		}
		d.Close(t.Context())
		if _, _, err := one.Next(t.Context()); err != nil {
			t.Errorf("what is left: %v", err)
		}
		if _, _, err := one.Next(t.Context()); !errors.Is(err, webhook.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
