package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/webhook/sign"
)

// Receiver takes deliveries, counts them and checks their signatures.
type Receiver struct {
	URL string

	server *http.Server
	wg     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	seen  map[string]struct{}
	wrong error
	took  func(time.Duration) // of each delivery, since its event
	last  map[int]string      // newest event of each row
}

func newReceiver(ctx context.Context) (*Receiver, error) {
	l, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	r := &Receiver{URL: "http://" + l.Addr().String() + "/", seen: map[string]struct{}{}, last: map[int]string{}}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	r.wg.Go(func() { _ = r.server.Serve(l) })
	return r, nil
}

func (r *Receiver) close() {
	_ = r.server.Close()
	r.wg.Wait()
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(req.Body)
	var e struct {
		Kind string           `json:"event_type"`
		At   time.Time        `json:"timestamp"`
		Data struct{ ID int } `json:"data"`
	}
	if err == nil {
		err = errors.Join(json.Unmarshal(body, &e), check(req.Header, body))
	}
	id := req.Header.Get(sign.HeaderID)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch _, again := r.seen[id]; {
	case err != nil:
		r.wrong = err
	case again: // at least once
	default:
		r.seen[id] = struct{}{}
		if r.last[e.Data.ID] == e.Kind {
			r.wrong = fmt.Errorf("row %d: two %s in a row", e.Data.ID, e.Kind)
		}
		r.last[e.Data.ID] = e.Kind
		if r.took != nil {
			r.took(now.Sub(e.At))
		}
	}
}

// check compares the signature.
func check(h http.Header, body []byte) error {
	key, err := sign.Parse(Secret)
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(h.Get(sign.HeaderTimestamp), 10, 64)
	if err != nil {
		return err
	}
	if want := sign.Signature([]sign.Key{key}, h.Get(sign.HeaderID), time.Unix(unix, 0), body); h.Get(sign.HeaderSignature) != want {
		return fmt.Errorf("signature %s, not %s", h.Get(sign.HeaderSignature), want)
	}
	return nil
}

// Count returns how many different events came, and what was wrong with one.
func (r *Receiver) Count() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen), r.wrong
}

// Observe has every delivery's age told, from the event to its arrival; nil ends
// that.
func (r *Receiver) Observe(took func(time.Duration)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = took
}
