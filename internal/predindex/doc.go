// Package predindex answers which of many compiled filters are concerned by a
// change of one row, at a cost that follows the filters concerned and not
// those registered.
//
//	x := predindex.New[*View](schema)
//	e := x.Add(predicate, view)
//	x.Visit(before, after, func(v *View, was, is bool) { ... })
//	x.Remove(e)
//
// # Guarantees
//
// Visit calls back for exactly the entries whose predicate matches the row
// before, the row after, or both; for each once, in no particular order; was
// and is are what [filter.Predicate.Match] says of the two rows. An empty row
// is no row: nothing matches it, not even [filter.All]. Match does the same for
// one row.
//
// A predicate is evaluated only when the way to it leaves its truth open, and
// once when the rows differ in no column that it reads. Each cell is parsed at
// most once per visit, and only if an entry needs it.
//
// Visit and Match do not allocate once their scratch has grown, except for JSON
// and Array cells, for oddly written ones (a date BC, a Decimal with an
// exponent, text that is almost a number), for cells that patterns see otherwise
// than they are written, in predicates that do so, and for what is remembered.
// Add and Remove take O(log n) per path. A simple _eq costs about 190 bytes
// beside its predicate, a simple _like 310.
//
// # Concurrency
//
// An Index belongs to one goroutine at a time, Visit included, which uses
// scratch in the index and marks entries. A callback must not call the index.
// Nothing here blocks; a slow predicate costs its caller what Match costs.
//
// # Design
//
// Every entry hangs on paths such that a row for which its predicate is true
// takes at least one of them. A path is exact when taking it proves the
// predicate true; otherwise the predicate has the last word. For each row a
// visit takes all paths from its cells and marks what it reaches with its own
// number, so that an entry on several paths counts once; cells that both rows
// share are looked up once for both.
//
//	filter                        path                                        exact
//	{}                            list of all that always match               yes
//	_eq, _in                      per column, hash of the canonical text      yes, but JSON, Array
//	_eq, _in of Timestamp, Time   tree of ranges, from the value to itself    yes
//	_gt _gte _lt _lte             per column, tree of ranges                  yes
//	both ends on one column       the same                                    yes
//	_eq on two or more columns    hash of all their canonical texts           yes
//	_like, _ilike                 per column, trie of texts, from a needle    if that is all
//	_regex, _iregex               the same, from one of some needles          if that is all
//	_is_null                      per column, list for NULL and list for not  yes
//	AND                           its best conjunct's                         only if that is all
//	OR                            all branches', if every one has a path      as the branch is
//	anything else                 residual list, asked by every visit         no
//
// The best conjunct is the first of: equalities together, one equality (that
// whose column has most constants), a set (the smallest), a needle, NULL, a
// range, a needle of one or two bytes, half a range, not NULL. Equalities of
// several columns go together because one alone may let through most of the
// rows: few desks, many instruments. Each set of columns costs every visit one
// look, so there are at most 16 such sets; later ones use one equality.
//
// Canonical text is that of [relation.Value]: 1.50 and 1.5 meet in one bucket.
// Cells that are written as the database writes them are their own canonical
// text, perhaps without final zeros, and never parsed for a hash. Text that is
// no value then meets no constant, which are all values.
//
// A needle is a text that a cell must hold for a pattern to match it; see
// [filter.Node.Needles]. A visit walks through each cell once and finds all
// needles in it, those of _ilike in the folded cell: 1 ns a byte, and 10 where
// many needles begin like the cell. Of several needles a pattern hangs on the
// longest, as long as few others do: what many patterns have in common is in
// many cells too.
//
// The tree is a treap over the ranges' low ends in which each node knows how
// far its subtree reaches: O(log n) to add and remove, O(log n) for each range
// found. Sorted slices would be faster to read, but 10,000 subscribers may come
// and go within seconds while rows stream.
//
// # The residue
//
// Patterns without needles, negations, and JSON that contains something have no
// path. In a process with thousands of connections the parts of their
// predicates lie far apart, and asking one costs 200 ns and more, mostly waiting
// for memory, so two things spare that. Beside each other lie the letters that a
// predicate's patterns ask for, which answer for most: 10 ns. And who says yes to
// which cells is remembered, up to 16 MiB, so that an update that leaves the
// columns alone asks nobody twice: 0.1 us for all.
package predindex
