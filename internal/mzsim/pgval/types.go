package pgval

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Class says how values of a type are read, printed and compared.
type Class uint8

// The classes.
const (
	Text Class = iota
	Bool
	Int
	Float
	Numeric
	Bytea
	Date
	Time
	Timestamp
	TimestampTZ
	Interval
	UUID
	JSONB
	Array
	List
	Map
	Range
	Char   // char(n), blank padded
	Opaque // compared as text, taken as it is
)

// Type is one SQL type.
type Type struct {
	Name   string // as mz_columns.type has it
	OID    uint32
	Size   int16 // -1: variable
	Typmod int32
	Class  Class
	Elem   *Type // of Array, List, Map, Range
}

// MaxNumericDigits is the precision of numeric.
const MaxNumericDigits = 39

// numericTypmod is PostgreSQL's packing of precision and scale.
func numericTypmod(scale int) int32 {
	return MaxNumericDigits<<16 + int32(scale) + 4 //nolint:gosec // scale is at most 39
}

// scale returns the declared scale of a numeric, or -1.
func (t *Type) scale() int {
	if s := int(t.Typmod-4) & 0xffff; s < MaxNumericDigits {
		return s
	}
	return -1
}

func simple(name string, oid uint32, size int16, class Class) Type {
	return Type{Name: name, OID: oid, Size: size, Typmod: -1, Class: class}
}

// base lists the types without parameters, the canonical name first.
func base(name string) (Type, bool) { //nolint:cyclop // a table as a switch: no package variable needed
	switch name {
	case "boolean", "bool":
		return simple("boolean", 16, 1, Bool), true
	case "smallint", "int2":
		return simple("smallint", 21, 2, Int), true
	case "integer", "int", "int4":
		return simple("integer", 23, 4, Int), true
	case "bigint", "int8":
		return simple("bigint", 20, 8, Int), true
	case "uint2":
		return simple("uint2", 16460, 2, Int), true
	case "uint4":
		return simple("uint4", 16462, 4, Int), true
	case "uint8":
		return simple("uint8", 16464, 8, Int), true
	case "real", "float4":
		return simple("real", 700, 4, Float), true
	case "double precision", "float8", "float", "double":
		return simple("double precision", 701, 8, Float), true
	case "text", "string":
		return simple("text", 25, -1, Text), true
	case "name":
		return simple("name", 19, 64, Text), true
	case "character varying", "varchar":
		return simple("character varying", 1043, -1, Text), true
	case `"char"`:
		return simple(`"char"`, 18, 1, Opaque), true
	case "bytea", "bytes":
		return simple("bytea", 17, -1, Bytea), true
	case "date":
		return simple("date", 1082, 4, Date), true
	case "time":
		return simple("time", 1083, 8, Time), true
	case "interval":
		return simple("interval", 1186, 16, Interval), true
	case "uuid":
		return simple("uuid", 2950, 16, UUID), true
	case "jsonb", "json":
		return simple("jsonb", 3802, -1, JSONB), true
	case "mz_timestamp":
		return simple("mz_timestamp", 16552, -1, Int), true
	case "oid":
		return simple("oid", 26, 4, Int), true
	case "regclass":
		return simple("regclass", 2205, 4, Int), true
	case "regproc":
		return simple("regproc", 24, 4, Int), true
	case "regtype":
		return simple("regtype", 2206, 4, Int), true
	case "int2vector":
		return simple("int2vector", 22, -1, Opaque), true
	case "record":
		return simple("record", 2249, -1, Opaque), true
	case "unknown":
		return simple("unknown", 705, -2, Text), true
	}
	return Type{}, false
}

func ranges(name string) (Type, bool) {
	of := func(oid uint32, elem string) (Type, bool) {
		e := Must(elem)
		return Type{Name: name, OID: oid, Size: -1, Typmod: -1, Class: Range, Elem: &e}, true
	}
	switch name {
	case "int4range":
		return of(3904, "integer")
	case "int8range":
		return of(3926, "bigint")
	case "numrange":
		return of(3906, "numeric")
	case "daterange":
		return of(3912, "date")
	case "tsrange":
		return of(3908, "timestamp")
	case "tstzrange":
		return of(3910, "timestamptz")
	}
	return Type{}, false
}

// arrayOID returns the OID of the array over an element type.
func arrayOID(elem uint32) uint32 {
	switch elem {
	case 16:
		return 1000
	case 17:
		return 1001
	case 20:
		return 1016
	case 21:
		return 1005
	case 23:
		return 1007
	case 25:
		return 1009
	case 700:
		return 1021
	case 701:
		return 1022
	case 1042:
		return 1014
	case 1043:
		return 1015
	case 1082:
		return 1182
	case 1083:
		return 1183
	case 1114:
		return 1115
	case 1184:
		return 1185
	case 1186:
		return 1187
	case 1700:
		return 1231
	case 2950:
		return 2951
	case 3802:
		return 3807
	case 26:
		return 1028
	case 16460:
		return 16461
	case 16462:
		return 16463
	case 16464:
		return 16465
	}
	return 2277 // anyarray
}

