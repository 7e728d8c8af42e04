package mzsim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
)

// same compares what came with what was expected; "*" stands for the rest of
// a line.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		if prefix, rest := strings.CutSuffix(want[i], "*"); rest {
			ok = strings.HasPrefix(got[i], prefix)
		} else {
			ok = got[i] == want[i]
		}
	}
	if !ok {
		t.Fatalf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestStartup(t *testing.T) {
	sim := manual(t)
	w := dial(t, sim, "options", "--cluster=mz_catalog_server -c welcome_message=off", "application_name", "a b", "nonsense", "1")
	lines := w.until("Z")
	var names []string
	for _, l := range lines {
		if n, ok := strings.CutPrefix(l, "S "); ok {
			n, _, _ = strings.Cut(n, "=")
			names = append(names, n)
		}
	}
	want := "application_name client_encoding DateStyle integer_datetimes server_version standard_conforming_strings TimeZone " +
		"IntervalStyle cluster cluster_replica default_cluster_replication_factor database search_path"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("parameters\n got %s\nwant %s", got, want)
	}
	if !slices.Contains(lines, "S cluster=mz_catalog_server") || !slices.Contains(lines, "S application_name=a b") {
		t.Errorf("settings were not taken: %q", lines)
	}
	tail := lines[len(lines)-3:]
	same(t, tail, "K", `N NOTICE 00000 startup setting nonsense not set: unrecognized configuration parameter "nonsense"*`, "Z I")
	if lines[0] != "R" {
		t.Errorf("first message %q", lines[0])
	}

	same(t, w.query("SELECT wat"), `E ERROR XX000 column "wat" does not exist`, "Z I")
	same(t, w.query("SHOW cluster"), "T cluster", "D mz_catalog_server", "C SELECT 1", "Z I")
}

func TestWelcome(t *testing.T) {
	w := dial(t, manual(t), "options", "")
	lines := w.until("Z")
	if n := lines[len(lines)-2]; !strings.HasPrefix(n, "N NOTICE 00000 connected to") || !strings.Contains(n, "\n") {
		t.Errorf("no welcome of several lines: %q", n)
	}
}

func TestRefusedLogins(t *testing.T) {
	for _, c := range []struct {
		name string
		opts mzsim.Options
		send *pgproto3.StartupMessage
		want string
	}{
		{
			"version",
			mzsim.Options{},
			&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion32, Parameters: map[string]string{"user": "u"}},
			"E FATAL 08004 server does not support the client's requested protocol version",
		},
		{
			"reserved user",
			mzsim.Options{},
			&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "mz_system"}},
			"E FATAL 42501 unauthorized login to user 'mz_system'",
		},
		{
			"without TLS",
			mzsim.Options{RequireTLS: true},
			&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "u"}},
			"E FATAL 08004 TLS encryption is required",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Manual = true
			sim := mzsim.New(c.opts)
			defer sim.Close()
			conn, err := sim.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := &wire{t: t, fe: pgproto3.NewFrontend(conn, conn), c: conn}
			w.send(c.send)
			same(t, []string{w.next(), w.next()}, c.want, "EOF")
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, MaxConnections: 1})
	defer sim.Close()
	session(t, sim)
	w := dial(t, sim)
	same(t, []string{w.next()}, "E FATAL 53000 creating connection would violate max_connections limit (desired: 2, limit: 1, current: 1)")
}

const copyValues = `COPY (VALUES (1,'2'),(3,'4'),(5,E'\\\t\n\rtest\\N'),(6,NULL) ORDER BY column1) TO STDOUT`

func TestCopyText(t *testing.T) { // V01, V02
	w := session(t, manual(t))
	rows := []string{"H cc", "d 1\t2\n", "d 3\t4\n", "d 5\t\\\\\\t\\n\\rtest\\\\N\n", "d 6\t\\N\n", "c", "C COPY 4", "Z I"}
	same(t, w.query(copyValues), rows...)
	w.send(&pgproto3.Parse{Query: copyValues}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Bind{}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{})
	same(t, w.until("Z"), append([]string{"1", "t", "n", "2", "n"}, rows...)...)
	same(t, w.query("COPY (SELECT 1) TO STDOUT WITH (DELIMITER '|')"), "E ERROR 0A000 COPY TO does not support DELIMITER option yet", "Z I")
	same(t, w.query(`COPY (VALUES ('a,b', NULL, '', 'q"q')) TO STDOUT WITH (FORMAT csv)`), "H cccc", "d \"a,b\",,\"\",\"q\"\"q\"\n", "c", "C COPY 1", "Z I")
}

