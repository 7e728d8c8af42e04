// Package guard keeps webhooks away from addresses that the gateway can reach
// and their authors should not: its own host, private networks, the cloud's
// metadata service.
//
// A [Policy] is asked twice. [Policy.CheckTarget] refuses a URL when a trigger
// is made, with a text that names the setting to change. [Policy.Dialer]
// checks again at every connection, after the name is resolved and against the
// very address that is connected to, so that a name cannot change its mind in
// between.
//
// # Concurrency
//
// A Policy does not change after it is made and may be shared.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"
)

// Policy says which targets are allowed.
type Policy struct {
	private bool
	nets    []netip.Prefix
	hosts   []string // patterns, lower case
}

// New returns a policy. private allows private and loopback addresses; allow
// names more of them: addresses (10.0.0.5), networks (10.0.0.0/8) and host
// patterns (hooks.internal, *.corp.example). Nothing allows metadata services,
// nor addresses that are no host's.
func New(private bool, allow []string) (*Policy, error) {
	p := &Policy{private: private}
	for _, entry := range allow {
		entry = strings.TrimSpace(entry)
		if n, err := netip.ParsePrefix(entry); err == nil {
			p.nets = append(p.nets, netip.PrefixFrom(n.Addr(), n.Bits()).Masked())
			continue
		}
		if a, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
			a = a.WithZone("").Unmap()
			p.nets = append(p.nets, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		host := strings.ToLower(strings.TrimSuffix(entry, "."))
		if _, err := path.Match(host, ""); err != nil || host == "" || strings.ContainsAny(host, "/: ") {
			return nil, fmt.Errorf("%q is no address, network or host pattern: write 10.0.0.5, 10.0.0.0/8 or *.corp.example", entry)
		}
		p.hosts = append(p.hosts, host)
	}
	return p, nil
}

// RefusedError is the answer to a target that is not allowed.
type RefusedError struct {
	Target string // host or address
	Why    string
	Hint   string // the setting to change; empty: there is none
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("webhook target %s is refused: %s", e.Target, e.Why)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// ErrUnreachable is wrapped by CheckTarget when a host has no address.
var ErrUnreachable = errors.New("its host cannot be resolved")

// Parse checks a URL's form: http or https, a host, no user.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("webhook %q is no URL", text)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("webhook %q: the URL must begin with http:// or https://", text)
	case u.Hostname() == "":
		return nil, fmt.Errorf("webhook %q has no host", text)
	case u.User != nil:
		return nil, fmt.Errorf("webhook for %s: a user in the URL is not supported, use a header", u.Host)
	}
	return u, nil
}

// Resolver finds the addresses of a name. net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const hint = "set ADMIN_SECRET, declare the trigger in schema.yaml, or name the target in WEBHOOK_ALLOW"

// CheckTarget refuses a URL that no attempt could be sent to: one of a wrong
// form, of a host without an address ([ErrUnreachable]), or with an address
// that the policy forbids ([RefusedError]).
func (p *Policy) CheckTarget(ctx context.Context, r Resolver, text string) error {
	u, err := Parse(text)
	if err != nil {
		return err
	}
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		return p.check(host, a)
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return fmt.Errorf("%w: %s", ErrUnreachable, host)
	}
	for _, a := range addrs {
		if err := p.check(host, a); err != nil {
			return err
		}
	}
	return nil
}

// Dialer returns the dial function for an HTTP transport. Attempts to refused
// addresses fail with a [RefusedError] before a packet is sent.
func (p *Policy) Dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("webhook target %q: %w", addr, err)
		}
		d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: p.control(host)}
		return d.DialContext(ctx, network, addr)
	}
}

// control returns the check that runs between resolution and connection.
func (p *Policy) control(host string) func(network, address string, _ syscall.RawConn) error {
	return func(network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return &RefusedError{Target: host, Why: "not TCP"}
		}
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return &RefusedError{Target: host, Why: "no address"}
		}
		return p.check(host, a.Addr())
	}
}

// check judges one address that a host has.
func (p *Policy) check(host string, a netip.Addr) error {
	target := host
	if a.String() != host {
		target = host + " (" + a.String() + ")"
	}
	for _, inner := range inside(a) {
		switch class, why := classify(inner); class {
		case never:
			return &RefusedError{Target: target, Why: why}
		case private:
			if !p.private && !p.allows(host, inner) && !p.allows(host, a) {
				return &RefusedError{Target: target, Why: why, Hint: hint}
			}
		case public:
		}
	}
	return nil
}

func (p *Policy) allows(host string, a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	for _, n := range p.nets {
		if n.Contains(a) {
			return true
		}
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, pattern := range p.hosts {
		if ok, _ := path.Match(pattern, host); ok {
			return true
		}
	}
	return false
}
