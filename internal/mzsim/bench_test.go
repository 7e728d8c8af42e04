package mzsim_test

import (
	"io"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// BenchmarkSnapshot reads the snapshot of a large live_pnl over Dial.
func BenchmarkSnapshot(b *testing.B) {
	const rows = 100_000
	sim := mzsim.New(mzsim.Options{Manual: true, World: &mzsim.WorldOptions{Rows: rows, TradesPerInstrument: 1}})
	defer sim.Close()
	conn, err := pgconn.ConnectConfig(b.Context(), &config(b, sim).Config)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	for b.Loop() {
		tag, err := conn.CopyTo(b.Context(), io.Discard, "COPY (SUBSCRIBE live_pnl WITH (PROGRESS) UP TO "+strconv.FormatUint(sim.Upper(), 10)+") TO STDOUT")
		if err != nil || tag.RowsAffected() != rows+1 {
			b.Fatal(tag, err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
