package backend_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/backend"
	"github.com/tycostream/tycostream/internal/testpg"
)

var pool testpg.Pool

func TestMain(m *testing.M) { os.Exit(pool.Run(m)) }

func TestRecognizePostgres(t *testing.T) {
	config, err := pgconn.ParseConfig(pool.Database(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := backend.Recognize(t.Context(), config)
	if err != nil || engine != backend.Postgres {
		t.Fatalf("%q, %v", engine, err)
	}
	config.Database = "nowhere"
	if engine, err = backend.Recognize(t.Context(), config); err == nil {
		t.Fatalf("recognized %q where there is nothing", engine)
	}
}
