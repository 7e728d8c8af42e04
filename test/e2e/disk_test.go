//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/relation"
)

// disk is where a gateway keeps its triggers, and how to fill it.
type disk struct {
	dir   string
	full  func(g *gateway, yes bool)
	stays bool // full for another process
}

// TestDiskFull: on a full disk what waits is delivered and subscriptions go on;
// nothing new is told, and the log, a metric and mutations say so. When there is
// room again the gateway goes on by itself and tells what happened, once.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		diskFull(t, disk{dir: t.TempDir(), full: limitFiles})
	})
	t.Run("tmpfs", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("only root may mount; the other test limits the size of files instead")
		}
		diskFull(t, smallDisk(t))
	})
}

// limitFiles has every write to a file fail.
func limitFiles(g *gateway, yes bool) {
	g.t.Helper()
	g.mu.Lock()
	pid := g.cmd.Process.Pid
	g.mu.Unlock()
	limit := syscall.Rlimit{Cur: 0, Max: ^uint64(0)}
	if !yes {
		limit.Cur = limit.Max
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		g.t.Fatal(errno)
	}
}

// smallDisk mounts a small file system; filling it leaves not one byte.
func smallDisk(t *testing.T) disk {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	return disk{dir: filepath.Join(dir, "data"), stays: true, full: func(_ *gateway, yes bool) {
		t.Helper()
		if !yes {
			must[any](t)(nil, os.Remove(ballast))
			return
		}
		f := must[*os.File](t)(os.Create(ballast))
		defer f.Close()
		for _, size := range []int{1 << 20, 4 << 10, 1} {
			for err := error(nil); err == nil; {
				_, err = f.Write(make([]byte, size))
				if err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				}
			}
		}
	}}
}

// desk is a table of positions by id, of which all have a value.
type desk struct {
	t    *testing.T
	sim  *mzsim.Sim
	rows map[int]int
}

func newDesk(t *testing.T) (d *desk, setting string) {
	t.Helper()
	sim, setting := stand(t, mzsim.Options{})
	must[any](t)(nil, sim.CreateTable("book", mzsim.Columns("id integer not null", "pnl integer"), mzsim.ObjectOptions{}))
	d = &desk{t: t, sim: sim, rows: map[int]int{}}
	tx := new(mzsim.Tx)
	for id := range 5 {
		tx.Insert("book", id, 0)
		d.rows[id] = 0
	}
	must[uint64](t)(sim.Write(tx))
	return d, setting
}

func (d *desk) set(id, pnl int) {
	d.t.Helper()
	row := func(v int) relation.Row { return relation.Texts(strconv.Itoa(id), strconv.Itoa(v)) }
	must[uint64](d.t)(d.sim.Write(new(mzsim.Tx).Update("book", row(d.rows[id]), row(pnl))))
	d.rows[id] = pnl
}

