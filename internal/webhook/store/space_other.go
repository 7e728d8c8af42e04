//go:build !linux && !darwin

package store

import "math"

// space does not know: a write that fails tells.
func space(string) (free, total uint64, err error) { return math.MaxUint64, 0, nil }
