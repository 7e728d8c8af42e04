package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/testpg"
)

// things is a table with a column of every kind.
const thingsTable = `
CREATE TYPE level AS ENUM ('low', 'mid', 'high');
CREATE TABLE things (
	id int PRIMARY KEY, big bigint, num numeric, ratio float8, name text COLLATE "C", note text COLLATE "C", flag boolean,
	at timestamptz, local timestamp, day date, clock time, code uuid, doc jsonb, level level
);`

const thingsSchema = `
naming: camelCase
enums: {level: [low, mid, high]}
sources:
  things:
    primary_key: id
    columns: {id: Integer, big: BigInt, num: Decimal, ratio: Float, name: String, note: String, flag: Boolean,
      at: Timestamp, local: Timestamp, day: Date, clock: Time, code: UUID, doc: JSON, level: level}
`

var thingsColumns = strings.Fields("id big num ratio name note flag at local day clock code doc level")

// thingsFilters are the same conditions in GraphQL and, written by hand, in SQL.
var thingsFilters = []struct{ where, sql string }{
	{`{}`, `true`},
	{`{level: {_eq: high}, ratio: {_gt: 1.5}}`, `level = 'high' AND ratio > 1.5`},
	{`{num: {_gt: "0.3", _lte: "0.30000000000000000001"}}`, `num > 0.3 AND num <= 0.30000000000000000001`},
	{`{num: {_in: ["0.30", 1.50, "-7"]}}`, `num IN (0.3, 1.5, -7)`},
	{`{big: {_gt: "9007199254740992"}}`, `big > 9007199254740992`},
	{`{big: {_nin: ["9007199254740993", 5]}, flag: {_neq: true}}`, `big NOT IN (9007199254740993, 5) AND flag <> true`},
	{`{_not: {note: {_eq: "a"}}}`, `NOT note = 'a'`},
	{`{_or: [{note: {_is_null: true}}, {flag: {_is_null: false}, level: {_neq: low}}]}`, `note IS NULL OR (flag IS NOT NULL AND level <> 'low')`},
	{`{name: {_like: "_b%"}, note: {_nlike: "%z%"}}`, `name LIKE '_b%' AND note NOT LIKE '%z%'`},
	{`{name: {_ilike: "%A%"}, note: {_nilike: "%B%"}}`, `name ILIKE '%A%' AND note NOT ILIKE '%B%'`},
	{`{name: {_regex: "^[a-c]+$"}, note: {_nregex: "^a"}}`, `name ~ '^[a-c]+$' AND note !~ '^a'`},
	{`{_and: [{name: {_iregex: "B.*c"}}, {note: {_niregex: "A"}}]}`, `name ~* 'B.*c' AND note !~* 'A'`},
	{`{name: {_gte: "b", _lt: "Ä"}}`, `name >= 'b' AND name < 'Ä'`},
	{
		`{at: {_gte: "2026-01-01T02:00:00+02:00", _lt: "2026-01-01T00:00:30.000001Z"}}`,
		`at >= '2026-01-01T00:00:00Z' AND at < '2026-01-01T00:00:30.000001Z'`,
	},
	{`{local: {_gt: "2026-01-01T00:00:20"}, day: {_lte: "2026-01-15"}}`, `local > '2026-01-01T00:00:20' AND day <= '2026-01-15'`},
	{`{clock: {_gt: "12:30"}, level: {_gte: mid}}`, `clock > '12:30' AND level >= 'mid'`},
	{
		`{code: {_in: ["00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000b"]}}`,
		`code IN ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b')`,
	},
	{`{_or: [{doc: {_contains: {a: 1}}}, {doc: {_has_key: "b"}}]}`, `doc @> '{"a": 1}' OR doc ? 'b'`},
	{`{_or: []}`, `false`},
	{
		`{big: {_nin: []}, _and: [], _not: {_or: [{ratio: {_lt: 0}}, {_and: [{id: {_gt: 50}}, {flag: {_eq: false}}]}]}}`,
		`NOT (ratio < 0 OR (id > 50 AND flag = false))`,
	},
}