func diskFull(t *testing.T, k disk) {
	t.Helper()
	d, setting := newDesk(t)
	r := record(t)
	schema := strings.Replace(bookSchema(r.URL), "clear: {pnl: {_lt: 90}}", `clear: {pnl: {_lt: 90}}, delays: [200ms, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]`, 1)
	g := serve(t, schema, setting, "DATA_DIR="+k.dir, "LOG_LEVEL=info")
	g.mayComplain()
	g.watching(1)
	d.set(0, 150)
	r.has(t, "FIRE big 0 150")
	r.refusing(true)
	d.set(1, 110) // told, and not taken
	g.is("tycostream_webhook_queue_depth", 1)

	k.full(g, true)
	eventually(t, "the store is down", func() error { // there may be some room left in a page
		d.set(4, 150)
		d.set(4, 0)
		if n := g.metric("tycostream_trigger_store_up"); n != 0 {
			return fmt.Errorf("%g", n)
		}
		return nil
	})
	d.set(0, 50)
	d.set(2, 200)
	d.set(3, 300) // it comes and goes, and is not forgotten: the gateway sees it
	d.set(3, 0)
	eventually(t, "queries see what is new", func() error {
		if got := g.query(`{ book(where: {pnl: {_gt: 100}}, order_by: {id: asc}) { id pnl } }`); got != `{"data":{"book":[{"id":1,"pnl":110},{"id":2,"pnl":200}]}}` {
			return errors.New(got)
		}
		return nil
	})
	got := g.query(`mutation { create_book_trigger(input: {name: "low", webhook: "` + r.URL + `", fire: {pnl: {_lt: -10}}}) { name } }`)
	if !strings.Contains(got, "TRIGGER_STORE_FAILED") || !strings.Contains(got, "DATA_DIR") {
		t.Error(got)
	}
	if log := g.log(); !strings.Contains(log, "the disk of DATA_DIR") {
		t.Errorf("the log does not say what to do: %s", tail(log, 3000))
	}
	r.refusing(false)
	r.hasInAnyOrder(t, "FIRE big 0 150", "FIRE big 1 110")

	if k.stays { // a gateway starts on a full disk, too
		g.kill(syscall.SIGKILL)
		g.again()
		g.ready()
		g.is("tycostream_trigger_store_up", 0)
		d.set(3, 300) // what was seen before the kill and could not be kept is not told, but this is
		d.set(3, 0)
	}

	k.full(g, false)
	g.is("tycostream_trigger_store_up", 1)
	all := []string{"FIRE big 0 150", "FIRE big 1 110", "CLEAR big 0 50", "FIRE big 2 200", "FIRE big 3 300", "CLEAR big 3 0"}
	r.hasInAnyOrder(t, all...)
	got = g.query(`mutation { create_book_trigger(input: {name: "low", webhook: "` + r.URL + `", fire: {pnl: {_lt: -10}}}) { name } }`)
	if !strings.Contains(got, `"name":"low"`) {
		t.Error(got)
	}
	d.set(3, -50)
	d.set(2, 0)
	all = append(all, "FIRE low 3 -50", "CLEAR big 2 0")
	r.hasInAnyOrder(t, all...)
	g.is("tycostream_webhook_queue_depth", 0)
	g.kill(syscall.SIGKILL)
	g.again()
	g.watching(2)
	d.set(1, 0)
	all = append(all, "CLEAR big 1 0")
	r.hasInAnyOrder(t, all...)
	rest(t.Context(), 100*time.Millisecond)
	r.hasInAnyOrder(t, all...)
	r.mu.Lock()
	defer r.mu.Unlock()
	four := slices.DeleteFunc(r.events, func(e string) bool { return !strings.Contains(e, filler) })
	for i, e := range four {
		if want := []string{"FIRE big 4 150", "CLEAR big 4 0"}[i%2]; e != want {
			t.Fatalf("event %d of the row that filled the disk is %s: %v", i, e, four)
		}
	}
	if len(four)%2 != 0 {
		t.Errorf("the row that filled the disk is left firing: %v", four)
	}
}

// filler is in the events of the row that fills the disk.
const filler = " 4 "

// is waits until a metric has a value.
func (g *gateway) is(metric string, value float64) {
	g.t.Helper()
	eventually(g.t, metric, func() error {
		if n := g.metric(metric); n != value {
			return fmt.Errorf("%g, not %g", n, value)
		}
		return nil
	})
}

// hasInAnyOrder waits until the receiver took these events, and no others but the
// filler's.
func (r *recorder) hasInAnyOrder(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, "the receiver has "+strings.Join(want, ", "), func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.wrong) > 0 {
			t.Fatal(r.wrong)
		}
		got := slices.DeleteFunc(slices.Sorted(slices.Values(r.events)), func(e string) bool { return strings.Contains(e, filler) })
		if !slices.Equal(got, want) {
			return errors.New(strings.Join(got, ", "))
		}
		return nil
	})
}
