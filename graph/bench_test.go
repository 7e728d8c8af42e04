package graph

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/graph/sdl"
	"github.com/tycostream/tycostream/internal/relation"
)

// BenchmarkRewrite measures what routing a typed field to the core costs.
func BenchmarkRewrite(b *testing.B) {
	s := style(false, trades())
	f := newFeed(b, s, tradeRows()...)
	m := Model{Sources: []Source{{Name: "trades", Base: "trades", Schema: s, Feed: f}}}
	schema, err := sdl.Build(sources, m.schema())
	if err != nil {
		b.Fatal(err)
	}
	x := newExecutable(schema, newResolver(&m))
	e, err := New(m)
	if err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]string{
		"plain":    `subscription { trades { operation data { id side price } fields } }`,
		"filter":   `subscription { trades(where: {side: {_eq: buy}, quantity: {_gt: 10}}) { operation data { id side price } fields } }`,
		"fragment": `subscription { ...F } fragment F on Subscription { trades { operation data { id side price } fields } }`,
	} {
		b.Run(name, func(b *testing.B) {
			op, errs := e.CreateOperationContext(b.Context(), &graphql.RawParams{Query: query})
			if errs != nil {
				b.Fatal(errs)
			}
			b.ReportAllocs()
			for b.Loop() {
				x.rewrite(op)
			}
		})
	}
}

// BenchmarkSubscribe measures a subscription's start: from the request to the
// open cursor, its document and encoder in the caches.
func BenchmarkSubscribe(b *testing.B) {
	e := newWorldFor(b, io.Discard)
	p := graphql.RawParams{
		Query:     `subscription ($q: Int) { trades(where: {side: {_eq: buy}, quantity: {_gt: $q}}) { operation data { id side price } fields } }`,
		Variables: map[string]any{"q": 10},
	}
	b.ReportAllocs()
	for b.Loop() {
		request := p
		op, errs := e.CreateOperationContext(b.Context(), &request)
		if errs != nil {
			b.Fatal(errs)
		}
		sink := &Sink{}
		e.DispatchOperation(WithSink(b.Context(), sink), op)
		sink.Open(func() {}).Close()
	}
}

// BenchmarkValidate measures the worst documents that the limits let pass: what
// one request can cost before anything is known of it.
func BenchmarkValidate(b *testing.B) {
	limits := DefaultLimits()
	for name, query := range map[string]string{
		"fields":  `{ trades { ` + strings.Repeat("id ", limits.Tokens-10) + `} }`,
		"aliases": `{ trades { ` + repeat(limits.Tokens/4, func(i int) string { return "a" + word(i) + ": id " }) + `} }`,
		"list":    `{ trades(where: {id: {_in: [` + strings.Repeat("1 ", limits.Tokens-50) + `]}}) { id } }`,
		"fragments": `{ trades { ` + repeat(400, func(i int) string { return "..." + word(i) + "x " }) + `} } ` +
			repeat(400, func(i int) string { return "fragment " + word(i) + "x on trades { id } " }),
		"fragments in parents": `{ ` + repeat(20, func(int) string {
			return `p: trades { ` + repeat(150, func(i int) string { return "..." + word(i) + "x " }) + `} `
		}) + `} ` + repeat(150, func(i int) string { return "fragment " + word(i) + "x on trades { id side price } " }),
		"fragments in fragments": `{ trades { ...ax } } ` + repeat(60, func(i int) string {
			return "fragment " + word(i) + "x on trades { id " + repeat(60, func(j int) string {
				if j <= i {
					return ""
				}
				return "..." + word(j) + "x "
			}) + "} "
		}),
		"nested": `{ trades(where: ` + strings.Repeat(`{_and: [`, limits.Depth/2-2) + strings.Repeat("{id: {_eq: 1}} ", limits.Tokens/10) +
			strings.Repeat(`]}`, limits.Depth/2-2) + `) { id } }`,
	} {
		b.Run(name, func(b *testing.B) {
			if len(query) > limits.DocumentBytes {
				b.Fatalf("%d bytes", len(query))
			}
			s := style(false, trades())
			e, err := New(Model{
				Limits:  Limits{Cache: 1},
				Sources: []Source{{Name: "trades", Base: "trades", Schema: s, Feed: newFeed(b, s, tradeRows()...)}},
			})
			if err != nil {
				b.Fatal(err)
			}
			i := 0
			for b.Loop() {
				i++
				_, errs := e.CreateOperationContext(b.Context(), &graphql.RawParams{Query: query + " #" + word(i)})
				for _, err := range errs {
					if err.Extensions["code"] != codeTooComplex {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func repeat(n int, f func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

func word(i int) string {
	var out []byte
	for ; i >= 0; i = i/26 - 1 {
		out = append(out, byte('a'+i%26))
	}
	return string(out)
}

// BenchmarkOrderedQuery sorts and encodes 100,000 rows, the default limit.
func BenchmarkOrderedQuery(b *testing.B) {
	s := style(false, trades())
	rows := make([]relation.Row, 100_000)
	for i := range rows {
		rows[i] = cells(strconv.Itoa(i), strconv.Itoa(i%100), "buy", strconv.Itoa(i*7919%100_003), strconv.Itoa(i*31%1000)+".25", "2026-01-02 03:04:05+00")
	}
	e, err := New(Model{Sources: []Source{{Name: "trades", Base: "trades", Schema: s, Feed: newFeed(b, s, rows...)}}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		op, errs := e.CreateOperationContext(b.Context(), &graphql.RawParams{
			Query: `{ trades(order_by: [{price: desc}, {quantity: asc}]) { id price quantity } }`,
		})
		if errs != nil {
			b.Fatal(errs)
		}
		handler, ctx := e.DispatchOperation(b.Context(), op)
		if r := handler(ctx); len(r.Errors) > 0 {
			b.Fatal(r.Errors)
		}
	}
}

// BenchmarkFrameQuery answers 100,000 rows in each of the three shapes.
func BenchmarkFrameQuery(b *testing.B) {
	s := style(false, trades())
	rows := make([]relation.Row, 100_000)
	for i := range rows {
		rows[i] = cells(strconv.Itoa(i), strconv.Itoa(i%100), "buy", strconv.Itoa(i*7919%100_003), strconv.Itoa(i*31%1000)+".25", "2026-01-02 03:04:05+00")
	}
	e, err := New(Model{Sources: []Source{{Name: "trades", Base: "trades", Schema: s, Feed: newFeed(b, s, rows...)}}})
	if err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]string{
		"rows":    `{ trades { id price quantity } }`,
		"changes": `{ trades_changes { kind cursor changes { data { id price quantity } } } }`,
		"columns": `{ trades_columns { kind cursor upserts { id price quantity } deletes { id } } }`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op, errs := e.CreateOperationContext(b.Context(), &graphql.RawParams{Query: query})
				if errs != nil {
					b.Fatal(errs)
				}
				handler, ctx := e.DispatchOperation(b.Context(), op)
				if r := handler(ctx); len(r.Errors) > 0 {
					b.Fatal(r.Errors)
				}
			}
		})
	}
}
