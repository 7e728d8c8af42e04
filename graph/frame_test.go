package graph

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// frame is what tests read of a frame, of either shape.
type frame struct {
	Kind, Timestamp, Cursor, AsOf, State string
	From                                 *string
	Last                                 bool
	Changes                              []struct{ Operation string }
	Upserts, Deletes                     map[string][]any
}

// frameOf reads the frame in a response's data, under alias x.
func frameOf(tb testing.TB, data string) frame {
	tb.Helper()
	var out struct{ X frame }
	if err := json.Unmarshal([]byte(data), &out); err != nil {
		tb.Fatalf("%v: %s", err, data)
	}
	return out.X
}

const header = `"last":true,"timestamp":"1000","from":null,"asOf":"2026-01-02T03:04:05.678000Z","state":"LIVE"`

func TestFrameQueries(t *testing.T) {
	newWorld(t, nil).answers(map[string]question{
		"changes": {
			`{ trades_changes(where: {id: {_lt: 2}}) { kind last timestamp from asOf state changes { operation data { _key id } fields timestamp } } }`, "",
			`{"trades_changes":{"kind":"SNAPSHOT",` + header + `,"changes":[{"operation":"INSERT","data":{"_key":"1","id":1},` +
				`"fields":["id","instrument_id","side","quantity","price","executed_at"],"timestamp":"1000"}]}}`,
		},
		"columns": {
			`{ trades_columns(where: {id: {_gte: 3}}) { kind last timestamp from asOf state upserts { _key id price side } deletes { _key id } } }`, "",
			`{"trades_columns":{"kind":"SNAPSHOT",` + header + `,` +
				`"upserts":{"_key":["3","4"],"id":[3,4],"price":[null,0.1],"side":["buy","buy"]},"deletes":{"_key":[],"id":[]}}}`,
		},
		"nothing": {
			`{ trades_changes(where: {id: {_lt: 0}}) { kind last changes { operation } } }`, "",
			`{"trades_changes":{"kind":"SNAPSHOT","last":true,"changes":[]}}`,
		},
		"aliases, fragments and type names": {
			`query ($no: Boolean = false) { a: sources { name } ...R } fragment R on Query { x: trades_columns(where: {id: {_eq: 1}}) { ...F deletes { __typename } z: state @include(if: $no) } }
			 fragment F on tradesColumns { __typename k: kind upserts { __typename number: id ... on tradesColumnSet { id } } }`, "",
			`{"a":[{"name":"trades"},{"name":"wide_one"}],"x":{"__typename":"tradesColumns","k":"SNAPSHOT",` +
				`"upserts":{"__typename":"tradesColumnSet","number":[1],"id":[1]},"deletes":{"__typename":"tradesKeySet"}}}`,
		},
		"a list twice": {
			`{ trades_changes(where: {id: {_eq: 1}}) { a: changes { operation } b: changes { data { id } } __typename } }`, "",
			`{"trades_changes":{"a":[{"operation":"INSERT"}],"b":[{"data":{"id":1}}],"__typename":"tradesChanges"}}`,
		},
		"no cursor yet": {
			`query ($c: String, $n: NumberFormat) { a: trades_changes(where: {id: {_eq: 1}}, resume_from: $c) { kind } b: trades_columns(where: null, resume_from: "", numbers: $n) { kind } }`,
			`{"c": null, "n": null}`, `{"a":{"kind":"SNAPSHOT"},"b":{"kind":"SNAPSHOT"}}`,
		},
		"numbers": {
			`query ($n: NumberFormat = NUMBER) {
				a: wide_one_columns(where: {n: {_eq: 1}}) { upserts { big_one amount ratio } }
				b: wide_one_columns(where: {n: {_eq: 1}}, numbers: $n) { upserts { big_one amount ratio _key } } }`, "",
			`{"a":{"upserts":{"big_one":["9007199254740993"],"amount":["0.3"],"ratio":[0.1]}},` +
				`"b":{"upserts":{"big_one":[9007199254740993],"amount":[0.3],"ratio":[0.1],"_key":["[\"0a0b0c0d-0000-0000-0000-000000000001\",\"9007199254740993\"]"]}}}`,
		},
	})
}

