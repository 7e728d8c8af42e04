package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger/machine"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/guard"
)

// bench is a feed, a store and an engine in a synctest bubble.
type bench struct {
	*testing.T
	store  *memory
	feed   *feed.Feed
	engine *Engine
	opts   Options
	time   uint64
}

// run runs f in a bubble, over a live source with these rows.
func run(t *testing.T, o Options, rows []relation.Row, f func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, store: newMemory(), feed: feed.New(testSchema(), feed.Config{UndoBytes: 64 << 10}), opts: o, time: 1}
		defer b.feed.Close()
		b.feed.SetState(feed.Live, "")
		must(t, b.feed.Load(rows))
		must(t, b.feed.Commit(relation.Frontier{Time: 1, Wall: worldStart}))
		b.open()
		defer func() { b.engine.Close() }()
		f(b)
	})
}

func (b *bench) open() {
	b.Helper()
	e, err := Open(b.Context(), b.store, b.opts)
	must(b, err)
	b.engine = e
	e.Attach("rows", b.feed, testShape())
	synctest.Wait()
}

func (b *bench) reopen(between func()) {
	b.Helper()
	b.engine.Close()
	between()
	b.open()
}

// put brings rows to the feed, id=value, "-" for NULL and nothing behind = for
// no row any more, and lets the engine take them in.
func (b *bench) put(rows ...string) {
	b.Helper()
	b.push(rows...)
	synctest.Wait()
}

func (b *bench) push(rows ...string) {
	b.Helper()
	b.time++
	fr := relation.Frontier{Time: b.time, Wall: worldStart + int64(b.time)*1000}
	batch := relation.Batch{Time: fr.Time, Wall: fr.Wall}
	for _, r := range rows {
		id, value, _ := strings.Cut(r, "=")
		c := relation.Change{Op: relation.Put, New: row(id, value)}
		if value == "" {
			c = relation.Change{Op: relation.Remove, Old: row(id, "0")}
		}
		batch.Changes = append(batch.Changes, c)
	}
	must(b, b.feed.Apply([]relation.Batch{batch}, fr))
}

func row(id, value string) relation.Row {
	side := "buy"
	if value == "-" {
		return relation.Cells(&id, nil, &side)
	}
	return relation.Texts(id, value, side)
}

func (b *bench) create(in spec.Input) Info {
	b.Helper()
	if in.Webhook == "" {
		in.Webhook = "https://example.com/hook"
	}
	if in.Name == "" {
		in.Name = "big"
	}
	info, err := b.engine.Create(b.Context(), "rows", in)
	must(b, err)
	synctest.Wait()
	return info
}

// told wants what was told since the last call: "FIRE 1".
func (b *bench) told(want ...string) []webhook.Transition {
	b.Helper()
	synctest.Wait()
	events := b.store.take()
	var got []string
	for _, t := range events {
		got = append(got, t.Kind.String()+" "+t.Key)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		b.Errorf("told %v, want %v", got, want)
	}
	return events
}

func (b *bench) fails(err error, code, text string) {
	b.Helper()
	e, ok := errors.AsType[*spec.Error](err)
	if !ok || e.Code != code || !strings.Contains(e.Text, text) {
		b.Errorf("error %v (%+v), want %s with %q", err, e, code, text)
	}
}

func over(n int) map[string]any  { return map[string]any{"value": map[string]any{"_gt": n}} }
func under(n int) map[string]any { return map[string]any{"value": map[string]any{"_lt": n}} }

