package e2e

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// figure is what a row was from one upstream time on, in milliseconds.
type figure struct {
	at   int64
	pnl  int
	null bool
	gone bool
}

// data is the row as a payload shows it.
func (f figure) data(row int) string {
	if f.gone || f.null {
		return fmt.Sprintf(`{"id":%d,"pnl":null}`, row)
	}
	return fmt.Sprintf(`{"id":%d,"pnl":%d}`, row, f.pnl)
}

// rule is a trigger as the story knows it: fire, and whether a row that
// does not meet it clears.
type rule struct {
	fire, over func(figure) bool
}

func known(f figure) bool { return !f.gone && !f.null }

// rules are those of the triggers in killSchema, and of the one that the
// test creates.
var rules = map[string]rule{
	"band": {
		func(f figure) bool { return known(f) && f.pnl > 100 },
		func(f figure) bool { return f.gone || !f.null && f.pnl < 90 },
	},
	"below": {
		func(f figure) bool { return known(f) && f.pnl < 0 },
		func(figure) bool { return true },
	},
	"wide": {
		func(f figure) bool { return known(f) && f.pnl > 50 },
		func(f figure) bool { return !known(f) || f.pnl < 20 },
	},
}

// lane is one row under one trigger.
type lane struct {
	trigger string
	row     int
}

// hearing is one request that a receiver got.
type hearing struct {
	lane

	id, body string
	kind     string
	at       int64 // of the event
	data     string
	life     int  // of the gateway
	taken    bool // answered 2xx
}

// story is what upstream's rows were, and what a receiver heard of it.
type story struct {
	rows  map[int][]figure // in the order of time
	heard []hearing        // in the order in which they came
	ends  []int64          // the upstream time at the end of each life; the next began behind it
	end   int64            // the last upstream time
}

// figure returns what a row was at a time.
func (s *story) figure(row int, at int64) figure {
	all := s.rows[row]
	i := sort.Search(len(all), func(i int) bool { return all[i].at > at })
	return all[i-1]
}

// life returns during which life something happened.
func (s *story) life(at int64) int {
	return sort.Search(len(s.ends), func(i int) bool { return s.ends[i] >= at })
}

// span is a part of a life in which the gateway has seen every change.
type span struct{ from, to int64 }

// check returns what is wrong. It knows these things about a gateway that works:
//
//   - an event is what the row was at the event's time, and meets the trigger's
//     condition; those of a row are FIRE and CLEAR by turns, in the order of
//     time; the same id means the same body;
//   - requests of a row never go back while a gateway lives, and an event is
//     taken only after the one before it;
//   - what a gateway finds is kept in the order of upstream's times. So between
//     the first and the last event of a life, which were heard in the end, no
//     change of any row may have been missed. What was before and after, up to
//     the next life, it may have seen or not;
//   - at the end of the last life, which had all the time it wanted, every row
//     has been told as it is.
func (s *story) check() (wrong []string) {
	events, complaints := s.events()
	wrong = append(wrong, complaints...)
	spans := s.spans(events)
	for _, trigger := range slices.Sorted(maps.Keys(rules)) {
		for _, row := range slices.Sorted(maps.Keys(s.rows)) {
			l := lane{trigger, row}
			wrong = append(wrong, s.happened(l, events[l])...)
			wrong = append(wrong, s.missed(l, events[l], spans)...)
		}
	}
	return wrong
}

