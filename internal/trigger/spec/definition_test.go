package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/webhook"
)

func TestDefinitionDocument(t *testing.T) {
	d := &Definition{
		Source: "s", Name: "n", Webhook: "https://example.com", Fire: `{"a":1}`, Clear: `{"b":2}`, Snapshot: true,
		For: Duration(90 * time.Second), Cooldown: Duration(time.Hour), Fields: []string{"x"},
		Header: map[string]string{"A": "b"}, Secrets: []Secret{"whsec_1"}, Timeout: 3, Delays: []Duration{1, 2},
		Paused: true, Stopped: "410", Origin: API, Generation: "g", Created: time.Unix(5, 0).UTC(),
	}
	if v := reflect.ValueOf(*d); true {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the test says nothing of %s", v.Type().Field(i).Name)
			}
		}
	}
	got, err := Decode(d.Encode())
	if err != nil || !reflect.DeepEqual(got, d) || !reflect.DeepEqual(d.Clone(), d) {
		t.Errorf("%+v, %v\nwant %+v", got, err, d)
	}
	if !strings.Contains(string(d.Encode()), `"for":"1m30s"`) {
		t.Errorf("%s", d.Encode())
	}
	for _, bad := range []string{"", "{}", "[]", `{"version":2,"source":"s","name":"n","generation":"g"}`, `{"version":1,"name":"n"}`, `{"version":1,"for":"x"}`} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a definition", bad)
		}
	}
	other := d.Clone()
	other.Generation = "h"
	if other.ID() == d.ID() || len(d.ID()) != 20 {
		t.Errorf("ids %s and %s", d.ID(), other.ID())
	}
	other.Header["A"] = "c"
	if d.Header["A"] != "b" {
		t.Error("a clone shares its headers")
	}
}

