// Package accept reads Accept headers: which media types a client takes, and
// how much it wants each.
//
// It is pure: everything here may be used from any goroutine.
package accept
