"""Tests of builder/pod/kiwi/repositories.py, on real descriptions; the scripts are run as kiwi runs them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from builder.contract.options import KiwiOptions
from builder.pod.kiwi.repositories import adapt
from builder.pod.step import StepFailed
from tests.repository import REPOSITORY

TEXT = """<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="7.5" name="a">
  <preferences><packagemanager>zypper</packagemanager></preferences>
  <repository alias="one"{customize}><!-- kept --><source path="https://one.example.org/"/></repository>
  <repository alias="two"><source path="https://two.example.org/"/></repository>
</image>
"""
SITE = {"url": "https://site.example.org/a?b=1&c=2", "alias": "of-the-site", "type": "rpm-md"}


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """The folder of a description with two repositories."""
    return written(tmp_path / "context/description")


def written(folder: Path, *, customize: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    said = f' customize="{customize}"' if customize else ""
    (folder / "config.xml").write_text(TEXT.format(customize=said))
    return folder


def repositories(file: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(file).getroot().iter("repository"))


def addresses(file: Path) -> list[str]:
    return [source.get("path", "") for each in repositories(file) for source in each.iter("source")]


def options(*site: dict[str, Any], replace: bool = False) -> KiwiOptions:
    return KiwiOptions(site_repositories=site, replace_repositories=replace)


def test_the_sites_repositories_come_after_the_descriptions_own(description: Path) -> None:
    adapt(description, options(SITE))
    assert addresses(description / "config.xml") == [
        "https://one.example.org/",
        "https://two.example.org/",
        "https://site.example.org/a?b=1&c=2",
    ]


@pytest.mark.parametrize(
    ("fields", "attributes"),
    [
        ({}, {"alias": "of-the-site", "type": "rpm-md"}),
        ({"priority": 2, "imageinclude": True}, {"priority": "2", "imageinclude": "true"}),
        (
            {"type": "apt-deb", "distribution": "bookworm", "components": ["main", "contrib"]},
            {"type": "apt-deb", "distribution": "bookworm", "components": "main contrib"},
        ),
        ({"alias": "", "priority": None, "imageinclude": False, "components": []}, {"type": "rpm-md"}),
    ],
    ids=["few", "priority and imageinclude", "apt", "nothing of what may be left out"],
)
def test_a_repository_of_the_site_says_what_the_site_file_says(
    description: Path, fields: dict[str, Any], attributes: dict[str, str]
) -> None:
    adapt(description, options({**SITE, **fields}))
    element = repositories(description / "config.xml")[-1]
    assert element.attrib.pop("customize")
    assert dict(element.attrib) == {
        **({"alias": "of-the-site", "type": "rpm-md"} if "alias" not in fields else {}),
        **attributes,
    }


def test_the_sites_repositories_may_stand_in_for_all_others(description: Path) -> None:
    adapt(description, options(SITE, replace=True))
    assert addresses(description / "config.xml") == [SITE["url"]]


@pytest.mark.parametrize(
    "key", ["http://169.254.169.254/key", "HTTPS://a:b@[::ffff:a9fe:1]/key", "http://2852039166/key"]
)
def test_a_signing_key_where_no_repository_may_be_is_refused(description: Path, key: str) -> None:
    file = description / "config.xml"
    text = file.read_text().replace('one.example.org/"/>', f'one.example.org/"><signing key="{key}"/></source>')
    file.write_text(text)
    with pytest.raises(StepFailed, match=r"^the signing key's server .* no setting allows it$"):
        adapt(description, options())


def test_a_signing_key_of_the_builder_image_is_kept(description: Path) -> None:
    file = description / "config.xml"
    text = file.read_text().replace(
        'one.example.org/"/>', 'one.example.org/"><signing key="file:///usr/share/a"/></source>'
    )
    file.write_text(text)
    adapt(description, options())
    assert 'key="file:///usr/share/a"' in file.read_text()


def test_comments_in_it_are_kept(description: Path) -> None:
    adapt(description, options(SITE))
    assert "<!-- kept -->" in (description / "config.xml").read_text()


@pytest.mark.parametrize("text", [None, "no XML"], ids=["missing", "damaged"])
def test_a_folder_without_a_normalised_description_is_an_error(description: Path, text: str | None) -> None:
    (description / "config.xml").rename(description / "mine.kiwi")
    if text:
        (description / "config.xml").write_text(text)
    with pytest.raises(StepFailed, match=r"config\.xml cannot be read: "):
        adapt(description, options(SITE))


def scripts(description: Path) -> list[Path]:
    return [Path(each.get("customize", "")) for each in repositories(description / "config.xml")]


def run_script(script: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as kiwi does (kiwi/repository/base.py)."""
    # What the pod's python3 finds in the builder image.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        ["bash", "--norc", script, file],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_each_repository_has_a_script_that_completes_its_file(description: Path, tmp_path: Path) -> None:
    adapt(description, options(SITE))
    found = scripts(description)
    assert len(set(found)) == 3
    file = tmp_path / "var/cache/kiwi/zypper/repos/a b'c.repo"
    file.parent.mkdir(parents=True)
    for script in found:
        file.write_text("[a]\n")
        file.chmod(0o644)
        ran = run_script(script, file)
        assert ran.returncode == 0, ran.stderr
        assert file.stat().st_mode & 0o777 == 0o600


ODD_NAMES = [
    "own.sh",
    "scripts/own script.sh",
    "a'b\"c$(touch evil).sh",
    "{own}.sh",
    "-x.sh",
    "0.sh",
    "ims-repository-0.sh",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_recipes_own_script_runs_first_on_the_same_file(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "description", customize=name.replace('"', "&quot;"))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text('stat -c %a "$1" > "$1.mode"; echo own >> "$1"\n')
    before = (folder / name).read_text()
    file = tmp_path / "var/cache/kiwi/zypper/repos/a.repo"
    file.parent.mkdir(parents=True)
    file.write_text("[a]\n")
    file.chmod(0o644)
    adapt(folder, options())
    ran = run_script(scripts(folder)[0], file)
    assert ran.returncode == 0, ran.stderr
    assert file.read_text() == "[a]\nown\n"
    assert file.with_name("a.repo.mode").read_text() == "644\n"
    assert (folder / name).read_text() == before


def test_an_own_script_that_fails_ends_it_with_its_exit_code(tmp_path: Path) -> None:
    folder = written(tmp_path / "description", customize="own.sh")
    (folder / "own.sh").write_text("exit 7\n")
    adapt(folder, options())
    assert run_script(scripts(folder)[0], tmp_path / "a.repo").returncode == 7


def test_no_link_of_the_recipe_is_written_through(description: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("untouched")
    for number in range(3):
        for name in (f"ims-repository-{number}.sh", f"{number}.sh"):
            (description / name).symlink_to(tmp_path / "outside")
    (description / "repository-scripts").symlink_to(tmp_path)
    adapt(description, options(SITE))
    assert (tmp_path / "outside").read_text() == "untouched"
    assert not (tmp_path / "0.sh").exists()
