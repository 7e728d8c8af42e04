// Package relation holds the vocabulary that every other package speaks: column
// types, packed rows, keys, and the changes that upstream reports.
//
// A cell is the text that the database prints for it (COPY text or a text
// DataRow, unescaped), or NULL. Cells are kept as text because most of them go
// to JSON almost as they are; they are parsed only where a filter or an order
// needs a number or a time.
//
// Everything here is a plain value. Rows and schemas are immutable once built
// and may be shared by any number of goroutines; a [Builder] belongs to one.
package relation
