"""Looks for credentials of repositories in a finished image root: no image may hold them."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from builder.pod.kiwi.credentials import Credentials
from builder.pod.step import StepFailed

# What programs of a build write to, without the files of packages.
_FOLDERS = ("etc", "home", "opt", "root", "srv", "usr/local", "var")
_LARGEST_BYTES = 1 << 20
# A shorter password is looked for with its user alone: it may be any word.
_SHORTEST_PASSWORD = 12


def refuse_credentials(root: Path, credentials: Sequence[Credentials]) -> None:
    """Refuse a root in which credentials of the build's repositories are left.

    Args:
        root: The image root.
        credentials: Those that the build was given.

    Raises:
        StepFailed: Some are; the files are named.
    """
    if not credentials:
        return
    words = [word for each in credentials for word in _words(each)]
    if found := [name for name, text in _texts(root) if any(word in text for word in words)]:
        raise StepFailed(
            f"the image would hold credentials of the build's repositories: {', '.join(found[:5])}",
            advice="see which script or package of the recipe wrote them there, and let it remove them",
        )


def _words(one: Credentials) -> Iterator[bytes]:
    for user in (one.username, quote(one.username, safe="")):
        yield from (f"{user}:{spelling}@".encode() for spelling in one.spellings)
    yield from (spelling.encode() for spelling in one.spellings if len(one.password) >= _SHORTEST_PASSWORD)


def _texts(root: Path) -> Iterator[tuple[str, bytes]]:
    for top in _FOLDERS:
        # A link leads to a folder that is read by its own name, or out of the root.
        if (root / top).is_symlink():
            continue
        for folder, _, names in os.walk(root / top):
            for name in names:
                file = Path(folder, name)
                known = file.lstat()
                if stat.S_ISREG(known.st_mode) and 0 < known.st_size <= _LARGEST_BYTES:
                    yield f"/{file.relative_to(root)}", file.read_bytes()
