package reserve

import (
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"
)

// What refuses.
var (
	ErrFull    = errors.New("there are as many reservations as there may be")
	ErrClosed  = errors.New("the book is closed")
	ErrUnknown = errors.New("there is no such reservation")
	ErrClaimed = errors.New("the reservation is claimed already")
)

// Book holds reservations of T.
type Book[T io.Closer] struct {
	most    int
	timeout time.Duration
	wg      sync.WaitGroup // a count for each clock that runs

	mu      sync.Mutex // guards what follows; taken alone
	entries map[string]*entry[T]
	closed  bool
}

type entry[T io.Closer] struct {
	value   T
	claimed bool
	clock   *time.Timer // while it is not claimed
}

// NewBook returns a book for so many reservations, each to be claimed within
// timeout.
func NewBook[T io.Closer](most int, timeout time.Duration) *Book[T] {
	return &Book[T]{most: most, timeout: timeout, entries: make(map[string]*entry[T])}
}

// Add reserves v and returns its token: 128 random bits, as text. The book
// closes v if it is not claimed in time. The error is ErrFull or ErrClosed.
func (b *Book[T]) Add(v T) (token string, err error) {
	token = rand.Text()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return "", ErrClosed
	case len(b.entries) >= b.most:
		return "", ErrFull
	}
	e := &entry[T]{value: v}
	b.entries[token] = e
	b.startLocked(token, e)
	return token, nil
}

func (b *Book[T]) startLocked(token string, e *entry[T]) {
	b.wg.Add(1)
	var clock *time.Timer
	clock = time.AfterFunc(b.timeout, func() {
		defer b.wg.Done()
		b.mu.Lock()
		late := e.clock == clock // and not stopped at the last moment
		if late {
			delete(b.entries, token)
		}
		b.mu.Unlock()
		if late {
			_ = e.value.Close() // nobody is there to hear of it
		}
	})
	e.clock = clock
}

func (b *Book[T]) stopLocked(e *entry[T]) {
	if e.clock.Stop() {
		b.wg.Done()
	}
	e.clock = nil
}

// Get returns what is reserved, claimed or not.
func (b *Book[T]) Get(token string) (v T, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[token]; e != nil {
		return e.value, true
	}
	return v, false
}

// Claim hands a reservation to the caller, who gives it back with Release or
// ends it with Remove. The error is ErrUnknown or ErrClaimed.
func (b *Book[T]) Claim(token string) (v T, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[token]
	switch {
	case e == nil || b.closed:
		return v, ErrUnknown
	case e.claimed:
		return v, ErrClaimed
	}
	e.claimed = true
	b.stopLocked(e)
	return e.value, nil
}

// Release gives a claimed reservation back: its clock starts anew.
func (b *Book[T]) Release(token string) {
	b.mu.Lock()
	e := b.entries[token]
	if !b.closed {
		e.claimed = false
		b.startLocked(token, e)
		b.mu.Unlock()
		return
	}
	delete(b.entries, token)
	b.mu.Unlock()
	_ = e.value.Close() // as Close would have done
}

// Remove forgets a claimed reservation, which stays the caller's to close.
func (b *Book[T]) Remove(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, token)
}

// Close closes what is not claimed and takes no more. It returns when all
// clocks have stopped.
func (b *Book[T]) Close() {
	b.mu.Lock()
	b.closed = true
	var left []T
	for token, e := range b.entries {
		if !e.claimed {
			b.stopLocked(e)
			delete(b.entries, token)
			left = append(left, e.value)
		}
	}
	b.mu.Unlock()
	for _, v := range left {
		_ = v.Close() // nobody is there to hear of it
	}
	b.wg.Wait()
}
