package webhook

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

type testLane struct {
	trigger string
	tries   int
}

func (l *testLane) Trigger() string { return l.trigger }

// TestScheduleAgainstItsLimits throws answers of every kind at the schedule, with
// few slots and many addresses on few hosts. At each moment no limit is passed,
// nothing is sent before its time, and, since every wait ends, all is sent at
// last: no turn is lost.
func TestScheduleAgainstItsLimits(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 9))
		set := Settings{PerEndpoint: 1 + rng.IntN(3), InFlight: 1 + rng.IntN(12), Jitter: 1e-9}.withDefaults()
		s := &scheduled{t: t, rng: rng, set: &set, sched: newSchedule(&set), now: time.Unix(1, 0), out: map[*testLane]job{}}
		for i := range 200 {
			s.add(fmt.Sprintf("http://host%d/%d", rng.IntN(3), rng.IntN(8)), rng.IntN(4) == 0)
			if i%5 == 0 {
				s.turn()
			}
		}
		for steps := 0; s.lanes > 0; steps++ {
			s.turn()
			if steps > 100_000 {
				t.Fatalf("seed %d: %d lanes are never sent; %d out, %d timers", seed, s.lanes, len(s.out), len(s.sched.later))
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

type scheduled struct {
	t     *testing.T
	rng   *rand.Rand
	set   *Settings
	sched *schedule
	now   time.Time
	lanes int
	out   map[*testLane]job
}

func (s *scheduled) add(url string, later bool) {
	l := &testLane{trigger: url}
	q := s.sched.queueOf(url)
	q.lanes++
	s.lanes++
	due := time.Time{}
	if later {
		due = s.now.Add(time.Duration(s.rng.IntN(60)) * time.Second)
	}
	s.sched.add(q, l, due, s.now)
	s.sched.place(q, url, false)
}

// turn sends what may be sent, then lets one answer come, or time pass.
func (s *scheduled) turn() {
	for {
		j, ok := s.sched.next(s.now)
		if !ok {
			break
		}
		l := j.lane.(*testLane)
		if _, twice := s.out[l]; twice {
			s.t.Errorf("%s is sent twice", l.trigger)
		}
		s.out[l] = j
		s.check(j)
	}
	next := s.sched.advance(s.now)
	for l, j := range s.out { // any
		if s.rng.IntN(3) > 0 || next.IsZero() {
			s.answer(l, j)
			return
		}
		break
	}
	if !next.IsZero() {
		s.now = next
		s.sched.advance(s.now)
	}
}

func (s *scheduled) check(j job) {
	ends, hosts, total, slowly := map[*endpoint]int{}, map[*host]int{}, 0, 0
	for _, o := range s.out {
		ends[o.end]++
		hosts[o.end.host]++
		total++
		if o.class == slow {
			slowly++
		}
	}
	switch e := j.end; {
	case ends[e] > s.set.PerEndpoint, hosts[e.host] > perHost*s.set.PerEndpoint, total > s.set.InFlight, slowly > max(1, s.set.InFlight/2):
		s.t.Errorf("%d to %s, %d to its host, %d in all, %d of them slow", ends[e], e.url, hosts[e.host], total, slowly)
	case e.resume.After(s.now), e.host.resume.After(s.now):
		s.t.Errorf("%s is asked before its time", e.url)
	case e.host.failures >= s.set.Trip && hosts[e.host] > 1 && e.host.limit > 1:
		s.t.Errorf("%d requests to a host that is down", hosts[e.host])
	}
}

// answer has one request end: taken, refused, failed in one way or another. In
// the end everything is taken.
func (s *scheduled) answer(l *testLane, j job) {
	delete(s.out, l)
	s.now = s.now.Add(time.Millisecond)
	l.tries++
	luck := s.rng.IntN(10)
	if l.tries > 5 {
		luck = 9
	}
	again := s.now.Add(time.Duration(s.rng.IntN(30)) * time.Second)
	switch luck {
	case 0, 1:
		s.sched.failing(j, verdict{}, s.now) // no connection
	case 2, 3:
		s.sched.failing(j, verdict{connected: true}, s.now)
	case 4:
		s.sched.failing(j, verdict{connected: true, throttled: true, wait: time.Duration(s.rng.IntN(90)) * time.Second}, s.now)
	case 5:
		s.sched.alive(j, 0) // refused this one
	case 6:
		s.sched.alive(j, time.Minute)
	default:
		s.sched.alive(j, time.Duration(s.rng.IntN(3))*time.Second)
		again = time.Time{}
	}
	if again.IsZero() {
		s.sched.leave(j.queue)
		s.lanes--
	} else {
		s.sched.add(j.queue, l, again, s.now)
		if s.rng.IntN(20) == 0 {
			s.sched.hurry(j.queue)
		}
	}
	s.sched.release(j, s.now)
	s.sched.advance(s.now)
}
