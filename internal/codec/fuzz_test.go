package codec

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

var (
	integerText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	zeroText    = regexp.MustCompile(`^([^.]*)\.0+$`)
	numberText  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	specialText = regexp.MustCompile(`^(NaN|-?Infinity)$`)
	uuidText    = regexp.MustCompile(`^(\{)?[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}(-?)[0-9a-fA-F]{4}(-?)[0-9a-fA-F]{4}(-?)[0-9a-fA-F]{12}(\})?$`)
	dateText    = regexp.MustCompile(`^(-?infinity|[0-9]{4,7}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])( BC)?)$`)
	timeText    = regexp.MustCompile(`^([01][0-9]|2[0-4]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-][0-5][0-9](:[0-5][0-9]){0,2})?$`)
	stampText   = regexp.MustCompile(`^(-?infinity|[0-9]{4,7}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[ T]([01][0-9]|2[0-4]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-][0-5][0-9](:[0-5][0-9]){0,2})?( BC)?)$`)
	int32Low    = big.NewInt(-1 << 31)
	int32High   = big.NewInt(1<<31 - 1)
)

// FuzzCell encodes any text as any kind: the result is JSON on one line, and
// what a slow reference expects.
func FuzzCell(f *testing.F) {
	for _, text := range []string{
		"", "0", "-2147483648", "2147483648", "1e-05", "-0", ".5", "NaN", "-Infinity", "1.50", "t", "f",
		"2026-01-02 03:04:05.678+05:30", "0001-01-01 00:30:00+01", "4714-12-31 00:00:00+00 BC", "infinity", "24:00:00", "2000-01-01",
		"C1F3A4B5-0000-4000-8000-0123456789AB", `{"a": [1, "\u00e9\n"]}`, "[0:1]={1,NULL}", `{{1},{"2\"",3}}`, "buy", "a\x00\xff\u2028\"\\",
	} {
		for kind := relation.String; kind <= relation.Enumeration; kind++ {
			f.Add(uint8(kind), uint8(relation.Integer), true, text)
		}
	}
	f.Fuzz(func(t *testing.T, kind, elem uint8, flag bool, text string) {
		col := relation.Column{Kind: relation.Kind(kind % 13), Elem: relation.Kind(elem % 13), Zoned: flag, Enum: side}
		style := elem&0x80 != 0
		got, fault := cell(t, col, style, text)
		checkLine(t, got)
		if want, known := reference(col, text); known && !style && got != want {
			t.Errorf("%v %q: got %s, want %s", col.Kind, text, got, want)
		}
		if want := asNumber(col.Kind, got); numberCell(col, style, text) != want {
			t.Errorf("%v %q: got number %s, want %s", col.Kind, text, numberCell(col, style, text), want)
		}
		if fault != 0 && got != "null" && col.Kind != relation.Array {
			t.Errorf("%v %q: fault %d, and yet %s", col.Kind, text, fault, got)
		}
	})
}

// asNumber is what Number makes of the JSON of an exact cell.
func asNumber(k relation.Kind, exact string) string {
	if k != relation.Decimal && k != relation.BigInt {
		return exact
	}
	if exact = strings.Trim(exact, `"`); specialText.MatchString(exact) {
		return "null"
	}
	return exact
}

func numberCell(col relation.Column, style bool, text string) string {
	sh := Shape{Schema: &relation.Schema{Columns: []relation.Column{col}}, StringScalars: style}
	return string(newColumn(&sh, 0).as(Number).append(nil, text))
}

// checkLine checks what every transport relies on.
func checkLine(t *testing.T, out string) {
	t.Helper()
	switch {
	case !json.Valid([]byte(out)):
		t.Errorf("not JSON: %q", out)
	case !utf8.ValidString(out):
		t.Errorf("not UTF-8: %q", out)
	case strings.ContainsFunc(out, func(r rune) bool { return r < ' ' }):
		t.Errorf("raw control bytes: %q", out)
	}
}

// reference returns the JSON of a cell, slowly; known is false for what is
// checked elsewhere.
func reference(col relation.Column, text string) (want string, known bool) {
	when := func(ok bool, out string) (string, bool) {
		if !ok {
			return "null", true
		}
		return out, true
	}
	quoted := `"` + text + `"`
	switch col.Kind {
	case relation.Integer:
		text = zeroText.ReplaceAllString(text, "$1")
		n, ok := new(big.Int).SetString(text, 10)
		return when(ok && integerText.MatchString(text) && n.Cmp(int32Low) >= 0 && n.Cmp(int32High) <= 0, text)
	case relation.BigInt:
		text = zeroText.ReplaceAllString(text, "$1")
		return when(integerText.MatchString(text), `"`+text+`"`)
	case relation.Float:
		return when(numberText.MatchString(text), text)
	case relation.Decimal:
		return when(numberText.MatchString(text) || specialText.MatchString(text), quoted)
	case relation.Boolean:
		return when(text == "t" || text == "true" || text == "f" || text == "false", map[byte]string{'t': "true", 'f': "false"}[(text + " ")[0]])
	case relation.Date:
		return when(dateText.MatchString(text), quoted)
	case relation.Time:
		return when(timeText.MatchString(text), quoted)
	case relation.UUID:
		if !uuidText.MatchString(text) {
			return string(relation.AppendJSONString(nil, text)), true
		}
	case relation.Timestamp:
		if !stampText.MatchString(text) {
			return "null", true
		}
	case relation.JSON:
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(text)); err != nil {
			return "null", true
		}
		return b.String(), utf8.ValidString(text) && strings.Count(text, "[")+strings.Count(text, "{") < maxDepth
	case relation.Enumeration:
		_, ok := side.Rank(text)
		return when(ok, quoted)
	case relation.String:
		var s string
		out := relation.AppendJSONString(nil, text)
		if err := json.Unmarshal(out, &s); err != nil || s != string([]rune(text)) {
			return "a string that decodes to the text", true
		}
		return string(out), true
	case relation.Array:
	}
	return "", false
}

