from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe import unpack_recipe

MiB = 1 << 20


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
