package guard

import (
	"net/netip"
)

type class int

const (
	public  class = iota
	private       // allowed by policy
	never         // allowed by nothing
)

type block struct {
	net   netip.Prefix
	class class
	why   string
}

// blocks returns what is not public; the first match decides. From the
// special-purpose registries of IANA, and the addresses at which clouds serve
// credentials.
func blocks() []block {
	b := func(cidr string, c class, why string) block { return block{netip.MustParsePrefix(cidr), c, why} }
	const metadata, noHost = "it is a metadata service", "it is no host's address"
	return []block{
		b("169.254.169.254/32", never, metadata),  // AWS, Google, Azure, and most others
		b("169.254.170.0/24", never, metadata),    // AWS tasks and pods
		b("100.100.100.200/32", never, metadata),  // Alibaba
		b("192.0.0.192/32", never, metadata),      // Oracle
		b("168.63.129.16/32", never, metadata),    // Azure's wire server
		b("fd00:ec2::/32", never, metadata),       // AWS over IPv6
		b("fd20:ce::254/128", never, metadata),    // Google over IPv6
		b("fe80::a9fe:a9fe/128", never, metadata), // OpenStack
		b("127.0.0.0/8", private, "it is loopback"),
		b("10.0.0.0/8", private, "it is private"),
		b("172.16.0.0/12", private, "it is private"),
		b("192.168.0.0/16", private, "it is private"),
		b("100.64.0.0/10", private, "it is a carrier's private network"),
		b("169.254.0.0/16", private, "it is link-local"),
		b("198.18.0.0/15", private, "it is a benchmark network"),
		b("192.0.0.0/24", private, "it is reserved"),
		b("192.88.99.0/24", never, noHost),
		b("0.0.0.0/8", never, noHost),
		b("192.0.2.0/24", never, noHost),
		b("198.51.100.0/24", never, noHost),
		b("203.0.113.0/24", never, noHost),
		b("224.0.0.0/4", never, "it is multicast"),
		b("240.0.0.0/4", never, noHost),
		b("::1/128", private, "it is loopback"),
		b("::/128", never, noHost),
		b("fc00::/7", private, "it is private"),
		b("fe80::/10", private, "it is link-local"),
		b("fec0::/10", private, "it is private"),
		b("ff00::/8", never, "it is multicast"),
		b("100::/64", never, noHost),
		b("2001:db8::/32", never, noHost),
		b("3fff::/20", never, noHost),
		b("2001:2::/48", private, "it is a benchmark network"),
	}
}

// table is blocks, made once.
var table = blocks()

func classify(a netip.Addr) (class, string) {
	for i := range table {
		if table[i].net.Contains(a) {
			return table[i].class, table[i].why
		}
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return never, "it is no host's address"
	}
	return public, ""
}

// inside returns the addresses that a packet for a may end at: itself, and the
// IPv4 address inside of mapped, compatible, NAT64, 6to4, Teredo and ISATAP
// addresses. Each has to be allowed.
func inside(a netip.Addr) []netip.Addr {
	a = a.WithZone("")
	if a.Is4() || a.Is4In6() {
		return []netip.Addr{a.Unmap()}
	}
	b := a.As16()
	v4 := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(a) }
	switch {
	case a == netip.IPv6Loopback() || a.IsUnspecified():
		return []netip.Addr{a}
	case in("64:ff9b::/96"), in("::/96"), in("::ffff:0:0:0/96"):
		return []netip.Addr{v4(12)} // the outer address is a translator's
	case in("64:ff9b:1::/48"): // local NAT64: the place of the IPv4 address is the network's own affair
		return []netip.Addr{netip.MustParseAddr("10.0.0.0"), v4(12)}
	case in("2002::/16"):
		return []netip.Addr{a, v4(2)}
	case in("2001::/32"): // Teredo: the client's address, inverted
		for i := 12; i < 16; i++ {
			b[i] = ^b[i]
		}
		return []netip.Addr{a, v4(4), v4(12)}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return []netip.Addr{a, v4(12)}
	}
	return []netip.Addr{a}
}
