"""What an image root needs for programs that run chrooted in it, above all package scripts, and its removal.

/dev, /proc and /sys; the pod's resolv.conf, so that names are found; on Debian a policy that no package starts a
service. Nothing of it gets into the image, also when an earlier pod was killed before it could put things back.
"""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.image_root.mounts import kernel_file_systems
from builder.pod.image_root.processes import end_processes_in

_RESOLVER = Path("/etc/resolv.conf")
_KEPT_NAME = ".resolv.conf.of-the-image"
_LENT = "# The pod's, while the image is customized; what you change here is kept. "
# Debian's invoke-rc.d calls it; 101 means: not allowed.
_POLICY = "#!/bin/sh\n# Only while the image is customized.\nexit 101\n"


@contextmanager
def ready_for_chroot(root: Path) -> Iterator[None]:
    """Prepare an image root for programs that run in it, for as long as the block runs.

    Processes that were left running are ended first, then everything is as it was. A resolv.conf that was changed in
    between is kept: it is the image's.

    Raises:
        StepFailed: The mounts are refused, as they are outside of a privileged pod, or the root has no folder for them.
    """
    put_back(root)
    try:
        with kernel_file_systems(root):
            _mount_terminals(root)
            _lend_resolver(root)
            _forbid_services(root)
            try:
                yield
            finally:
                end_processes_in(root)
    finally:
        put_back(root)


def put_back(root: Path) -> None:
    """Remove from an image root what was lent to it; nothing there is success."""
    policy = _policy_file(root)
    if policy is not None and _text(policy) == _POLICY:
        policy.unlink()
    etc = _folder(root, "etc")
    if etc is None:
        return
    lent, kept = etc / "resolv.conf", etc / _KEPT_NAME
    marker = etc / f"{_KEPT_NAME}.none"
    if kept.is_symlink() or kept.exists():
        if _is_lent(lent):
            kept.replace(lent)
        else:
            kept.unlink()
    elif marker.exists() and _is_lent(lent):
        lent.unlink()
    marker.unlink(missing_ok=True)


def _lend_resolver(root: Path) -> None:
    etc = _folder(root, "etc")
    if etc is None or not _RESOLVER.exists():
        return
    here = etc / "resolv.conf"
    if here.is_symlink() or here.exists():
        here.rename(etc / _KEPT_NAME)
    else:
        (etc / f"{_KEPT_NAME}.none").touch()
    here.write_text(_lent(_text(_RESOLVER)))


def _lent(servers: str) -> str:
    """Return a resolv.conf with a digest of its lines, by which a later change is recognised."""
    return f"{_LENT}{hashlib.sha256(servers.encode()).hexdigest()}\n{servers}"


def _is_lent(file: Path) -> bool:
    text = _text(file)
    return text.startswith(_LENT) and text == _lent(text.partition("\n")[2])


def _forbid_services(root: Path) -> None:
    policy = _policy_file(root)
    if policy is not None and not policy.exists() and not policy.is_symlink():
        policy.write_text(_POLICY)
        policy.chmod(0o755)


def _policy_file(root: Path) -> Path | None:
    folder = _folder(root, "usr/sbin")
    return folder / "policy-rc.d" if folder is not None and (folder / "invoke-rc.d").exists() else None


def _mount_terminals(root: Path) -> None:
    """Show the pod's terminals and shared memory in the root, where it has them; a script seldom needs them."""
    for source in ("/dev/pts", "/dev/shm"):  # noqa: S108 - a mount point, not a file of ours
        if Path(source).is_dir():
            subprocess.run(["mount", "--bind", source, f"{root}{source}"], capture_output=True, check=False)


def _folder(root: Path, name: str) -> Path | None:
    with suppress(FileNotFoundError, NotADirectoryError):
        return resolve_in_root(root, name)
    return None


def _text(file: Path) -> str:
    """Return a file's content; nothing when it is none, or a link: what a link leads to lies outside of the root."""
    return file.read_text(errors="replace") if file.is_file() and not file.is_symlink() else ""
