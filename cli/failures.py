"""How an error is shown to the user: a line with what happened, a line with what to do, and the exit code."""

import re
import sys
import tempfile
import traceback
from types import TracebackType

import typer
from pydantic import ValidationError

from cli.tables import plain
from config.refusals import refusals_of
from errors import BadInput, Conflict, ImsError, NotFound

USERS_MISTAKE = 2
OUR_FAULT = 1


def report(error: ImsError | ValidationError) -> int:
    """Print an error as `Error: <title>: <detail>` with its resolution, and return the exit code that it means."""
    if isinstance(error, ValidationError):
        for problem in refusals_of(error, "input"):
            typer.echo(f"Error: Bad input: {problem}", err=True)
        return USERS_MISTAKE
    print_error(type(error).__name__, error.message, error.resolution)
    return USERS_MISTAKE if isinstance(error, BadInput | NotFound | Conflict) else OUR_FAULT


def print_error(kind: str, detail: str, resolution: str) -> None:
    """Print an error: its class or category in words (`NotFound` is `Not found`), what happened, what to do."""
    title = re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", kind).capitalize()
    typer.echo(f"Error: {title}: {detail}", err=True)
    if resolution:
        typer.echo(f"  {_arrow()} {resolution}", err=True)


def report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print one line about an unexpected error, and keep its traceback in a file; the exit code is 1."""
    with tempfile.NamedTemporaryFile("w", prefix="ims-defect-", suffix=".log", delete=False) as file:
        traceback.print_exception(kind, error, trace, file=file)
    typer.echo(f"Error: Defect: {kind.__name__}: {error}", err=True)
    typer.echo(f"  {_arrow()} this is a defect of the command; report it with {file.name}", err=True)
    sys.stderr.flush()


def _arrow() -> str:
    # A terminal without Unicode (LC_ALL=C) would show it as an escape.
    return plain("→", getattr(sys.stderr, "encoding", None) or "ascii")