func TestPayload(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Name: `say "big"`, Fire: over(10)})
		b.create(spec.Input{Name: "value only", Fire: over(10), Fields: []string{"value"}})
		b.create(spec.Input{Name: "other order", Fire: over(10), Fields: []string{"side", "id"}})
		b.put("7=11")
		b.put("7=")
		var got []string
		for _, e := range b.told("CLEAR 7", "CLEAR 7", "CLEAR 7", "FIRE 7", "FIRE 7", "FIRE 7") {
			if !strings.HasPrefix(string(e.Body), `{"event_id":"`+e.ID+`",`) || len(e.ID) != 36 {
				b.Errorf("id %s of %s", e.ID, e.Body)
			}
			got = append(got, strings.Replace(string(e.Body), e.ID, "", 1))
			if !json.Valid(e.Body) {
				b.Errorf("not JSON: %s", e.Body)
			}
		}
		slices.Sort(got)
		head := `{"event_id":"","event_type":`
		want := []string{
			head + `"CLEAR","trigger_name":"other order","timestamp":"2023-11-14T22:13:20.003Z","data":{"id":7,"side":null}}`,
			head + `"CLEAR","trigger_name":"say \"big\"","timestamp":"2023-11-14T22:13:20.003Z","data":{"id":7,"value":null,"side":null}}`,
			head + `"CLEAR","trigger_name":"value only","timestamp":"2023-11-14T22:13:20.003Z","data":{"value":null}}`,
			head + `"FIRE","trigger_name":"other order","timestamp":"2023-11-14T22:13:20.002Z","data":{"id":7,"side":"buy"}}`,
			head + `"FIRE","trigger_name":"say \"big\"","timestamp":"2023-11-14T22:13:20.002Z","data":{"id":7,"value":11,"side":"buy"}}`,
			head + `"FIRE","trigger_name":"value only","timestamp":"2023-11-14T22:13:20.002Z","data":{"value":11}}`,
		}
		if !slices.Equal(got, want) {
			b.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestMatchedAtCreation(t *testing.T) {
	rows := []relation.Row{row("1", "11"), row("2", "3")}
	run(t, Options{}, rows, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		b.create(spec.Input{Name: "snapshot", Fire: over(10), Snapshot: true})
		b.told("FIRE 1") // of snapshot alone
		b.put("1=12", "2=11")
		b.told("FIRE 2", "FIRE 2")
		b.put("1=-") // a null is not true
		b.told("CLEAR 1")
		b.put("1=11")
		b.told("FIRE 1", "FIRE 1")
	})
}

func TestRefusedInput(t *testing.T) {
	o := Options{
		Check: func(_ context.Context, url string, private bool) error {
			if strings.Contains(url, "10.0.0.1") && !private {
				return &guard.RefusedError{Target: "10.0.0.1", Why: "it is private", Hint: "set WEBHOOK_ALLOW"}
			}
			if strings.Contains(url, "nowhere") {
				return fmt.Errorf("nowhere: %w", guard.ErrUnreachable)
			}
			return nil
		},
	}
	run(t, o, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		hook := "https://example.com/x"
		for _, c := range []struct {
			name, code, text string
			in               spec.Input
		}{
			{"duplicate", spec.CodeExists, "big", spec.Input{Name: "big", Webhook: hook, Fire: over(1)}},
			{"no name", spec.CodeInput, "name", spec.Input{Name: " ", Webhook: hook, Fire: over(1)}},
			{"line break", spec.CodeInput, "name", spec.Input{Name: "a\nb", Webhook: hook, Fire: over(1)}},
			{"no fire", spec.CodeInput, "fire: it is missing", spec.Input{Name: "x", Webhook: hook}},
			{"empty fire", spec.CodeInput, "fire: it is empty", spec.Input{Name: "x", Webhook: hook, Fire: map[string]any{}}},
			{"true fire", spec.CodeInput, "fire: it is empty", spec.Input{Name: "x", Webhook: hook, Fire: map[string]any{"_and": []any{}}}},
			{"column", spec.CodeInput, "fire.valeu: no such column", spec.Input{Name: "x", Webhook: hook, Fire: map[string]any{"valeu": map[string]any{"_gt": 1}}}},
			{"clear", spec.CodeInput, "clear.value._gt", spec.Input{Name: "x", Webhook: hook, Fire: over(1), Clear: map[string]any{"value": map[string]any{"_gt": "a"}}}},
			{"no URL", spec.CodeInput, "webhook: it is empty", spec.Input{Name: "x", Fire: over(1)}},
			{"not http", spec.CodeInput, "https://", spec.Input{Name: "x", Webhook: "ftp://example.com", Fire: over(1)}},
			{"no host", spec.CodeInput, "names no host", spec.Input{Name: "x", Webhook: "http:///x", Fire: over(1)}},
			{"garbage", spec.CodeInput, "no URL", spec.Input{Name: "x", Webhook: "http://a b:p@ss/%", Fire: over(1)}},
			{"target", spec.CodeRefused, "WEBHOOK_ALLOW", spec.Input{Name: "x", Webhook: "http://10.0.0.1/", Fire: over(1)}},
			{"unreachable", spec.CodeInput, "cannot be resolved", spec.Input{Name: "x", Webhook: "http://nowhere/", Fire: over(1)}},
			{"user", spec.CodeInput, "use a header", spec.Input{Name: "x", Webhook: "http://u:p@ss@example.com/", Fire: over(1)}},
			{"secret", spec.CodeInput, "whsec_", spec.Input{Name: "x", Webhook: hook, Fire: over(1), Secrets: []string{"hunter2"}}},
			{"timeout", spec.CodeInput, "timeout: 10m0s is not between 100ms and 5m0s", spec.Input{Name: "x", Webhook: hook, Fire: over(1), Timeout: 10 * time.Minute}},
			{"negative", spec.CodeInput, "for", spec.Input{Name: "x", Webhook: hook, Fire: over(1), For: -1}},
			{"field", spec.CodeInput, `fields: no such column: "nope"`, spec.Input{Name: "x", Webhook: hook, Fire: over(1), Fields: []string{"nope"}}},
			{"no fields", spec.CodeInput, "fields: the list is empty", spec.Input{Name: "x", Webhook: hook, Fire: over(1), Fields: []string{}}},
			{"header", spec.CodeInput, "Webhook-Id", spec.Input{Name: "x", Webhook: hook, Fire: over(1), Header: map[string]string{"Webhook-Id": "1"}}},
			{"injection", spec.CodeInput, "control", spec.Input{Name: "x", Webhook: hook, Fire: over(1), Header: map[string]string{"X": "a\r\nB: c"}}},
		} {
			_, err := b.engine.Create(b.Context(), "rows", c.in)
			b.Log(c.name)
			b.fails(err, c.code, c.text)
			if err != nil && strings.Contains(err.Error(), "hunter2") || strings.Contains(fmt.Sprint(err), "p@ss") {
				b.Errorf("%s shows a secret: %v", c.name, err)
			}
		}
		if n := len(b.engine.List("rows")); n != 1 || len(b.store.docs) != 1 {
			b.Errorf("%d triggers, %d stored", n, len(b.store.docs))
		}
	})
}