// ArrayOf returns the type of arrays of elem.
func ArrayOf(elem Type) Type {
	name := elem.Name + "[]"
	if elem.Class == Array { // every dimension has the same type
		return elem
	}
	return Type{Name: name, OID: arrayOID(elem.OID), Size: -1, Typmod: -1, Class: Array, Elem: &elem}
}

// ListOf returns the type of lists of elem.
func ListOf(elem Type) Type {
	return Type{Name: "list", OID: 16384, Size: -1, Typmod: -1, Class: List, Elem: &elem}
}

// MapOf returns the type of maps from text to elem.
func MapOf(elem Type) Type {
	return Type{Name: "map", OID: 16385, Size: -1, Typmod: -1, Class: Map, Elem: &elem}
}

// Must is Parse for names known to be right; it panics on others.
func Must(name string) Type {
	t, err := Parse(name)
	if err != nil {
		panic(err)
	}
	return t
}

// Parse reads a type's name: "integer", "int4", "numeric(10,2)", "text[]",
// "integer list", "map[text=>integer]", "timestamp(3) with time zone".
func Parse(name string) (Type, error) {
	s := strings.Join(strings.Fields(strings.ToLower(name)), " ")
	if rest, ok := strings.CutSuffix(s, "[]"); ok {
		elem, err := Parse(rest)
		if err != nil {
			return Type{}, err
		}
		return ArrayOf(elem), nil
	}
	if rest, ok := strings.CutSuffix(s, " list"); ok {
		elem, err := Parse(rest)
		if err != nil {
			return Type{}, err
		}
		return ListOf(elem), nil
	}
	if rest, ok := strings.CutPrefix(s, "map["); ok {
		_, value, found := strings.Cut(strings.TrimSuffix(rest, "]"), "=>")
		elem, err := Parse(value)
		if err != nil || !found || !strings.HasSuffix(rest, "]") {
			return Type{}, fmt.Errorf("type \"%s\" does not exist", name)
		}
		return MapOf(elem), nil
	}
	if t, ok := base(s); ok {
		return t, nil
	}
	if t, ok := ranges(s); ok {
		return t, nil
	}
	if t, err := parameterised(s); err == nil {
		return t, nil
	}
	return Type{}, fmt.Errorf("type \"%s\" does not exist", name)
}

// parameterised reads the types that take modifiers.
func parameterised(s string) (Type, error) {
	word, args, tail, err := splitModifiers(s)
	if err != nil {
		return Type{}, err
	}
	one := int32(-1)
	if len(args) > 0 {
		one = int32(args[0]) //nolint:gosec // bounded by splitModifiers
	}
	switch word + tail {
	case "numeric", "decimal", "dec":
		scale := MaxNumericDigits
		if len(args) == 1 {
			scale = 0
		} else if len(args) == 2 {
			scale = args[1]
		}
		return Type{Name: "numeric", OID: 1700, Size: -1, Typmod: numericTypmod(scale), Class: Numeric}, nil
	case "character", "char", "bpchar":
		n := int32(1)
		if one > 0 {
			n = one
		}
		return Type{Name: "character", OID: 1042, Size: -1, Typmod: n + 4, Class: Char}, nil
	case "character varying", "varchar":
		return Type{Name: "character varying", OID: 1043, Size: -1, Typmod: one + 4, Class: Text}, nil
	case "timestamp", "timestamp without time zone":
		return Type{Name: "timestamp without time zone", OID: 1114, Size: 8, Typmod: one, Class: Timestamp}, nil
	case "timestamptz", "timestamp with time zone":
		return Type{Name: "timestamp with time zone", OID: 1184, Size: 8, Typmod: one, Class: TimestampTZ}, nil
	}
	return Type{}, errors.New("no such type")
}

func splitModifiers(s string) (word string, args []int, tail string, err error) {
	open := strings.IndexByte(s, '(')
	if open < 0 {
		return s, nil, "", nil
	}
	end := strings.IndexByte(s, ')')
	if end < open {
		return "", nil, "", errors.New("unbalanced parentheses")
	}
	for part := range strings.SplitSeq(s[open+1:end], ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 || n > 10_485_760 {
			return "", nil, "", errors.New("bad modifier")
		}
		args = append(args, n)
	}
	tail = strings.TrimSpace(s[end+1:])
	if tail != "" {
		tail = " " + tail
	}
	return strings.TrimSpace(s[:open]), args, tail, nil
}

// ByOID returns the type without modifiers that has the OID.
func ByOID(oid uint32) (Type, bool) {
	names := []string{
		"boolean", "smallint", "integer", "bigint", "uint2", "uint4", "uint8", "real", "double precision", "numeric",
		"text", "character varying", "character", "name", "bytea", "date", "time", "timestamp", "timestamptz", "interval",
		"uuid", "jsonb", "oid", "mz_timestamp", "regclass", "regtype", "regproc",
	}
	for _, n := range names {
		t := Must(n)
		if t.OID == oid {
			return t, true
		}
		if a := ArrayOf(t); a.OID == oid && oid != 2277 {
			return a, true
		}
	}
	return Type{}, false
}
