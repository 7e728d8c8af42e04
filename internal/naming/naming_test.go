package naming

import (
	"strings"
	"testing"
)

func TestCamel(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"live_pnl":         "livePnl",
		"instrument_id":    "instrumentId",
		"_key":             "_key",
		"__a_b":            "__aB",
		"a__b":             "aB",
		"a_":               "a",
		"_":                "_",
		"a_1b":             "a1b",
		"Already_Camel":    "AlreadyCamel",
		"latestPrice":      "latestPrice",
		"prix_été":         "prixÉté",
		"theoretical_pnl_": "theoreticalPnl",
	} {
		if got := Camel(in); got != want {
			t.Errorf("Camel(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNamesFollowTheStyle(t *testing.T) {
	camel := For(Base("live_pnl", "livePnL", true), true)
	for got, want := range map[string]string{
		camel.Rows: "livePnL", camel.ByPk: "livePnLByPk", camel.Changes: "livePnLChanges",
		camel.Columns: "livePnLColumns", camel.Triggers: "livePnLTriggers", camel.Trigger: "livePnLTrigger",
		camel.CreateTrigger: "createLivePnLTrigger", camel.DeleteTrigger: "deleteLivePnLTrigger",
		camel.Row: "LivePnL", camel.Update: "LivePnLUpdate", camel.ChangesFrame: "LivePnLChanges",
		camel.ColumnsFrame: "LivePnLColumns", camel.ColumnSet: "LivePnLColumnSet", camel.KeySet: "LivePnLKeySet",
		camel.Expression: "LivePnLExpression", camel.OrderByType: "LivePnLOrderBy",
		camel.TriggerInput: "LivePnLTriggerInput", camel.TriggerPatch: "LivePnLTriggerPatch",
		camel.UpdateTrigger: "updateLivePnLTrigger", camel.PauseTrigger: "pauseLivePnLTrigger",
		camel.ResumeTrigger: "resumeLivePnLTrigger", camel.TestTrigger: "testLivePnLTrigger",
	} {
		if got != want {
			t.Errorf("camelCase: got %q, want %q", got, want)
		}
	}
	database := For(Base("live_pnl", "", false), false)
	for got, want := range map[string]string{
		database.Rows: "live_pnl", database.ByPk: "live_pnl_by_pk", database.Changes: "live_pnl_changes",
		database.Columns: "live_pnl_columns", database.Triggers: "live_pnl_triggers",
		database.Trigger: "live_pnl_trigger", database.CreateTrigger: "create_live_pnl_trigger",
		database.DeleteTrigger: "delete_live_pnl_trigger", database.Row: "live_pnl",
		database.Update: "live_pnlUpdate", database.Expression: "live_pnlExpression",
		database.ChangesFrame: "live_pnlChanges", database.ColumnsFrame: "live_pnlColumns",
		database.ColumnSet: "live_pnlColumnSet", database.KeySet: "live_pnlKeySet",
		database.TriggerInput: "live_pnlTriggerInput", database.TriggerPatch: "live_pnlTriggerPatch",
		database.UpdateTrigger: "update_live_pnl_trigger", database.PauseTrigger: "pause_live_pnl_trigger",
		database.ResumeTrigger: "resume_live_pnl_trigger", database.TestTrigger: "test_live_pnl_trigger",
	} {
		if got != want {
			t.Errorf("database: got %q, want %q", got, want)
		}
	}
	if got := ArgumentsFor(false); got != (Arguments{"order_by", "max_rows", "max_rate", "resume_from"}) {
		t.Errorf("database arguments: %+v", got)
	}
	if got := ArgumentsFor(true); got != (Arguments{"orderBy", "maxRows", "maxRate", "resumeFrom"}) {
		t.Errorf("camelCase arguments: %+v", got)
	}
	if got := Field("latest_price", "lastPrice", false); got != "lastPrice" {
		t.Errorf("graphql_name is taken as it is, got %q", got)
	}
}

func TestIllegal(t *testing.T) {
	for _, name := range []string{"a", "_a", "A1", "live_pnl"} {
		if why := Illegal(name); why != "" {
			t.Errorf("%q is legal, got %q", name, why)
		}
	}
	for name, want := range map[string]string{
		"": "empty", "__a": "__", "1a": "digit", "a b": "blank", "a-b": `"-"`, "é": `"é"`, "a\x00": "printed",
	} {
		if why := Illegal(name); !strings.Contains(why, want) {
			t.Errorf("Illegal(%q) = %q, want something about %q", name, why, want)
		}
		if l := Legalize(name, false); Illegal(l) != "" {
			t.Errorf("Legalize(%q) = %q is illegal", name, l)
		}
		if l := Legalize(name, true); Illegal(l) != "" {
			t.Errorf("camelCase Legalize(%q) = %q is illegal", name, l)
		}
	}
	for _, v := range []string{"true", "false", "null", "a b"} {
		if IllegalValue(v) == "" {
			t.Errorf("%q cannot be an enum value", v)
		}
	}
}

func columns(names ...string) []Column {
	var out []Column
	for _, n := range names {
		name, field, ok := strings.Cut(n, ">")
		if !ok {
			field = name
		}
		out = append(out, Column{Name: name, Field: field})
	}
	return out
}

// schemaCase is a schema and what is wrong with its names.
type schemaCase struct {
	camel   bool
	enums   []Enum
	sources []Source
	want    []string // parts of each problem, in order
}

func (tc schemaCase) check(t *testing.T) {
	got := Check(tc.camel, tc.enums, tc.sources)
	if len(got) != len(tc.want) {
		t.Fatalf("got %d problems, want %d: %+v", len(got), len(tc.want), got)
	}
	for i, p := range got {
		for part := range strings.SplitSeq(tc.want[i], "|") {
			if !strings.Contains(p.Error(), part) {
				t.Errorf("problem %d is %q, want something about %q", i, p.Error(), part)
			}
		}
		if (p.Source == "") == (p.Enum == "") {
			t.Errorf("problem %d names %q and %q, want exactly one", i, p.Source, p.Enum)
		}
	}
}

func TestCheck(t *testing.T) {
	side := Enum{Name: "side", Values: []string{"buy", "sell"}}
	for name, tc := range map[string]schemaCase{
		"good": {
			enums:   []Enum{side},
			sources: []Source{{Name: "trades", Base: "trades", Columns: columns("id", "side", "_note")}, {Name: "trade", Base: "trade"}},
		},
		"query taken by the core": {
			sources: []Source{{Name: "sources", Base: "sources"}},
			want:    []string{`query sources of the source "sources" is already taken by a field of the core schema|graphql_name: sources_rows`},
		},
		"type taken by the core": {
			camel:   true,
			sources: []Source{{Name: "trigger", Base: "trigger"}},
			want:    []string{"type Trigger|graphql_name: triggerRows"},
		},
		"type taken by an enum": {
			enums:   []Enum{side},
			sources: []Source{{Name: "side", Base: "side"}},
			want:    []string{`type side of the source "side" is already taken by the enum "side"`},
		},
		"enum against comparison type": {
			enums: []Enum{{Name: "Int"}, {Name: "String"}},
			want:  []string{"type Int", "type String"},
		},
		"two sources, one name": {
			camel:   true,
			sources: []Source{{Name: "live_pnl", Base: "livePnl"}, {Name: "live__pnl", Base: "livePnl"}},
			want:    []string{`already taken by the source "live_pnl"`},
		},
		"two sources meet in the type only": {
			camel:   true,
			sources: []Source{{Name: "trades", Base: "trades"}, {Name: "Trades", Base: "Trades"}},
			want:    []string{"Trades"},
		},
		"a source meets another's suffix": {
			sources: []Source{{Name: "a", Base: "a"}, {Name: "a_changes", Base: "a_changes"}},
			want:    []string{`query a_changes of the source "a_changes" is already taken by the source "a"`},
		},
		"a source meets another's type": {
			sources: []Source{{Name: "a", Base: "a"}, {Name: "aUpdate", Base: "aUpdate"}},
			want:    []string{`type aUpdate`},
		},
		"columns": {
			camel:   true,
			sources: []Source{{Name: "t", Base: "t", Columns: columns("a_b>aB", "aB", "_key", "_and", "__x", "x y", "ok")}},
			want: []string{
				`aB is already taken by the column "a_b"|aB2`, "_key is already taken by a field that every row",
				"_and", "starts with __", "holds a blank|graphql_name: xY",
			},
		},
		"enum values": {
			enums: []Enum{{Name: "e", Values: []string{"ok", "not ok", "true", "ok"}}},
			want:  []string{`"not ok" holds a blank|String`, `"true"`, `"ok" stands twice`},
		},
		"illegal source and enum": {
			enums:   []Enum{{Name: "an enum"}},
			sources: []Source{{Name: "my-view", Base: "my-view"}},
			want:    []string{"an enum", "my-view|graphql_name: my_view"},
		},
	} {
		t.Run(name, tc.check)
	}
}

// TestCheckFrames: the names of frames and of what is in them are taken too.
func TestCheckFrames(t *testing.T) {
	for name, tc := range map[string]schemaCase{
		"a source meets another's frames": {
			sources: []Source{{Name: "a_columns", Base: "a_columns"}, {Name: "a", Base: "a"}},
			want:    []string{`query a_columns of the source "a" is already taken by the source "a_columns"`},
		},
		"a source meets another's column frames": {
			camel:   true,
			sources: []Source{{Name: "a", Base: "a"}, {Name: "AColumns", Base: "AColumns"}},
			want:    []string{`type AColumns of the source "AColumns"`},
		},
		"a source meets another's column set": {
			camel:   true,
			sources: []Source{{Name: "a", Base: "a"}, {Name: "a_column_set", Base: "aColumnSet"}},
			want:    []string{`type AColumnSet of the source "a_column_set" is already taken by the source "a"|graphql_name: aColumnSetRows`},
		},
		"an enum and the set of deleted keys": {
			enums:   []Enum{{Name: "aKeySet", Values: []string{"x"}}},
			sources: []Source{{Name: "a", Base: "a"}},
			want:    []string{`type aKeySet of the source "a" is already taken by the enum "aKeySet"`},
		},
		"a source meets the deliveries": {
			camel:   true,
			sources: []Source{{Name: "trigger_deliveries", Base: "triggerDeliveries"}},
			want:    []string{"query triggerDeliveries of the source \"trigger_deliveries\" is already taken by a field of the core schema"},
		},
		"a source meets the deliveries of the other style": {
			sources: []Source{{Name: "triggerDeliveries", Base: "triggerDeliveries"}},
		},
		"a source's mutation meets a common one": {
			sources: []Source{{Name: "a", Base: "a"}, {Name: "a_trigger", Base: "update_a"}, {Name: "trigger_delivery", Base: "TriggerDelivery"}},
			want:    []string{"type TriggerDelivery of the source \"trigger_delivery\""},
		},
		"two sources' mutations": {
			camel:   true,
			sources: []Source{{Name: "a", Base: "a"}, {Name: "A", Base: "A"}},
			want:    []string{"is already taken by the source \"a\""},
		},
		"an enum and the number format": {
			enums: []Enum{{Name: "NumberFormat", Values: []string{"x"}}},
			want:  []string{"type NumberFormat"},
		},
	} {
		t.Run(name, tc.check)
	}
}
