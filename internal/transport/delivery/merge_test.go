package delivery_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// merged is a Merge that the test pulls from, counting its wakes.
type merged struct {
	*delivery.Merge
	wakes atomic.Int64
}

func newMerged() *merged {
	m := &merged{Merge: delivery.NewMerge()}
	m.Open(func() { m.wakes.Add(1) })
	return m
}

// add starts a stream of a source.
func (m *merged) add(n *numbers, prefix string, end func(error) []byte) *delivery.Stream {
	s := m.NewStream(delivery.Envelope{Prefix: []byte(prefix), Suffix: ";"}, end)
	n.wake = s.Wake
	s.Attach(n)
	return s
}

// pull pulls once.
func (m *merged) pull(limit int) (got []string, more bool) {
	more, _ = m.Pull(limit, func(msg []byte) {
		env := m.Envelope()
		got = append(got, string(env.Prefix)+string(msg)+env.Suffix)
	})
	return got, more
}

func TestMergeTakesTurns(t *testing.T) {
	m := newMerged()
	a, b := &numbers{live: 7}, &numbers{live: 5}
	m.add(a, "a", nil)
	m.add(b, "b", nil)
	if got, more := m.pull(100); len(got) > 0 || more {
		t.Errorf("%q %v", got, more)
	}
	a.advance(4)
	b.advance(1)
	if !m.Send([]byte("sent")) {
		t.Error("it is closed")
	}
	if m.wakes.Load() < 3 {
		t.Errorf("%d wakes", m.wakes.Load())
	}
	got, more := m.pull(7) // four bytes of the first, three numbers of a
	if want := []string{"sent", "a1;", "a2;", "a3;"}; !slices.Equal(got, want) || !more || m.Received() != 7 {
		t.Errorf("%q %v %d", got, more, m.Received())
	}
	got, more = m.pull(1000) // b was not reached, so it comes first
	if want := []string{"b1;", "a4;"}; !slices.Equal(got, want) || more || m.Received() != 5 {
		t.Errorf("%q %v %d", got, more, m.Received())
	}
	if got, more = m.pull(1000); len(got) > 0 || more || m.Received() != 0 {
		t.Errorf("%q %v %d", got, more, m.Received())
	}
}

func TestMergeTellsOfEnds(t *testing.T) {
	m := newMerged()
	n, dropped := new(numbers), new(numbers)
	broken := errors.New("broken")
	m.add(n, "n", func(err error) []byte { return []byte("end: " + err.Error()) })
	s := m.add(dropped, "d", nil)
	n.advance(1)
	n.end(broken)
	dropped.advance(1)
	s.Close()
	if got, more := m.pull(1000); !slices.Equal(got, []string{"n1;", "end: broken"}) || more {
		t.Errorf("%q %v", got, more)
	}
	for _, src := range []*numbers{n, dropped} {
		if _, closed := src.state(); !closed {
			t.Error("a source is not closed")
		}
	}
}

// What comes before anybody listens waits, and wakes who opens.
func TestMergeOpensLate(t *testing.T) {
	m := &merged{Merge: delivery.NewMerge()}
	n := &numbers{head: 1}
	m.add(n, "n", nil)
	m.Send([]byte("sent"))
	m.Open(func() { m.wakes.Add(1) })
	if m.wakes.Load() != 1 {
		t.Errorf("%d wakes", m.wakes.Load())
	}
	if got, _ := m.pull(1000); !slices.Equal(got, []string{"sent", "n1;"}) {
		t.Errorf("%q", got)
	}
}

func TestMergeHoldsUpSenders(t *testing.T) {
	m := newMerged()
	big := []byte(strings.Repeat("x", 40<<10))
	var sent atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if m.Send(big) {
				sent.Add(1)
			}
		})
	}
	eventually(t, "two messages fill it", func() bool { return sent.Load() == 2 })
	m.pull(1)
	eventually(t, "two more", func() bool { return sent.Load() == 4 })
	m.Close()
	wg.Wait()
	if sent.Load() != 4 || m.Send(nil) {
		t.Error("a closed one takes messages")
	}
	if got, more := m.pull(1000); len(got) > 0 || more {
		t.Errorf("%d messages of a closed one, %v", len(got), more)
	}
}

// Wakes are not lost: whoever pulls only when woken gets everything.
func TestMergeLosesNoWake(t *testing.T) {
	const sources, each = 8, 2000
	wake := make(chan struct{}, 1)
	m := &merged{Merge: delivery.NewMerge()}
	m.Open(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	var wg sync.WaitGroup
	for i := range sources {
		n := new(numbers)
		m.add(n, string(rune('a'+i)), nil)
		wg.Go(func() {
			for range each {
				n.advance(1)
			}
		})
	}
	wg.Go(func() {
		for range each {
			m.Send([]byte("sent"))
		}
	})
	counts := map[byte]int{}
	total := 0
	for more := false; total < (sources+1)*each; {
		if !more {
			<-wake
		}
		var got []string
		got, more = m.pull(50)
		for _, text := range got {
			counts[text[0]]++
		}
		total += len(got)
	}
	wg.Wait()
	for name, n := range counts {
		if n != each {
			t.Errorf("%c: %d messages", name, n)
		}
	}
}
