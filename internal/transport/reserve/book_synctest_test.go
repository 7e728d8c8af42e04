package reserve_test

import (
	"errors"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/transport/reserve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seat is what the tests reserve.
type seat struct{ closed atomic.Int64 }

func (s *seat) Close() error { s.closed.Add(1); return nil }

// bubble is a book of simulated time.
type bubble struct {
	*testing.T
	*reserve.Book[*seat]
}

func inBubble(t *testing.T, most int, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t, reserve.NewBook[*seat](most, 30*time.Second)}
		f(b)
		b.Close()
	})
}

func (b *bubble) add() (*seat, string) {
	b.Helper()
	s := new(seat)
	token, err := b.Add(s)
	if err != nil {
		b.Fatal(err)
	}
	return s, token
}

func TestReservationsTimeOut(t *testing.T) {
	inBubble(t, 10, func(b *bubble) {
		late, token := b.add()
		kept, claimed := b.add()
		time.Sleep(29 * time.Second)
		if v, err := b.Claim(claimed); v != kept || err != nil {
			b.Errorf("%v %v", v, err)
		}
		if v, ok := b.Get(token); v != late || !ok || late.closed.Load() != 0 {
			b.Error("it is gone before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, ok := b.Get(token); ok || late.closed.Load() != 1 {
			b.Errorf("it is kept, or closed %d times", late.closed.Load())
		}
		if _, err := b.Claim(token); !errors.Is(err, reserve.ErrUnknown) {
			b.Error(err)
		}
		time.Sleep(time.Hour)
		if v, ok := b.Get(claimed); v != kept || !ok || kept.closed.Load() != 0 {
			b.Error("what was claimed is gone")
		}

		// Given back, it has its time anew.
		b.Release(claimed)
		time.Sleep(29 * time.Second)
		if _, err := b.Claim(claimed); err != nil {
			b.Error(err)
		}
		b.Release(claimed)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if kept.closed.Load() != 1 {
			b.Error("what was given back stays for ever")
		}
	})
}

func TestOneClaim(t *testing.T) {
	inBubble(t, 10, func(b *bubble) {
		s, token := b.add()
		var wg sync.WaitGroup
		var claims, refusals atomic.Int64
		for range 50 {
			wg.Go(func() {
				if _, err := b.Claim(token); err == nil {
					claims.Add(1)
				} else if errors.Is(err, reserve.ErrClaimed) {
					refusals.Add(1)
				}
			})
		}
		wg.Wait()
		if claims.Load() != 1 || refusals.Load() != 49 {
			b.Errorf("%d claims, %d refusals", claims.Load(), refusals.Load())
		}
		b.Remove(token)
		if _, ok := b.Get(token); ok || s.closed.Load() != 0 {
			b.Error("removed, it is there, or closed by the book")
		}
	})
}

func TestBookIsBounded(t *testing.T) {
	inBubble(t, 2, func(b *bubble) {
		_, first := b.add()
		b.add()
		if _, err := b.Add(new(seat)); !errors.Is(err, reserve.ErrFull) {
			b.Error(err)
		}
		if _, err := b.Claim(first); err != nil {
			b.Error(err)
		}
		if _, err := b.Add(new(seat)); !errors.Is(err, reserve.ErrFull) {
			b.Errorf("claimed ones count too: %v", err)
		}
		b.Remove(first)
		b.add()
		time.Sleep(time.Minute)
		synctest.Wait()
		b.add()
		b.add()
	})
}

func TestClose(t *testing.T) {
	inBubble(t, 10, func(b *bubble) {
		waits, _ := b.add()
		claimed, token := b.add()
		back, other := b.add()
		for _, token := range []string{token, other} {
			if _, err := b.Claim(token); err != nil {
				b.Fatal(err)
			}
		}
		b.Close()
		b.Release(other)
		b.Remove(token)
		if waits.closed.Load() != 1 || claimed.closed.Load() != 0 || back.closed.Load() != 1 {
			b.Errorf("closed %d, %d and %d times", waits.closed.Load(), claimed.closed.Load(), back.closed.Load())
		}
		if _, err := b.Add(new(seat)); !errors.Is(err, reserve.ErrClosed) {
			b.Error(err)
		}
	})
}

// Clocks that strike while others claim, release and close.
func TestRaces(t *testing.T) {
	for i := range 50 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			b := reserve.NewBook[*seat](100, time.Microsecond*time.Duration(i))
			var seats []*seat
			var wg sync.WaitGroup
			for range 20 {
				s := new(seat)
				seats = append(seats, s)
				token, err := b.Add(s)
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					if _, err := b.Claim(token); err == nil {
						b.Release(token)
					}
				})
			}
			b.Close()
			wg.Wait()
			for _, s := range seats {
				if n := s.closed.Load(); n != 1 {
					t.Errorf("closed %d times", n)
				}
			}
		})
	}
}

func TestTokens(t *testing.T) {
	inBubble(t, 10_000, func(b *bubble) {
		seen := map[string]bool{}
		form := regexp.MustCompile(`^[A-Z2-7]{26}$`)
		for range 1000 {
			_, token := b.add()
			if seen[token] || !form.MatchString(token) {
				b.Fatalf("%q", token)
			}
			seen[token] = true
		}
	})
}
