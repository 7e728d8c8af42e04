package graph

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

var side = &relation.Enum{Name: "side", Values: []string{"buy", "sell"}}

// column is the short form of a column in tests; its GraphQL name follows.
func column(name string, kind relation.Kind) relation.Column {
	c := relation.Column{Name: name, Kind: kind, Nullable: true}
	switch kind { //nolint:exhaustive // the others need nothing
	case relation.Enumeration:
		c.Enum = side
	case relation.Timestamp:
		c.Zoned = true
	case relation.Array:
		c.Elem = relation.Integer
	}
	return c
}

// trades is the source of the original's documents.
func trades() *relation.Schema {
	return &relation.Schema{Key: []int{0}, Columns: []relation.Column{
		column("id", relation.Integer),
		column("instrument_id", relation.Integer),
		column("side", relation.Enumeration),
		column("quantity", relation.Integer),
		column("price", relation.Float),
		column("executed_at", relation.Timestamp),
	}}
}

// wide has a column of every kind, and a key of two.
func wide() *relation.Schema {
	return &relation.Schema{Key: []int{1, 0}, Columns: []relation.Column{
		column("big_one", relation.BigInt),
		column("an_id", relation.UUID),
		column("text_", relation.String),
		column("amount", relation.Decimal),
		column("ratio", relation.Float),
		column("is_open", relation.Boolean),
		column("at_", relation.Timestamp),
		column("on_day", relation.Date),
		column("at_time", relation.Time),
		column("doc", relation.JSON),
		column("list", relation.Array),
		column("side", relation.Enumeration),
		column("n", relation.Integer),
	}}
}

// style names columns and sources as configuration does.
func style(camel bool, s *relation.Schema) *relation.Schema {
	for i := range s.Columns {
		s.Columns[i].Field = naming.Field(s.Columns[i].Name, "", camel)
		if s.IsKey(i) {
			s.Columns[i].Nullable = false
		}
	}
	return s
}

// world is a gateway's sources as far as graph sees them.
type world struct {
	*testing.T
	model  Model
	exec   *Executor
	trades *feed.Feed
	wide   *feed.Feed
	ctx    context.Context //nolint:containedctx // of requests; nil: the test's
}

// caller is the context of requests.
func (w *world) caller() context.Context {
	if w.ctx != nil {
		return w.ctx
	}
	return w.Context()
}

func newFeed(tb testing.TB, s *relation.Schema, rows ...relation.Row) *feed.Feed {
	tb.Helper()
	f := feed.New(s, feed.Config{})
	tb.Cleanup(f.Close)
	if rows == nil {
		return f
	}
	f.SetEpoch("the database of the test")
	if err := f.Load(rows); err != nil {
		tb.Fatal(err)
	}
	if err := f.Commit(relation.Frontier{Time: 1000, Wall: 1_767_323_045_678_000}); err != nil {
		tb.Fatal(err)
	}
	f.SetState(feed.Live, "")
	return f
}

// cells packs a row from its texts; "-" is NULL.
func cells(texts ...string) relation.Row {
	var b relation.Builder
	for _, t := range texts {
		b.AppendCell(t, t != "-")
	}
	return b.Row()
}

func tradeRows() []relation.Row {
	return []relation.Row{
		cells("1", "10", "buy", "5", "1.5", "2026-01-02 03:04:05+00"),
		cells("2", "10", "sell", "20", "2.25", "2026-01-02 03:04:06+00"),
		cells("3", "11", "buy", "30", "-", "2026-01-02 03:04:07+00"),
		cells("4", "11", "buy", "11", "0.1", "-"),
	}
}

func wideRows() []relation.Row {
	return []relation.Row{
		cells("9007199254740993", "0a0b0c0d-0000-0000-0000-000000000001", "one", "0.3", "0.1", "t",
			"2026-01-02 03:04:05.678+00", "2026-01-02", "03:04:05", `{"a": {"b": 1}}`, "{1,2}", "buy", "1"),
		cells("9007199254740992", "0a0b0c0d-0000-0000-0000-000000000002", "two", "0.30", "-0.5", "f",
			"2026-01-03 03:04:05+00", "2026-01-03", "04:04:05", `[1]`, "{}", "sell", "2"),
		cells("18446744073709551615", "0a0b0c0d-0000-0000-0000-000000000003", "-", "123456789012345678901234567890.5", "-", "-",
			"-", "-", "-", "-", "-", "-", "-"),
	}
}

