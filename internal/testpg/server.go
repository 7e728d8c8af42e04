package testpg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Options say how a server differs from the usual. The zero value is a server
// with logical replication, many slots, no password and no fsync.
type Options struct {
	Fsync    bool              // write durably: slower, survives a power cut
	Password string            // of the superuser; empty: everybody is trusted
	Settings map[string]string // postgresql.conf settings beside the usual ones
}

// Server is a private cluster.
type Server struct {
	opts Options
	bin  string
	dir  string
	run  *owner
	port int

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd is gone
}

// User is the superuser of every server.
const User = "postgres"

const (
	startPatience = 60 * time.Second
	stopPatience  = 30 * time.Second
)

// Launch makes a cluster and starts its server. Close removes both.
func Launch(ctx context.Context, o Options) (*Server, error) {
	bin, err := binDir()
	if err != nil {
		return nil, err
	}
	run, err := serverOwner()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "testpg-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the cluster: %w", err)
	}
	s := &Server{opts: o, bin: bin, dir: dir, run: run}
	if err := s.initialize(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) initialize(ctx context.Context) error {
	if err := s.run.own(s.dir); err != nil {
		return fmt.Errorf("give the cluster's directory to its user: %w", err)
	}
	args := []string{
		"-D", s.data(), "-U", User, "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions",
	}
	if s.opts.Password == "" {
		args = append(args, "-A", "trust")
	} else {
		file := filepath.Join(s.dir, "password")
		if err := os.WriteFile(file, []byte(s.opts.Password+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the password file: %w", err)
		}
		if err := s.run.own(file); err != nil {
			return fmt.Errorf("give the password file to its user: %w", err)
		}
		args = append(args, "-A", "scram-sha-256", "--pwfile", file)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), args...) //nolint:gosec // binDir found it
	cmd.SysProcAttr = s.run.attr()
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Start starts a server that Stop or Kill ended, on the port it had before. It
// returns when the server takes connections.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	chosen := s.port != 0
	for {
		if !chosen {
			port, err := freePort(ctx)
			if err != nil {
				return err
			}
			s.port = port
		}
		err := s.spawn()
		if err != nil {
			return err
		}
		if err = s.await(ctx); err == nil {
			return nil
		}
		// After a kill the children of the old server may hold its shared
		// memory for a moment; and somebody may have taken the port.
		select {
		case <-s.exited:
		default:
			return errors.Join(err, s.Kill())
		}
		if !pause(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

func (s *Server) spawn() error {
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(s.port), "unix_socket_directories": s.dir,
		"wal_level": "logical", "max_replication_slots": "40", "max_wal_senders": "40", "max_connections": "200",
		"shared_buffers": "32MB", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
		"autovacuum_naptime": "10min", "log_min_messages": "warning", "wal_writer_delay": "10ms",
	}
	if s.opts.Fsync {
		settings["fsync"], settings["full_page_writes"], settings["synchronous_commit"] = "on", "on", "on"
	}
	maps.Copy(settings, s.opts.Settings)
	args := []string{"-D", s.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	//nolint:noctx,gosec // outlives the call: Stop ends it
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.SysProcAttr = s.run.attr()
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // how it ended stands in its log
	}()
	return nil
}

// await returns when the server takes connections, or an error when its
// process ends first.
func (s *Server) await(ctx context.Context) error {
	for {
		conn, err := pgconn.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("postgres ended while it started; its log: %s", s.logTail())
		default:
		}
		if !pause(ctx, 20*time.Millisecond) {
			return fmt.Errorf("postgres does not answer: %w; its log: %s", err, s.logTail())
		}
	}
}

func (s *Server) logTail() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}

// Stop shuts the server down cleanly, without waiting for its clients.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill ends the server with SIGKILL, as a crash would.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

func (s *Server) end(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal postgres: %w", err)
	}
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-s.exited:
		return nil
	case <-timer.C:
		_ = s.cmd.Process.Kill() // the error below tells
		<-s.exited
		return errors.New("postgres did not stop in time and was killed")
	}
}

// Restart stops the server, by SIGKILL if kill is set, and starts it again.
func (s *Server) Restart(ctx context.Context, kill bool) error {
	end := s.Stop
	if kill {
		end = s.Kill
	}
	if err := end(); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Close stops the server and removes the cluster.
func (s *Server) Close() error {
	err := s.Stop()
	for range 20 { // children of a killed server may still write
		if rm := os.RemoveAll(s.dir); rm == nil {
			return err
		}
		pause(context.Background(), 50*time.Millisecond)
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Addr is the server's TCP address.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port is the server's TCP port.
func (s *Server) Port() int { return s.port }

// SocketDir is the directory of the server's Unix socket.
func (s *Server) SocketDir() string { return s.dir }

// URL is a connection string for the superuser.
func (s *Server) URL(database string) string { return s.URLAt(s.Addr(), User, database) }

// URLAt is a connection string for a user at an address, such as a proxy's.
// Only the superuser's has the password.
func (s *Server) URLAt(addr, user, database string) string {
	u := url.URL{
		Scheme: "postgres", Host: addr, Path: "/" + database, User: url.User(user),
		RawQuery: "sslmode=disable",
	}
	if user == User && s.opts.Password != "" {
		u.User = url.UserPassword(user, s.opts.Password)
	}
	return u.String()
}

// Log returns the end of what the server has logged.
func (s *Server) Log() string { return s.logTail() }

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// pause waits for d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
