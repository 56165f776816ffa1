"""Changes in a shell are kept on the workspace's disk, also when the node is lost; what may be missing is reported.

While a shell is open the workspace is synced again and again, and the time of the last sync is noted in it. When the
pod before was lost with its node, what was written after that time may be missing.
"""

import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from builder.pod.lease import LOSS

SYNC_SECONDS = 30.0
_NOTE = "synced"


class Keeper:
    """Syncs a workspace, without waiting for its disk.

    Args:
        workspace: The workspace.
    """

    def __init__(self, workspace: Path) -> None:
        """Sync nothing yet."""
        self._workspace = workspace
        self._began = time.time()
        self._sync: subprocess.Popen[bytes] | None = None

    def sync_when_due(self) -> None:
        """Note a sync that has ended, and begin the next one when it is time."""
        if self._sync is not None:
            if self._sync.poll() is None:
                return
            if self._sync.returncode == 0:
                # A full disk does not end the shell: its user can make room.
                with suppress(OSError):
                    (self._workspace / _NOTE).write_text(str(self._began))
            self._sync = None
        if time.time() - self._began >= SYNC_SECONDS:
            self._began = time.time()
            self._sync = subprocess.Popen(
                ["sync", "--file-system", str(self._workspace)], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
            )


def take_loss(workspace: Path) -> str:
    """Return what may be missing since a pod was lost with its node, once; empty when nothing is."""
    file = workspace / LOSS
    if not file.exists():
        return ""
    note = workspace / _NOTE
    since = f"{datetime.fromtimestamp(float(note.read_text()), UTC):%Y-%m-%d %H:%M:%S} UTC" if note.exists() else ""
    lost = file.read_text()
    file.unlink()
    return f"{lost} was lost with its node: what was written {f'after {since}' if since else 'in it'} may be missing"
