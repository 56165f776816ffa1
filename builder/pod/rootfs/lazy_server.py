"""A file system of one file, the rootfs: its bytes are fetched when they are read (lazy_file.py).

    python3 -m builder.pod.rootfs.lazy_server FILE TARGET

Environment: RootfsInput (builder/contract/inputs.py). It serves FILE, in a folder that it mounts, until that is
unmounted. It takes two orders on its standard input. FETCH: download the rest as well, check the whole and name it
TARGET; try again for as long as a server fails. FINISH: the same, but fail when a server fails. It ends as a step does
(step.py). For each read that fails it writes a line with READ_FAILED.
"""

import errno
import os
import sys
import threading
import traceback
from pathlib import Path

from builder.contract.exit_codes import FAILED
from builder.contract.inputs import RootfsInput
from builder.pod.rootfs.lazy_file import LazyFile
from builder.pod.rootfs.rootfs import OtherContent, Rootfs, complete, new_partial
from builder.pod.step import StepFailed, TryAgain, end_with, ending_of, run_step, say
from builder.pod.transfer.attempts import Patience
from builder.pod.transfer.ranges import Replaced

FETCH, FINISH = "fetch", "finish"
READ_FAILED = "read failed: "
# A process that reads cannot be ended meanwhile, not even by SIGKILL: 15 s without a server, 1 min with a silent one.
_PATIENCE = Patience(attempts=5, silence_seconds=10)
_PAUSE_SECONDS = 15.0


class Completion:
    """Fetches the rest of the rootfs, for as long as a shell is open on what is here of it."""

    def __init__(self, rootfs: Rootfs, file: LazyFile, partial: Path, target: Path) -> None:
        self._rootfs, self._file = rootfs, file
        self._partial, self._target = partial, target
        self._begun = False
        self._urgent = threading.Event()

    def obey(self) -> None:
        """Carry out the orders on standard input. EOF means the parent exited."""
        for line in sys.stdin:
            if line.strip() == FINISH:
                self._urgent.set()
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._run, daemon=True).start()
        os._exit(0)

    def _run(self) -> None:
        code = FAILED
        try:
            code = ending_of(self._complete)
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            if code:
                end_with(code)

    def _complete(self) -> None:
        try:
            complete(self._rootfs, self._file, self._wait_or_raise)
        except OtherContent as failure:
            raise StepFailed(f"{failure}: the shell was open on a broken root", advice="run the job again") from failure
        # It is served from its partial name until it is unmounted, so it is renamed while it is in use.
        self._partial.rename(self._target)
        say("the rootfs is here")

    def _wait_or_raise(self, failure: TryAgain | StepFailed) -> None:
        if self._urgent.is_set() or isinstance(failure, Replaced):
            raise failure
        say(f"{failure}; trying again in {_PAUSE_SECONDS:g} s")
        self._urgent.wait(_PAUSE_SECONDS)


def read(file: LazyFile, offset: int, size: int) -> bytes:
    """Return these bytes of the rootfs, once they are here.

    Raises:
        OSError: They cannot be fetched.
    """
    try:
        file.fetch(offset, size, _PATIENCE)
    except (TryAgain, StepFailed) as failure:
        say(f"bytes {offset} and on of the rootfs cannot be read: {failure}")
        sys.stderr.write(f"{READ_FAILED}{failure}\n")
        sys.stderr.flush()
        raise OSError(errno.EIO, str(failure)) from failure
    return file.read(offset, size)


def lazy_server() -> None:
    """Serve the file until it is unmounted."""
    # The parent imports this module for its constants, and must not wait for the import of FUSE.
    from builder.pod.rootfs.one_file import serve

    served, target = (Path(argument) for argument in sys.argv[1:])
    rootfs, partial = Rootfs.of(RootfsInput.from_environment(os.environ)), new_partial(target)
    try:
        file = LazyFile(rootfs.source, partial)
        threading.Thread(target=Completion(rootfs, file, partial, target).obey, daemon=True).start()
        serve(served, rootfs.source.size, lambda offset, size: read(file, offset, size), file.is_here)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    end_with(run_step(lazy_server))
