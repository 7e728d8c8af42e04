// Package sign signs webhooks as Standard Webhooks 1.0 has it, with shared
// secrets (v1, HMAC-SHA256).
//
// A secret with the prefix whsec_ is base64 behind it, as the specification
// wants, and holds 24 to 64 bytes. Any other text is used as its raw bytes and
// must have at least 16: so does the reference library when it is given raw
// bytes, and so do receivers of services that never heard of the prefix.
//
// # Concurrency
//
// A [Key] never changes after [Parse] and may be shared.
package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed webhook.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

const (
	prefix   = "whsec_"
	minBytes = 24
	maxBytes = 64
	minPlain = 16
)

// Errors of Parse. They never contain the secret.
var (
	ErrEncoding = errors.New("the webhook secret is not base64 behind whsec_")
	ErrLength   = errors.New("the webhook secret must hold 24 to 64 bytes behind whsec_, or be a plain text of at least 16")
)

// Key is a parsed secret.
type Key struct{ raw []byte }

// Parse reads a secret.
func Parse(secret string) (Key, error) {
	enc, ok := strings.CutPrefix(secret, prefix)
	if !ok {
		if len(secret) < minPlain {
			return Key{}, ErrLength
		}
		return Key{[]byte(secret)}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(enc); err != nil {
			return Key{}, ErrEncoding
		}
	}
	if len(raw) < minBytes || len(raw) > maxBytes {
		return Key{}, ErrLength
	}
	return Key{raw}, nil
}

// String hides the secret from logs.
func (Key) String() string { return "whsec_***" }

// GoString hides it from %#v.
func (Key) GoString() string { return "sign.Key{***}" }

// Timestamp returns the text of the timestamp header.
func Timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// Signature returns the text of the signature header: one signature per key,
// so that receivers accept either secret while it is being replaced. at is the
// time of the attempt, id the same for all attempts.
func Signature(keys []Key, id string, at time.Time, body []byte) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		h := hmac.New(sha256.New, k.raw)
		h.Write([]byte(id + "." + Timestamp(at) + "."))
		h.Write(body)
		list[i] = "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return strings.Join(list, " ")
}
