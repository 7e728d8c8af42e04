// Package rig puts the gateway's real binary between a stand-in for Materialize
// and a receiver of webhooks, all on this machine, and looks at it from outside.
//
//	binary, remove, err := rig.Build(ctx)
//	defer remove()
//	r, err := rig.New(ctx, binary, rows)
//	defer r.Close()
//	err = r.Start(ctx, schema, "TRIGGER_SYNC=interval")
//	r.Write(tx)
//	r.Receiver.Count()
//
// A Rig belongs to one goroutine; its Receiver may be asked by all.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/test/gatewaylog"
)

// Table is the source's name.
const Table = "readings"

// Secret is what signs deliveries.
const Secret = "a secret that the receiver knows"

// Rig is one gateway, its database and its receiver.
type Rig struct {
	Sim      *mzsim.Sim
	Receiver *Receiver
	Dead     string // an address that refuses connections
	Hanging  string // one that accepts them, and never answers

	dir      string
	binary   string
	database net.Listener
	hanging  net.Listener
	wg       sync.WaitGroup
	values   []int // of the rows

	env    []string
	cmd    *exec.Cmd
	output *gatewaylog.Log
	addr   string
}

// Build builds the gateway.
func Build(ctx context.Context) (binary string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "tycostream-rig-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	binary = filepath.Join(dir, "tycostream")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/tycostream/tycostream/cmd/tycostream") //nolint:gosec // our own paths
	if text, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build the gateway: %w: %s", err, text)
	}
	return binary, remove, nil
}

// New makes a table of rows whose values are 0.
func New(ctx context.Context, binary string, rows int) (r *Rig, err error) {
	r = &Rig{binary: binary, values: make([]int, rows)}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	if r.dir, err = os.MkdirTemp("", "tycostream-rig-"); err != nil {
		return nil, err
	}
	r.Sim = mzsim.New(mzsim.Options{TickInterval: 20 * time.Millisecond})
	if r.database, err = listen(ctx); err != nil {
		return nil, err
	}
	r.wg.Go(func() { _ = r.Sim.Serve(r.database) })
	if r.hanging, err = listen(ctx); err != nil {
		return nil, err
	}
	r.wg.Go(func() { hang(r.hanging) })
	r.Hanging = "http://" + r.hanging.Addr().String() + "/"
	dead, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	r.Dead = "http://" + dead.Addr().String() + "/"
	if r.Receiver, err = newReceiver(ctx); err != nil {
		return nil, errors.Join(err, dead.Close())
	}
	return r, errors.Join(dead.Close(), r.fill(rows))
}

func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

// hang takes connections and keeps them until the listener is closed.
func hang(l net.Listener) {
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		held = append(held, c)
	}
}

// note makes a row and its payload about as long as real ones.
var note = strings.Repeat("a note ", 20)

func (r *Rig) fill(rows int) error {
	err := r.Sim.CreateTable(Table, mzsim.Columns("id integer not null", "value integer", "note text"), mzsim.ObjectOptions{})
	if err != nil {
		return err
	}
	tx := new(mzsim.Tx)
	for id := range rows {
		tx.Insert(Table, id, 0, note)
	}
	_, err = r.Sim.Write(tx)
	return err
}

// Set gives rows a value, in one transaction.
func (r *Rig) Set(value int, ids ...int) error {
	tx := new(mzsim.Tx)
	for _, id := range ids {
		tx.Delete(Table, id, r.values[id], note).Insert(Table, id, value, note)
		r.values[id] = value
	}
	_, err := r.Sim.Write(tx)
	return err
}

// Start starts the gateway with this text as the triggers of schema.yaml, and
// waits until it listens.
func (r *Rig) Start(ctx context.Context, triggers string, env ...string) error {
	schema := "sources:\n  " + Table + ":\n    primary_key: id\n    columns: {id: Integer, value: Integer, note: String}\n    triggers:\n" + triggers
	if err := os.WriteFile(filepath.Join(r.dir, "schema.yaml"), []byte(schema), 0o600); err != nil {
		return err
	}
	r.env = append([]string{
		"DATABASE_URL=postgres://materialize@" + r.database.Addr().String() + "/materialize?sslmode=disable",
		"LISTEN_HOST=127.0.0.1", "GRAPHQL_PORT=0", "WEBHOOK_SECRET=" + Secret, "TYCOSTREAM_RETRY_MIN=20ms", "TYCOSTREAM_RETRY_MAX=200ms",
	}, env...)
	return r.Again(ctx)
}

// Again starts the gateway once more, in the directory that it had.
func (r *Rig) Again(ctx context.Context) error {
	r.output = &gatewaylog.Log{}
	r.cmd = exec.Command(r.binary, "serve") //nolint:gosec,noctx // our own binary; it ends by Kill
	r.cmd.Dir, r.cmd.Env = r.dir, r.env
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		return err
	}
	return r.Wait(ctx, "the gateway listens", func() error {
		addr := r.output.Address()
		if addr == "" {
			return errors.New(r.output.String())
		}
		r.addr = addr
		return nil
	})
}

// Kill is kill -9.
func (r *Rig) Kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// Close ends everything and removes what it wrote.
func (r *Rig) Close() {
	r.Kill()
	if r.Receiver != nil {
		r.Receiver.close()
	}
	if r.hanging != nil {
		_ = r.hanging.Close()
	}
	if r.Sim != nil {
		r.Sim.Close()
	}
	if r.database != nil {
		_ = r.database.Close()
	}
	r.wg.Wait()
	_ = os.RemoveAll(r.dir)
}

// waitLimit is how long anything may take.
const waitLimit = 3 * time.Minute

// Wait calls check until it returns nil.
func (r *Rig) Wait(ctx context.Context, what string, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), err)
		}
	}
}

// Is waits until a metric, the sum of all its samples, has a value.
func (r *Rig) Is(ctx context.Context, metric string, value int) error {
	return r.Wait(ctx, metric, func() error {
		got, err := r.Metric(ctx, metric)
		if err == nil && int(got) != value {
			err = fmt.Errorf("it is %g, not %d", got, value)
		}
		return err
	})
}

// Metric returns the sum of all samples of a metric.
func (r *Rig) Metric(ctx context.Context, name string) (sum float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == ' ' || rest[0] == '{') {
			v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			if err != nil {
				return 0, err
			}
			sum += v
		}
	}
	return sum, nil
}

// Resident is the gateway's memory as the system sees it, in bytes.
func (r *Rig) Resident(ctx context.Context) (uint64, error) {
	v, err := r.Metric(ctx, "process_resident_memory_bytes")
	return uint64(v), err
}

// CPU is the processor time that the gateway has used, user and system.
func (r *Rig) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int
	for _, i := range []int{11, 12} { // utime, stime; the first two fields are cut off
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// Log is the end of what the gateway wrote.
func (r *Rig) Log() string {
	text := r.output.String()
	return text[max(0, len(text)-2000):]
}
