package webhook_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

// Random rows, random receivers, restarts in between; the model says what the
// receivers may see:
//
//   - a row has one request out at a time, an endpoint 4, all 10 (and what a
//     receiver has not yet heard is cut);
//   - attempts of an event keep their distance;
//   - an event comes after all earlier ones of its row were answered 2xx, or
//     had all their attempts;
//   - in the end nothing is pending, and what is dead had all its attempts.
func TestModel(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runModel(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

type model struct {
	t     *testing.T
	mu    sync.Mutex
	rnd   *rand.Rand
	out   map[string]time.Time // rows with a request out, since when
	total int                  // requests out
	last  map[string]time.Time // by event: of its newest attempt
	tries map[string]int       // by event
	done  map[string]bool      // by event: answered 2xx
	order map[string][]string  // events by row
	at    map[string]int       // place of an event in its row
}

const modelTimeout = 5 * time.Second

var modelDelays = []time.Duration{time.Second, 10 * time.Second, time.Minute}

func runModel(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	m := &model{
		t: t, rnd: rnd, out: map[string]time.Time{}, last: map[string]time.Time{}, tries: map[string]int{}, done: map[string]bool{},
		order: map[string][]string{}, at: map[string]int{},
	}
	o, w := newOutbox(), newWorld()
	for i := range 4 {
		w.hosts[fmt.Sprint("host", i)] = m.answer(i)
	}
	start := func() *webhook.Deliverer {
		return deliverer(t, o, w, func(opts *webhook.Options) {
			opts.Settings = webhook.Settings{Delays: modelDelays, PerEndpoint: 4, InFlight: 10, Timeout: modelTimeout}
			opts.Endpoint = func(trigger string) (webhook.Endpoint, bool) {
				return webhook.Endpoint{URL: "http://host" + trigger[1:2] + "/"}, true // t0 and t0b share host0
			}
		})
	}
	d := start()
	for i := range 400 {
		m.mu.Lock()
		trigger := fmt.Sprint("t", rnd.IntN(4), []string{"", "b"}[rnd.IntN(2)])
		row := trigger + "/" + strconv.Itoa(rnd.IntN(8))
		id := fmt.Sprint(row, "/", i)
		pause, restart := max(0, rnd.IntN(30_000)-27_000), rnd.IntN(80) == 0
		m.at[id] = len(m.order[row])
		m.order[row] = append(m.order[row], id)
		m.mu.Unlock()
		o.put(trigger, strings.Split(row, "/")[1], id)
		time.Sleep(time.Duration(pause) * time.Millisecond)
		if restart {
			d.Close(t.Context())
			d = start()
		}
	}
	time.Sleep(100 * time.Hour)
	d.Close(t.Context())
	synctest.Wait()
	if n := o.pending(); n != 0 {
		t.Errorf("%d pending in the end", n)
	}
	for _, id := range o.buried() {
		if m.tries[id] < len(modelDelays)+1 {
			t.Errorf("%s is dead after %d attempts", id, m.tries[id])
		}
	}
	for host, n := range w.busiest {
		most := 4
		if host == "host3" {
			most = 8 // it hears of a time-out a little after the sender
		}
		if n > most {
			t.Errorf("%d requests at a time to %s", n, host)
		}
	}
	if len(o.wrong) > 0 {
		t.Error(o.wrong)
	}
}

// answer is a receiver: host 0 is well, 1 refuses a third with 400, 2 fails
// often and for stretches, 3 is slow and sometimes too slow.
func (m *model) answer(host int) func(string, http.ResponseWriter, *http.Request) {
	return func(id string, rw http.ResponseWriter, r *http.Request) {
		m.begin(id)
		code, wait := http.StatusNoContent, 10*time.Millisecond
		m.mu.Lock()
		luck := m.rnd.IntN(12)
		m.mu.Unlock()
		switch {
		case host == 1 && luck < 4:
			code = http.StatusBadRequest
		case host == 2 && (luck < 3 || time.Now().Unix()/60%3 == 0):
			code = http.StatusServiceUnavailable
		case host == 3:
			wait = time.Duration(luck*luck*55) * time.Millisecond
		}
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			code = 0
		}
		m.end(id, code)
		if code != 0 {
			rw.WriteHeader(code)
		}
	}
}

func (m *model) begin(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := id[:strings.LastIndex(id, "/")]
	// A receiver hears of a time-out a little after the sender.
	if since, ok := m.out[row]; ok && time.Since(since) < modelTimeout {
		m.t.Errorf("%s: its row has a request out", id)
	}
	m.out[row] = time.Now()
	if m.total++; m.total > 10+4 { // and what the slow one has not heard of
		m.t.Errorf("%d requests out", m.total)
	}
	for _, before := range m.order[row][:m.at[id]] {
		if !m.done[before] && m.tries[before] < len(modelDelays)+1 {
			m.t.Errorf("%s came before %s", id, before)
		}
	}
	if n := m.tries[id]; n > 0 {
		if gap := time.Since(m.last[id]); gap < modelDelays[min(n, len(modelDelays))-1]*8/10 {
			m.t.Errorf("attempt %d of %s after %s", n+1, id, gap)
		}
	}
	if m.done[id] {
		m.t.Errorf("%s is repeated", id)
	}
	m.tries[id]++
	m.last[id] = time.Now()
}

func (m *model) end(id string, code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := id[:strings.LastIndex(id, "/")]; time.Since(m.out[row]) < modelTimeout {
		delete(m.out, row)
	}
	m.total--
	m.done[id] = code/100 == 2
}
