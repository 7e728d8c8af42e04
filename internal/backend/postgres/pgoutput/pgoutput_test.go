package pgoutput

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Messages as a PostgreSQL 15 sent them; table pnl(id int primary key, book
// text, pv numeric(12,2), big text).
const (
	vectorRelation  = "52 00004000 7075626c696300 706e6c00 64 0004 01 696400 00000017 ffffffff 00 626f6f6b00 00000019 ffffffff 00 707600 000006a4 000c0006 00 62696700 00000019 ffffffff"
	vectorInsert    = "49 00004000 4e 0004 74 00000001 31 74 00000001 78 74 00000004 312e3530 6e"
	vectorUpdate    = "55 00004000 4e 0004 74 00000001 31 74 00000001 78 74 00000004 322e3030 6e"
	vectorKeyUpdate = "55 00004000 4b 0004 74 00000001 32 6e 6e 6e 4e 0004 74 00000001 39 74 00000001 79 74 00000005 2d332e3030 74 00000001 7a"
	vectorDelete    = "44 00004000 4b 0004 74 00000001 39 6e 6e 6e"
	vectorUnchanged = "55 00004000 4e 0004 74 00000001 31 74 00000001 78 74 00000004 372e3030 75"
	vectorTruncate  = "54 00000001 00 00004000"
	vectorBegin     = "42 0000000001534ca0 0002a5f0c1b2d3e4 000002dc"
	vectorCommit    = "43 00 0000000001534ca0 0000000001534cd0 0002a5f0c1b2d3e4"
)

func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestDecodeVectors(t *testing.T) {
	r, err := DecodeRelation(unhex(t, vectorRelation)[1:])
	want := Relation{
		OID: 0x4000, Schema: "public", Name: "pnl", Identity: 'd',
		Columns: []Column{{true, "id", 23}, {false, "book", 25}, {false, "pv", 1700}, {false, "big", 25}},
	}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Fatalf("relation %+v, %v", r, err)
	}
	b, err := DecodeBegin(unhex(t, vectorBegin)[1:])
	if err != nil || b.LSN != 0x1534ca0 || b.Wall != 0x2a5f0c1b2d3e4+Epoch {
		t.Fatalf("begin %+v, %v", b, err)
	}
	c, err := DecodeCommit(unhex(t, vectorCommit)[1:])
	if err != nil || c.LSN != 0x1534ca0 || c.End != 0x1534cd0 {
		t.Fatalf("commit %+v, %v", c, err)
	}
	oids, err := DecodeTruncate(unhex(t, vectorTruncate)[1:])
	if err != nil || !reflect.DeepEqual(oids, []uint32{0x4000}) {
		t.Fatalf("truncate %v, %v", oids, err)
	}
	var m Row
	for _, v := range []struct{ name, text, old, new string }{
		{"insert", vectorInsert, "", "1 x 1.50 n"},
		{"update", vectorUpdate, "", "1 x 2.00 n"},
		{"key update", vectorKeyUpdate, "K: 2 n n n", "9 y -3.00 z"},
		{"delete", vectorDelete, "K: 9 n n n", ""},
		{"unchanged", vectorUnchanged, "", "1 x 7.00 u"},
	} {
		data := unhex(t, v.text)
		if err := m.Decode(data[0], data[1:]); err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		old := show(m.Old)
		if m.OldKind != 0 {
			old = string(m.OldKind) + ": " + old
		}
		if m.OID != 0x4000 || old != v.old || show(m.New) != v.new {
			t.Errorf("%s: old %q, new %q", v.name, old, show(m.New))
		}
	}
}

func show(tuple []Field) string {
	cells := make([]string, len(tuple))
	for i, f := range tuple {
		if cells[i] = string(f.Text); f.Kind != FieldText {
			cells[i] = string(f.Kind)
		}
	}
	return strings.Join(cells, " ")
}

// Every message cut short, and every one with a byte changed, is an error or
// another message, never a panic.
func TestDecodeDamaged(t *testing.T) {
	for _, v := range []string{vectorRelation, vectorInsert, vectorUpdate, vectorKeyUpdate, vectorDelete, vectorUnchanged, vectorTruncate, vectorBegin, vectorCommit} {
		whole := unhex(t, v)
		for n := 1; n < len(whole); n++ {
			if err := decodeAny(whole[:n]); !errors.Is(err, ErrMessage) {
				t.Fatalf("%x cut at %d: %v", whole, n, err)
			}
		}
	}
}

func decodeAny(data []byte) (err error) {
	var m Row
	switch data[0] {
	case MsgBegin:
		_, err = DecodeBegin(data[1:])
	case MsgCommit:
		_, err = DecodeCommit(data[1:])
	case MsgRelation:
		_, err = DecodeRelation(data[1:])
	case MsgTruncate:
		_, err = DecodeTruncate(data[1:])
	case MsgInsert, MsgUpdate, MsgDelete:
		err = m.Decode(data[0], data[1:])
	}
	return err
}

// FuzzDecode reads any message: an error or a result, never a panic, and no
// field reaches outside the message.
func FuzzDecode(f *testing.F) {
	for _, v := range []string{vectorRelation, vectorInsert, vectorUpdate, vectorKeyUpdate, vectorDelete, vectorUnchanged, vectorTruncate, vectorBegin, vectorCommit} {
		f.Add(unhex(f, v))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		if err := decodeAny(data); err != nil && !errors.Is(err, ErrMessage) {
			t.Fatal(err)
		}
		var m Row
		if m.Decode(data[0], data[1:]) != nil {
			return
		}
		sum := 0
		for _, f := range append(m.Old, m.New...) {
			sum += len(f.Text)
		}
		if sum > len(data) {
			t.Fatalf("%d bytes of fields in a message of %d", sum, len(data))
		}
	})
}
