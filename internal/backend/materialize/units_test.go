package materialize

import (
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/copytext"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// TestClassify holds every row of the table of known errors.
func TestClassify(t *testing.T) {
	const (
		retry, compacted = source.Retry, source.Compacted
		slow, config     = source.Slow, source.Config
	)
	tests := []struct {
		code, message string
		phase         phase
		want          source.Class
	}{
		{"22000", "could not find a valid timestamp for the query", resuming, compacted},
		{"22000", "could not find a valid timestamp for the query", subscribing, slow},
		{"XX000", "Timestamp (42) is not valid for all inputs: [Antichain]", resuming, compacted},
		{"22000", "subscription lower bound (`AS OF`) is greater than its upper bound (`UP TO`): 9 > 8", resuming, compacted},
		{"XX000", "AS OF or UP TO should be castable to a (non-null) mz_timestamp value", resuming, compacted},
		{"XX000", "unknown catalog item 'v'", subscribing, slow},
		{"XX000", "unknown schema 's'", subscribing, slow},
		{"XX000", "unknown database 'd'", resuming, slow},
		{"XX000", "unknown cluster 'c'", subscribing, slow},
		{"3D000", "database \"x\" does not exist", connecting, slow},
		{"XX000", `column "x" does not exist`, describing, config},
		{"42601", "Expected end of statement, found identifier", describing, config},
		{"XX000", "'db.s.x' cannot be subscribed to because it is a connection", subscribing, config},
		{"42501", `permission denied for VIEW "db.s.v"`, subscribing, config},
		{"42501", "unauthorized login to user 'mz_system'", connecting, config},
		{"42704", "relation 'db.s.t' was dropped", streaming, slow},
		{"42704", "cluster 'c' was dropped", streaming, slow},
		{"XX000", `query could not complete because relation "db.s.t" was dropped`, streaming, slow},
		{"XX000", `subscribe has been terminated because underlying relation "db.s.t" was dropped`, streaming, slow},
		{"57014", "canceling statement due to user request", streaming, retry},
		{"53200", "SUBSCRIBE fell behind: the client did not read results fast enough", streaming, retry},
		{"XX000", "result exceeds max size of 1.0 MiB", subscribing, slow},
		{"XX000", "total result exceeds max size of 1.0 GiB", streaming, slow},
		{"XX000", "Evaluation error: division by zero", streaming, slow},
		{"XX000", `Evaluation error: invalid input syntax for column "x"`, resuming, slow},
		{"XX000", "target replica failed or was dropped", streaming, retry},
		{"0A000", `CLUSTER "c" has no replicas available to service request`, subscribing, slow},
		{"0A000", "cached plan must not change result type", subscribing, retry},
		{"25000", "the transaction's active cluster has been dropped", subscribing, retry},
		{"25P03", "terminating connection due to idle-in-transaction timeout", streaming, retry},
		{"28P01", "invalid password", connecting, config},
		{"28000", "authentication expired", streaming, retry},
		{"28000", "role is not allowed to login", connecting, config},
		{"53000", "creating connection would violate max_connections limit (desired: 6, limit: 5, current: 5)", connecting, retry},
		{"53300", "too many connections", connecting, retry},
		{"08004", "TLS encryption is required", connecting, config},
		{"08004", "backend unavailable", connecting, retry},
		{"MZ010", "login blocked", connecting, slow},
		{"MZ011", "session denied", connecting, config},
		{"XX000", "internal error: something new", streaming, retry},
		{"XX000", "internal error: something new", subscribing, retry},
		{"XX000", "internal error: something new", resuming, compacted}, // on doubt without the position
		{"57P01", "terminating connection due to administrator command", streaming, retry},
	}
	for _, tt := range tests {
		err := &pgconn.PgError{Severity: "ERROR", Code: tt.code, Message: tt.message, Detail: "role reader at db.example"}
		e := classify(tt.phase, err)
		if e.Class != tt.want {
			t.Errorf("%s %q in phase %d: class %d (%s), want %d", tt.code, tt.message, tt.phase, e.Class, e.Text, tt.want)
		}
		if strings.Contains(e.Text, "reader") || strings.Contains(e.Text, "db.") || e.Text == "" {
			t.Errorf("text %q tells too much or nothing", e.Text)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](e); !ok || pg != err || !strings.Contains(e.Error(), "detail: role reader") {
			t.Errorf("%v has lost its cause", e)
		}
	}
}

func TestClassifyLocal(t *testing.T) {
	tests := []struct {
		err  error
		text string
		is   error
	}{
		{io.ErrUnexpectedEOF, "lost", io.ErrUnexpectedEOF},
		{&copytext.LineError{Reason: "x"}, "cannot be read", source.ErrMalformed},
		{garbled("x"), "cannot be read", source.ErrMalformed},
		{source.ErrStalled, "silent", source.ErrStalled},
		{source.ErrChanged, "changed", source.ErrChanged},
	}
	for _, tt := range tests {
		e := classify(streaming, tt.err)
		if e.Class != source.Retry || !strings.Contains(e.Text, tt.text) || !errors.Is(e, tt.is) {
			t.Errorf("%v: class %d, %q", tt.err, e.Class, e.Text)
		}
	}
	own := &source.Error{Class: source.Slow, Text: "own"}
	if classify(streaming, own) != own {
		t.Error("a classified error was classified again")
	}
}

func TestKinds(t *testing.T) {
	tests := []struct {
		name string
		oid  uint32
		kind relation.Kind
		elem relation.Kind
		zone bool
	}{
		{"boolean", 16, relation.Boolean, 0, false},
		{"smallint", 21, relation.Integer, 0, false},
		{"integer", 23, relation.Integer, 0, false},
		{"bigint", 20, relation.BigInt, 0, false},
		{"uint2", 16460, relation.Integer, 0, false},
		{"uint4", 16462, relation.BigInt, 0, false},
		{"uint8", 16464, relation.BigInt, 0, false},
		{"mz_timestamp", 16552, relation.BigInt, 0, false},
		{"real", 700, relation.Float, 0, false},
		{"double precision", 701, relation.Float, 0, false},
		{"numeric", 1700, relation.Decimal, 0, false},
		{"uuid", 2950, relation.UUID, 0, false},
		{"date", 1082, relation.Date, 0, false},
		{"time", 1083, relation.Time, 0, false},
		{"timestamp without time zone", 1114, relation.Timestamp, 0, false},
		{"timestamp", 1114, relation.Timestamp, 0, false},
		{"timestamp with time zone", 1184, relation.Timestamp, 0, true},
		{"jsonb", 3802, relation.JSON, 0, false},
		{"text", 25, relation.String, 0, false},
		{"character varying", 1043, relation.String, 0, false},
		{"character", 1042, relation.String, 0, false},
		{"bytea", 17, relation.String, 0, false},
		{"interval", 1186, relation.String, 0, false},
		{"oid", 26, relation.String, 0, false},
		{"map", 16385, relation.String, 0, false},
		{"int4range", 3904, relation.String, 0, false},
		{"list", 16384, relation.Array, relation.String, false},
		{"text[]", 1009, relation.Array, relation.String, false},
		{"integer[]", 1007, relation.Array, relation.Integer, false},
		{"boolean[]", 1000, relation.Array, relation.Boolean, false},
		{"timestamp with time zone[]", 1185, relation.Array, relation.Timestamp, true},
	}
	for _, tt := range tests {
		kind, elem, zone := kindByName(tt.name)
		if kind != tt.kind || elem != tt.elem || zone != tt.zone {
			t.Errorf("%s: got %v of %v, zoned %v", tt.name, kind, elem, zone)
		}
		_, kind, elem, zone = kindByOID(tt.oid)
		if kind != tt.kind || elem != tt.elem || zone != tt.zone {
			t.Errorf("OID %d: got %v of %v, zoned %v", tt.oid, kind, elem, zone)
		}
	}
	for name, want := range map[string]relation.Kind{
		"numeric(10,2)": relation.Decimal, "timestamp(3) with time zone": relation.Timestamp,
		"character varying(10)": relation.String, "integer list": relation.Array, "integer[][]": relation.Array, "INT8": relation.BigInt,
	} {
		if kind, _, _ := kindByName(name); kind != want {
			t.Errorf("%s: got %v", name, kind)
		}
	}
}

func TestParseName(t *testing.T) {
	tests := []struct {
		text, full, sql string
	}{
		{"v", "materialize.public.v", `"materialize"."public"."v"`},
		{"s.v", "materialize.s.v", `"materialize"."s"."v"`},
		{"d.s.v", "d.s.v", `"d"."s"."v"`},
		{`"a.b"."c""d".E`, `a.b.c"d.E`, `"a.b"."c""d"."E"`},
		{"mz_internal.mz_frontiers", "mz_internal.mz_frontiers", `"mz_internal"."mz_frontiers"`},
		{"", "", ""},
		{"a.", "", ""},
		{".a", "", ""},
		{"a..b", "", ""},
		{"a.b.c.d", "", ""},
		{`"a`, "", ""},
		{`"a"b`, "", ""},
		{`a"b`, "", ""},
	}
	for _, tt := range tests {
		n, err := parseName(tt.text, "materialize")
		if tt.full == "" {
			if err == nil || classOf(t, err).Class != source.Config {
				t.Errorf("%q: got %v, %v", tt.text, n, err)
			}
			continue
		}
		if err != nil || n.String() != tt.full || n.sql() != tt.sql {
			t.Errorf("%q: got %s, %s, %v", tt.text, n, n.sql(), err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add(`d.s.v`)
	f.Add(`"a.b"."c""d".E`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseName(text, "materialize")
		if err != nil || n.database == "" {
			return
		}
		if again, err := parseName(n.sql(), ""); err != nil || again != n {
			t.Fatalf("%q became %s, which reads as %+v, %v", text, n.sql(), again, err)
		}
	})
}

// TestNetterModel compares the netter with maps over many rounds, with few
// and with many keys.
func TestNetterModel(t *testing.T) {
	schema := keyed(2)
	n := newNetter(schema)
	rnd := rand.New(rand.NewPCG(1, 1))
	next := rnd.IntN
	live := map[string]relation.Row{}
	for round := range 300 {
		keys := 1 + round*round%5000
		want := map[string]relation.Row{}
		touched := map[string]relation.Row{} // key -> row before this round
		type line struct {
			row   relation.Row
			count int64
		}
		var lines []line
		for range next(keys + 3) {
			key := "k" + strconv.Itoa(next(10)) + strings.Repeat("x", next(keys)%50)
			if _, again := touched[key]; again {
				continue
			}
			old := live[key]
			touched[key] = old
			if old != "" {
				lines = append(lines, line{old, -1})
			}
			if next(3) > 0 {
				row := relation.Texts(key, strings.Repeat("v", next(4)))
				lines = append(lines, line{row, 1})
				want[key] = row
			} else {
				want[key] = ""
			}
		}
		for i := range lines { // any order
			j := i + next(len(lines)-i)
			lines[i], lines[j] = lines[j], lines[i]
			n.add(lines[i].row, lines[i].count)
		}
		changes, err := n.take()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]relation.Change{}
		for _, c := range changes {
			got[(c.New + c.Old).Text(0)] = c
		}
		for key, row := range want {
			old := touched[key]
			var c relation.Change
			switch {
			case old == row:
			case old == "":
				c = relation.Change{Op: relation.Insert, New: row}
			case row == "":
				c = relation.Change{Op: relation.Delete, Old: old}
			default:
				c = relation.Change{Op: relation.Update, Old: old, New: row}
			}
			if got[key] != c {
				t.Fatalf("round %d, key %q: got %+v, want %+v", round, key, got[key], c)
			}
			delete(got, key)
			if live[key] = row; row == "" {
				delete(live, key)
			}
		}
		if len(got) > 0 {
			t.Fatalf("round %d: changes of untouched keys: %v", round, got)
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Config{ConnString: "postgres://reader:secret@host:port/db"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	b, err := New(Config{ConnString: "postgres://h/db?options=-c%20a%3Db&application_name=me"})
	if err != nil {
		t.Fatal(err)
	}
	if o := b.pg.RuntimeParams["options"]; o != "-c a=b --welcome_message=off" {
		t.Errorf("options %q", o)
	}
	if b.Name() != "materialize" || b.Shared() || b.pg.RuntimeParams["application_name"] != "me" {
		t.Error("name, sharing or application name")
	}
}
