"""The folders that every program of an image expects: links that became folders, and who may enter and write."""

import stat
from collections.abc import Iterator
from pathlib import Path

from builder.pod.image_root.system_folders import OTHER_FOLDERS, READ_BY_ALL, SYSTEM_FOLDERS
from builder.pod.inspection.found import Found, listed
from builder.pod.inspection.package_links import check_package_links

_MERGED = ("bin", "sbin", "lib", "lib64", "lib32", "libx32", "libo32")


def check_links(root: Path) -> Iterator[Found]:
    """Check that the links of a distribution did not become folders."""
    replaced = _replaced_merged(root)
    if replaced:
        shown = ", ".join(f"/{name}" for name in replaced)
        linked = ", ".join(f"/{name}" for name in _MERGED if (root / name).is_symlink())
        yield Found(
            "usr-merge",
            f"{shown} is a folder, while {linked} leads into /usr: something has replaced the link",
            f"put the files into /usr{shown.split(', ')[0]} instead: in the recipe's overlay or archive, or where a "
            "script made the folder",
        )
    yield from check_package_links(root, replaced)


def _replaced_merged(root: Path) -> list[str]:
    """Return those of /bin, /lib and so on that are folders while others are links into /usr."""
    if not any((root / name).is_symlink() for name in _MERGED):
        return []
    return [
        name
        for name in _MERGED
        if (root / name).is_dir() and not (root / name).is_symlink() and (root / "usr" / name).is_dir()
    ]


def check_closed(root: Path) -> Iterator[Found]:
    """Check that users other than root can enter folders, and read files, that all programs need."""
    for name, places in (("closed-folder", SYSTEM_FOLDERS), ("closed-optional-folder", OTHER_FOLDERS)):
        closed = [place for place in places if place != "boot" and _lacks(root / place, 0o001, stat.S_ISDIR)]
        if closed:
            shown = [_with_mode(root, place) for place in closed]
            yield Found(
                name,
                f"only root can enter {listed(shown)}",
                f"chmod 755 {' '.join(f'/{place}' for place in closed)}: an overlay made with umask 077 does that",
            )
    if unread := [place for place in READ_BY_ALL if _lacks(root / place, 0o004, stat.S_ISREG)]:
        yield Found(
            "closed-file",
            f"only root can read {listed([_with_mode(root, place) for place in unread])}",
            f"chmod 644 {' '.join(f'/{place}' for place in unread)}",
        )


def check_writable(root: Path, others: list[str]) -> Iterator[Found]:
    """Check that no folder is open for all to write without the sticky bit.

    Args:
        root: The image root.
        others: All such folders that were seen in the root.
    """
    system = [place for place in SYSTEM_FOLDERS if is_open_to_all(root / place)]
    if system:
        yield Found(
            "writable-system-folder",
            f"every user can replace what is in {listed([_with_mode(root, place) for place in system])}",
            f"chmod 755 {' '.join(f'/{place}' for place in system)}",
        )
    if rest := [place for place in others if place not in system]:
        yield Found(
            "writable-folder",
            f"every user can remove the files of others in {listed([f'/{place}' for place in rest])}",
            "chmod +t, or take away the right of others to write",
        )


def is_open_to_all(folder: Path) -> bool:
    """Return whether a folder is writable for all, without the sticky bit."""
    try:
        mode = folder.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and bool(mode & 0o002) and not mode & stat.S_ISVTX


def _lacks(path: Path, bit: int, kind: object) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    right_kind = stat.S_ISDIR(mode) if kind is stat.S_ISDIR else stat.S_ISREG(mode)
    return right_kind and not mode & bit


def _with_mode(root: Path, place: str) -> str:
    return f"/{place} ({(root / place).lstat().st_mode & 0o7777:04o})"
