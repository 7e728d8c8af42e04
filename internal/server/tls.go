package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// lookEvery is how often handshakes look whether the certificate's files have
// changed.
const lookEvery = 5 * time.Second

// TLS is how the clients' port is encrypted; without files it is not.
type TLS struct {
	Cert, Key string                  // PEM files: the certificate with its chain, and its key
	Beneath   func(net.Conn) net.Conn // puts something between sockets and TLS; nil: nothing
}

// certificate is a pair of files that is read again when they change, so that
// a renewal needs no restart. There is no watcher: handshakes look.
type certificate struct {
	files [2]string
	log   *slog.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    [2]stamp // of the files when they were last read, well or not
	looked  time.Time
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

func readCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: [2]string{certFile, keyFile}, log: log}
	c.seen, c.looked = c.look(), time.Now()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT and TLS_KEY: %w", err)
	}
	c.current = &pair
	return c, nil
}

func (c *certificate) look() (s [2]stamp) {
	for i, name := range c.files {
		if info, err := os.Stat(name); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

// get is tls.Config.GetCertificate. A pair that cannot be read, or that does
// not fit together because only one file is there yet, leaves the old one.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.current, nil
	}
	c.looked = time.Now()
	now := c.look() // before reading: what is written meanwhile is seen next time
	if now == c.seen {
		return c.current, nil
	}
	c.seen = now
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		c.log.Error("new certificate not taken, the old one stays", slog.Any("error", err))
		return c.current, nil
	}
	c.current = &pair
	c.log.Info("new certificate", slog.Time("not_after", pair.Leaf.NotAfter))
	return c.current, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		GetCertificate: c.get,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"}, // WebSockets take the latter
	}
}

// encrypted is a listener whose connections get something beneath their TLS.
type encrypted struct {
	net.Listener
	beneath func(net.Conn) net.Conn
}

func (l *encrypted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && l.beneath != nil {
		c = l.beneath(c)
	}
	return c, err
}

// encrypt makes srv speak TLS on what it returns.
func (s *Server) encrypt(srv *http.Server, ln net.Listener) net.Listener {
	if s.cert == nil {
		return ln
	}
	srv.TLSConfig = s.cert.config()
	return tls.NewListener(&encrypted{ln, s.cfg.TLS.Beneath}, srv.TLSConfig)
}

// errorLog takes what net/http logs. Failed handshakes are what port scanners
// and clients without our certificate's authority leave behind: they must not
// fill the log.
type errorLog struct{ slog.Handler }

func (l errorLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "http: TLS handshake error") {
		r.Level = slog.LevelDebug
	}
	if !l.Enabled(ctx, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}
