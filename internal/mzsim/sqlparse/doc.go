// Package sqlparse reads the part of Materialize's SQL that the stand-in
// understands: SELECT and VALUES with joins, grouping and simple expressions,
// SUBSCRIBE with all its options, COPY ... TO STDOUT, cursors, transactions,
// SET and SHOW.
//
//	stmts, err := sqlparse.Parse("COPY (SUBSCRIBE live_pnl WITH (PROGRESS)) TO STDOUT")
//
// The tree holds names as written (unquoted ones in lower case) and knows
// nothing of catalogs. Functions of this package are safe for concurrent use;
// treat trees as immutable.
package sqlparse