func TestFramesUnderCamelCase(t *testing.T) {
	newWorld(t, func(m *Model) { m.CamelCase, m.StringScalars = true, true }).answers(map[string]question{
		"columns": {
			`{ wideOneColumns(where: {n: {_eq: 1}}, resumeFrom: null, numbers: EXACT) { __typename upserts { bigOne anId at doc list isOpen } deletes { anId bigOne } } }`, "",
			`{"wideOneColumns":{"__typename":"WideOneColumns","upserts":{"bigOne":["9007199254740993"],"anId":["0a0b0c0d-0000-0000-0000-000000000001"],` +
				`"at":["2026-01-02T03:04:05.678Z"],"doc":["{\"a\":{\"b\":1}}"],"list":["[1,2]"],"isOpen":[true]},"deletes":{"anId":[],"bigOne":[]}}}`,
		},
		"changes": {
			`{ wideOneChanges(where: {n: {_eq: 1}}) { changes { data { bigOne } fields } } }`, "",
			`{"wideOneChanges":{"changes":[{"data":{"bigOne":"9007199254740993"},"fields":["bigOne","anId","text","amount","ratio","isOpen","at","onDay","atTime","doc","list","side","n"]}]}}`,
		},
		"numbers in spite of string scalars": {
			`{ wideOneColumns(where: {n: {_eq: 1}}, numbers: NUMBER) { upserts { bigOne amount } } }`, "",
			`{"wideOneColumns":{"upserts":{"bigOne":[9007199254740993],"amount":[0.3]}}}`,
		},
	})
}

// TestQueryAndSubscriptionAnswerTheSameFrame: a client that fetches first goes
// on where it is as if it had subscribed.
func TestQueryAndSubscriptionAnswerTheSameFrame(t *testing.T) {
	for _, field := range []string{
		`trades_changes(where: {id: {_eq: 3}}) { kind last timestamp cursor from asOf state changes { operation data { id } fields timestamp } }`,
		`trades_columns(where: {id: {_eq: 3}}) { kind last timestamp cursor from asOf state upserts { _key id } deletes { id } }`,
		`trades_columns(where: {side: {_eq: buy}}, numbers: NUMBER) { last cursor }`,
	} {
		w := newWorld(t, nil)
		fetched := w.mustAsk(`{ x: `+field+` }`, "")
		w.warm(`subscription { x: ` + field + ` }`)
		sink, errs := w.viaSink(`subscription { x: `+field+` }`, "")
		if errs != nil {
			t.Fatal(errs)
		}
		c := sink.Open(func() {})
		w.equal(field, `{"data":`+fetched+`}`, strings.Join(drain(t, c), ""))
		c.Close()
	}
}

func TestResumeByQuery(t *testing.T) {
	w := newWorld(t, nil)
	const query = `query ($c: String, $at: Int = 1) { x: trades_columns(where: {id: {_gt: $at}}, resume_from: $c) { kind last cursor timestamp from upserts { id quantity } deletes { id } } }`
	first := frameOf(t, w.mustAsk(query, ""))
	if first.Kind != "SNAPSHOT" || !first.Last || first.Cursor == "" || len(first.Upserts["id"]) != 3 {
		t.Fatalf("got %+v", first)
	}
	w.apply(1001, relation.Change{Op: relation.Put, New: cells("2", "10", "sell", "21", "2.25", "-")},
		relation.Change{Op: relation.Delete, Old: tradeRows()[3]})
	answer := w.mustAsk(query, fmt.Sprintf(`{"c": %q}`, first.Cursor))
	next := frameOf(t, answer)
	w.equal("after a cursor", answer, fmt.Sprintf(`{"x":{"kind":"RESUMED","last":true,"cursor":%q,"timestamp":"1001","from":%q,`+
		`"upserts":{"id":[2],"quantity":[21]},"deletes":{"id":[4]}}}`, next.Cursor, first.Cursor))
	w.apply(1002, relation.Change{Op: relation.Put, New: tradeRows()[3]})
	last := frameOf(t, w.mustAsk(query, fmt.Sprintf(`{"c": %q}`, next.Cursor)))
	if last.Kind != "RESUMED" || *last.From != next.Cursor || fmt.Sprint(last.Upserts["id"], last.Deletes["id"]) != "[4] []" {
		t.Errorf("after the second cursor: %+v", last)
	}
	same := frameOf(t, w.mustAsk(query, fmt.Sprintf(`{"c": %q}`, last.Cursor)))
	if same.Kind != "RESUMED" || same.Cursor != last.Cursor || len(same.Upserts["id"])+len(same.Deletes["id"]) != 0 {
		t.Errorf("nothing has happened since, but: %+v", same)
	}
	w.refused(query, fmt.Sprintf(`{"c": %q, "at": 2}`, first.Cursor), codeBadInput, "resume_from", "another filter")

	// The cursor of a query is one for subscriptions too, and for the other shape.
	sink, errs := w.viaSink(fmt.Sprintf(`subscription { x: trades_changes(where: {id: {_gt: 1}}, resume_from: %q, snapshot: false) { kind from changes { operation data { id } } } }`, first.Cursor), "")
	if errs != nil {
		t.Fatal(errs)
	}
	wake := make(chan struct{}, 1)
	c := sink.Open(signal(wake))
	defer c.Close()
	got := ""
	for !strings.Contains(got, `"id":4`) {
		<-wake
		got += strings.Join(drain(t, c), "")
	}
	for _, part := range []string{`"kind":"RESUMED","from":"` + first.Cursor, `"data":{"id":2}}`, `"data":{"id":4}}`} {
		if !strings.Contains(got, part) {
			t.Errorf("the subscription lacks %s: %s", part, got)
		}
	}
}