// events returns each row's events in the order in which they were first taken.
func (s *story) events() (events map[lane][]hearing, wrong []string) {
	events = map[lane][]hearing{}
	bodies, place := map[string]string{}, map[string]int{}
	for _, h := range s.heard {
		if body, again := bodies[h.id]; again && body != h.body {
			wrong = append(wrong, fmt.Sprintf("%s was %s, then %s", h.id, body, h.body))
		}
		bodies[h.id] = h.body
		if _, taken := place[h.id]; h.taken && !taken {
			place[h.id] = len(events[h.lane])
			events[h.lane] = append(events[h.lane], h)
		}
	}
	type living struct {
		lane
		life int
	}
	last := map[living]int{}
	for _, h := range s.heard {
		n, taken := place[h.id]
		if !taken {
			wrong = append(wrong, fmt.Sprintf("%s was never taken: %s", h.id, h.body))
			continue
		}
		l := living{h.lane, h.life}
		if n < last[l] {
			wrong = append(wrong, fmt.Sprintf("life %d: %v went back to %s", h.life, h.lane, h.body))
		}
		last[l] = n
	}
	return events, wrong
}

// happened compares a row's events with what the row was. It ends with the first
// that is wrong: those behind it are as wrong.
func (s *story) happened(l lane, events []hearing) (wrong []string) {
	c, before := rules[l.trigger], int64(0)
	for i, e := range events {
		f := s.figure(l.row, e.at)
		meets := c.fire(f)
		if e.kind == "CLEAR" {
			meets = !c.fire(f) && c.over(f)
		}
		text := ""
		switch {
		case e.kind != []string{"FIRE", "CLEAR"}[i%2]:
			text = "it is not its turn"
		case !meets || e.data != f.data(l.row):
			text = fmt.Sprintf("but the row was %+v", f)
		case e.at <= before:
			text = fmt.Sprint("it comes after time ", before)
		}
		if text != "" {
			return append(wrong, fmt.Sprintf("%v, life %d: told %s: %s\nbefore it: %s", l, e.life, e.body, text, s.around(l, events[max(0, i-3):i])))
		}
		before = e.at
	}
	return wrong
}

// around tells of events and of what the row was meanwhile, for people.
func (s *story) around(l lane, events []hearing) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n  life %d, time %d: %s", e.life, e.at, e.body)
		for _, h := range s.heard {
			if h.id == e.id {
				fmt.Fprintf(&b, " [life %d, taken %v]", h.life, h.taken)
			}
		}
	}
	for _, f := range s.rows[l.row] {
		if len(events) > 0 && f.at >= events[0].at && f.at <= events[len(events)-1].at+3000 {
			fmt.Fprintf(&b, "\n  %+v in life %d", f, s.life(f.at))
		}
	}
	return b.String()
}

// spans returns for each life what it has seen for certain.
func (s *story) spans(events map[lane][]hearing) []span {
	spans := make([]span, len(s.ends)+1)
	for _, list := range events {
		for _, e := range list {
			sp := &spans[s.life(e.at)]
			if sp.from == 0 || e.at < sp.from {
				sp.from = e.at
			}
			sp.to = max(sp.to, e.at)
		}
	}
	// A part of what happened at the last time may be left for the next life.
	for i := range spans {
		spans[i].to--
	}
	last := &spans[len(spans)-1]
	if last.from == 0 || last.from > s.end {
		last.from = s.end // it told nothing, and compared
	}
	last.to = s.end
	return spans
}

// missed looks for changes that a gateway saw, and that should have been told.
func (s *story) missed(l lane, events []hearing, spans []span) (wrong []string) {
	c := rules[l.trigger]
	for _, sp := range spans {
		if sp.from == 0 || sp.to < sp.from {
			continue
		}
		times := []int64{sp.from, sp.to}
		for _, f := range s.rows[l.row] {
			if f.at > sp.from && f.at <= sp.to {
				times = append(times, f.at)
			}
		}
		for _, at := range times {
			f := s.figure(l.row, at)
			told := sort.Search(len(events), func(i int) bool { return events[i].at > at })
			firing := told%2 == 1
			if firing && !c.fire(f) && c.over(f) || !firing && c.fire(f) {
				wrong = append(wrong, fmt.Sprintf("%v: not told at %d, firing %v, that the row was %+v", l, at, firing, f))
			}
		}
	}
	return wrong
}
