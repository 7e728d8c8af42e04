package materialize

import (
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

// sqlType is what the catalog's type says about a column.
type sqlType struct {
	name  string // as mz_columns prints it
	oid   uint32
	array uint32 // OID of its array type, 0 unknown
	kind  relation.Kind
	zoned bool
}

// types lists what is not plain text. Everything else (interval, bytea, maps,
// ranges, records, oid, ...) is a String.
var types = []sqlType{
	{"boolean", 16, 1000, relation.Boolean, false},
	{"smallint", 21, 1005, relation.Integer, false},
	{"integer", 23, 1007, relation.Integer, false},
	{"bigint", 20, 1016, relation.BigInt, false},
	{"uint2", 16460, 16461, relation.Integer, false},
	{"uint4", 16462, 16463, relation.BigInt, false},
	{"uint8", 16464, 16465, relation.BigInt, false},
	{"mz_timestamp", 16552, 16553, relation.BigInt, false},
	{"real", 700, 1021, relation.Float, false},
	{"double precision", 701, 1022, relation.Float, false},
	{"numeric", 1700, 1231, relation.Decimal, false},
	{"uuid", 2950, 2951, relation.UUID, false},
	{"timestamp without time zone", 1114, 1115, relation.Timestamp, false},
	{"timestamp with time zone", 1184, 1185, relation.Timestamp, true},
	{"date", 1082, 1182, relation.Date, false},
	{"time without time zone", 1083, 1183, relation.Time, false},
	{"jsonb", 3802, 3807, relation.JSON, false},
	{"text", 25, 1009, relation.String, false},
	{"character varying", 1043, 1015, relation.String, false},
	{"character", 1042, 1014, relation.String, false},
	{"bytea", 17, 1001, relation.String, false},
	{"interval", 1186, 1187, relation.String, false},
}

// aliases are other spellings of names in types.
var aliases = map[string]string{
	"bool": "boolean", "int2": "smallint", "int4": "integer", "int": "integer", "int8": "bigint",
	"float4": "real", "float8": "double precision", "decimal": "numeric", "json": "jsonb",
	"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
	"time": "time without time zone", "varchar": "character varying", "char": "character", "bpchar": "character",
}

// listOID is the OID of every list type.
const listOID = 16384

func byName(name string) sqlType {
	if i := strings.IndexByte(name, '('); i > 0 { // numeric(10,2), timestamp(3) with time zone
		j := strings.IndexByte(name, ')')
		name = strings.TrimSpace(name[:i] + name[max(i, j+1):])
	}
	if full, ok := aliases[name]; ok {
		name = full
	}
	for _, t := range types {
		if t.name == name {
			return t
		}
	}
	return sqlType{kind: relation.String}
}

// kindByName returns what schema.yaml calls a type of the catalog.
func kindByName(name string) (kind, elem relation.Kind, zoned bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	base, array := strings.CutSuffix(name, "[]")
	for nested := array; nested; {
		base, nested = strings.CutSuffix(base, "[]")
	}
	item, list := strings.CutSuffix(name, " list")
	switch {
	case array:
		t := byName(base)
		return relation.Array, t.kind, t.zoned
	case list:
		t := byName(item)
		return relation.Array, t.kind, t.zoned
	case name == "list": // the catalog hides the element type
		return relation.Array, relation.String, false
	}
	t := byName(name)
	return t.kind, relation.String, t.zoned
}

// kindByOID does the same for a column of a query, with the type's name for
// messages.
func kindByOID(oid uint32) (name string, kind, elem relation.Kind, zoned bool) {
	for _, t := range types {
		switch oid {
		case t.oid:
			return t.name, t.kind, relation.String, t.zoned
		case t.array:
			return t.name + "[]", relation.Array, t.kind, t.zoned
		}
	}
	if oid == listOID {
		return "list", relation.Array, relation.String, false
	}
	return "text", relation.String, relation.String, false
}