func newWorld(t *testing.T, adjust func(*Model)) *world {
	t.Helper()
	w := &world{T: t}
	w.model = Model{Log: slog.New(slog.DiscardHandler)}
	if adjust != nil {
		adjust(&w.model)
	}
	camel := w.model.CamelCase
	w.trades = newFeed(t, style(camel, trades()), tradeRows()...)
	w.wide = newFeed(t, style(camel, wide()), wideRows()...)
	w.model.Sources = append([]Source{
		{Name: "trades", Base: "trades", Backend: "materialize", Schema: w.trades.Schema(), Feed: w.trades},
		{Name: "wide_one", Base: naming.Base("wide_one", "", camel), Backend: "postgres", Schema: w.wide.Schema(), Feed: w.wide},
	}, w.model.Sources...)
	e, err := New(w.model)
	if err != nil {
		t.Fatal(err)
	}
	w.exec = e
	return w
}

// params are a request as a transport decodes it: numbers as json.Number.
func params(tb testing.TB, query, variables string) *graphql.RawParams {
	tb.Helper()
	p := &graphql.RawParams{Query: query}
	if variables != "" {
		d := json.NewDecoder(strings.NewReader(variables))
		d.UseNumber()
		if err := d.Decode(&p.Variables); err != nil {
			tb.Fatalf("variables of the test: %v", err)
		}
	}
	return p
}

// start creates and dispatches an operation.
func (w *world) start(ctx context.Context, query, variables string) (graphql.ResponseHandler, gqlerror.List) {
	w.Helper()
	op, errs := w.exec.CreateOperationContext(ctx, params(w.T, query, variables))
	if len(errs) > 0 {
		return nil, errs
	}
	handler, _ := w.exec.DispatchOperation(ctx, op)
	return handler, nil
}

// ask executes a query and returns data, and the errors.
func (w *world) ask(query, variables string) (string, gqlerror.List) {
	w.Helper()
	handler, errs := w.start(w.caller(), query, variables)
	if errs != nil {
		return "", w.exec.DispatchError(w.caller(), errs).Errors
	}
	resp := handler(w.caller())
	if resp == nil {
		w.Fatalf("no response to %s", query)
	}
	return string(resp.Data), resp.Errors
}

// mustAsk is ask for queries without errors.
func (w *world) mustAsk(query, variables string) string {
	w.Helper()
	data, errs := w.ask(query, variables)
	if len(errs) > 0 {
		w.Fatalf("%.200s: %v", query, errs)
	}
	return data
}

// refused is refusal for tests that need no more of the error.
func (w *world) refused(query, variables, code string, parts ...string) {
	w.Helper()
	_ = w.refusal(query, variables, code, parts...)
}

// refusal checks that a request ends in one error with a code whose text holds
// all parts, and returns it.
func (w *world) refusal(query, variables, code string, parts ...string) *gqlerror.Error {
	w.Helper()
	data, errs := w.ask(query, variables)
	if len(errs) == 0 {
		w.Fatalf("%.200s\nis answered with %s, want %s", query, data, code)
	}
	e := errs[0]
	if e.Extensions["code"] != code {
		w.Errorf("%.200s\ncode is %v, want %s: %s", query, e.Extensions["code"], code, e.Message)
	}
	for _, part := range parts {
		if !strings.Contains(e.Message, part) {
			w.Errorf("%.200s\nmessage %q says nothing about %q", query, e.Message, part)
		}
	}
	return e
}

func (w *world) equal(what, got, want string) {
	w.Helper()
	if got != want {
		w.Errorf("%.200s:\n got %s\nwant %s", what, got, want)
	}
}
