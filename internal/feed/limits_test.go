package feed_test

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
)

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// numbered makes puts of n rows whose texts name the round.
func numbered(first, n, round int) []relation.Change {
	changes := make([]relation.Change, n)
	for i := range changes {
		key := strconv.Itoa(first + i)
		changes[i] = relation.Change{Op: relation.Put, New: relation.Texts(key, fmt.Sprint("round ", round), strconv.Itoa(i%40))}
	}
	return changes
}

func rowsOf(f *feed.Feed) state {
	rows := state{}
	for r := range f.All() {
		rows[r.Text(0)] = r
	}
	return rows
}

// A reader that stops reading costs its position and a chunk, however much
// happens, and converges when it reads again.
func TestSlowReadersCostNothing(t *testing.T) { //nolint:paralleltest // it measures the heap
	f := feed.New(schema(), feed.Config{RingBytes: 1 << 20})
	defer f.Close()
	commit(t, f, numbered(0, 5000, -1))
	var slow []*follower
	for i := range 50 {
		c := newFollower(fmt.Sprint("slow ", i), filter.All(), i%2 == 0)
		c.open(f)
		if i%5 != 0 { // those stay in the middle of their snapshot
			c.drain(t, f)
		}
		slow = append(slow, c)
	}
	fast := newFollower("fast", filter.All(), true)
	fast.open(f)
	_, _ = fast.pull(f, 1<<30)
	before := heap()
	const rounds = 1000
	for round := range rounds {
		if err := f.Apply([]relation.Batch{{Time: uint64(20 + round), Changes: numbered(round*7%4900, 100, round)}}, relation.Frontier{}); err != nil {
			t.Fatal(err)
		}
		if _, err := fast.pull(f, 1<<30); err != nil {
			t.Fatal(err)
		}
		if round%20 == 0 { // one after the other moves on a little and stops again
			if _, err := slow[round/20].pull(f, 1000); err != nil {
				t.Fatal(err)
			}
		}
	}
	if grown := int64(heap()) - int64(before); grown > 24<<20 {
		t.Errorf("the heap grew by %d KiB for 50 readers that do not read", grown>>10)
	}
	if want := 5000 + 100*rounds; fast.events != want {
		t.Errorf("the reader that keeps up saw %d changes, want %d", fast.events, want)
	}
	rows := rowsOf(f)
	for _, c := range append(slow, fast) {
		if err := c.converge(f, rows); err != nil {
			t.Error(err)
		}
		c.cursor.Close()
	}
}

