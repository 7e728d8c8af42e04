package webhook

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Settings of a [Deliverer]. The zero value of each is its default.
type Settings struct {
	Delays      []time.Duration // before the second and later attempts; then the dead letter
	Jitter      float64         // part of a delay that is random, to either side; 0.2
	Timeout     time.Duration   // of an attempt, from dialing to the end of the answer; 15 s
	PerEndpoint int             // requests at a time to one scheme, host and port; 16
	InFlight    int             // requests at a time in all; 256
	Trip        int             // failures in a row after which an endpoint is probed, one request at a time; 3
	ProbeMin    time.Duration   // before the first probe; 1 s
	ProbeMax    time.Duration   // between probes; 1 min
	Feed        int             // results kept for followers; 1,024
}

// DefaultDelays is the schedule that Standard Webhooks recommends: with the
// first attempt, ten within some three days.
func DefaultDelays() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

func (s Settings) withDefaults() Settings {
	if s.Delays == nil {
		s.Delays = DefaultDelays()
	}
	s.Delays = slices.Clone(s.Delays)
	if s.Jitter == 0 {
		s.Jitter = 0.2
	}
	s.Timeout = or(s.Timeout, 15*time.Second)
	s.PerEndpoint = or(s.PerEndpoint, 16)
	s.InFlight = or(s.InFlight, 256)
	s.Trip = or(s.Trip, 3)
	s.ProbeMin = or(s.ProbeMin, time.Second)
	s.ProbeMax = or(s.ProbeMax, time.Minute)
	s.Feed = or(s.Feed, 1024)
	return s
}

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// spread adds jitter to a delay.
func (s *Settings) spread(d time.Duration) time.Duration {
	return d + time.Duration(float64(d)*s.Jitter*(2*rand.Float64()-1)) //nolint:gosec // not for secrets
}

// probe returns the pause after n failed probes.
func (s *Settings) probe(n int) time.Duration {
	d := s.ProbeMin
	for ; n > 0 && d < s.ProbeMax; n-- {
		d *= 2
	}
	return s.spread(min(d, s.ProbeMax))
}

// Options of a [Deliverer].
type Options struct {
	Settings Settings
	Outbox   Outbox

	// Endpoint says where a trigger's deliveries go; it is asked at each
	// attempt. Without an endpoint they wait. It must not call the deliverer.
	Endpoint func(trigger string) (Endpoint, bool)

	// Gone is told that an endpoint answered 410: the trigger is stopped until
	// [Deliverer.Refresh]. It may be nil.
	Gone func(trigger string)

	// Observe is told every result, for metrics. It must not block, and may be
	// nil.
	Observe func(Result)

	// Dial connects, see package guard. private says whether the endpoint may
	// be at a private address.
	Dial func(private bool) func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy is nil for none: the environment's is never used by itself. Behind
	// a proxy the guard sees the proxy's address only.
	Proxy func(*http.Request) (*url.URL, error)

	Version string // in the User-Agent
	Log     *slog.Logger
}
