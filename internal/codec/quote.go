package codec

import (
	"slices"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/relation"
)

// quoteTail turns dst[start:] into a JSON string literal, in place where it
// can. JSON text, which holds no control bytes, always can.
func quoteTail(dst []byte, start int) []byte {
	extra := 2
	for _, b := range dst[start:] {
		switch {
		case b < ' ':
			return relation.AppendJSONString(dst[:start], string(dst[start:]))
		case b == '"', b == '\\':
			extra++
		}
	}
	if !utf8.Valid(dst[start:]) {
		return relation.AppendJSONString(dst[:start], string(dst[start:]))
	}
	from := len(dst) - 1
	dst = slices.Grow(dst, extra)[:len(dst)+extra]
	to := len(dst) - 1
	dst[to] = '"'
	to--
	for ; from >= start; from-- {
		b := dst[from]
		dst[to] = b
		to--
		if b == '"' || b == '\\' {
			dst[to] = '\\'
			to--
		}
	}
	dst[start] = '"'
	return dst
}
