"""builder/pod/unsynced.py: in the builder image with the real filter, and here, where Python has no libseccomp."""

import subprocess
import sys
from pathlib import Path

import pytest

from builder.pod.unsynced import unsynced
from tests.builder_pod import run_in_builder

# A call that is made fails for these arguments, one that returns at once does not. The last is one that is made.
_ALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
refused = [
    name
    for name in ("fsync", "fdatasync", "syncfs", "msync", "sync_file_range", "fchdir")
    if getattr(libc, name)(-1, 0, 0, 4096) != 0
]
print(*refused)
"""


@pytest.mark.containers
def test_all_calls_that_wait_for_a_disk_return_at_once_in_a_chroot_too(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from builder.pod.unsynced import unsynced
import os
command = ["chroot", "/", "sh", "-c", 'grep NoNewPrivs /proc/self/status; exec python3 -c "$0"', {_ALL!r}]
words = unsynced(command)
os.execvp(words[0], words)
"""
    ran = run_in_builder(["python3", "-c", program], workspace=tmp_path)
    assert ran.stdout.split() == ["NoNewPrivs:", "0", "fchdir"], ran.stdout


def test_where_no_filter_can_be_set_the_program_runs_and_it_is_said() -> None:
    command = unsynced([sys.executable, "-c", "print('it ran'); raise SystemExit(3)"])
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    said, last = ran.stdout.splitlines()
    assert said.startswith("each file is synced to disk, which takes longer: no filter of system calls: ")
    assert (last, ran.returncode) == ("it ran", 3)
