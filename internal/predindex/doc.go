// Package predindex finds which of many compiled filters are concerned by a
// change of one row.
package predindex
