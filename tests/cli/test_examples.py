"""Every command's help ends with examples, and each of them is a line that the command takes."""

import shlex
from collections.abc import Iterator

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from cli.main import app


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        elif isinstance(command, TyperCommand):
            yield " ".join((*path, name)), command


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, TyperGroup)
COMMANDS = dict(commands(ROOT))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_examples_that_it_takes(path: str) -> None:
    command = COMMANDS[path]
    text = (command.epilog or "").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("ims ")]
    assert any(line.startswith(f"ims {path}") for line in lines), f"the help of {path} has no example"
    for line in lines:
        assert all(len(part) <= 78 for part in (command.epilog or "").splitlines()), line
        words = shlex.split(line)[1:]
        name = max((each for each in COMMANDS if words[: len(each.split())] == each.split()), key=len)
        arguments = words[len(name.split()) :]
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_says_what_it_does(path: str) -> None:
    assert COMMANDS[path].help, path
