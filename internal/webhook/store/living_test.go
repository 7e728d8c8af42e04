package store

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLiving(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		upTo, needed := uint64(rng.IntN(300)), map[uint64]bool{}
		var seqs []uint64
		for range rng.IntN(200) {
			if seq := 1 + uint64(rng.IntN(300)); seq <= upTo {
				needed[seq] = true
				seqs = append(seqs, seq) // some twice
			}
		}
		l := newLiving(upTo, seqs)
		again, err := decodeLiving(l.encode())
		if err != nil || again.upTo != l.upTo || !slices.Equal(again.runs, l.runs) {
			t.Fatalf("%+v, %v; want %+v", again, err, l)
		}
		for seq := uint64(1); seq < 310; seq++ {
			if want := seq > upTo || needed[seq]; again.has(seq) != want {
				t.Fatalf("message %d is needed: %v", seq, want)
			}
		}
	}
	dense := make([]uint64, 100_000)
	for i := range dense {
		dense[i] = uint64(i) + 5
	}
	if l := newLiving(200_000, dense); len(l.encode()) > 20 {
		t.Errorf("a run takes %d bytes", len(l.encode()))
	}
	empty := living{}
	if !empty.has(1) {
		t.Error("without a list a message is not needed")
	}
}

func FuzzDecodeLiving(f *testing.F) {
	l := newLiving(9, []uint64{1, 2, 3, 7})
	f.Add(l.encode())
	f.Add([]byte{version, 5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeLiving(b)
		if err != nil {
			return
		}
		again, err := decodeLiving(l.encode())
		if err != nil || !bytes.Equal(again.encode(), l.encode()) {
			t.Errorf("%x is %+v, then %+v, %v", b, l, again, err)
		}
	})
}
