package mzsim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim"
)

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mzsim"}, DNSNames: []string{"mzsim"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

func TestLogins(t *testing.T) {
	server, pool := certificate(t)
	users := map[string]string{"materialize": "s3cret"}
	for _, c := range []struct {
		name     string
		opts     mzsim.Options
		tls      bool
		password string
		want     string // of the error
	}{
		{"nothing", mzsim.Options{}, false, "", ""},
		{"cleartext", mzsim.Options{Auth: mzsim.AuthCleartext, Users: users}, false, "s3cret", ""},
		{"cleartext wrong", mzsim.Options{Auth: mzsim.AuthCleartext, Users: users}, false, "no", "28P01"},
		{"cleartext unknown", mzsim.Options{Auth: mzsim.AuthCleartext}, false, "s3cret", "28P01"},
		{"scram", mzsim.Options{Auth: mzsim.AuthSCRAM, Users: users}, false, "s3cret", ""},
		{"scram wrong", mzsim.Options{Auth: mzsim.AuthSCRAM, Users: users}, false, "no", "28P01"},
		{"scram unknown", mzsim.Options{Auth: mzsim.AuthSCRAM}, false, "", "28P01"},
		{"tls", mzsim.Options{TLS: server}, true, "", ""},
		{"tls and password", mzsim.Options{TLS: server, RequireTLS: true, Auth: mzsim.AuthCleartext, Users: users}, true, "s3cret", ""},
		{"tls and scram", mzsim.Options{TLS: server, Auth: mzsim.AuthSCRAM, Users: users}, true, "s3cret", ""},
		{"tls left out", mzsim.Options{TLS: server, RequireTLS: true}, false, "", "08004"},
		{"tls not there", mzsim.Options{}, true, "", "refused TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Manual = true
			sim := mzsim.New(c.opts)
			defer sim.Close()
			cfg := config(t, sim)
			cfg.Password = c.password
			if c.tls {
				cfg.TLSConfig = &tls.Config{RootCAs: pool, ServerName: "mzsim", MinVersion: tls.VersionTLS12}
			}
			conn, err := pgx.ConnectConfig(t.Context(), cfg)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var one int
			if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil || one != 1 {
				t.Errorf("%d %v", one, err)
			}
			_ = conn.Close(t.Context())
		})
	}
}

func TestSASLMistakes(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, Auth: mzsim.AuthSCRAM, Users: map[string]string{"materialize": "x"}})
	defer sim.Close()
	for _, c := range []struct {
		first pgproto3.SASLInitialResponse
		want  string
	}{
		{pgproto3.SASLInitialResponse{AuthMechanism: "PLAIN"}, "E FATAL 28000 unsupported SASL mechanism"},
		{pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("p=tls-server-end-point,,n=,r=a")}, "E FATAL 08P01 channel binding not supported"},
		{pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("junk")}, "E FATAL 08P01 malformed SCRAM message"},
	} {
		w := dial(t, sim)
		if got := w.next(); got != "?" { // AuthenticationSASL
			t.Fatal(got)
		}
		w.send(&c.first)
		same(t, []string{w.next(), w.next()}, c.want, "EOF")
	}
}

func TestJunk(t *testing.T) {
	sim := manual(t)
	for name, bytes := range map[string]string{
		"http":       "GET / HTTP/1.1\r\n\r\n",
		"huge start": "\x7f\xff\xff\xff",
		"nothing":    "",
	} {
		conn, err := sim.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = conn.Close()
	}
	w := session(t, sim)
	if _, err := w.c.Write([]byte{'Q', 0x7f, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	same(t, []string{w.next()}, "E FATAL 08P01 message of *")
	waitFor(t, func() bool { return sim.Sessions() == 0 })
}
