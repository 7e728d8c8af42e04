package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// question is a query with the data that answers it.
type question struct{ query, variables, want string }

func (w *world) answers(questions map[string]question) {
	w.Helper()
	for name, q := range questions {
		w.Run(name, func(t *testing.T) {
			in := *w
			in.T = t
			in.equal(q.query, in.mustAsk(q.query, q.variables), q.want)
		})
	}
}

func TestOrderAndPages(t *testing.T) {
	newWorld(t, nil).answers(map[string]question{
		"order": {
			`{ trades(order_by: {price: desc}) { id } }`, "",
			`{"trades":[{"id":3},{"id":2},{"id":1},{"id":4}]}`,
		},
		"ascending nulls last": {
			`{ trades(order_by: [{price: asc}]) { id } }`, "",
			`{"trades":[{"id":4},{"id":1},{"id":2},{"id":3}]}`,
		},
		"nulls where the client wants them": {
			`{ trades(order_by: {price: asc_nulls_first}) { id } z: trades(order_by: {price: desc_nulls_last}) { id } }`, "",
			`{"trades":[{"id":3},{"id":4},{"id":1},{"id":2}],"z":[{"id":2},{"id":1},{"id":4},{"id":3}]}`,
		},
		"two terms in one object keep the document's order": {
			`{ trades(order_by: {instrument_id: desc, quantity: asc}) { id } }`, "",
			`{"trades":[{"id":4},{"id":3},{"id":1},{"id":2}]}`,
		},
		"enum by position, ties by key": {
			`query ($o: [tradesOrderBy!]) { trades(order_by: $o) { id side } }`, `{"o": [{"side": "desc"}]}`,
			`{"trades":[{"id":2,"side":"sell"},{"id":1,"side":"buy"},{"id":3,"side":"buy"},{"id":4,"side":"buy"}]}`,
		},
		"single value for a list in a variable": {
			`query ($o: [tradesOrderBy!]) { trades(order_by: $o, limit: 1) { id } }`, `{"o": {"id": "desc"}}`,
			`{"trades":[{"id":4}]}`,
		},
		"page": {
			`query ($n: Int = 2) { trades(order_by: {id: asc}, limit: $n, offset: 1) { id } }`, "",
			`{"trades":[{"id":2},{"id":3}]}`,
		},
		"page without order is by key": {`{ trades(limit: 2) { id } }`, "", `{"trades":[{"id":1},{"id":2}]}`},
		"limit 0":                      {`{ trades(limit: 0) { id } }`, "", `{"trades":[]}`},
		"offset beyond the end":        {`{ trades(offset: 9) { id } }`, "", `{"trades":[]}`},
	})
}

func TestQueries(t *testing.T) {
	newWorld(t, nil).answers(map[string]question{
		"null arguments": {
			`{ trades(where: null, limit: null, order_by: null, offset: 3) { id } }`, "", `{"trades":[{"id":4}]}`,
		},
		"where variable null is no filter": {
			`query ($w: tradesExpression) { trades(where: $w, offset: 3) { id } }`, `{"w": null}`, `{"trades":[{"id":4}]}`,
		},
		"absent variables": {
			`query ($w: tradesExpression, $n: Int, $i: Int) { trades(where: $w, limit: $n, offset: 3) { id } y: trades(where: {id: {_eq: $i}}, offset: 3) { id } }`,
			"", `{"trades":[{"id":4}],"y":[{"id":4}]}`,
		},
		"list coercion": {
			`query ($i: [Int!]) { trades(where: {id: {_in: 2}}) { id } y: trades(where: {id: {_in: $i}}) { id } z: trades(where: {_or: {id: {_eq: 1}, side: {_eq: sell}}}) { id } }`,
			`{"i": 3}`, `{"trades":[{"id":2}],"y":[{"id":3}],"z":[]}`,
		},
		"fragments, directives, typename": {
			`query ($no: Boolean = false) { __typename x: trades(where: {id: {_eq: 1}}) { __typename ...F k: _key id @include(if: $no) ... on trades { q: quantity } ... @skip(if: $no) { side } } }
			 fragment F on trades { price, again: price }`, "",
			`{"__typename":"Query","x":[{"__typename":"trades","price":1.5,"again":1.5,"k":"1","q":5,"side":"buy"}]}`,
		},
		"root fragments and aliases": {
			`{ ...R b: trades_by_pk(id: 2) { id } } fragment R on Query { a: trades_by_pk(id: 1) { id } none: trades_by_pk(id: 99) { id } }`, "",
			`{"a":{"id":1},"none":null,"b":{"id":2}}`,
		},
		"fields merge": {
			`{ trades_by_pk(id: 1) { id } trades_by_pk(id: 1) { side } }`, "", `{"trades_by_pk":{"id":1,"side":"buy"}}`,
		},
		"by key, variable": {
			`query ($i: Int!) { trades_by_pk(id: $i) { side } }`, `{"i": 2}`, `{"trades_by_pk":{"side":"sell"}}`,
		},
		"composite key, normalized": {
			`{ wide_one_by_pk(an_id: "0A0B0C0D-0000-0000-0000-000000000002", big_one: "09007199254740992") { _key text_ } }`, "",
			`{"wide_one_by_pk":{"_key":"[\"0a0b0c0d-0000-0000-0000-000000000002\",\"9007199254740992\"]","text_":"two"}}`,
		},
	})
}

