package graph

import (
	"testing"
)

// TestTheSameOperation: operations that mean the same share a view and its
// encoded bytes, however their documents are written.
func TestTheSameOperation(t *testing.T) {
	w := newWorld(t, nil)
	const rows = `{ operation data { id side price } fields }`
	for name, group := range map[string][][2]string{
		"rows": {
			{`subscription { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) ` + rows + ` }`, ""},
			{`subscription Named { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) ` + rows + ` }`, ""},
			{"subscription Other # words\n { trades(where: {quantity: {_gt: 10}, side: {_in: [buy]}}, snapshot: true, max_rate: null) " + rows + ` }`, ""},
			{`subscription ($s: side!, $q: Int!) { trades(where: {side: {_eq: $s}, quantity: {_gt: $q}}) ` + rows + ` }`, `{"s": "buy", "q": 10}`},
			{`subscription ($a: side!, $b: Int = 10, $absent: Int) { trades(where: {_and: [{side: {_eq: $a}}, {quantity: {_gt: $b, _lt: $absent}}]}) ` + rows + ` }`, `{"a": "buy"}`},
			{`subscription ($w: tradesExpression) { trades(where: $w) ` + rows + ` }`, `{"w": {"quantity": {"_gt": 10}, "side": {"_eq": "buy"}, "_and": []}}`},
			{
				`subscription { ...S } fragment S on Subscription { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) { ...U fields } }
					fragment U on tradesUpdate { operation data { ...R price } } fragment R on trades { ... { id } side @include(if: true) }`, "",
			},
			{
				`subscription ($yes: Boolean = true) { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) { operation data { id } data { side price __typename @skip(if: $yes) } fields @include(if: $yes) } }`, "",
			},
		},
		"changes": {
			{`subscription { trades_changes(where: {price: {_eq: 1.5}}) { kind changes { data { id } } } }`, ""},
			{`subscription A($p: Float) { trades_changes(where: {price: {_eq: $p}}, resume_from: "") { kind changes { data { id } } } }`, `{"p": 1.50}`},
			{`subscription B($n: Int) { trades_changes(where: {price: {_in: [1.50, 1.5]}}, max_rows: $n) { ...F } } fragment F on tradesChanges { kind changes { data { id } } }`, ""},
		},
		"columns": {
			{`subscription { trades_columns(where: {}) { cursor upserts { id } } }`, ""},
			{`subscription X { trades_columns(numbers: EXACT) { cursor upserts { id } } }`, ""},
			{`subscription ($n: NumberFormat = EXACT, $w: tradesExpression) { trades_columns(numbers: $n, where: $w) { ...F } } fragment F on tradesColumns { cursor ... on tradesColumns { upserts { id } } }`, `{"w": null}`},
			{`subscription ($n: NumberFormat) { trades_columns(numbers: $n, where: {_and: [{}]}) { cursor upserts { id } } }`, `{"n": null}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := *w
			in.T = t
			id, filter := in.identity(group[0])
			for _, request := range group[1:] {
				i, f := in.identity(request)
				in.equal(request[0]+": filter", f, filter)
				in.equal(request[0]+": encoder", i, id)
			}
		})
	}
}

// TestNotTheSameOperation: what the bytes depend on is in the encoder's name.
func TestNotTheSameOperation(t *testing.T) {
	w := newWorld(t, nil)
	seen := map[string]string{}
	for _, query := range []string{
		`subscription { trades_columns { kind upserts { id price } } }`,
		`subscription { trades_columns { kind upserts { price id } } }`,
		`subscription { trades_columns(numbers: NUMBER) { kind upserts { id price } } }`,
		`subscription { x: trades_columns { kind upserts { id price } } }`,
		`subscription { trades_columns { kind upserts { id x: price } } }`,
		`subscription { trades_columns { kind } }`,
		`subscription { trades_changes { kind } }`,
		`subscription { wide_one_columns { kind } }`,
	} {
		id, _ := w.identity([2]string{query, ""})
		if other := seen[id]; other != "" {
			t.Errorf("%s\nhas the encoder of %s", query, other)
		}
		seen[id] = query
	}
}

// identity returns what a subscription's encoded bytes are shared by.
func (w *world) identity(request [2]string) (encoder, filter string) {
	w.Helper()
	sink, errs := w.viaSink(request[0], request[1])
	if errs != nil {
		w.Fatalf("%s: %v", request[0], errs)
	}
	return sink.options.Encoder.ID(), sink.options.Where.Canonical()
}