func TestDisabled(t *testing.T) {
	e, err := Open(t.Context(), nil, Options{Disabled: "ask gateway-1"})
	must(t, err)
	defer e.Close()
	_, err = e.Create(t.Context(), "rows", spec.Input{})
	if te, ok := errors.AsType[*spec.Error](err); !ok || te.Code != spec.CodeDisabled || te.Text != "ask gateway-1" {
		t.Error(err)
	}
	if e.Declare(t.Context(), "rows", []spec.Input{{Name: "x"}}) != nil || e.List("rows") != nil {
		t.Error("a disabled engine has triggers")
	}
}

func TestRestartTellsLateOnce(t *testing.T) {
	run(t, Options{}, []relation.Row{row("1", "11")}, func(b *bench) {
		b.create(spec.Input{Fire: over(10), Clear: under(5)})
		b.put("2=11", "3=11", "4=11")
		b.told("FIRE 2", "FIRE 3", "FIRE 4")
		b.reopen(func() { b.push("2=7", "3=1", "4=", "5=20", "1=20") })
		events := b.told("CLEAR 3", "CLEAR 4", "FIRE 5")
		for _, e := range events {
			if e.Key == "4" && !strings.Contains(string(e.Body), `"data":{"id":4,"value":null,"side":null}`) {
				b.Errorf("a row that is gone: %s", e.Body)
			}
		}
		b.reopen(func() {})
		b.told()
		b.put("1=0", "2=0")
		b.told("CLEAR 2")
	})
}