func TestDroppedTexts(t *testing.T) { // V03, V04 and the older texts
	const (
		newest = "42704 relation 'materialize.public.t' was dropped"
		middle = `XX000 query could not complete because relation "materialize.public.t" was dropped`
		old    = `XX000 subscribe has been terminated because underlying relation "materialize.public.t" was dropped`
	)
	for _, c := range []struct {
		era          pgerr.Era
		direct, copy string
	}{{pgerr.EraNewest, newest, newest}, {pgerr.EraMiddle, middle, newest}, {pgerr.EraOld, old, old}} {
		t.Run(fmt.Sprint(c.era), func(t *testing.T) {
			sim := mzsim.New(mzsim.Options{Manual: true, Era: c.era})
			defer sim.Close()
			create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
			sub, cp := session(t, sim), session(t, sim)
			sub.send(&pgproto3.Query{String: "SUBSCRIBE t WITH (PROGRESS)"})
			same(t, sub.until("D"), "T mz_timestamp mz_progressed mz_diff a",
				"N NOTICE 01000 streaming SUBSCRIBE rows directly requires a client that does not buffer output", "D *")
			cp.send(&pgproto3.Query{String: "COPY (SUBSCRIBE t WITH (PROGRESS)) TO STDOUT"})
			same(t, cp.until("d"), "H cccc", "d *")
			if err := sim.Drop("t"); err != nil {
				t.Fatal(err)
			}
			last := func(l []string) []string { return l[len(l)-2:] }
			same(t, last(sub.until("Z")), "E ERROR "+c.direct, "Z I")
			same(t, last(cp.until("Z")), "E ERROR "+c.copy, "Z I")
		})
	}
}

func TestCursorStatements(t *testing.T) { // V05, V06, V07
	w := session(t, manual(t))
	same(t, w.query("BEGIN"), "C BEGIN", "Z T")
	same(t, w.query("DECLARE c CURSOR FOR VALUES (2),(4),(6)"), "C DECLARE CURSOR", "Z T")
	same(t, w.query("FETCH c"), "T column1", "D 2", "C FETCH 1", "Z T")
	same(t, w.query("DECLARE d CURSOR FOR VALUES (2),(4),(6)"), "C DECLARE CURSOR", "Z T")
	same(t, w.query("FETCH 2000 d"), "T column1", "D 2", "D 4", "D 6", "C FETCH 3", "Z T")
	same(t, w.query("FETCH 0 c"), "T column1", "C FETCH 0", "Z T")
	same(t, w.query("CLOSE c"), "C CLOSE CURSOR", "Z T")
	same(t, w.query("FETCH c"), `E ERROR 34000 cursor "c" does not exist`, "Z E")
	same(t, w.query("SELECT 1"), "E ERROR 25P02 *", "Z E")
	same(t, w.query("COMMIT"), "C ROLLBACK", "Z I")

	same(t, w.query("DECLARE c CURSOR FOR VALUES (2),(4),(6); FETCH 2 c; FETCH 10 c;"),
		"C DECLARE CURSOR", "T column1", "D 2", "D 4", "C FETCH 2", "T column1", "D 6", "C FETCH 1", "Z I")
	w.send(&pgproto3.Execute{Portal: "c"}, &pgproto3.Sync{})
	same(t, w.until("Z"), `E ERROR 34000 portal "c" does not exist`, "Z I")

	same(t, w.query("DECLARE c CURSOR FOR SELECT 1"), "E ERROR 25P01 DECLARE CURSOR can only be used in transaction blocks", "Z I")
	w.send(&pgproto3.Parse{Query: "DECLARE c CURSOR FOR SELECT 1"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
	same(t, w.until("Z"), "1", "2", "E ERROR 25P01 DECLARE CURSOR can only be used in transaction blocks", "Z I")

	w.query("BEGIN")
	w.query("DECLARE c CURSOR FOR SELECT 1")
	same(t, w.query("DECLARE c CURSOR FOR SELECT 1"), `E ERROR 42P03 cursor "c" already exists`, "Z E")
}

func TestSubscribeThenSelect(t *testing.T) { // V08
	w := session(t, manual(t))
	same(t, w.query("SUBSCRIBE (VALUES (1)); SELECT 1"), "T mz_timestamp mz_diff column1", "N NOTICE 01000 *",
		"D 18446744073709551615 1 1", "C SELECT 1", "E ERROR 25000 SUBSCRIBE in transactions must be the only read statement", "Z I")
	same(t, w.query("BEGIN; SELECT 1; SUBSCRIBE (VALUES (1))"), "C BEGIN", "T ?column?", "D 1", "C SELECT 1", "E ERROR 25006 transaction in read-only mode", "Z E")
}

func TestOutputTypes(t *testing.T) { // V08's columns
	w := session(t, manual(t))
	w.send(&pgproto3.Query{String: "SUBSCRIBE (VALUES (1, 2.5)) WITH (PROGRESS)"})
	m, err := w.fe.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range m.(*pgproto3.RowDescription).Fields { //nolint:forcetypeassert // a test
		got = append(got, fmt.Sprint(string(f.Name), f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.TableOID, f.TableAttributeNumber))
	}
	same(t, got, "mz_timestamp1700 -1 2555908 0 0", "mz_progressed16 1 -1 0 0", "mz_diff20 8 -1 0 0", "column123 4 -1 0 0", "column21700 -1 2555947 0 0")
}

func TestUnknownObjects(t *testing.T) { // V09
	w := session(t, manual(t))
	same(t, w.query("SUBSCRIBE v"), "E ERROR XX000 unknown catalog item 'v'", "Z I")
	same(t, w.query("COPY (SUBSCRIBE nope.v) TO STDOUT"), "E ERROR XX000 unknown schema 'nope'", "Z I")
	same(t, w.query("SUBSCRIBE nope.s.v"), "E ERROR XX000 unknown database 'nope'", "Z I")
}

func TestNotices(t *testing.T) { // V11, V12
	w := session(t, manual(t))
	same(t, w.query("set cluster = nonexistant"), `N NOTICE MZ007 cluster "nonexistant" does not exist`, "S cluster=nonexistant", "C SET", "Z I")
	same(t, w.query("SUBSCRIBE (VALUES (1))"), "E ERROR XX000 unknown cluster 'nonexistant'", "Z I")
	same(t, w.query("COMMIT"), "N WARNING 25P01 there is no transaction in progress", "C COMMIT", "Z I")
	w.query("SET client_min_messages = ERROR")
	same(t, w.query("COMMIT"), "C COMMIT", "Z I")
	same(t, w.query("BEGIN; SET cluster = quickstart"), "C BEGIN", "E ERROR 25001 SET cluster cannot be called in an active transaction", "Z E")
}

func TestPortalSuspension(t *testing.T) {
	w := session(t, manual(t))
	w.send(&pgproto3.Parse{Query: "VALUES (1),(2),(3)"}, &pgproto3.Bind{}, &pgproto3.Execute{MaxRows: 2}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Sync{})
	same(t, w.until("Z"), "1", "2", "D 1", "D 2", "s", "D 3", "s", "C SELECT 3", "Z I")
	w.send(&pgproto3.Execute{}, &pgproto3.Sync{})
	same(t, w.until("Z"), `E ERROR 34000 portal "" does not exist`, "Z I")
	w.send(&pgproto3.Parse{Name: "s", Query: ""}, &pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{}, &pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{})
	same(t, w.until("Z"), "1", "2", "I", "3", "Z I")
	w.send(&pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Bind{}, &pgproto3.Sync{})
	same(t, w.until("Z"), `E ERROR 26000 prepared statement "s" does not exist`, "Z I")
	same(t, w.query(""), "I", "Z I")
	same(t, w.query(" ; "), "I", "Z I")
}

func TestCancel(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	conn := connect(t, sim)
	mrr := conn.Exec(t.Context(), "BEGIN; DECLARE c CURSOR FOR SUBSCRIBE t; FETCH 0 c")
	if _, err := mrr.ReadAll(); err != nil {
		t.Fatal(err)
	}
	w := session(t, sim) // V41
	same(t, w.query(fmt.Sprintf("SELECT pg_cancel_backend(%d)", conn.PID())), "T pg_cancel_backend", "D t", "C SELECT 1", "Z I")
	_, err := conn.Exec(t.Context(), "FETCH c").ReadAll()
	if err == nil || !strings.Contains(err.Error(), "canceling statement due to user request (SQLSTATE 57014)") {
		t.Errorf("FETCH after a cancel: %v", err)
	}

	// A CancelRequest stops a running COPY.
	if _, err := conn.Exec(t.Context(), "ROLLBACK").ReadAll(); err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{}, 100)
	done := make(chan error, 1)
	go func() {
		_, err := conn.CopyTo(t.Context(), signal(first), "COPY (SUBSCRIBE t WITH (PROGRESS)) TO STDOUT")
		done <- err
	}()
	<-first
	if err := conn.CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "57014") {
		t.Errorf("COPY after a cancel: %v", err)
	}
	// A wrong secret does nothing; the connection still works.
	if _, err := conn.Exec(t.Context(), "SELECT 1").ReadAll(); err != nil {
		t.Error(err)
	}
}

