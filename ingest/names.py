"""Checks the names in an archive: which may become files.

The rule: a name that passed is relative, has no `..`, is printable, and is within the limits of Linux.
"""

from errors import BadInput

LONGEST_COMPONENT_BYTES = 255
# Linux accepts 4096 (PATH_MAX), of which the folders of the workspace and of the image root take a part.
LONGEST_PATH_BYTES = 2048
DEEPEST = 100
_LONGEST_SHOWN = 120


def shown(name: str) -> str:
    """Return a foreign name for a message: quoted, escaped, and cut when it is long."""
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")


def tree_path(name: str) -> str:
    """Return where an entry called `name` belongs below the archive's top, `""` for the top itself.

    Raises:
        BadInput: The name is not allowed.
    """
    if name.startswith("/"):
        raise _refused(name, "is absolute", "pack it from inside its folder: tar -C FOLDER -czf ARCHIVE .")
    refuse_unprintable(name, f"archive entry {shown(name)}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise _refused(name, "leads out of the archive with '..'", "pack it from inside its folder")
    if any(len(part.encode()) > LONGEST_COMPONENT_BYTES for part in parts):
        raise _refused(name, f"has a part longer than {LONGEST_COMPONENT_BYTES} bytes", "give it a shorter name")
    path = "/".join(parts)
    if len(path.encode()) > LONGEST_PATH_BYTES or len(parts) > DEEPEST:
        raise _refused(
            name,
            f"is longer than {LONGEST_PATH_BYTES} bytes or deeper than {DEEPEST} folders",
            "use a shorter path",
        )
    return path


def refuse_unprintable(text: str, place: str) -> None:
    """Refuse text that is not UTF-8 or holds control characters; `place` says where it stands.

    Args:
        text: Decoded with `surrogateescape`, so that bytes that are not UTF-8 are found.
        place: Begins the message.

    Raises:
        BadInput: The text is not printable.
    """
    if any("\udc80" <= character <= "\udcff" for character in text):
        raise BadInput(f"{place} is not UTF-8", resolution="rename it, or pack it in a UTF-8 locale")
    if not text.isprintable():
        raise BadInput(f"{place} holds control characters, or others that are not printable", resolution="rename it")


def _refused(name: str, why: str, resolution: str) -> BadInput:
    return BadInput(f"archive entry {shown(name)} {why}", resolution=resolution)
