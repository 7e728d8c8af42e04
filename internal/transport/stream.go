package transport

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/socket"
)

// pullBytes is what one pull gathers for a stream.
const pullBytes = 64 << 10

// writePiece is what a slow client must take within SlowClientTimeout.
const writePiece = 4 << 10

// stream is a response that goes on, over HTTP: its request's goroutine pulls
// and writes. A client that does not read blocks that goroutine alone, between
// two pulls, while its cursor conflates.
type stream struct {
	h      *Handler
	kind   Kind
	w      http.ResponseWriter
	rc     *http.ResponseController
	h2     bool
	cancel context.CancelCauseFunc
	code   int
}

var errAborted = errors.New("the gateway closed the stream")

func (s *stream) shut(int, string) { s.cancel(errDraining) }
func (s *stream) abort()           { s.cancel(errAborted) }

// openStream counts a stream in and sends its headers with the first bytes.
// The context ends when the client goes or the gateway closes. Call done at
// the end. Without a stream the request has been answered.
func (h *Handler) openStream(w http.ResponseWriter, r *http.Request, kind Kind, media string, first []byte) (*stream, context.Context, func()) {
	ctx, cancel := context.WithCancelCause(r.Context())
	s := &stream{h: h, kind: kind, w: w, rc: http.NewResponseController(w), h2: r.ProtoMajor > 1, cancel: cancel, code: codeAbnormal}
	if err := h.accept(s, kind); err != nil {
		cancel(err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return nil, nil, nil
	}
	// A client that does not read must not hold up the end either.
	unblocked := make(chan struct{})
	unblock := context.AfterFunc(ctx, func() {
		defer close(unblocked)
		_ = s.rc.SetWriteDeadline(time.Now().Add(socket.CloseWait))
	})
	done := func() {
		if !unblock() {
			<-unblocked // the answer must not be used once its handler has returned
		}
		cancel(nil)
		h.release(s, kind, s.code)
	}
	hd := w.Header()
	hd.Set("Content-Type", media)
	hd.Set("Cache-Control", "no-cache")
	hd.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if s.write(ctx, 0, first) != nil {
		done()
		return nil, nil, nil
	}
	return s, ctx, done
}

// finish panics unless the stream was completed, by which net/http breaks the
// connection off: after a clean end of the body nobody looks for more. Call it
// last, before done.
func (s *stream) finish() {
	if s.code != codeNormal {
		panic(http.ErrAbortHandler)
	}
}

// write writes and flushes. Every piece taken starts the slow client's clock
// anew.
func (s *stream) write(ctx context.Context, messages int, p []byte) error {
	s.h.stats.sent(s.kind, messages, len(p))
	queued := &s.h.stats.queued
	queued.Add(int64(len(p)))
	defer func() { queued.Add(-int64(len(p))) }()
	for {
		began := time.Now()
		if err := s.rc.SetWriteDeadline(began.Add(s.h.opts.SlowClientTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if ctx.Err() != nil { // it ended meanwhile, and set an earlier deadline
			return context.Cause(ctx)
		}
		n := min(len(p), writePiece)
		_, err := s.w.Write(p[:n])
		if err == nil && n == len(p) {
			err = s.flush()
		}
		if err != nil {
			s.failed(ctx, err, time.Since(began))
			return err
		}
		queued.Add(-int64(n))
		if p = p[n:]; len(p) == 0 {
			return nil
		}
	}
}

// failed notes how the stream ended. A failed write ends the request's context
// as well, so only the cause tells whether it was us.
func (s *stream) failed(ctx context.Context, err error, took time.Duration) {
	late := socket.IsTimeout(err) || s.h2 && took >= s.h.opts.SlowClientTimeout // HTTP/2 has its own errors
	if cause := context.Cause(ctx); late && !errors.Is(cause, errDraining) && !errors.Is(cause, errAborted) {
		s.code = codeTryLater
		s.h.stats.slow.Add(1)
	}
}

// flush sends what is written. HTTP/2's deadlines strike idle streams as well.
func (s *stream) flush() error {
	err := s.rc.Flush()
	if s.h2 && err == nil {
		err = s.rc.SetWriteDeadline(time.Time{})
	}
	return err
}

// appendFunc appends one message of a stream in its outer form.
type appendFunc func(dst, msg []byte) []byte

// pump pulls from a cursor and writes until the source, the client or the
// gateway ends it. idle is written after PingInterval without anything. The
// error is the source's: nil if the client or the gateway ended it.
func (s *stream) pump(ctx context.Context, open func(wake func()) delivery.Source, add appendFunc, idle []byte) error {
	wake := make(chan struct{}, 1)
	src := open(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	defer src.Close()
	t := time.NewTicker(s.h.opts.PingInterval)
	defer t.Stop()
	for ctx.Err() == nil {
		more, wrote, ended, err := s.pass(ctx, src, add)
		switch {
		case err != nil:
			return nil // the client is gone: nobody to tell
		case ended != nil:
			return ended
		case wrote:
			t.Reset(s.h.opts.PingInterval)
		}
		if more {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
		case <-t.C:
			if len(idle) > 0 && s.write(ctx, 0, idle) != nil {
				return nil
			}
		}
	}
	return nil
}

// pass pulls once and writes what came, from a buffer that an idle stream does
// not keep. ended is how the source ended.
func (s *stream) pass(ctx context.Context, src delivery.Source, add appendFunc) (more, wrote bool, ended, err error) {
	buf, _ := streamBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= 8*pullBytes {
			streamBuffers.Put(buf)
		}
	}()
	out, messages := (*buf)[:0], 0
	more, ended = src.Pull(pullBytes, func(msg []byte) {
		out = add(out, msg)
		messages++
	})
	*buf = out
	if len(out) > 0 {
		received, began := src.Received(), feed.Now()
		if err = s.write(ctx, messages, out); err == nil {
			s.h.stats.wrote(began, received, feed.Now())
		}
	}
	return more, len(out) > 0, ended, err
}

var streamBuffers = sync.Pool{New: func() any { return new([]byte) }}
