package graph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/internal/relation"
)

func TestRefusals(t *testing.T) {
	w := newWorld(t, nil)
	for name, tc := range map[string]struct {
		query, variables, code string
		parts                  []string
	}{
		"syntax":                {`{ trades( { id } }`, "", "GRAPHQL_PARSE_FAILED", nil},
		"empty":                 {``, "", codeValidation, []string{"no operation"}},
		"unknown field":         {`{ trade { id } }`, "", codeValidation, []string{`"trade"`, `"trades"`}},
		"unknown row column":    {`{ trades { prise } }`, "", codeValidation, []string{`"prise"`, `"price"`}},
		"internal field":        {`{ rows(source: "trades") }`, "", codeValidation, []string{`"rows"`}},
		"unknown mutation":      {`mutation { x }`, "", codeValidation, []string{"Mutation"}},
		"internal mutation":     {`mutation { pauseTrigger(source: "trades", name: "x") { name } }`, "", codeValidation, []string{`"pauseTrigger"`}},
		"unknown column":        {`{ trades(where: {sid: {_eq: buy}}) { id } }`, "", codeValidation, []string{`"sid"`, `"side"`}},
		"unknown operator":      {`{ trades(where: {id: {_equals: 1}}) { id } }`, "", codeValidation, []string{`"_equals"`, "IntComparison"}},
		"unknown argument":      {`{ trades(were: {}) { id } }`, "", codeValidation, []string{`"were"`}},
		"wrong type":            {`{ trades(where: {id: {_eq: "x"}}) { id } }`, "", codeValidation, []string{`"x"`}},
		"enum outside":          {`{ trades(where: {side: {_eq: hold}}) { id } }`, "", codeValidation, []string{`"hold"`, `"side"`}},
		"null comparison":       {`{ trades(where: {id: {_eq: null}}) { id } }`, "", codeNull, []string{"where.id._eq", "null", "_is_null"}},
		"null in a list":        {`{ trades(where: {id: {_in: [1, null]}}) { id } }`, "", codeValidation, []string{"null"}},
		"null is_null":          {`{ trades(where: {id: {_is_null: null}}) { id } }`, "", codeNull, []string{"where.id._is_null"}},
		"null condition":        {`{ trades(where: {_or: [{id: null}]}) { id } }`, "", codeBadInput, []string{"where._or[0].id"}},
		"null variable":         {`query ($i: Int) { trades(where: {id: {_eq: $i}}) { id } }`, `{"i": null}`, codeNull, []string{"where.id._eq"}},
		"null inside variable":  {`query ($w: tradesExpression) { trades(where: $w) { id } }`, `{"w": {"id": {"_neq": null}}}`, codeNull, []string{"where.id._neq"}},
		"absent list element":   {`query ($i: Int) { trades(where: {id: {_in: [1, $i]}}) { id } }`, "", codeValidation, nil},
		"unknown in variable":   {`query ($w: tradesExpression) { trades(where: $w) { id } }`, `{"w": {"_and": [{"sid": {}}]}}`, codeBadInput, []string{"$w._and[0].sid", "unknown"}},
		"type of variable":      {`query ($w: tradesExpression) { trades(where: $w) { id } }`, `{"w": 5}`, codeBadInput, []string{"$w"}},
		"number of variable":    {`query ($i: Int!) { trades_by_pk(id: $i) { id } }`, `{"i": "x"}`, codeBadInput, []string{"$i"}},
		"missing variable":      {`query ($i: Int!) { trades_by_pk(id: $i) { id } }`, "", codeBadInput, []string{"$i", "defined"}},
		"missing key":           {`{ trades_by_pk { id } }`, "", codeValidation, []string{`"id"`}},
		"wrong uuid":            {`{ wide_one_by_pk(an_id: "x", big_one: 1) { n } }`, "", codeBadInput, []string{"an_id", `"x"`}},
		"wide integer":          {`{ wide_one(where: {_not: {big_one: {_eq: 9223372036854775808}}}) { n } }`, "", codeValidation, []string{"9223372036854775808", "string"}},
		"wrong decimal":         {`{ wide_one(where: {amount: {_eq: "1,5"}}) { n } }`, "", codeBadInput, []string{"where.amount._eq", "1,5"}},
		"regex":                 {`{ wide_one(where: {text_: {_regex: "(a"}}) { n } }`, "", codeBadInput, []string{"where.text_._regex", "(a"}},
		"negative limit":        {`{ trades(limit: -1) { id } }`, "", codeBadInput, []string{"limit", "-1"}},
		"negative offset":       {`{ trades(offset: -1) { id } }`, "", codeBadInput, []string{"offset", "-1"}},
		"fraction for limit":    {`query ($n: Int) { trades(limit: $n) { id } }`, `{"n": 1.5}`, codeBadInput, []string{"$n"}},
		"direction":             {`{ trades(order_by: {id: up}) { id } }`, "", codeValidation, []string{`"up"`}},
		"direction in variable": {`query ($o: [tradesOrderBy!]) { trades(order_by: $o) { id } }`, `{"o": [{"id": "ASC"}]}`, codeBadInput, []string{"order_by.0.id", "ASC", "asc"}},
		"null direction":        {`{ trades(order_by: [{id: null}]) { id } }`, "", codeBadInput, []string{"order_by.0.id"}},
		"order lost in JSON":    {`query ($o: [tradesOrderBy!]) { trades(order_by: $o) { id } }`, `{"o": [{"id": "asc", "side": "asc"}]}`, codeBadInput, []string{"order_by.0", "own object"}},
		"skip needs a boolean":  {`query ($b: Boolean = true) { trades { id @skip(if: $b) } }`, `{"b": null}`, codeBadInput, []string{"@skip", "$b"}},
		"defer":                 {`{ ... @defer { sources { name } } }`, "", codeValidation, []string{"defer"}},
		"nothing left":          {`{ trades { id @skip(if: true) } }`, "", codeBadInput, []string{"trades"}},
		"subscription filter":   {`subscription { trades(where: {id: {_eq: null}}) { operation } }`, "", codeNull, []string{"where.id._eq"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			e := w.refusal(tc.query, tc.variables, tc.code, tc.parts...)
			if tc.code == codeBadInput && strings.HasPrefix(e.Message, "where") &&
				!strings.HasPrefix(e.Message, fmt.Sprint(e.Extensions["argument"])+":") {
				t.Errorf("argument is %v in %q", e.Extensions["argument"], e.Message)
			}
		})
	}
}

