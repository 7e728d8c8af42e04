// Package wire encodes results for clients: descriptions, rows in text and
// binary, lines of COPY text and CSV; and it decodes parameters.
//
// COPY text escapes only backslash, line feed, carriage return and tab, as
// Materialize does; PostgreSQL escapes more.
package wire