func TestUpdate(t *testing.T) {
	run(t, Options{}, []relation.Row{row("0", "11")}, func(b *bench) {
		b.create(spec.Input{Fire: over(10), Clear: under(5)})
		b.put("1=11", "2=20", "3=7")
		b.told("FIRE 1", "FIRE 2")
		id := b.engine.List("rows")[0].ID
		_, err := b.engine.Update(b.Context(), "rows", "big", spec.Patch{Webhook: spec.Some("https://example.com/new"), Fields: spec.Some([]string{"id"})})
		must(b, err)
		b.told()
		b.put("1=12")
		b.told()
		if p, ok := b.engine.Endpoint(id); !ok || p.URL != "https://example.com/new" {
			b.Errorf("endpoint %+v", p)
		}
		// 1 is over, 2 goes on, 3 begins to match: that is no news.
		_, err = b.engine.Update(b.Context(), "rows", "big", spec.Patch{
			Fire: spec.Some[any](map[string]any{"value": map[string]any{"_in": []any{7, 20}}}), Clear: spec.Some[any](nil),
		})
		must(b, err)
		b.told("CLEAR 1")
		b.put("2=1", "3=1")
		b.told("CLEAR 2")
		b.put("3=7")
		b.told("FIRE 3")
		_, err = b.engine.Update(b.Context(), "rows", "nope", spec.Patch{})
		b.fails(err, spec.CodeNotFound, "nope")
		_, err = b.engine.Update(b.Context(), "rows", "big", spec.Patch{Fire: spec.Some[any](map[string]any{})})
		b.fails(err, spec.CodeInput, "empty")
	})
}

func TestPauseStopResumeDelete(t *testing.T) {
	changed := 0
	run(t, Options{Changed: func(string) { changed++ }}, nil, func(b *bench) {
		id := b.create(spec.Input{Fire: over(10)}).ID
		b.put("1=11")
		b.told("FIRE 1")
		info, err := b.engine.Pause(b.Context(), "rows", "big")
		must(b, err)
		if p, _ := b.engine.Endpoint(id); info.State != Paused || !p.Paused {
			b.Errorf("paused: %+v, %+v", info, p)
		}
		synctest.Wait()
		if n, _ := b.feed.Demand(); n != 0 {
			b.Errorf("a source without work has demand %d", n)
		}
		b.put("1=1", "2=11", "3=11")
		b.put("3=1")
		_, err = b.engine.Test(b.Context(), "rows", "big")
		b.fails(err, spec.CodeInput, "paused")
		b.told()
		_, err = b.engine.Resume(b.Context(), "rows", "big")
		must(b, err)
		b.told("CLEAR 1", "FIRE 2")
		before := changed
		b.engine.Gone(id)
		synctest.Wait()
		if i, _ := b.engine.Get("rows", "big"); i.State != Stopped || !strings.Contains(i.Problem, "410 Gone") || changed != before+1 {
			b.Errorf("stopped: %+v", i)
		}
		b.reopen(func() { b.push("2=1") })
		b.told()
		_, err = b.engine.Resume(b.Context(), "rows", "big")
		must(b, err)
		b.told("CLEAR 2")
		was, err := b.engine.Delete(b.Context(), "rows", "big")
		must(b, err)
		b.put("1=12")
		b.told()
		if was.ID != id || len(b.store.docs)+len(b.store.rows) != 0 {
			b.Errorf("left: %v %v", b.store.docs, b.store.rows)
		}
		if again := b.create(spec.Input{Fire: over(10)}); again.ID == id {
			b.Error("a trigger that is created again has the same id")
		}
	})
}

func TestFileOwnsItsTriggers(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Name: "mine", Fire: over(10)})
		ins := []spec.Input{
			{Name: "a", Webhook: "http://localhost/", Fire: over(10)},
			{Name: "b", Webhook: "http://localhost/", Fire: over(10)},
			{Name: "mine", Webhook: "http://localhost/", Fire: over(10)},
		}
		b.put("1=11")
		b.told("FIRE 1")
		must(b, b.engine.Declare(b.Context(), "rows", ins))
		b.told()
		if i, _ := b.engine.Get("rows", "mine"); i.Origin != spec.File {
			b.Errorf("the file did not take over: %+v", i)
		}
		p, _ := b.engine.Endpoint(b.engine.List("rows")[0].ID)
		if !p.Private {
			b.Error("the file's triggers may reach private addresses")
		}
		_, err := b.engine.Delete(b.Context(), "rows", "a")
		b.fails(err, spec.CodeOwned, "schema.yaml")
		_, err = b.engine.Resume(b.Context(), "rows", "a")
		b.fails(err, spec.CodeOwned, "schema.yaml")
		if p, _ := b.engine.Endpoint("nope"); p.URL != "" {
			b.Error("an endpoint of nothing")
		}
		docs := fmt.Sprint(b.store.docs)
		ins = append(ins[:1:1], ins[2], spec.Input{Name: "bad", Webhook: "http://localhost/", Fire: map[string]any{"x": 1}})
		b.reopen(func() {})
		err = b.engine.Declare(b.Context(), "rows", ins)
		if err == nil || !strings.Contains(err.Error(), "trigger bad of source rows: fire.x: no such column") {
			b.Error(err)
		}
		if len(b.store.docs) != 2 || !strings.Contains(docs, fmt.Sprint(b.store.docs)[4:40]) {
			b.Errorf("%d definitions left, or others than before", len(b.store.docs))
		}
		b.put("1=1")
		b.told("CLEAR 1") // mine's: a and b took 1 for granted
	})
}

