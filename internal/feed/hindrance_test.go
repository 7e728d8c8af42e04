package feed_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// writing is an encoder that lets somebody write while it encodes.
type writing struct {
	encoder
	write func(*feed.Frame)
}

func (w writing) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	w.write(f)
	return w.encoder.Encode(dst, ends, f)
}

// Whatever a reader is told, ingest does not wait until it is encoded.
func TestNobodyWaitsForAnEncoder(t *testing.T) {
	t.Parallel()
	f := feed.New(schema(), feed.Config{RingChunks: 4})
	defer f.Close()
	begin(t, f, "1")
	at := uint64(10)
	var mu sync.Mutex // guards at
	put := func(rows int) {
		mu.Lock()
		defer mu.Unlock()
		at++
		b := relation.Batch{Time: at}
		for i := range rows {
			b.Changes = append(b.Changes, relation.Change{Op: relation.Put, New: relation.Texts(strconv.Itoa(i), strconv.FormatUint(at, 10), "1")})
		}
		if err := f.Apply([]relation.Batch{b}, relation.Frontier{Time: at}); err != nil {
			t.Error(err)
		}
	}
	told := map[string]int{}
	enc := writing{encoder{frames: true}, func(fr *feed.Frame) {
		told[fmt.Sprint(fr.Kind, " ", fr.Last)]++
		written := make(chan struct{})
		go func() { put(1); close(written) }()
		select {
		case <-written:
		case <-time.After(time.Minute):
			t.Errorf("nobody can write while %s, last %v, is encoded", fr.Kind, fr.Last)
		}
	}}
	pull := func(c *feed.Cursor) {
		defer c.Close()
		for range 3 {
			if _, err := c.Pull(1<<10, func([]byte) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
	cursor := cursorNow(t, f)
	pull(f.Subscribe(feed.Options{Encoder: enc}, func() {}))                                   // a snapshot, then the ring
	pull(f.Subscribe(feed.Options{Encoder: enc, Resume: position(t, cursor, nil)}, func() {})) // a difference
	for _, missed := range []int{500, 17_000} {                                                // as a whole, and in portions
		c := f.Subscribe(feed.Options{Encoder: enc}, func() {})
		for range 100 {
			if _, err := c.Pull(1, func([]byte) {}); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			put(missed)
		}
		pull(c)
	}
	for _, kind := range []string{"SNAPSHOT true", "RESUMED true", "LIVE true", "LIVE false"} {
		if told[kind] == 0 {
			t.Errorf("%s was not told: %v", kind, told)
		}
	}
}
