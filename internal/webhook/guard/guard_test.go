package guard_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/webhook/guard"
)

type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, a := range n[host] {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	if addrs == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host}
	}
	return addrs, nil
}

func policy(t *testing.T, private bool, allow ...string) *guard.Policy {
	t.Helper()
	p, err := guard.New(private, allow)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckTarget(t *testing.T) {
	dns := names{
		"public.example": {"93.184.216.34"}, "inside.example": {"10.1.2.3"}, "both.example": {"93.184.216.34", "127.0.0.1"},
		"meta.example": {"169.254.169.254"}, "hooks.corp": {"10.9.9.9"}, "localhost": {"127.0.0.1", "::1"},
	}
	const ok, private, never, broken, unreachable = "ok", "private", "never", "broken", "unreachable"
	for url, want := range map[string]string{
		"https://public.example/x?y=1":        ok,
		"http://93.184.216.34:8080/":          ok,
		"https://[2606:2800:220:1::1]/":       ok,
		"http://inside.example/":              private,
		"http://both.example/":                private,
		"http://localhost:3000/":              private,
		"http://127.0.0.1/":                   private,
		"http://127.1.2.3/":                   private,
		"http://[::1]/":                       private,
		"http://10.0.0.1/":                    private,
		"http://172.31.255.255/":              private,
		"http://192.168.1.1/":                 private,
		"http://100.64.0.1/":                  private, // carrier-grade NAT
		"http://169.254.1.1/":                 private,
		"http://[fe80::1]/":                   private,
		"http://[fd12::1]/":                   private,
		"http://[::ffff:10.0.0.1]/":           private, // mapped
		"http://[::ffff:a00:1]/":              private,
		"http://[::10.0.0.1]/":                private, // compatible
		"http://[64:ff9b::10.0.0.1]/":         private, // NAT64
		"http://[64:ff9b:1::808:808]/":        private, // local NAT64
		"http://[2002:a00:1::1]/":             private, // 6to4
		"http://[2001:db9::200:5efe:a00:1]/":  private, // ISATAP
		"http://[2001:0:101:101::f5ff:fffe]/": private, // Teredo client 10.0.0.1
		"http://169.254.169.254/latest/":      never,
		"http://[::ffff:169.254.169.254]/":    never,
		"http://[64:ff9b::a9fe:a9fe]/":        never,
		"http://[fd00:ec2::254]/":             never,
		"http://100.100.100.200/":             never,
		"http://meta.example/":                never,
		"http://0.0.0.0/":                     never,
		"http://0.1.2.3/":                     never,
		"http://[::]/":                        never,
		"http://224.0.0.1/":                   never,
		"http://255.255.255.255/":             never,
		"http://[ff02::1]/":                   never,
		"http://192.0.2.1/":                   never,
		"ftp://public.example/":               broken,
		"public.example/x":                    broken,
		"http://":                             broken,
		"http://user:pass@public.example/":    broken,
		"http://public.example:port/":         broken,
		"http://nobody.example/":              unreachable,
		"http://0x7f000001/":                  unreachable, // not an address to Go: the resolver decides, and the dialer checks
		"http://2130706433/":                  unreachable,
	} {
		t.Run(url, func(t *testing.T) {
			judge := func(p *guard.Policy) string {
				err := p.CheckTarget(t.Context(), dns, url)
				refused, isRefused := errors.AsType[*guard.RefusedError](err)
				switch {
				case err == nil:
					return ok
				case isRefused && refused.Hint != "":
					if !strings.Contains(err.Error(), "WEBHOOK_ALLOW") {
						t.Errorf("the text does not name the setting: %v", err)
					}
					return private
				case isRefused:
					return never
				case errors.Is(err, guard.ErrUnreachable):
					return unreachable
				}
				if strings.Contains(err.Error(), "pass") && strings.Contains(url, "pass") {
					t.Errorf("the text shows a password: %v", err)
				}
				return broken
			}
			if got := judge(policy(t, false)); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			open := want
			if want == private {
				open = ok
			}
			if got := judge(policy(t, true)); got != open {
				t.Errorf("private allowed: %s, want %s", got, open)
			}
			if got := judge(policy(t, false, "0.0.0.0/0", "::/0", "*")); got != open {
				t.Errorf("everything allowed: %s, want %s", got, open)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	dns := names{"hooks.corp": {"10.9.9.9"}, "deep.hooks.corp": {"10.9.9.8"}}
	for _, c := range []struct {
		allow, url string
		ok         bool
	}{
		{"10.9.9.9", "http://hooks.corp/", true},
		{"10.9.9.8", "http://hooks.corp/", false},
		{"10.9.0.0/16", "http://10.9.1.1/", true},
		{"10.9.0.0/16", "http://[::ffff:10.9.1.1]/", true},
		{"10.9.0.0/16", "http://10.8.1.1/", false},
		{"hooks.corp", "http://HOOKS.corp./", false}, // the resolver does not know it
		{"Hooks.Corp", "http://hooks.corp/", true},
		{"*.corp", "http://deep.hooks.corp/", true},
		{"*.hooks.corp", "http://hooks.corp/", false},
		{"fd00::/8", "http://[fd12::1]/", true},
		{"[::1]", "http://[::1]:8080/", true},
	} {
		t.Run(c.allow+" "+c.url, func(t *testing.T) {
			if err := policy(t, false, c.allow).CheckTarget(t.Context(), dns, c.url); (err == nil) != c.ok {
				t.Errorf("%v, want ok %t", err, c.ok)
			}
		})
	}
	for _, bad := range []string{"", "10.0.0.0/40", "http://x/", "a b", "[x"} {
		if _, err := guard.New(false, []string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// The check runs on the address that is connected to, whatever a name said
// before.
func TestDialerChecksTheAddress(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	u, _ := url.Parse(srv.URL)
	for _, c := range []struct {
		name, host string
		p          *guard.Policy
		ok         bool
	}{
		{"address", "127.0.0.1", policy(t, false), false},
		{"name", "localhost", policy(t, false), false},
		{"private allowed", "127.0.0.1", policy(t, true), true},
		{"named", "localhost", policy(t, false, "localhost"), true},
		{"zero is this host", "0.0.0.0", policy(t, true), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := c.p.Dialer()(t.Context(), "tcp", net.JoinHostPort(c.host, u.Port()))
			if err == nil {
				conn.Close()
			}
			_, refused := errors.AsType[*guard.RefusedError](err)
			if (err == nil) != c.ok || refused == c.ok {
				t.Errorf("%v, want ok %t", err, c.ok)
			}
		})
	}
}

func FuzzCheckTarget(f *testing.F) {
	f.Add("http://[64:ff9b::10.0.0.1]/")
	f.Add("http://10.0.0.1:80/")
	p, err := guard.New(false, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p.CheckTarget(t.Context(), names{}, text) != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil {
			t.Fatalf("%q is taken", text)
		}
		a, err := netip.ParseAddr(u.Hostname())
		if a = a.Unmap(); err != nil || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
			t.Errorf("%q is taken", text)
		}
	})
}
