"""Options that are yes or no, in both grammars: `--enable-debug` and `--no-enable-debug`, or `--enable-debug False`.

`cray ims` writes a value after each. A word that is no value stays what it is: an id may follow `--require-dkms`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

YES = frozenset({"true", "t", "yes", "y", "on", "1"})
NO = frozenset({"false", "f", "no", "n", "off", "0"})
# Marks an option that takes `true,false,…`: without a value it is true.
BOOLEANS = "BOOLEAN,…"


def boolean(word: str) -> bool | None:
    """Return what a word says, in any case; None when it says neither yes nor no."""
    said = word.strip().casefold()
    return True if said in YES else False if said in NO else None


def take_boolean_words(app: typer.Typer) -> None:
    """Have all commands below `app` take a value after an option that is yes or no."""
    for command in app.registered_commands:
        if command.cls is TyperCommand:
            command.cls = _Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            take_boolean_words(group.typer_instance)


def flags_of(arguments: Sequence[str], parameters: Iterable[object]) -> list[str]:
    """Return the arguments of a command with flags in place of options that are followed by a value.

    Args:
        arguments: The arguments.
        parameters: The options and arguments that the command has.

    Raises:
        typer.BadParameter: The value of such an option says neither yes nor no.
    """
    known = list(parameters)
    options = {
        name: each for each in known if isinstance(each, TyperOption) for name in (*each.opts, *each.secondary_opts)
    }
    # Where an id may follow, a word that is no value is the id.
    is_strict = all(isinstance(each, TyperOption) for each in known)
    rest, found = list(arguments), list[str]()
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*found, argument, *rest]
        found += _one(argument, rest, options, is_strict=is_strict)
    return found


class _Command(TyperCommand):
    """A command whose options that are yes or no may have values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, flags_of(args, self.params))


def _one(argument: str, rest: list[str], options: Mapping[str, TyperOption], *, is_strict: bool) -> list[str]:
    """Return what stands for one argument, and take its value from the rest."""
    name, equals, value = argument.partition("=")
    option = options.get(name)
    if option is None or name in option.secondary_opts:
        return [argument]
    if not option.is_bool_flag:
        return [argument] if equals else [argument, *_value(option, rest)]
    if not equals:
        if not _has_value(rest) or (boolean(rest[0]) is None and not is_strict):
            return [argument]
        value = rest.pop(0)
    said = boolean(value)
    if said is None:
        raise typer.BadParameter(f"{value!r} is neither true nor false.", param_hint=name)
    return [name] if said else list(option.secondary_opts[:1])


def _value(option: TyperOption, rest: list[str]) -> list[str]:
    """Take the value of an option that is no flag, whatever it looks like."""
    if option.metavar == BOOLEANS and not _has_value(rest):
        return ["true"]
    return [rest.pop(0)] if rest and not option.is_flag else []


def _has_value(rest: list[str]) -> bool:
    return bool(rest) and not rest[0].startswith("-")
