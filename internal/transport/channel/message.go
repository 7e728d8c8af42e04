package channel

import "github.com/tycostream/tycostream/internal/transport/jsontext"

// The types of clients' messages.
const (
	Subscribe   = "subscribe"
	Unsubscribe = "unsubscribe"
	Ping        = "ping"
	Pong        = "pong" // the gateway's too
)

// The types of the gateway's messages.
const (
	Subscribed   = "subscribed"   // every change from here on is told
	Unsubscribed = "unsubscribed" // nothing more comes
	Snapshot     = "snapshot"     // the INSERTs before it are all rows
	Reset        = "reset"        // forget the rows: INSERTs of all and a snapshot follow
)

// Request is a client's message. What it does not name is ignored: front ends
// send more to other gateways.
type Request struct {
	Type     string         `json:"type"`
	Channel  string         `json:"channel"`
	Snapshot bool           `json:"snapshot"` // begin with the rows there are
	Where    map[string]any `json:"where"`    // rows that match only; nil: all
}

// Parse reads a client's message. With an error it returns what could be read.
func Parse(text []byte) (Request, error) {
	var r Request
	err := jsontext.Decode(text, &r)
	return r, err
}

// Message returns a message that says nothing but its type and, unless that is
// empty, the channel.
func Message(kind, channel string) []byte {
	return append(about(kind, channel), '}')
}

// Problem returns an error message. code is for programs, as in GraphQL's
// extensions.
func Problem(channel, code, text string) []byte {
	dst := append(about("error", channel), `,"message":`...)
	dst = append(jsontext.Append(dst, text), `,"code":`...)
	return append(jsontext.Append(dst, code), '}')
}

// longest is what is repeated of a channel's name: nobody has to send back what
// cannot be one.
const longest = 256

func about(kind, channel string) []byte {
	dst := append(append([]byte(`{"type":"`), kind...), '"')
	if channel == "" || len(channel) > longest {
		return dst
	}
	return jsontext.Append(append(dst, `,"channel":`...), channel)
}