func TestUnknownOperation(t *testing.T) {
	w := newWorld(t, nil)
	p := params(t, `query A { __typename } query B { __typename }`, "")
	p.OperationName = "C"
	_, errs := w.exec.CreateOperationContext(t.Context(), p)
	if len(errs) != 1 || errs[0].Extensions["code"] != codeValidation || !strings.Contains(errs[0].Message, "C") {
		t.Errorf("got %v", errs)
	}
	resp := w.exec.DispatchError(t.Context(), errs)
	if len(resp.Errors) != 1 || resp.Data != nil {
		t.Errorf("response is %+v", resp)
	}
}

func TestUnnamedOperation(t *testing.T) {
	w := newWorld(t, nil)
	_, errs := w.exec.CreateOperationContext(t.Context(), params(t, `query A { __typename } query B { __typename }`, ""))
	if len(errs) != 1 || !strings.Contains(errs[0].Message, "operationName") {
		t.Errorf("got %v", errs)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(m *Model) {
		m.Limits = Limits{DocumentBytes: 2000, Tokens: 150, Depth: 6, Fields: 20, FilterSize: 10}
	})
	w.refused(`{ trades { id } } #`+strings.Repeat(" ", 2000), "", codeTooLarge, "2000", "limits.document_bytes")
	w.refused("{ trades { "+strings.Repeat("id ", 200)+"} }", "", "GRAPHQL_PARSE_FAILED", "token limit")
	deep := strings.Repeat(`{_not: `, 8) + `{}` + strings.Repeat(`}`, 8)
	w.refused(`{ trades(where: `+deep+`) { id } }`, "", codeTooDeep, "limits.depth")
	w.refused(`query ($w: tradesExpression) { trades(where: $w) { id } }`,
		`{"w": `+strings.ReplaceAll(deep, "_not", `"_not"`)+`}`, codeBadInput, "limits.depth")
	w.refused(`query ($w: tradesExpression) { trades(where: $w) { id } }`,
		`{"w": {"id": {"_in": [1,2,3,4,5,6,7,8,9,10,11]}}}`, codeBadInput, "limits.filter_size")
	w.refused(`{ trades(where: {id: {_in: [1,2,3,4,5,6,7,8,9,10,11]}}) { id } }`, "", codeBadInput, "where", "limits.filter_size")
	w.refused(`{ `+strings.Repeat("...A ", 1)+`} fragment A on Query { ...B x: __typename ...B2 } fragment B on Query { trades { ...C } a: trades { ...C } } fragment B2 on Query { c: trades { ...C } d: trades { ...C } }
		fragment C on trades { id side price quantity }`, "", codeTooComplex, "20", "limits.fields")
	w.refused(`{ ...A } fragment A on Query { __schema { ...B } } fragment B on __Schema { types { ofType { ofType { ofType { ofType { ofType { name } } } } } } }`,
		"", codeTooDeep, "limits.depth")
	w.mustAsk(`{ trades(where: {id: {_in: [1,2,3,4,5,6,7,8,9]}}) { id } }`, "")
}

