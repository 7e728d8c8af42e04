package webhook

import "time"

// health is how many requests at a time an endpoint or a host gets.
//
//	failures = 0           healthy: up to limit
//	0 < failures < Trip    doubtful: the limit halves with each
//	Trip <= failures       down: one request after each pause
//
// An answer that proves it alive raises the limit by one, so that what has just
// come back, or was never seen, is not flooded.
type health struct {
	limit, most int
	inFlight    int
	failures    int       // in a row
	judged      time.Time // requests from before this no longer count as failures
	resume      time.Time // nothing is sent before
}

// ready reports whether one more request may be sent.
func (h *health) ready(now time.Time) bool { return h.inFlight < h.limit && !h.resume.After(now) }

func (h *health) alive() {
	h.failures = 0
	h.limit = min(h.limit+1, h.most)
}

// failing notes a failure of a request that began then. throttled is an answer
// that asks for less; wait is what it asks for. It reports whether there is a
// new resume.
func (h *health) failing(set *Settings, began time.Time, throttled bool, wait time.Duration, now time.Time) bool {
	if !began.After(h.judged) {
		return false // sent before it was found to be down: nothing new
	}
	h.failures++
	h.limit = max(1, h.limit/2)
	if !throttled && h.failures < set.Trip {
		return false
	}
	h.failures = max(h.failures, set.Trip)
	h.limit, h.judged = 1, now
	at := now.Add(max(set.probe(h.failures-set.Trip), min(wait, maxRetryAfter)))
	if !at.After(h.resume) {
		return false
	}
	h.resume = at
	return true
}
