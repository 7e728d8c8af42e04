package subscribe

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/eval"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/relation"
)

// Event is one row of a subscription's output.
type Event struct {
	Time     uint64
	Progress bool
	Diff     int64  // without envelope
	State    string // with one
	Row      relation.Row
	KeyOnly  bool // value columns are NULL
}

// Options are what the server decides about subscriptions.
type Options struct {
	Seed          uint64
	MaxResultSize int64
	MaxBacklog    int64
	MaxBatch      time.Duration
}

// Subscription is a running SUBSCRIBE.
//
//	start ──▶ progress A ──▶ snapshot at A, once A is readable ──▶ batches ──▶ done
type Subscription struct {
	opts    Options
	plan    *Plan
	in      input
	copying bool

	asOf     uint64
	upTo     uint64 // exclusive; MaxTime: none
	bounded  bool
	frontier uint64 // everything before has been sent
	first    bool   // nothing has been sent yet
	snapped  bool
	done     bool
}

// Start starts a subscription: AS OF is chosen and checked now. The notice, if
// there is one, is for the client.
func (p *Plan) Start(opts Options, params []eval.Cell, copying bool) (sub *Subscription, notice string, err error) {
	sub = &Subscription{opts: opts, plan: p, in: p.input(params), copying: copying, upTo: store.MaxTime, first: true}
	f, err := sub.in.frontier(copying)
	if err != nil {
		return nil, "", err
	}
	if p.spec.UpTo != nil {
		if sub.upTo, err = p.timeOf(p.spec.UpTo, params); err != nil {
			return nil, "", err
		}
		sub.bounded = true
	}
	if err := sub.chooseTime(f, params); err != nil {
		return nil, "", err
	}
	if sub.bounded && sub.asOf > sub.upTo {
		return nil, "", pgerr.Errorf("22000", "subscription lower bound (`AS OF`) is greater than its upper bound (`UP TO`): %d > %d", sub.asOf, sub.upTo)
	}
	if sub.bounded && sub.asOf == sub.upTo {
		notice = fmt.Sprintf("subscribe as of %d (inclusive) up to the same bound %d (exclusive) is guaranteed to be empty", sub.asOf, sub.upTo)
		sub.done = true
	}
	sub.frontier = sub.asOf
	if !sub.in.constant() {
		sub.in.hold(sub.asOf)
	}
	return sub, notice, nil
}

func (sub *Subscription) chooseTime(f store.Frontier, params []eval.Cell) error {
	latest := max(f.Upper-1, f.Since)
	spec := sub.plan.spec
	if spec.AsOf != nil {
		at, err := sub.plan.timeOf(spec.AsOf, params)
		if err != nil {
			return err
		}
		switch {
		case sub.in.constant():
			latest = store.MaxTime
		case spec.AtLeast:
			latest = max(at, f.Since)
		case at < f.Since:
			return pgerr.Compacted(sub.plan.view.Era, at, f.Since, sub.in.name())
		default:
			latest = at
		}
	}
	if sub.in.constant() {
		latest = store.MaxTime
		if !sub.bounded {
			sub.upTo = store.MaxTime
		}
	}
	sub.asOf = latest
	return nil
}

// Close lets the history go that the subscription needed.
func (sub *Subscription) Close() { sub.in.close() }

// Poll returns what there is to send now, possibly nothing; Done tells the
// end. Events can come together with the error that follows them.
func (sub *Subscription) Poll() ([]Event, error) {
	if sub.done {
		return nil, nil
	}
	var out []Event
	if sub.first {
		sub.first = false
		if sub.plan.spec.Progress {
			out = append(out, Event{Time: sub.asOf, Progress: true})
		}
	}
	f, err := sub.in.frontier(sub.copying)
	if err != nil {
		return out, err
	}
	if !f.Ready {
		return out, nil
	}
	if sub.in.constant() {
		return sub.all(out)
	}
	upper := min(f.Upper, sub.upTo)
	if step := uint64(sub.opts.MaxBatch.Milliseconds()); step > 0 && upper > sub.frontier+step { //nolint:gosec // not negative
		upper = sub.frontier + step
	}
	if upper <= sub.frontier || sub.asOf == store.MaxTime {
		return out, nil
	}
	if out, err = sub.batch(out, upper); err != nil {
		return out, err
	}
	sub.frontier = upper
	sub.in.hold(upper - 1)
	if upper == sub.upTo && sub.bounded {
		sub.done = true // without a progress row at UP TO
	} else if sub.plan.spec.Progress {
		out = append(out, Event{Time: upper, Progress: true})
	}
	return out, nil
}

