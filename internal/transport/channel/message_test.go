package channel_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/transport/channel"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       channel.Request
		wrong      string
	}{
		{"subscribe", `{"type":"subscribe","channel":"live_pnl"}`, channel.Request{Type: "subscribe", Channel: "live_pnl"}, ""},
		{
			"all of it", ` {"type":"subscribe","channel":"é","snapshot":true,"where":{"a":{"_eq":9007199254740993}}} `,
			channel.Request{Type: "subscribe", Channel: "é", Snapshot: true, Where: map[string]any{"a": map[string]any{"_eq": json.Number("9007199254740993")}}},
			"",
		},
		{"null is absent", `{"type":"ping","channel":null,"snapshot":null,"where":null}`, channel.Request{Type: "ping"}, ""},
		{"what others take", `{"type":"subscribe","channel":"c","token":"x","id":7}`, channel.Request{Type: "subscribe", Channel: "c"}, ""},
		{"a mistake in one field", `{"type":"subscribe","where":7,"channel":"c"}`, channel.Request{Type: "subscribe", Channel: "c"}, "where must be an object, not a JSON number"},
		{"nothing", ``, channel.Request{}, "the JSON text ends too early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := channel.Parse([]byte(c.text))
			if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
				t.Errorf("got %+v, %v; want %+v, %s", got, err, c.want, c.wrong)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 257)
	for got, want := range map[string]string{
		string(channel.Message(channel.Pong, "")):         `{"type":"pong"}`,
		string(channel.Message(channel.Subscribed, `"<`)): `{"type":"subscribed","channel":"\"<"}`,
		string(channel.Problem("", "CODE", "say <this>")): `{"type":"error","message":"say <this>","code":"CODE"}`,
		string(channel.Problem("c", "CODE", "no")):        `{"type":"error","channel":"c","message":"no","code":"CODE"}`,
		string(channel.Problem(long, "CODE", "no")):       `{"type":"error","message":"no","code":"CODE"}`,
		string(channel.Problem(long[1:], "C", "")):        `{"type":"error","channel":"` + long[1:] + `","message":"","code":"C"}`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzParse reads anything. What is read says the same when it is written and
// read again, and the answers to it are JSON.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"subscribe","channel":"live_pnl","snapshot":true,"where":{"_or":[{"a":{"_in":[1e999,null]}}]}}`))
	f.Add([]byte(`{"TYPE":"ping","channel":"\ud800\u0000"}`))
	f.Add([]byte("{\"type\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := channel.Parse(text)
		for _, answer := range [][]byte{channel.Message(channel.Subscribed, r.Channel), channel.Problem(r.Channel, "C", "text "+r.Type)} {
			if !utf8.Valid(answer) || !json.Valid(answer) {
				t.Errorf("%q is answered by %q", text, answer)
			}
		}
		if err != nil {
			return
		}
		written, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := channel.Parse(written)
		if err != nil || again.Type != r.Type || again.Channel != r.Channel || again.Snapshot != r.Snapshot || len(again.Where) != len(r.Where) {
			t.Errorf("%q: %+v, then %+v %v", text, r, again, err)
		}
	})
}
