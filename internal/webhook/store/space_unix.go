//go:build linux || darwin

package store

import "syscall"

// space returns how much room a file system has for us, and in all.
func space(dir string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	block := uint64(st.Bsize) //nolint:gosec // not negative; of another type elsewhere
	return st.Bavail * block, st.Blocks * block, nil
}
