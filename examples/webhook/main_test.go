package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook/sign"
)

const event = `{"event_id":"1","event_type":"FIRE","trigger_name":"big","timestamp":"2026-01-01T00:00:00.000Z","data":{"id":1}}`

// signed is a request as the gateway makes it.
func signed(t *testing.T, secrets []string, id string, at time.Time, body string) *http.Request {
	t.Helper()
	var keys []sign.Key
	for _, s := range secrets {
		k, err := sign.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set(sign.HeaderID, id)
	req.Header.Set(sign.HeaderTimestamp, sign.Timestamp(at))
	req.Header.Set(sign.HeaderSignature, sign.Signature(keys, id, at, []byte(body)))
	return req
}

func TestReceiver(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	mine := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	const other = "another secret, of words"
	var out bytes.Buffer
	r, err := newReceiver(mine, &out)
	if err != nil {
		t.Fatal(err)
	}
	r.now = func() time.Time { return now }
	forged := signed(t, []string{mine}, "b", now, event)
	forged.Header.Set(sign.HeaderID, "c")
	for _, c := range []struct {
		name   string
		req    *http.Request
		status int
		out    string
	}{
		{"first", signed(t, []string{mine}, "a", now, event), 204, "FIRE   big  2026-01-01T00:00:00.000Z  {\"id\":1}\n"},
		{"again", signed(t, []string{mine}, "a", now.Add(time.Minute), event), 204, "again  a\n"},
		{"rotation", signed(t, []string{other, mine}, "a2", now, event), 204, "FIRE   big  2026-01-01T00:00:00.000Z  {\"id\":1}\n"},
		{"another secret", signed(t, []string{other}, "b", now, event), 401, ""},
		{"another id", forged, 401, ""},
		{"old", signed(t, []string{mine}, "b", now.Add(-time.Hour), event), 401, ""},
		{"no event", signed(t, []string{mine}, "b", now, "x"), 400, ""},
		{"unsigned", httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(event)), 401, ""},
	} {
		out.Reset()
		w := httptest.NewRecorder()
		r.ServeHTTP(w, c.req)
		if w.Code != c.status || out.String() != c.out {
			t.Errorf("%s: %d %q, want %d %q", c.name, w.Code, out.String(), c.status, c.out)
		}
	}
}