func TestStoreThatFails(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		fails := 3
		b.store.refuse = func([]webhook.Transition) (int, error) {
			if fails--; fails >= 0 {
				return 0, errors.New("disk full")
			}
			return 0, nil
		}
		b.put("1=11")
		b.put("1=1") // it has not been read yet
		b.put("2=11")
		if got := b.store.take(); got != nil {
			b.Fatalf("told %v", got)
		}
		time.Sleep(time.Second)
		b.told("CLEAR 1", "FIRE 1", "FIRE 2")
	})
}

func TestConflictBeginsAnew(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		id := b.create(spec.Input{Fire: over(10)}).ID
		// Another gateway tells the same row's FIRE first, then it clears.
		_, err := b.store.Append(b.Context(), []webhook.Transition{
			{Trigger: id, Key: "1", Kind: webhook.Fire, State: machine.Status{Phase: machine.Firing, Since: worldStart}.Encode()},
		})
		must(b, err)
		b.told("FIRE 1")
		b.put("1=11", "2=11")
		time.Sleep(time.Second)
		b.told("FIRE 2")
		b.put("1=1", "2=1")
		b.told("CLEAR 1", "CLEAR 2")
	})
}

// TestTimeAlone lets upstream's clock go on while its time stands still.
func TestTimeAlone(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10), For: 5 * time.Second})
		b.put("1=11")
		b.told()
		wall := worldStart + int64(b.time)*1000
		for _, after := range []int64{4_999_999, 5_000_000} {
			must(b, b.feed.Apply(nil, relation.Frontier{Time: b.time, Wall: wall + after}))
			synctest.Wait()
		}
		if e := b.told("FIRE 1"); len(e) == 1 && e[0].Time.UnixMicro() != wall+5_000_000 {
			b.Errorf("fired at %v", e[0].Time)
		}
	})
}

func TestTooLarge(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		b.store.refuse = func(ts []webhook.Transition) (int, error) {
			for _, t := range ts {
				if len(t.Key)+len(t.Body) > 300 {
					return 0, fmt.Errorf("row: %w", webhook.ErrTooLarge)
				}
			}
			return 0, nil
		}
		b.time++
		fr := relation.Frontier{Time: b.time, Wall: worldStart}
		must(b, b.feed.Apply([]relation.Batch{{Time: fr.Time, Wall: fr.Wall, Changes: []relation.Change{
			{Op: relation.Put, New: relation.Texts("1", "11", strings.Repeat("x", 300))},
			{Op: relation.Put, New: relation.Texts("2", "11", "buy")},
			{Op: relation.Put, New: relation.Texts(strings.Repeat("3", 301), "11", "buy")},
		}}}, fr))
		time.Sleep(5 * time.Second)
		for _, e := range b.told("FIRE 1", "FIRE 2") {
			if e.Key == "1" && !strings.Contains(string(e.Body), `"data":{"id":1,"value":null,"side":null}`) {
				b.Errorf("%s", e.Body)
			}
		}
	})
}

