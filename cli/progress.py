"""Progress bars on standard error: drawn on a terminal, left out elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cli.hints import is_quiet


@contextmanager
def transfers() -> Iterator[Progress]:
    """Show transfers of bytes while the block runs; the bars are removed when it ends."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        disable=is_quiet() or not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        yield progress
