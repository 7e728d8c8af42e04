package telemetry

import (
	"sync"
	"time"
)

// Limiter keeps what happens often from filling the log: one line for each key
// and interval, which says how many there were since the last.
type Limiter struct {
	every time.Duration
	mu    sync.Mutex // guards keys
	keys  map[string]*muted
}

type muted struct {
	until time.Time
	count int
}

// maxKeys bounds the memory of a Limiter whose keys come from outside.
const maxKeys = 1000

// NewLimiter returns a limiter that lets one line through per key and interval.
func NewLimiter(every time.Duration) *Limiter {
	return &Limiter{every: every, keys: map[string]*muted{}}
}

// Allow reports whether to log now, and how many lines were held back since
// the last one for this key.
func (l *Limiter) Allow(key string) (held int, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.keys[key]
	if m == nil {
		if len(l.keys) >= maxKeys {
			l.forget(now)
		}
		m = &muted{}
		l.keys[key] = m
	}
	if now.Before(m.until) {
		m.count++
		return 0, false
	}
	held, m.count = m.count, 0
	m.until = now.Add(l.every)
	return held, true
}

// forget drops the keys whose interval is over, or all when none is.
func (l *Limiter) forget(now time.Time) {
	for key, m := range l.keys {
		if !now.Before(m.until) {
			delete(l.keys, key)
		}
	}
	if len(l.keys) >= maxKeys {
		clear(l.keys)
	}
}
