package subscribe_test

import (
	"encoding/binary"
	"testing"

	"github.com/tycostream/tycostream/internal/mzsim/catalog"
	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/settings"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/mzsim/subscribe"
	"github.com/tycostream/tycostream/internal/mzsim/wire"
	"github.com/tycostream/tycostream/internal/relation"
)

func prepare(t *testing.T, sql string) *subscribe.Plan {
	t.Helper()
	s := store.New(nil)
	if err := s.CreateTable("t", store.Columns("a text", "b text", "c text"), store.Options{}); err != nil {
		t.Fatal(err)
	}
	v := &catalog.View{Store: s, Server: &catalog.Server{}, Settings: settings.New()}
	stmts, err := sqlparse.Parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	p, err := subscribe.Prepare(v, eval.New(v.Env(nil)), stmts[0].(*sqlparse.Subscribe)) //nolint:forcetypeassert // a test
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzEvent checks that the hot path writes exactly what the plain one does.
func FuzzEvent(f *testing.F) {
	f.Add("a", "b\\", "", true, false, false, uint64(5), int64(1))
	f.Add("\t\n\r\b", "\\N", "x", false, true, true, uint64(store.MaxTime), int64(-3))
	f.Fuzz(func(t *testing.T, a, b, c string, progress, keyOnly, null bool, at uint64, diff int64) {
		row := relation.Texts(a, b, c)
		if null {
			row = relation.Cells(&a, nil, &c)
		}
		for _, tail := range []string{"", " WITH (PROGRESS)", " ENVELOPE UPSERT (KEY (c, a))", " WITH (PROGRESS) ENVELOPE UPSERT (KEY (b))"} {
			p := prepare(t, "SUBSCRIBE t"+tail)
			e := subscribe.Event{Time: at, Diff: diff, Row: row, KeyOnly: keyOnly}
			if len(tail) > 20 {
				e.State = "upsert"
			}
			if progress && len(p.Output()) > 5 || progress && tail == " WITH (PROGRESS)" {
				e = subscribe.Event{Time: at, Progress: true}
			}
			msg := p.AppendEvent([]byte("before"), e)[6:]
			want := wire.AppendLine(nil, p.Cells(e))
			if msg[0] != 'd' || int(binary.BigEndian.Uint32(msg[1:])) != len(msg)-1 || string(msg[5:]) != string(want) {
				t.Fatalf("%q, not %q", msg, want)
			}
			if n := len(p.Cells(e)); n != len(p.Output()) {
				t.Fatalf("%d cells for %d columns", n, len(p.Output()))
			}
		}
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	p := prepare(&testing.T{}, "SUBSCRIBE t WITH (PROGRESS)")
	e := subscribe.Event{Time: 1_700_000_000_000, Diff: 1, Row: relation.Texts("1234", "some text of a row", "12345.678")}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = p.AppendEvent(buf[:0], e)
	}
}
