package jsontext_test

import (
	"encoding/json"
	"testing"

	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

type message struct {
	Type   string         `json:"type"`
	Where  map[string]any `json:"where"`
	Eager  bool           `json:"eager"`
	Nested *message       `json:"nested"`
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", ``, "the JSON text ends too early"},
		{"half", `{"type":`, "the JSON text ends too early"},
		{"junk", `{"type"=1}`, "not JSON: invalid character '=' after object key at byte 8"},
		{"more", `{} {}`, "something follows the JSON value"},
		{"a list", `[]`, "not a JSON object"},
		{"text", `{"type":1}`, "type must be a string, not a JSON number"},
		{"object", `{"where":[]}`, "where must be an object, not a JSON array"},
		{"boolean", `{"eager":"yes"}`, "eager must be true or false, not a JSON string"},
		{"inner", `{"nested":{"eager":1}}`, "nested.eager must be true or false, not a JSON number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m message
			if err := jsontext.Decode([]byte(c.text), &m); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	var m message
	if err := jsontext.Decode([]byte(` {"where":{"a":9007199254740993},"type":"t"} `), &m); err != nil {
		t.Fatal(err)
	}
	if m.Where["a"] != json.Number("9007199254740993") || m.Type != "t" {
		t.Errorf("%+v", m)
	}
	m = message{}
	if err := jsontext.Decode([]byte(`{"eager":1,"type":"t"}`), &m); err == nil || m.Type != "t" {
		t.Errorf("%v %+v", err, m)
	}
}

func TestAppend(t *testing.T) {
	if got := string(jsontext.Append([]byte("x"), "<a&b>\n")); got != `x"<a&b>\n"` {
		t.Error(got)
	}
	if got := string(jsontext.Append(nil, func() {})); got != "null" {
		t.Error(got)
	}
}
