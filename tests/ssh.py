"""A real OpenSSH client, by the line that a job's record gives.

Each call raises by itself when it does not end as it should: a test that goes on would fail later, with other words.
"""

import shlex
import subprocess
from pathlib import Path

from storage.models.shells import SshContainer

# On a busy host: a package of Debian's whose trigger makes an initrd takes ten seconds of a processor.
LIMIT_SECONDS = 180


def new_key(file: Path) -> Path:
    """Make a key pair, and return the private half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(file)], check=True)
    return file


class SshFailed(AssertionError):
    """A client did not end as it should."""


def ssh(
    shell: SshContainer, key: Path, command: str, *options: str, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell.

    Args:
        shell: The shell.
        key: The private key to come in with.
        command: The command.
        options: Options of the client's.
        fails: Whether the command, or the client, is to fail.

    Raises:
        SshFailed: It did not end as it should.
    """
    return _run([*shell.command.split(), *options, *ssh_options(key), command], fails=fails)


def leave_at_once(shell: SshContainer, key: Path, command: str) -> None:
    """Run a command in a shell, and cut the connection while it runs, as clients do that wait for no end."""
    line = [*shell.command.split(), *ssh_options(key), f"echo begun; sleep 1; {command}"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        begun = client.stdout.readline()
        client.kill()
    if begun != "begun\n":
        raise SshFailed(f"{shlex.join(line)} did not begin")


def copy(shell: SshContainer, key: Path, source: str, target: str) -> None:
    """Copy a file by scp; what lies in the shell begins with a colon.

    Raises:
        SshFailed: It was not copied.
    """
    _, _, port, there = shell.command.split()
    places = [f"{there}{place}" if place.startswith(":") else place for place in (source, target)]
    _run(["scp", "-P", port, *ssh_options(key), *places])


def sftp(shell: SshContainer, key: Path, batch: str, *, fails: bool = False) -> None:
    """Run the commands of a batch, up to the first that fails.

    Raises:
        SshFailed: One failed, or none did and one was to.
    """
    _, _, port, there = shell.command.split()
    _run(["sftp", "-P", port, *ssh_options(key), "-b", "-", there], batch, fails=fails)


def ssh_options(key: Path) -> list[str]:
    """Return what keeps the client from asking, and from keys and settings of whoever runs the tests."""
    return [
        *("-F", "none", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        # A cluster takes a moment to lead a new service's address to its pod; until then nobody answers.
        *("-o", "ConnectTimeout=5", "-o", "ConnectionAttempts=3"),
        *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={key.with_name('known_hosts')}"),
    ]


def _run(command: list[str], stdin: str = "", *, fails: bool = False) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if (ran.returncode != 0) is not fails:
        said = f"{shlex.join(command)} ended with exit code {ran.returncode}"
        raise SshFailed(f"{said}{', and was to fail' if fails else ''}:\n{ran.stdout}{ran.stderr}")
    return ran
