package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
)

// secretHeader is where Hasura's clients put the admin secret.
const secretHeader = "X-Hasura-Admin-Secret" //nolint:gosec // a header's name

// CodeDenied is the GraphQL error's extensions.code of an Error.
const CodeDenied = "access-denied"

// Error is a refusal. Text says what to do and reveals nothing.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

// Extensions returns what belongs into the GraphQL error's extensions.
func (e *Error) Extensions() map[string]any { return map[string]any{"code": CodeDenied} }

// Identity is who a caller is.
type Identity struct {
	Admin bool
}

type identityKey struct{}

// WithIdentity returns a context that carries the caller's identity.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// FromContext returns the caller's identity; without one, the caller is
// anonymous.
func FromContext(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey{}).(Identity)
	return id
}

// RequireAdmin returns an *Error unless the caller is an administrator.
func RequireAdmin(ctx context.Context) error {
	if FromContext(ctx).Admin {
		return nil
	}
	return &Error{"this needs the admin secret: send it as `Authorization: Bearer <secret>`, as X-Hasura-Admin-Secret, or in connection_init"}
}

// Guard knows the admin secret.
type Guard struct {
	set  bool
	hash [sha256.Size]byte
}

// New returns a guard; without a secret it lets everybody do everything.
func New(secret string) *Guard {
	return &Guard{set: secret != "", hash: sha256.Sum256([]byte(secret))}
}

// Request returns the identity behind an HTTP request's headers, an *Error
// when they hold a wrong secret.
func (g *Guard) Request(h http.Header) (Identity, error) {
	return g.decide(fromHeader(h))
}

// Init returns the identity behind the payload of connection_init or, when it
// holds no credential, behind the headers of the upgrade. It looks at
//
//	payload.headers.{x-hasura-admin-secret, Authorization}
//	payload.{x-hasura-admin-secret, Authorization}
//	payload.authToken, payload.token
//
// with names in any case.
func (g *Guard) Init(payload json.RawMessage, upgrade http.Header) (Identity, error) {
	if !g.set {
		return Identity{Admin: true}, nil
	}
	if c, ok := fromPayload(payload); ok {
		return g.decide(c, true)
	}
	return g.decide(fromHeader(upgrade))
}

func (g *Guard) decide(credential string, present bool) (Identity, error) {
	switch {
	case !g.set:
		return Identity{Admin: true}, nil
	case !present:
		return Identity{}, nil
	}
	got := sha256.Sum256([]byte(credential)) // equal lengths, so that the comparison is constant in time
	if subtle.ConstantTimeCompare(got[:], g.hash[:]) != 1 {
		return Identity{}, &Error{"the admin secret is wrong"}
	}
	return Identity{Admin: true}, nil
}

func fromHeader(h http.Header) (string, bool) {
	if s := h.Get(secretHeader); s != "" {
		return s, true
	}
	return bearer(h.Get("Authorization"))
}

// bearer returns a bearer token. Other schemes belong to a proxy before us.
func bearer(value string) (string, bool) {
	scheme, token, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.TrimSpace(token)
	return token, token != ""
}

func fromPayload(payload json.RawMessage) (string, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil {
		return "", false
	}
	fields = lower(fields)
	var headers map[string]json.RawMessage
	if json.Unmarshal(fields["headers"], &headers) == nil {
		if c, ok := named(lower(headers), strings.ToLower(secretHeader), "authorization"); ok {
			return c, true
		}
	}
	return named(fields, strings.ToLower(secretHeader), "authorization", "authtoken", "token")
}

// named returns the first of the names that holds a credential, with or
// without the word Bearer before it.
func named(fields map[string]json.RawMessage, names ...string) (string, bool) {
	for _, name := range names {
		var s string
		if json.Unmarshal(fields[name], &s) != nil || s == "" {
			continue
		}
		if token, ok := bearer(s); ok {
			return token, true
		}
		if name == "authorization" && strings.Contains(s, " ") {
			continue // another scheme
		}
		return s, true
	}
	return "", false
}

func lower(fields map[string]json.RawMessage) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(fields))
	for k, v := range fields {
		out[strings.ToLower(k)] = v
	}
	return out
}
