package pgcatalog

import "github.com/tycostream/tycostream/internal/relation"

// kindOf says what schema.yaml calls a base type, by its fixed OID. Everything
// else, enumerations of the database included, is text.
func kindOf(oid uint32) (kind relation.Kind, zoned bool) {
	switch oid {
	case 16:
		return relation.Boolean, false
	case 21, 23: // int2, int4
		return relation.Integer, false
	case 20: // int8
		return relation.BigInt, false
	case 700, 701: // float4, float8
		return relation.Float, false
	case 1700:
		return relation.Decimal, false
	case 2950:
		return relation.UUID, false
	case 1114: // timestamp
		return relation.Timestamp, false
	case 1184: // timestamptz
		return relation.Timestamp, true
	case 1082:
		return relation.Date, false
	case 1083: // time; timetz stays text
		return relation.Time, false
	case 114, 3802: // json, jsonb
		return relation.JSON, false
	}
	return relation.String, false
}
