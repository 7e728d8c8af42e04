// Package naming knows every name that schema.yaml brings into the GraphQL
// schema: what a source, a column and an enum are called there under either
// `naming` style, which names GraphQL allows, and where two of them meet.
//
// Everything here is a pure function of its arguments, safe for any use.
package naming
