"""What the pods of a script and of a playbook have in common: what they are told, and how its end is judged.

Environment: IMS_SCRIPT_URL (presigned), IMS_SCRIPT_SHA256 of an archive of the script's folder; IMS_SCRIPT_ENTRY, the
script's name in it; IMS_SCRIPT_SECONDS, its limit. IMS_JOB_ID and IMS_ARCH, which the script gets as well.
"""

import errno
import signal
from collections.abc import Callable
from pathlib import Path

from builder.pod.context import fetch
from builder.pod.enclosure import Ending
from builder.pod.image_root.customization import customize_once
from builder.pod.step import StepFailed, required, workspace

# Runs a script on an image root: the root, the script's folder, its path in it, and how many seconds it may run.
Run = Callable[[Path, Path, str, float], None]
_LONGEST_LIST = 10


def run_unattended(kind: str, run: Run) -> None:
    """Run the job's script on the workspace's image root.

    Safe to repeat: one that has ended well is not run again, and one that was cut off begins on the root as it was.

    Args:
        kind: What it is: a script, or a playbook.
        run: Runs it.

    Raises:
        StepFailed: It failed, or the root cannot be mounted.
    """
    entry, sha256, seconds = required("IMS_SCRIPT_ENTRY"), required("IMS_SCRIPT_SHA256"), _limit_seconds()
    here = workspace()

    def change(root: Path) -> None:
        run(root, fetch(required("IMS_SCRIPT_URL"), sha256, here / "script").folder, entry, seconds)

    customize_once(here, f"{kind} {entry} of {sha256}", change)


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


def _limit_seconds() -> int:
    seconds = required("IMS_SCRIPT_SECONDS")
    if not seconds.isdigit():
        raise StepFailed(f"IMS_SCRIPT_SECONDS is {seconds}, not a number of seconds")
    return int(seconds)


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
