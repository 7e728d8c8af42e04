package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Probe says what would keep [Open] from taking a directory, and leaves no
// trace: ErrLocked, wrapped, when another process has it, or why nothing can
// be written there.
func Probe(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(filepath.Clean(dir))
		if parent == dir {
			return err
		}
		if err := Probe(parent); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return err
	}
	return probeLock(dir)
}

// probeLock asks for the lock of a directory where there is one.
func probeLock(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		return nil //nolint:nilerr // nobody has been here
	}
	f, err := lockDir(dir)
	if err != nil {
		return err
	}
	return f.Close()
}
