package mzsim_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// listen serves sim on a port of its own and returns the port.
func listen(t *testing.T, sim *mzsim.Sim) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := sim.Serve(l); err != mzsim.ErrClosed { //nolint:errorlint // identity is the promise
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		sim.Close()
		wg.Wait()
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// psql runs commands, each its own simple query, and returns the output.
func psql(t *testing.T, port string, env []string, commands ...string) (string, error) {
	t.Helper()
	bin, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("psql is needed: install postgresql-client")
	}
	args := []string{"-X", "-A", "-t", "-F|", "-h", "127.0.0.1", "-p", port, "-U", "materialize", "-d", "materialize"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(append(os.Environ(), "PGOPTIONS=--welcome_message=off", "PGPASSWORD="), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

func TestPsql(t *testing.T) {
	sim := mzsim.New(mzsim.Options{Manual: true, Version: "v1.2.3 (test)"})
	create(t, sim, "t", mzsim.ObjectOptions{}, "a integer not null", "b text")
	write(t, sim, new(mzsim.Tx).Insert("t", 1, "one").Insert("t", 2, nil).Insert("t", 3, "x\ty\\z\n"))
	port := listen(t, sim)
	for _, c := range []struct {
		name, sql, want string
		fails           bool
	}{
		{"version", "SELECT mz_version()", "v1.2.3 (test)\n", false},
		{"rows", "SELECT * FROM t WHERE a < 3 ORDER BY a DESC", "2|\n1|one\n", false},
		{"aggregates", "SELECT count(*), count(DISTINCT a), count(b) FROM t", "3|3|2\n", false},
		{"copy", "COPY (SELECT * FROM t ORDER BY a) TO STDOUT", "1\tone\n2\t\\N\n3\tx\\ty\\\\z\\n\n", false},
		{"columns", "SHOW COLUMNS FROM t", "a|f|integer|\nb|t|text|\n", false},
		{"setting", "SHOW cluster", "quickstart\n", false},
		{"list", "\\d", "public|t|table|materialize\n", false},
		{"mistake", "SELECT wat", "ERROR:  column \"wat\" does not exist\n", true},
		{"syntax", "SELEC 1", "ERROR:  Expected a keyword at the beginning of a statement, found SELEC\nLINE 1: SELEC 1\n        ^\n", true},
		{"unknown", "SELECT * FROM v", "ERROR:  unknown catalog item 'v'\n", true},
		{"constant subscribe", "COPY (SUBSCRIBE (VALUES (1, 'a'))) TO STDOUT", "18446744073709551615\t1\t1\ta\n", false},
		{"cursor", "BEGIN; DECLARE c CURSOR FOR SUBSCRIBE (SELECT a FROM t WHERE a = 1) WITH (PROGRESS) AS OF AT LEAST 0 UP TO 1; ROLLBACK", "BEGIN\nDECLARE CURSOR\nROLLBACK\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := psql(t, port, nil, c.sql)
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("%v\n got %q\nwant %q", err, got, c.want)
			}
		})
	}
}

func TestPsqlLogin(t *testing.T) {
	for _, c := range []struct {
		name string
		auth mzsim.AuthMethod
	}{{"cleartext", mzsim.AuthCleartext}, {"scram", mzsim.AuthSCRAM}} {
		t.Run(c.name, func(t *testing.T) {
			sim := mzsim.New(mzsim.Options{Manual: true, Auth: c.auth, Users: map[string]string{"materialize": "s3cret"}})
			port := listen(t, sim)
			if got, err := psql(t, port, []string{"PGPASSWORD=s3cret"}, "SELECT 1"); got != "1\n" || err != nil {
				t.Errorf("right password: %q %v", got, err)
			}
			got, err := psql(t, port, []string{"PGPASSWORD=wrong"}, "SELECT 1")
			if err == nil || !strings.Contains(got, "invalid password") {
				t.Errorf("wrong password: %q %v", got, err)
			}
		})
	}
}