// book is a table of things with clients that follow it.
type book struct {
	t       *testing.T
	g       *gateway
	db      *testpg.Database
	clients []*client
}

func newBook(t *testing.T, db *testpg.Database, env ...string) *book {
	t.Helper()
	b := &book{t: t, db: db}
	db.Exec(t, thingsTable)
	b.g = serve(t, thingsSchema, env...)
	b.g.ready()
	columns := strings.Join(thingsColumns, " ")
	for i, f := range thingsFilters {
		s := subscription{field: "things", document: fmt.Sprintf(
			`subscription { things(where: %s) { operation fields timestamp data { _key %s } } }`, f.where, columns)}
		if i%2 == 1 {
			s = subscription{field: "thingsChanges", document: fmt.Sprintf(
				`subscription { thingsChanges(where: %s) { kind last state timestamp
				   changes { operation fields timestamp data { _key %s } } } }`, f.where, columns)}
		}
		b.clients = append(b.clients, follow(t, b.g, s))
	}
	return b
}

// equal waits until every client holds what SQL says, and asks whether any
// promise was broken on the way.
func (b *book) equal() {
	b.t.Helper()
	sql := reach(b.t, b.db.URL())
	sql.exec("SET TimeZone = 'UTC'")
	for i, f := range thingsFilters {
		c := b.clients[i]
		c.holds(b.t, thingsColumns, func() []string { // anew each time: a writer that was cut off may yet commit
			return sql.lines("SELECT " + strings.Join(thingsColumns, ", ") + " FROM things WHERE " + f.sql)
		})
		if err := c.kept(); err != nil {
			b.t.Errorf("%s: %v", f.where, err)
		}
	}
}

