"""cli/booleans.py: both grammars of options that are yes or no."""

import shlex
from typing import Annotated

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.booleans import BOOLEANS, NO, YES, boolean, flags_of, take_boolean_words

app = typer.Typer()
noun = typer.Typer()
app.add_typer(noun, name="noun")


@noun.command("plain")
def plain(
    debug: Annotated[bool, typer.Option()] = False,
    dkms: Annotated[bool | None, typer.Option()] = None,
    jail: Annotated[bool, typer.Option("--jail")] = False,
    jails: Annotated[str, typer.Option(metavar=BOOLEANS)] = "",
    name: Annotated[str, typer.Option()] = "",
) -> None:
    typer.echo(repr((debug, dkms, jail, jails, name)))


@noun.command("of-one")
def of_one(record_id: Annotated[str, typer.Argument()], dkms: Annotated[bool | None, typer.Option()] = None) -> None:
    typer.echo(repr((record_id, dkms)))


take_boolean_words(app)
RUNNER = CliRunner()

SAID = {
    "noun plain": (False, None, False, "", ""),
    "noun plain --debug --dkms --jail": (True, True, True, "", ""),
    "noun plain --no-debug --no-dkms": (False, False, False, "", ""),
    "noun plain --debug True --dkms False --jail true": (True, False, True, "", ""),
    "noun plain --debug=true --dkms=NO --jail=off": (True, False, False, "", ""),
    "noun plain --debug False --dkms YES --jail FALSE": (False, True, False, "", ""),
    "noun plain --dkms --name true": (False, True, False, "", "true"),
    "noun plain --name --debug --dkms False": (False, False, False, "", "--debug"),
    "noun plain --name=--debug --dkms False": (False, False, False, "", "--debug"),
    "noun plain --jails --name x": (False, None, False, "true", "x"),
    "noun plain --jails True,False": (False, None, False, "True,False", ""),
    "noun plain --name x --jails": (False, None, False, "true", "x"),
    "noun plain --debug ' True '": (True, None, False, "", ""),
    "noun of-one --dkms true ID": ("ID", True),
    "noun of-one --dkms ID": ("ID", True),
    "noun of-one ID --dkms False": ("ID", False),
    "noun of-one ID --no-dkms": ("ID", False),
    "noun of-one --dkms -- true": ("true", True),
}


@pytest.mark.parametrize(("line", "values"), SAID.items(), ids=SAID)
def test_an_option_is_taken_with_and_without_a_value(line: str, values: tuple[object, ...]) -> None:
    ended = RUNNER.invoke(app, shlex.split(line))
    assert ended.exit_code == 0, ended.output
    assert ended.output.strip() == repr(values)


@pytest.mark.parametrize("line", ["noun plain --debug maybe", "noun plain --debug=", "noun of-one ID --dkms=2"])
def test_a_value_that_says_neither_is_named(line: str) -> None:
    ended = RUNNER.invoke(app, shlex.split(line))
    assert ended.exit_code == 2
    assert "neither true nor false" in ended.output
    assert ("--debug" if "--debug" in line else "--dkms") in ended.output


@pytest.mark.parametrize("word", sorted(YES | NO))
def test_a_word_says_the_same_in_any_case(word: str) -> None:
    assert boolean(word) is boolean(word.upper()) is boolean(f" {word.title()} ") is (word in YES)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["true", "x", "-x", "--other", "--", "--other=1", ""])))
def test_arguments_of_other_options_stay_as_they_are(arguments: list[str]) -> None:
    assert flags_of(arguments, []) == arguments