// TestCursorOfAnotherSource is no mistake of the client's: the source may have
// been replaced under the same name.
func TestCursorOfAnotherSource(t *testing.T) {
	w := newWorld(t, nil)
	other := frameOf(t, w.mustAsk(`{ x: wide_one_changes { cursor } }`, ""))
	got := w.mustAsk(`query ($c: String!) { trades_changes(resume_from: $c) { kind changes { operation } } }`, fmt.Sprintf(`{"c": %q}`, other.Cursor))
	w.equal("kind", got, `{"trades_changes":{"kind":"RESET","changes":[`+strings.TrimSuffix(strings.Repeat(`{"operation":"INSERT"},`, 4), ",")+`]}}`)
}

func TestFrameOptions(t *testing.T) {
	for _, camel := range []bool{false, true} {
		names := strings.NewReplacer()
		if camel {
			names = strings.NewReplacer("trades_changes", "tradesChanges", "trades_columns", "tradesColumns",
				"max_rate", "maxRate", "max_rows", "maxRows", "resume_from", "resumeFrom")
		}
		w := newWorld(t, func(m *Model) { m.CamelCase = camel })
		cursor := frameOf(t, w.mustAsk(names.Replace(`{ x: trades_changes { cursor } }`), "")).Cursor
		for name, tc := range map[string]struct {
			field, variables, kind string
			want                   feed.Options // what it does not say is zero
			resume                 bool
		}{
			"rows":                 {`trades { operation }`, "", "rows", feed.Options{}, false},
			"rows, rate":           {`trades(max_rate: 2) { operation }`, "", "rows", feed.Options{MaxRate: 2}, false},
			"changes":              {`trades_changes { kind }`, "", "changes", feed.Options{}, false},
			"changes, all":         {`trades_changes(snapshot: false, max_rate: 0.5, max_rows: 7, resume_from: $c) { kind }`, `"c": "CURSOR"`, "changes", feed.Options{SkipSnapshot: true, MaxRate: 0.5, MaxRows: 7}, true},
			"columns, all":         {`trades_columns(snapshot: true, max_rate: 0.001, max_rows: 1, resume_from: $c, numbers: NUMBER) { kind }`, `"c": "CURSOR"`, "columns", feed.Options{MaxRate: 0.001, MaxRows: 1}, true},
			"variables":            {`trades_columns(max_rate: $r, max_rows: $n) { kind }`, `"r": 2.5e0, "n": 3`, "columns", feed.Options{MaxRate: 2.5, MaxRows: 3}, false},
			"nulls":                {`trades_columns(snapshot: null, max_rate: $r, max_rows: $n, resume_from: null, numbers: null) { kind }`, `"r": null, "n": null`, "columns", feed.Options{}, false},
			"absent variables":     {`trades_changes(max_rate: $r, max_rows: $n) { kind }`, "", "changes", feed.Options{}, false},
			"empty cursor":         {`trades_changes(resume_from: "") { kind }`, "", "changes", feed.Options{}, false},
			"the highest rate":     {`trades(max_rate: 1000) { operation }`, "", "rows", feed.Options{MaxRate: 1000}, false},
			"a rate above it":      {`trades(max_rate: 1001) { operation }`, "", "rows", feed.Options{}, false},
			"a rate far beyond":    {`trades(max_rate: 1e300) { operation }`, "", "rows", feed.Options{}, false},
			"a whole rate as read": {`trades(max_rate: $r) { operation }`, `"r": 10`, "rows", feed.Options{MaxRate: 10}, false},
		} {
			t.Run(fmt.Sprintf("%s, camelCase %t", name, camel), func(t *testing.T) {
				in := *w
				in.T = t
				var declared []string
				for name, typ := range map[string]string{"$c": "String", "$r": "Float", "$n": "Int"} {
					if strings.Contains(tc.field, name) {
						declared = append(declared, name+": "+typ)
					}
				}
				query := `subscription { ` + tc.field + ` }`
				if len(declared) > 0 {
					query = `subscription (` + strings.Join(declared, ", ") + `) { ` + tc.field + ` }`
				}
				sink, errs := in.viaSink(names.Replace(query), strings.Replace(`{`+tc.variables+`}`, "CURSOR", cursor, 1))
				if errs != nil {
					t.Fatal(errs)
				}
				got := sink.options
				if sink.Kind != tc.kind || sink.Source != "trades" || got.SkipSnapshot != tc.want.SkipSnapshot ||
					got.MaxRate != tc.want.MaxRate || got.MaxRows != tc.want.MaxRows || got.Resume.IsZero() == tc.resume {
					t.Errorf("kind %q, options %+v", sink.Kind, got)
				}
			})
		}
	}
}

