package sdl

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestSchema(t *testing.T) {
	for name, m := range map[string]Model{
		"database-string": model(false, true),
		"database-typed":  model(false, false),
		"camel-typed":     model(true, false),
		"camel-string":    model(true, true),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Build(core(t), m)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".graphql")
			if *update {
				if err := os.WriteFile(path, []byte(s.Text()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Text(); got != string(want) {
				t.Errorf("%s differs from the schema, which is now\n%s", path, got)
			}
		})
	}
}

// has checks that a schema has each line.
func has(t *testing.T, s *Schema, lines ...string) {
	t.Helper()
	text := s.Text()
	for _, line := range lines {
		if !strings.Contains(text, "  "+line+"\n") {
			t.Errorf("the schema lacks %s", line)
		}
	}
}

// livePnL is the example that the documentation of the API uses throughout.
func livePnL(camel, stringScalars bool) Model {
	s := table(camel, []int{0}, "instrument_id Integer", "symbol String", "latest_price Decimal!")
	s.Columns[2].Field = "lastPrice"
	base := "live_pnl"
	if camel {
		base = "livePnL"
	}
	return Model{CamelCase: camel, StringScalars: stringScalars, Sources: []Source{{Name: "live_pnl", Base: base, Schema: s}}}
}

func TestNamesOfTheProduct(t *testing.T) {
	s, err := Build(core(t), livePnL(true, false))
	if err != nil {
		t.Fatal(err)
	}
	has(t, s,
		"livePnL(where: LivePnLExpression, snapshot: Boolean = true, maxRate: Float): LivePnLUpdate!",
		"livePnLChanges(where: LivePnLExpression, snapshot: Boolean = true, maxRate: Float, maxRows: Int, resumeFrom: String): LivePnLChanges!",
		"livePnLColumns(where: LivePnLExpression, snapshot: Boolean = true, maxRate: Float, maxRows: Int, resumeFrom: String, numbers: NumberFormat = EXACT): LivePnLColumns!",
		"livePnL(where: LivePnLExpression, orderBy: [LivePnLOrderBy!], limit: Int, offset: Int): [LivePnL!]!",
		"livePnLByPk(instrumentId: Int!): LivePnL",
		"livePnLChanges(where: LivePnLExpression, resumeFrom: String): LivePnLChanges!",
		"livePnLColumns(where: LivePnLExpression, resumeFrom: String, numbers: NumberFormat = EXACT): LivePnLColumns!",
		"livePnLTriggers: [Trigger!]!", "livePnLTrigger(name: String!): Trigger",
		"createLivePnLTrigger(input: LivePnLTriggerInput!): Trigger!", "deleteLivePnLTrigger(name: String!): Trigger!",
		"updateLivePnLTrigger(name: String!, input: LivePnLTriggerPatch!): Trigger!",
		"pauseLivePnLTrigger(name: String!): Trigger!", "resumeLivePnLTrigger(name: String!): Trigger!", "testLivePnLTrigger(name: String!): ID!",
		"triggerDeliveries(source: String!, trigger: String!, status: TriggerDeliveryStatus! = PENDING, limit: Int! = 100, after: String): [TriggerDelivery!]!",
		"triggerDeliveries(source: String, trigger: String): TriggerResult!",
		"resendDelivery(source: String!, trigger: String!, id: ID!): ID!", "resendDeadLetters(source: String!, trigger: String!): Int!",
		"instrumentId: Int!", "symbol: String", "lastPrice: Decimal!", "lastPrice: DecimalComparison", "lastPrice: OrderBy",
	)
	for name, want := range map[string]string{
		"LivePnLChanges": "kind: FrameKind! changes: [LivePnLUpdate!]! last: Boolean! timestamp: String! cursor: String! from: String " +
			"asOf: Timestamp! sentAt: Timestamp! state: SourceState!",
		"LivePnLColumns": "kind: FrameKind! last: Boolean! timestamp: String! cursor: String! from: String " +
			"asOf: Timestamp! sentAt: Timestamp! state: SourceState! upserts: LivePnLColumnSet! deletes: LivePnLKeySet!",
		"LivePnLColumnSet": "_key: [ID!]! instrumentId: [Int!]! symbol: [String]! lastPrice: [Decimal!]!",
		"LivePnLKeySet":    "_key: [ID!]! instrumentId: [Int!]!",
	} {
		if got := fieldsOf(s, name); got != want {
			t.Errorf("%s has\n %s\nwant\n %s", name, got, want)
		}
	}
	if v := s.AST.Types["NumberFormat"].EnumValues; len(v) != 2 || v[0].Name != "EXACT" || v[1].Name != "NUMBER" {
		t.Errorf("NumberFormat has %v", v)
	}
}

