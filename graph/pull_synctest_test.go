package graph

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// script is a cursor that plays what the test puts in.
type script struct {
	wake func()

	mu     sync.Mutex
	parts  [][]string // one per Pull; nil: nothing there
	err    error      // after the last part
	closed int
	pulls  int
}

func (s *script) Pull(_ int, emit func([]byte)) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls++
	if len(s.parts) == 0 {
		return false, s.err
	}
	part := s.parts[0]
	s.parts = s.parts[1:]
	for _, m := range part {
		emit([]byte(`{"data":` + m + `}`))
	}
	return len(s.parts) > 0, nil
}

func (s *script) Close() { s.closed++ }

func (s *script) open(wake func()) cursor {
	s.wake = wake
	return s
}

func present(err error) *gqlerror.Error { return coded("X", err.Error()) }

func TestPullWaitsForTheWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{parts: [][]string{{"1", "2"}, {"3"}}}
		p := newPull(ctx, s.open, present)
		for i := range 3 {
			if r := p.next(ctx); string(r.Data) != strconv.Itoa(i+1) {
				t.Fatalf("message %d is %s", i+1, r.Data)
			}
		}
		go func() {
			time.Sleep(time.Minute)
			s.wake() // stale: nothing there
			s.wake()
			time.Sleep(time.Minute)
			s.mu.Lock()
			s.parts = [][]string{{"4"}}
			s.mu.Unlock()
			s.wake()
		}()
		start := time.Now()
		if r := p.next(ctx); string(r.Data) != "4" || time.Since(start) != 2*time.Minute {
			t.Errorf("got %s after %v", r.Data, time.Since(start))
		}
		if s.pulls > 6 {
			t.Errorf("%d pulls: the loop does not wait", s.pulls)
		}
		go func() {
			time.Sleep(time.Hour)
			cancel()
		}()
		if r := p.next(ctx); r != nil {
			t.Errorf("got %s after the end", r.Data)
		}
		synctest.Wait()
		if s.closed != 1 {
			t.Errorf("closed %d times", s.closed)
		}
	})
}

func TestPullEndsWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{parts: [][]string{{"1"}}, err: errors.New("gone")}
		p := newPull(t.Context(), s.open, present)
		if r := p.next(t.Context()); string(r.Data) != "1" {
			t.Errorf("got %s", r.Data)
		}
		if r := p.next(t.Context()); len(r.Errors) != 1 || r.Errors[0].Message != "gone" {
			t.Errorf("got %+v", r)
		}
		if r := p.next(t.Context()); r != nil || s.closed != 1 {
			t.Errorf("got %+v, closed %d times", r, s.closed)
		}
	})
}

// TestPullIsAbandoned: a transport that goes away without asking again must
// not leave the cursor open.
func TestPullIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{parts: [][]string{{"1", "2"}}}
		p := newPull(ctx, s.open, present)
		p.next(ctx)
		cancel()
		synctest.Wait()
		if s.closed != 1 {
			t.Errorf("closed %d times", s.closed)
		}
		if r := p.next(t.Context()); r != nil {
			t.Errorf("got %s after the end", r.Data)
		}
	})
}

// TestPullStopsWithTheCallersContext: the response handler's own context ends
// the wait too.
func TestPullStopsWithTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		p := newPull(t.Context(), s.open, present)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := p.next(ctx); r != nil || s.closed != 1 {
			t.Errorf("got %+v, closed %d times", r, s.closed)
		}
	})
}
