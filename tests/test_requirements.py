"""What is installed: the versions of constraints.txt, and those that each distribution says it can stand on."""

from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import REPOSITORY

# What a virtual environment begins with, and the project itself.
UNPINNED = {"pip", "setuptools", "wheel", "image-management-flows"}
INSTALLED = {canonicalize_name(found.name): found for found in distributions()}
PINS = {
    canonicalize_name(name): version
    for name, _, version in (line.partition("==") for line in (REPOSITORY / "constraints.txt").read_text().split())
}


def requirements(found: Distribution, extra: str = "") -> Iterator[Requirement]:
    """Yield what a distribution requires here, with what the extras that it asks for require in turn."""
    for line in found.requires or ():
        required = Requirement(line)
        if required.marker is None or required.marker.evaluate({"extra": extra}):
            yield required
            for wanted in required.extras:
                if known := INSTALLED.get(canonicalize_name(required.name)):
                    yield from requirements(known, wanted)


def test_every_distribution_is_the_one_that_is_pinned() -> None:
    found = {name: each.version for name, each in INSTALLED.items() if name not in UNPINNED}
    assert {name: version for name, version in found.items() if PINS.get(name) != version} == {}


def test_every_distribution_has_what_it_requires() -> None:
    """Also the bounds that pyproject.toml sets, each of which has a fault for its reason."""
    unmet = {
        f"{name} wants {required}, and {known.version if known else 'nothing'} is there"
        for name, each in INSTALLED.items()
        for required in requirements(each)
        if not (known := INSTALLED.get(canonicalize_name(required.name)))
        or not required.specifier.contains(known.version, prereleases=True)
    }
    assert unmet == set()
