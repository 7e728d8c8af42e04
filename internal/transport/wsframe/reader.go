package wsframe

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// bufferSize is what an idle connection keeps for reading. Most client
// messages fit; longer ones are read straight into their own memory.
const bufferSize = 512

// The close codes of RFC 6455 that a reader's errors carry.
const (
	CodeProtocol = 1002
	CodeUTF8     = 1007
	CodeTooBig   = 1009
)

// CodeNone stands for a close frame without a code. It is never sent.
const CodeNone = 1005

// ProtocolError is a frame that breaks the rules. Code and Text are meant for
// the close frame.
type ProtocolError struct {
	Code int
	Text string
}

func (e *ProtocolError) Error() string { return e.Text }

// Message is a whole data message or a control frame. Payload is valid until
// the next call of Next.
type Message struct {
	Op      Opcode
	Payload []byte
}

// Reader reads a client's messages.
type Reader struct {
	src   io.Reader
	limit int

	// The frame that is being read: head says that its header is known, got
	// counts the payload bytes that have arrived.
	head   bool
	fin    bool
	op     Opcode
	key    [4]byte
	length int
	got    int

	// The message that its data frames make up.
	inside bool // a fragmented message has begun
	kind   Opcode
	data   []byte

	ctl  []byte // payload of a control frame, at most 125 bytes
	r, w int
	buf  [bufferSize]byte
}

// NewReader returns a reader of src whose messages have at most limit bytes.
func NewReader(src io.Reader, limit int) *Reader {
	return &Reader{src: src, limit: limit}
}

// Next returns the next message. A time-out of the source is returned as it
// is, and Next may be called again; any other error is final. What breaks the
// protocol is a *ProtocolError.
func (r *Reader) Next() (Message, error) {
	if !r.inside && !r.head {
		r.data = nil // the last message is the caller's no more; an idle connection keeps nothing
	}
	for {
		if !r.head {
			if err := r.readHeader(); err != nil {
				return Message{}, err
			}
		}
		if err := r.readPayload(); err != nil {
			return Message{}, err
		}
		r.head = false
		if r.op.control() {
			return Message{Op: r.op, Payload: r.ctl}, nil
		}
		r.inside = !r.fin
		if r.fin {
			return r.message()
		}
	}
}

func (r *Reader) message() (Message, error) {
	if r.kind == Text && !utf8.Valid(r.data) {
		return Message{}, &ProtocolError{CodeUTF8, "text message is not valid UTF-8"}
	}
	return Message{Op: r.kind, Payload: r.data}, nil
}

// readHeader reads a frame's header and checks all that it says.
func (r *Reader) readHeader() error {
	if err := r.need(2); err != nil {
		return err
	}
	b0, b1 := r.buf[r.r], r.buf[r.r+1]
	size := 2
	switch b1 &^ maskBit {
	case len16:
		size += 2
	case len64:
		size += 8
	}
	if b1&maskBit == 0 {
		return &ProtocolError{CodeProtocol, "client frame is not masked"}
	}
	size += 4
	if err := r.need(size); err != nil {
		return err
	}
	h := r.buf[r.r : r.r+size]
	n := uint64(b1 &^ maskBit)
	switch n {
	case len16:
		n = uint64(binary.BigEndian.Uint16(h[2:]))
	case len64:
		n = binary.BigEndian.Uint64(h[2:])
	}
	if err := r.check(b0, n); err != nil {
		return err
	}
	r.key = [4]byte(h[size-4:])
	r.r += size
	r.head, r.fin, r.op, r.length, r.got = true, b0&finBit != 0, Opcode(b0&opBits), int(n), 0 //nolint:gosec // check has bounded n
	switch {
	case r.op.control():
		r.ctl = r.ctl[:0]
	case r.op != Continuation:
		r.kind, r.data = r.op, r.data[:0]
	}
	return nil
}

func (r *Reader) check(b0 byte, n uint64) error {
	op, fin := Opcode(b0&opBits), b0&finBit != 0
	bad := func(text string) error { return &ProtocolError{CodeProtocol, text} }
	switch {
	case b0&rsvBits != 0:
		return bad("reserved bits are set")
	case op == Close || op == Ping || op == Pong:
		if n > maxControl {
			return bad("control frame is longer than 125 bytes")
		}
		if !fin {
			return bad("control frame is fragmented")
		}
		return nil
	case op == Continuation:
		if !r.inside {
			return bad("continuation without a message")
		}
	case op == Text || op == Binary:
		if r.inside {
			return bad("message begins inside another")
		}
	default:
		return bad(fmt.Sprintf("unknown opcode %d", op))
	}
	have := 0
	if r.inside {
		have = len(r.data)
	}
	if n > uint64(r.limit-have) { //nolint:gosec // have never exceeds the limit
		return &ProtocolError{CodeTooBig, fmt.Sprintf("message is longer than %d bytes", r.limit)}
	}
	return nil
}

// readPayload reads the rest of the frame's payload.
func (r *Reader) readPayload() error {
	dst := &r.data
	if r.op.control() {
		dst = &r.ctl
	}
	for r.got < r.length {
		rest := r.length - r.got
		if r.r == r.w && rest >= bufferSize {
			if err := r.readDirect(dst, rest); err != nil {
				return err
			}
			continue
		}
		if r.r == r.w {
			if err := r.fill(); err != nil {
				return err
			}
		}
		n := min(rest, r.w-r.r)
		r.take(dst, r.buf[r.r:r.r+n])
		r.r += n
	}
	return nil
}

// readDirect reads into the message itself. It grows by what has arrived, not
// by what the header announced.
func (r *Reader) readDirect(dst *[]byte, rest int) error {
	d := slices.Grow(*dst, min(rest, max(bufferSize, len(*dst))))
	n, err := r.src.Read(d[len(d):min(cap(d), len(d)+rest)])
	if n > 0 {
		at := len(d)
		d = d[:at+n]
		mask(d[at:], r.key, r.got)
		r.got += n
	}
	*dst = d
	if n > 0 {
		return nil // an error will come again
	}
	return ended(n, err)
}

func (r *Reader) take(dst *[]byte, p []byte) {
	at := len(*dst)
	*dst = append(*dst, p...)
	mask((*dst)[at:], r.key, r.got)
	r.got += len(p)
}

// need makes n bytes available in the buffer.
func (r *Reader) need(n int) error {
	for r.w-r.r < n {
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) fill() error {
	if r.r > 0 {
		r.w = copy(r.buf[:], r.buf[r.r:r.w])
		r.r = 0
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	return ended(n, err)
}

func ended(n int, err error) error {
	if n == 0 && err == nil {
		return io.ErrNoProgress
	}
	return err
}

// ParseClose splits a close frame's payload.
func ParseClose(payload []byte) (code int, reason string, err error) {
	switch {
	case len(payload) == 0:
		return CodeNone, "", nil
	case len(payload) == 1:
		return 0, "", &ProtocolError{CodeProtocol, "close frame with half a code"}
	}
	code = int(binary.BigEndian.Uint16(payload))
	if !validCode(code) {
		return 0, "", &ProtocolError{CodeProtocol, fmt.Sprintf("close code %d", code)}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", &ProtocolError{CodeUTF8, "close reason is not valid UTF-8"}
	}
	return code, string(payload[2:]), nil
}

// validCode says whether a peer may send the code.
func validCode(code int) bool {
	switch {
	case code >= 3000 && code < 5000:
		return true
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	}
	return false
}
