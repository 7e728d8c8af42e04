package mzsim_test

import (
	"context"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/internal/mzsim"
)

func Example() {
	sim := mzsim.New(mzsim.Options{Manual: true})
	defer sim.Close()
	_ = sim.CreateTable("t", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{})
	_, _ = sim.Write(new(mzsim.Tx).Insert("t", 1, "one"))

	ctx := context.Background()
	cfg, _ := pgx.ParseConfig("postgres://materialize@mzsim/materialize")
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return sim.Dial(ctx) }
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	var name string
	err = conn.QueryRow(ctx, "SELECT name FROM t WHERE id = $1", 1).Scan(&name)
	fmt.Println(name, err)
	// Output: one <nil>
}
