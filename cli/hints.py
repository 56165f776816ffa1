"""What a command says besides its output: hints and progress on standard error, none of it with `--quiet`."""

import typer

# An option of the whole process, which `ims --quiet` sets.
_options: set[str] = set()


def be_quiet() -> None:
    """Leave out hints and progress from now on; errors are still printed."""
    _options.add("quiet")


def is_quiet() -> bool:
    """Tell whether hints and progress are left out."""
    return "quiet" in _options


def hint(text: str) -> None:
    """Say something on standard error, unless the user wants quiet."""
    if not is_quiet():
        typer.echo(text, err=True)
