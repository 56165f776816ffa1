"""An SSH server for one user: root, by the job's public key alone, on a host key of its own.

The host key is kept in the workspace: a server that is started again is the same one to its clients.
"""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.pod.polling import poll
from builder.pod.step import StepFailed
from builder.pod.whole_file import whole_file

# sshd's own, for its unprivileged child.
_PRIVILEGE_SEPARATION = Path("/run/sshd")
_MOTD = Path("/etc/motd")
_STARTS = 5
_START_SECONDS = 10.0
_POLL_SECONDS = 0.05
# net/tcp_states.h
_LISTENS, _ESTABLISHED = "0A", "01"

# What is not allowed here is off: sshd_config(5). UsePAM off: there are no accounts but root.
_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {keys}/host_key
PidFile none
AuthorizedKeysFile {keys}/authorized_keys
AllowUsers root
PermitRootLogin prohibit-password
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
DisableForwarding {forbidden}
PermitTunnel no
ChrootDirectory {jail}
PermitUserEnvironment no
SetEnv {environment}
PrintMotd yes
ClientAliveInterval 60
ClientAliveCountMax 10
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Access:
    """Who may log in, and what a session is like.

    Args:
        address: The address to listen on.
        public_key: Its holder may log in; a line of authorized_keys.
        keys: The folder that the host key is kept in, for root alone.
        environment: What each session finds in its environment.
        welcome: What each session is shown first.
        jail: The folder that sessions see as `/`; only root may write to it.
        forwarding: Whether connections may be forwarded.
    """

    address: str
    public_key: str
    keys: Path
    environment: Mapping[str, str]
    welcome: str
    jail: Path | None = None
    forwarding: bool = False


@dataclass(frozen=True)
class Server:
    """An SSH server that listens.

    Args:
        port: On which port.
        fingerprint: Its host key's, as ssh shows it: `SHA256:…`.
    """

    port: int
    fingerprint: str

    def sessions(self) -> int:
        """Return how many connections to it are open."""
        return _count(self.port, _ESTABLISHED)


@contextmanager
def serve(access: Access) -> Iterator[Server]:
    """Run an SSH server for as long as the block runs.

    Raises:
        StepFailed: The server does not start.
    """
    _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    _MOTD.write_text(access.welcome)
    (access.keys / "authorized_keys").write_text(f"{access.public_key}\n")
    fingerprint = _host_key(access.keys / "host_key")
    process, port = _start(access)
    try:
        yield Server(port, fingerprint)
    finally:
        process.terminate()
        process.wait()


def _host_key(file: Path) -> str:
    """Make the host key unless it is there, and return its fingerprint."""
    if not file.exists():
        with whole_file(file) as made:
            _output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ims", "-f", str(made)])
    return _output(["ssh-keygen", "-l", "-f", str(file)]).split()[1]


def _start(access: Access) -> "tuple[subprocess.Popen[bytes], int]":
    for _ in range(_STARTS):
        port = _free_port(access.address)
        config = access.keys / "sshd_config"
        config.write_text(
            _CONFIG.format(
                address=access.address,
                port=port,
                keys=access.keys,
                environment=" ".join(f'{name}="{value}"' for name, value in access.environment.items()),
                forbidden="no" if access.forwarding else "yes",
                jail=access.jail or "none",
            )
        )
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL)
        if _listens(process, port):
            return process, port
        # Another process may have taken the port in between.
        process.kill()
        process.wait()
    raise StepFailed(
        f"the SSH server does not start on {access.address}", advice="see the lines above for what it says"
    )


def _free_port(address: str) -> int:
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as free:
        port: int = free.getsockname()[1]
        return port


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    def look() -> bool | None:
        if process.poll() is not None:
            return False
        return True if _count(port, _LISTENS) else None

    return poll(look, _START_SECONDS, _POLL_SECONDS) or False


def _count(port: int, state: str) -> int:
    """Count a port's sockets in a state; a connection, to try it, would be a failed one in the server's log."""
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]
    sockets = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    # proc(5): the local address, the remote one, the state.
    return sum(fields[1].endswith(f":{port:04X}") and fields[3] == state for fields in sockets)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise StepFailed(f"{command[0]} failed: {getattr(error, 'stderr', '') or error}") from error
