package main

import (
	"runtime"
	"syscall"
	"unsafe"
)

// cpuMask is a set of cores, as the system call wants it.
type cpuMask [16]uint64

func affinity(call uintptr, m *cpuMask) error {
	_, _, errno := syscall.RawSyscall(call, 0, unsafe.Sizeof(*m), uintptr(unsafe.Pointer(m))) //nolint:gosec // the system call wants an address
	if errno != 0 {
		return errno
	}
	return nil
}

// onCore calls start with the calling thread bound to the n-th core that this
// process may use: a process that start forks inherits the binding. With fewer
// cores than that it just calls start.
func onCore(n int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all cpuMask
	if affinity(syscall.SYS_SCHED_GETAFFINITY, &all) != nil {
		return start()
	}
	var one cpuMask
	found := 0
	for i := range len(all) * 64 {
		if all[i/64]&(1<<(i%64)) == 0 {
			continue
		}
		if found == n {
			one[i/64] = 1 << (i % 64)
		}
		found++
	}
	if found <= n || affinity(syscall.SYS_SCHED_SETAFFINITY, &one) != nil {
		return start()
	}
	defer func() { _ = affinity(syscall.SYS_SCHED_SETAFFINITY, &all) }()
	return start()
}
