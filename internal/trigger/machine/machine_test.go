package machine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/machine/machinetest"
)

// script runs one row through the machine, a letter for each unit of
// time: H fire is true, - hold, o over (or gone), x nobody looks. Restarts go
// through the encoded status. The result has F and C where those were told.
func script(t *testing.T, r machine.Rule, begin bool, letters string) string {
	t.Helper()
	var out strings.Builder
	var stored []byte
	known, down := machine.Seen(255), false
	for i, letter := range letters {
		now := int64(i + 1)
		if letter == 'x' {
			down = true
			out.WriteByte('.')
			continue
		}
		s, err := machine.DecodeStatus(stored)
		if err != nil {
			t.Fatal(err)
		}
		seen := machine.Seen(strings.IndexRune("-Ho", letter))
		outcome := machine.Nothing
		switch due, timed := r.Due(s); {
		case begin && i == 0:
			s, outcome = r.Begin(s, now, seen)
		case seen != known || down:
			s, outcome = r.Step(s, now, seen)
		case timed && due <= now:
			s, outcome = r.Tick(s, now)
		}
		if _, again := r.Step(s, now, seen); again != machine.Nothing {
			t.Fatalf("the same row at the same time again leads to %v after %+v", again, s)
		}
		known, down = seen, false
		if outcome != machine.Nothing {
			stored = s.Encode()
		}
		out.WriteByte("..FC"[outcome])
	}
	return out.String()
}

func TestMachine(t *testing.T) {
	for _, c := range []struct {
		name         string
		rule         machine.Rule
		begin        bool
		script, want string
	}{
		{name: "fires once and clears once", script: "oHHHooo", want: ".F..C.."},
		{name: "holds between fire and clear", script: "oH-H--o-H", want: ".F....C.F"},
		{name: "a row that is new fires", script: "H", want: "F"},
		{name: "matches when the trigger begins", begin: true, script: "HHoHo", want: "...FC"},
		{name: "matches when the trigger begins, and holds", begin: true, script: "H-H-oH", want: ".....F"},
		{name: "armed when the trigger begins", begin: true, script: "oHo", want: ".FC"},
		{name: "for", rule: machine.Rule{For: 3}, script: "oHHHHHo", want: "....F.C"},
		{name: "for, broken", rule: machine.Rule{For: 3}, script: "oHHH-HHHHo", want: "........FC"},
		{name: "for, broken when it would be long enough", rule: machine.Rule{For: 3}, script: "HHHoo", want: "....."},
		{name: "cooldown", rule: machine.Rule{Cooldown: 4}, script: "HoHHHHHo", want: "FC...F.C"},
		{name: "cooldown, false when it ends", rule: machine.Rule{Cooldown: 3}, script: "HoHo--H", want: "FC....F"},
		{name: "no cooldown after silence", rule: machine.Rule{Cooldown: 9}, begin: true, script: "HoH", want: "..F"},
		{name: "for ends after cooldown", rule: machine.Rule{For: 4, Cooldown: 2}, script: "HHHHHoHHHHHo", want: "....FC....FC"},
		{name: "cooldown ends after for", rule: machine.Rule{For: 1, Cooldown: 5}, script: "HHoHHHHHo", want: ".FC....FC"},
		{name: "fires late", script: "oxxHx", want: "...F."},
		{name: "clears late", script: "HxxoH", want: "F..CF"},
		{name: "what came and went unseen", script: "oxxoH", want: "....F"},
		{name: "for, over a restart", rule: machine.Rule{For: 4}, script: "HHxHHH", want: "....F."},
		{name: "for, due while nobody looked", rule: machine.Rule{For: 2}, script: "HxxxxH", want: ".....F"},
		{name: "for, over when somebody looks", rule: machine.Rule{For: 2}, script: "Hxxxxo", want: "......"},
		{name: "cooldown, over a restart", rule: machine.Rule{Cooldown: 5}, script: "HoxHHHHH", want: "FC....F."},
		{name: "silence, over a restart", begin: true, script: "HxHoH", want: "....F"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := script(t, c.rule, c.begin, c.script); got != c.want {
				t.Errorf("%s\nsaid %s\nwant %s", c.script, got, c.want)
			}
		})
	}
}

func TestShorterRuleAndClockSetBack(t *testing.T) {
	waiting := machine.Status{Phase: machine.Waiting, Since: 100, Cool: 500}
	if s, o := (machine.Rule{For: 10}).Step(waiting, 90, machine.Hit); o != machine.Silent || s.Since != 90 || s.Cool != 90 {
		t.Errorf("a clock set back leaves %+v, %v", s, o)
	}
	if s, o := (machine.Rule{Cooldown: 50}).Tick(machine.Status{Cool: 500}, 100); o != machine.Silent || s.Cool != 150 {
		t.Errorf("a shorter cooldown leaves %+v, %v", s, o)
	}
}

