"""The pod that runs a script in the image root: fetched with its folder, run chrooted, judged by its exit code.

Environment: IMS_SCRIPT_URL (presigned), IMS_SCRIPT_SHA256 of an archive of the script's folder; IMS_SCRIPT_ENTRY, the
script's name in it; IMS_SCRIPT_SECONDS. IMS_JOB_ID and IMS_ARCH, which the script gets as well.

Safe to run again: a script that has ended well is not run again, and one that was cut off begins anew on the root as it
was before. Nothing of it stays in the root: its folder is mounted there for as long as it runs.
"""

import errno
import shutil
import signal
from pathlib import Path

from builder.programs.boot_files import resolve_in_root
from builder.programs.context import fetch
from builder.programs.customization import customize_once
from builder.programs.enclosure import Command, Ending, run_enclosed
from builder.programs.script_log import ScriptLog
from builder.programs.step import StepFailed, end_with, required, run_step, say, workspace

# /run of an image is left out of its rootfs, in case we cannot take it away ourselves.
PLACE = "run/ims-script"
_LONGEST_LIST = 10


def script() -> None:
    """Run the job's script in the workspace's image root."""
    entry, seconds, sha256 = (
        required("IMS_SCRIPT_ENTRY"),
        limit_seconds("IMS_SCRIPT_SECONDS"),
        required("IMS_SCRIPT_SHA256"),
    )
    here = workspace()

    def change(root: Path) -> None:
        folder = fetch(required("IMS_SCRIPT_URL"), sha256, here / "script").folder
        run_script(root, folder, entry, seconds)

    customize_once(here, f"script {entry} of {sha256}", change)


def run_script(root: Path, folder: Path, entry: str, seconds: float) -> None:
    """Run a script in an image root.

    Args:
        root: The image root, ready for programs that run in it.
        folder: The folder of the script and of what belongs to it; the script's working directory.
        entry: The script's path in it.
        seconds: How long it may run.

    Raises:
        StepFailed: It cannot be started, failed, did not end in time, or left processes running; none runs any more.
    """
    words = [*_interpreter(folder / entry), f"/{PLACE}/{entry}"]
    say(f"running {entry} in the image root")
    log = ScriptLog()
    place = _make_place(root)
    try:
        command = Command(words, root, seconds, directory=f"/{PLACE}", binds=[(folder, place)])
        ending = run_enclosed(command, log)
    finally:
        place.rmdir()
        log.close()
    judge(ending, f"the script {entry}", seconds, log.last)
    say(f"{entry} has ended well")


def judge(ending: Ending, what: str, seconds: float, last: str) -> None:
    """Tell what is wrong with how a script has ended.

    Args:
        ending: How it has ended.
        what: The script, in words.
        seconds: How long it was allowed to run.
        last: The last line that it said.

    Raises:
        StepFailed: Anything is.
    """
    running = _listed(ending.left)
    if ending.not_started:
        raise _not_started(ending.not_started, what)
    if ending.cut:
        raise StepFailed(
            f"{what} did not end within {seconds:g} s, and was ended while it ran {running or 'nothing any more'}",
            advice="see in its log what it waited for, or raise IMS_SCRIPT_LIMIT",
        )
    if ending.exit_code:
        raise StepFailed(f"{what} {_ended(ending.exit_code)}{f': {last}' if last else ''}")
    if ending.left:
        raise StepFailed(
            f"{what} left processes running, which were ended: {running}",
            advice="let it end, or wait for, all that it starts: the image is packed as it stands",
        )


def limit_seconds(variable: str) -> int:
    """Return a limit that the pod's manifest has to set.

    Raises:
        StepFailed: It is no number of seconds.
    """
    seconds = required(variable)
    if not seconds.isdigit():
        raise StepFailed(f"{variable} is {seconds}, not a number of seconds")
    return int(seconds)


def _interpreter(file: Path) -> list[str]:
    """Return what a file is run by when it does not say so itself, and see to it that it can be run."""
    with file.open("rb") as script:
        begin = script.readline(4096)
    if begin.startswith(b"#!") and begin.endswith(b"\r\n"):
        raise StepFailed(
            f"the script {file.name} has line ends of Windows: its interpreter would not be found",
            advice="convert it, for instance with dos2unix",
        )
    if not begin.startswith((b"#!", b"\x7fELF")):
        return ["/bin/sh"]
    file.chmod(0o755)
    return []


def _make_place(root: Path) -> Path:
    """Make the folder in the root that the script's is mounted at; what a killed pod left there goes."""
    try:
        place = resolve_in_root(root, "run") / Path(PLACE).name
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StepFailed("the image root has no folder /run") from error
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
    else:
        shutil.rmtree(place)
    place.mkdir(mode=0o700)
    return place


def _not_started(error: int, what: str) -> StepFailed:
    if error == errno.ENOENT:
        return StepFailed(
            f"{what} cannot be started: its interpreter is not in the image root",
            advice="name one that is there in its first line, or have it installed by the recipe",
        )
    return StepFailed(f"{what} cannot be started: {errno.errorcode.get(error, 'errno')} {error}")


def _ended(exit_code: int) -> str:
    return f"ended with exit code {exit_code}" if exit_code > 0 else f"was ended by {signal.Signals(-exit_code).name}"


def _listed(processes: tuple[str, ...]) -> str:
    shown = ", ".join(each[:80] for each in processes[:_LONGEST_LIST])
    more = len(processes) - _LONGEST_LIST
    return f"{shown} and {more} more" if more > 0 else shown


if __name__ == "__main__":
    end_with(run_step(script))
