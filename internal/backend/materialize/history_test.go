package materialize

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/backend/backendtest"
	"github.com/tycostream/tycostream/internal/source"
)

// TestStreamOfThePast: a stream that begins before 50 is live once all below
// and at 50 is there.
func TestStreamOfThePast(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{
			"each time is applied by itself",
			[]string{`5 t \N \N \N`, `5 f 1 1 a`, `6 t \N \N \N`, `,`, `7 f -1 1 a`, `7 f 1 1 b`, `20 f 1 2 x`, `40 t \N \N \N`, `,`, `51 t \N \N \N`},
			[]string{"snapshot 1|a", "past 5", "at 7: 1|a>1|b", "at 20: +2|x", "frontier 39", "frontier 50", "live 50 false"},
		},
		{
			"in one batch",
			[]string{`5 t \N \N \N`, `5 f 1 1 a`, `7 f 1 2 b`, `60 f 1 3 c`, `70 t \N \N \N`, `,`, `80 t \N \N \N`},
			[]string{"snapshot 1|a", "past 5", "at 7: +2|b", "at 60: +3|c", "frontier 69", "live 69 false", "frontier 79"},
		},
		{
			"an idle view",
			[]string{`5 t \N \N \N`, `51 t \N \N \N`},
			[]string{"past 5", "frontier 50", "live 50 false"},
		},
		{
			"one short of it",
			[]string{`5 t \N \N \N`, `50 t \N \N \N`},
			[]string{"past 5", "frontier 49"},
		},
		{
			"nothing of the past can be read any more",
			[]string{`50 t \N \N \N`, `50 f 1 1 a`, `51 t \N \N \N`},
			[]string{"snapshot 1|a", "live 50 false"},
		},
		{
			"an input that ends before",
			[]string{`5 t \N \N \N`, `7 f 1 2 b`, `.`},
			[]string{"past 5", "at 7: +2|b", "frontier 7", "live 7 false"},
		},
		{
			"rows that never change",
			[]string{`5 t \N \N \N`, end + ` f 1 a b`, `.`},
			[]string{"snapshot a|b", "live " + end + " false"},
		},
		{"progress alone repeats", []string{`5 t \N \N \N`, `6 t \N \N \N`, `,`, `6 t \N \N \N`, `,`}, []string{"past 5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := runSince(2, 0, 50, tt.lines...)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Fatalf("got\n%s\n%v\nwant\n%s", strings.Join(got, "\n"), err, strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestStreamThatGoesOn: what goes on from 5 is live once it has come to 50.
func TestStreamThatGoesOn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{
			"each time is applied by itself",
			[]string{`5 t \N \N \N`, `7 f 1 1 b`, `20 f 1 2 x`, `40 t \N \N \N`, `,`, `51 t \N \N \N`, `,`, `60 t \N \N \N`},
			[]string{"at 7: +1|b", "at 20: +2|x", "frontier 39", "frontier 50", "live 50 true", "frontier 59"},
		},
		{"an idle view", []string{`5 t \N \N \N`, `51 t \N \N \N`}, []string{"frontier 50", "live 50 true"}},
		{"one short of it", []string{`5 t \N \N \N`, `50 t \N \N \N`}, []string{"frontier 49"}},
		{"an input that ends before", []string{`5 t \N \N \N`, `7 f 1 2 b`, `.`}, []string{"at 7: +2|b", "frontier 7", "live 7 true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := runSince(2, 5, 50, tt.lines...)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Fatalf("got\n%s\n%v\nwant\n%s", strings.Join(got, "\n"), err, strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestPresent: the clock says when a stream has caught up, unless it is another
// one than the position's.
func TestPresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const position = 1_700_000_000_000
		for _, tt := range []struct {
			clock string
			want  uint64
		}{
			{"1700000000000", position},
			{"1700003600000", position + 3_600_000},
			{"1699999999999", 0}, // upstream was set back
			{"1900000000000", 0}, // no such past can be read
			{end, 0},
			{"noon", 0},
		} {
			s := newScript(t, func(p *peer) {
				p.start()
				p.clock(tt.clock)
			})
			b := s.backend()
			c, err := b.connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.present(c, position); err != nil || got != tt.want {
				t.Errorf("at %s: %d, %v", tt.clock, got, err)
			}
			c.close()
		}
	})
}

// TestStreamOfALongPast: what came in minutes need not be gathered until the
// first progress row, but what is later than now must.
func TestStreamOfALongPast(t *testing.T) {
	sink := &tracer{schema: keyed(1)}
	s := newStream(sink.schema, []int{0}, 1, sink)
	s.open, s.now = true, 1_000_000
	feed := func(format string, args ...any) {
		t.Helper()
		if err := s.data(fmt.Appendf(nil, format, args...)); err != nil {
			t.Fatal(err)
		}
		if s.gathered >= gatherMax {
			if err := s.deliver(); err != nil {
				t.Fatal(err)
			}
		}
	}
	feed("5\tt\t\\N\t\\N\n")
	most := 0
	for i := range 4 * gatherMax {
		feed("%d\tf\t1\tk%d\n", 10+i/10, i)
		most = max(most, s.gathered+s.waiting)
	}
	if most > gatherMax+10 || len(sink.calls) == 0 || sink.calls[0] != "past 5" {
		t.Errorf("%d changes were kept, %d calls", most, len(sink.calls))
	}
	before := len(sink.calls)
	for i := range 2 * gatherMax {
		feed("%d\tf\t1\tn%d\n", 1_000_001+i/10, i)
	}
	for _, c := range sink.calls[before:] {
		if strings.HasPrefix(c, "at 1000") || strings.HasPrefix(c, "live") {
			t.Fatalf("%s without a progress row", c)
		}
	}
}

func TestFollowFromThePast(t *testing.T) {
	const since = `COPY (SUBSCRIBE "materialize"."public"."v" WITH (PROGRESS) AS OF AT LEAST %d) TO STDOUT`
	rows := func(p *peer) {
		p.out(5)
		p.lines(`5 t \N \N \N`, `5 f 1 1 a`, `7 f -1 1 a`, `7 f 1 1 b`, `100001 t \N \N \N`)
	}
	for _, tt := range []struct {
		name  string
		age   time.Duration
		ask   func(p *peer)
		begin string
		lives int // the stream comes to 100000
	}{
		{"nobody asks", 0, func(*peer) {}, vSubscribe, 1},
		{"less is retained than asked for", 5 * time.Minute, func(p *peer) { p.history("60000", "400000") }, fmt.Sprintf(since, 100000), 0},
		{"the number in quotes", time.Minute, func(p *peer) { p.history(`"3600000"`, "100000") }, fmt.Sprintf(since, 40000), 1},
		{"before the beginning of time", time.Hour, func(p *peer) { p.history("3600000", "100000") }, fmt.Sprintf(since, 0), 1},
		{"only the default is retained", time.Minute, func(p *peer) { p.history("1000", "") }, vSubscribe, 1},
		{"nobody knows", time.Minute, func(p *peer) {
			p.query()
			p.answer()
		}, vSubscribe, 1},
		{"something else than a number", time.Minute, func(p *peer) { p.history(`{"ms": 5}`, "") }, vSubscribe, 1},
		{"not to be read", time.Minute, func(p *peer) {
			p.query()
			p.fail("ERROR", "42501", "permission denied for SCHEMA \"mz_internal\"")
		}, vSubscribe, 1},
		{"a clock that stands at the end of time", time.Minute, func(p *peer) { p.history("3600000", end) }, vSubscribe, 1},
		{"no clock", time.Minute, func(p *peer) {
			p.history("3600000", "")
			p.expect("SELECT mz_now()")
			p.fail("ERROR", "42501", "permission denied for CLUSTER \"quickstart\"")
		}, vSubscribe, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, func(p *peer) {
					p.start()
					p.catalog("u7", vColumns...)
					tt.ask(p)
					p.expect(tt.begin)
					rows(p)
				})
				rec := backendtest.NewRecorder(def())
				target := rec.Target()
				target.History = tt.age
				if e := classOf(t, s.backend().Follow(t.Context(), []source.Target{target})); e.Class != source.Retry {
					t.Errorf("class %d, %v", e.Class, e)
				}
				equal(t, "rows", rec.Lines(), []string{"1|b"})
				if lives, _ := rec.Counts(); lives != tt.lives {
					t.Errorf("live %d times", lives)
				}
				if h := rec.History(); len(h) != 2 || h[0].Time != 5 || h[1].Time != 7 {
					t.Errorf("history %+v", h)
				}
			})
		})
	}
}

