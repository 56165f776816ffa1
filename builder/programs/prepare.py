"""The pod that builds an image root: fetch the context, run `kiwi-ng system prepare`, leave the root in the workspace.

Environment: IMS_CONTEXT_URL (presigned), IMS_CONTEXT_SHA256. Safe to run again: a root that is ready is kept, a
half-built one is removed first. kiwi mounts /dev and lets package scripts at it: it must only run in a pod.
"""

import json
import platform
import re
import shutil
import subprocess
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from builder.programs.child import run
from builder.programs.context import Context, unpack
from builder.programs.image_scripts import make_missing_initrd, run_images_script
from builder.programs.kiwi_command import kiwi_version, prepare_command
from builder.programs.mounts import unmount_below
from builder.programs.old_functions import functions_file, make_harmless, warnings_of_scripts
from builder.programs.step import StepFailed, end_with, required, run_step, say, workspace
from builder.programs.transfer import download

_LONGEST_ERROR = 900
_SHOWN_LINES = 150
_KIWI_CACHE = Path("/var/cache/kiwi")
_PASSWORD_IN_ADDRESS = re.compile(r"(://)[^/@\s]+@")


def prepare() -> None:
    """Build the image root of the job's context, unless it is there already."""
    url, sha256 = required("IMS_CONTEXT_URL"), required("IMS_CONTEXT_SHA256")
    here = workspace()
    prepared, root = here / "prepared.json", here / "root"
    if prepared.exists() and json.loads(prepared.read_text())["context_sha256"] == sha256:
        say("the image root is ready: nothing to do")
        return
    prepared.unlink(missing_ok=True)
    remove_root(root)
    context = fetch_context(url, sha256, here)
    try:
        build_root(context, root)
    finally:
        unmount_below(root)
    partial = prepared.with_suffix(".part")
    partial.write_text(json.dumps({"context_sha256": sha256, "finished": datetime.now(UTC).isoformat()}))
    partial.rename(prepared)
    say("the image root is ready")


def fetch_context(url: str, sha256: str, here: Path) -> Context:
    """Download the job's context and unpack it in the workspace, in place of an earlier one."""
    archive, folder = here / "context.tar.gz", here / "context"
    shutil.rmtree(folder, ignore_errors=True)
    download(url, archive, sha256)
    return unpack(archive, folder)


def build_root(context: Context, root: Path) -> None:
    """Run kiwi, and what of a description kiwi leaves to its later steps.

    Raises:
        StepFailed: kiwi or a script of the description failed.
    """
    options = context.options
    if options.arch != platform.machine():
        raise StepFailed(f"the image is for {options.arch}, and this machine is {platform.machine()}")
    deferred = _uses_apt(context.description)
    # Package scripts would make an initrd that the description's own scripts make again: 15 s of 66.
    environment = {"INITRD": "No"} if deferred else {}
    _keep_downloads_in(root.parent / "downloads")
    if functions := functions_file():
        make_harmless(functions)
    log, log_file = _KiwiLog(), root.parent / "kiwi.log"
    command = prepare_command(
        context.description, root, log_file=log_file, profiles=options.profiles, options=options.kiwi_options
    )
    say(f"building the image root with kiwi-ng {kiwi_version()}")
    exit_code = run(command, environment=environment, on_line=log)
    for warning in warnings_of_scripts(root):
        say(_mask(warning))
    if exit_code:
        log.show_end_of(log_file)
        raise StepFailed(f"kiwi-ng system prepare failed: {log.error or f'exit code {exit_code}'}")
    run_images_script(root)
    if deferred:
        make_missing_initrd(root)


def remove_root(root: Path) -> None:
    """Remove a half-built root; nothing mounted in it is touched.

    Raises:
        StepFailed: Something in it cannot be removed.
    """
    if not root.exists():
        return
    say("removing the image root of an earlier attempt")
    unmount_below(root)
    removed = subprocess.run(
        ["rm", "--recursive", "--force", "--one-file-system", str(root)], capture_output=True, text=True, check=False
    )
    if removed.returncode:
        raise StepFailed(f"the image root of an earlier attempt cannot be removed: {removed.stderr.strip()}")


class _KiwiLog:
    """kiwi's log on its way to the pod's: passwords masked, its error kept."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._in_error = False

    @property
    def error(self) -> str:
        """What kiwi says went wrong, in one line: its beginning and, when it goes on and on, its end."""
        words = " ".join(self._words)
        return words if len(words) <= _LONGEST_ERROR else f"{words[:300]} … {words[300 - _LONGEST_ERROR :]}"

    def show_end_of(self, file: Path) -> None:
        """Show the end of the log file, where kiwi keeps what package managers and scripts said."""
        if not file.exists():
            return
        with file.open(errors="replace") as lines:
            last = deque(lines, _SHOWN_LINES)
        say(f"--- the last {len(last)} lines of kiwi's own log")
        for line in last:
            say(_mask(line.rstrip("\n")))
        say("--- end of kiwi's own log")

    def __call__(self, line: str) -> None:
        """Take one line."""
        masked = _mask(line)
        say(masked)
        if masked.startswith("[ "):
            self._in_error = masked.startswith("[ ERROR")
            masked = masked.partition("| ")[2]
        if self._in_error:
            self._words.append(masked.strip())


def _mask(line: str) -> str:
    return _PASSWORD_IN_ADDRESS.sub(r"\1***@", line)


def _uses_apt(description: Path) -> bool:
    files = [description / "config.xml", *sorted(description.glob("*.kiwi"))]
    for file in filter(Path.is_file, files):
        try:
            managers = ElementTree.parse(file).iter("packagemanager")  # noqa: S314 - validated before it was staged
        except ElementTree.ParseError as error:
            raise StepFailed(f"{file.name} is not XML: {error}") from error
        return any((manager.text or "").strip() == "apt" for manager in managers)
    return False


def _keep_downloads_in(folder: Path) -> None:
    # They belong on the workspace's volume, not in the container's own layer; another attempt finds them there.
    folder.mkdir(exist_ok=True)
    if not _KIWI_CACHE.is_symlink():
        with suppress(FileNotFoundError):
            _KIWI_CACHE.rmdir()
        _KIWI_CACHE.symlink_to(folder)


if __name__ == "__main__":
    end_with(run_step(prepare))
