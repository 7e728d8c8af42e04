// Command webhook receives what tycostream's triggers deliver: it verifies the
// signature with the standard library alone, takes each event once, and prints
// it.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxBody = 1 << 20
	// skew is how far the sender's clock may be off. An older request is
	// perhaps somebody's copy of it.
	skew = 5 * time.Minute
)

func main() {
	addr := "127.0.0.1:8080"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	r, err := newReceiver(os.Getenv("WEBHOOK_SECRET"), os.Stdout)
	if err == nil {
		log.Info("listening", "address", addr)
		server := &http.Server{Addr: addr, Handler: r, ReadTimeout: 10 * time.Second}
		err = server.ListenAndServe()
	}
	log.Error("the receiver ends", "error", err)
	os.Exit(1)
}

// receiver takes events. Its methods are safe for concurrent use.
type receiver struct {
	key []byte // nil: signatures are not looked at
	out io.Writer
	now func() time.Time

	mu   sync.Mutex // guards seen and out
	seen map[string]bool
}

func newReceiver(secret string, out io.Writer) (*receiver, error) {
	r := &receiver{out: out, now: time.Now, seen: map[string]bool{}}
	if secret == "" {
		return r, nil
	}
	r.key = []byte(secret)
	if enc, ok := strings.CutPrefix(secret, "whsec_"); ok {
		key, err := base64.StdEncoding.DecodeString(enc)
		if err != nil {
			return nil, errors.New("WEBHOOK_SECRET is not base64 behind whsec_")
		}
		r.key = key
	}
	return r, nil
}

// ServeHTTP answers 2xx only when the event is taken: anything else has it
// delivered again.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if err := r.verify(req.Header, body); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if err := r.take(req.Header.Get("webhook-id"), body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// verify checks a Standard Webhooks signature: an HMAC over id, time and body.
// During a rotation there are several; one that fits is enough.
func (r *receiver) verify(h http.Header, body []byte) error {
	if r.key == nil {
		return nil
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || r.now().Sub(time.Unix(seconds, 0)).Abs() > skew {
		return errors.New("the timestamp is missing or too far from now")
	}
	mac := hmac.New(sha256.New, r.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	want := mac.Sum(nil)
	for one := range strings.FieldsSeq(h.Get("webhook-signature")) {
		enc, ok := strings.CutPrefix(one, "v1,")
		if !ok {
			continue
		}
		if got, err := base64.StdEncoding.DecodeString(enc); err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("no signature fits")
}

// take handles an event once: deliveries are repeated until one is answered,
// with the same id. A real receiver keeps the ids with what it does, in one
// transaction.
func (r *receiver) take(id string, body []byte) error {
	var event struct {
		Type    string          `json:"event_type"`
		Trigger string          `json:"trigger_name"`
		Time    string          `json:"timestamp"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return errors.New("the body is no event")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		_, err := fmt.Fprintf(r.out, "again  %s\n", id)
		return err
	}
	r.seen[id] = true
	_, err := fmt.Fprintf(r.out, "%-5s  %s  %s  %s\n", event.Type, event.Trigger, event.Time, event.Data)
	return err
}
