"""The differential test: the kiwi of each builder image and we read the same descriptions, and say the same of them.

Compared are: repositories that are read from (addresses, aliases, priorities, credentials), profiles, packages, package
manager, architecture, image type, and which descriptions are refused. kiwi's own descriptions come with its release.
"""

import json
import platform
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import Phase, given, settings

from builder.image import ensure_builder_image
from builder.kiwi_packages import kiwi_packages, requirements
from ingest.checked_description import OTHER_NAMES
from ingest.credentials import without_credentials
from ingest.description import Kiwi
from tests.builder_pod import run_in_builder
from tests.ingest.differential import kiwi_of_the_image, ours
from tests.ingest.differential.generated import Generated, descriptions
from tests.repository import REPOSITORY

pytestmark = [
    pytest.mark.containers,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("kiwi", [9, 11]),
]

GENERATED = 40


@dataclass(frozen=True)
class Case:
    """A folder with a description, and the profiles that a job asks for."""

    folder: Path
    profiles: list[str]


def ask(here: Path, cases: list[Case], command: list[str] | None, kiwi: Kiwi) -> list[dict[str, Any]]:
    """Have the image's kiwi, or a command of this host, read copies of the cases below an empty folder."""
    for number, case in enumerate(cases):
        shutil.copytree(case.folder, here / str(number), symlinks=True)
    listed = [{"folder": str(number), "profiles": case.profiles} for number, case in enumerate(cases)]
    (here / "cases.json").write_text(json.dumps(listed))
    if command is None:
        shutil.copyfile(kiwi_of_the_image.__file__, here / "ask.py")
        asking = ["python3", "/workspace/ask.py", "/workspace"]
        ran = run_in_builder(asking, workspace=here, image=ensure_builder_image(kiwi))
    else:
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    answers: list[dict[str, Any]] = json.loads((here / "answers.json").read_text())
    return answers


def differences(tmp_path: Path, cases: list[Case], kiwi: Kiwi) -> Counter[str]:
    """Compare, print the differences, and count."""
    theirs_in, ours_in = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs_in, ours_in):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    program = [sys.executable, ours.__file__, str(kiwi), str(kiwi_packages(kiwi)), str(ours_in), platform.machine()]
    counts: Counter[str] = Counter(descriptions=len(cases))
    found = zip(cases, ask(theirs_in, cases, None, kiwi), ask(ours_in, cases, program, kiwi), strict=True)
    for number, (case, theirs, mine) in enumerate(found):
        if "ours" in mine:
            counts["refused by a rule of ours"] += 1
            continue
        counts["compared"] += 1
        counts["refused by both"] += "refused" in theirs and "refused" in mine
        expected = normal(theirs, f"/workspace/{number}")
        if "refused" in expected or "refused" in mine:
            expected, mine = ({"refused": "refused" in each} for each in (expected, mine))
        names = list(mine)
        wrong = [name for name in names if expected[name] != mine[name]]
        counts["facts"] += len(names)
        counts["differences"] += len(wrong)
        for name in wrong:
            print(f"{case.folder}, {case.profiles}: {name}: kiwi says {expected[name]}, we say {mine[name]}")
    return counts


def normal(facts: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return what kiwi says in our words: package managers, folders of the recipe, and credentials out of addresses."""
    if "refused" in facts:
        return facts
    manager = facts["package_manager"]
    repositories = [_repository(each, folder) for each in facts["repositories"]]
    return {**facts, "package_manager": OTHER_NAMES.get(manager, manager), "repositories": repositories}


def _repository(each: dict[str, Any], folder: str) -> dict[str, Any]:
    path = each["path"].replace(f"dir://{folder}/", "this://")
    user, _, password = urlsplit(path).netloc.rpartition("@")[0].partition(":")
    inside = {"username": unquote(user), "password": unquote(password)} if user or password else {}
    return {**each, **inside, "path": without_credentials(path)}


def generated(kiwi: Kiwi) -> list[Generated]:
    """Draw all descriptions first: one container reads them all."""
    drawn: list[Generated] = []

    @settings(max_examples=GENERATED, phases=[Phase.generate], derandomize=True, deadline=None, database=None)
    @given(descriptions(kiwi))
    def draw(each: Generated) -> None:
        drawn.append(each)

    draw()
    return drawn


def test_on_generated_descriptions(kiwi: Kiwi, tmp_path: Path) -> None:
    cases = []
    for number, each in enumerate(generated(kiwi)):
        each.write(tmp_path / f"case{number}")
        cases.append(Case(tmp_path / f"case{number}", each.profiles))
    counts = differences(tmp_path, cases, kiwi)
    print(f"kiwi {kiwi}, generated: {dict(counts)}")
    assert counts["differences"] == 0
    assert counts["compared"] == len(cases) == GENERATED
    assert counts["compared"] > 2 * counts["refused by both"], "too few that kiwi takes"


def own_recipes() -> list[Path]:
    return [*sorted((REPOSITORY / "recipes").iterdir()), *sorted((REPOSITORY / "tests/recipes").iterdir())]


def test_on_our_own_descriptions(kiwi: Kiwi, tmp_path: Path) -> None:
    cases: list[Case] = []
    for number, recipe in enumerate(own_recipes()):
        folder = tmp_path / f"case{number}"
        shutil.copytree(recipe, folder, symlinks=True)
        text = (
            (folder / "config.xml")
            .read_text()
            .replace("{{ mirror }}", "http://m")
            .replace("{{ repository }}", "http://r")
        )
        (folder / "config.xml").write_text(text)
        cases.append(Case(folder, []))
    counts = differences(tmp_path, cases, kiwi)
    print(f"kiwi {kiwi}, our own: {dict(counts)}")
    assert (counts["differences"], counts["compared"]) == (0, len(cases))


@pytest.fixture
def release(kiwi: Kiwi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of a kiwi with the descriptions of its own tests, as pip fetches it; nothing of it is kept."""
    folder = tmp_path_factory.mktemp("release")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-binary=:all:", f"--dest={folder}", requirements(kiwi)[0]], check=True)
    [archive] = folder.glob("kiwi-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_on_kiwis_own_descriptions(kiwi: Kiwi, release: Path, tmp_path: Path) -> None:
    cases: list[Case] = []
    files = [each for each in sorted(release.rglob("*")) if each.suffix in {".xml", ".kiwi"} and each.is_file()]
    for file in files:
        content = file.read_bytes()
        if b"<image " in content and b"schemaversion" in content:
            folder = tmp_path / f"case{len(cases)}-{file.parent.name}-{file.stem}"
            folder.mkdir()
            (folder / "config.xml").write_bytes(content)
            cases.append(Case(folder, []))
    counts = differences(tmp_path, cases, kiwi)
    print(f"kiwi {kiwi}, its own: {dict(counts)}")
    assert counts["differences"] == 0
    assert counts["compared"] > 30
