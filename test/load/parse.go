package main

import (
	"bytes"
	"errors"
)

// The parsers of this file run for every delivered row and share the machine
// with what is measured. So they know the order of the selection and that no
// text of the world needs an escape, and look at no more bytes than they must.

// event is one change of a row.
type event struct {
	op   byte // of INSERT, UPDATE or DELETE the first letter
	key  int
	seq  int
	sent int64  // nanoseconds since 1970
	data []byte // the row's fields, without the braces
}

var (
	errNoEvent = errors.New("a message is not what a subscriber of live_pnl gets")
	rowBegins  = []byte(`"data":{"instrumentId":`)
)

// nextEvent takes the first event of p and returns what stands behind it; ok
// is false if there is none.
func nextEvent(p []byte) (e event, rest []byte, ok bool) {
	i := bytes.Index(p, rowBegins)
	if i < len(`UPDATE",`) {
		return e, nil, false
	}
	e.op = p[i-len(`UPDATE",`)]
	if e.op != 'I' && e.op != 'U' && e.op != 'D' {
		return e, nil, false
	}
	e.data = p[i+len(`"data":{`):]
	end := bytes.IndexByte(e.data, '}')
	if end < 0 {
		return e, nil, false
	}
	rest, e.data = e.data[end:], e.data[:end]
	e.key, _ = digits(e.data[len(`"instrumentId":`):])
	d, sent, ok := digitsBefore(e.data, `"sentAt":"`, `"`)
	if !ok {
		return e, nil, false
	}
	_, e.seq, ok = digitsBefore(d, `"seq":`, ",")
	e.sent = int64(sent)
	return e, rest, ok
}

// digits reads a number and returns how long it is.
func digits(p []byte) (n, length int) {
	for length < len(p) && p[length] >= '0' && p[length] <= '9' {
		n = 10*n + int(p[length]-'0')
		length++
	}
	return n, length
}

// digitsBefore reads the number at the end of p, between the words before and
// after, and returns what stands before them.
func digitsBefore(p []byte, before, after string) (rest []byte, n int, ok bool) {
	p, ok = bytes.CutSuffix(p, []byte(after))
	if !ok {
		return nil, 0, false
	}
	i := len(p)
	for i > 0 && p[i-1] >= '0' && p[i-1] <= '9' {
		i--
	}
	rest, ok = bytes.CutSuffix(p[:i], []byte(before))
	if i == len(p) {
		return nil, 0, false
	}
	n, _ = digits(p[i:])
	return rest, n, ok
}

// head is a frame's envelope.
type head struct {
	kind   string
	last   bool
	time   uint64
	cursor []byte
}

// parseHead takes a frame's envelope apart and returns its changes.
func parseHead(p []byte) (h head, changes []byte, err error) {
	const kind, last, timestamp, cursor = `"kind":"`, `","last":`, `,"timestamp":"`, `","cursor":"`
	i := bytes.Index(p[:min(len(p), 120)], []byte(kind))
	if i < 0 {
		return h, nil, errNoEvent
	}
	p = p[i+len(kind):]
	kindText, p, ok := bytes.Cut(p, []byte(last))
	if !ok {
		return h, nil, errNoEvent
	}
	h.kind, h.last = kindOf(kindText), bytes.HasPrefix(p, []byte("true"))
	_, p, ok = bytes.Cut(p, []byte(timestamp))
	if !ok || h.kind == "" {
		return h, nil, errNoEvent
	}
	n, length := digits(p)
	h.time = uint64(n) //nolint:gosec // not negative
	p, ok = bytes.CutPrefix(p[length:], []byte(cursor))
	end := bytes.IndexByte(p, '"')
	if !ok || end < 0 {
		return h, nil, errNoEvent
	}
	h.cursor = p[:end]
	return h, p[end:], nil
}

// The kinds of frames.
const (
	kindSnapshot = "SNAPSHOT"
	kindLive     = "LIVE"
	kindResumed  = "RESUMED"
	kindReset    = "RESET"
)

// kindOf returns the kind without allocating; empty if there is no such kind.
func kindOf(p []byte) string {
	for _, k := range [...]string{kindLive, kindSnapshot, kindResumed, kindReset} {
		if string(p) == k {
			return k
		}
	}
	return ""
}
