package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

// session is a GraphQL WebSocket of either sub-protocol.
type session struct {
	*peer
	exec   graphql.GraphExecutor
	header http.Header // of the upgrade, until connection_init
	acked  bool        // the reading goroutine's own

	ops operations
}

// clientMessage is what a client sends.
type clientMessage struct {
	ID      *string         `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// run reads until the connection ends.
func (s *session) run() {
	ctx, cancel := context.WithCancel(context.Background())
	s.Arm(s.h.opts.InitTimeout)
	id := auth.Identity{}
	for {
		text, ok := s.Read(s.expired, s.shut)
		if !ok {
			break
		}
		s.message(auth.WithIdentity(ctx, id), text, &id)
	}
	cancel()
	s.abort()
	s.ops.end()
	s.h.release(s, s.kind, s.Code())
}

// expired runs at the clock's tick and says whether it did all there is to do.
func (s *session) expired() bool {
	if s.acked {
		return false
	}
	s.shut(codeInitTimeout, "Connection initialisation timeout")
	return true
}

// shut closes the connection politely. Operations end at once.
func (s *session) shut(code int, reason string) {
	if s.Shut(code, reason) {
		s.ops.stopAll()
	}
}

// message handles one message. The dialects differ in the names of types and
// in what they make of mistakes.
func (s *session) message(ctx context.Context, text []byte, id *auth.Identity) {
	var m clientMessage
	if err := jsontext.Decode(text, &m); err != nil {
		s.shut(codeBadMessage, "Invalid message received: "+err.Error())
		return
	}
	if s.kind == KindLegacy {
		s.legacyMessage(ctx, &m, id)
		return
	}
	switch m.Type {
	case "connection_init":
		s.init(&m, id)
	case "ping":
		s.Send(encode("pong", "", m.Payload))
	case "pong":
	case "subscribe":
		s.subscribe(ctx, &m)
	case "complete":
		s.complete(&m)
	case "":
		s.shut(codeBadMessage, "Invalid message received: it has no type")
	default:
		s.shut(codeBadMessage, "Invalid message received: unknown type "+m.Type)
	}
}

// legacyMessage handles the messages of subscriptions-transport-ws.
func (s *session) legacyMessage(ctx context.Context, m *clientMessage, id *auth.Identity) {
	switch m.Type {
	case "connection_init":
		s.init(m, id)
	case "start":
		s.subscribe(ctx, m)
	case "stop":
		if s.complete(m) {
			s.Send(encode("complete", *m.ID, nil))
		}
	case "connection_terminate":
		s.shut(codeNormal, "")
	default:
		s.shut(codeBadMessage, "Invalid message received: unknown type "+m.Type)
	}
}

func (s *session) init(m *clientMessage, id *auth.Identity) {
	if s.acked {
		s.shut(codeTooManyInits, "Too many initialisation requests")
		return
	}
	if !objectOrNull(m.Payload) {
		s.shut(codeBadMessage, "Invalid message received: the payload of connection_init must be an object")
		return
	}
	who, err := s.h.opts.Guard.Init(m.Payload, s.header)
	if err != nil {
		if s.kind == KindLegacy {
			s.Send(encode("connection_error", "", jsontext.Append(nil, coded(auth.CodeDenied, err.Error()))))
		}
		s.shut(codeForbidden, "Forbidden: "+err.Error())
		return
	}
	*id, s.acked, s.header = who, true, nil
	s.Send(encode("connection_ack", "", nil))
	if s.kind == KindLegacy {
		s.Send(keepAlive)
	}
	s.Arm(s.h.opts.PingInterval)
}

// keepAlive is the legacy protocol's ping.
var keepAlive = []byte(`{"type":"ka"}`)

func objectOrNull(raw json.RawMessage) bool {
	return len(raw) == 0 || raw[0] == '{' || string(raw) == "null"
}

// complete ends an operation for the client. Unknown ids are ignored: the
// operation may just have ended by itself.
func (s *session) complete(m *clientMessage) (found bool) {
	if m.ID == nil {
		s.shut(codeBadMessage, "Invalid message received: "+m.Type+" needs an id")
		return false
	}
	return s.ops.stop(*m.ID)
}

// subscribe starts an operation in a goroutine of its own, which a live
// subscription leaves as soon as its cursor is open.
func (s *session) subscribe(ctx context.Context, m *clientMessage) {
	if !s.acked {
		s.shut(codeUnauthorized, "Unauthorized: send connection_init first")
		return
	}
	if m.ID == nil || *m.ID == "" {
		s.shut(codeBadMessage, "Invalid message received: "+m.Type+" needs an id")
		return
	}
	params, err := decodeParams(m.Payload)
	if err != nil {
		s.malformed(*m.ID, err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	op := &operation{id: *m.ID, cancel: cancel}
	err = s.ops.start(op, s.h.opts.Operations, func() { s.execute(ctx, op, params) })
	switch {
	case err == nil:
		return
	case errors.Is(err, errDuplicate) && s.kind == KindWS:
		s.shut(codeDuplicate, "Subscriber for "+*m.ID+" already exists")
	default:
		s.Send(s.errorMessage(*m.ID, coded(codeBusy, err.Error())))
	}
	cancel()
}

func decodeParams(payload json.RawMessage) (*graphql.RawParams, error) {
	var r request
	if len(payload) == 0 || payload[0] != '{' {
		return nil, errors.New("the payload must be an object")
	}
	if err := jsontext.Decode(payload, &r); err != nil {
		return nil, err
	}
	return r.params()
}

// malformed answers a payload that is no GraphQL request.
func (s *session) malformed(id string, err error) {
	if s.kind == KindLegacy {
		s.Send(s.errorMessage(id, coded(codeBadRequest, err.Error())))
		return
	}
	s.shut(codeBadMessage, "Invalid message received: "+err.Error())
}

// execute runs an operation to its end, or until its cursor is open.
func (s *session) execute(ctx context.Context, op *operation, params *graphql.RawParams) {
	defer op.cancel()
	p, refused := s.h.prepare(ctx, s.exec, params)
	if len(refused) > 0 {
		if s.ops.remove(op) {
			s.Send(s.errorMessage(op.id, refused...))
		}
		return
	}
	l, next := s.h.dispatch(ctx, p)
	if l.open != nil {
		s.follow(op, l)
		return
	}
	prefix := s.prefix(op.id)
	for resp := next(); resp != nil && ctx.Err() == nil; resp = next() {
		s.Send(append(appendResponse(slices.Clone(prefix), resp, false), '}'))
		s.h.stats.sent(s.kind, 1, 0) // the socket counts the bytes
	}
	if s.ops.remove(op) {
		s.Send(encode("complete", op.id, nil))
	}
}

// follow hands a live subscription over to the delivery workers.
func (s *session) follow(op *operation, l live) {
	done := s.h.stats.subscribed(l.source, l.kind)
	stream := s.NewStream(delivery.Envelope{Prefix: s.prefix(op.id), Suffix: "}"}, func(err error) []byte {
		if !s.ops.remove(op) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return encode("complete", op.id, nil)
		}
		return s.errorMessage(op.id, s.h.subscriptionError(err))
	})
	s.ops.carry(op, stream)
	stream.Attach(&counted{l.open(stream.Wake), done})
}

// counted tells when a source is closed.
type counted struct {
	delivery.Source
	done func()
}

func (c *counted) Close() {
	c.Source.Close()
	c.done()
}
