package robustness

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/testpg"
)

// server is the PostgreSQL of all rounds.
var server testpg.Pool

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// brief is how long the acts of all rounds take together when nobody asks for
// more, and whole how long those of one round do when somebody does.
const (
	brief = 15 * time.Second
	whole = 18 * time.Second
)

// TestRobust plays rounds: three short ones with seeds that are always the
// same, or as many as ROBUST_TIME allows with seeds of the dice, or the one
// that ROBUST_SEED names.
func TestRobust(t *testing.T) {
	total := duration(t, brief)
	if text := os.Getenv("ROBUST_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ROBUST_SEED: %v", err)
		}
		gateways, _ := strconv.Atoi(os.Getenv("ROBUST_GATEWAYS"))
		s := shape{upstream: os.Getenv("ROBUST_UPSTREAM"), gateways: gateways, length: duration(t, whole)}
		play(t, seed, s, &tally{})
		return
	}
	done := &tally{}
	if total <= brief {
		for _, b := range []struct {
			seed uint64
			shape
		}{ // chosen for what they have: a lazy source, TLS, small rings, many kinds of faults
			{2, shape{upstream: materialize, gateways: 1}},
			{52, shape{upstream: materialize, gateways: 2}},
			{18, shape{upstream: postgreSQL, gateways: 2}},
		} {
			b.length = total / 3
			play(t, b.seed, b.shape, done)
		}
	} else {
		for end := time.Now().Add(total); time.Now().Before(end) && !t.Failed(); {
			play(t, uint64(rand.Uint32()), shape{length: whole}, done)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(done.counts)) {
		t.Logf("%8d %s", done.counts[what], what)
	}
}

// duration is ROBUST_TIME.
func duration(t *testing.T, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("ROBUST_TIME")
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("ROBUST_TIME: %v", err)
	}
	return d
}

// play plays the round of a seed and says what went wrong.
func play(t *testing.T, seed uint64, s shape, done *tally) {
	t.Helper()
	t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
		p := newPlan(seed, s)
		if p.Upstream == postgreSQL {
			server.Server(t) // its goroutines are not the round's
		}
		goroutines, used := runtime.NumGoroutine(), heap()
		t.Run("round", func(t *testing.T) { once(t, p, s, done) })
		settled(t, goroutines)
		if now := heap(); now > used+32<<20 {
			t.Errorf("%d MiB more heap in use than before the round", (now-used)>>20)
		}
	})
}

// once is one round. It is a test of its own, so that all that it started has
// ended behind it.
func once(t *testing.T, p *plan, s shape, done *tally) {
	t.Helper()
	t.Logf("seed %d: %s, gateways %d, TLS %v, narrow %v, lazy %v, clients %d, acts %d; again: %s", p.Seed, p.Upstream, p.Gateways, p.TLS, p.Narrow, p.Lazy, len(p.Clients), len(p.Acts), again(p, s))
	r := newRound(t, p, &server)
	r.play()
	r.count(done)
	t.Logf("%6.2fs played", r.since().Seconds())
	report := r.account()
	t.Logf("%6.2fs checked", r.since().Seconds())
	if report == "" && !t.Failed() {
		return
	}
	t.Errorf("seed %d\n%s", p.Seed, report)
	if name, err := r.save(t.ArtifactDir(), report); err != nil {
		t.Error(err)
	} else {
		t.Logf("history, kept with -artifacts: %s", name)
	}
	t.Logf("once more: %s", again(p, s))
}

// again is the command that plays a round of the same plan.
func again(p *plan, s shape) string {
	words := []string{fmt.Sprintf("ROBUST_SEED=%d", p.Seed)}
	if s.upstream != "" {
		words = append(words, "ROBUST_UPSTREAM="+s.upstream)
	}
	if s.gateways != 0 {
		words = append(words, fmt.Sprintf("ROBUST_GATEWAYS=%d", s.gateways))
	}
	if s.length != whole {
		words = append(words, fmt.Sprintf("ROBUST_TIME=%v", s.length))
	}
	return strings.Join(append(words, "go test -race -v -run '^TestRobust$' -artifacts ./test/robustness"), " ")
}