// signal is a writer that says when something was written.
type signal chan<- struct{}

func (s signal) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestSubscribeThroughPortals(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
	write(t, sim, new(mzsim.Tx).Insert("t", 1).Insert("t", 2).Insert("t", 3))
	w := session(t, sim)
	w.send(&pgproto3.Parse{Query: "SUBSCRIBE t"}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Bind{}, &pgproto3.Describe{ObjectType: 'P'},
		&pgproto3.Execute{MaxRows: 2}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Sync{})
	same(t, w.until("Z"), "1", "t", "T mz_timestamp mz_diff a", "2", "T mz_timestamp mz_diff a", "N NOTICE 01000 *", "D *", "D *", "s", "D *", "s", "Z I")
	w.send(&pgproto3.Execute{MaxRows: 1}, &pgproto3.Sync{}) // Sync has destroyed it
	same(t, w.until("Z"), `E ERROR 34000 portal "" does not exist`, "Z I")
	// With a parameter, which COPY does not allow.
	w.send(&pgproto3.Parse{Query: "SUBSCRIBE (SELECT a FROM t WHERE a > $1)"}, &pgproto3.Bind{Parameters: [][]byte{[]byte("2")}}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Sync{})
	got := w.until("Z")
	same(t, []string{masked.ReplaceAllString(got[3], "T")}, "D T 1 3")
	same(t, w.query("COPY (SELECT $1) TO STDOUT"), "E ERROR 42P02 there is no parameter $1", "Z I")
	waitFor(t, func() bool { return sim.Streams() == 0 })
}
