package webhook_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/sign"
)

// Ours win over the endpoint's own headers; every attempt has the same id and
// its own time.
func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w := newOutbox(), newWorld()
		var seen []http.Header
		w.hosts["t"] = func(_ string, rw http.ResponseWriter, r *http.Request) {
			if seen = append(seen, r.Header.Clone()); r.Method != http.MethodPost || r.URL.RequestURI() != "/hook" || r.ContentLength != int64(len(`{"id":"1"}`)) {
				t.Errorf("%s %s, %d bytes", r.Method, r.URL, r.ContentLength)
			}
			if len(seen) == 1 {
				rw.WriteHeader(http.StatusBadRequest)
			}
		}
		const first, second = "the newest secret of all", "the secret before that one"
		d := deliverer(t, o, w, func(opts *webhook.Options) {
			opts.Endpoint = func(string) (webhook.Endpoint, bool) {
				return webhook.Endpoint{
					URL: "http://t/hook", Secrets: []string{first, second},
					Header: map[string]string{"X-Own": "yes", "webhook-id": "forged", "Content-Type": "text/plain", "user-agent": "forged", "Webhook-Signature": "forged"},
				}, true
			}
		})
		o.put("t", "a", "1")
		sleep(time.Minute)
		if len(seen) != 2 {
			t.Fatalf("%d attempts", len(seen))
		}
		for i, h := range seen {
			unix, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"X-Own": "yes", "Webhook-Id": "1", "Content-Type": "application/json", "User-Agent": "tycostream/test",
				"Webhook-Signature": sign.Signature([]sign.Key{key(t, first), key(t, second)}, "1", time.Unix(unix, 0), []byte(`{"id":"1"}`)),
			} {
				if got := h.Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("attempt %d: %s: %q, want %q", i+1, name, got, want)
				}
			}
		}
		if seen[0].Get("Webhook-Timestamp") == seen[1].Get("Webhook-Timestamp") {
			t.Error("both attempts have the same time")
		}
		d.Close(t.Context())
	})
}

func key(t *testing.T, text string) sign.Key {
	t.Helper()
	k, err := sign.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What goes wrong is told without the URL or the secret: both may open doors.
func TestNothingUnsignedAndNothingTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, w, start := newOutbox(), newWorld(), time.Now()
		w.down["down"] = true
		w.hosts["endless"] = func(_ string, rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, strings.Repeat("x", 1<<20))
		}
		d := deliverer(t, o, w, func(opts *webhook.Options) {
			inner := opts.Endpoint
			opts.Endpoint = func(trigger string) (webhook.Endpoint, bool) {
				end, ok := inner(trigger)
				if trigger == "t" {
					end.Secrets = []string{"short"}
				}
				return end, ok
			}
		})
		for _, trigger := range []string{"t", "down", "endless"} {
			o.put(trigger, "a", "1")
		}
		sleep(time.Second)
		if at, _ := w.hits("t", start); len(at) != 0 {
			t.Error("sent without the signature that was asked for")
		}
		for _, r := range d.Recent("", 10) {
			text := r.Attempts.Excerpt
			if text == "" || len(text) > webhook.ExcerptBytes || strings.Contains(text, "token") || strings.Contains(text, "short") || r.Status != webhook.Pending {
				t.Errorf("%s: %q", r.Trigger, text)
			}
		}
		if n := len(d.Recent("", 10)); n != 3 {
			t.Errorf("%d results", n)
		}
		d.Close(t.Context())
	})
}
