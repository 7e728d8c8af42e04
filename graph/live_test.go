package graph

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// body is the response body of a message from a handler.
func body(r *graphql.Response) string { return `{"data":` + string(r.Data) + `}` }

// take reads n messages through the response handler.
func (w *world) take(ctx context.Context, handler graphql.ResponseHandler, n int) []string {
	w.Helper()
	var out []string
	for range n {
		r := handler(ctx)
		if r == nil {
			w.Fatalf("the stream ended after %d messages: %v", len(out), out)
		}
		if len(r.Errors) > 0 {
			w.Fatalf("error in the stream: %v", r.Errors)
		}
		out = append(out, body(r))
	}
	return out
}

// viaSink opens a subscription as our own transports do.
func (w *world) viaSink(query, variables string) (*Sink, gqlerror.List) {
	w.Helper()
	sink := &Sink{}
	handler, errs := w.start(WithSink(w.Context(), sink), query, variables)
	if errs == nil && sink.Open == nil {
		if r := handler(w.Context()); r != nil {
			errs = r.Errors
		}
	}
	return sink, errs
}

// drain pulls all messages that are there.
func drain(tb testing.TB, c *feed.Cursor) []string {
	tb.Helper()
	var out []string
	for {
		more, err := c.Pull(pullBytes, func(m []byte) { out = append(out, string(m)) })
		if err != nil {
			tb.Fatal(err)
		}
		if !more {
			return out
		}
	}
}

func (w *world) apply(time uint64, changes ...relation.Change) {
	w.Helper()
	err := w.trades.Apply([]relation.Batch{{Time: time, Changes: changes}}, relation.Frontier{Time: time})
	if err != nil {
		w.Fatal(err)
	}
}

