"""Tests of builder/contract/addresses.py."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.contract.addresses import METADATA, closed_networks, refused_kind


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "the metadata service of a cloud"),
        ("fd00:ec2::254", "the metadata service of a cloud"),
        ("100.100.100.200", "the metadata service of a cloud"),
        ("168.63.129.16", "the metadata service of a cloud"),
        ("169.254.0.1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("224.0.0.251", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("240.0.0.1", "a reserved address"),
    ],
)
@pytest.mark.parametrize("private", [True, False])
def test_no_setting_allows_these(address: str, kind: str, private: bool) -> None:
    assert refused_kind(address, private=private) == kind


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "an address of the host itself"),
        ("127.9.9.9", "an address of the host itself"),
        ("::1", "an address of the host itself"),
        ("10.0.0.1", "a private address"),
        ("172.16.0.1", "a private address"),
        ("192.168.1.1", "a private address"),
        ("100.64.0.1", "a private address"),
        ("fd12::1", "a private address"),
        ("fec0::1", "a private address"),
    ],
)
def test_a_setting_allows_these(address: str, kind: str) -> None:
    assert refused_kind(address, private=False) == kind
    assert not refused_kind(address, private=True)


@pytest.mark.parametrize("address", ["9.9.9.9", "2606:4700:4700::1111"])
def test_what_the_internet_has_is_allowed(address: str) -> None:
    assert not refused_kind(address, private=False)


IPV4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address) | st.sampled_from(
    [ipaddress.IPv4Address(each) for each in ("169.254.169.254", "127.0.0.1", "10.1.2.3", "0.0.0.0", "224.1.1.1")]
)


@given(address=IPV4, private=st.booleans())
def test_an_ipv6_address_is_judged_by_the_ipv4_address_that_it_stands_for(
    address: ipaddress.IPv4Address, private: bool
) -> None:
    kind = refused_kind(str(address), private=private)
    number = int(address)
    for standing in (f"::ffff:{address}", f"64:ff9b::{address}", f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"):
        assert refused_kind(standing, private=private) == kind, standing


@given(address=IPV4)
def test_however_it_is_written_what_the_system_resolves_is_judged(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    a, b, c, d = address.packed
    for written in (str(number), hex(number), f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{(b << 16) | (c << 8) | d}"):
        resolved = {str(found[0]) for *_, found in socket.getaddrinfo(written, 80, type=socket.SOCK_STREAM)}
        assert resolved == {str(address)}
        assert {refused_kind(each, private=True) for each in resolved} == {refused_kind(str(address), private=True)}


@given(address=st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address))
def test_what_is_allowed_everywhere_is_of_the_internet(address: ipaddress.IPv6Address) -> None:
    if not refused_kind(str(address), private=False):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("private", [True, False])
def test_networks_that_are_closed_are_refused_from_their_first_to_their_last_address(private: bool) -> None:
    for network in closed_networks(private=private):
        for address in (network[0], network[network.num_addresses // 2], network[-1]):
            assert refused_kind(str(address), private=private), address


@given(IPV4)
def test_an_ipv4_address_that_no_setting_allows_is_in_one_of_the_networks(address: ipaddress.IPv4Address) -> None:
    inside = any(address in network for network in closed_networks(private=True))
    assert inside is bool(refused_kind(str(address), private=True))


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "172.31.9.9", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd12::1", "fec0::1"]
)
def test_private_networks_are_closed_by_the_setting(address: str) -> None:
    meant = ipaddress.ip_address(address)
    assert [any(meant in network for network in closed_networks(private=private)) for private in (True, False)] == [
        False,
        True,
    ]


def test_all_metadata_services_are_in_one_of_the_networks() -> None:
    for address in METADATA:
        assert any(address in network for network in closed_networks(private=True))
