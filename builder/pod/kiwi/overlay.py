"""Keeps the links and the modes of an image root when kiwi copies a recipe's overlay into it.

kiwi copies the folder `root/` of a recipe by rsync, which replaces a link to a folder by the folder: with `root/lib` in
the overlay, /lib would have the overlay's files alone. rsync's own --keep-dirlinks would follow absolute links out of
the root. Here the overlay is rearranged before each copy: what lies below a link of the root is moved to where the link
leads. Folders of the system that the recipe has closed (umask 077) get back what the root lets others do.
"""

import os
import shutil
import sys
from pathlib import Path

from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.image_root.system_folders import OTHER_FOLDERS, READ_BY_ALL, SYSTEM_FOLDERS
from builder.pod.kiwi.old_functions import KEPT

_RSYNC = "/usr/bin/rsync"
_ENTER, _READ = 0o055, 0o044
_HOMES = ("root", "home")
_MOST_NAMED = 10


class OverlayConflict(Exception):
    """Two files of an overlay lead to one place in the root."""


def before_each_copy(folder: Path, description: Path) -> dict[str, str]:
    """Make a folder with an rsync that rearranges a description's overlays first; return the environment that uses it.

    Args:
        folder: Where to make it.
        description: The folder that kiwi reads.
    """
    folder.mkdir(exist_ok=True)
    program = folder / "rsync"
    program.write_text(f'#!/bin/sh\npython3 -m {__name__} "{description}" "$@" && exec {_RSYNC} "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def arrange(overlay: Path, root: Path) -> list[str]:
    """Rearrange an overlay for the root that it is copied into, and return what was done, in words.

    Raises:
        OverlayConflict: Two different files would be one.
    """
    notes: list[str] = []
    while link := _below_a_link(overlay, root):
        place = resolve_in_root(root, link).relative_to(root)
        _move(overlay / link, overlay / place, root / place)
        notes.append(f"the overlay's /{link} goes to /{place}, where the image's link leads")
    return notes + _opened(overlay, root)


def main(arguments: list[str]) -> int:
    """Rearrange the overlay that rsync's arguments name, when it is one of the description."""
    description, source, target = Path(arguments[0]), Path(arguments[-2]), Path(arguments[-1])
    if not source.is_dir() or not target.is_dir() or description not in source.parents:
        return 0
    try:
        notes = arrange(source, target)
    except OverlayConflict as conflict:
        sys.stderr.write(f"{conflict}\n")
        return 1
    kept = target / KEPT
    if notes and kept.parent.is_dir() and not kept.is_symlink():
        with kept.open("a") as warnings:
            warnings.writelines(f"warning: {note}\n" for note in notes)
    return 0


def _below_a_link(overlay: Path, root: Path) -> str:
    """Return a folder of the overlay that is a link to a folder in the root; empty when there is none."""
    for above, folders, _ in os.walk(overlay):
        for name in sorted(folders):
            inside = (Path(above) / name).relative_to(overlay)
            if (overlay / inside).is_symlink() or not (root / inside).is_symlink():
                continue
            try:
                target = resolve_in_root(root, str(inside))
            except (FileNotFoundError, NotADirectoryError):
                continue
            if target.is_dir():
                return str(inside)
    return ""


def _move(source: Path, target: Path, in_root: Path) -> None:
    if source.is_dir() and not source.is_symlink() and target.is_dir() and not target.is_symlink():
        for each in sorted(source.iterdir()):
            _move(each, target / each.name, in_root / each.name)
        source.rmdir()
        return
    if target.is_symlink() or target.exists():
        if not _same(source, target):
            raise OverlayConflict(f"the overlay has two different files for {in_root.name}: {source} and {target}")
        source.unlink()
        return
    _make_parents(target.parent, in_root.parent)
    source.rename(target)


def _make_parents(folder: Path, in_root: Path) -> None:
    """Make a folder as it is in the root: rsync gives the root's the modes of the overlay's."""
    if folder.is_dir():
        return
    _make_parents(folder.parent, in_root.parent)
    folder.mkdir()
    if in_root.is_dir():
        known = in_root.stat()
        os.chown(folder, known.st_uid, known.st_gid)
        shutil.copystat(in_root, folder)


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _opened(overlay: Path, root: Path) -> list[str]:
    """Give folders and files that all programs need the rights for others that the root's have.

    An overlay whose top is closed was made with umask 077: what it holds closes nothing that is open in the root.
    """
    places = dict.fromkeys((*SYSTEM_FOLDERS, *OTHER_FOLDERS), _ENTER) | dict.fromkeys(READ_BY_ALL, _READ)
    if not overlay.stat().st_mode & _ENTER:
        places |= _all_places(overlay)
    opened = []
    for place, rights in places.items():
        ours, theirs = overlay / place, root / place
        if ours.is_symlink() or theirs.is_symlink() or not ours.exists() or not theirs.exists():
            continue
        mode, wanted = ours.stat().st_mode & 0o7777, theirs.stat().st_mode & rights
        if mode | wanted != mode:
            ours.chmod(mode | wanted)
            opened.append(f"/{place}")
    if not opened:
        return []
    shown = ", ".join(opened[:_MOST_NAMED]) + (f" and {len(opened) - _MOST_NAMED} others" * (len(opened) > _MOST_NAMED))
    return [f"the overlay would have closed {shown} to all but root: they keep the image's own rights"]


def _all_places(overlay: Path) -> dict[str, int]:
    """Return what an overlay holds, outside of the homes of users, and which rights are at stake."""
    found: dict[str, int] = {}
    for above, folders, files in os.walk(overlay):
        inside = Path(above).relative_to(overlay)
        if inside == Path():
            folders[:] = [name for name in folders if name not in _HOMES]
        found |= {str(inside / name): _ENTER for name in folders} | {str(inside / name): _READ for name in files}
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
