package transport

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The media types of answers.
const (
	typeJSON      = "application/json"
	typeResponse  = "application/graphql-response+json"
	typeEvents    = "text/event-stream"
	typeMultipart = "multipart/mixed"
	typeParts     = typeMultipart + `;subscriptionSpec="` + subscriptionSpec + `"`
)

// accepted is a parsed Accept header.
type accepted []acceptRange

type acceptRange struct {
	media  string
	params map[string]string
	q      float64
}

// maxAccept bounds what is read of a header that anybody can send.
const maxAccept = 32

func parseAccept(values []string) accepted {
	var a accepted
	for _, v := range values {
		for part := range splitOutsideQuotes(v) {
			media, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			q := 1.0
			if text, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
					continue
				}
			}
			if a = append(a, acceptRange{media, params, q}); len(a) == maxAccept {
				return a
			}
		}
	}
	return a
}

// splitOutsideQuotes splits at commas; subscriptionSpec="1.0, x" is one part.
func splitOutsideQuotes(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := range len(s) {
			switch s[i] {
			case '"':
				quoted = !quoted
			case ',':
				if !quoted {
					if !yield(s[start:i]) {
						return
					}
					start = i + 1
				}
			}
		}
		yield(s[start:])
	}
}

// quality returns how much the header wants a type; named says that wild
// cards do not count.
func (a accepted) quality(media string, named bool) float64 {
	best, rank := 0.0, 0
	group, _, _ := strings.Cut(media, "/")
	for _, r := range a {
		this := 0
		switch r.media {
		case media:
			this = 3
		case group + "/*":
			this = 2
		case "*/*":
			this = 1
		}
		if named && this != 3 || this == 0 || this < rank {
			continue
		}
		if this > rank || r.q > best {
			best, rank = r.q, this
		}
	}
	return best
}

// stream returns the form of stream that the header likes best, the first one
// of equals, nil if it names none.
func (a accepted) stream() *outer {
	var best *outer
	q := 0.0
	for _, r := range a {
		if r.q <= q {
			continue
		}
		switch {
		case r.media == typeEvents:
			best, q = &events, r.q
		case r.media == typeMultipart && r.params["subscriptionspec"] == subscriptionSpec:
			best, q = &multipart, r.q
		}
	}
	return best
}

// format is how a request wants to be answered.
type format struct {
	media  string // typeJSON or typeResponse; empty: neither is wanted
	stream *outer // for subscriptions; nil: none is wanted
}

// formatOf decides by the Accept header. Who names application/json only, or
// nothing, predates application/graphql-response+json and its status codes.
func formatOf(r *http.Request) format {
	a := parseAccept(r.Header.Values("Accept"))
	if len(a) == 0 {
		return format{media: typeJSON}
	}
	f := format{stream: a.stream()}
	response, plain := a.quality(typeResponse, true), a.quality(typeJSON, false)
	switch {
	case response > 0 && response >= plain:
		f.media = typeResponse
	case plain > 0:
		f.media = typeJSON
	}
	return f
}

// strict says whether status codes tell about GraphQL errors.
func (f format) strict() bool { return f.media == typeResponse }
