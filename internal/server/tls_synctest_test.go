package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func encodedPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// A renewal is two files, which nobody replaces in one moment.
func TestCertificateIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		files := []string{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
		writes := 0
		write := func(name string, text []byte) {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			writes++ // the bubble's clock stands still, and files' own may be coarse
			at := time.Now().Add(time.Duration(writes) * time.Millisecond)
			if err := os.Chtimes(name, at, at); err != nil {
				t.Fatal(err)
			}
		}
		cert, key := encodedPair(t, 1)
		write(files[0], cert)
		write(files[1], key)
		var logged bytes.Buffer
		c, err := readCertificate(files[0], files[1], slog.New(slog.NewTextHandler(&logged, nil)))
		if err != nil {
			t.Fatal(err)
		}
		wants := func(when string, serial int64, line string) {
			t.Helper()
			for range 3 {
				got, err := c.get(nil)
				if err != nil || got.Leaf.SerialNumber.Int64() != serial {
					t.Fatalf("%s: %v, want %d (%v)", when, got.Leaf.SerialNumber, serial, err)
				}
			}
			if n := strings.Count(logged.String(), "\n"); line == "" && n > 0 || line != "" && (n != 1 || !strings.Contains(logged.String(), line)) {
				t.Errorf("%s: logged %q, want %q", when, logged.String(), line)
			}
			logged.Reset()
		}
		time.Sleep(lookEvery)
		wants("unchanged", 1, "")

		cert, key = encodedPair(t, 2)
		write(files[0], cert)
		wants("not looked yet", 1, "")
		time.Sleep(lookEvery)
		wants("one file is new", 1, "new certificate not taken")
		time.Sleep(lookEvery)
		wants("said once", 1, "")
		write(files[1], key)
		time.Sleep(lookEvery)
		wants("both are new", 2, `msg="new certificate"`)

		for _, name := range files {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(lookEvery)
		wants("gone", 2, "new certificate not taken")
		time.Sleep(time.Hour)
		cert, key = encodedPair(t, 3)
		write(files[0], cert)
		write(files[1], key)
		wants("back", 3, `msg="new certificate"`)
	})
}