func TestNoLimits(t *testing.T) {
	w := newWorld(t, func(m *Model) {
		m.Limits = Limits{DocumentBytes: -1, Tokens: -1, Depth: -1, Fields: -1, FilterSize: -1, QueryRows: -1, Cache: -1}
	})
	ids := strings.Repeat("1, ", 100_000)
	w.equal("a large filter", w.mustAsk(`{ trades(where: {id: {_in: [`+ids+`]}}) { id } }`, ""), `{"trades":[{"id":1}]}`)
}

// TestRepeatedFields: validation compares every two fields of one name.
func TestRepeatedFields(t *testing.T) {
	w := newWorld(t, nil)
	for _, query := range []string{
		`{ trades { ` + strings.Repeat("id ", 1_500) + `} }`,
		`{ trades { ` + strings.Repeat("... { id } ", 1_500) + `} }`,
		`{ ` + strings.Repeat("trades { id } ", 700) + `}`,
		`{ ` + strings.Repeat("trades { id } ", 3_000) + `}`,
	} {
		w.refused(query, "", codeTooComplex, "limits.fields")
	}
	w.refused(`{ `+repeat(120, func(i int) string { return word(i) + "x: trades(where: {id: {_gt: 1}}) { id } " })+`}`, "",
		codeTooComplex, "120 times", "limits.fields")
	w.mustAsk(`{ trades { `+strings.Repeat("id ", 400)+`} }`, "")
	w.mustAsk(`{ `+repeat(400, func(i int) string { return word(i) + "x: trades_by_pk(id: 1) { id side } " })+`}`, "")
}

// TestFragmentBomb: fragments that double at each level are measured, not expanded.
func TestFragmentBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("{ ...F0 ")
	for i := range 60 {
		fmt.Fprintf(&b, "} fragment F%d on Query { ...F%d ...F%d ", i, i+1, i+1)
	}
	b.WriteString("} fragment F60 on Query { sources { name } }")
	w := newWorld(t, nil)
	w.refused(b.String(), "", codeTooComplex, "limits.fields")
}

// TestFragmentChains: fragments in fragments are no reason to copy anything.
func TestFragmentChains(t *testing.T) {
	w := newWorld(t, nil)
	chain := func(typ, start, end string) string {
		return "{ " + start + repeat(60, func(i int) string {
			return fmt.Sprintf("...F%d } fragment F%d on %s { ", i, i, typ)
		}) + end + " }"
	}
	w.equal("root", w.mustAsk(chain("Query", "", "trades_by_pk(id: 1) { id } sources { name }"), ""),
		`{"trades_by_pk":{"id":1},"sources":[{"name":"trades"},{"name":"wide_one"}]}`)
	w.equal("sources", w.mustAsk(
		"{ sources { ...F0 } } "+strings.SplitN(chain("Source", "", "name"), "} ", 2)[1], ""),
		`{"sources":[{"name":"trades"},{"name":"wide_one"}]}`)
	w.equal("rows", w.mustAsk("{ trades(limit: 1) { ...F0 } } "+strings.SplitN(chain("trades", "", "id"), "} ", 2)[1], ""),
		`{"trades":[{"id":1}]}`)
	inline := strings.Repeat("... { ", 15)
	w.equal("inline", w.mustAsk("{ "+inline+"sources { name } "+strings.Repeat("} ", 15)+"}", ""),
		`{"sources":[{"name":"trades"},{"name":"wide_one"}]}`)
}