func TestFrameRefusals(t *testing.T) {
	w := newWorld(t, nil)
	camel := newWorld(t, func(m *Model) { m.CamelCase = true })
	cursor := frameOf(t, w.mustAsk(`{ x: trades_changes { cursor } }`, "")).Cursor
	for name, tc := range map[string]struct {
		camel                      bool
		query, variables, argument string
		parts                      []string
	}{
		"rate of nothing":           {false, `subscription { trades(max_rate: 0) { operation } }`, "", "max_rate", []string{"0 is no rate", "0.001"}},
		"rate in camelCase":         {true, `subscription { tradesChanges(maxRate: -1) { kind } }`, "", "maxRate", []string{"-1"}},
		"rate below the least":      {false, `subscription { trades_columns(max_rate: 0.0009) { kind } }`, "", "max_rate", []string{"0.001"}},
		"rate in a variable":        {true, `subscription ($r: Float) { tradesColumns(maxRate: $r) { kind } }`, `{"r": 0}`, "maxRate", []string{"0 is no rate"}},
		"rate in a string":          {false, `subscription ($r: Float) { trades(max_rate: $r) { operation } }`, `{"r": "5"}`, "max_rate", []string{"number"}},
		"rate of a default":         {false, `subscription ($r: Float = -0.5) { trades(max_rate: $r) { operation } }`, "", "max_rate", []string{"-0.5"}},
		"rows of nothing":           {false, `subscription { trades_changes(max_rows: 0) { kind } }`, "", "max_rows", []string{"at least 1"}},
		"rows in camelCase":         {true, `subscription ($n: Int) { tradesColumns(maxRows: $n) { kind } }`, `{"n": -3}`, "maxRows", []string{"-3", "at least 1"}},
		"no cursor":                 {false, `{ trades_changes(resume_from: "x") { kind } }`, "", "resume_from", []string{"no cursor"}},
		"no cursor, camelCase":      {true, `{ tradesColumns(resumeFrom: "x") { kind } }`, "", "resumeFrom", []string{"no cursor"}},
		"no cursor, subscription":   {true, `subscription { tradesColumns(resumeFrom: "x") { kind } }`, "", "resumeFrom", []string{"no cursor"}},
		"no cursor, no snapshot":    {false, `subscription { trades_changes(resume_from: " ", snapshot: false) { kind } }`, "", "resume_from", []string{"no cursor"}},
		"number for a cursor":       {false, `query ($c: String) { trades_changes(resume_from: $c) { kind } }`, `{"c": 5}`, "resume_from", []string{"no cursor"}},
		"cursor of another filter":  {false, `{ trades_columns(where: {id: {_eq: 1}}, resume_from: "` + cursor + `") { kind } }`, "", "resume_from", []string{"another filter"}},
		"another filter, streaming": {false, `subscription { trades_changes(where: {id: {_eq: 1}}, resume_from: "` + cursor + `") { kind } }`, "", "resume_from", []string{"another filter"}},
		"number format":             {false, `query ($n: NumberFormat) { trades_columns(numbers: $n) { kind } }`, `{"n": "number"}`, "numbers", []string{"number", "NUMBER"}},
		"number format, streaming":  {true, `subscription ($n: NumberFormat) { tradesColumns(numbers: $n) { kind } }`, `{"n": "exact"}`, "numbers", []string{"EXACT"}},
		"rate beyond numbers":       {false, `subscription { trades(max_rate: 1e400) { operation } }`, "", "", []string{"1e400"}},
		"rate of another type":      {true, `subscription { trades(maxRate: "5") { operation } }`, "", "", []string{`"5"`}},
		"query without a rate":      {false, `{ trades_changes(max_rate: 1) { kind } }`, "", "", []string{`"max_rate"`}},
		"query without snapshot":    {false, `{ trades_columns(snapshot: false) { kind } }`, "", "", []string{`"snapshot"`}},
		"numbers of rows":           {false, `{ trades_changes(numbers: NUMBER) { kind } }`, "", "", []string{`"numbers"`}},
		"column that is no key":     {false, `{ trades_columns { deletes { price } } }`, "", "", []string{`"price"`, "tradesKeySet"}},
		"column that is none":       {false, `{ trades_columns { upserts { prise } } }`, "", "", []string{`"prise"`, `"price"`}},
	} {
		t.Run(name, func(t *testing.T) {
			in := *w
			if tc.camel {
				in = *camel
			}
			in.T = t
			if tc.argument == "" {
				in.refused(tc.query, tc.variables, codeValidation, tc.parts...)
				return
			}
			e := in.refusal(tc.query, tc.variables, codeBadInput, append(tc.parts, tc.argument+":")...)
			if e.Extensions["argument"] != tc.argument || len(e.Path) != 1 || len(e.Locations) != 1 {
				t.Errorf("argument %v, path %v, locations %v", e.Extensions["argument"], e.Path, e.Locations)
			}
			if strings.HasPrefix(tc.query, "sub") {
				if sink, errs := in.viaSink(tc.query, tc.variables); errs == nil || sink.Open != nil {
					t.Errorf("passes with a sink: %v", errs)
				}
			}
		})
	}
}

