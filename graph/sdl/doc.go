// Package sdl builds the GraphQL schema that clients see: the core schema
// without its internal fields, joined with the typed schema that it writes for
// the sources, and the [Route] of every typed root field to the core field that
// answers it.
//
//	core.graphqls ─▶ public part ─┐
//	                              ├─▶ validated ─▶ unreachable types dropped ─▶ Schema
//	sources ─▶ checked ─▶ SDL ────┘
//	               └────▶ routes ───▶ bound to core fields ─────────────────────▶ ┘
//
// [Build] is a pure function. Nothing changes a [Schema] afterwards: it is safe
// for any number of goroutines.
package sdl
