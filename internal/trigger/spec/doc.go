// Package spec is what triggers are made of: what people write about them,
// checked and compiled, the document that a store keeps, and the payload of
// their events.
//
// All values are plain; a [Definition] that others have is not changed any more.
package spec
