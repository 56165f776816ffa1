"""Writing a file beside its place and renaming it there when it is whole: no reader sees a part of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(target: Path, *, beside: Path | None = None) -> Iterator[Path]:
    """Give a path to write a file to; at the end of the block the file gets its name, in place of an earlier one.

    When the block fails the file is removed, and so is what a killed process has left at that path before.

    Args:
        target: The file's name.
        beside: The path to write to, in the same file system; `<target>.part` when left out.
    """
    partial = beside or target.with_name(f"{target.name}.part")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
