package source

import (
	"context"
	"errors"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
)

// end takes the end of a stream and reports whether it had been live.
func (in *intake) end(ctx context.Context, err error) (lived bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.feedAbortLocked()
	lived, in.joined = in.joined, false
	in.leavePastLocked(lived)
	e, _ := errors.AsType[*Error](err)
	switch {
	case ctx.Err() != nil || errors.Is(err, errRejoin):
		return lived
	case errors.Is(err, errUnwanted):
		in.homeLocked()
		in.setStateLocked(feed.Starting, "")
		return lived
	case errors.Is(err, ErrComplete):
		in.position = Position{}
		return lived
	}
	in.noteLocked(err)
	switch {
	case in.failed: // alone, for a reason of its own
	case e != nil && (e.Class == Slow || e.Class == Config):
		in.homeLocked()
		in.setStateLocked(feed.Failed, e.Text)
	default:
		if e != nil && e.Class == Compacted {
			in.position = Position{}
		}
		in.awayLocked(err)
	}
	return lived
}

// leavePastLocked takes the end of a stream that may have been to begin in the
// past. If it did not get to the present, the next one does not try: the past
// may hold what the present does not (poisoned data, more rows than max_rows),
// and a position in it would make rows live that are old.
func (in *intake) leavePastLocked(lived bool) {
	if lived || in.st.Lives > 0 || in.set.History == 0 || in.identity == "" {
		return
	}
	in.plain, in.position = true, Position{}
}

func (in *intake) feedAbortLocked() {
	if in.feed != nil && in.staged > 0 {
		in.feed.Abort()
	}
	in.staged = 0
}

func (in *intake) noteLocked(err error) {
	in.st.Errors++
	in.st.LastError, in.st.LastErrorAt = err.Error(), time.Now()
	if errors.Is(err, ErrMalformed) {
		in.st.Malformed++
	}
}

// textOf is what clients are told about an error.
func textOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Text
	}
	return "the source cannot be read"
}

// awayLocked says that upstream is away, and since when.
func (in *intake) awayLocked(err error) {
	in.why = textOf(err)
	switch in.st.State {
	case feed.Starting, feed.Stale:
		in.setStateLocked(in.st.State, in.why)
	case feed.Live:
		if in.stale != nil {
			return
		}
		wait := in.set.StaleAfter
		if errors.Is(err, ErrStalled) {
			wait = max(0, wait-time.Since(in.life)) // it has been away for a while
		}
		var self *time.Timer
		self = time.AfterFunc(wait, func() {
			in.mu.Lock()
			defer in.mu.Unlock()
			if in.stale == self {
				in.setStateLocked(feed.Stale, in.why)
			}
		})
		in.stale = self
	case feed.Failed: // its reason is the better one
	}
}

// homeLocked takes awayLocked back.
func (in *intake) homeLocked() {
	if in.stale != nil {
		in.stale.Stop()
		in.stale = nil
	}
}

func (in *intake) setStateLocked(s feed.State, reason string) {
	if s != in.st.State {
		in.log.Debug("source state", "from", in.st.State.String(), "to", s.String(), "reason", reason)
	}
	in.st.State, in.st.Reason = s, reason
	if in.old && s != feed.Live {
		s = feed.Starting // in any other state, readers would be given the rows
	}
	if in.feed != nil {
		in.feed.SetState(s, reason)
	}
}

// stop ends what may still run.
func (in *intake) stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.homeLocked()
}

// mayRejoin reports whether a source that failed alone may be tried again.
func (in *intake) mayRejoin(slow time.Duration) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.failed && time.Since(in.failedAt) >= slow<<min(in.rejoins, 6)-slow/2
}

func (in *intake) rejoined() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.rejoins++
}

// report logs a failed stream, an error that repeats itself once a minute.
func (in *intake) report(err error, wait time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.failed {
		return // logged by Fail
	}
	if silent, show := in.repeats.show(err.Error(), time.Now()); show {
		in.log.Warn("source is disconnected", "error", err, "retry_in", wait, "state", in.st.State.String(), "repeats_not_logged", silent)
	}
}

// repeats suppresses equal messages within a minute.
type repeats struct {
	text   string
	at     time.Time
	silent int
}

func (r *repeats) show(text string, now time.Time) (silent int, show bool) {
	if text == r.text && now.Sub(r.at) < time.Minute {
		r.silent++
		return 0, false
	}
	silent = r.silent
	r.text, r.at, r.silent = text, now, 0
	return silent, true
}

func (r *repeats) reset() { r.text, r.silent = "", 0 }
