// Package trigger watches rows for conditions and says when they fire and
// clear.
package trigger
