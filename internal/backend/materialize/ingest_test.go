package materialize

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// into is the shortest sink in front of a feed.
type into struct{ *feed.Feed }

func (s into) Open(*source.Relation) (*relation.Schema, []int, error) {
	layout := make([]int, len(s.Schema().Columns))
	for i := range layout {
		layout[i] = i
	}
	return s.Schema(), layout, nil
}

func (s into) Snapshot(rows []relation.Row) error { return s.Load(rows) }

func (s into) Live(f relation.Frontier, _ bool) error { return s.Commit(f) }

func (into) Fail(error) {}

// framed packs each line of COPY data into a message, as Materialize does.
func framed(b *testing.B, dst []byte, format string, args ...any) []byte {
	b.Helper()
	dst, err := (&pgproto3.CopyData{Data: fmt.Appendf(nil, format, args...)}).Encode(dst)
	if err != nil {
		b.Fatal(err)
	}
	return dst
}

// BenchmarkIngest takes a snapshot, or updates, over TCP into a feed: what the
// gateway does from the socket to indexed rows. The sender shares the
// machine's cores.
func BenchmarkIngest(b *testing.B) {
	const (
		nulls = "\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N"
		row   = "%d\tf\t%d\t%d\tSYM%d\t1200\t%d.25\t224700\t180.5\t8100\n"
	)
	for _, keys := range []int{10_000, 1_000_000} {
		snapshot := framed(b, nil, "5\tt\t%s\n", nulls)
		for k := range keys {
			snapshot = framed(b, snapshot, row, 5, 1, k, k, 0)
		}
		snapshot = framed(b, snapshot, "6\tt\t%s\n", nulls)
		b.Run(fmt.Sprintf("snapshot/keys=%d", keys), func(b *testing.B) { ingest(b, keys, snapshot) })
		// 500,000 updates, a minus and a plus each, 1,000 to a time.
		updates := snapshot
		const n = 500_000
		for i := range n {
			k := i * 7919 % keys
			if i%1000 == 0 {
				updates = framed(b, updates, "%d\tt\t%s\n", 10+i/1000, nulls)
			}
			round := i / keys
			updates = framed(b, updates, row, 10+i/1000, -1, k, k, round)
			updates = framed(b, updates, row, 10+i/1000, 1, k, k, round+1)
		}
		updates = framed(b, updates, "%d\tt\t%s\n", 100_000, nulls)
		b.Run(fmt.Sprintf("snapshot_and_updates/keys=%d", keys), func(b *testing.B) { ingest(b, keys+2*n, updates) })
	}
}

// ingest measures Follow over a server that sends data, rows rows, and hangs up.
func ingest(b *testing.B, rows int, data []byte) {
	b.Helper()
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p := &peer{Backend: pgproto3.NewBackend(c, c), t: &testing.T{}, net: c}
			p.start()
			p.catalog("u1", "a text", "b text", "c text", "d text", "e text", "f text", "g text")
			p.query()
			p.out(7 + progressColumns)
			_, _ = c.Write(data)
			_ = c.Close()
		}
	}()
	back, err := New(Config{
		ConnString: "host=bench user=u database=materialize sslmode=disable",
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f := feed.New(keyed(7), feed.Config{})
		err := back.Follow(b.Context(), []source.Target{{Def: def(), Sink: into{f}}})
		if e, ok := errors.AsType[*source.Error](err); !ok || e.Class != source.Retry || f.Status().Rows == 0 {
			b.Fatal(err)
		}
		f.Close()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
