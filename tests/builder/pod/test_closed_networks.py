"""builder/pod/closed_networks.py, in network namespaces of their own."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.pod import closed_networks
from tests.repository import REPOSITORY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network namespaces")

_ASK = f"""
import errno, socket, sys
sys.path.insert(0, "{REPOSITORY}")
from pathlib import Path
from builder.pod import closed_networks
closed_networks._RESOLVER = Path(sys.argv[1])

def ask(address, port=80, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as client:
        try:
            client.connect((address, port))
        except OSError as error:
            return errno.errorcode[error.errno]
    return "connected"

ADDRESSES = ["169.254.169.254", "169.254.0.1", "100.100.100.200", "::ffff:169.254.169.254", "fd00:ec2::254"]
ADDRESSES += ["9.9.9.9", "10.1.1.1"]
print(*map(ask, ADDRESSES))
closed_networks.close_networks()
closed_networks.close_networks()
print(*map(ask, ADDRESSES))
print(ask("169.254.20.10", 53, socket.SOCK_DGRAM), ask("169.254.20.10", 53), ask("169.254.20.10", 80))
"""


def run_alone(resolver: Path, **environment: str) -> list[str]:
    """Run it in a namespace whose only route leads nowhere: what is not prohibited is unreachable."""
    routes = "ip link set lo up; ip route add unreachable default; ip -6 route add unreachable default"
    script = f"{routes}; exec {sys.executable} -c '{_ASK}' {resolver}"
    command = ["unshare", "--net", "--mount", "sh", "-c", f"mount -t sysfs none /sys; {script}"]
    ran = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


@pytest.fixture
def resolver(tmp_path: Path) -> Path:
    file = tmp_path / "resolv.conf"
    file.write_text("search x\nnameserver\nnameserver 10.0.0.1\nnameserver 169.254.20.10\nnameserver what\n")
    return file


def test_the_pod_cannot_connect_to_what_no_repository_may_have(resolver: Path) -> None:
    before, said, _, after, dns = run_alone(resolver, IMS_OWN_NETWORK="yes")
    assert set(before.split()) == {"EHOSTUNREACH"}
    assert said.startswith("this pod cannot connect to 0.0.0.0/8, 169.254.0.0/16, ")
    assert after.split() == ["EACCES"] * 5 + ["EHOSTUNREACH"] * 2
    assert dns == "EHOSTUNREACH EHOSTUNREACH EACCES", "a name server there is asked all the same"


def test_private_networks_are_closed_by_the_setting(resolver: Path) -> None:
    _, _, _, after, _ = run_alone(resolver, IMS_OWN_NETWORK="yes", IMS_PRIVATE_REPOSITORIES="no")
    assert after.split() == ["EACCES"] * 5 + ["EHOSTUNREACH", "EACCES"]


def test_nothing_is_changed_in_a_network_that_may_be_the_hosts(resolver: Path) -> None:
    before, said, _, after, _ = run_alone(resolver)
    assert said == "where repositories redirect to is not limited: the pod uses the host's network"
    assert after == before


def test_a_network_with_devices_is_a_hosts_whatever_the_manifest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lo").mkdir()
    (tmp_path / "eth0/device").mkdir(parents=True)
    monkeypatch.setattr(closed_networks, "_INTERFACES", tmp_path)
    monkeypatch.setenv("IMS_OWN_NETWORK", "yes")
    monkeypatch.setattr(closed_networks, "_carry_out", lambda _: pytest.fail("rules were set"))
    closed_networks.close_networks()
    assert capsys.readouterr().out.endswith("not limited: eth0 is a network device of a host\n")


def test_what_cannot_be_set_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert os.strerror(errno.ENOENT) in closed_networks._carry_out([["-4", "rule"]])