// Done reports whether every event has been returned.
func (sub *Subscription) Done() bool { return sub.done }

// Plan returns what the subscription follows.
func (sub *Subscription) Plan() *Plan { return sub.plan }

// all sends a constant input and ends.
func (sub *Subscription) all(out []Event) ([]Event, error) {
	sub.done = true
	if !sub.plan.spec.Snapshot || sub.bounded && sub.upTo < store.MaxTime {
		return out, nil
	}
	rows, err := sub.in.snapshot(store.MaxTime)
	if err != nil {
		return out, err
	}
	return sub.emit(out, store.MaxTime, rows), nil
}

// batch sends the snapshot, if it is due, and the updates before upper.
func (sub *Subscription) batch(out []Event, upper uint64) ([]Event, error) {
	from := sub.frontier
	if !sub.snapped {
		rows, err := sub.in.snapshot(sub.asOf)
		if err != nil {
			return out, err
		}
		if err := sub.tooLarge(rows); err != nil {
			return out, err
		}
		if sub.plan.spec.Snapshot {
			out = sub.emit(out, sub.asOf, rows)
		}
		sub.snapped = true
		from = sub.asOf + 1
	}
	ups, err := sub.in.updates(from, upper)
	if err != nil {
		return out, err
	}
	if limit := sub.opts.MaxBacklog; limit > 0 {
		size := int64(0)
		for _, u := range ups {
			size += int64(len(u.Row))
		}
		if size > limit {
			return out, pgerr.FellBehind(size, limit)
		}
	}
	for i := 0; i < len(ups); {
		at := ups[i].Time
		var rows []store.Counted
		for ; i < len(ups) && ups[i].Time == at; i++ {
			rows = append(rows, store.Counted{Row: ups[i].Row, N: ups[i].Diff})
		}
		out = sub.emit(out, at, rows)
	}
	return out, nil
}

func (sub *Subscription) tooLarge(rows []store.Counted) error {
	limit := sub.opts.MaxResultSize
	if limit == 0 {
		return nil
	}
	size := int64(0)
	for _, r := range rows {
		size += int64(len(r.Row))
	}
	if size > limit {
		return pgerr.ResultSize(fmt.Sprintf("%.1f MiB", float64(limit)/(1<<20)))
	}
	return nil
}

// sortLimit is up to how many rows a timestamp is sorted before it is
// shuffled, so that its order depends on the seed alone.
const sortLimit = 100_000

// emit sends the rows of one time in the envelope's form and order.
func (sub *Subscription) emit(out []Event, at uint64, rows []store.Counted) []Event {
	if sub.plan.spec.Envelope == sqlparse.EnvelopeUpsert {
		return sub.upsert(out, at, rows)
	}
	if len(rows) <= sortLimit {
		slices.SortFunc(rows, func(a, b store.Counted) int { return strings.Compare(string(a.Row), string(b.Row)) })
	}
	rnd := rand.New(rand.NewPCG(sub.opts.Seed, at)) //nolint:gosec // repeatable on purpose
	rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, r := range rows {
		out = append(out, Event{Time: at, Diff: r.N, Row: r.Row})
	}
	return out
}

// upsert makes one event of each key, by ascending key.
func (sub *Subscription) upsert(out []Event, at uint64, rows []store.Counted) []Event {
	slices.SortFunc(rows, func(a, b store.Counted) int {
		if c := sub.compareKeys(a.Row, b.Row); c != 0 {
			return c
		}
		return int(max(min(a.N, 1), -1) - max(min(b.N, 1), -1)) // negatives first
	})
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && sub.compareKeys(rows[i].Row, rows[j].Row) == 0 {
			j++
		}
		e := Event{Time: at, State: "key_violation", Row: rows[i].Row, KeyOnly: true}
		switch group := rows[i:j]; {
		case len(group) == 1 && group[0].N == 1:
			e.State, e.KeyOnly = "upsert", false
		case len(group) == 1 && group[0].N == -1:
			e.State = "delete"
		case len(group) == 2 && group[0].N == -1 && group[1].N == 1:
			e.State, e.KeyOnly, e.Row = "upsert", false, group[1].Row
		}
		out = append(out, e)
		i = j
	}
	return out
}

func (sub *Subscription) compareKeys(a, b relation.Row) int {
	for _, k := range sub.plan.key {
		x, okx := a.Cell(k)
		y, oky := b.Cell(k)
		switch {
		case !okx && !oky:
			continue
		case !okx:
			return 1
		case !oky:
			return -1
		}
		if c := sub.plan.cols[k].Type.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}