func TestOperationName(t *testing.T) {
	w := newWorld(t, nil)
	p := params(t, `query A { trades(limit: 0) { id } } query B { __typename }`, "")
	p.OperationName = "B"
	op, errs := w.exec.CreateOperationContext(t.Context(), p)
	if errs != nil {
		t.Fatal(errs)
	}
	handler, _ := w.exec.DispatchOperation(t.Context(), op)
	w.equal("B", string(handler(t.Context()).Data), `{"__typename":"Query"}`)
}

// TestPrecision sends numbers that a float64 cannot hold, by every way.
func TestPrecision(t *testing.T) {
	w := newWorld(t, func(m *Model) { m.CamelCase = true })
	const one, two = `{"wideOne":[{"text":"one"}]}`, `{"wideOne":[{"text":"two"}]}`
	const third = `{"wideOne":[{"text":null}]}`
	const both = `{"wideOne":[{"text":"one"},{"text":"two"}]}`
	w.answers(map[string]question{
		"literal":                 {`{ wideOne(where: {bigOne: {_eq: 9007199254740993}}) { text } }`, "", one},
		"literal one below":       {`{ wideOne(where: {bigOne: {_eq: 9007199254740992}}) { text } }`, "", two},
		"string":                  {`{ wideOne(where: {bigOne: {_eq: "18446744073709551615"}}) { text } }`, "", third},
		"variable number":         {`query ($b: BigInt) { wideOne(where: {bigOne: {_eq: $b}}) { text } }`, `{"b": 9007199254740993}`, one},
		"variable beyond 64 bits": {`query ($b: BigInt) { wideOne(where: {bigOne: {_eq: $b}}) { text } }`, `{"b": 18446744073709551615}`, third},
		"default of a variable":   {`query ($b: BigInt = 9007199254740993) { wideOne(where: {bigOne: {_eq: $b}}) { text } }`, "", one},
		"whole variable": {
			`query ($w: WideOneExpression) { wideOne(where: $w) { text } }`, `{"w": {"bigOne": {"_in": [9007199254740993]}}}`, one,
		},
		"decimal":          {`{ wideOne(where: {amount: {_eq: 0.3}}, orderBy: {n: asc}) { text } }`, "", both},
		"decimal, zeros":   {`{ wideOne(where: {amount: {_eq: "0.300"}}, orderBy: {n: asc}) { text } }`, "", both},
		"decimal is exact": {`{ wideOne(where: {amount: {_eq: 0.30000000000000000001}}) { text } }`, "", `{"wideOne":[]}`},
		"decimal, long": {
			`{ wideOne(where: {amount: {_gt: 123456789012345678901234567890.4, _lt: "123456789012345678901234567890.6"}}) { text } }`, "", third,
		},
		"decimal variable, long": {
			`query ($d: Decimal!) { wideOne(where: {amount: {_eq: $d}}) { text } }`, `{"d": 123456789012345678901234567890.5}`, third,
		},
		"by key": {
			`{ wideOne: wideOneByPk(anId: "0a0b0c0d-0000-0000-0000-000000000001", bigOne: 9007199254740993) { bigOne amount } }`, "",
			`{"wideOne":{"bigOne":"9007199254740993","amount":"0.3"}}`,
		},
		"order by an exact number": {
			`{ wideOne(orderBy: {bigOne: asc}) { bigOne } }`, "",
			`{"wideOne":[{"bigOne":"9007199254740992"},{"bigOne":"9007199254740993"},{"bigOne":"18446744073709551615"}]}`,
		},
		"JSON": {
			`query ($j: JSON) { wideOne(where: {doc: {_contains: {a: {b: 1}}}}) { text } y: wideOne(where: {doc: {_contains: $j}}) { text } z: wideOne(where: {doc: {_has_key: "a"}}) { doc } }`,
			`{"j": [1]}`, `{"wideOne":[{"text":"one"}],"y":[{"text":"two"}],"z":[{"doc":{"a":{"b":1}}}]}`,
		},
		"times": {
			`{ wideOne(where: {at: {_eq: "2026-01-02T04:04:05.678+01:00"}, onDay: {_lte: "2026-01-02"}, atTime: {_lt: "03:04:06"}}) { at onDay atTime } }`, "",
			`{"wideOne":[{"at":"2026-01-02T03:04:05.678Z","onDay":"2026-01-02","atTime":"03:04:05"}]}`,
		},
	})
}