// TestFollowDoesNotGoBack: what goes on from a position, a query, and a sink
// that does not know the past stay in the present.
func TestFollowDoesNotGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name   string
			change func(*source.Target)
		}{
			{"a position of another relation", func(t *source.Target) { t.Resume.Identity = "another" }},
			{"a plain sink", func(t *source.Target) { t.Sink = struct{ source.Sink }{t.Sink} }},
		} {
			s := newScript(t, func(p *peer) {
				p.start()
				p.catalog("u7", vColumns...)
				p.expect(vSubscribe)
			})
			rec := backendtest.NewRecorder(def())
			target := rec.Target()
			target.History = time.Minute
			tt.change(&target)
			if err := s.backend().Follow(t.Context(), []source.Target{target}); err == nil {
				t.Error(tt.name)
			}
		}
	})
}

// TestFollowPastIsLost: a connection that breaks while history is looked up is
// a lost connection, not a view without history.
func TestFollowPastIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			p.start()
			p.catalog("u7", vColumns...)
			p.query()
		})
		rec := backendtest.NewRecorder(def())
		target := rec.Target()
		target.History = time.Minute
		err := s.backend().Follow(t.Context(), []source.Target{target})
		if e := classOf(t, err); e.Class != source.Retry || errors.Is(err, source.ErrMalformed) {
			t.Errorf("class %d, %v", e.Class, err)
		}
	})
}