// write starts writers and returns what ends them. A writer that loses its
// connection gets another one.
func (b *book) write(writers int) (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	for n := range writers {
		random := rand.New(rand.NewPCG(uint64(n), 11))
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = writeOn(ctx, b.db.URL(), random) // the server was killed
				rest(ctx, 10*time.Millisecond)
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

func writeOn(ctx context.Context, url string, random *rand.Rand) error {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		var sql strings.Builder
		for range 1 + random.IntN(5) {
			sql.WriteString(change(random))
		}
		// Several statements in one message are one transaction. Two of them
		// that meet in a deadlock are nothing special.
		_ = conn.Exec(ctx, sql.String()).Close()
		if conn.IsClosed() {
			return nil
		}
		rest(ctx, time.Duration(random.IntN(3))*time.Millisecond)
	}
	return nil
}

const thingsKeys = 120

// change is a random statement on one row.
func change(r *rand.Rand) string {
	id := 1 + r.IntN(thingsKeys)
	switch r.IntN(10) {
	case 0:
		return fmt.Sprintf("DELETE FROM things WHERE id = %d;", id)
	case 1:
		return fmt.Sprintf("UPDATE things SET id = id + %d WHERE id = %d AND NOT EXISTS (SELECT FROM things WHERE id = %d);", thingsKeys, id, id+thingsKeys)
	case 2:
		return fmt.Sprintf("UPDATE things SET ratio = %s, at = %s WHERE id IN (%d, %d);", ratio(r), moment(r), id, id+1)
	}
	values := strings.Join([]string{
		big(r), num(r), ratio(r), name(r), note(r), flag(r), moment(r), moment(r),
		day(r), clock(r), code(r), doc(r), level(r),
	}, ", ")
	return fmt.Sprintf(`INSERT INTO things VALUES (%d, %s) ON CONFLICT (id) DO UPDATE SET (big, num, ratio, name, note, flag,
		at, local, day, clock, code, doc, level) = (excluded.big, excluded.num, excluded.ratio, excluded.name, excluded.note,
		excluded.flag, excluded.at, excluded.local, excluded.day, excluded.clock, excluded.code, excluded.doc, excluded.level);`, id, values)
}

func pick(r *rand.Rand, texts ...string) string { return texts[r.IntN(len(texts))] }

func big(r *rand.Rand) string {
	return pick(r, "NULL", "5", "-1", "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808")
}

func num(r *rand.Rand) string {
	return pick(r, "NULL", "0.3", "0.30", "0.1 + 0.2", "0.30000000000000000001", "0.30000000000000000002", "1.5", "1.500", "-7",
		"123456789012345678901234567890.123456789", "'NaN'")
}

func ratio(r *rand.Rand) string {
	return pick(r, "NULL", "1.5", "0.1", "-2.25", "1e20", "1.5000000000000002", fmt.Sprint(r.Float64()*10))
}

func name(r *rand.Rand) string {
	return pick(r, "NULL", "'a'", "'abc'", "'b'", "'Abba'", "'cab'", "'zebra'", "'Äb'", "'äbc'", "'😀b'", "''",
		`E'tab\tand\nline'`, `'back\slash "quoted"'`)
}

// note is at times too long to stand in its row: then updates of other columns
// do not repeat it in the stream.
func note(r *rand.Rand) string {
	if r.IntN(6) == 0 {
		return fmt.Sprintf("(SELECT string_agg(md5((i * %d)::text), '') FROM generate_series(1, 200) i)", r.IntN(1000))
	}
	return name(r)
}

func flag(r *rand.Rand) string { return pick(r, "NULL", "true", "false") }

func moment(r *rand.Rand) string {
	return pick(r, "NULL", "'2026-01-01T00:00:00Z'", "'2026-01-01T00:00:30.000001Z'", "'2025-12-31T23:59:59.999999Z'",
		fmt.Sprintf("'2026-01-01T00:00:%02d.%03dZ'", r.IntN(60), r.IntN(1000)))
}

func day(r *rand.Rand) string { return pick(r, "NULL", fmt.Sprintf("'2026-01-%02d'", 1+r.IntN(31))) }

func clock(r *rand.Rand) string {
	return pick(r, "NULL", "'12:30:00'", fmt.Sprintf("'%02d:%02d:00.5'", r.IntN(24), r.IntN(60)))
}

func code(r *rand.Rand) string {
	return pick(r, "NULL", fmt.Sprintf("'00000000-0000-0000-0000-0000000000%02x'", r.IntN(16)))
}

func doc(r *rand.Rand) string {
	return pick(r, "NULL", `'{"a": 1, "c": [1, 2]}'`, `'{"a": 2}'`, `'{"b": null}'`, `'[1, "b"]'`, `'"b"'`, `'{"a": 1.0, "b": {"x": "y"}}'`)
}

func level(r *rand.Rand) string { return pick(r, "NULL", "'low'", "'mid'", "'high'") }

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := testpg.Start(t, testpg.Options{})
	db := server.NewDatabase(t)
	proxy := testpg.NewProxy(t, server.Addr())
	b := newBook(t, db, "DATABASE_URL="+db.URLVia(proxy), "TYCOSTREAM_RETRY_MAX=100ms")

	stop := b.write(5)
	rest(t.Context(), 1500*time.Millisecond)
	stop()
	b.equal()

	stop = b.write(4)
	rest(t.Context(), 200*time.Millisecond)
	db.Exec(t, "ALTER TABLE things ADD COLUMN more text DEFAULT 'x'")
	rest(t.Context(), 200*time.Millisecond)
	stop()
	b.equal()
	db.Exec(t, "BEGIN; TRUNCATE things; INSERT INTO things (id, level) VALUES (1, 'high'); COMMIT")
	b.equal()

	stop = b.write(4)
	for range 3 { // the server, again and again
		rest(t.Context(), 300*time.Millisecond)
		if err := server.Restart(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	b.equal()

	stop = b.write(4)
	rest(t.Context(), 300*time.Millisecond)
	b.g.kill(syscall.SIGKILL)
	rest(t.Context(), 300*time.Millisecond)
	b.g.again()
	rest(t.Context(), 300*time.Millisecond)
	stop()
	b.equal()

	stop = b.write(4)
	cuts := 0
	for cuts < 50 {
		rest(t.Context(), 30*time.Millisecond)
		if proxy.Cut() > 0 {
			cuts++
		}
	}
	stop()
	b.equal()
}
