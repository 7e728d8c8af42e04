// Package mzsim is an in-process stand-in for Materialize: a server that
// speaks enough of the PostgreSQL protocol and of Materialize's SQL, SUBSCRIBE
// above all, for pgx and psql to work against it, over any net.Conn.
//
//	sim := mzsim.New(mzsim.Options{World: &mzsim.WorldOptions{Rows: 1000, Rate: 500}})
//	defer sim.Close()
//	cfg, _ := pgconn.ParseConfig("postgres://materialize@mzsim/materialize")
//	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
//	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return sim.Dial(ctx) }
//	conn, err := pgconn.ConnectConfig(ctx, cfg)
//
// Behind it stands either a world of instruments, trades and prices that moves
// by itself (package world), or whatever collections a test creates and writes
// through the embedded [store.Store]:
//
//	sim := mzsim.New(mzsim.Options{Manual: true})
//	sim.CreateTable("t", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{})
//	sim.Write(new(mzsim.Tx).Insert("t", 1, "one"))
//	sim.Tick()
//
// Time moves with every write and every tick. Without Options.Manual a
// goroutine ticks each TickInterval; it and all time-outs use the time
// package, so everything works in a testing/synctest bubble.
//
// [Faults] breaks things on purpose: cut, stall, split and garbled streams,
// restarts, lost history, dropped views, keys that are not unique, and every
// error that a SUBSCRIBE can end with.
//
// What is left out: binary COPY, ENVELOPE DEBEZIUM and WITHIN TIMESTAMP (both
// private previews upstream), binary lists and maps, DML and DDL over SQL.
//
// A Sim is safe for concurrent use. Each connection has two goroutines; a
// client that does not read blocks only its own connection. Close ends every
// goroutine before it returns.
package mzsim
