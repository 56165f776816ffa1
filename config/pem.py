"""The blocks of a PEM file (RFC 7468), found by their line: readers of PEM skip what they do not know or cannot read.

The rule: a file is read whole, or refused with the line that is wrong. No block is left out.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from errors import BadInput

_MARK = re.compile(rb"-----(BEGIN|END) ([^-]+)-----")
# A line that is meant to begin or to end a block, whole or not.
_MEANT = re.compile(rb"-+ *(BEGIN|END) |.*----(BEGIN|END) |(BEGIN|END) .*CERTIFICATE-*$")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
# A line of base64 in a block has 64 characters, or 76.
_LONG_LINE = 60


@dataclass(frozen=True)
class Block:
    """A block of a PEM file.

    Args:
        label: What it says that it is.
        lines: The lines between its first and its last.
        first: The number of its first line, that with BEGIN.
    """

    label: str
    lines: list[bytes]
    first: int

    def decode(self, source: str) -> bytes:
        """Return its content.

        Raises:
            BadInput: It is not base64; the message names the line.
        """
        for number, line in enumerate(self.lines, self.first + 1):
            if not _BASE64.fullmatch(line):
                raise BadInput(f"{source}, line {number}: damaged: not base64", resolution=COPY_AGAIN)
        try:
            return base64.b64decode(b"".join(self.lines), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadInput(
                f"{source}, line {self.first}: the {self.label} that begins here is damaged: its base64 is not whole",
                resolution=COPY_AGAIN,
            ) from error


COPY_AGAIN = "copy the file again from where it comes from"


def blocks_of(data: bytes, source: str) -> list[Block]:
    """Return the blocks of a PEM file; the text around them is left out.

    Args:
        data: The file's content.
        source: The file's name, for messages.

    Raises:
        BadInput: A block is not whole, or a line is damaged that begins or ends one.
    """
    found: list[Block] = []
    block: Block | None = None
    before = b""
    for number, text in enumerate(data.splitlines(), 1):
        line = text.strip()
        if mark := _MARK.fullmatch(line):
            block = _next(block, mark, number, source, found)
        elif _MEANT.match(line):
            raise BadInput(
                f"{source}, line {number}: this line begins or ends a block, and is damaged",
                resolution=(
                    "each of -----BEGIN …----- and -----END …----- is a line by itself, with five hyphens on both sides"
                ),
            )
        elif block is not None:
            block.lines.append(line)
        elif _is_lost(line, before):
            raise BadInput(
                f"{source}, line {number}: base64 outside of a block",
                resolution=("the line -----BEGIN CERTIFICATE----- before it is missing: copy the file again"),
            )
        before = line
    if block is not None:
        raise _not_closed(block, source, "the end of the file")
    return found


def _next(block: Block | None, mark: re.Match[bytes], number: int, source: str, found: list[Block]) -> Block | None:
    """Return the block that a line opens; None when it closes one, which is found then."""
    label = mark[2].decode(errors="replace")
    if mark[1] == b"BEGIN":
        if block is not None:
            raise _not_closed(block, source, f"line {number}")
        return Block(label, [], number)
    if block is None:
        raise BadInput(f"{source}, line {number}: the end of a {label} that has no beginning", resolution=COPY_AGAIN)
    if block.label != label:
        raise BadInput(
            f"{source}, line {number}: the end of a {label}, and line {block.first} begins a {block.label}",
            resolution=COPY_AGAIN,
        )
    found.append(block)
    return None


def _is_lost(line: bytes, before: bytes) -> bool:
    """Return whether a line outside of blocks is one of a certificate: the first one, or a second one of base64."""
    return _is_long(line) and (line.startswith(b"MII") or _is_long(before))


def _is_long(line: bytes) -> bool:
    return len(line) >= _LONG_LINE and _BASE64.fullmatch(line) is not None


def _not_closed(block: Block, source: str, end: str) -> BadInput:
    return BadInput(
        f"{source}, line {block.first}: the {block.label} that begins here is not closed before {end}: it was cut off",
        resolution=COPY_AGAIN,
    )
