package codec

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

func compileColumns(tb testing.TB, sh Shape, n Numbers, sel ...Field) feed.Encoder {
	tb.Helper()
	enc, err := CompileColumns(sh, "t", sel, n)
	if err != nil {
		tb.Fatal(err)
	}
	return enc
}

func inserts(rows ...relation.Row) []feed.Event {
	var events []feed.Event
	for _, r := range rows {
		events = append(events, feed.Event{Op: feed.Insert, Row: r})
	}
	return events
}

func TestColumns(t *testing.T) {
	upserts := object("upserts", append(fields("_key", "__typename", "symbol", "lastPrice"), Field{Alias: "s", Name: "side"}, Field{Alias: "s2", Name: "side"})...)
	enc := compileColumns(t, tradesShape(), Exact, append(header(), upserts,
		object("deletes", fields("_key", "id", "__typename")...),
		Field{Alias: "__typename", Name: "__typename"},
		Field{Alias: "gone", Name: "deletes", Fields: []Field{{Alias: "k", Name: "_key"}, {Alias: "k2", Name: "_key"}, {Alias: "i", Name: "id"}}},
		Field{Alias: "ids", Name: "upserts", Fields: fields("id")},
	)...)
	if !enc.Frames() {
		t.Error("frames are frames")
	}
	s := trades()
	row3, row4, row5 := relation.Texts("3", "C", "buy", "3", "infinity", "{}", "{}"), relation.Texts("-4", "D", "sell", "4", "infinity", "{}", "{}"), s.KeyRow(relation.Texts("5", "", "", "", "", "", ""))
	wall := int64(1767323044120000)
	wantMessages(t, messages(t, enc, &feed.Frame{Kind: feed.LiveFrame, Last: true, Time: 18446744073709551615, Wall: wall, Cursor: `c"1`, State: feed.Live, Events: []feed.Event{
		{Op: feed.Delete, Row: row4},
		{Op: feed.Insert, Row: row1},
		{Op: feed.Delete, Row: row5},
		{Op: feed.Update, Row: relation.Texts("2", "", "x", "1.75", "infinity", "{}", "{}"), Old: row2},
		{Op: feed.Update, Row: row3, Changed: relation.NewColumnSet(7)},
	}}), `{"data":{"t":{"kind":"LIVE","last":true,"timestamp":"18446744073709551615","cursor":"c\"1","from":null,`+
		`"asOf":"2026-01-02T03:04:04.120000Z","sentAt":"2026-01-02T03:04:05.000006Z","state":"LIVE",`+
		`"upserts":{"_key":["1","2","3"],"__typename":"TradesColumnSet","symbol":["ACME","","C"],"lastPrice":["1.50","1.75","3"],"s":["buy",null,"buy"],"s2":["buy",null,"buy"]},`+
		`"deletes":{"_key":["-4","5"],"id":[-4,5],"__typename":"TradesKeySet"},"__typename":"TradesColumns",`+
		`"gone":{"k":["-4","5"],"k2":["-4","5"],"i":[-4,5]},"ids":{"id":[1,2,3]}}}}`)

	const empty = `"upserts":{"_key":[],"__typename":"TradesColumnSet","symbol":[],"lastPrice":[],"s":[],"s2":[]},` +
		`"deletes":{"_key":[],"id":[],"__typename":"TradesKeySet"},"__typename":"TradesColumns","gone":{"k":[],"k2":[],"i":[]},"ids":{"id":[]}}}}`
	wantMessages(t, messages(t, enc, &feed.Frame{Kind: feed.Snapshot, State: feed.Starting}),
		`{"data":{"t":{"kind":"SNAPSHOT","last":false,"timestamp":"0","cursor":"","from":null,"asOf":"1970-01-01T00:00:00.000000Z","sentAt":"2026-01-02T03:04:05.000006Z","state":"STARTING",`+empty)
	wantMessages(t, messages(t, enc, &feed.Frame{Kind: feed.Resumed, State: feed.Stale, From: "a", Cursor: "b", Last: true}),
		`{"data":{"t":{"kind":"RESUMED","last":true,"timestamp":"0","cursor":"b","from":"a","asOf":"1970-01-01T00:00:00.000000Z","sentAt":"2026-01-02T03:04:05.000006Z","state":"STALE",`+empty)
}

