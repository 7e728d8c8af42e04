//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpu is CPU time of this process.
type cpu struct{ User, System time.Duration }

func (c cpu) total() time.Duration { return c.User + c.System }

func (c cpu) minus(o cpu) cpu { return cpu{c.User - o.User, c.System - o.System} }

func cpuNow() cpu {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return cpu{}
	}
	return cpu{time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())}
}

// memory is what this process holds.
type memory struct {
	InUse    uint64 // heap and stacks
	Resident uint64 // as the system sees it; 0 where /proc is missing
}

// memoryNow is memory after a collection.
func memoryNow() memory {
	for range 3 {
		runtime.GC() // stacks shrink, pools empty
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{InUse: m.HeapAlloc + m.StackInuse, Resident: resident()}
}

// memorySample is memory as it is, without a collection.
func memorySample() memory {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return memory{InUse: s[0].Value.Uint64() + s[1].Value.Uint64(), Resident: resident()}
}

func resident() uint64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			kib, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// needFiles makes sure that the process may open n files.
func needFiles(n uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if l.Cur >= n {
		return nil
	}
	if l.Max < n {
		return fmt.Errorf("%d open files are needed and %d allowed: raise the hard limit (ulimit -Hn; LimitNOFILE of systemd; "+
			"--ulimit nofile of docker), or measure with fewer clients (-divide)", n, l.Max)
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", l.Max, err)
	}
	return nil
}