func TestNamesOfTheDatabase(t *testing.T) {
	s, err := Build(core(t), livePnL(false, true))
	if err != nil {
		t.Fatal(err)
	}
	has(t, s,
		"live_pnl(where: live_pnlExpression, snapshot: Boolean = true, max_rate: Float): live_pnlUpdate!",
		"live_pnl_changes(where: live_pnlExpression, snapshot: Boolean = true, max_rate: Float, max_rows: Int, resume_from: String): live_pnlChanges!",
		"live_pnl_columns(where: live_pnlExpression, snapshot: Boolean = true, max_rate: Float, max_rows: Int, resume_from: String, numbers: NumberFormat = EXACT): live_pnlColumns!",
		"live_pnl_by_pk(instrument_id: Int!): live_pnl",
		"live_pnl_changes(where: live_pnlExpression, resume_from: String): live_pnlChanges!",
		"live_pnl_columns(where: live_pnlExpression, resume_from: String, numbers: NumberFormat = EXACT): live_pnlColumns!",
		"live_pnl_triggers: [Trigger!]!", "live_pnl_trigger(name: String!): Trigger",
		"create_live_pnl_trigger(input: live_pnlTriggerInput!): Trigger!", "delete_live_pnl_trigger(name: String!): Trigger!",
		"update_live_pnl_trigger(name: String!, input: live_pnlTriggerPatch!): Trigger!",
		"pause_live_pnl_trigger(name: String!): Trigger!", "resume_live_pnl_trigger(name: String!): Trigger!", "test_live_pnl_trigger(name: String!): ID!",
		"trigger_deliveries(source: String, trigger: String): TriggerResult!",
		"resend_delivery(source: String!, trigger: String!, id: ID!): ID!", "resend_dead_letters(source: String!, trigger: String!): Int!",
	)
	const options = "snapshot: Boolean for: String cooldown: String fields: [String!] headers: [TriggerHeader!] secrets: [String!] timeout: String delays: [String!]"
	for name, want := range map[string]string{
		"live_pnlTriggerInput": "name: String! webhook: String! fire: live_pnlExpression! clear: live_pnlExpression " + options + " paused: Boolean",
		"live_pnlTriggerPatch": "webhook: String fire: live_pnlExpression clear: live_pnlExpression " + options,
	} {
		if got := fieldsOf(s, name); got != want {
			t.Errorf("%s has\n %s\nwant\n %s", name, got, want)
		}
	}
	if got, want := fieldsOf(s, "live_pnlColumnSet"), "_key: [ID!]! instrument_id: [Int!]! symbol: [String]! lastPrice: [String!]!"; got != want {
		t.Errorf("the column set has\n %s\nwant\n %s", got, want)
	}
}

// fieldsOf lists the fields of a type as SDL has them.
func fieldsOf(s *Schema, typ string) string {
	var out []string
	for _, f := range s.AST.Types[typ].Fields {
		out = append(out, f.Name+": "+f.Type.String())
	}
	return strings.Join(out, " ")
}

func TestNothingInternal(t *testing.T) {
	for name, m := range map[string]Model{"no source": {}, "sources": model(true, false)} {
		s, err := Build(core(t), m)
		if err != nil {
			t.Fatal(err)
		}
		words := []string{"Encoded", "Exact ", "@internal", "defer"}
		if len(m.Sources) == 0 {
			words = append(words, "Subscription", "Mutation", "Trigger", "FrameKind", "NumberFormat", "OrderBy")
		}
		for _, word := range words {
			if strings.Contains(s.Text(), word) {
				t.Errorf("%s: the schema holds %s", name, word)
			}
		}
		if strings.Contains(s.Text(), "unknown") {
			t.Errorf("%s: a source without columns is in the schema", name)
		}
	}
}

func TestCollisionsAreReportedAtOnce(t *testing.T) {
	m := model(false, false)
	m.Sources[0].Schema.Columns[1].Field = "id"
	m.Sources = append(m.Sources, Source{Name: "trades_columns", Base: "trades_columns"}, Source{Name: "sources", Base: "sources"})
	_, err := Build(core(t), m)
	if err == nil {
		t.Fatal("colliding names build a schema")
	}
	for _, part := range []string{"graphql_name: id2", "query trades_columns", "query sources"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q says nothing about %q", err, part)
		}
	}
}