// TestMachineAgainstModel watches a few rows for a few hundred units of time,
// with changes, crashes in the middle of a time and restarts, and wants what
// the oracle says.
func TestMachineAgainstModel(t *testing.T) {
	told := map[machine.Outcome]int{}
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		rule := machine.Rule{}
		if rng.IntN(2) == 0 {
			rule.For = rng.Int64N(12)
		}
		if rng.IntN(2) == 0 {
			rule.Cooldown = rng.Int64N(12)
		}
		m := newModel(rule, rng.IntN(2) == 0, rng)
		for now := range int64(200) {
			got, want := m.tick(now)
			if got != want {
				t.Fatalf("seed %d, %+v, time %d: said\n%s\nwant\n%s", seed, rule, now, got, want)
			}
			told[machine.Fire] += strings.Count(got, "FIRE")
			told[machine.Clear] += strings.Count(got, "CLEAR")
		}
	}
	if told[machine.Fire] < 10_000 || told[machine.Clear] < 10_000 {
		t.Errorf("only %v told: the model is too quiet to prove anything", told)
	}
}

const modelRows = 3

// model is a machine over a few rows, as an engine would run it, beside their
// oracles.
type model struct {
	rule     machine.Rule
	snapshot bool
	rng      *rand.Rand
	actual   [modelRows]machine.Seen
	fed      [modelRows]machine.Seen // what the machine was shown last
	begun    [modelRows]bool
	memory   [modelRows]machine.Status
	stored   [modelRows][]byte
	oracles  [modelRows]machinetest.Oracle
	down     int64 // until then nobody looks
	restart  bool
}

func newModel(rule machine.Rule, snapshot bool, rng *rand.Rand) *model {
	m := &model{rule: rule, snapshot: snapshot, rng: rng, restart: true}
	for i := range m.oracles {
		m.oracles[i] = machinetest.Oracle{Rule: rule, Snapshot: snapshot}
		m.actual[i] = machine.Seen(rng.IntN(3))
	}
	return m
}

// tick lets one unit of time pass and returns what was told and what should be.
func (m *model) tick(now int64) (got, want string) {
	for i := range m.actual {
		if m.rng.IntN(6) == 0 {
			m.actual[i] = machine.Seen(m.rng.IntN(3))
		}
	}
	up := now >= m.down
	crash := modelRows // the first row that is not reached any more
	if up && m.rng.IntN(12) == 0 {
		crash = m.rng.IntN(modelRows + 1)
		m.down = now + 1 + m.rng.Int64N(9)
	}
	var said, right strings.Builder
	for i := range m.actual {
		watched := up && i < crash
		said.WriteString(say(i, m.machine(i, now, watched)))
		right.WriteString(say(i, m.oracles[i].Look(now, m.actual[i], watched)))
	}
	if up {
		m.restart = false
	}
	if now < m.down {
		m.restart = true
	}
	return said.String(), right.String()
}

func (m *model) machine(i int, now int64, watched bool) machine.Outcome {
	if !watched {
		return machine.Nothing
	}
	s, o := m.memory[i], machine.Nothing
	if m.restart {
		var err error
		if s, err = machine.DecodeStatus(m.stored[i]); err != nil {
			panic(err)
		}
	}
	switch due, timed := m.rule.Due(s); {
	case !m.begun[i] && !m.snapshot:
		s, o = m.rule.Begin(s, now, m.actual[i])
	case m.restart || !m.begun[i] || m.fed[i] != m.actual[i]:
		s, o = m.rule.Step(s, now, m.actual[i])
	case timed && due <= now:
		s, o = m.rule.Tick(s, now)
	}
	m.begun[i], m.fed[i], m.memory[i] = true, m.actual[i], s
	if o != machine.Nothing {
		m.stored[i] = s.Encode()
	}
	return o
}

func say(row int, o machine.Outcome) string {
	switch o {
	case machine.Fire:
		return fmt.Sprint("FIRE ", row, "\n")
	case machine.Clear:
		return fmt.Sprint("CLEAR ", row, "\n")
	case machine.Nothing, machine.Silent:
	}
	return ""
}

func FuzzDecodeStatus(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(machine.Status{Phase: machine.Waiting, Since: 1_700_000_000_000_000, Cool: 1_700_000_000_000_001}.Encode())
	f.Add([]byte{1, 9, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := machine.DecodeStatus(b)
		if err != nil {
			return
		}
		again, err := machine.DecodeStatus(s.Encode())
		if err != nil || again != s {
			t.Errorf("%x is %+v, encoded and decoded %+v, %v", b, s, again, err)
		}
		if len(s.Encode()) > 22 || !bytes.Equal(s.Encode(), again.Encode()) {
			t.Errorf("%+v is not a few bytes", s)
		}
	})
}
