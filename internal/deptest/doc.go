// Package deptest checks who imports whom. Rows flow down through the layers
// and never back; a rule that nobody runs decays, so the table of allowed
// imports is a test. It has no code of its own outside its tests.
//
// A package that is not in the table fails the test, and so does a line of the
// table that nothing uses any more. Changing the table is a decision about the
// architecture: ARCHITECTURE.md has the picture.
package deptest
