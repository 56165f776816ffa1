"""Checks the names in an archive: which may become files.

The rule: a name that passed is relative, has no `..`, no control characters, and is within the limits of Linux.
"""

import unicodedata

from errors import BadInput

LONGEST_COMPONENT_BYTES = 255
# Linux accepts 4096 (PATH_MAX), of which the folders of the workspace and of the image root take a part.
LONGEST_PATH_BYTES = 2048
DEEPEST = 100
_LONGEST_SHOWN = 120
# Control characters, and the separators of lines and paragraphs. Emoji that Python does not know yet are fine.
_CONTROLS = {"Cc", "Zl", "Zp"}
# They change the order in which text is shown (Unicode, UAX #9).
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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
    """Refuse text that is not UTF-8, or holds control characters or bidirectional ones; `place` says where it stands.

    Args:
        text: Decoded with `surrogateescape`, so that bytes that are not UTF-8 are found.
        place: Begins the message.

    Raises:
        BadInput: The text does not show as what it is.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadInput(f"{place} is not UTF-8", resolution="rename it, or pack it in a UTF-8 locale")
    # ASCII text, the usual case, needs no look at each character.
    if (text.isascii() and text.isprintable()) or not text:
        return
    for character in text:
        if character in _BIDI or unicodedata.category(character) in _CONTROLS:
            raise BadInput(
                f"{place} holds control characters, or bidirectional ones: U+{ord(character):04X}",
                resolution="rename it",
            )


def _refused(name: str, why: str, resolution: str) -> BadInput:
    return BadInput(f"archive entry {shown(name)} {why}", resolution=resolution)