// TestFramesCountAsRows: whoever may not ask for the rows may not ask for them
// in frames.
func TestFramesCountAsRows(t *testing.T) {
	w := newWorld(t, func(m *Model) { m.Limits.QueryRows = 5 })
	w.mustAsk(`{ trades_changes { changes { operation } } }`, "")
	w.mustAsk(`{ trades_columns { upserts { id } deletes { id } } }`, "")
	for _, query := range []string{
		`{ trades_changes { kind } trades_columns(where: {id: {_lt: 3}}) { kind } }`,
		`{ trades { id } trades_changes(where: {id: {_lt: 3}}) { kind } }`,
		`{ trades_changes { a: changes { operation } b: changes { operation } } }`,
		`{ trades_columns { ...F } } fragment F on tradesColumns { a: upserts { id } ... { b: upserts { id } } }`,
	} {
		w.refused(query, "", codeTooMany, "limits.query_rows", "where")
	}
}

// TestListsHaveAPrice: fields of a frame may be listed again and again.
func TestListsHaveAPrice(t *testing.T) {
	w := newWorld(t, nil)
	lists := func(n int, field string) string {
		return repeat(n, func(i int) string { return word(i) + "x: " + field + " " })
	}
	for _, query := range []string{
		`{ ` + lists(120, `trades_changes { kind }`) + `}`,
		`{ ` + lists(60, `trades_changes { kind }`) + strings.ReplaceAll(lists(60, `trades_columns { kind }`), "x:", "y:") + `}`,
		`{ trades_changes { ` + lists(120, `changes { operation }`) + `} }`,
		`{ trades_columns { ` + lists(120, `upserts { id }`) + `} }`,
		`{ trades_columns { ...F } } fragment F on tradesColumns { ` + lists(120, `deletes { id }`) + `}`,
		`subscription { trades_changes { ` + lists(120, `changes { operation }`) + `} }`,
	} {
		w.refused(query, "", codeTooComplex, "120 times", "limits.fields")
	}
	w.mustAsk(`{ trades_columns { `+lists(50, `upserts { id }`)+`} }`, "")
	w.mustAsk(`{ `+lists(50, `trades_columns(where: {id: {_eq: 1}}) { upserts { id } deletes { id } }`)+`}`, "")
}

func TestFrameNotReady(t *testing.T) {
	s := style(false, trades())
	f := feed.New(s, feed.Config{QueryWait: 1})
	t.Cleanup(f.Close)
	w := newWorld(t, func(m *Model) { m.Sources = []Source{{Name: "slow", Base: "slow", Schema: s, Feed: f}} })
	for _, query := range []string{`{ x: slow_changes { kind } }`, `{ x: slow_columns { kind } }`} {
		if e := w.refusal(query, "", feed.CodeNotReady); e.Path.String() != "x" {
			t.Errorf("path is %v", e.Path)
		}
	}
}
