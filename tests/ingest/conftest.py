import importlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from errors import BadInput
from ingest import recipe as recipe_module
from ingest import script as script_module
from ingest.__main__ import PROGRAMS, answer_of
from ingest.confined import _parse_answer
from ingest.limits import Limits
from ingest.new_folder import remove_folder
from ingest.recipe import unpack_recipe
from tests.ingest.ordinary_user import ordinary_user

MiB = 1 << 20
# The tests that write files run as root and as an ordinary user. Those that are marked have the confined processes of a
# job; those of these modules run in the tests' own process, which is quick, and again, as root, with the confined ones.
BY_BOTH = {
    "test_folders",
    "test_gnu_tar",
    "test_new_folder",
    "test_normalised",
    "test_packed",
    "test_packing",
    "test_recipe_files",
    "test_recipe_unpacking",
    "test_script",
    "test_script_unpacking",
    "test_sparse",
    "test_templates",
    "test_templates_fuzz",
    "test_unpacking",
    "test_unpacking_fuzz",
}
ROOT_HERE, HERE, WITH_CHILDREN = "root here", "ordinary user", "ordinary user with children"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have the tests that write files run by both users, if the tests run as root."""
    name = metafunc.module.__name__.rpartition(".")[2]
    marked = metafunc.definition.get_closest_marker("by_both") is not None
    needs_child = "child" in metafunc.fixturenames
    if os.geteuid() != 0 or not (marked or (name in BY_BOTH and not needs_child)):
        return
    # The quick part has those alone that need no processes and few examples.
    marks = [pytest.mark.slow] if marked or name.endswith("_fuzz") else []
    users: list[Any]
    if marked:
        users = ["root", pytest.param(WITH_CHILDREN, marks=marks)]
    else:
        confined = pytest.param("root", id="root with children", marks=pytest.mark.slow)
        users = [pytest.param(ROOT_HERE, id="root"), pytest.param(HERE, marks=marks), confined]
    metafunc.parametrize("user", users, indirect=True)


@pytest.fixture
def child() -> None:
    """For tests of what needs the process of its own: its limits, and kiwi's packages."""


def run_here(program: str, arguments: Mapping[str, Any], limits: Limits) -> Any:
    """Run a program in the tests' own process: that is faster than one of its own."""
    module = importlib.import_module(PROGRAMS[program])
    return _parse_answer(program, answer_of(module.run, dict(arguments), limits), b"")


@pytest.fixture(autouse=True)
def user(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The user that a test runs as."""
    name = str(getattr(request, "param", "root"))
    if name in (ROOT_HERE, HERE):
        for caller in (recipe_module, script_module):
            monkeypatch.setattr(caller, "run_confined", run_here)
    if name in ("root", ROOT_HERE):
        yield "root"
        return
    with ordinary_user(starts_programs=name == WITH_CHILDREN):
        yield name


@pytest.fixture
def tmp_path(user: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of the test's user: pytest's own cannot be entered by others."""
    if user == "root":
        yield request.getfixturevalue("tmp_path")
        return
    folder = Path(tempfile.mkdtemp(prefix="ims-ingest-"))
    try:
        yield folder
    finally:
        remove_folder(folder)


@pytest.fixture
def limits() -> Limits:
    return Limits(bytes=4 * MiB, entries=200, memory_bytes=128 * MiB, seconds=20)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside the recipe's that must not change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("untouched")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["secret"]
    assert (folder / "secret").read_text() == "untouched"


@pytest.fixture
def recipe(tmp_path: Path, outside: Path) -> Path:
    """Where a recipe is unpacked to."""
    return tmp_path / "workspace" / "recipe"


@pytest.fixture
def unpack(recipe: Path, tmp_path: Path, limits: Limits) -> Callable[..., Path]:
    """Unpack an archive given as bytes."""

    def unpack(content: bytes, limits: Limits = limits) -> Path:
        recipe.parent.mkdir(exist_ok=True)
        packed = tmp_path / "recipe.tgz"
        packed.write_bytes(content)
        unpack_recipe(packed, recipe, limits)
        return recipe

    return unpack


@pytest.fixture
def refused(unpack: Callable[..., Path], recipe: Path) -> Callable[..., str]:
    """Unpack an archive that must be refused with nothing written, and return the message."""

    def refused(content: bytes, *limits: Limits) -> str:
        with pytest.raises(BadInput) as caught:
            unpack(content, *limits)
        assert list(recipe.parent.iterdir()) == []
        assert caught.value.message.isprintable()
        return str(caught.value)

    return refused