func TestStringScalars(t *testing.T) {
	w := newWorld(t, func(m *Model) { m.StringScalars = true })
	w.equal("string scalars",
		w.mustAsk(`{ wide_one(where: {big_one: {_gt: "9007199254740992"}, doc: {_eq: "{\"a\":{\"b\":1}}"}}) { big_one amount at_ doc list ratio } }`, ""),
		`{"wide_one":[{"big_one":"9007199254740993","amount":"0.3","at_":"2026-01-02T03:04:05.678Z","doc":"{\"a\":{\"b\":1}}","list":"[1,2]","ratio":0.1}]}`)
}

// TestKeysOfManyTexts looks rows up by keys whose values have several texts.
func TestKeysOfManyTexts(t *testing.T) {
	s := style(false, &relation.Schema{Key: []int{0, 1, 2}, Columns: []relation.Column{
		column("at", relation.Timestamp), column("amount", relation.Decimal), column("flag", relation.Boolean),
	}})
	f := newFeed(t, s, cells("2026-01-02 03:04:05.5+00", "1.50", "t"), cells("2026-01-02 03:04:06+00", "1.50", "f"))
	w := newWorld(t, func(m *Model) {
		m.Sources = []Source{{Name: "odd", Base: "odd", Schema: s, Feed: f}}
	})
	w.equal("by values", w.mustAsk(`{ odd_by_pk(at: "2026-01-02T04:04:05.500+01:00", amount: 1.5, flag: true) { amount flag } }`, ""),
		`{"odd_by_pk":{"amount":"1.50","flag":true}}`)
	w.equal("no such row", w.mustAsk(`{ odd_by_pk(at: "2026-01-02T03:04:05.5Z", amount: 1.5, flag: false) { flag } }`, ""),
		`{"odd_by_pk":null}`)
	w.refused(`{ odd_by_pk(at: "yesterday", amount: 1.5, flag: true) { flag } }`, "", codeBadInput, "at:", "yesterday")
}

func TestRowLimit(t *testing.T) {
	w := newWorld(t, func(m *Model) { m.Limits.QueryRows = 3 })
	w.refused(`{ trades { id } }`, "", codeTooMany, "4 rows", "3", "limits.query_rows", "limit")
	w.mustAsk(`{ trades(limit: 3) { id } }`, "")
	w.mustAsk(`{ trades(offset: 1) { id } }`, "")
	w.refused(`{ a: trades(limit: 2) { id } b: trades(limit: 2) { id } }`, "", codeTooMany)
}

