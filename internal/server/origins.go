package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Origins decides which web pages may call. Callers that send no Origin header
// are no browsers and always may; so may pages of the gateway's own origin.
type Origins struct {
	all      bool
	loopback bool // pages served from this machine, on any port
	exact    map[string]bool
	wild     []wildcard
}

// wildcard is an origin whose host begins with "*.".
type wildcard struct{ scheme, suffix, port string }

// ParseOrigins reads the setting ALLOWED_ORIGINS: origins with scheme and, if
// it is not the scheme's own, port; "https://*.example.com" for all hosts below
// a domain; "*" for everyone, without credentials. An empty list lets pages
// from loopback addresses in.
func ParseOrigins(list []string) (*Origins, error) {
	o := &Origins{exact: make(map[string]bool), loopback: len(list) == 0}
	for _, text := range list {
		if text == "*" {
			o.all = true
			continue
		}
		scheme, host, port, err := splitOrigin(strings.TrimSuffix(text, "/"))
		if err != nil {
			return nil, fmt.Errorf("ALLOWED_ORIGINS: %q: %w", text, err)
		}
		suffix, ok := strings.CutPrefix(host, "*")
		switch {
		case ok && strings.HasPrefix(suffix, ".") && len(suffix) > 1 && !strings.Contains(suffix, "*"):
			o.wild = append(o.wild, wildcard{scheme, suffix, port})
		case strings.Contains(host, "*"):
			return nil, fmt.Errorf("ALLOWED_ORIGINS: %q: * may stand alone or for the first part of a host, as in https://*.example.com", text)
		default:
			o.exact[joinOrigin(scheme, host, port)] = true
		}
	}
	return o, nil
}

var errOriginForm = errors.New("an origin is a scheme, a host and perhaps a port, as in https://app.example.com:8443")

// splitOrigin returns an origin's parts, in lower case, without the scheme's
// own port.
func splitOrigin(text string) (scheme, host, port string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", "", "", errOriginForm
	}
	scheme, host, port = strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == defaultPort(scheme) {
		port = ""
	}
	return scheme, host, port, nil
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

func joinOrigin(scheme, host, port string) string {
	if port != "" {
		host = net.JoinHostPort(host, port)
	}
	return scheme + "://" + host
}

// OriginError is the refusal of a page's origin.
type OriginError struct{ Origin string }

func (e *OriginError) Error() string {
	return fmt.Sprintf("the origin %.200q is not allowed: add it to ALLOWED_ORIGINS", e.Origin)
}

// Check returns an *OriginError if the request comes from a page that may not
// call.
func (o *Origins) Check(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || o.allows(origin, r.Host) {
		return nil
	}
	return &OriginError{origin}
}

func (o *Origins) allows(origin, own string) bool {
	if o.all {
		return true
	}
	scheme, host, port, err := splitOrigin(origin)
	if err != nil {
		return false // "null" too: sandboxed pages and files
	}
	switch {
	case sameHost(scheme, host, port, own), o.exact[joinOrigin(scheme, host, port)]:
		return true
	case o.loopback && isLoopback(host):
		return true
	}
	for _, w := range o.wild {
		if scheme == w.scheme && port == w.port && strings.HasSuffix(host, w.suffix) && len(host) > len(w.suffix) {
			return true
		}
	}
	return false
}

// sameHost compares with the Host header. The scheme does not count: a proxy
// may have taken the encryption off.
func sameHost(scheme, host, port, own string) bool {
	own = strings.ToLower(own)
	if port != "" {
		return own == net.JoinHostPort(host, port)
	}
	bare := strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	return own == bare || own == net.JoinHostPort(host, defaultPort(scheme))
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
