package wsframe

import (
	"encoding/binary"
	"unicode/utf8"
)

// Opcode is the kind of a frame.
type Opcode byte

// The opcodes of RFC 6455.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// MaxHeader is the longest header of an unmasked frame.
const MaxHeader = 10

// maxControl is the longest payload of a control frame, maxReason the longest
// reason text of a close frame.
const (
	maxControl = 125
	maxReason  = maxControl - 2
)

const (
	finBit  = 0x80
	rsvBits = 0x70
	opBits  = 0x0f
	maskBit = 0x80
	len16   = 126
	len64   = 127
)

func (op Opcode) control() bool { return op&0x8 != 0 }

// AppendHeader appends the header of a whole, unmasked frame whose payload has
// n bytes. The caller appends the payload.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finBit|byte(op), 0, n)
}

func appendHeader(dst []byte, first, mask byte, n int) []byte {
	switch {
	case n < len16:
		return append(dst, first, mask|byte(n)) //nolint:gosec // below 126
	case n < 1<<16:
		return append(dst, first, mask|len16, byte(n>>8), byte(n)) //nolint:gosec // the two halves
	default:
		dst = append(dst, first, mask|len64)
		return binary.BigEndian.AppendUint64(dst, uint64(n))
	}
}

// Append appends a whole, unmasked frame.
func Append(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendText appends an unmasked text frame whose payload is the three parts
// one after the other.
func AppendText(dst, prefix, payload []byte, suffix string) []byte {
	dst = AppendHeader(dst, Text, len(prefix)+len(payload)+len(suffix))
	dst = append(dst, prefix...)
	dst = append(dst, payload...)
	return append(dst, suffix...)
}

// AppendMasked appends a whole frame as a client sends it. Set fin to false
// for a message's fragments but the last.
func AppendMasked(dst []byte, fin bool, op Opcode, key [4]byte, payload []byte) []byte {
	first := byte(op)
	if fin {
		first |= finBit
	}
	dst = appendHeader(dst, first, maskBit, len(payload))
	dst = append(dst, key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	mask(dst[at:], key, 0)
	return dst
}

// AppendClose appends a close frame. The reason is cut to the 123 bytes that
// fit, at a character's border. A code of 0 makes a frame without payload.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == 0 {
		return AppendHeader(dst, Close, 0)
	}
	if len(reason) > maxReason {
		reason = reason[:maxReason]
		for len(reason) > 0 && !utf8.ValidString(reason) {
			reason = reason[:len(reason)-1]
		}
	}
	dst = AppendHeader(dst, Close, 2+len(reason))
	dst = append(dst, byte(code>>8), byte(code)) //nolint:gosec // the two halves
	return append(dst, reason...)
}

// mask XORs p with the key as if p stood at offset at of the payload.
func mask(p []byte, key [4]byte, at int) {
	if at&3 != 0 {
		key = [4]byte{key[at&3], key[(at+1)&3], key[(at+2)&3], key[(at+3)&3]}
	}
	k32 := binary.LittleEndian.Uint32(key[:])
	k64 := uint64(k32)<<32 | uint64(k32)
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k64)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
}