func TestSources(t *testing.T) {
	w := newWorld(t, func(m *Model) {
		m.CamelCase = true
		m.Sources = []Source{{
			Name: "late_one", Base: "lateOne", Backend: "postgres",
			Status: func() feed.Status { return feed.Status{State: feed.Failed, Error: "relation late_one does not exist"} },
		}}
	})
	got := w.mustAsk(`{ sources { __typename name field typePrefix backend state error rows subscribers timestamp asOf primaryKey } }`, "")
	w.equal("sources", got, `{"sources":[`+
		`{"__typename":"Source","name":"trades","field":"trades","typePrefix":"Trades","backend":"materialize","state":"LIVE","error":null,"rows":4,"subscribers":0,"timestamp":"1000","asOf":"2026-01-02T03:04:05.678Z","primaryKey":["id"]},`+
		`{"__typename":"Source","name":"wide_one","field":"wideOne","typePrefix":"WideOne","backend":"postgres","state":"LIVE","error":null,"rows":3,"subscribers":0,"timestamp":"1000","asOf":"2026-01-02T03:04:05.678Z","primaryKey":["anId","bigOne"]},`+
		`{"__typename":"Source","name":"late_one","field":"lateOne","typePrefix":"LateOne","backend":"postgres","state":"FAILED","error":"relation late_one does not exist","rows":0,"subscribers":0,"timestamp":null,"asOf":null,"primaryKey":[]}]}`)
	got = w.mustAsk(`{ sources { lag columns { name databaseName type nullable key enumValues } } }`, "")
	for _, part := range []string{
		`"lag":`,
		`{"name":"id","databaseName":"id","type":"Integer","nullable":false,"key":true,"enumValues":null}`,
		`{"name":"side","databaseName":"side","type":"side","nullable":true,"key":false,"enumValues":["buy","sell"]}`,
		`{"name":"executedAt","databaseName":"executed_at","type":"Timestamp","nullable":true,"key":false,"enumValues":null}`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s\nis missing in %s", part, got)
		}
	}
	if strings.Contains(w.exec.SDL(), "lateOne") {
		t.Error("a source without columns is in the typed schema")
	}
}

func TestNoSourceAtAll(t *testing.T) {
	e, err := New(Model{})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Subscription", "Mutation", "Encoded", "internal", "FrameKind", "OrderBy"} {
		if strings.Contains(e.SDL(), word) {
			t.Errorf("the empty schema holds %s:\n%s", word, e.SDL())
		}
	}
	w := &world{T: t, exec: e}
	w.equal("sources", w.mustAsk(`{ sources { name } }`, ""), `{"sources":[]}`)
	w.refused(`subscription { trades { id } }`, "", codeValidation)
}

func TestNotReady(t *testing.T) {
	s := style(false, trades())
	f := feed.New(s, feed.Config{QueryWait: 1})
	t.Cleanup(f.Close)
	w := newWorld(t, func(m *Model) { m.Sources = []Source{{Name: "slow", Base: "slow", Schema: s, Feed: f}} })
	e := w.refusal(`{ x: slow { id } }`, "", feed.CodeNotReady)
	if e.Path.String() != "x" {
		t.Errorf("path is %v", e.Path)
	}
	w.refused(`{ slow_by_pk(id: 1) { id } }`, "", feed.CodeNotReady)
}

func TestManySourcesOfAnyName(t *testing.T) {
	var sources []Source
	for _, name := range []string{"rows", "row", "updates", "changes", "core", "Encoded", "Exact", "internal", "Input"} {
		s := style(false, trades())
		sources = append(sources, Source{Name: name, Base: name, Schema: s, Feed: newFeed(t, s, tradeRows()...)})
	}
	w := newWorld(t, func(m *Model) { m.Sources = sources })
	for _, s := range sources {
		w.equal(s.Name, w.mustAsk(fmt.Sprintf(`{ x: %s(limit: 1) { __typename } }`, s.Name), ""),
			fmt.Sprintf(`{"x":[{"__typename":%q}]}`, s.Name))
		if sink, errs := w.viaSink(fmt.Sprintf(`subscription { %s { operation } }`, s.Name), ""); errs != nil || sink.Source != s.Name {
			t.Errorf("subscription to %s: %v, sink of %q", s.Name, errs, sink.Source)
		}
	}
}
