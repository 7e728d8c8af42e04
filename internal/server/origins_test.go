package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/server"
)

func TestOrigins(t *testing.T) {
	listed := []string{"https://app.example.com", "https://*.wild.example", "http://other.example:8080", "HTTPS://Upper.example:443/"}
	tests := []struct {
		name   string
		list   []string
		host   string
		origin string
		want   bool
	}{
		{"no browser", nil, "gw:4000", "", true},
		{"same origin", nil, "gw.example:4000", "http://gw.example:4000", true},
		{"same origin in capitals", nil, "GW.example:4000", "http://gw.Example:4000", true},
		{"same origin behind a proxy that encrypts", nil, "gw.example", "https://gw.example", true},
		{"same host, default port written out", nil, "gw.example:443", "https://gw.example", true},
		{"other port of the host", nil, "gw.example:4000", "http://gw.example:3000", false},
		{"loopback", nil, "gw.example:4000", "http://localhost:3000", true},
		{"loopback address", nil, "gw.example:4000", "http://127.0.0.1:5173", true},
		{"loopback address, IPv6", nil, "gw.example:4000", "http://[::1]:5173", true},
		{"below localhost", nil, "gw.example:4000", "http://app.localhost:3000", true},
		{"looks like loopback", nil, "gw.example:4000", "http://localhost.evil.example", false},
		{"looks like an address", nil, "gw.example:4000", "http://127.0.0.1.evil.example", false},
		{"foreign", nil, "gw.example:4000", "https://evil.example", false},
		{"null", nil, "gw.example:4000", "null", false},
		{"junk", nil, "gw.example:4000", "://", false},
		{"with a path", nil, "gw.example:4000", "http://localhost/x", false},

		{"listed", listed, "gw:4000", "https://app.example.com", true},
		{"listed, default port", listed, "gw:4000", "https://app.example.com:443", true},
		{"listed, other scheme", listed, "gw:4000", "http://app.example.com", false},
		{"listed, other port", listed, "gw:4000", "https://app.example.com:8443", false},
		{"listed with port", listed, "gw:4000", "http://other.example:8080", true},
		{"listed in capitals", listed, "gw:4000", "https://upper.example", true},
		{"listed, same origin stays", listed, "gw:4000", "http://gw:4000", true},
		{"listed, loopback does not", listed, "gw:4000", "http://localhost:3000", false},
		{"wild card", listed, "gw:4000", "https://a.wild.example", true},
		{"wild card, deep", listed, "gw:4000", "https://a.b.wild.example", true},
		{"wild card, not the domain itself", listed, "gw:4000", "https://wild.example", false},
		{"wild card, other domain", listed, "gw:4000", "https://evilwild.example", false},
		{"wild card, other scheme", listed, "gw:4000", "http://a.wild.example", false},
		{"wild card, other port", listed, "gw:4000", "https://a.wild.example:1", false},

		{"all", []string{"*"}, "gw:4000", "https://evil.example", true},
		{"all, null", []string{"*"}, "gw:4000", "null", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := server.ParseOrigins(tt.list)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Header: http.Header{}, Host: tt.host}
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			err = o.Check(r)
			if (err == nil) != tt.want {
				t.Errorf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "ALLOWED_ORIGINS") {
				t.Errorf("%v does not name the setting", err)
			}
		})
	}
}

func TestParseOriginsRefuses(t *testing.T) {
	for _, text := range []string{"app.example.com", "https://", "https://a.example/path", "https://a.*.example", "https://*", "https://*.*.example", "https://u@a.example", "%"} {
		if _, err := server.New(server.Config{AllowedOrigins: []string{text}}, server.Routes{}); err == nil || !strings.Contains(err.Error(), "ALLOWED_ORIGINS") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCORS(t *testing.T) {
	const page = "https://app.example.com"
	r := start(t, server.Config{AllowedOrigins: []string{page}}, routes())
	all := start(t, server.Config{AllowedOrigins: []string{"*"}}, routes())

	resp, body := r.do(r.Addr(), "POST", "/graphql", "Origin", page)
	if h := resp.Header; resp.StatusCode != http.StatusOK || h.Get("Access-Control-Allow-Origin") != page ||
		h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	resp, body = r.do(r.Addr(), "POST", "/graphql", "Origin", "https://evil.example")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "ALLOWED_ORIGINS") || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	resp, _ = r.do(r.Addr(), "OPTIONS", "/graphql", "Origin", page,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-hasura-admin-secret")
	if h := resp.Header; resp.StatusCode != http.StatusNoContent || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") ||
		h.Get("Access-Control-Allow-Headers") != "content-type,x-hasura-admin-secret" || h.Get("Access-Control-Max-Age") == "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	for _, method := range []string{"PUT", "DELETE"} { // a reserved event stream's
		resp, _ = r.do(r.Addr(), "OPTIONS", "/graphql", "Origin", page,
			"Access-Control-Request-Method", method, "Access-Control-Request-Headers", "x-graphql-event-stream-token")
		if h := resp.Header; !strings.Contains(h.Get("Access-Control-Allow-Methods"), method) || h.Get("Access-Control-Allow-Headers") != "x-graphql-event-stream-token" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		if resp, _ = r.do(r.Addr(), method, "/graphql", "Origin", "https://evil.example"); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s by a foreign page: %d", method, resp.StatusCode)
		}
	}
	resp, _ = r.do(r.Addr(), "OPTIONS", "/graphql", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("foreign preflight: %d", resp.StatusCode)
	}
	resp, _ = all.do(all.Addr(), "POST", "/stream/x", "Origin", "https://evil.example")
	if h := resp.Header; resp.StatusCode != http.StatusOK || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = r.do(r.Addr(), "GET", "/graphql")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func FuzzOrigin(f *testing.F) {
	f.Add("https://app.example.com", "gw:4000")
	f.Add("http://[::1]:3000", "x")
	f.Add("A://0", "0#")
	f.Fuzz(func(t *testing.T, origin, host string) {
		o, _ := server.ParseOrigins([]string{"https://*.example.com"})
		r := &http.Request{Header: http.Header{"Origin": {origin}}, Host: host}
		if o.Check(r) == nil && origin != "" && !strings.Contains(strings.ToLower(origin), ".example.com") && !strings.Contains(strings.ToLower(origin), strings.ToLower(strings.Split(host, ":")[0])) {
			t.Fatalf("%q may call %q", origin, host)
		}
	})
}
