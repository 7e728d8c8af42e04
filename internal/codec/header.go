package codec

import (
	"strconv"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// headerOp returns what writes a field that both shapes of frames have.
func headerOp(field string) (op, bool) {
	switch field {
	case "kind":
		return opKind, true
	case "last":
		return opLast, true
	case "timestamp":
		return opTimestamp, true
	case "cursor":
		return opCursor, true
	case "from":
		return opFrom, true
	case "asOf":
		return opAsOf, true
	case "sentAt":
		return opSentAt, true
	case "state":
		return opState, true
	}
	return 0, false
}

// appendHeader appends a field of the frame's header.
func (p *plan) appendHeader(dst []byte, o op, f *feed.Frame) []byte {
	switch o { //nolint:exhaustive // append has the rest
	case opKind:
		return appendWord(dst, f.Kind.String())
	case opLast:
		return strconv.AppendBool(dst, f.Last)
	case opCursor:
		return relation.AppendJSONString(dst, f.Cursor)
	case opFrom:
		if f.From == "" {
			return append(dst, "null"...)
		}
		return relation.AppendJSONString(dst, f.From)
	case opAsOf:
		return appendWall(dst, f.Wall)
	case opSentAt:
		return appendWall(dst, p.now().UnixMicro())
	case opState:
		return appendWord(dst, f.State.String())
	}
	return dst
}

// appendWord appends a constant's name as a string.
func appendWord(dst []byte, word string) []byte {
	dst = append(dst, '"')
	dst = append(dst, word...)
	return append(dst, '"')
}