func commit(t *testing.T, f *feed.Feed, changes []relation.Change) {
	t.Helper()
	rows := make([]relation.Row, len(changes))
	for i := range changes {
		rows[i] = changes[i].New
	}
	if err := f.Load(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(relation.Frontier{Time: 10}); err != nil {
		t.Fatal(err)
	}
	f.SetState(feed.Live, "")
}

// A time that is larger than the ring goes to all readers in portions, of
// which only the last says so, and no event of it is kept in memory per view.
func TestGiantTimes(t *testing.T) { //nolint:paralleltest // it measures allocations
	const n, views = 10_000, 24
	f := feed.New(schema(), feed.Config{RingBytes: 100_000, Heartbeat: time.Hour})
	defer f.Close()
	var all []*follower
	for i := range views {
		p := filter.All()
		if i > 1 {
			p = where(t, 12-i) // different views, most of all rows
		}
		c := newFollower(fmt.Sprint("reader ", i), p, i%2 == 0)
		c.keep = true
		c.open(f)
		all = append(all, c)
	}
	rowsFirst, rowsThen := numbered(0, n, 0), numbered(0, n, 2)
	before := allocated()
	commit(t, f, rowsFirst)
	if used := (allocated() - before) / n / views; used > 300 { // 180 for the members themselves
		t.Errorf("the first snapshot took %d bytes per row and view, before anybody has begun to read", used)
	}
	rows := rowsOf(f)
	for _, c := range all {
		if err := c.converge(f, rows); err != nil {
			t.Fatal(err)
		}
		c.seen, c.events = nil, 0
	}
	before = allocated()
	if err := f.Apply([]relation.Batch{
		{Time: 20, Changes: numbered(0, 10, 1)},
		{Time: 21, Changes: rowsThen},
		{Time: 22, Changes: numbered(10, 10, 3)},
	}, relation.Frontier{Time: 23}); err != nil {
		t.Fatal(err)
	}
	if used := (allocated() - before) / n / views; used > 100 {
		t.Errorf("a time of %d changes took %d bytes per change and view", n, used)
	}
	rows = rowsOf(f)
	for _, c := range all {
		if err := c.converge(f, rows); err != nil {
			t.Fatal(err)
		}
		c.cursor.Close()
		if !c.enc.frames || c.events < n/3 {
			continue
		}
		last := slices.IndexFunc(c.seen, func(f frame) bool { return f.Last })
		if last != len(c.seen)-1 || len(c.seen) < c.events/c.max {
			t.Errorf("%s: frame %d of %d says last", c.name, last, len(c.seen))
		}
	}
}

// Readers with shapes of their own come and go while another stays: nothing of
// them is left.
func TestPlansOfReadersThatLeft(t *testing.T) {
	t.Parallel()
	f := feed.New(schema(), feed.Config{})
	defer f.Close()
	commit(t, f, numbered(0, 10, 0))
	stays := f.Subscribe(feed.Options{Encoder: wire{name: "stays", frames: true}}, func() {})
	defer stays.Close()
	for i := range 100 {
		for _, frames := range []bool{true, false} {
			c := f.Subscribe(feed.Options{Encoder: wire{name: strconv.Itoa(i % 10), frames: frames}, MaxRows: i + 1}, func() {})
			if _, err := c.Pull(1<<20, func([]byte) {}); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	if n := stays.Plans(); n != 1 {
		t.Errorf("%d plans for one reader", n)
	}
}

// A chunk is encoded once for readers of one shape, by the first that asks.
func TestChunksAreEncodedOnce(t *testing.T) {
	t.Parallel()
	f := feed.New(schema(), feed.Config{})
	defer f.Close()
	commit(t, f, numbered(0, 10, 0))
	var n atomic.Int64
	var all []*follower
	for i := range 20 {
		c := newFollower(fmt.Sprint("reader ", i), filter.All(), true)
		c.enc.encodes = &n
		c.open(f)
		_, _ = c.pull(f, 1<<20)
		all = append(all, c)
	}
	n.Store(0)
	for round := range 50 {
		if err := f.Apply([]relation.Batch{{Time: uint64(20 + round), Changes: numbered(0, 10, round+1)}}, relation.Frontier{}); err != nil {
			t.Fatal(err)
		}
	}
	if n.Load() != 0 {
		t.Errorf("ingest encoded %d events", n.Load())
	}
	rows := rowsOf(f)
	for _, c := range all {
		if err := c.converge(f, rows); err != nil {
			t.Error(err)
		}
	}
	if n.Load() != 500 {
		t.Errorf("%d events encoded for 500 changes and 20 readers", n.Load())
	}
	for _, c := range all {
		c.cursor.Close()
	}
}

// Subscribing while the feed closes leaves no goroutine behind and races with
// nothing.
func TestSubscribeWhileClosing(t *testing.T) {
	t.Parallel()
	p := make([]*filter.Predicate, 8)
	for i := range p {
		p[i] = where(t, i)
	}
	for range 200 {
		f := feed.New(schema(), feed.Config{Heartbeat: time.Hour})
		commit(t, f, numbered(0, 5, 0))
		var wg sync.WaitGroup
		for i := range p {
			wg.Go(func() {
				c := f.Subscribe(feed.Options{Where: p[i], Encoder: wire{}}, func() {})
				_, _ = c.Pull(1<<20, func([]byte) {})
				c.Close()
			})
		}
		f.Close()
		wg.Wait()
	}
}

// One reader that does not read must not make every Apply look at all the
// others in vain.
func TestSlowReaderDoesNotSlowIngest(t *testing.T) { //nolint:paralleltest // it measures time
	took := func(slow bool) time.Duration {
		f := feed.New(schema(), feed.Config{})
		defer f.Close()
		commit(t, f, numbered(0, 100, 0))
		at := uint64(20)
		apply := func(changes ...relation.Change) {
			t.Helper()
			at++
			if err := f.Apply([]relation.Batch{{Time: at, Changes: changes}}, relation.Frontier{Time: at}); err != nil {
				t.Fatal(err)
			}
		}
		var all []*feed.Cursor
		none := where(t, 1000)
		for range 20_000 {
			all = append(all, f.Subscribe(feed.Options{Where: none, Encoder: wire{}}, func() {}))
		}
		if slow {
			c := newFollower("slow", filter.All(), false)
			c.open(f)
			_, _ = c.pull(f, 1<<20)
			all = append(all, c.cursor)
		}
		for i := range 300 {
			row := numbered(1000+i, 1, 0)
			apply(row...)
			apply(relation.Change{Op: relation.Remove, Old: row[0].New})
		}
		best := time.Hour
		for round := range 60 {
			began := time.Now()
			apply(numbered(1, 1, round+1)...)
			best = min(best, time.Since(began))
		}
		for _, c := range all {
			c.Close()
		}
		return best
	}
	fast, slow := took(false), took(true)
	if slow > 20*fast+20*time.Microsecond {
		t.Errorf("an Apply takes %v with one slow reader among 20,000, %v without", slow, fast)
	}
}

// Readers that stopped, each at another large chunk, do not keep what they
// have read.
func TestStoppedReadersHoldNoChunks(t *testing.T) { //nolint:paralleltest // it measures the heap
	f := feed.New(schema(), feed.Config{RingBytes: 1 << 20, UndoBytes: 1 << 20})
	defer f.Close()
	round := func(n int) {
		t.Helper()
		changes := numbered(0, 100, n)
		for i := range changes {
			text := strconv.Itoa(n) + strings.Repeat("x", 2500)
			changes[i].New = relation.Texts(strconv.Itoa(i), text, "1")
		}
		if err := f.Apply([]relation.Batch{{Time: uint64(20 + n), Changes: changes}}, relation.Frontier{}); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, f, numbered(0, 100, 0))
	var all []*follower
	for i := range 60 {
		c := newFollower(fmt.Sprint("reader ", i), filter.All(), true)
		c.open(f)
		_, _ = c.pull(f, 1<<20)
		all = append(all, c)
	}
	round(0)
	before := heap()
	for i := range all {
		round(1 + i)
		for _, c := range all[i:] { // reader i stops here
			c.drain(t, f)
			c.rows = state{}
		}
	}
	for i := range 5 {
		round(100 + i)
	}
	if grown := int64(heap()) - int64(before); grown > 6<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	for _, c := range all {
		c.cursor.Close()
	}
}

// Bytes that nobody else will ask for are not kept in the ring.
func TestBytesOfOneReaderAreNotKept(t *testing.T) { //nolint:paralleltest // it measures the heap
	f := feed.New(schema(), feed.Config{})
	defer f.Close()
	commit(t, f, numbered(0, 100, 0))
	var all []*follower
	for i := range 60 {
		c := newFollower(fmt.Sprint("reader ", i), filter.All(), true)
		c.enc.name = c.name
		c.open(f)
		_, _ = c.pull(f, 1<<20)
		all = append(all, c)
	}
	before := heap()
	for n := range 100 {
		if err := f.Apply([]relation.Batch{{Time: uint64(20 + n), Changes: numbered(0, 100, 1+n)}}, relation.Frontier{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			_, _ = c.pull(f, 1<<20)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	for _, c := range all {
		c.cursor.Close()
	}
}

// The rings of all views share a bound, also those of views that were filled
// before the others came.
func TestRingsShareABound(t *testing.T) { //nolint:paralleltest // it measures the heap
	f := feed.New(schema(), feed.Config{RingTotal: 8 << 20, Heartbeat: 50 * time.Millisecond})
	defer f.Close()
	commit(t, f, numbered(0, 100, 0))
	var all []*follower
	at := uint64(20)
	fill := func() {
		t.Helper()
		for range 100 {
			at++
			if err := f.Apply([]relation.Batch{{Time: at, Changes: numbered(0, 100, int(at))}}, relation.Frontier{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := heap()
	for i := range 120 {
		c := newFollower(fmt.Sprint("reader ", i), where(t, -i-1), false)
		c.open(f)
		for !c.cursor.Joined() {
			<-c.wake
			_, _ = c.pull(f, 1<<20)
		}
		_, _ = c.pull(f, 1<<20)
		if all = append(all, c); i < 3 {
			fill()
		}
	}
	fill()
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	rows := rowsOf(f)
	for _, c := range all {
		if err := c.converge(f, rows); err != nil {
			t.Error(err)
		}
		c.cursor.Close()
	}
}

// A reader may ask for small frames, but not for frames without bound.
func TestFramesAreBounded(t *testing.T) {
	t.Parallel()
	f := feed.New(schema(), feed.Config{MaxFrameRows: 500})
	defer f.Close()
	commit(t, f, numbered(0, 1200, 0))
	c := newFollower("greedy", filter.All(), true)
	c.max, c.keep = 1<<30, true
	c.open(f)
	if err := c.converge(f, rowsOf(f)); err != nil {
		t.Fatal(err)
	}
	c.cursor.Close()
	if len(c.seen) != 3 || c.seen[1].Last || !c.seen[2].Last {
		t.Errorf("%d frames", len(c.seen))
	}
}

// Comparing a snapshot that brings nothing new keeps no reader waiting.
func TestReadersDoNotWaitForASnapshot(t *testing.T) { //nolint:paralleltest // it measures time
	f := feed.New(schema(), feed.Config{})
	defer f.Close()
	changes := numbered(0, 200_000, 0)
	commit(t, f, changes)
	var took, longest time.Duration
	for range 5 { // the machine may be busy
		rows := make([]relation.Row, len(changes))
		for i := range rows {
			rows[i] = changes[i].New
		}
		_ = f.Load(rows)
		done := make(chan struct{})
		var wg sync.WaitGroup
		longest = 0
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				f.Status()
				longest = max(longest, time.Since(began))
				runtime.Gosched()
			}
		})
		began := time.Now()
		if err := f.Commit(relation.Frontier{Time: 20}); err != nil {
			t.Fatal(err)
		}
		took = time.Since(began)
		close(done)
		wg.Wait()
		if longest < took/2 {
			return
		}
	}
	t.Errorf("a reader waited %v for a snapshot that took %v", longest, took)
}
