"""What the documentation names exists: modules, linked files and their headings."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

_LISTED = subprocess.run(["git", "ls-files", "*.md"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
PAGES = [name for name in _LISTED.stdout.split() if not name.startswith("tests/")]
# `storage/records/store.py`, or a folder, or a file of another kind: `tests/kubernetes_api/`, `builder/kiwi11.txt`.
_PATH = re.compile(r"`((?:[a-z_0-9.-]+/)+[A-Za-z_0-9.-]*)`")
# `storage/records/store.py:change`: a function or a method of that module.
_FUNCTION = re.compile(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.py):([a-z_]+)`")
_TOP = {path.name for path in REPOSITORY.iterdir() if path.is_dir()}
_LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")
_MOST_WORDS = 1500


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = {path for path in _PATH.findall(text(page)) if path.split("/")[0] in _TOP}
    missing = {path for path in named if not (REPOSITORY / path).exists()}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_a_page_names_exists(page: str) -> None:
    named = _FUNCTION.findall(text(page))
    missing = [(path, name) for path, name in named if not re.search(rf"^ *def {name}\b", text(path), re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    broken = [(path, heading) for path, heading in _LINK.findall(text(page)) if not leads(page, path, heading)]
    assert broken == []


def test_the_architecture_is_read_in_one_sitting() -> None:
    assert len(text("docs/architecture.md").split()) <= _MOST_WORDS


def test_every_decision_is_listed() -> None:
    folder = REPOSITORY / "docs/decisions"
    listed = {path for path, _ in _LINK.findall(text("docs/decisions/README.md"))}
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}


def leads(page: str, path: str, heading: str) -> bool:
    target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
    return target.exists() and (not heading or heading in headings(target))


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as a forge makes them of its headings."""
    lines = [line.lstrip("#").strip().lower() for line in page.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", line).replace(" ", "-") for line in lines}


def text(page: str) -> str:
    return (REPOSITORY / page).read_text()
