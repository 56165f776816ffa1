"""What every change of an image root begins and ends with: by a user in a shell, by a script, by a playbook.

Before it the site's authorities go into the root, and its kernels and its initrd are noted; after it the initrd is made
again when that is needed.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from builder.contract.options import Options
from builder.pod.context import Context
from builder.pod.image_root.boot_choice import choose_boot_files
from builder.pod.image_root.chroot import ready_for_chroot
from builder.pod.image_root.initrd import Before, rebuild_initrd
from builder.pod.image_root.kernel import Kernels, kernels_of
from builder.pod.image_root.package_links import note_links
from builder.pod.image_root.root import Overlay, image_root, make_overlay, remove_root, renew_prepared
from builder.pod.image_root.squashfs import unpack
from builder.pod.image_root.trust_in_root import trust_site
from builder.pod.step import StepFailed, say
from builder.pod.whole_file import whole_file


@contextmanager
def customization(here: Path, root: Path) -> Iterator[Before]:
    """Change an image root in the block, which is ready for programs that run in it.

    Safe to repeat, as long as the workspace keeps what was noted before the first time.

    Args:
        here: The workspace, with the job's context.
        root: The image root.

    Yields:
        What the root was before it was changed.

    Raises:
        StepFailed: The trust store or the initrd cannot be made.
    """
    context = Context(here / "context")
    options = context.options
    before = _before(here, root, options)
    trust_site(root, context.certificates)
    yield before
    rebuild_initrd(root, before, options)
    note_links(root)


def customize_once(here: Path, identity: str, change: Callable[[Path], None]) -> None:
    """Let a program change the workspace's image root, once and on the root as it was.

    Args:
        here: The workspace.
        identity: Tells this change from others; one that was completed is not made again.
        change: Makes it, in a root that is ready for programs that run in it.

    Raises:
        StepFailed: The root cannot be mounted, or what `change` raises.
    """
    begun, done = here / "customizing", here / "customized"
    if done.exists() and done.read_text() == identity:
        say("the image is customized already: nothing to do")
        return
    done.unlink(missing_ok=True)
    if begun.exists():
        say("the change was cut off before: beginning it again on the image as it was")
        _begin_again(here)
    begun.touch()
    with image_root(here) as root, ready_for_chroot(root), customization(here, root):
        change(root)
    renew_prepared(here)
    with whole_file(done) as note:
        note.write_text(identity)


def _before(here: Path, root: Path, options: Options) -> Before:
    """Return what the root's kernels and initrd were before the change."""
    overlay = Overlay(here)
    if overlay.is_there:
        return Before(kernels_of(overlay.lower, options), _initrd_of(overlay.lower, options))
    return _noted(here / "before", root, options)


def _noted(folder: Path, root: Path, options: Options) -> Before:
    """Note the kernels and copy the initrd of a root that is about to change, unless that was done before."""
    notes, copied = folder / "kernels.json", folder / "initrd"
    if not notes.exists():
        folder.mkdir(exist_ok=True)
        copied.unlink(missing_ok=True)
        if initrd := _initrd_of(root, options):
            shutil.copyfile(initrd, copied)
        notes.write_text(json.dumps(asdict(kernels_of(root, options))))
    said = json.loads(notes.read_text())
    kernels = Kernels(tuple(said["module_versions"]), said["sha256"])
    return Before(kernels, copied if copied.exists() else None)


def _initrd_of(root: Path, options: Options) -> Path | None:
    try:
        return choose_boot_files(root, options).initrd
    except StepFailed:
        return None


def _begin_again(here: Path) -> None:
    overlay = Overlay(here)
    if not overlay.rootfs.exists():
        raise StepFailed("the image root was partially changed, and there is no copy of it", advice="start a new job")
    if not overlay.is_there:
        remove_root(here / "root")
        unpack(overlay.rootfs, here / "root")
        return
    shutil.rmtree(overlay.lower.parent)
    if not make_overlay(here):
        raise StepFailed("the image root can no longer be mounted")
