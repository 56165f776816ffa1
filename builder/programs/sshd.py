"""An SSH server for one user: root, by the job's public key alone, on a host key of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.programs.step import StepFailed

_FOLDER = Path("/run/ims-sshd")
# sshd's own, for its unprivileged child.
_PRIVILEGE_SEPARATION = Path("/run/sshd")
_MOTD = Path("/etc/motd")
_STARTS = 5
_START_SECONDS = 10.0
# net/tcp_states.h
_LISTENS = "0A"

# What is not allowed here is off: sshd_config(5). UsePAM off: there are no accounts but root.
_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AllowUsers root
PermitRootLogin prohibit-password
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
DisableForwarding yes
PermitTunnel no
PermitUserEnvironment no
SetEnv {environment}
PrintMotd yes
ClientAliveInterval 60
ClientAliveCountMax 10
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Server:
    """An SSH server that listens.

    Args:
        address: Where it listens.
        port: On which port.
        fingerprint: Its host key's, as ssh shows it: `SHA256:…`.
    """

    address: str
    port: int
    fingerprint: str


@contextmanager
def serve(address: str, public_key: str, *, environment: Mapping[str, str], welcome: str) -> Iterator[Server]:
    """Run an SSH server for as long as the block runs; its connections end with it.

    Args:
        address: The address to listen on.
        public_key: Whose holder may come in, a line of authorized_keys.
        environment: What each session finds in its environment.
        welcome: What each session is shown first.

    Raises:
        StepFailed: The server does not start.
    """
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(mode=0o700)
    _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    _MOTD.write_text(welcome)
    (_FOLDER / "authorized_keys").write_text(f"{public_key}\n")
    _output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ims", "-f", str(_FOLDER / "host_key")])
    fingerprint = _output(["ssh-keygen", "-l", "-f", str(_FOLDER / "host_key.pub")]).split()[1]
    process, port = _start(address, environment)
    try:
        yield Server(address, port, fingerprint)
    finally:
        process.terminate()
        process.wait()


def _start(address: str, environment: Mapping[str, str]) -> "tuple[subprocess.Popen[bytes], int]":
    for _ in range(_STARTS):
        port = _free_port(address)
        config = _FOLDER / "sshd_config"
        said = " ".join(f'{name}="{value}"' for name, value in environment.items())
        config.write_text(_CONFIG.format(address=address, port=port, folder=_FOLDER, environment=said))
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL)
        if _listens(process, port):
            return process, port
        # Somebody else may have taken the port in between.
        process.kill()
        process.wait()
    raise StepFailed(f"the SSH server does not start on {address}", advice="see the lines above for what it says")


def _free_port(address: str) -> int:
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as free:
        port: int = free.getsockname()[1]
        return port


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if _is_open(port):
            return True
        time.sleep(0.05)
    return False


def _is_open(port: int) -> bool:
    """Look whether somebody listens on a port; a connection, to try it, would be a failed one in the server's log."""
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]
    sockets = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    # proc(5): the local address, the remote one, the state.
    return any(fields[1].endswith(f":{port:04X}") and fields[3] == _LISTENS for fields in sockets)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise StepFailed(f"{command[0]} failed: {getattr(error, 'stderr', '') or error}") from error
