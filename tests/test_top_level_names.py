"""The packages have short names, such as `config`: no other distribution may install one of the same name."""

import tomllib
from importlib.metadata import distributions

from tests.repository import REPOSITORY

OURS = "image-management-flows"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
# What the project installs, and what lies beside that in a checkout, where tests and tools import it.
NAMES = {
    *PROJECT["tool"]["setuptools"]["py-modules"],
    *(name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]),
    *("deploy", "tests", "bench"),
}


def test_no_other_distribution_installs_one_of_our_names() -> None:
    owners = {
        (name, found.name)
        for found in distributions()
        if found.name != OURS
        for file in found.files or ()
        if (name := file.parts[0].removesuffix(".py")) in NAMES
    }
    assert owners == set()


def test_every_package_of_the_checkout_is_looked_at() -> None:
    packages = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")}
    modules = {path.stem for path in REPOSITORY.glob("*.py")}
    assert packages | modules == NAMES


def test_the_project_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]