func TestTheOriginalsSubscription(t *testing.T) {
	for name, request := range map[string][2]string{
		"literal": {`subscription { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) { operation data { id side price } fields } }`, ""},
		"whole variable": {
			`subscription ($where: tradesExpression) { trades(where: $where) { operation data { id side price } fields } }`,
			`{"where": {"side": {"_eq": "buy"}, "quantity": {"_gt": 10}}}`,
		},
		"variables inside": {
			`subscription S($s: side!, $q: Int = 10, $absent: Int) {
				trades(where: {side: {_eq: $s}, quantity: {_gt: $q, _lt: $absent}}) { operation data { id side price } fields } }`,
			`{"s": "buy"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(m *Model) { m.StringScalars = true })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			handler, errs := w.start(ctx, request[0], request[1])
			if errs != nil {
				t.Fatal(errs)
			}
			all := `["id","instrument_id","side","quantity","price","executed_at"]`
			got := w.take(ctx, handler, 2)
			w.equal("first", got[0], `{"data":{"trades":{"operation":"INSERT","data":{"id":3,"side":"buy","price":null},"fields":`+all+`}}}`)
			w.equal("second", got[1], `{"data":{"trades":{"operation":"INSERT","data":{"id":4,"side":"buy","price":0.1},"fields":`+all+`}}}`)

			rows := tradeRows()
			enters := cells("1", "10", "buy", "50", "1.5", "2026-01-02 03:04:05+00")
			moved := cells("4", "11", "buy", "11", "0.2", "-")
			w.apply(1001, relation.Change{Op: relation.Update, Old: rows[0], New: enters},
				relation.Change{Op: relation.Update, Old: rows[3], New: moved},
				relation.Change{Op: relation.Delete, Old: rows[2]})
			live := strings.Join(w.take(ctx, handler, 3), "\n")
			for _, part := range []string{
				`{"operation":"INSERT","data":{"id":1,"side":"buy","price":1.5},"fields":` + all,
				`{"operation":"UPDATE","data":{"id":4,"side":"buy","price":0.2},"fields":["price"]`,
				`{"operation":"DELETE","data":{"id":3,"side":"buy","price":null},"fields":` + all,
			} {
				if !strings.Contains(live, part) {
					t.Errorf("%s\nis missing in\n%s", part, live)
				}
			}
			cancel()
			if r := handler(ctx); r != nil {
				t.Errorf("a message after the end: %s", body(r))
			}
		})
	}
}

// signal returns a wake function that leaves a token in c.
func signal(c chan struct{}) func() {
	return func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// warm reads a subscription's snapshot and leaves its cursor open: while a view
// is being built its first readers are told so in frames, each when it comes.
func (w *world) warm(query string) {
	w.Helper()
	sink, errs := w.viaSink(query, "")
	if errs != nil {
		w.Fatal(errs)
	}
	wake := make(chan struct{}, 1)
	c := sink.Open(signal(wake))
	w.Cleanup(c.Close)
	for got := ""; !strings.Contains(got, `"last":true`) && !strings.Contains(got, `{"data":{"`+sink.Source+`":`); {
		got += strings.Join(drain(w.T, c), "")
		if got == "" || strings.Contains(got, `"last":false`) && !strings.Contains(got, `"last":true`) {
			<-wake
		}
	}
}

func TestSinkAndHandlerGiveTheSameBytes(t *testing.T) {
	for _, query := range []string{
		`subscription { trades { operation data { _key id side price __typename } fields timestamp __typename } }`,
		`subscription { x: trades_changes(where: {id: {_lt: 3}}, max_rows: 1) {
			kind last timestamp cursor from asOf state changes { op: operation data { id } ...F } } } fragment F on tradesUpdate { fields }`,
		`subscription { x: trades_columns(where: {id: {_lt: 3}}, max_rows: 1) {
			kind last timestamp cursor from asOf state __typename upserts { ...F d: id } deletes { _key id } } } fragment F on tradesColumnSet { _key price side }`,
		`subscription { wide_one_columns(numbers: NUMBER) { kind last upserts { big_one an_id text_ amount ratio is_open at_ on_day at_time doc list side n } } }`,
		`subscription { wide_one { data { big_one an_id text_ amount ratio is_open at_ on_day at_time doc list side n } } }`,
	} {
		w := newWorld(t, nil)
		w.warm(query)
		sink, errs := w.viaSink(query, "")
		if errs != nil || sink.Open == nil {
			t.Fatalf("no sink: %v", errs)
		}
		wake := make(chan struct{}, 1)
		c := sink.Open(signal(wake))
		handler, errs := w.start(t.Context(), query, "")
		if errs != nil {
			t.Fatal(errs)
		}
		compare := func() {
			t.Helper()
			direct := drain(t, c)
			for len(direct) == 0 { // a wake-up may be stale, a missing one hangs the test
				<-wake
				direct = drain(t, c)
			}
			pulled := w.take(t.Context(), handler, len(direct))
			for i := range direct {
				w.equal("message", pulled[i], direct[i])
				if !json.Valid([]byte(direct[i])) {
					t.Errorf("not JSON: %s", direct[i])
				}
			}
		}
		compare()
		if sink.Source == "trades" {
			w.apply(1001, relation.Change{Op: relation.Put, New: cells("1", "10", "sell", "6", "1.5", "-")})
			compare()
		}
		c.Close()
	}
}

func TestSubscriptionArguments(t *testing.T) {
	w := newWorld(t, func(m *Model) { m.CamelCase = true })
	sink, errs := w.viaSink(`subscription ($s: Boolean) { trades(snapshot: $s) { data { id } } }`, `{"s": false}`)
	if errs != nil {
		t.Fatal(errs)
	}
	c := sink.Open(func() {})
	defer c.Close()
	if got := drain(t, c); len(got) != 0 {
		t.Errorf("snapshot: false answers %v", got)
	}
	w.apply(1001, relation.Change{Op: relation.Delete, Old: tradeRows()[0]})
	w.equal("live", strings.Join(drain(t, c), ""), `{"data":{"trades":{"data":{"id":1}}}}`)

	sink, errs = w.viaSink(`subscription { tradesChanges(maxRows: 2, snapshot: null) { kind last changes { data { id } } } }`, "")
	if errs != nil {
		t.Fatal(errs)
	}
	frames := sink.Open(func() {})
	defer frames.Close()
	w.equal("frames of two rows", strings.Join(drain(t, frames), ""),
		`{"data":{"tradesChanges":{"kind":"SNAPSHOT","last":false,"changes":[{"data":{"id":2}},{"data":{"id":3}}]}}}`+
			`{"data":{"tradesChanges":{"kind":"SNAPSHOT","last":true,"changes":[{"data":{"id":4}}]}}}`)

	e := w.refusal(`subscription { tradesChanges(maxRows: 0) { kind } }`, "", codeBadInput, "maxRows", "at least 1")
	if e.Extensions["argument"] != "maxRows" || e.Path.String() != "tradesChanges" || len(e.Locations) != 1 {
		t.Errorf("argument %v, path %v, locations %v", e.Extensions["argument"], e.Path, e.Locations)
	}
}

func TestOneFieldPerSubscription(t *testing.T) {
	w := newWorld(t, nil)
	for _, query := range []string{
		`subscription { trades { operation } wide_one { operation } }`,
		`subscription { a: trades { operation } b: trades { operation } }`,
		`subscription { ...F } fragment F on Subscription { trades { operation } trades_changes { kind } }`,
		`subscription { __typename }`,
		`subscription { trades { operation } __typename }`,
	} {
		w.refused(query, "", codeValidation)
		if _, errs := w.viaSink(query, ""); len(errs) == 0 {
			t.Errorf("%s passes with a sink", query)
		}
	}
	w.refused(`subscription { trades @skip(if: true) { operation } }`, "", codeValidation, "exactly one field")
	// one response key, merged from two places, is one field
	if _, errs := w.viaSink(`subscription { trades { operation } ...F } fragment F on Subscription { trades { fields } }`, ""); errs != nil {
		t.Errorf("merged fields: %v", errs)
	}
}

func TestFailedStream(t *testing.T) {
	w := newWorld(t, nil)
	handler, errs := w.start(t.Context(), `subscription { x: trades { operation } }`, "")
	if errs != nil {
		t.Fatal(errs)
	}
	w.take(t.Context(), handler, 4)
	w.trades.Close()
	r := handler(t.Context())
	if r == nil || len(r.Errors) != 1 || r.Data != nil {
		t.Fatalf("got %+v, want one error without data", r)
	}
	if e := r.Errors[0]; e.Extensions["code"] != feed.CodeClosed || e.Path.String() != "x" {
		t.Errorf("got %v %v", e, e.Extensions)
	}
	if r := handler(t.Context()); r != nil {
		t.Errorf("a message after the error: %+v", r)
	}
}
