"""Reading the files of an image root, which may be anything: a pipe, a link out of the root, of any size."""

from pathlib import Path

from builder.pod.image_root.boot_files import resolve_in_root

_MOST_BYTES = 1 << 20


def find(root: Path, name: str) -> Path | None:
    """Return where a path of the root leads to within it; None when it leads nowhere."""
    try:
        return resolve_in_root(root, name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def text_of(root: Path, name: str, most: int = _MOST_BYTES) -> str:
    """Return the beginning of a regular file's text; empty when there is no such file."""
    file = find(root, name)
    return begin_of(file, most).decode(errors="replace") if file is not None and file.is_file() else ""


def begin_of(file: Path, most: int) -> bytes:
    """Return the first bytes of a file."""
    with file.open("rb") as opened:
        return opened.read(most)
