"""A real OpenSSH client, by the line that a job's record gives."""

import subprocess
from pathlib import Path

from storage.shells import SshContainer

# On a busy host: a package of Debian's whose trigger makes an initrd takes ten seconds of a processor.
LIMIT_SECONDS = 180


def new_key(file: Path) -> Path:
    """Make a key pair, and return the private half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(file)], check=True)
    return file


def ssh(shell: SshContainer, key: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell."""
    return _run([*shell.command.split(), *ssh_options(key), *options, command])


def copy(shell: SshContainer, key: Path, source: str, target: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Copy a file by scp; what lies in the shell begins with a colon."""
    _, _, port, there = shell.command.split()
    places = [f"{there}{place}" if place.startswith(":") else place for place in (source, target)]
    return _run(["scp", "-P", port, *ssh_options(key), *options, *places])


def sftp(shell: SshContainer, key: Path, batch: str) -> subprocess.CompletedProcess[str]:
    """Run the commands of a batch, up to the first that fails."""
    _, _, port, there = shell.command.split()
    return _run(["sftp", "-P", port, *ssh_options(key), "-b", "-", there], batch)


def ssh_options(key: Path) -> list[str]:
    """Return what keeps the client from asking, and from keys and settings of whoever runs the tests."""
    return [
        *("-F", "none", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        # A cluster takes a moment to lead a new service's address to its pod; until then nobody answers.
        *("-o", "ConnectTimeout=5", "-o", "ConnectionAttempts=3"),
        *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={key.with_name('known_hosts')}"),
    ]


def _run(command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
