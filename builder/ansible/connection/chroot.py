"""Ansible's connection into an image root: each command runs chrooted in it (ansible-core brings none of that kind).

`ansible_host` is the root's path. Commands find Ansible's own environment, which is that of an enclosure.
"""

import shlex
import subprocess
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: chroot
short_description: Run tasks in an image root
description: Commands and modules run chrooted in the folder that ansible_host names.
options:
  remote_addr:
    description: The path of the image root.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
"""


class Connection(ConnectionBase):
    """A root on this machine: there is nothing to connect to."""

    transport = "chroot"
    has_pipelining = True
    has_tty = False

    def _connect(self) -> "Connection":
        root = self.get_option("remote_addr")
        if not Path(root).is_dir():
            raise AnsibleConnectionFailure(f"{root} is not an image root")
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a shell command in the root and return its exit code, its output and its errors."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        ran = subprocess.run(self._words(cmd), input=in_data or b"", capture_output=True, check=False)
        return ran.returncode, ran.stdout, ran.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the root, by a command in it: the root's links lead nowhere else."""
        super().put_file(in_path, out_path)
        with Path(in_path).open("rb") as source:
            words = self._words(f"cat > {shlex.quote(out_path)}")
            self._succeed(words, f"{out_path} cannot be written", stdin=source)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the root."""
        super().fetch_file(in_path, out_path)
        with Path(out_path).open("wb") as target:
            self._succeed(self._words(f"cat {shlex.quote(in_path)}"), f"{in_path} cannot be read", stdout=target)

    def close(self) -> None:
        """There is nothing to close."""
        self._connected = False

    def _words(self, command: str) -> list[str]:
        return ["chroot", self.get_option("remote_addr"), "/bin/sh", "-c", command]

    def _succeed(self, words: list[str], what: str, **files: Any) -> None:
        ran = subprocess.run(words, stderr=subprocess.PIPE, check=False, **files)
        if ran.returncode:
            raise AnsibleError(f"{what} in the image root: {ran.stderr.decode(errors='replace').strip()}")
