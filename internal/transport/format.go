package transport

import (
	"net/http"

	"github.com/tycostream/tycostream/internal/transport/accept"
)

// The media types of answers.
const (
	typeJSON      = "application/json"
	typeResponse  = "application/graphql-response+json"
	typeEvents    = "text/event-stream"
	typeMultipart = "multipart/mixed"
	typeParts     = typeMultipart + `;subscriptionSpec="` + subscriptionSpec + `"`
)

// wantedStream returns the form of stream that the header likes best, the first
// one of equals, nil if it names none.
func wantedStream(a accept.Ranges) *outer {
	var best *outer
	q := 0.0
	for _, r := range a {
		if r.Q <= q {
			continue
		}
		switch {
		case r.Media == typeEvents:
			best, q = &events, r.Q
		case r.Media == typeMultipart && r.Params["subscriptionspec"] == subscriptionSpec:
			best, q = &multipart, r.Q
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
	a := accept.Parse(r.Header.Values("Accept"))
	if len(a) == 0 {
		return format{media: typeJSON}
	}
	f := format{stream: wantedStream(a)}
	response, plain := a.Quality(typeResponse, true), a.Quality(typeJSON, false)
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
