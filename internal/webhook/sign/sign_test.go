package sign_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/tycostream/tycostream/internal/webhook/sign"
)

func secret(seed byte, n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{seed}, n))
}

func key(t *testing.T, text string) sign.Key {
	t.Helper()
	k, err := sign.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func headers(keys []sign.Key, id string, at time.Time, body []byte) http.Header {
	h := http.Header{}
	h.Set(sign.HeaderID, id)
	h.Set(sign.HeaderTimestamp, sign.Timestamp(at))
	h.Set(sign.HeaderSignature, sign.Signature(keys, id, at, body))
	return h
}

// The reference library is the judge.
func TestReferenceLibraryVerifies(t *testing.T) {
	body := []byte(`{"event_id":"e1","data":{"name":"Ünal"}}`)
	old, current := secret(1, 24), secret(2, 64)
	const plain = "a plain text of some length"
	for _, c := range []struct {
		name     string
		keys     []string
		verifier func() (*reference.Webhook, error)
		body     []byte
		ok       bool
	}{
		{"one secret", []string{current}, func() (*reference.Webhook, error) { return reference.NewWebhook(current) }, body, true},
		{"rotation, receiver has the old one", []string{current, old}, func() (*reference.Webhook, error) { return reference.NewWebhook(old) }, body, true},
		{"rotation, receiver has the new one", []string{current, old}, func() (*reference.Webhook, error) { return reference.NewWebhook(current) }, body, true},
		{"plain", []string{plain}, func() (*reference.Webhook, error) { return reference.NewWebhookRaw([]byte(plain)) }, body, true},
		{"empty body", []string{current}, func() (*reference.Webhook, error) { return reference.NewWebhook(current) }, nil, true},
		{"another secret", []string{current}, func() (*reference.Webhook, error) { return reference.NewWebhook(old) }, body, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := c.verifier()
			if err != nil {
				t.Fatal(err)
			}
			var keys []sign.Key
			for _, text := range c.keys {
				keys = append(keys, key(t, text))
			}
			h := headers(keys, "msg_1", time.Now(), c.body)
			if err := v.Verify(c.body, h); (err == nil) != c.ok {
				t.Errorf("verify: %v, want ok %t", err, c.ok)
			}
			if err := v.Verify(append([]byte(" "), c.body...), h); err == nil {
				t.Error("an altered body is verified")
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"shortest", secret(1, 24), nil},
		{"longest", secret(1, 64), nil},
		{"unpadded", strings.TrimRight(secret(1, 25), "="), nil},
		{"too short", secret(1, 23), sign.ErrLength},
		{"too long", secret(1, 65), sign.ErrLength},
		{"not base64", "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", sign.ErrEncoding},
		{"plain", "0123456789abcdef", nil},
		{"short plain", "0123456789abcde", sign.ErrLength},
		{"empty", "", sign.ErrLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := sign.Parse(c.text)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				if shown := fmt.Sprintf(verb, k); strings.Contains(shown, "0123456789") || strings.Contains(shown, "48 49") {
					t.Errorf("%s shows the secret: %s", verb, shown)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(secret(1, 24))
	f.Add("plain text that is long enough")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := sign.Parse(text)
		if err != nil {
			return
		}
		if got := sign.Signature([]sign.Key{k}, "id", time.Unix(1, 0), nil); !strings.HasPrefix(got, "v1,") {
			t.Errorf("signature %q", got)
		}
	})
}
