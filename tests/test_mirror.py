"""The tests mirror the tree: each module has its test file, or a line in tests/mirror.py says which test covers it.

A line is refused when its test cannot come to the module: by imports, or by those of a program, a flow or a command
that the test or its helpers start by name.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.mirror import ELSEWHERE, Elsewhere
from tests.repository import REPOSITORY

PACKAGES = ("api", "builder", "cli", "config", "flows", "ingest", "pods", "runs", "storage", "tasks")
TESTS = REPOSITORY / "tests"
_NAMED = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


def modules() -> set[str]:
    """Return the files of all modules that are to have tests."""
    files = {file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py")}
    return {str(file.relative_to(REPOSITORY)) for file in files if file.name != "__init__.py"}


def own_test(module: str) -> Path:
    return TESTS / Path(module).parent / f"test_{Path(module).name}"


def test_every_module_has_a_test_or_a_line() -> None:
    listed = {module for line in ELSEWHERE for module in line.modules}
    assert {module for module in modules() if not own_test(module).exists()} - listed == set()


def test_no_line_is_too_many() -> None:
    listed = [module for line in ELSEWHERE for module in line.modules]
    assert len(listed) == len(set(listed))
    assert {module for module in listed if module not in modules() or own_test(module).exists()} == set()


def test_each_line_names_a_test_that_comes_to_the_module() -> None:
    assert {line.test for line in ELSEWHERE if not (TESTS / line.test).exists()} == set()
    lies = [
        f"{line.test} does not come to {module}"
        for line in ELSEWHERE
        for module in line.modules
        if is_a_lie(line, module)
    ]
    assert lies == []


def is_a_lie(line: Elsewhere, module: str) -> bool:
    """Tell whether the test of a line does not come to a module."""
    test = TESTS / line.test
    start, near = test, helpers_of(test)
    for program in (REPOSITORY / each for each in line.through):
        if not is_named(program, near):
            return True
        start, near = program, reached(program)
    # Ansible finds its plugins by their folder.
    if module.startswith("builder/ansible/"):
        return start.stem != "playbook"
    return REPOSITORY / module not in reached(start)


def helpers_of(test: Path) -> frozenset[Path]:
    """Return what a test imports, and what its folder's fixtures are in."""
    conftest = test.parent / "conftest.py"
    return reached(test) | (reached(conftest) if conftest.exists() else frozenset())


def is_named(program: Path, files: frozenset[Path]) -> bool:
    """Tell whether one of the files names a program: by its module, or by the last word of that, in quotes or dots."""
    dotted = ".".join(program.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__main__")
    words = "|".join(map(re.escape, {dotted, program.stem, program.stem.replace("_", "-")}))
    return any(re.search(rf"""["'./ ](?:{words})\b""", file.read_text()) for file in files)


@cache
def reached(start: Path) -> frozenset[Path]:
    """Return the files of the project that a file imports, or names by their modules, and those that these do."""
    left, found = [start], set[Path]()
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += named_in(file)
    return frozenset(found)


@cache
def named_in(file: Path) -> frozenset[Path]:
    text = file.read_text()
    names = {*_NAMED.findall(text), *imported(ast.parse(text))}
    return frozenset(path for name in names if (path := file_of(name)))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str) -> Path | None:
    """Return the file of a module, or of the module that something is in."""
    path = REPOSITORY.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__main__.py", path.parent.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)
