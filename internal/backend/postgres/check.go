package postgres

import (
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/source"
)

// check reports what keeps a source from following the table, and what to do
// about it.
func (t *table) check(def *source.Definition, user string) error {
	for _, step := range []func(*source.Definition, string) error{
		t.checkKind, t.checkGrants, t.checkColumns, t.checkUnique, t.checkIdentity,
	} {
		if err := step(def, user); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) checkKind(*source.Definition, string) error {
	switch t.kind {
	case 'v', 'm':
		return mistake(source.Config, "%s is a %s, and PostgreSQL replicates tables only: "+
			"keep a table of the same rows with triggers (examples/postgres shows how), or follow the view from Materialize",
			t.title(), t.typeName())
	case 'f':
		return mistake(source.Config, "%s is a foreign table: follow it in the database that holds its rows", t.title())
	}
	if t.schema == "pg_catalog" || t.schema == "information_schema" {
		return mistake(source.Config, "%s belongs to the system and cannot be replicated", t.title())
	}
	if !t.logged {
		return toRun("table "+t.title()+" is unlogged or temporary and cannot be replicated", nil, "ALTER TABLE "+t.sqlName()+" SET LOGGED")
	}
	for _, l := range t.leaves {
		if l.kind != 'r' {
			return mistake(source.Config, "table %s has the partition %s.%s, which is a foreign table and cannot be replicated",
				t.title(), l.schema, l.name)
		}
	}
	return nil
}

func (t *table) checkGrants(def *source.Definition, user string) error {
	if !t.reads {
		return toRun("the database role may not use the schema of "+t.title(), nil,
			"GRANT USAGE ON SCHEMA "+quote(t.schema)+" TO "+quote(user))
	}
	for i := range t.columns {
		if c := &t.columns[i]; t.uses(def, c) && !c.readable {
			return toRun("the database role may not read "+t.title(), nil, "GRANT SELECT ON "+t.sqlName()+" TO "+quote(user))
		}
	}
	if t.rls {
		return toRun("row-level security hides rows of "+t.title()+" from the database role", nil,
			"ALTER ROLE "+quote(user)+" BYPASSRLS")
	}
	return nil
}

func (t *table) checkColumns(def *source.Definition, _ string) error {
	for i := range t.columns {
		c := &t.columns[i]
		if c.generated && t.uses(def, c) {
			return mistake(source.Config, "column %s of %s is generated, and PostgreSQL does not replicate generated columns: "+
				"leave it out, or make it an ordinary column that a trigger fills", c.Name, t.title())
		}
	}
	for _, k := range def.Key {
		if !slices.ContainsFunc(t.columns, func(c column) bool { return c.Name == k }) {
			return mistake(source.Config, "table %s has no column %s, which the primary key names", t.title(), k)
		}
	}
	return nil
}

// checkUnique wants a unique index within the declared key.
func (t *table) checkUnique(def *source.Definition, _ string) error {
	if len(def.Key) == 0 {
		return nil
	}
	for i := range t.indexes {
		if ix := &t.indexes[i]; ix.table == t.oid && within(ix.columns, def.Key) {
			return nil
		}
	}
	return toRun("the key ("+strings.Join(def.Key, ", ")+") of table "+t.title()+" is not unique there: no unique index covers it", nil,
		"ALTER TABLE "+t.sqlName()+" ADD UNIQUE ("+quoteAll(def.Key)+")")
}

// checkIdentity wants old rows in the stream to hold the declared key. Of a
// partitioned table it is the partitions' identity that counts.
func (t *table) checkIdentity(def *source.Definition, _ string) error {
	if len(def.Key) == 0 {
		return nil
	}
	if t.kind != 'p' {
		return t.identityOf(def, leaf{oid: t.oid, schema: t.schema, name: t.name, ident: t.ident})
	}
	for _, l := range t.leaves {
		if err := t.identityOf(def, l); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) identityOf(def *source.Definition, l leaf) error {
	var primary bool
	remedy := "FULL"
	for i := range t.indexes {
		ix := &t.indexes[i]
		if ix.table != l.oid || !ix.immediate || !ix.notNull || !within(def.Key, ix.columns) {
			continue
		}
		if ix.identity && l.ident == 'i' {
			return nil
		}
		switch {
		case ix.primary:
			primary = true
			remedy = "DEFAULT"
		case remedy == "FULL":
			remedy = "USING INDEX " + quote(ix.name)
		}
	}
	if l.ident == 'f' || l.ident == 'd' && primary {
		return nil
	}
	return toRun("table "+l.schema+"."+l.name+" has a replica identity that does not hold the key ("+
		strings.Join(def.Key, ", ")+"): alter its REPLICA IDENTITY (the statement is in the log)", nil,
		"ALTER TABLE "+quote(l.schema)+"."+quote(l.name)+" REPLICA IDENTITY "+remedy)
}

// within reports whether every one of some is among all.
func within(some, all []string) bool {
	for _, s := range some {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return len(some) > 0
}
