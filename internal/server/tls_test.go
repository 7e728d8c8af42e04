package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/server"
)

// writeCertificate writes a certificate with the serial number, and its key.
func writeCertificate(t *testing.T, dir string, serial int64) server.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := server.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: der},
		files.Key:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// secureClient trusts the certificate in the file and nothing else.
func secureClient(t *testing.T, files server.TLS, protocols ...string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(files.Cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	tr := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, NextProtos: protocols, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: len(protocols) == 0,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (r *running) secure(c *http.Client, path string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "https://"+r.Addr().String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(body)
}

func TestTLS(t *testing.T) {
	files := writeCertificate(t, t.TempDir(), 1)
	var beneath atomic.Int64
	files.Beneath = func(c net.Conn) net.Conn { beneath.Add(1); return c }
	r := start(t, server.Config{TLS: files, InternalPort: -1}, routes())

	for want, c := range map[string]*http.Client{
		"HTTP/2.0": secureClient(t, files),
		"HTTP/1.1": secureClient(t, files, "http/1.1"),
	} {
		resp, body := r.secure(c, "/graphql")
		if resp.Proto != want || body != "graphql GET /graphql" {
			t.Errorf("%s %q, want %s", resp.Proto, body, want)
		}
	}
	if beneath.Load() != 2 {
		t.Errorf("%d connections have something beneath", beneath.Load())
	}
	if resp, body := r.do(r.Addr(), "GET", "/graphql"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("without TLS: %s %q", resp.Status, body)
	}
	if resp, _ := r.do(r.InternalAddr(), "GET", "/livez"); resp.StatusCode != http.StatusOK {
		t.Errorf("the internal port: %s", resp.Status)
	}

	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}
	if c, err := d.DialContext(t.Context(), "tcp", r.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestTLSMistakes(t *testing.T) {
	dir := t.TempDir()
	files := writeCertificate(t, dir, 1)
	other := writeCertificate(t, t.TempDir(), 2)
	for want, bad := range map[string]server.TLS{
		"no such file":  {Cert: filepath.Join(dir, "nothing"), Key: files.Key},
		"PEM":           {Cert: files.Cert, Key: dir + "/../" + filepath.Base(dir) + "/cert.pem"},
		"private key":   {Cert: files.Cert, Key: other.Key},
		"is a director": {Cert: dir, Key: files.Key},
	} {
		_, err := server.New(server.Config{TLS: bad}, routes())
		if err == nil || !strings.HasPrefix(err.Error(), "TLS_CERT and TLS_KEY: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Failed handshakes are for those who look for them.
func TestHandshakeErrorsAreQuiet(t *testing.T) {
	lines := make(chan string, 10)
	log := slog.New(slog.NewTextHandler(lineWriter(lines), &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := server.New(server.Config{Host: "127.0.0.1", TLS: writeCertificate(t, t.TempDir(), 1), Log: log}, routes())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "this is not TLS")
	_ = c.Close()
	if line := <-lines; !strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "TLS handshake error") {
		t.Error(line)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) { w <- string(p); return len(p), nil }