func FuzzDecodeDefinition(f *testing.F) {
	f.Add([]byte(`{"version":1,"source":"s","name":"n","generation":"g","for":"5s","header":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := Decode(doc)
		if err != nil {
			return
		}
		again, err := Decode(d.Encode())
		if err != nil || again.ID() != d.ID() || again.Watched() != d.Watched() {
			t.Errorf("%s: %v", doc, err)
		}
	})
}

func TestConditionsDecideWhatStays(t *testing.T) {
	base := Definition{Fire: "f", Clear: "c", For: 5}
	for _, c := range []struct {
		name          string
		change        func(*Definition)
		same, watched bool
	}{
		{"webhook", func(d *Definition) { d.Webhook = "x" }, true, true},
		{"secrets", func(d *Definition) { d.Secrets = []Secret{"x"} }, true, true},
		{"cooldown", func(d *Definition) { d.Cooldown = 1 }, true, false},
		{"fields", func(d *Definition) { d.Fields = []string{"x"} }, true, false},
		{"pause", func(d *Definition) { d.Paused = true }, true, false},
		{"fire", func(d *Definition) { d.Fire = "g" }, false, false},
		{"clear", func(d *Definition) { d.Clear = "" }, false, false},
		{"for", func(d *Definition) { d.For = 6 }, false, false},
	} {
		d := base
		c.change(&d)
		if (d.Mark() == base.Mark()) != c.same || (d.Watched() == base.Watched()) != c.watched {
			t.Errorf("%s: conditions or what is watched", c.name)
		}
	}
}

func TestEventID(t *testing.T) {
	id := EventID("trigger", "key", webhook.Fire, 7, 8)
	if id != EventID("trigger", "key", webhook.Fire, 7, 8) {
		t.Error("the same transition has another id")
	}
	if len(id) != 36 || id[14] != '5' || !strings.ContainsRune("89ab", rune(id[19])) {
		t.Errorf("%s is no UUID of version 5", id)
	}
	for i, other := range []string{
		EventID("trigger2", "key", webhook.Fire, 7, 8), EventID("trigger", "key2", webhook.Fire, 7, 8),
		EventID("trigger", "key", webhook.Clear, 7, 8), EventID("trigger", "key", webhook.Fire, 7, 9),
		EventID("trigger", "key", webhook.Fire, 8, 8),
	} {
		if other == id {
			t.Errorf("another transition, %d, has the same id", i)
		}
	}
	if r := RandomID(); len(r) != 36 || r[14] != '4' || r == RandomID() {
		t.Errorf("%s is no random UUID", r)
	}
}

func TestKeyRow(t *testing.T) {
	s := &relation.Schema{
		Columns: []relation.Column{
			{Name: "a", Field: "a"},
			{Name: "n", Field: "n", Kind: relation.Integer},
			{Name: "x", Field: "x"},
			{Name: "b", Field: "b", Kind: relation.Boolean},
			{Name: "d", Field: "d", Kind: relation.Decimal},
		},
		Key: []int{3, 1, 0, 4},
	}
	for _, texts := range [][]string{{"", "1", "x", "t", "1.5"}, {`q"\` + "\n", "-7", "x", "f", "2"}, {"ü\u2028", "0", "", "t", "NaN"}} {
		r := relation.Texts(texts...)
		got, err := KeyRow(s, string(s.AppendKey(nil, r)))
		if err != nil || got != s.KeyRow(r) {
			t.Errorf("%q: %q, %v", texts, got, err)
		}
	}
	single := &relation.Schema{Columns: s.Columns, Key: []int{2}}
	if got, err := KeyRow(single, "[1"); err != nil || got.Text(2) != "[1" || !got.Null(0) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "[]", "[true,1,\"x\"]", `[true,1,2,"1"]`, "{}"} {
		if _, err := KeyRow(s, bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

func FuzzKeyRow(f *testing.F) {
	s := &relation.Schema{Columns: []relation.Column{{Kind: relation.Boolean}, {Kind: relation.Integer}, {}}, Key: []int{0, 1, 2}}
	f.Add(`[true,1,"x"]`)
	f.Add(`[null,null,null]`)
	f.Fuzz(func(_ *testing.T, key string) { _, _ = KeyRow(s, key) })
}

func secret(name string) string { return "a secret named " + name }

func TestDeclare(t *testing.T) {
	in, mistakes := Declare("big", map[string]any{
		"webhook": "https://example.com", "fire": map[string]any{"v": map[string]any{"_gt": json.Number("1")}},
		"clear": map[string]any{"v": map[string]any{"_lt": json.Number("0.5")}}, "snapshot": true, "for": "30s", "cooldown": "5m",
		"fields": []any{"id", "v"}, "headers": map[string]any{"X-N": json.Number("5"), "X-T": "risk"},
		"secrets": []any{secret("b"), secret("c")}, "secret": secret("a"), "timeout": "5s", "delays": []any{"5s", "1m"}, "paused": true,
	})
	want := Input{
		Name: "big", Webhook: "https://example.com", Fire: map[string]any{"v": map[string]any{"_gt": json.Number("1")}},
		Clear: map[string]any{"v": map[string]any{"_lt": json.Number("0.5")}}, Snapshot: true, For: 30 * time.Second,
		Cooldown: 5 * time.Minute, Fields: []string{"id", "v"}, Header: map[string]string{"X-N": "5", "X-T": "risk"},
		Secrets: []string{secret("a"), secret("b"), secret("c")}, Timeout: 5 * time.Second, Delays: []time.Duration{5 * time.Second, time.Minute}, Paused: true,
	}
	if len(mistakes) > 0 || !reflect.DeepEqual(in, want) {
		t.Errorf("%+v %v\nwant %+v", in, mistakes, want)
	}
	hook, fire := "https://example.com", map[string]any{"v": map[string]any{"_gt": 1}}
	for _, c := range []struct {
		name, want string
		node       map[string]any
	}{
		{"nothing", "[] a trigger needs a webhook, an address such as https://example.com/hook; [] a trigger needs fire, a condition such as {column: {_gt: 1}}", nil},
		{"unknown key", `[wehbook] unknown key "wehbook" in a trigger; there are webhook, `, map[string]any{"webhook": hook, "fire": fire, "wehbook": "x"}},
		{"bad URL", "[webhook] webhook: it names no host", map[string]any{"webhook": "http://", "fire": fire}},
		{"fire is text", "[fire] fire must be a condition such as", map[string]any{"webhook": hook, "fire": "v > 1"}},
		{"span", "[for] for must be a duration such as 30s or 5m", map[string]any{"webhook": hook, "fire": fire, "for": json.Number("30")}},
		{"negative", "[cooldown] cooldown: -1s is not between 0 and a year", map[string]any{"webhook": hook, "fire": fire, "cooldown": "-1s"}},
		{"in a list", "[delays 1] delays must be a duration", map[string]any{"webhook": hook, "fire": fire, "delays": []any{"1s", nil}}},
		{"empty list", "[fields] fields is an empty list", map[string]any{"webhook": hook, "fire": fire, "fields": []any{}}},
		{"null field", "[fields 0] a field must be a text", map[string]any{"webhook": hook, "fire": fire, "fields": []any{nil}}},
		{"flag", "[paused] paused must be true or false", map[string]any{"webhook": hook, "fire": fire, "paused": "maybe"}},
		{"headers", "[headers] headers must hold names and values", map[string]any{"webhook": hook, "fire": fire, "headers": []any{"x"}}},
		{"secret", "[secret] secret: the webhook secret must hold", map[string]any{"webhook": hook, "fire": fire, "secret": "hunter2"}},
		{"secrets", "[secrets 1] secrets: the webhook secret is not base64", map[string]any{"webhook": hook, "fire": fire, "secrets": []any{secret("a"), "whsec_%"}}},
		{"timeout", "[timeout] timeout: 6m0s is not between 100ms and 5m0s", map[string]any{"webhook": hook, "fire": fire, "timeout": "6m"}},
		{"header", "[headers] headers: Host is set by the gateway itself", map[string]any{"webhook": hook, "fire": fire, "headers": map[string]any{"Host": "x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, mistakes := Declare("big", c.node)
			var got []string
			for _, m := range mistakes {
				got = append(got, fmt.Sprint(m.Path, " ", m.Text))
			}
			if text := strings.Join(got, "; "); !strings.HasPrefix(text, c.want) {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

func TestPayloadUnderOtherNames(t *testing.T) {
	s := &relation.Schema{
		Columns: []relation.Column{
			{Name: "id", Field: "id", Kind: relation.Integer},
			{Name: "v", Field: "value", Kind: relation.Decimal},
			{Name: "s", Field: "side"},
		},
		Key: []int{0},
	}
	p, err := newPayload(codec.Shape{Schema: s, StringScalars: true}, "n", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := string(p.Body("i", webhook.Clear, time.Date(2026, 1, 2, 4, 4, 5, 678_900_000, time.FixedZone("", 3600)), relation.Texts("1", "2.50", "x\ny")))
	want := `{"event_id":"i","event_type":"CLEAR","trigger_name":"n","timestamp":"2026-01-02T03:04:05.678Z","data":{"id":1,"value":"2.50","side":"x\ny"}}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
