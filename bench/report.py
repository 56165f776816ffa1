"""What every benchmark shares: its options, a table of what was wanted and what was measured, and its exit code."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.host_load import HostLoad


@dataclass(frozen=True)
class AtLeast:
    """A lower bound."""

    limit: float

    def holds(self, measured: float) -> bool:
        """Tell whether the measured figure keeps to the bound."""
        return measured >= self.limit

    def __str__(self) -> str:
        return f"at least {self.limit:g}"


@dataclass(frozen=True)
class AtMost:
    """An upper bound."""

    limit: float

    def holds(self, measured: float) -> bool:
        """Tell whether the measured figure keeps to the bound."""
        return measured <= self.limit

    def __str__(self) -> str:
        return f"at most {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One thing that a benchmark wants and measures.

    Attributes:
        what: What was measured. For a ratio both sides are named, the project's first.
        measured: The figure.
        wanted: The bound that it should keep to.
        at_any_size: Whether the bound holds in the small form, too, as for a count of what must not be left.
    """

    what: str
    measured: float
    wanted: AtLeast | AtMost
    at_any_size: bool = False

    @property
    def row(self) -> str:
        """The figure's row of the table."""
        return f"| {self.what} | {self.measured:.4g} | {self.wanted} |"


@dataclass(frozen=True)
class Option:
    """An option of a benchmark: `--NAME`, whose default is smaller in the small form."""

    name: str
    usual: int | str
    small: int | str
    help: str


def run(
    measure: Callable[[argparse.Namespace], Sequence[Figure]],
    doc: str | None,
    options: Sequence[Option] = (),
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a benchmark and print its figures.

    Args:
        measure: Measures. It gets the options, and `small`.
        doc: The benchmark's description.
        options: Its options beside `--small`.
        arguments: The words of the command line; None for those of this process.

    Returns:
        The exit code: 1 when a figure is not as wanted. In the small form only figures that hold at any size count.
    """
    asked = _parsed(doc, options, arguments)
    before = HostLoad.now()
    figures = measure(asked)
    print("\n| what | measured | wanted |\n|---|---|---|")
    for figure in figures:
        print(figure.row)
    print(f"\nthe host meanwhile: {before.until_now()}")
    missed = [figure.what for figure in figures if not figure.wanted.holds(figure.measured)]
    if missed:
        print(f"not as wanted: {'; '.join(missed)}")
    else:
        print("all as wanted")
    if asked.small:
        print("This was the small form: its times and sizes say nothing about the bounds.")
    counted = [figure for figure in figures if figure.at_any_size or not asked.small]
    return 0 if all(figure.wanted.holds(figure.measured) for figure in counted) else 1


def show(line: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(line, flush=True)


def _parsed(doc: str | None, options: Sequence[Option], arguments: Sequence[str] | None) -> argparse.Namespace:
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="run the small form, which takes seconds")
    for option in options:
        default = option.small if "--small" in words else option.usual
        parser.add_argument(f"--{option.name}", type=type(default), default=default, help=option.help)
    return parser.parse_args(words)