// FuzzTimestamp compares conversion to UTC with package time.
func FuzzTimestamp(f *testing.F) {
	f.Add(int64(0), int32(19800), uint32(678))
	f.Add(int64(-62135596800), int32(-3600), uint32(0))
	f.Add(int64(253402300799), int32(1172), uint32(999999))
	f.Fuzz(func(t *testing.T, seconds int64, offset int32, micros uint32) {
		offset %= 16 * 3600
		local := time.Unix(seconds%400_000_000_000, 0).Add(time.Duration(micros%1e6) * time.Microsecond).In(time.FixedZone("", int(offset)))
		if local.Year() < 1 || local.UTC().Year() < 1 {
			return // BC: named cases
		}
		layout := "2006-01-02 15:04:05.999999-07"
		switch {
		case offset%60 != 0:
			layout += ":00:00"
		case offset%3600 != 0:
			layout += ":00"
		}
		text := local.Format(layout)
		want := `"` + local.UTC().Format("2006-01-02T15:04:05.999999Z") + `"`
		if got, _ := cell(t, zoned, false, text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		wall := `"` + local.UTC().Format("2006-01-02T15:04:05.000000Z") + `"`
		if got := string(appendWall(nil, local.UnixMicro())); got != wall {
			t.Errorf("wall clock of %s: got %s, want %s", text, got, wall)
		}
	})
}

// FuzzArray prints a list as PostgreSQL does and reads it back.
func FuzzArray(f *testing.F) {
	f.Add(`[1,"NULL",null,["a\"b\\","{",[]]]`, false)
	f.Add(`["",[["é\n"]]," x "]`, true)
	f.Fuzz(func(t *testing.T, doc string, quoteAll bool) {
		var list []any
		if json.Unmarshal([]byte(doc), &list) != nil || list == nil {
			return
		}
		list = texts(list).([]any)
		text := printArray(list, quoteAll)
		got, fault := cell(t, arrayOf(relation.String), false, text)
		var back []any
		if err := json.Unmarshal([]byte(got), &back); err != nil || fault != 0 || !reflect.DeepEqual(back, list) {
			t.Errorf("%s: got %s (%d), %v; want %v", text, got, fault, err, list)
		}
	})
}

// texts makes every leaf a text or nil.
func texts(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = texts(v[i])
		}
		return v
	case string:
		return v
	case bool:
		return "true"
	case nil:
		return nil
	}
	return "other"
}

func printArray(v any, quoteAll bool) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, printArray(e, quoteAll))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	s := v.(string)
	if quoteAll || s == "" || s == "NULL" || strings.ContainsAny(s, "{},\"\\ \t\n\v\f\r") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return s
}

// FuzzMessages fills whole rows with any text and checks every encoder.
func FuzzMessages(f *testing.F) {
	f.Add("1", "ACME", "buy", "1.5", "2026-01-02 03:04:05+00", "{a}", "{}", false)
	f.Add("x\ty", "\\N", "\n", "\r\n", "\x00", "\"", "\xff", true)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g, h string, style bool) {
		sh := tradesShape()
		sh.StringScalars = style
		data := append(allColumns(sh.Schema), fields("_key")...)
		update := append(fields("operation", "fields", "timestamp"), object("data", data...))
		row := relation.Texts(a, b, c, d, e, g, h)
		frame := &feed.Frame{Kind: feed.LiveFrame, Last: true, Cursor: a, From: b, Events: []feed.Event{
			{Op: feed.Insert, Row: row}, {Op: feed.Update, Old: row1, Row: row}, {Op: feed.Delete, Row: row},
		}}
		sh.Schema.Key = []int{1, 5, 0}
		updates, err := CompileUpdates(sh, "t", update)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := CompileChanges(sh, "t", append(fields("kind", "cursor", "from", "asOf"), object("changes", update...)))
		if err != nil {
			t.Fatal(err)
		}
		columns := []Field{object("upserts", data...), object("deletes", fields("_key", "id", "symbol", "tags")...), {Alias: "c", Name: "cursor"}}
		for _, enc := range []feed.Encoder{updates, changes, compileColumns(t, sh, Exact, columns...), compileColumns(t, sh, Number, columns...)} {
			for _, m := range messages(t, enc, frame) {
				checkLine(t, m)
			}
		}
		frame.Events = append(frame.Events, feed.Event{Op: feed.Update, Row: row, Changed: relation.ColumnSet{5}})
		for _, m := range messages(t, Images(sh, a), frame) {
			checkLine(t, m)
		}
		for _, m := range messages(t, JSONLines(sh), frame) {
			line, _ := strings.CutSuffix(m, "\n")
			checkLine(t, line)
		}
		for _, m := range messages(t, TSV(sh.Schema), frame) {
			if strings.Count(m, "\n") != 1 || strings.Count(m, "\t") != 1+len(sh.Schema.Columns) || !utf8.ValidString(m) {
				t.Errorf("not one line of %d cells: %q", len(sh.Schema.Columns)+2, m)
			}
		}
	})
}
