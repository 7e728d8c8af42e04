package pgcatalog

import (
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/source"
)

// Check reports what keeps a source from following the table, and what to do
// about it.
func (t *Table) Check(def *source.Definition, user string) error {
	for _, step := range []func(*source.Definition, string) error{
		t.checkKind, t.checkGrants, t.checkColumns, t.checkUnique, t.checkIdentity,
	} {
		if err := step(def, user); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) checkKind(*source.Definition, string) error {
	switch t.Kind {
	case 'v', 'm':
		return Mistake(source.Config, "%s is a %s, and PostgreSQL replicates tables only: "+
			"keep a table of the same rows with triggers (examples/postgres shows how), or follow the view from Materialize",
			t.Title(), t.typeName())
	case 'f':
		return Mistake(source.Config, "%s is a foreign table: follow it in the database that holds its rows", t.Title())
	}
	if t.schema == "pg_catalog" || t.schema == "information_schema" {
		return Mistake(source.Config, "%s belongs to the system and cannot be replicated", t.Title())
	}
	if !t.logged {
		return ToRun("table "+t.Title()+" is unlogged or temporary and cannot be replicated", nil, "ALTER TABLE "+t.SQLName()+" SET LOGGED")
	}
	for _, l := range t.Leaves {
		if l.Kind != 'r' {
			return Mistake(source.Config, "table %s has the partition %s.%s, which is a foreign table and cannot be replicated",
				t.Title(), l.schema, l.name)
		}
	}
	return nil
}

func (t *Table) checkGrants(def *source.Definition, user string) error {
	if !t.reads {
		return ToRun("the database role may not use the schema of "+t.Title(), nil,
			"GRANT USAGE ON SCHEMA "+Quote(t.schema)+" TO "+Quote(user))
	}
	for i := range t.Columns {
		if c := &t.Columns[i]; t.uses(def, c) && !c.readable {
			return ToRun("the database role may not read "+t.Title(), nil, "GRANT SELECT ON "+t.SQLName()+" TO "+Quote(user))
		}
	}
	if t.rls {
		return ToRun("row-level security hides rows of "+t.Title()+" from the database role", nil,
			"ALTER ROLE "+Quote(user)+" BYPASSRLS")
	}
	return nil
}

func (t *Table) checkColumns(def *source.Definition, _ string) error {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.generated && t.uses(def, c) {
			return Mistake(source.Config, "column %s of %s is generated, and PostgreSQL does not replicate generated columns: "+
				"leave it out, or make it an ordinary column that a trigger fills", c.Name, t.Title())
		}
	}
	for _, k := range def.Key {
		if !slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name == k }) {
			return Mistake(source.Config, "table %s has no column %s, which the primary key names", t.Title(), k)
		}
	}
	return nil
}

// checkUnique wants a unique index within the declared key.
func (t *Table) checkUnique(def *source.Definition, _ string) error {
	if len(def.Key) == 0 {
		return nil
	}
	for i := range t.indexes {
		if ix := &t.indexes[i]; ix.table == t.OID && within(ix.columns, def.Key) {
			return nil
		}
	}
	return ToRun("the key ("+strings.Join(def.Key, ", ")+") of table "+t.Title()+" is not unique there: no unique index covers it", nil,
		"ALTER TABLE "+t.SQLName()+" ADD UNIQUE ("+QuoteAll(def.Key)+")")
}

// checkIdentity wants old rows in the stream to hold the declared key. Of a
// partitioned table it is the partitions' identity that counts.
func (t *Table) checkIdentity(def *source.Definition, _ string) error {
	if len(def.Key) == 0 {
		return nil
	}
	if t.Kind != 'p' {
		return t.identityOf(def, Leaf{OID: t.OID, schema: t.schema, name: t.name, Ident: t.Ident})
	}
	for _, l := range t.Leaves {
		if err := t.identityOf(def, l); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) identityOf(def *source.Definition, l Leaf) error {
	var primary bool
	remedy := "FULL"
	for i := range t.indexes {
		ix := &t.indexes[i]
		if ix.table != l.OID || !ix.immediate || !ix.notNull || !within(def.Key, ix.columns) {
			continue
		}
		if ix.identity && l.Ident == 'i' {
			return nil
		}
		switch {
		case ix.primary:
			primary = true
			remedy = "DEFAULT"
		case remedy == "FULL":
			remedy = "USING INDEX " + Quote(ix.name)
		}
	}
	if l.Ident == 'f' || l.Ident == 'd' && primary {
		return nil
	}
	return ToRun("table "+l.schema+"."+l.name+" has a replica identity that does not hold the key ("+
		strings.Join(def.Key, ", ")+"): alter its REPLICA IDENTITY (the statement is in the log)", nil,
		"ALTER TABLE "+Quote(l.schema)+"."+Quote(l.name)+" REPLICA IDENTITY "+remedy)
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
