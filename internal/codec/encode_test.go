package codec

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

// trades is the schema of most tests: a column of every kind.
func trades() *relation.Schema {
	return &relation.Schema{
		Columns: []relation.Column{
			{Name: "id", Field: "id", Kind: relation.Integer},
			{Name: "symbol", Field: "symbol", Kind: relation.String, Nullable: true},
			{Name: "side", Field: "side", Kind: relation.Enumeration, Enum: &relation.Enum{Name: "side", Values: []string{"buy", "sell"}}, Nullable: true},
			{Name: "latest_price", Field: "lastPrice", Kind: relation.Decimal, Nullable: true},
			{Name: "executed_at", Field: "executedAt", Kind: relation.Timestamp, Zoned: true, Nullable: true},
			{Name: "tags", Field: "tags", Kind: relation.Array, Elem: relation.String, Nullable: true},
			{Name: "meta", Field: "meta", Kind: relation.JSON, Nullable: true},
		},
		Key: []int{0},
	}
}

func tradesShape() Shape {
	s := trades()
	return Shape{
		Schema:    s,
		Types:     Types{Row: "Trades", Update: "TradesUpdate", Changes: "TradesChanges", Columns: "TradesColumns", ColumnSet: "TradesColumnSet", KeySet: "TradesKeySet"},
		Anomalies: NewAnomalies(s),
		Now:       func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC) },
	}
}

// fields selects scalars under their own names.
func fields(names ...string) []Field {
	var sel []Field
	for _, n := range names {
		sel = append(sel, Field{Alias: n, Name: n})
	}
	return sel
}

func object(name string, sel ...Field) Field { return Field{Alias: name, Name: name, Fields: sel} }

var (
	row1 = relation.Texts("1", "ACME", "buy", "1.50", "2026-01-02 03:04:05.678+00", "{a,NULL}", `{"k": [1, 2]}`)
	row2 = relation.Cells(new("1"), nil, new("sell"), new("1.75"), new("2026-01-02 03:04:05.678+00"), new("{}"), new("null"))
)

// messages encodes f and cuts the result at the ends.
func messages(t *testing.T, enc feed.Encoder, f *feed.Frame) []string {
	t.Helper()
	prefix := "kept|"
	dst, ends := enc.Encode([]byte(prefix), []int{len(prefix)}, f)
	if !strings.HasPrefix(string(dst), prefix) || ends[0] != len(prefix) {
		t.Fatalf("what was in the buffers is gone: %q %v", dst, ends)
	}
	if ends[len(ends)-1] != len(dst) {
		t.Fatalf("the last message ends at %d of %d bytes", ends[len(ends)-1], len(dst))
	}
	var out []string
	for i := 1; i < len(ends); i++ {
		out = append(out, string(dst[ends[i-1]:ends[i]]))
	}
	return out
}

