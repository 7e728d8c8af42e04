// Package schemafile reads schema.yaml, the file that names the sources.
//
// The file is walked as a tree of YAML nodes, so that every mistake is reported
// with its file, line and column, all of them at once, and with a suggestion
// for what was probably meant. [Load] and [Parse] either return a [File] that
// is right in itself, or a mistake.List; whether it fits the database is for
// the catalog to say.
//
// A File is immutable once returned and safe for concurrent use.
package schemafile
