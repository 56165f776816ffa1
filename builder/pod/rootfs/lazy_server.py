"""A file system of one file, the rootfs, that is there at once: what is read of it is fetched then (lazy_file.py).

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
from builder.pod.transfer import Patience, Replaced

FETCH, FINISH = "fetch", "finish"
READ_FAILED = "read failed: "
# Whoever reads cannot be ended meanwhile, by SIGKILL neither: fifteen seconds if nobody answers, a minute in silence.
_PATIENCE = Patience(attempts=5, silence_seconds=10)
_PAUSE_SECONDS = 15.0


class Completion:
    """The rest of the rootfs, fetched for as long as somebody is at work on what is here of it."""

    def __init__(self, rootfs: Rootfs, file: LazyFile, partial: Path, target: Path) -> None:
        self._what = (rootfs, file, partial, target)
        self._begun = False
        self._urgent = threading.Event()

    def obey(self) -> None:
        """Do what comes in by standard input, whose end is the end of who has started us."""
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
            complete(*self._what, bear=self._bear)
        except OtherContent as failure:
            raise StepFailed(
                f"{failure}: somebody has worked on a broken root", advice="run the job again"
            ) from failure
        say("the rootfs is here")

    def _bear(self, failure: TryAgain | StepFailed) -> None:
        if self._urgent.is_set() or isinstance(failure, Replaced):
            raise failure
        say(f"{failure}; trying again in {_PAUSE_SECONDS:g} s")
        self._urgent.wait(_PAUSE_SECONDS)


def read(file: LazyFile, offset: int, size: int) -> bytes:
    """Return these bytes of the rootfs, once they are here.

    Raises:
        OSError: They do not come.
    """
    try:
        file.bring(offset, size, _PATIENCE)
    except (TryAgain, StepFailed) as failure:
        say(f"bytes {offset} and on of the rootfs cannot be read: {failure}")
        sys.stderr.write(f"{READ_FAILED}{failure}\n")
        sys.stderr.flush()
        raise OSError(errno.EIO, str(failure)) from failure
    return file.read(offset, size)


def lazy_server() -> None:
    """Serve the file until it is unmounted."""
    # Who starts us imports this module for its words, and need not wait for FUSE's.
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
