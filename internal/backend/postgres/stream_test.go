package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
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

// FuzzStream feeds messages to a stream with one target: whatever they are, it
// must not panic, and every change that it hands over fits the schema.
func FuzzStream(f *testing.F) {
	framed := func(texts ...string) []byte {
		var out []byte
		for _, text := range texts {
			m := unhex(f, text)
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(m))), m...)
		}
		return out
	}
	f.Add(framed(vectorBegin, vectorRelation, vectorInsert, vectorUpdate, vectorUnchanged, vectorKeyUpdate, vectorDelete, vectorCommit))
	f.Add(framed(vectorBegin, vectorRelation, vectorInsert, vectorTruncate, vectorInsert, vectorCommit))
	f.Add(framed(vectorRelation, vectorBegin, vectorDelete, vectorBegin, vectorCommit))
	f.Fuzz(func(t *testing.T, data []byte) {
		sink := &checkingSink{t: t}
		tg := &target{Target: source.Target{Def: &source.Definition{Name: "pnl", Key: []string{"id"}}, Sink: sink}, table: pnlTable()}
		if err := tg.open(); err != nil {
			t.Fatal(err)
		}
		fo := &follow{b: &Backend{}, targets: []*target{tg}, start: 1}
		s := newStream(fo, newWatch(fo))
		for len(data) >= 2 {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			message := append([]byte("w........................"), data[2:2+n]...)
			data = data[2+n:]
			if s.copyData(message) != nil || s.handOver() != nil {
				return
			}
		}
	})
}

func pnlTable() *pgcatalog.Table {
	t := &pgcatalog.Table{Server: &pgcatalog.Server{}, OID: 0x4000, Kind: 'r', Ident: 'd'}
	for _, c := range []struct {
		name string
		typ  uint32
		kind relation.Kind
	}{{"id", 23, relation.Integer}, {"book", 25, relation.String}, {"pv", 1700, relation.Decimal}, {"big", 25, relation.String}} {
		t.Columns = append(t.Columns, pgcatalog.Column{CatalogColumn: source.CatalogColumn{Name: c.name, Kind: c.kind}, Type: c.typ, Large: true})
	}
	return t
}

type checkingSink struct {
	t      *testing.T
	schema *relation.Schema
}

func (s *checkingSink) Open(rel *source.Relation) (*relation.Schema, []int, error) {
	schema, layout, _, err := (&source.Definition{Name: "pnl", Key: []string{"id"}}).Resolve(rel)
	s.schema = schema
	return schema, layout, err
}
func (s *checkingSink) Snapshot([]relation.Row) error      { return nil }
func (s *checkingSink) Live(relation.Frontier, bool) error { return nil }
func (s *checkingSink) Fail(error)                         {}
func (s *checkingSink) Apply(batches []relation.Batch, _ relation.Frontier) error {
	for _, b := range batches {
		for i := range b.Changes {
			if rowOf(&b.Changes[i]).Len() != len(s.schema.Columns) {
				s.t.Fatalf("change %+v", b.Changes[i])
			}
		}
	}
	return nil
}

func TestClock(t *testing.T) {
	const second = 1_000_000
	type step struct {
		do   string
		m    mark
		want int64
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a mark counts once it is passed", []step{
			{"mark", mark{100, 1 * second}, 0},
			{"mark", mark{200, 2 * second}, 0},
			{"passed", mark{150, 0}, 1 * second},
			{"alive", mark{200, 9 * second}, 2 * second},
		}},
		{"a keep-alive's time alone proves nothing", []step{
			{"mark", mark{500, 1 * second}, 0}, {"alive", mark{100, 5 * second}, 0}, {"alive", mark{200, 6 * second}, 0},
		}},
		{"the same position twice, some time apart", []step{
			{"alive", mark{100, 5 * second}, 0},
			{"alive", mark{100, 5*second + 10}, 0},
			{"alive", mark{100, 6 * second}, 5 * second},
			{"alive", mark{100, 7 * second}, 6 * second},
		}},
		{"data in between", []step{{"alive", mark{100, 5 * second}, 0}, {"data", mark{}, 0}, {"alive", mark{100, 6 * second}, 0}}},
		{"an idle log", []step{{"mark", mark{100, 1 * second}, 0}, {"mark", mark{100, 2 * second}, 0}, {"alive", mark{100, 3 * second}, 2 * second}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k clock
			for i, s := range c.steps {
				switch s.do {
				case "mark":
					k.mark(s.m)
				case "passed":
					k.passed(s.m.lsn)
				case "alive":
					k.alive(s.m)
				case "data":
					k.data()
				}
				if k.wall != s.want {
					t.Fatalf("step %d: wall %d instead of %d", i, k.wall, s.want)
				}
			}
		})
	}
	var k clock
	for i := range uint64(marksMax + 10) {
		k.mark(mark{i, int64(i)})
	}
	if len(k.marks) > marksMax {
		t.Fatalf("%d marks", len(k.marks))
	}
}

func TestPendingKeepsOneChangeForEachKey(t *testing.T) {
	schema := &relation.Schema{Columns: []relation.Column{{Name: "id"}, {Name: "v"}}, Key: []int{0}}
	for _, keys := range []int{2, 50} {
		p := pending{schema: schema}
		for round := range 3 {
			for k := range keys {
				p.put(relation.Texts(strconv.Itoa(k), strconv.Itoa(round)))
			}
		}
		p.remove(relation.Texts("1", "other"), true) // not the row that stands
		p.remove(relation.Texts("0", "2"), true)
		if _, live, known := p.current(relation.Texts("0", "")); live || !known {
			t.Fatal("a removed row is live")
		}
		if row, live, _ := p.current(relation.Texts("1", "")); !live || row.Text(1) != "2" {
			t.Fatalf("row %q", row)
		}
		if _, _, known := p.current(relation.Texts("99", "")); known {
			t.Fatal("a row that was never touched is known")
		}
		if got := p.take(); len(got) != keys || len(p.changes) != 0 {
			t.Fatalf("%d changes for %d keys", len(got), keys)
		}
	}
}

// BenchmarkUpdate is one update in a transaction of its own, from message to
// sink.
func BenchmarkUpdate(b *testing.B) {
	sink := &checkingSink{}
	tg := &target{Target: source.Target{Def: &source.Definition{Name: "pnl", Key: []string{"id"}}, Sink: sink}, table: pnlTable()}
	if err := tg.open(); err != nil {
		b.Fatal(err)
	}
	fo := &follow{b: &Backend{}, targets: []*target{tg}, start: 1}
	s := newStream(fo, newWatch(fo))
	message := func(text string) []byte { return append(make([]byte, 25), unhex(b, text)...) }
	messages := [][]byte{message(vectorBegin), message(vectorUpdate), message(vectorCommit)}
	for _, m := range messages {
		m[0] = 'w'
	}
	relation := message(vectorRelation)
	relation[0] = 'w'
	if err := s.copyData(relation); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := uint64(1); b.Loop(); n++ {
		binary.BigEndian.PutUint64(messages[0][26:], n*100)
		binary.BigEndian.PutUint64(messages[2][27:], n*100)
		binary.BigEndian.PutUint64(messages[2][35:], n*100+1)
		for _, m := range messages {
			if err := s.copyData(m); err != nil {
				b.Fatal(err)
			}
		}
	}
}
