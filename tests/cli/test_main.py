"""The command as a whole: its help, its speed, its silence towards who is no terminal."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.booleans import BOOLEANS
from tests.cli.conftest import Ims, clean_environment, run_ims
from tests.repository import REPOSITORY

COMMANDS = [
    ("up",),
    ("status",),
    ("public-keys", "create"),
    ("public-keys", "list"),
    ("public-keys", "describe"),
    ("recipes", "create"),
    ("recipes", "list"),
    ("recipes", "describe"),
    ("images", "list"),
    ("images", "describe"),
    ("images", "download"),
    ("jobs", "create"),
    ("jobs", "list"),
    ("jobs", "describe"),
]


def test_the_help_names_every_noun(ims: Ims) -> None:
    shown = ims("--help")
    assert shown.returncode == 0
    for noun in {command[0] for command in COMMANDS}:
        assert f"\n  {noun} " in shown.stdout


def test_the_version_is_that_of_the_project_file(ims: Ims) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    shown = ims("--version")
    assert (shown.returncode, shown.stdout) == (0, f"ims {project['version']}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_has_a_help_text(command: tuple[str, ...]) -> None:
    """Typer prints an option without a help text with nothing after it; its name stays whole at 80 columns."""
    shown = run_ims((*command, "--help"), clean_environment(COLUMNS="80"))
    assert shown.returncode == 0
    _, _, options = shown.stdout.partition("Options:\n")
    lines = options.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  -"):
            described = line[30:].strip() or (lines[number + 1 : number + 2] or [""])[0].strip()
            assert described, line
            assert "…" not in line.replace(BOOLEANS, "")


def test_units_and_defaults_are_told() -> None:
    shown = run_ims(("jobs", "create", "--help"), clean_environment(COLUMNS="200")).stdout
    assert "Size of the workspace, GiB.  [default: 60" in shown
    assert "Memory limit of each pod, GiB.  [default: 8" in shown


@pytest.mark.parametrize(
    ("arguments", "foreign"),
    [
        (["recipes", "list"], ["prefect", "kubernetes"]),
        (["--help"], ["prefect", "boto3", "kubernetes"]),
        (["jobs", "create", "--help"], ["prefect", "boto3", "kubernetes"]),
    ],
    ids=["recipes list", "help", "jobs create --help"],
)
def test_a_command_imports_only_what_it_needs(
    arguments: list[str], foreign: list[str], environment: dict[str, str]
) -> None:
    program = (
        f"import sys, atexit; sys.argv = ['ims', *{arguments!r}]\n"
        f"atexit.register(lambda: print('imported:', [name for name in {foreign!r} if name in sys.modules]))\n"
        "from cli.main import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("imported: []\n")


def test_without_a_server_the_user_is_told_how_to_get_one(tmp_path: Path) -> None:
    refused = run_ims(("recipes", "list"), clean_environment(IMS_DATA_DIR=str(tmp_path)))
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: Bad input: no S3 server is configured\n")
    assert "ims up" in refused.stderr
    assert refused.stdout == ""


def test_status_says_that_nothing_runs(tmp_path: Path) -> None:
    ended = run_ims(("status",), clean_environment(IMS_DATA_DIR=str(tmp_path)))
    assert ended.returncode == 2
    assert "no `ims up` is ready" in ended.stderr


def test_a_server_that_is_gone_is_our_fault_and_named(environment: dict[str, str]) -> None:
    dead = {**environment, "IMS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "IMS_S3_ATTEMPTS": "1"}
    ended = run_ims(("recipes", "list"), dead)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: Unreachable: s3://")
    assert "Traceback" not in ended.stderr


def test_an_unknown_option_is_the_users_mistake(ims: Ims) -> None:
    ended = ims("recipes", "list", "--nonsense")
    assert ended.returncode == 2
    assert "No such option: --nonsense" in ended.stderr
