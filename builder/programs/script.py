"""The pod that runs a script in the image root: it fails when the script does (see unattended.py).

Nothing of the script stays in the root: its folder is mounted there for as long as it runs.
"""

import shutil
from pathlib import Path

from builder.pod.enclosure import Command, run_enclosed
from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.lease import run_in_workspace
from builder.pod.script_log import ScriptLog
from builder.pod.step import StepFailed, end_with, say
from builder.pod.unattended.unattended import raise_for_ending, run_unattended

# /run of an image is left out of its rootfs, should this program be killed before it removes the folder.
PLACE = "run/ims-script"


def script() -> None:
    """Run the job's script in the workspace's image root."""
    run_unattended("script", run_script)


def run_script(root: Path, folder: Path, entry: str, seconds: float) -> None:
    """Run a script in an image root.

    Args:
        root: The image root, ready for programs that run in it.
        folder: The folder of the script and of what belongs to it; the script's working directory.
        entry: The script's path in it.
        seconds: How long it may run.

    Raises:
        StepFailed: It cannot be started, failed, did not end in time, or left processes running; they are ended.
    """
    words = [*_interpreter(folder / entry), f"/{PLACE}/{entry}"]
    say(f"running {entry} in the image root")
    log = ScriptLog()
    place = _make_place(root)
    try:
        command = Command(words, root, seconds, directory=f"/{PLACE}", binds=[(folder, place)])
        ending = run_enclosed(command, log)
    finally:
        # In any state that the script left it in.
        shutil.rmtree(place, ignore_errors=True)
        log.close()
    raise_for_ending(ending, f"the script {entry}", seconds, log.last)
    say(f"{entry} has ended well")


def _interpreter(file: Path) -> list[str]:
    """Return the interpreter of a file that names none, or make the file executable."""
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
    """Make the folder in the root that the script's is mounted at; what a killed pod left there is removed."""
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


if __name__ == "__main__":
    end_with(run_in_workspace(script))
