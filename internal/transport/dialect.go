package transport

import (
	"encoding/json"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

// encode returns a message of either sub-protocol.
func encode(kind, id string, payload json.RawMessage) []byte {
	dst := []byte{'{'}
	if id != "" {
		dst = append(append(append(dst, `"id":`...), jsontext.Append(nil, id)...), ',')
	}
	dst = append(append(append(dst, `"type":"`...), kind...), '"')
	if len(payload) > 0 {
		dst = append(append(dst, `,"payload":`...), payload...)
	}
	return append(dst, '}')
}

// prefix is what goes before a result; a closing brace goes behind.
func (s *session) prefix(id string) []byte {
	kind := "next"
	if s.kind == KindLegacy {
		kind = "data"
	}
	quoted := jsontext.Append(nil, id)
	dst := make([]byte, 0, len(quoted)+len(`{"id":,"type":"next","payload":`))
	dst = append(append(dst, `{"id":`...), quoted...)
	dst = append(append(dst, `,"type":"`...), kind...)
	return append(dst, `","payload":`...)
}

// errorMessage ends an operation. The payload is a list; in the legacy
// protocol one object, which lists all errors if there are more.
func (s *session) errorMessage(id string, errs ...*gqlerror.Error) []byte {
	var payload any = errs
	if s.kind == KindLegacy {
		if payload = errs[0]; len(errs) > 1 {
			payload = struct {
				*gqlerror.Error
				Errors []*gqlerror.Error `json:"errors"`
			}{errs[0], errs}
		}
	}
	return encode("error", id, jsontext.Append(nil, payload))
}
