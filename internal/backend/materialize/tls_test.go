package materialize_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/backend/materialize"
	"github.com/tycostream/tycostream/internal/mzsim"
)

// TestTLS goes through the modes of DATABASE_SSLMODE against a server that
// requires TLS and has a certificate for example.com of an unknown issuer.
func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	web.Close()
	root := filepath.Join(t.TempDir(), "root.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	check(t, os.WriteFile(root, block, 0o600))
	sim := mzsim.New(mzsim.Options{
		TLS: &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}, RequireTLS: true,
		Auth: mzsim.AuthSCRAM, Users: map[string]string{"reader": "s3cret"},
	})
	t.Cleanup(sim.Close)
	people(t, sim, mzsim.ObjectOptions{}, "1|ann")
	tests := []struct{ name, host, options, want string }{
		{"disable", "example.com", "sslmode=disable", "the database wants TLS: set DATABASE_SSLMODE=require"},
		{"prefer", "example.com", "sslmode=prefer", ""},
		{"require", "example.com", "sslmode=require", ""},
		{"verify-full with the issuer", "example.com", "sslmode=verify-full sslrootcert=" + root, ""},
		{"verify-full without the issuer", "example.com", "sslmode=verify-full", "the database's certificate cannot be verified"},
		{"verify-full with another name", "example.org", "sslmode=verify-full sslrootcert=" + root, "the database's certificate cannot be verified"},
		{"verify-ca with another name", "example.org", "sslmode=verify-ca sslrootcert=" + root, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, sim, func(c *materialize.Config) {
				c.ConnString = "host=" + tt.host + " user=reader password=s3cret database=materialize " + tt.options
			})
			_, err := b.Describe(t.Context(), peopleSource())
			if tt.want == "" {
				check(t, err)
			} else if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
}