// TestBehind has the store refuse while rows change: what stays in the undo log
// is told one by one, what does not is compared. A trigger that is created
// meanwhile begins with the rows of that moment.
func TestBehind(t *testing.T) {
	for _, c := range []struct {
		name     string
		flaps    int
		compared uint64
	}{{"a little", 50, 0}, {"more than the undo log holds", 5000, 1}} {
		t.Run(c.name, func(t *testing.T) {
			run(t, Options{}, nil, func(b *bench) {
				b.create(spec.Input{Fire: over(10)})
				var broken atomic.Bool
				broken.Store(true)
				b.store.refuse = func(ts []webhook.Transition) (int, error) {
					if broken.Load() && ts[0].Key != markKey {
						return 0, errors.New("disk full")
					}
					return 0, nil
				}
				b.put("1=11")
				for range c.flaps {
					b.push("1=1")
					b.push("1=11")
				}
				b.push("2=11")
				done := make(chan struct{})
				go func() { // begins behind all that
					defer close(done)
					b.create(spec.Input{Name: "late", Fire: over(10)})
				}()
				synctest.Wait()
				broken.Store(false)
				<-done
				synctest.Wait()
				h := b.engine.hubs["rows"]
				if h.compared.Load() != c.compared {
					b.Errorf("compared anew %d times", h.compared.Load())
				}
				fires := 0
				for _, e := range b.store.take() {
					if strings.Contains(string(e.Body), `"late"`) {
						b.Errorf("told what was before: %s", e.Body)
					}
					if e.Kind == webhook.Fire {
						fires++
					}
				}
				if want := c.flaps + 2; c.compared == 0 && fires != want || c.compared > 0 && fires != 2 {
					b.Errorf("%d FIREs of %d", fires, want)
				}
				b.put("1=1", "2=1")
				b.told("CLEAR 1", "CLEAR 2")
			})
		})
	}
}

func TestFiringAndTest(t *testing.T) {
	run(t, Options{}, []relation.Row{row("9", "3")}, func(b *bench) {
		b.create(spec.Input{Fire: over(10), Secrets: []string{"a secret of some length"}, Header: map[string]string{"X-Team": "risk"}})
		_, err := b.engine.Test(b.Context(), "rows", "big")
		must(b, err)
		events := b.told("TEST " + "test " + b.lastID())
		if !strings.Contains(string(events[0].Body), `"event_type":"TEST"`) || !strings.Contains(string(events[0].Body), `"data":{"id":9,`) {
			b.Errorf("test: %s", events[0].Body)
		}
		b.put("2=11", "1=11")
		b.told("FIRE 1", "FIRE 2")
		rows, err := b.engine.Firing(b.Context(), "rows", "big")
		must(b, err)
		if len(rows) != 2 || rows[0].Key != "1" || rows[0].Since.UnixMicro() != worldStart+2000 {
			b.Errorf("firing: %+v", rows)
		}
		info, _ := b.engine.Get("rows", "big")
		shown := fmt.Sprintf("%+v %#v", info, info)
		text, _ := json.Marshal(info)
		var logged strings.Builder
		d := b.engine.byID[info.ID].def
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "def", d, "secret", d.Secrets[0])
		if all := shown + string(text) + logged.String() + fmt.Sprintf("%v %+v %#v %s", d, d, d, d.Secrets); strings.Contains(all, "a secret of some length") {
			b.Errorf("a secret is shown: %s", all)
		}
		if s := b.engine.Stats(); len(s) != 1 || s[0] != (Stats{Source: "rows", Triggers: 1, Active: 1, Rows: 2}) {
			b.Errorf("stats %+v", s)
		}
		if info.Fired != 2 || info.Secrets != 1 || info.State != Active || info.Fire != `{"value":{"_gt":10}}` {
			b.Errorf("info %+v", info)
		}
		p, _ := b.engine.Endpoint(info.ID)
		if len(p.Secrets) != 1 || p.Secrets[0] != "a secret of some length" || p.Header["X-Team"] != "risk" {
			b.Errorf("endpoint %+v", p)
		}
	})
}

func (b *bench) lastID() string {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return b.store.told[len(b.store.told)-1].ID
}

func TestSourceThatChanged(t *testing.T) {
	run(t, Options{}, nil, func(b *bench) {
		b.create(spec.Input{Fire: over(10)})
		b.put("1=11")
		b.told("FIRE 1")
		b.engine.Close()
		other := testSchema()
		other.Columns[1].Field = "amount"
		f := feed.New(other, feed.Config{})
		defer f.Close()
		e, err := Open(b.Context(), b.store, Options{})
		must(b, err)
		defer e.Close()
		sh := testShape()
		sh.Schema = other
		e.Attach("rows", f, sh)
		i, _ := e.Get("rows", "big")
		if i.State != Broken || !strings.Contains(i.Problem, "fire.value: no such column") {
			b.Errorf("%+v", i)
		}
		must(b, func() error { _, err := e.Delete(b.Context(), "rows", "big"); return err }())
		b.engine = e
	})
}
