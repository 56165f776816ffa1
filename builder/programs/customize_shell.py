"""The pod with a shell into the root of an image that is customized (see shell.py).

It fails unless its user says that the root is complete, which is refused as long as the root has no kernel or initrd.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from builder.contract.inputs import CustomizeShellInput
from builder.contract.lines import MEND_HERE
from builder.contract.options import Options
from builder.pod.context import Context, fetch
from builder.pod.image_root.boot_choice import NoBootFile, choose_boot_files, choose_kernel
from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.image_root.chroot import ready_for_chroot
from builder.pod.image_root.customization import customization
from builder.pod.image_root.initrd import Before, is_due
from builder.pod.image_root.root import image_root, note_prepared
from builder.pod.inspection.inspection import inspect_open_root
from builder.pod.lease import run_in_workspace
from builder.pod.rootfs.lazy_rootfs import RootfsDownload
from builder.pod.rootfs.original import downloading_root, refuse_without_folders
from builder.pod.rootfs.rootfs import Rootfs
from builder.pod.shell.shell import IMAGE, Ended, Ending, Shell, open_shell
from builder.pod.step import StepFailed, end_with, say, workspace

_WELCOME = """\
This is the root of the image to customize{where}.
touch {complete}  when it is ready: it is then packed as a new image. touch {failed}  gives up.
Otherwise the shell ends {{limit}} from its start, and the changes are lost: `ims jobs extend` gives it more time.
"""
_PASSWD = Path("/etc/passwd")
_LARGEST_PASSWD_BYTES = 1 << 20


class NotCompleted(StepFailed):
    """The shell has ended, and its user has not said that the root is complete."""


def customize_shell() -> None:
    """Make the image root, serve the shell, and wait for what is still missing of the rootfs."""
    here, asked = workspace(), CustomizeShellInput.from_environment(os.environ)
    rootfs = Rootfs.of(asked.root.rootfs)
    options = fetch(asked.root.context, here / "context").options
    with downloading_root(here, rootfs, overlay=asked.root.overlay) as download:
        try:
            serve(here, asked, options, download)
        except NotCompleted:
            raise
        except (StepFailed, OSError) as failure:
            download.raise_if_read_failed(failure)
            raise
        download.wait()
    note_prepared(here, **rootfs.made_of)


def serve(here: Path, asked: CustomizeShellInput, options: Options, download: RootfsDownload) -> None:
    """Serve the shell until its user says that the root is complete, unless that was said before.

    Raises:
        NotCompleted: It ended otherwise.
        StepFailed: The rootfs is not an image root, or what belongs to every change cannot be done.
        TryAgain: The root can no longer be read.
    """
    completed = here / "shell-completed"
    file = Context(here / "context").boot_parameters
    parameters = file.read_text(errors="replace") if file else ""
    with image_root(here) as root:
        refuse_without_folders(root)
        with ready_for_chroot(root), customization(here, root) as before:
            if completed.exists():
                say("the shell was completed before: it is not opened again")
                return
            make_shell = jailed if asked.jail else free
            shell = make_shell(root, lambda: refusal(root, before, options, parameters))
            shell = replace(shell, on_ready=download.fetch_rest, check=download.check)
            fail_unless_completed(open_shell(shell, asked.shell))
            completed.touch()


def free(root: Path, refuse: Callable[[], str]) -> Shell:
    """Return a shell that sees the pod, with the root in IMS's usual place."""
    IMAGE.mkdir(parents=True, exist_ok=True)
    (IMAGE / "image-root").symlink_to(root)
    where = ", in /mnt/image/image-root: `chroot /mnt/image/image-root` to install packages"
    return Shell(
        welcome=_WELCOME.format(where=where, complete=IMAGE / "complete", failed=IMAGE / "failed"),
        signals=IMAGE,
        refusal=refuse,
    )


def jailed(root: Path, refuse: Callable[[], str]) -> Shell:
    """Return a shell that sees the root as `/`.

    Raises:
        StepFailed: sshd refuses to jail a session in that root.
    """
    known = root.stat()
    mode = known.st_mode & 0o7777
    # sshd_config(5), ChrootDirectory.
    if known.st_uid != 0 or mode & 0o022:
        raise StepFailed(
            f"the image's / belongs to user {known.st_uid} and has mode {mode:o}: sshd refuses to jail a session there",
            advice="customize it without a jail",
        )
    _use_shell_of(root)
    return Shell(
        welcome=_WELCOME.format(where="", complete="/tmp/complete", failed="/tmp/failed"),  # noqa: S108 - IMS's places
        signals=resolve_in_root(root, "tmp"),
        jail=root,
        refusal=refuse,
    )


def refusal(root: Path, before: Before, options: Options, parameters: str = "") -> str:
    """Return what the root lacks to be packed, and what can be done in the shell; empty when nothing.

    An initrd that will be made need not be there. What is only a warning is found when the root is packed.
    """
    files = None
    try:
        if is_due(root, before, options):
            choose_kernel(root, options)
        else:
            files = choose_boot_files(root, options)
    except NoBootFile as missing:
        return f"{missing}{MEND_HERE}{missing.mend}"
    errors = inspect_open_root(root, options, files, parameters).errors
    return f"{'; '.join(each.what for each in errors)}{MEND_HERE}{errors[0].advice}" if errors else ""


def fail_unless_completed(ended: Ended) -> None:
    """Fail unless the shell was completed.

    Raises:
        NotCompleted: It was not.
    """
    if ended.how is Ending.COMPLETE:
        return
    if ended.refused:
        say(f"when it was to be completed: {ended.refused}")
    if ended.how is Ending.FAILED:
        raise NotCompleted(f"aborted: {ended.words}", advice="start a new job if it is wanted")
    last = f"; when it was to be completed, {ended.refused}" if ended.refused else ""
    raise NotCompleted(
        f"{ended.words}, so nothing was packed{last}",
        advice="start a new job; `ims jobs extend` gives one shell more time, IMS_SHELL_LIMIT gives it to all",
    )


def _use_shell_of(root: Path) -> None:
    """Let sshd start the shell that the image has for root: it asks this pod's own list of users."""
    shell = "/bin/sh"
    for line in _users_of(root):
        fields = line.split(":")
        if fields[0] == "root" and len(fields) > 6 and fields[6]:
            shell = fields[6]
    ours = [line.split(":") for line in _PASSWD.read_text().splitlines()]
    changed = [[*fields[:6], shell] if fields[0] == "root" else fields for fields in ours]
    _PASSWD.write_text("".join(f"{':'.join(fields)}\n" for fields in changed))


def _users_of(root: Path) -> list[str]:
    try:
        file = resolve_in_root(root, "etc/passwd")
    except (FileNotFoundError, NotADirectoryError):
        return []
    # An image may hold anything by that name.
    if not file.is_file() or file.stat().st_size > _LARGEST_PASSWD_BYTES:
        return []
    return file.read_text(errors="replace").splitlines()


if __name__ == "__main__":
    end_with(run_in_workspace(customize_shell))
