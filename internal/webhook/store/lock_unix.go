//go:build unix

package store

import (
	"os"
	"syscall"
)

// tryLock takes the lock of f without waiting. It ends with the process, also
// with kill -9.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
