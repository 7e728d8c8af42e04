//go:build !unix

package store

import "os"

// tryLock does nothing where there is no flock: the operator keeps a second
// process away.
func tryLock(*os.File) error { return nil }