// TestColumnsOfPart selects one half of the frame, or no list at all.
func TestColumnsOfPart(t *testing.T) {
	f := &feed.Frame{Kind: feed.Reset, Events: append(inserts(row1, row2), feed.Event{Op: feed.Delete, Row: row1})}
	for _, tc := range []struct {
		name string
		sel  Field
		want string
	}{
		{"upserts", object("upserts", fields("id")...), `{"upserts":{"id":[1,1]}}`},
		{"deletes", object("deletes", fields("_key")...), `{"deletes":{"_key":["1"]}}`},
		{"names", object("upserts", fields("__typename")...), `{"upserts":{"__typename":"TradesColumnSet"}}`},
		{"header", Field{Alias: "k", Name: "kind"}, `{"k":"RESET"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantMessages(t, messages(t, compileColumns(t, tradesShape(), Exact, tc.sel), f), `{"data":{"t":`+tc.want+`}}`)
		})
	}
}

// TestColumnCells has a column of every kind as it comes out in both number
// formats, and under string scalars, of which neither number format depends.
func TestColumnCells(t *testing.T) {
	const null = "\x00"
	key := relation.Column{Kind: relation.String}
	for _, tc := range []struct {
		name    string
		col     relation.Column
		texts   []string
		exact   string
		number  string // "": as exact
		strings string // under string scalars; "": as exact
		faults  uint64 // each time that the column is written
	}{
		{"Integer", of(relation.Integer), []string{"1", null, "-2", "2147483648", "5.00"}, `[1,null,-2,null,5]`, "", "", 1},
		{
			"BigInt", of(relation.BigInt),
			[]string{"9007199254740993", null, "-9223372036854775808", "18446744073709551615", "5.00", "-0", "+5", "1e5", "07", "", "NaN"},
			`["9007199254740993",null,"-9223372036854775808","18446744073709551615","5","-0",null,null,null,null,null]`,
			`[9007199254740993,null,-9223372036854775808,18446744073709551615,5,-0,null,null,null,null,null]`, "", 5,
		},
		{"Float", of(relation.Float), []string{"1.50", "1e-05", "NaN", "-Infinity", null, ".5"}, `[1.50,1e-05,null,null,null,null]`, "", "", 1},
		{
			"Decimal", of(relation.Decimal),
			[]string{"1.50", null, "0.10000000000000000001", "-" + strings.Repeat("9", 39), "1e5", "-0.0"},
			`["1.50",null,"0.10000000000000000001","-` + strings.Repeat("9", 39) + `","1e5","-0.0"]`,
			`[1.50,null,0.10000000000000000001,-` + strings.Repeat("9", 39) + `,1e5,-0.0]`, "", 0,
		},
		{"Decimal words", of(relation.Decimal), []string{"NaN", "Infinity", "-Infinity"}, `["NaN","Infinity","-Infinity"]`, `[null,null,null]`, "", 0},
		{"Decimal, malformed", of(relation.Decimal), []string{"+5", ".5", "5.", "1e", "nan", "", " 1", "$1"}, `[null,null,null,null,null,null,null,null]`, "", "", 8},
		{"String", of(relation.String), []string{"", null, "a\"\n\\", "é\xff"}, `["",null,"a\"\n\\","é` + "\ufffd" + `"]`, "", "", 0},
		{"UUID", of(relation.UUID), []string{"C1F3A4B5-0000-4000-8000-0123456789AB", "no"}, `["c1f3a4b5-0000-4000-8000-0123456789ab","no"]`, "", "", 0},
		{"Boolean", of(relation.Boolean), []string{"t", "f", null, "yes"}, `[true,false,null,null]`, "", "", 1},
		{"Timestamp", stamps, []string{"2026-01-02 03:04:05.678", null, "infinity", "soon"}, `["2026-01-02T03:04:05.678",null,"infinity",null]`, "", "", 1},
		{"Timestamp with zone", zoned, []string{"2026-01-02 03:04:05+01"}, `["2026-01-02T02:04:05Z"]`, "", "", 0},
		{"Date", of(relation.Date), []string{"2026-01-02", null}, `["2026-01-02",null]`, "", "", 0},
		{"Time", of(relation.Time), []string{"03:04:05.5", null}, `["03:04:05.5",null]`, "", "", 0},
		{"JSON", of(relation.JSON), []string{`{"a": [1.50, "x"]}`, null, `null`, `{`}, `[{"a":[1.50,"x"]},null,null,null]`, "", `["{\"a\":[1.50,\"x\"]}",null,"null",null]`, 1},
		{"Array of Decimal", arrayOf(relation.Decimal), []string{"{1.50,NULL,NaN}", null}, `[["1.50",null,"NaN"],null]`, "", `["[\"1.50\",null,\"NaN\"]",null]`, 0},
		{"Array of BigInt", arrayOf(relation.BigInt), []string{"{{1},{2}}"}, `[[["1"],["2"]]]`, "", `["[[\"1\"],[\"2\"]]"]`, 0},
		{"Enumeration", enum, []string{"buy", "hold", null}, `["buy",null,null]`, "", "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key.Name, key.Field, tc.col.Name, tc.col.Field = "k", "k", "c", "c"
			sh := Shape{Schema: &relation.Schema{Columns: []relation.Column{key, tc.col}, Key: []int{0}}}
			sh.Anomalies = NewAnomalies(sh.Schema)
			frame := &feed.Frame{}
			for i, text := range tc.texts {
				row := relation.Cells(new(strconv.Itoa(i)), new(text))
				if text == null {
					row = relation.Cells(new(strconv.Itoa(i)), nil)
				}
				frame.Events = append(frame.Events, feed.Event{Op: feed.Insert, Row: row})
			}
			number, text := tc.number, tc.strings
			if number == "" {
				number = tc.exact
			}
			check := func(want string, n Numbers, style bool) {
				t.Helper()
				sh.StringScalars = style
				got := messages(t, compileColumns(t, sh, n, object("upserts", fields("c")...)), frame)
				wantMessages(t, got, `{"data":{"t":{"upserts":{"c":`+want+`}}}}`)
				checkLine(t, got[0])
			}
			check(tc.exact, Exact, false)
			check(number, Number, false)
			if text == "" {
				check(tc.exact, Exact, true)
				check(number, Number, true)
			} else {
				check(text, Exact, true)
				check(text, Number, true)
			}
			var got uint64
			for a := range sh.Anomalies.All() {
				got += a.Count
			}
			if want := 4 * tc.faults; got != want {
				t.Errorf("%d faults counted, want %d", got, want)
			}
		})
	}
}

// TestKeySets deletes rows of composite keys: the cells follow the number
// format, _key never does.
func TestKeySets(t *testing.T) {
	col := func(name string, k relation.Kind) relation.Column {
		return relation.Column{Name: name, Field: name, Kind: k}
	}
	s := &relation.Schema{
		Columns: []relation.Column{col("n", relation.BigInt), col("v", relation.String), col("d", relation.Decimal), col("i", relation.Integer)},
		Key:     []int{3, 2, 0},
	}
	sh := Shape{Schema: s, Types: Types{KeySet: "K", ColumnSet: "C"}}
	frame := &feed.Frame{Events: []feed.Event{
		{Op: feed.Delete, Row: relation.Texts("9007199254740993", "v", "1.50", "7")},
		{Op: feed.Update, Row: relation.Texts("1", "v", "2.0", "8"), Old: relation.Texts("1", "w", "2.0", "8")},
		{Op: feed.Delete, Row: s.KeyRow(relation.Texts("2", "v", "3", "-9"))},
	}}
	sel := []Field{object("deletes", fields("n", "_key", "d", "i")...), object("upserts", fields("_key", "d")...)}
	const keys = `"_key":["[7,\"1.5\",\"9007199254740993\"]","[-9,\"3\",\"2\"]"]`
	wantMessages(t, messages(t, compileColumns(t, sh, Exact, sel...), frame),
		`{"data":{"t":{"deletes":{"n":["9007199254740993","2"],`+keys+`,"d":["1.50","3"],"i":[7,-9]},"upserts":{"_key":["[8,\"2\",\"1\"]"],"d":["2.0"]}}}}`)
	wantMessages(t, messages(t, compileColumns(t, sh, Number, sel...), frame),
		`{"data":{"t":{"deletes":{"n":[9007199254740993,2],`+keys+`,"d":[1.50,3],"i":[7,-9]},"upserts":{"_key":["[8,\"2\",\"1\"]"],"d":[2.0]}}}}`)
}

// TestNoAlias compiles objects alone.
func TestNoAlias(t *testing.T) {
	f := &feed.Frame{Kind: feed.Resumed, Events: inserts(row1)}
	changes, err := CompileChanges(tradesShape(), "", []Field{{Alias: "kind", Name: "kind"}, object("changes", object("data", fields("id")...))})
	if err != nil {
		t.Fatal(err)
	}
	wantMessages(t, messages(t, changes, f), `{"kind":"RESUMED","changes":[{"data":{"id":1}}]}`)
	columns, err := CompileColumns(tradesShape(), "", []Field{{Alias: "kind", Name: "kind"}, object("upserts", fields("id")...)}, Number)
	if err != nil {
		t.Fatal(err)
	}
	wantMessages(t, messages(t, columns, f), `{"kind":"RESUMED","upserts":{"id":[1]}}`)
	updates, err := CompileUpdates(tradesShape(), "", fields("operation"))
	if err != nil {
		t.Fatal(err)
	}
	wantMessages(t, messages(t, updates, f), `{"operation":"INSERT"}`)
}

// TestKeyTwice gives a frame that no feed makes: nothing is lost or uneven.
func TestKeyTwice(t *testing.T) {
	enc := compileColumns(t, tradesShape(), Exact, object("upserts", fields("_key", "symbol")...), object("deletes", fields("id")...))
	events := slices.Concat(inserts(row1, row2), []feed.Event{{Op: feed.Delete, Row: row1}, {Op: feed.Delete, Row: row2}}, inserts(row1))
	wantMessages(t, messages(t, enc, &feed.Frame{Events: events}),
		`{"data":{"t":{"upserts":{"_key":["1","1","1"],"symbol":["ACME",null,"ACME"]},"deletes":{"id":[1,1]}}}}`)
}
