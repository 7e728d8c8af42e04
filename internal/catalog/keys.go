package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

const (
	sampleRows = 10_000
	maxOffered = 4  // candidates that are worth reading
	maxPaired  = 12 // columns that are tried in pairs
)

// candidates are keys that may identify a row.
type candidates struct {
	keys [][]string
	rows int  // looked at
	all  bool // that was the whole relation
}

// String is the comment that stands beside the choice.
func (c *candidates) String() string {
	of := fmt.Sprintf("a sample of %d rows", c.rows)
	switch {
	case c.rows == 0:
		return "the relation is empty: no candidate could be tested"
	case c.all:
		of = fmt.Sprintf("all %d rows", c.rows)
	}
	if len(c.keys) == 0 {
		return "no column or pair of columns is unique in " + of
	}
	texts := make([]string, len(c.keys))
	for i, k := range c.keys {
		texts[i] = keyYAML(k)
	}
	return "unique in " + of + ": " + strings.Join(texts, ", or ")
}

// propose samples a relation for columns, or pairs of columns, that are never
// null and never the same twice.
func (d *Database) propose(ctx context.Context, def *source.Definition, rel *source.Relation) (*candidates, error) {
	names := make([]string, len(rel.Columns))
	for i := range rel.Columns {
		names[i] = rel.Columns[i].Name
	}
	rows, err := d.Queries.Query(ctx, fmt.Sprintf("SELECT %s FROM %s LIMIT %d", quoteAll(names), fromClause(def, rel), sampleRows))
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", rel.Name, err)
	}
	c := &candidates{rows: len(rows), all: len(rows) < sampleRows}
	if len(rows) == 0 {
		return c, nil
	}
	usable := usableColumns(rel, rows)
	good := slices.IndexFunc(usable, func(i int) bool { return likely(&rel.Columns[i]) >= lastResort })
	if good < 0 {
		good = len(usable)
	}
	for _, among := range [][]int{usable[:good], usable} {
		if c.keys = uniqueKeys(names, rows, among); len(c.keys) > 0 {
			break
		}
	}
	c.keys = c.keys[:min(len(c.keys), maxOffered)]
	return c, nil
}

// uniqueKeys returns the columns that are unique, or else the pairs that are.
func uniqueKeys(names []string, rows []relation.Row, among []int) (keys [][]string) {
	for _, i := range among {
		if unique(rows, i) {
			keys = append(keys, []string{names[i]})
		}
	}
	if len(keys) > 0 {
		return keys
	}
	among = among[:min(len(among), maxPaired)]
	for at, i := range among {
		for _, j := range among[at+1:] {
			if unique(rows, i, j) {
				keys = append(keys, []string{names[min(i, j)], names[max(i, j)]})
			}
		}
	}
	return keys
}

// usableColumns are the columns that can be part of a key, the likely ones
// first.
func usableColumns(rel *source.Relation, rows []relation.Row) []int {
	var list []int
	for i := range rel.Columns {
		c := &rel.Columns[i]
		null := slices.ContainsFunc(rows, func(r relation.Row) bool { return r.Null(i) })
		if !null && likely(c) < unlikely {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int {
		return cmp.Compare(likely(&rel.Columns[a]), likely(&rel.Columns[b]))
	})
	return list
}

const (
	lastResort = 7 // instants and amounts: unique by chance rather than by nature
	unlikely   = 9
)

// likely ranks columns by how often such ones are keys.
func likely(c *source.CatalogColumn) int {
	var rank int
	switch c.Kind {
	case relation.UUID, relation.Integer, relation.BigInt:
		rank = 2
	case relation.String:
		rank = 4
	case relation.Date, relation.Time:
		rank = 5
	case relation.Timestamp, relation.Decimal:
		rank = lastResort
	default: // a measure, or too large: never a key
		return unlikely
	}
	switch name := strings.ToLower(c.Name); {
	case name == "id" || name == "key" || name == "uuid":
		rank -= 2
	case strings.HasSuffix(name, "id") || strings.HasSuffix(name, "key") || strings.HasSuffix(name, "code"):
		rank--
	}
	return rank
}

func unique(rows []relation.Row, columns ...int) bool {
	seen := make(map[string]struct{}, len(rows))
	var key []byte
	for _, r := range rows {
		key = key[:0]
		for _, i := range columns {
			text := r.Text(i)
			key = strconv.AppendInt(key, int64(len(text)), 10)
			key = append(append(key, ':'), text...)
		}
		if _, twice := seen[string(key)]; twice {
			return false
		}
		seen[string(key)] = struct{}{}
	}
	return true
}
