// Package store keeps the collections of the stand-in: tables and views with a
// catalog entry and a multi-version history of (row, time, diff) updates.
//
// Times are milliseconds since the Unix epoch, as in Materialize. Everything
// written so far has a time below the upper; readers see the shown upper,
// which stays behind while somebody holds it ([Store.Hold]), so that several
// times become visible at once. A collection can be read at any time from its
// since up to the shown upper. The since follows the upper at the distance of
// the collection's retained history, and never passes a [Hold] physically.
//
//	s := store.New(nil)
//	s.CreateTable("t", store.Columns("id integer not null", "name text"), store.Options{})
//	s.Write(new(store.Tx).Insert("t", 1, "one"))
//
// A Store is safe for concurrent use. Nobody waits for a reader: a slow reader
// only keeps history in memory, through its hold.
package store
