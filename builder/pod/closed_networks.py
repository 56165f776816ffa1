"""Closes the pod's network to the addresses that no repository may have, before a package manager asks any.

It holds for redirects, for the mirrors of a list, for names that lead elsewhere a moment later, and for scripts.

The rule: nothing is changed in a network that is not the pod's own.
"""

import ipaddress
import os
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from builder.contract.addresses import closed_networks
from builder.contract.inputs import PodInput, ServersInput
from builder.pod.step import say

_INTERFACES, _IPV6, _RESOLVER = Path("/sys/class/net"), Path("/proc/net/if_inet6"), Path("/etc/resolv.conf")
# After the table of the host's own addresses, which has 0, and before that of its routes, which has 32766.
_BEFORE, _AFTER = 99, 100
_DNS = 53


def close_networks() -> None:
    """Refuse connections to the networks that no repository may be in, and say so, or say why not."""
    if why := _not_own(PodInput.from_environment(os.environ)):
        say(f"where repositories redirect to is not limited: {why}")
        return
    private = ServersInput.from_environment(os.environ).private
    closed = [network for network in closed_networks(private=private) if network.version == 4 or _IPV6.exists()]
    if why := _carry_out([*(_open(server) for server in _servers_in(closed)), *map(_closed, closed)]):
        say(f"where repositories redirect to is not limited: the rules of the pod's network cannot be set: {why}")
        return
    say(f"this pod cannot connect to {', '.join(map(str, closed))}: no repository may be there")


def _not_own(pod: PodInput) -> str:
    """Return why the network may not be the pod's own; empty when it is."""
    if not pod.own_network:
        return "the pod uses the host's network"
    # Podman can be configured to use the host's network for all containers.
    if found := [
        each.name for each in _INTERFACES.iterdir() if (each / "device").exists() or (each / "bridge").exists()
    ]:
        return f"{found[0]} is a network device of a host"
    return ""


def _servers_in(closed: Sequence[IPv4Network | IPv6Network]) -> list[str]:
    """Return the name servers in networks that are closed: some clouds and clusters have theirs there."""
    try:
        lines = [line.split() for line in _RESOLVER.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return []
    servers = []
    for words in lines:
        if words[:1] != ["nameserver"] or len(words) < 2:
            continue
        try:
            address = ipaddress.ip_address(words[1].partition("%")[0])
        except ValueError:
            continue
        if any(address in network for network in closed):
            servers.append(str(address))
    return servers


def _open(server: str) -> list[str]:
    return [_family(server), "rule", "add", "pref", str(_BEFORE), "to", server, "dport", str(_DNS), "lookup", "main"]


def _closed(network: IPv4Network | IPv6Network) -> list[str]:
    return [_family(str(network)), "rule", "add", "pref", str(_AFTER), "to", str(network), "prohibit"]


def _family(address: str) -> str:
    return "-6" if ":" in address else "-4"


def _carry_out(rules: Sequence[Sequence[str]]) -> str:
    """Set all rules, and return why one was not; one that is there already is fine."""
    for rule in rules:
        try:
            ran = subprocess.run(["ip", *rule], capture_output=True, text=True, check=False)
        except OSError as error:
            return str(error)
        if ran.returncode and "File exists" not in ran.stderr:
            return " ".join(ran.stderr.split())
    return ""
