package pgcatalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Record is one row of a small query, as text; NULL is empty.
type Record [][]byte

// Text returns column i.
func (r Record) Text(i int) string { return string(r[i]) }

// Bool returns column i of type boolean.
func (r Record) Bool(i int) bool { return len(r[i]) == 1 && r[i][0] == 't' }

// OID returns column i of type oid.
func (r Record) OID(i int) uint32 {
	n, _ := strconv.ParseUint(string(r[i]), 10, 32) // the server prints its own OIDs
	return uint32(n)
}

// char is the first byte of a "char" or text column.
func (r Record) char(i int) byte {
	if len(r[i]) == 0 {
		return 0
	}
	return r[i][0]
}

// list reads a column made by to_json from an array of names.
func (r Record) list(i int) ([]string, error) {
	var names []string
	if len(r[i]) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(r[i], &names); err != nil {
		return nil, fmt.Errorf("read a list of names: %w", err)
	}
	return names, nil
}

// Session is an SQL connection. No statement may keep it waiting for longer
// than Silence: the network may have gone without a word.
type Session struct {
	Conn    *pgconn.PgConn
	Silence time.Duration
}

// Query runs a small query.
func (s *Session) Query(ctx context.Context, step, sql string, args ...string) ([]Record, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Silence)
	defer cancel()
	params := make([][]byte, len(args))
	for i, a := range args {
		params[i] = []byte(a)
	}
	result := s.Conn.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, Classify(step, result.Err)
	}
	rows := make([]Record, len(result.Rows))
	for i, r := range result.Rows {
		rows[i] = r
	}
	return rows, nil
}

// Exec runs statements without a result.
func (s *Session) Exec(ctx context.Context, step, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, s.Silence)
	defer cancel()
	_, err := s.Conn.Exec(ctx, sql).ReadAll()
	return Classify(step, err)
}
