// Package filter turns the `where` argument of the API into a compiled
// predicate over packed rows.
//
//	p, err := filter.Compile(schema, map[string]any{
//		"side":     map[string]any{"_eq": "buy"},
//		"quantity": map[string]any{"_gt": json.Number("10")},
//	})
//	if p.Match(row) { ... }
//
// # Meaning
//
// Filters have SQL's three-valued logic: a comparison with NULL is unknown, and
// only rows for which the whole filter is true match, so neither {a: {_neq: 1}}
// nor {_not: {a: {_eq: 1}}} matches a row whose a is NULL. A cell that is no
// value of its column's type (a text outside the enum, a number with letters)
// counts as NULL; only JSON and Array cells are not parsed for _is_null.
// {} is true, _and: [] true, _or: [] false, _in: [] false, _nin: [] true. An
// explicit null in a comparison, a condition or a list is an error; a null
// `where` is no filter.
//
// Numbers compare exactly whatever their length; Float alone is a double. NaN
// is greater than every number and equal to itself, as in PostgreSQL. Enums
// compare by position, times as times, text by code point, JSON by value in the
// order of jsonb, false before true. A constant without zone means UTC, and one
// with a zone is brought to UTC for columns without.
//
// # Patterns
//
// Patterns see the text that the API shows: a Timestamp in ISO 8601, a UUID in
// lower case, JSON without spaces.
//
// _like and _ilike match the whole text: % is any run of characters, _ one
// character (not byte), a backslash takes the next character as it is; a
// backslash at the end is an error. _ilike folds case by Unicode's simple
// folding, without locale.
//
// _regex and _iregex search anywhere in the text. The dialect is RE2 as in
// Go's regexp package: linear time, hence no back-references and no
// look-around. As in PostgreSQL and Materialize the dot also matches a line
// break, and ^ and $ mean the ends of the text unless (?m) says otherwise.
// Expressions whose repetitions come to thousands of steps are refused.
//
// Most patterns name texts or letters that every text they match must have:
// [Node.Needles] and [Predicate.Letters] tell them, for indexes. A regular
// expression whose text is not in a cell is not run.
//
// # Canonical form
//
// [Predicate.Canonical] is the same text for every way to write the same
// filter that differs only in: the form of constants (1.50 and 1.5, zones, the
// case of UUIDs), the order and repetition of list elements and conditions,
// nesting of _and in _and and of _or in _or, lists of one element, and
// conditions that are always true or always false. It compiles to itself.
//
// # Concurrency
//
// A [Predicate] is immutable and safe for concurrent use; Match does not
// allocate except for JSON and Array columns and regular expressions that need
// it. Nothing here blocks. A slow predicate (a long regular expression over
// long text) costs its caller time linear in the text, and nobody else.
package filter
