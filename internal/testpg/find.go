package testpg

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ErrNotInstalled says that this machine has no PostgreSQL 15 server programs.
var ErrNotInstalled = errors.New("PostgreSQL 15 server programs (initdb, postgres) not found: " +
	"install them (Debian, Ubuntu: apt-get install postgresql-15) or put their directory into PATH")

const major = "15"

// binDir returns the directory that holds initdb and postgres of version 15.
func binDir() (string, error) {
	var dirs []string
	if p, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(p); err == nil {
			p = target
		}
		dirs = append(dirs, filepath.Dir(p))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/" + major + "*/bin",
		"/usr/pgsql-" + major + "*/bin",
		"/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@" + major + "/bin",
		"/usr/local/opt/postgresql@" + major + "/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", pattern, err)
		}
		slices.SortFunc(found, func(a, b string) int { return cmp.Compare(b, a) })
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output() //nolint:noctx,gosec // answers at once; the path is one of those above
		if err == nil && strings.Contains(string(out), " "+major+".") {
			return dir, nil
		}
	}
	return "", ErrNotInstalled
}

// owner is the user that a server runs as; nil means this process's own.
type owner struct{ uid, gid uint32 }

// serverOwner returns whom to run the server as: PostgreSQL refuses to run as
// root, so root hands over to the user postgres or nobody.
func serverOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is this process's own user
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("group id of %s: %w", name, err)
		}
		return &owner{uint32(uid), uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL cannot run as root, and this machine has neither a user postgres nor nobody")
}

// attr makes a child run as o and die with this process.
func (o *owner) attr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if o != nil {
		a.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	dieWithParent(a)
	return a
}

func (o *owner) own(path string) error {
	if o == nil {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}
