"""Which network addresses are public; knows no names, opens nothing and asks nobody.

`ipaddress.is_global` is no answer: it is true for NAT64, 6to4, IPv4-compatible and multicast addresses, and for the
metadata service of one cloud. An IPv6 address is public when it lies in 2000::/3 and in none of the blocks below.
Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses, RFC 6052, RFC 8215, RFC 5214.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

METADATA = frozenset(
    {
        *(IPv4Address(each) for each in ("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253")),
        *(IPv4Address(each) for each in ("168.63.129.16", "100.100.100.200", "192.0.0.192")),
        *(IPv6Address(each) for each in ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe")),
    }
)
"""Where clouds hand out credentials to whoever asks."""

_IPV4 = tuple(
    (IPv4Network(network), words)
    for network, words in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address behind a carrier's NAT"),
        ("127.0.0.0/8", "this machine's own address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "an address of 6to4 relays"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
_IPV6 = tuple(
    (IPv6Network(network), words)
    for network, words in (
        ("::/128", "an unspecified address"),
        ("::1/128", "this machine's own address"),
        ("::ffff:0:0/96", "an IPv4 address in IPv6 form"),
        ("::ffff:0:0:0/96", "an IPv4 address in IPv6 form"),
        ("::/96", "an IPv4 address in IPv6 form"),
        ("64:ff9b::/96", "an IPv4 address behind NAT64"),
        ("64:ff9b:1::/48", "an IPv4 address behind NAT64"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
        ("2001::/32", "a Teredo address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "an address for documentation"),
        ("2002::/16", "a 6to4 address"),
        ("3ffe::/16", "a reserved address"),
        ("3fff::/20", "an address for documentation"),
    )
)
_GLOBAL = IPv6Network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)


def why_not_public(address: str) -> str:
    """Return in words what an address is when it is not a public one; nothing when it is. Raises ValueError."""
    read = ip_address(address)
    if read in METADATA:
        return "where a cloud hands out its credentials"
    if isinstance(read, IPv4Address):
        return next((words for network, words in _IPV4 if read in network), "")
    for network, words in _IPV6:
        if read in network:
            return words
    if read not in _GLOBAL:
        return "a reserved address"
    if int(read) >> 32 & 0xFFFFFFFF in _ISATAP:
        return "an IPv4 address in a tunnel (ISATAP)"
    return ""


def why_never(address: str) -> str:
    """Return in words why not even a host that an operator has named may lie at an address; nothing when it may.

    A name whose owner points it at a metadata service, or at everybody, is not what the operator meant. An address of
    that kind can be reached only where the operator wrote down the address itself.
    """
    read = ip_address(address)
    mapped = getattr(read, "ipv4_mapped", None) or read
    if mapped in METADATA:
        return "where a cloud hands out its credentials"
    if mapped.is_multicast:
        return "a multicast address"
    if mapped.is_unspecified or mapped == IPv4Address("255.255.255.255"):
        return "an unspecified address"
    return ""
