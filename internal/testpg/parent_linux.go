package testpg

import "syscall"

// dieWithParent asks the kernel for a fast shutdown of the server when this
// process dies, so that a killed test leaves nothing behind.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGINT }
