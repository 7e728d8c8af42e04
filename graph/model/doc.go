// Package model holds the Go types of the core schema: those that gqlgen
// generates from graph/*.graphqls, and the two internal scalars that are
// written by hand. Plain values without behavior; nothing here is safe to
// change while another goroutine reads it.
package model
