// Package pgval knows the SQL types of the stand-in: their names, OIDs and
// type modifiers, the exact text that Materialize prints for a value, the
// order of values, and the binary form of the wire protocol.
//
// A value is its canonical text; [Type.Canon] makes it from any accepted
// input. Types are plain values, everything here is safe for concurrent use.
package pgval
