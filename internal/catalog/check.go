package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tycostream/tycostream/internal/backend"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/source"
)

// Report is what a comparison of a schema.yaml with the database found.
type Report struct {
	Mistakes mistake.List // keep a source from working
	Warnings mistake.List // work, but not as well as they could
	Rows     map[string]string
}

// Check compares a schema file with the database: relations and columns,
// rights, keys, and how far back the database remembers. Only a lost
// connection is an error; everything else goes into the report.
func (d *Database) Check(ctx context.Context, f *schemafile.File) (*Report, error) {
	r := &Report{Rows: map[string]string{}}
	if err := d.checkServer(ctx, r, f); err != nil {
		return nil, err
	}
	var tables []string
	for _, def := range f.Sources {
		c := &sourceCheck{Database: d, report: r, file: f, def: def}
		if err := c.run(ctx); err != nil {
			return nil, fmt.Errorf("check source %s: %w", def.Name, err)
		}
		if c.rel != nil && d.Engine == backend.Postgres {
			parts := strings.SplitN(fromClause(def, c.rel), ".", 2) // without the database, which regclass does not take
			tables = append(tables, parts[len(parts)-1])
		}
	}
	if len(tables) > 0 {
		if err := d.checkPublication(ctx, r, f, tables); err != nil {
			return nil, err
		}
	}
	r.Mistakes.Sort()
	r.Warnings.Sort()
	return r, nil
}

// sourceCheck looks at one source.
type sourceCheck struct {
	*Database

	report *Report
	file   *schemafile.File
	def    *source.Definition
	rel    *source.Relation
}

func (c *sourceCheck) place(key string) mistake.Mistake {
	return c.file.Place("sources", c.def.Name, key)
}

func (c *sourceCheck) wrong(key, format string, args ...any) {
	m := c.place(key)
	c.report.Mistakes.Add(m.File, m.Line, m.Column, format, args...)
}

func (c *sourceCheck) warn(key, format string, args ...any) {
	m := c.place(key)
	c.report.Warnings.Add(m.File, m.Line, m.Column, format, args...)
}

func (c *sourceCheck) run(ctx context.Context) (err error) {
	if c.rel, err = c.Backend.Describe(ctx, c.def); err != nil {
		refused, ok := errors.AsType[*source.Error](err)
		if !ok || refused.Class == source.Retry {
			return err
		}
		c.wrong(c.upstreamKey(), "source %s: %s", c.def.Name, refused.Error())
		return nil
	}
	schema, _, warnings, err := c.def.Resolve(c.rel)
	for _, w := range warnings {
		c.warn("columns", "source %s: %s", c.def.Name, w)
	}
	if refused, ok := errors.AsType[*source.Error](err); ok {
		c.wrong("columns", "%s", refused.Text)
		return nil
	}
	if err != nil {
		return err
	}
	if _, declared := c.def.Declared(); !declared { // otherwise reading the file has found them
		for _, in := range c.file.Triggers[c.def.Name] {
			c.report.Mistakes = append(c.report.Mistakes, c.file.CheckTrigger(c.def.Name, schema, in)...)
		}
	}
	if readable, err := c.checkKey(ctx); err != nil || !readable {
		return err
	}
	if c.Engine == backend.Materialize {
		return c.checkHistory(ctx)
	}
	return nil
}

func (c *sourceCheck) upstreamKey() string {
	if c.def.Query != "" {
		return "query"
	}
	return "relation"
}

// checkKey counts rows and different keys. The same statement shows whether
// the rows may be read at all.
func (c *sourceCheck) checkKey(ctx context.Context) (readable bool, err error) {
	key, from := quoteAll(c.def.Key), fromClause(c.def, c.rel)
	rows, err := c.Queries.Query(ctx, "SELECT count(*) FROM "+from)
	switch {
	case denied(err):
		c.wrong(c.upstreamKey(), "source %s: the role %s may not read it: %s", c.def.Name, c.User, c.grants(from))
		return false, nil
	case err != nil:
		return false, err
	}
	total := rows[0].Text(0)
	c.report.Rows[c.def.Name] = total
	nulls := make([]string, len(c.def.Key))
	for i, k := range c.def.Key {
		nulls[i] = quote(k) + " IS NULL"
	}
	rows, err = c.Queries.Query(ctx, "SELECT count(*) FROM "+from+" WHERE "+strings.Join(nulls, " OR "))
	if err != nil {
		return true, err
	}
	if n := rows[0].Text(0); n != "0" {
		c.wrong("primary_key", "source %s: %s of %s rows have NULL in the primary_key (%s)", c.def.Name, n, total, strings.Join(c.def.Key, ", "))
		return true, nil
	}
	rows, err = c.Queries.Query(ctx, "SELECT count(*) FROM (SELECT DISTINCT "+key+" FROM "+from+") AS k")
	if err != nil {
		return true, err
	}
	if different := rows[0].Text(0); different != total {
		c.wrong("primary_key", "source %s: the primary_key (%s) is not unique: %s rows, but only %s different keys%s",
			c.def.Name, strings.Join(c.def.Key, ", "), total, different, c.example(ctx, key, from))
	}
	return true, nil
}

// example names a key that stands there twice.
func (c *sourceCheck) example(ctx context.Context, key, from string) string {
	rows, err := c.Queries.Query(ctx, "SELECT "+key+" FROM "+from+" GROUP BY "+key+" HAVING count(*) > 1 LIMIT 1")
	if err != nil || len(rows) == 0 {
		return ""
	}
	texts := make([]string, rows[0].Len())
	for i := range texts {
		texts[i] = rows[0].Text(i)
	}
	return "; one that is there more than once: " + strings.Join(texts, ", ")
}

func (c *sourceCheck) grants(from string) string {
	if c.def.Query != "" {
		return "grant it SELECT on the relations of the query and USAGE on their schemas"
	}
	text := "GRANT SELECT ON " + from + " TO " + quote(c.User)
	if parts := strings.Split(from, "."); len(parts) > 1 {
		text = "GRANT USAGE ON SCHEMA " + strings.Join(parts[:len(parts)-1], ".") + " TO " + quote(c.User) + "; " + text
	}
	if c.Engine == backend.Materialize {
		text += "; and USAGE on the cluster"
	}
	return text
}