func TestNesting(t *testing.T) {
	for doc, want := range map[string]int{
		``: 0, `{}`: 1, `{ a { b } c { d { e } } }`: 3, `{ a(x: [[1]]) }`: 3,
		`{ a(x: "{{{{\"{{") }`: 1, "{ a # {{{\n }": 1, "{ a(x: \"\"\"{{ \\\"\"\" {{ \"\"\") { b } }": 2,
		`{ a(x: "`: 1, `{ a(x: """`: 1, `"`: 0, `"""`: 0, `"\`: 0, `}}}{`: 0, "{ a(x: \"{\n { } }": 2,
	} {
		if got := nesting(doc); got != want {
			t.Errorf("nesting of %q is %d, want %d", doc, got, want)
		}
	}
}

func FuzzNesting(f *testing.F) {
	f.Add(`{ a(x: """ { \""" """) # {`)
	f.Add(`{ a(x: "\"{") }`)
	f.Fuzz(func(t *testing.T, doc string) {
		if n := nesting(doc); n > strings.Count(doc, "{")+strings.Count(doc, "[") {
			t.Errorf("nesting is %d", n)
		}
	})
}

// FuzzDocument sends any document with any variables: whatever it is, there is
// an answer, and no error is an internal one.
func FuzzDocument(f *testing.F) {
	for _, query := range []string{
		`query ($w: wide_oneExpression, $o: [wide_oneOrderBy!]) { wide_one(where: $w, order_by: $o) { _key doc ...F } } fragment F on wide_one { n @skip(if: false) }`,
		`subscription ($w: tradesExpression) { trades(where: $w) { operation data { id } fields } }`,
		`subscription ($w: wide_oneExpression, $r: Float, $c: String, $n: NumberFormat) { wide_one_columns(where: $w, max_rate: $r, max_rows: 2, resume_from: $c, numbers: $n) { kind upserts { doc } deletes { _key } } }`,
		`query ($w: wide_oneExpression, $c: String) { x: wide_one_columns(where: $w, resume_from: $c, numbers: NUMBER) { from a: upserts { amount } upserts { n } } trades_changes { changes { data { id } } } }`,
		`{ wide_one_by_pk(an_id: "0a0b0c0d-0000-0000-0000-000000000001", big_one: 1) { n } __schema { types { name } } __type(name: "x") { name } sources { lag } }`,
	} {
		f.Add(query, `{"w": {"n": {"_in": [1, 2.5, null, "x"]}}, "o": {"n": "asc"}, "r": 0.5, "n": "EXACT", "c": ""}`)
	}
	var log bytes.Buffer
	w := newWorldFor(f, &log)
	f.Fuzz(func(t *testing.T, query, variables string) {
		p := &graphql.RawParams{Query: query}
		d := json.NewDecoder(strings.NewReader(variables))
		d.UseNumber()
		_ = d.Decode(&p.Variables)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		op, errs := w.CreateOperationContext(ctx, p)
		if errs == nil {
			handler, _ := w.DispatchOperation(WithSink(ctx, &Sink{}), op)
			if r := handler(ctx); r != nil {
				errs = r.Errors
			}
		}
		for _, e := range errs {
			if e.Extensions["code"] == codeInternal || e.Extensions["code"] == nil {
				t.Errorf("%v: %v\n%s", e.Extensions["code"], e, log.String())
			}
		}
	})
}

func newWorldFor(tb testing.TB, log io.Writer) *Executor {
	tb.Helper()
	a, b := style(false, trades()), style(false, wide())
	e, err := New(Model{Log: slog.New(slog.NewTextHandler(log, nil)), Sources: []Source{
		{Name: "trades", Base: "trades", Schema: a, Feed: newFeed(tb, a, tradeRows()...)},
		{Name: "wide_one", Base: "wide_one", Schema: b, Feed: newFeed(tb, b, wideRows()...)},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// TestInternalErrorsStayInside: what was not written for clients is logged, and
// clients learn nothing from it.
func TestInternalErrorsStayInside(t *testing.T) {
	var log bytes.Buffer
	p := presenter{log: slog.New(slog.NewTextHandler(&log, nil))}
	secret := errors.New("dial tcp 10.0.0.1: SELECT secret")
	e := p.present(t.Context(), secret)
	if e.Message != internalText || e.Extensions["code"] != codeInternal {
		t.Errorf("got %v %v", e, e.Extensions)
	}
	if !strings.Contains(log.String(), "SELECT secret") {
		t.Errorf("log is %q", log.String())
	}
	if e := p.present(t.Context(), context.DeadlineExceeded); e.Extensions["code"] != codeTimeout {
		t.Errorf("got %v %v", e, e.Extensions)
	}
	if p.present(t.Context(), nil) != nil {
		t.Error("no error has a presentation")
	}
}

func TestPanicsAreAnswered(t *testing.T) {
	var log bytes.Buffer
	s := style(false, trades())
	e, err := New(Model{Log: slog.New(slog.NewTextHandler(&log, nil)), Sources: []Source{
		{Name: "trades", Base: "trades", Schema: s, Feed: newFeed(t, s, tradeRows()...)},
		{Name: "broken", Base: "broken", Schema: &relation.Schema{Columns: s.Columns, Key: s.Key}, Feed: newFeed(t, s, cells("1"))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, exec: e}
	data, errs := w.ask(`{ broken { id price } trades { id } }`, "") // a row with fewer cells than columns
	if len(errs) != 1 || errs[0].Extensions["code"] != codeInternal || errs[0].Message != internalText {
		t.Errorf("got %v", errs)
	}
	if strings.Contains(fmt.Sprint(errs), "goroutine") || !strings.Contains(log.String(), "goroutine") {
		t.Errorf("the stack belongs into the log: %s", log.String())
	}
	w.equal("data", data, "null")
	w.mustAsk(`{ trades { id } }`, "")
}

// TestPanicsOutsideOfResolvers hands in what no transport does.
func TestPanicsOutsideOfResolvers(t *testing.T) {
	w := newWorld(t, nil)
	handler, _ := w.exec.DispatchOperation(t.Context(), &graphql.OperationContext{})
	if r := handler(t.Context()); len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != codeInternal || r.Data != nil {
		t.Errorf("got %+v", r)
	}
	if _, errs := w.exec.CreateOperationContext(t.Context(), nil); len(errs) != 1 || errs[0].Extensions["code"] != codeInternal {
		t.Errorf("got %v", errs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	op, errs := w.exec.CreateOperationContext(ctx, params(t, `{ trades { id } }`, ""))
	if errs != nil {
		t.Fatal(errs)
	}
	handler, inner := w.exec.DispatchOperation(ctx, op)
	if r := handler(inner); len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != codeTimeout {
		t.Errorf("a canceled query answers %s %v", r.Data, r.Errors)
	}
}

func TestNumbersOfOtherDecoders(t *testing.T) {
	w := newWorld(t, nil)
	p := params(t, `query ($w: tradesExpression, $n: Int) { trades(where: $w, limit: $n) { id } }`, "")
	p.Variables = map[string]any{
		"w": map[string]any{"id": map[string]any{"_in": []any{float64(2), int64(3), 9}}, "price": map[string]any{"_gt": 0.5}}, "n": 3,
	}
	op, errs := w.exec.CreateOperationContext(t.Context(), p)
	if errs != nil {
		t.Fatal(errs)
	}
	handler, ctx := w.exec.DispatchOperation(t.Context(), op)
	w.equal("rows", string(handler(ctx).Data), `{"trades":[{"id":2}]}`)
}

func TestPersistedQueries(t *testing.T) {
	w := newWorld(t, nil)
	const query = `{ trades(limit: 0) { id } }`
	sum := sha256.Sum256([]byte(query))
	ask := func(text, hash string) (string, string) {
		p := &graphql.RawParams{Query: text, Extensions: map[string]any{
			"persistedQuery": map[string]any{"version": json.Number("1"), "sha256Hash": hash},
		}}
		op, errs := w.exec.CreateOperationContext(t.Context(), p)
		if errs != nil {
			return errs[0].Message, fmt.Sprint(errs[0].Extensions["code"])
		}
		handler, _ := w.exec.DispatchOperation(t.Context(), op)
		return string(handler(t.Context()).Data), ""
	}
	hash := hex.EncodeToString(sum[:])
	if text, code := ask("", hash); text != "PersistedQueryNotFound" || code != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("unknown hash: %s %s", text, code)
	}
	if _, code := ask(query, strings.Repeat("0", 64)); code != codeBadRequest {
		t.Errorf("wrong hash: %s", code)
	}
	for _, text := range []string{query, "", ""} {
		if data, code := ask(text, hash); data != `{"trades":[]}` {
			t.Errorf("%q: %s %s", text, data, code)
		}
	}
}

func TestNamesThatCollide(t *testing.T) {
	s := style(false, trades())
	s.Columns[1].Field = "id"
	_, err := New(Model{Sources: []Source{
		{Name: "sources", Base: "sources", Schema: s, Feed: newFeed(t, s)},
	}})
	if err == nil {
		t.Fatal("colliding names build a schema")
	}
	for _, part := range []string{"graphql_name: id2", "query sources", "graphql_name"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q says nothing about %q", err, part)
		}
	}
	if _, err = New(Model{Sources: []Source{{Name: "x", Base: "x", Schema: style(false, trades())}}}); err == nil {
		t.Error("a source without feed builds a schema")
	}
}
