"""A program that does not wait for the disk: fsync and its kin return at once, in it and in all that it starts.

Package managers sync each file, so that a machine that loses its power stays usable. An image root is thrown away when
its host crashes, and synced once when it is whole (image_root/root.py). The filter of system calls is inherited by
every process, in every chroot, whatever package manager it is.
"""

import os
import sys
from collections.abc import Sequence

CALLS = ("fsync", "fdatasync", "sync", "syncfs", "msync", "sync_file_range")


def unsynced(command: Sequence[str]) -> list[str]:
    """Return the command that runs this one so. Where no filter can be set it says so, and runs as it is."""
    return [sys.executable, "-m", __name__, *command]


def _set_filter() -> None:
    # Debian's, in the builder image alone.
    import seccomp

    calls = seccomp.SyscallFilter(seccomp.ALLOW)
    # A program of another architecture (32 bit) is not filtered; by itself it would be killed.
    calls.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.ALLOW)
    # File capabilities and setuid work as without the filter.
    calls.set_attr(seccomp.Attr.CTL_NNP, 0)
    for name in CALLS:
        calls.add_rule(seccomp.ERRNO(0), name)
    calls.load()


if __name__ == "__main__":
    try:
        _set_filter()
    except (ImportError, OSError, RuntimeError) as error:
        sys.stdout.write(f"each file is synced to disk, which takes longer: no filter of system calls: {error}\n")
        sys.stdout.flush()
    os.execvp(sys.argv[1], sys.argv[1:])
