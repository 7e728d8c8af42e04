package transport

import "bytes"

// events are server-sent events.
var events = outer{
	kind:   KindSSE,
	media:  typeEvents + "; charset=utf-8",
	first:  ":\n\n", // a comment
	idle:   ":\n\n",
	last:   "event: complete\ndata:\n\n",
	result: appendEvent,
	fatal:  func(dst, errors []byte) []byte { return appendEvent(dst, inErrors(errors)) },
}

// appendEvent appends a result.
func appendEvent(dst, result []byte) []byte { return appendEventOf(dst, nil, result, "") }

// appendEventOf appends a result with what is around it. Results are one line,
// unless a JSON column's text holds line ends.
func appendEventOf(dst, before, result []byte, behind string) []byte {
	dst = append(append(dst, "event: next\ndata: "...), before...)
	for {
		i := bytes.IndexAny(result, "\r\n")
		if i < 0 {
			break
		}
		dst = append(append(dst, result[:i]...), "\ndata: "...)
		result = result[i+1:]
	}
	dst = append(append(dst, result...), behind...)
	return append(dst, "\n\n"...)
}
