package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tell makes up a story of a gateway that works: it misses what happens between
// its lives, and tells what it finds then.
func tell(rng *rand.Rand) *story {
	s := &story{rows: map[int][]figure{}}
	firing := map[lane]bool{}
	for row := range 5 {
		s.rows[row] = []figure{{at: 1}}
	}
	look := func(at int64, life int) {
		for row := range s.rows {
			f := s.figure(row, at)
			for name, c := range rules {
				l := lane{name, row}
				if met := c.fire(f); firing[l] && (met || !c.over(f)) || !firing[l] && !met {
					continue
				}
				firing[l] = !firing[l]
				h := hearing{lane: l, kind: "CLEAR", at: at, data: f.data(row), life: life, taken: true}
				if firing[l] {
					h.kind = "FIRE"
				}
				h.id = fmt.Sprint(l, at)
				h.body = h.kind + " " + h.id + " " + h.data
				s.heard = append(s.heard, h)
			}
		}
	}
	at := int64(2)
	for life := range 6 {
		for range 40 {
			at += 10
			row := rng.IntN(5)
			f := figure{at: at, pnl: rng.IntN(180) - 40, null: rng.IntN(12) == 0}
			f.gone = !f.null && rng.IntN(12) == 0
			s.rows[row] = append(s.rows[row], f)
			look(at, life)
		}
		if life == 5 {
			break
		}
		s.ends = append(s.ends, at)
		for range 5 {
			at += 10
			row := rng.IntN(5)
			s.rows[row] = append(s.rows[row], figure{at: at, pnl: rng.IntN(180) - 40})
		}
		look(at, life+1)
	}
	s.end = at
	return s
}

// TestStory: a right story is right, and every way to spoil it is found.
func TestStory(t *testing.T) {
	t.Parallel()
	spoil := map[string]struct {
		how  func(s *story, i int)
		want string
	}{
		"nothing":           {func(*story, int) {}, ""},
		"lost":              {func(s *story, i int) { s.heard = slices.Delete(s.heard, i, i+1) }, "not its turn"},
		"never taken":       {func(s *story, i int) { s.heard[i].taken = false }, "never taken"},
		"told twice":        {func(s *story, i int) { h := s.heard[i]; h.id += "x"; s.heard = slices.Insert(s.heard, i+1, h) }, "not its turn"},
		"repeated":          {func(s *story, i int) { s.heard = slices.Insert(s.heard, i, s.heard[i]) }, ""},
		"another body":      {func(s *story, i int) { h := s.heard[i]; h.body += " "; s.heard = slices.Insert(s.heard, i, h) }, "then"},
		"another row":       {func(s *story, i int) { s.heard[i].data = `{"id":1,"pnl":1000}` }, "but the row was"},
		"never happened":    {func(s *story, i int) { s.heard[i].at = 2 }, "but the row was"},
		"went back":         {func(s *story, i int) { s.heard = append(s.heard, before(s, i)) }, "went back"},
		"a change not seen": {func(s *story, i int) { i = inside(s, i); s.rows[s.heard[i].row] = flicker(s, i) }, "not told"},
		"the end not told": {func(s *story, _ int) {
			s.rows[0] = append(s.rows[0], figure{at: s.end, pnl: 139}, figure{at: s.end + 1, pnl: -30})
			s.end += 5
		}, "not told"},
	}
	for name, c := range spoil {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 5))
			s := tell(rng)
			if wrong := s.check(); len(wrong) > 0 {
				t.Fatalf("seed %d: a right story is wrong: %s", seed, wrong[0])
			}
			c.how(s, len(s.heard)/2)
			wrong := strings.Join(s.check(), "\n")
			if (c.want == "") != (wrong == "") || !strings.Contains(wrong, c.want) {
				t.Errorf("%s, seed %d: %.300q", name, seed, wrong)
			}
		}
	}
}

// before returns an event that comes before event i of the same row.
func before(s *story, i int) hearing {
	last := s.heard[len(s.heard)-1]
	for _, h := range s.heard[:i] {
		if h.lane == last.lane {
			h.life = last.life
			return h
		}
	}
	panic("a row with one event only")
}

// inside returns an event, i or later, that is not the last of its life.
func inside(s *story, i int) int {
	for s.life(s.heard[i].at) != s.life(s.heard[i+10].at) {
		i++
	}
	return i
}

// flicker has event i's row meet and leave everything for a moment behind it.
func flicker(s *story, i int) []figure {
	at := s.heard[i].at
	list := slices.Clone(s.rows[s.heard[i].row])
	n := slices.IndexFunc(list, func(f figure) bool { return f.at > at })
	if n < 0 {
		n = len(list)
	}
	was := list[n-1]
	was.at = at + 3
	return slices.Insert(list, n, figure{at: at + 1, pnl: 139}, figure{at: at + 2, pnl: -39}, was)
}
