"""Tables of records in lines of a given width: what identifies a record is never cut.

When a table is too wide, names and paths fold. When even that leaves them too narrow to read, each record has lines of
its own: the first begins with what identifies it, and each value stands behind its heading, as a screen reader reads.
"""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Columns of any length; all others are as wide as their widest value.
FOLDED = frozenset({"name", "from", "to", "what", "why", "outcome", "value", "meaning", "found", "mend"})
# A narrower column has names one letter a line.
NARROWEST = 16
_GAP = 2


def print_table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a table, or each as lines of its own when a table would be too narrow to read."""
    widths = widths_of(headings, rows, console.width)
    if widths is None:
        for line in stacked(headings, rows, console.width):
            console.print(line, soft_wrap=True)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, overflow="fold", width=width)
    for row in rows:
        # As text: what a user wrote may look like markup.
        table.add_row(*(Text(value) for value in row))
    console.print(table)


def widths_of(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return the widths of a table's columns; None when a column would be too narrow to read."""
    natural = [
        max([cell_len(heading), *(cell_len(row[number]) for row in rows)]) for number, heading in enumerate(headings)
    ]
    room = width - _GAP * (len(headings) - 1)
    folded = {number for number, heading in enumerate(headings) if heading in FOLDED}
    room -= sum(each for number, each in enumerate(natural) if number not in folded)
    # The shortest first: what one does not need is the others'.
    for left, number in zip(range(len(folded), 0, -1), sorted(folded, key=lambda number: natural[number]), strict=True):
        share = room // left
        if natural[number] > share and share < NARROWEST:
            return None
        natural[number] = min(natural[number], share)
        room -= natural[number]
    return natural if room >= 0 else None


def stacked(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return each row as lines: its first value, and then the others behind their headings, as many a line as fit."""
    lines: list[str] = []
    for row in rows:
        lines.append(row[0])
        begun = ""
        for heading, value in zip(headings[1:], row[1:], strict=True):
            if not value:
                continue
            part = f"{heading}: {value}"
            if begun and cell_len(begun) + _GAP + cell_len(part) > width:
                lines.append(begun)
                begun = ""
            begun = f"{begun}{' ' * _GAP}{part}" if begun else f"{' ' * _GAP}{part}"
        if begun:
            lines.append(begun)
    return lines


def pairs(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Print the fields of one record, a line each; where little room is left, the value stands below its name."""
    longest = max((cell_len(name) for name, _ in rows), default=0)
    if console.width - longest - _GAP < 2 * NARROWEST:
        for name, value in rows:
            console.print(f"{name}: {value}" if name else f"  {value}", soft_wrap=True)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    console.print(table)


def plain(text: str, encoding: str) -> str:
    """Return a text in what a terminal can show: without Unicode, signs of ours have names and others their numbers."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, ascii_sign in SIGNS.items():
            text = text.replace(sign, ascii_sign)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


SIGNS: Mapping[str, str] = {"→": "->", "…": "..."}
