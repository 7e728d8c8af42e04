package store

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

func FuzzToken(f *testing.F) {
	for _, key := range []string{"", "a", `["a",1]`, "x.y >*\n", strings.Repeat("long ", 400), "\xff"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		tok, hashed := token(key)
		if tok == "" || strings.ContainsAny(tok, ".*> \r\n\t") || len(tok) > 2000 {
			t.Fatalf("%q is no token", tok)
		}
		back, ok := untoken(tok)
		if ok == hashed || ok && back != key {
			t.Fatalf("%q came back as %q, %t", key, back, ok)
		}
		once, trig, got, err := parseSubject(subject(hashed, "t-1", tok))
		if err != nil || once != hashed || trig != "t-1" || got != tok {
			t.Fatalf("subject of %q: %t %q %q %v", key, once, trig, got, err)
		}
	})
}

func FuzzSubject(f *testing.F) {
	f.Add("row.t.kYQ")
	f.Add("once.t.hx")
	f.Add("row..")
	f.Fuzz(func(t *testing.T, text string) {
		once, trig, tok, err := parseSubject(text)
		if err == nil && subject(once, trig, tok) != text {
			t.Fatalf("%q came back as %q", text, subject(once, trig, tok))
		}
	})
}

var sampleAttempts = webhook.Attempts{Count: 3, Last: time.Unix(0, 5), Next: time.Unix(9, 0), Status: 503, Excerpt: "busy"}

// What is decoded is encoded to the same meaning again, and nothing panics.
func FuzzRecords(f *testing.F) {
	r := record{kind: webhook.Fire, time: time.Unix(1, 2), id: "id", key: "key", state: []byte("s"), body: []byte("{}")}
	m := mark{done: 7, doneSum: 1, head: 9, headSum: 2, attempts: sampleAttempts}
	f.Add(r.encode(nil))
	f.Add((&record{silent: true, resent: true}).encode(nil))
	f.Add(m.encode())
	f.Add(encodeDead("key", sampleAttempts, &r))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRecord(b); err == nil {
			again, err := decodeRecord(r.encode(nil))
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Fatalf("record %+v came back as %+v, %v", r, again, err)
			}
		}
		if m, err := decodeMark(b); err == nil {
			if again, err := decodeMark(m.encode()); err != nil || again != m {
				t.Fatalf("mark %+v came back as %+v, %v", m, again, err)
			}
		}
		if key, a, r, err := decodeDead(b); err == nil {
			key2, a2, _, err := decodeDead(encodeDead(key, a, &r))
			if err != nil || key != key2 || a != a2 {
				t.Fatalf("dead letter came back as %q %+v, %v", key2, a2, err)
			}
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	for name, r := range map[string]record{
		"fire":   {kind: webhook.Fire, time: time.Unix(1, 2), id: "id", state: []byte("s"), body: []byte("{}")},
		"silent": {silent: true, time: time.Unix(0, 0), state: []byte("s"), body: []byte{}},
		"resent": {kind: webhook.Clear, resent: true, time: time.Unix(-1, 0), id: "é", key: "k", state: []byte{}, body: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			b := r.encode(nil)
			got, err := decodeRecord(b)
			if err != nil || got.kind != r.kind || got.silent != r.silent || got.resent != r.resent || !got.time.Equal(r.time) || got.id != r.id || got.key != r.key || !bytes.Equal(got.state, r.state) || !bytes.Equal(got.body, r.body) {
				t.Errorf("%+v, %v; want %+v", got, err, r)
			}
			b[0]++
			if _, err := decodeRecord(b); err == nil {
				t.Error("a record of another version is read")
			}
		})
	}
}

// A mark counts only where it names a message that is there: sequences may be
// used again after a loss of power.
func TestMarkOfAnotherMessage(t *testing.T) {
	fire := record{kind: webhook.Fire, id: "new", state: []byte("s")}
	for _, c := range []struct {
		name    string
		m       mark
		pending int
		tries   int
	}{
		{"no mark", mark{}, 2, 0},
		{"done", mark{done: 5, doneSum: sum("new")}, 1, 0},
		{"done, the last", mark{done: 6, doneSum: sum("new")}, 0, 0},
		{"sequence of another id", mark{done: 5, doneSum: sum("old")}, 2, 0},
		{"a sequence that is not there", mark{done: 9, doneSum: sum("new")}, 2, 0},
		{"attempts", mark{head: 5, headSum: sum("new"), attempts: sampleAttempts}, 2, 3},
		{"attempts of another", mark{head: 5, headSum: sum("old"), attempts: sampleAttempts}, 2, 0},
		{"attempts of what is done", mark{done: 5, doneSum: sum("new"), head: 5, headSum: sum("new"), attempts: sampleAttempts}, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Store{triggers: map[string]*trigger{}, wakeSweeper: make(chan struct{}, 1)}
			r := recovery{s: s, marks: map[string]mark{"mark.row.t.kYQ": c.m}}
			for seq := uint64(5); seq <= 6; seq++ {
				if err := r.take("row.t.kYQ", seq, fire.encode(nil)); err != nil {
					t.Fatal(err)
				}
			}
			l := s.findLocked(false, "t", "kYQ")
			r.settle()
			tries := 0
			if len(l.pending) > 0 {
				tries = l.attemptsOf(l.pending[0]).Count
			}
			if len(l.pending) != c.pending || l.trig.pending != c.pending || tries != c.tries {
				t.Errorf("%d pending (%d counted), %d tries; want %d, %d", len(l.pending), l.trig.pending, tries, c.pending, c.tries)
			}
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10_000)
	for seq := range uint64(5000) {
		c.put(webhook.Delivery{Seq: seq, Body: make([]byte, 100)})
		if seq%3 == 0 {
			c.drop(seq)
		}
		if c.size > 10_000 || len(c.bySeq) > 25 || len(c.order) > 2*25+1025 {
			t.Fatalf("%d bytes, %d entries, %d in order", c.size, len(c.bySeq), len(c.order))
		}
	}
	for seq := range uint64(5000) {
		c.drop(seq)
	}
	if c.size != 0 {
		t.Errorf("%d bytes in an empty cache", c.size)
	}
}
