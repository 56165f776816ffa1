"""Which network addresses a repository may have: the rule is applied to the address that a connection is made to.

The text of an address says little: `0x7f.1`, `2130706433`, a name and a redirect may all lead to 127.0.0.1. The ranges
are those of IANA's registries of special-purpose addresses, as `ipaddress` knows them, and the addresses at which
clouds serve the secrets of their machines.
"""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# Of Amazon (both), Google, Alibaba, Azure and Oracle; also those that lie in ranges which may be allowed.
METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
# IPv6 addresses that stand for an IPv4 address: the range, and how many bits follow that address (RFC 4291, 6052,
# 8215, 3056). A route of the host may lead to the IPv4 address.
_STAND_FOR_IPV4 = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (_NAT64, 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
    (IPv6Network("2002::/16"), 80),
)
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
# Of an Internet provider's own network (RFC 6598): private, though `ipaddress` says otherwise.
_SHARED = IPv4Network("100.64.0.0/10")
_SITE_LOCAL = IPv6Network("fec0::/10")
_NEVER_IPV4 = (
    _THIS_NETWORK,
    *(IPv4Network(network) for network in ("169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
)

# What `ipaddress` calls private, and can be anywhere but on this host itself.
_PRIVATE_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = (
    *(IPv4Network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    *(_SHARED, IPv4Network("198.18.0.0/15"), IPv6Network("fc00::/7"), _SITE_LOCAL),
)


def closed_networks(*, private: bool) -> list[IPv4Network | IPv6Network]:
    """Return the networks that no repository may be in, as far as a host does not need them to find its neighbours.

    With those of IPv4 come the networks by which a NAT64 leads to them.

    Args:
        private: Whether addresses of this host and of private networks are allowed.
    """
    wide = [*_NEVER_IPV4, *([] if private else _PRIVATE_NETWORKS)]
    single = [ipaddress.ip_network(address) for address in sorted(METADATA, key=str)]
    known = [*wide, *(one for one in single if not any(one.overlaps(wider) for wider in wide))]
    behind = [
        IPv6Network((int(_NAT64[0]) | int(network[0]), _NAT64.prefixlen + network.prefixlen))
        for network in known
        if isinstance(network, IPv4Network)
    ]
    return [*known, *behind]


def refused_kind(address: str, *, private: bool) -> str:
    """Return what kind of address this is, if no repository may have it; empty if one may.

    Args:
        address: An IP address, as getaddrinfo(3) writes it.
        private: Whether addresses of this host and of private networks are allowed.

    Raises:
        ValueError: It is not an IP address.
    """
    meant = _meant(ipaddress.ip_address(address.partition("%")[0]))
    kind = _never(meant)
    return kind or ("" if private else _private(meant))


def not_read(address: str) -> str:
    """Return what to say of an address that is refused: whether a setting allows it."""
    if refused_kind(address, private=True):
        return "no repository is read from there, and no setting allows it"
    return "repositories are read from there only with IMS_REPOSITORY_PRIVATE=true"


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv6Address):
        for network, bits_after in _STAND_FOR_IPV4:
            if address in network:
                return IPv4Address((int(address) >> bits_after) & 0xFFFFFFFF)
        # IPv4-compatible addresses, but for :: and ::1 (RFC 4291).
        if 1 < int(address) <= 0xFFFFFFFF:
            return IPv4Address(int(address))
    return address


def _never(address: IPv4Address | IPv6Address) -> str:
    if address in METADATA:
        return "the metadata service of a cloud"
    if address.is_link_local:
        return "a link-local address"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "an unspecified address"
    if address.is_multicast:
        return "a multicast address"
    if address == IPv4Address("255.255.255.255"):
        return "the broadcast address"
    if address.is_reserved and not address.is_loopback:
        return "a reserved address"
    return ""


def _private(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback:
        return "an address of the host itself"
    return "" if address.is_global and address not in _SITE_LOCAL and address not in _SHARED else "a private address"
