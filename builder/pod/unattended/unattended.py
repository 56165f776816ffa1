"""What the pods of a script and of a playbook have in common: their input, and which ends of it are failures."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

from builder.contract.enclosed import Ending
from builder.contract.inputs import ContextInput, ScriptInput
from builder.pod.context import fetch
from builder.pod.image_root.customization import customize_once
from builder.pod.step import StepFailed, workspace

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
    script, here = ScriptInput.from_environment(os.environ), workspace()
    archive = ContextInput(url=script.url, sha256=script.sha256)

    def change(root: Path) -> None:
        run(root, fetch(archive, here / "script").folder, script.entry, script.seconds)

    customize_once(here, f"{kind} {script.entry} of {script.sha256}", change)


def raise_for_ending(ending: Ending, what: str, seconds: float, last: str) -> None:
    """Raise what is wrong with how a script has ended.

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
            f"{what} did not end within {seconds:g} s, and was ended while it ran {running or 'no process'}",
            advice="see in its log what it waited for, or raise IMS_SCRIPT_LIMIT",
        )
    if ending.exit_code:
        raise StepFailed(f"{what} {_ended(ending.exit_code)}{f': {last}' if last else ''}")
    if ending.left:
        raise StepFailed(
            f"{what} left processes running, which were ended: {running}",
            advice="let it end, or wait for, all that it starts: the image is packed as it stands",
        )


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
