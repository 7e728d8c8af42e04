// Package eval plans and runs the queries of package sqlparse over relations
// that the caller provides: a small, slow and honest relational evaluator.
//
//	plan, err := eval.New(env).Query(q)   // names and types; reads nothing
//	rows, err := plan.Run(&eval.Runtime{})
//
// Values travel as cells, the text that the server prints for them. Numbers
// are computed exactly. Errors of names and types come from planning, errors
// of data (division by zero, bad casts) from running, as *Error with the
// SQLSTATE and text of Materialize.
//
// A Plan is immutable and may run in several goroutines at once, each with its
// own Runtime.
package eval