func wantMessages(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUpdates(t *testing.T) {
	sel := []Field{
		{Alias: "op", Name: "operation"},
		{Alias: "__typename", Name: "__typename"},
		object("data", append(fields("_key", "symbol", "__typename", "lastPrice", "meta", "tags", "executedAt"), Field{Alias: "s", Name: "side"}, Field{Alias: "s2", Name: "side"})...),
		{Alias: "fields", Name: "fields"},
		{Alias: "timestamp", Name: "timestamp"},
	}
	enc, err := CompileUpdates(tradesShape(), "t", sel)
	if err != nil {
		t.Fatal(err)
	}
	set := relation.NewColumnSet(7)
	set.Add(1)
	set.Add(6)
	got := messages(t, enc, &feed.Frame{Time: 18446744073709551615, Events: []feed.Event{
		{Op: feed.Insert, Row: row1},
		{Op: feed.Update, Row: row2, Old: row1},
		{Op: feed.Update, Row: row2, Changed: set},
		{Op: feed.Update, Row: row2, Old: row2},
		{Op: feed.Delete, Row: row2},
	}})
	one := `"__typename":"TradesUpdate","data":{"_key":"1","symbol":"ACME","__typename":"Trades","lastPrice":"1.50","meta":{"k":[1,2]},"tags":["a",null],"executedAt":"2026-01-02T03:04:05.678Z","s":"buy","s2":"buy"},`
	two := `"__typename":"TradesUpdate","data":{"_key":"1","symbol":null,"__typename":"Trades","lastPrice":"1.75","meta":null,"tags":[],"executedAt":"2026-01-02T03:04:05.678Z","s":"sell","s2":"sell"},`
	all := `"fields":["id","symbol","side","lastPrice","executedAt","tags","meta"],`
	end := `"timestamp":"18446744073709551615"}}}`
	wantMessages(t, got,
		`{"data":{"t":{"op":"INSERT",`+one+all+end,
		`{"data":{"t":{"op":"UPDATE",`+two+`"fields":["symbol","side","lastPrice","tags","meta"],`+end,
		`{"data":{"t":{"op":"UPDATE",`+two+`"fields":["symbol","meta"],`+end,
		`{"data":{"t":{"op":"UPDATE",`+two+`"fields":[],`+end,
		`{"data":{"t":{"op":"DELETE",`+two+all+end,
	)
	for _, m := range got {
		if !json.Valid([]byte(m)) {
			t.Errorf("not JSON: %s", m)
		}
	}
	if data := string(Data([]byte(got[4]))); data != got[4][len(`{"data":`):len(got[4])-1] || !json.Valid([]byte(data)) {
		t.Errorf("Data returned %s", data)
	}
	if enc.Frames() {
		t.Error("one-row messages are no frames")
	}
	if got := messages(t, enc, &feed.Frame{}); len(got) != 0 {
		t.Errorf("an empty frame gave %q", got)
	}
}

func TestChanges(t *testing.T) {
	update := object("changes", append(fields("operation", "fields", "timestamp", "__typename"), object("data", fields("id")...))...)
	sel := append(fields("kind", "last", "timestamp", "cursor", "from", "asOf", "sentAt", "state", "__typename"), update, Field{Alias: "ops", Name: "changes", Fields: fields("operation")})
	enc, err := CompileChanges(tradesShape(), "tradesChanges", sel)
	if err != nil {
		t.Fatal(err)
	}
	if !enc.Frames() {
		t.Error("frames are frames")
	}
	wall := time.Date(2026, 1, 2, 3, 4, 4, 120_000_000, time.UTC).UnixMicro()
	got := messages(t, enc, &feed.Frame{Kind: feed.LiveFrame, Last: true, Time: 1700, Wall: wall, Cursor: `c"1`, State: feed.Live, Events: []feed.Event{
		{Op: feed.Insert, Row: row1},
		{Op: feed.Update, Row: row2, Old: row1},
	}})
	wantMessages(t, got, `{"data":{"tradesChanges":{"kind":"LIVE","last":true,"timestamp":"1700","cursor":"c\"1","from":null,`+
		`"asOf":"2026-01-02T03:04:04.120000Z","sentAt":"2026-01-02T03:04:05.000006Z","state":"LIVE","__typename":"TradesChanges","changes":[`+
		`{"operation":"INSERT","fields":["id","symbol","side","lastPrice","executedAt","tags","meta"],"timestamp":"1700","__typename":"TradesUpdate","data":{"id":1}},`+
		`{"operation":"UPDATE","fields":["symbol","side","lastPrice","tags","meta"],"timestamp":"1700","__typename":"TradesUpdate","data":{"id":1}}`+
		`],"ops":[{"operation":"INSERT"},{"operation":"UPDATE"}]}}}`)

	enc, err = CompileChanges(tradesShape(), "x", append(fields("kind", "state", "last", "from", "cursor"), object("changes", fields("operation")...)))
	if err != nil {
		t.Fatal(err)
	}
	wantMessages(t, messages(t, enc, &feed.Frame{Kind: feed.Snapshot, State: feed.Starting}),
		`{"data":{"x":{"kind":"SNAPSHOT","state":"STARTING","last":false,"from":null,"cursor":"","changes":[]}}}`)
	wantMessages(t, messages(t, enc, &feed.Frame{Kind: feed.Resumed, State: feed.Stale, From: "abc", Cursor: "def", Last: true}),
		`{"data":{"x":{"kind":"RESUMED","state":"STALE","last":true,"from":"abc","cursor":"def","changes":[]}}}`)
	wantMessages(t, messages(t, enc, &feed.Frame{Kind: feed.Reset, State: feed.Failed}),
		`{"data":{"x":{"kind":"RESET","state":"FAILED","last":false,"from":null,"cursor":"","changes":[]}}}`)
}

func TestRow(t *testing.T) {
	enc, err := CompileRow(tradesShape(), []Field{{Alias: "k", Name: "_key"}, {Alias: "p", Name: "lastPrice"}, {Alias: "p2", Name: "lastPrice"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(enc.Append([]byte("["), row1)), `[{"k":"1","p":"1.50","p2":"1.50"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	enc, err = CompileRow(tradesShape(), fields("__typename"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(enc.Append(nil, row1)), `{"__typename":"Trades"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeys(t *testing.T) {
	kinds := func(key []int, cols ...relation.Kind) *relation.Schema {
		s := &relation.Schema{Key: key}
		for i, k := range cols {
			name := string(rune('a' + i))
			s.Columns = append(s.Columns, relation.Column{Name: name, Field: name, Kind: k})
		}
		return s
	}
	for _, tc := range []struct {
		name   string
		schema *relation.Schema
		row    relation.Row
		want   string // the key's text
	}{
		{"integer", kinds([]int{0}, relation.Integer), relation.Texts("-7"), "-7"},
		{"text", kinds([]int{1}, relation.String, relation.String), relation.Texts("no", `a"b\c`), `a"b\c`},
		{"control bytes", kinds([]int{0}, relation.String), relation.Texts("a\nb\x01é"), "a\nb\x01é"},
		{"empty", kinds([]int{0}, relation.String), relation.Texts(""), ""},
		{"not UTF-8", kinds([]int{0}, relation.String), relation.Texts("a\xff\"b"), "a\ufffd\"b"},
		{"decimal", kinds([]int{0}, relation.Decimal), relation.Texts("1.50"), "1.5"},
		{"composite", kinds([]int{1, 0, 2}, relation.Integer, relation.String, relation.Boolean), relation.Texts("1", "é\"\n\\", "t"), `["é\"\n\\",1,true]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			enc, err := CompileRow(Shape{Schema: tc.schema, Types: Types{Row: "T"}}, fields("_key"))
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Key string `json:"_key"`
			}
			out := enc.Append(nil, tc.row)
			if err := json.Unmarshal(out, &got); err != nil || got.Key != tc.want {
				t.Errorf("%s decodes to %q, %v; want %q", out, got.Key, err, tc.want)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	update := func(sel ...Field) error {
		_, err := CompileUpdates(tradesShape(), "t", sel)
		return err
	}
	frame := func(sel ...Field) error {
		_, err := CompileChanges(tradesShape(), "t", sel)
		return err
	}
	columns := func(sel ...Field) error {
		_, err := CompileColumns(tradesShape(), "t", sel, Exact)
		return err
	}
	row := func(sel ...Field) error {
		_, err := CompileRow(tradesShape(), sel)
		return err
	}
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"unknown column", row(fields("price")...), `field "price" of Trades: unknown field`},
		{"database name", row(fields("latest_price")...), `field "latest_price" of Trades: unknown field`},
		{"unknown in update", update(fields("kind")...), `field "kind" of TradesUpdate: unknown field`},
		{"unknown in frame", frame(fields("operation")...), `field "operation" of TradesChanges: unknown field`},
		{"unknown, nested", frame(object("changes", object("data", fields("x")...))), `field "changes" of TradesChanges: field "data" of TradesUpdate: field "x" of Trades: unknown field`},
		{"empty", row(), "no field of Trades is selected"},
		{"object without selection", update(fields("data")...), `field "data" of TradesUpdate: no field of Trades is selected`},
		{"list without selection", frame(fields("changes")...), `field "changes" of TradesChanges: no field of TradesUpdate is selected`},
		{"selection from a column", row(object("meta", fields("k")...)), `field "meta" of Trades: it has no fields to select`},
		{"selection from a leaf", frame(object("kind", fields("k")...)), `field "kind" of TradesChanges: it has no fields to select`},
		{"unknown in column frame", columns(fields("changes")...), `field "changes" of TradesColumns: unknown field`},
		{"unknown in column set", columns(object("upserts", fields("x")...)), `field "upserts" of TradesColumns: field "x" of TradesColumnSet: unknown field`},
		{"no key column", columns(object("deletes", fields("symbol")...)), `field "deletes" of TradesColumns: field "symbol" of TradesKeySet: unknown field`},
		{"set without selection", columns(fields("upserts")...), `field "upserts" of TradesColumns: no field of TradesColumnSet is selected`},
		{"selection from a list", columns(object("upserts", object("id", fields("k")...))), `field "upserts" of TradesColumns: field "id" of TradesColumnSet: it has no fields to select`},
		{"selection from the keys", columns(object("deletes", object("_key", fields("k")...))), `field "deletes" of TradesColumns: field "_key" of TradesKeySet: it has no fields to select`},
		{"same key twice in a set", columns(object("upserts", fields("id", "id")...)), `field "upserts" of TradesColumns: "id" is selected twice from TradesColumnSet`},
		{"same key twice", row(fields("id", "id")...), `"id" is selected twice from Trades`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err == nil || tc.err.Error() != tc.want {
				t.Errorf("got error %v, want %s", tc.err, tc.want)
			}
		})
	}
}

func newID(enc feed.Encoder, err error) string {
	if err != nil {
		return err.Error()
	}
	return enc.ID()
}

// TestID checks that whatever changes the bytes changes the ID, and nothing else.
func TestID(t *testing.T) {
	compile := func(sh Shape, alias string, sel ...Field) string {
		t.Helper()
		enc, err := CompileUpdates(sh, alias, sel)
		if err != nil {
			t.Fatal(err)
		}
		return enc.ID()
	}
	data := object("data", fields("id", "side")...)
	base := compile(tradesShape(), "t", data)
	other := tradesShape()
	other.Now, other.Anomalies = nil, nil
	if got := compile(other, "t", data); got != base {
		t.Errorf("equal plans have IDs %s and %s", base, got)
	}

	ids := map[string]string{base: "base"}
	add := func(name, id string) {
		if was, ok := ids[id]; ok {
			t.Errorf("%s has the ID of %s", name, was)
		}
		ids[id] = name
	}
	alter := func(name string, change func(*Shape)) {
		sh := tradesShape()
		change(&sh)
		add(name, compile(sh, "t", data))
	}
	add("alias", compile(tradesShape(), "u", data))
	add("inner alias", compile(tradesShape(), "t", object("data", Field{Alias: "x", Name: "id"}, Field{Alias: "side", Name: "side"})))
	add("order", compile(tradesShape(), "t", object("data", fields("side", "id")...)))
	add("fewer", compile(tradesShape(), "t", object("data", fields("id")...)))
	add("level", compile(tradesShape(), "t", data, Field{Alias: "fields", Name: "fields"}))
	alter("type names", func(s *Shape) { s.Types.Row = "X" })
	alter("scalars", func(s *Shape) { s.StringScalars = true })
	alter("kind", func(s *Shape) { s.Schema.Columns[0].Kind = relation.BigInt })
	alter("zone", func(s *Shape) { s.Schema.Columns[4].Zoned = false })
	alter("element", func(s *Shape) { s.Schema.Columns[5].Elem = relation.Integer })
	alter("enum", func(s *Shape) { s.Schema.Columns[2].Enum = &relation.Enum{Values: []string{"buy"}} })
	alter("database name", func(s *Shape) { s.Schema.Columns[1].Name = "ticker" })
	alter("key", func(s *Shape) { s.Schema.Key = []int{0, 1} })

	frame, err := CompileChanges(tradesShape(), "t", []Field{{Alias: "changes", Name: "changes", Fields: []Field{data}}})
	if err != nil {
		t.Fatal(err)
	}
	add("frames", frame.ID())
	add("frames alone", newID(CompileChanges(tradesShape(), "", []Field{{Alias: "changes", Name: "changes", Fields: []Field{data}}})))
	columns := func(sh Shape, alias string, n Numbers, name string) string {
		return newID(CompileColumns(sh, alias, []Field{{Alias: "kind", Name: "kind"}, {Alias: "x", Name: name, Fields: fields("id")}}, n))
	}
	add("columns", columns(tradesShape(), "t", Exact, "upserts"))
	add("numbers", columns(tradesShape(), "t", Number, "upserts"))
	add("deletes", columns(tradesShape(), "t", Exact, "deletes"))
	add("columns alone", columns(tradesShape(), "", Exact, "upserts"))
	for i := range 3 {
		sh := tradesShape()
		*[]*string{&sh.Types.Columns, &sh.Types.ColumnSet, &sh.Types.KeySet}[i] = "X"
		add("type name "+strconv.Itoa(i), columns(sh, "t", Exact, "upserts"))
	}
	if one, two := columns(other, "t", Number, "upserts"), columns(tradesShape(), "t", Number, "upserts"); one != two {
		t.Error("equal column encoders have different IDs")
	}
	header := fields("kind", "last", "timestamp")
	add("header of changes", newID(CompileChanges(tradesShape(), "t", header)))
	add("header of columns", newID(CompileColumns(tradesShape(), "t", header, Exact)))
	add("TSV", TSV(trades()).ID())
	add("JSON lines", JSONLines(tradesShape()).ID())
	add("images", Images(tradesShape(), "t").ID())
	add("images of another table", Images(tradesShape(), "u").ID())
	if one, two := TSV(trades()), TSV(trades()); one.ID() != two.ID() {
		t.Error("equal TSV encoders have different IDs")
	}
}

func TestLines(t *testing.T) {
	sh := tradesShape()
	odd := relation.Cells(new("2"), new("a\tb\nc\rd\\e\x01é\xff."), nil, new(""), new("infinity"), new("{1}"), new("{}"))
	f := &feed.Frame{Time: 1700, Events: []feed.Event{
		{Op: feed.Insert, Row: row1},
		{Op: feed.Update, Row: odd, Old: row1},
		{Op: feed.Delete, Row: row2},
	}}
	if got, want := string(TSVHeader(sh.Schema)), "timestamp\tdiff\tid\tsymbol\tside\tlatest_price\texecuted_at\ttags\tmeta\n"; got != want {
		t.Errorf("header %q, want %q", got, want)
	}
	wantMessages(t, messages(t, TSV(sh.Schema), f),
		"1700\t1\t1\tACME\tbuy\t1.50\t2026-01-02 03:04:05.678+00\t{a,NULL}\t{\"k\": [1, 2]}\n",
		"1700\t1\t2\ta\\tb\\nc\\rd\\\\e\x01é\ufffd.\t\\N\t\tinfinity\t{1}\t{}\n",
		"1700\t-1\t1\t\\N\tsell\t1.75\t2026-01-02 03:04:05.678+00\t{}\tnull\n",
	)
	wantMessages(t, messages(t, JSONLines(sh), f),
		`{"timestamp":"1700","diff":1,"row":{"id":1,"symbol":"ACME","side":"buy","latest_price":"1.50","executed_at":"2026-01-02T03:04:05.678Z","tags":["a",null],"meta":{"k":[1,2]}}}`+"\n",
		`{"timestamp":"1700","diff":1,"row":{"id":2,"symbol":"a\tb\nc\rd\\e\u0001é`+"\ufffd"+`.","side":null,"latest_price":null,"executed_at":"infinity","tags":["1"],"meta":{}}}`+"\n",
		`{"timestamp":"1700","diff":-1,"row":{"id":1,"symbol":null,"side":"sell","latest_price":"1.75","executed_at":"2026-01-02T03:04:05.678Z","tags":[],"meta":null}}`+"\n",
	)
	if TSV(sh.Schema).Frames() || JSONLines(sh).Frames() {
		t.Error("lines are no frames")
	}
	if n := sh.Anomalies.Count(3, Malformed); n != 1 {
		t.Errorf("%d malformed prices counted, want 1", n)
	}
}

// TestWideRows has more columns than scope.set has room for.
func TestWideRows(t *testing.T) {
	var schema relation.Schema
	var was, is relation.Builder
	for i := range 300 {
		name := "c" + strconv.Itoa(i)
		schema.Columns = append(schema.Columns, relation.Column{Name: name, Field: name, Kind: relation.Integer})
		was.AppendString(strconv.Itoa(i))
		if i == 63 || i == 64 || i == 299 {
			is.AppendNull()
		} else {
			is.AppendString(strconv.Itoa(i))
		}
	}
	schema.Key = []int{0}
	enc, err := CompileUpdates(Shape{Schema: &schema, Types: Types{Update: "WideUpdate"}}, "w", fields("fields"))
	if err != nil {
		t.Fatal(err)
	}
	wantMessages(t, messages(t, enc, &feed.Frame{Events: []feed.Event{{Op: feed.Update, Old: was.Row(), Row: is.Row()}}}),
		`{"data":{"w":{"fields":["c63","c64","c299"]}}}`)
}

// TestConcurrentUse shares every encoder among goroutines; the race detector
// watches.
func TestConcurrentUse(t *testing.T) {
	frame := updateFrame(20)
	for name, enc := range encoders(t) {
		want, _ := enc.Encode(nil, nil, frame)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var dst []byte
				for range 20 {
					dst, _ = enc.Encode(dst[:0], nil, frame)
					if !enc.Frames() && string(dst) != string(want) { // frames hold sentAt
						t.Errorf("%s: messages differ between goroutines", name)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}
