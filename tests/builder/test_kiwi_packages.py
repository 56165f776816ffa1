"""builder/kiwi_packages.py: kiwi's own classes outside of pods, fetched once."""

import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree
from lxml.isoschematron import extract_rng

from builder import kiwi_packages
from builder.kiwi_packages import EXPANDED_RULES, KIWIS, expanded_rules, folder_name, requirements
from errors import Unreachable

ISO = "{http://purl.oclc.org/dsdl/schematron}"


def test_the_releases_are_those_of_the_builder_images() -> None:
    assert requirements(9) == ["kiwi==9.24.56", "setuptools==66.1.1"]
    assert requirements(11) == ["kiwi==11.1.6"]


def test_the_folder_says_what_it_holds() -> None:
    names = [folder_name(kiwi) for kiwi in KIWIS]
    assert [name.rpartition("-")[0] for name in names] == ["kiwi-9.24.56", "kiwi-11.1.6"]


@pytest.mark.parametrize("kiwi", KIWIS)
def test_kiwis_classes_are_there_with_its_schema(kiwi: int) -> None:
    folder = kiwi_packages.kiwi_packages(kiwi)
    assert (folder / "kiwi/schema/kiwi.rng").is_file()
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from kiwi.version import __version__; print(__version__)"
    )
    said = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == requirements(kiwi)[0].partition("==")[2]


@pytest.mark.parametrize("kiwi", KIWIS)
def test_the_expanded_rules_are_those_of_kiwis_schema(kiwi: int) -> None:
    folder = kiwi_packages.kiwi_packages(kiwi)
    schema = folder / "kiwi/schema/kiwi.rng"
    assert (folder / EXPANDED_RULES).read_bytes() == expanded_rules(schema)
    before = extract_rng(etree.parse(schema)).findall(f"{ISO}pattern")
    after = etree.parse(folder / EXPANDED_RULES).findall(f"{ISO}pattern")
    assert any(each.get("is-a") for each in before)
    assert after
    assert not any(each.get("is-a") or each.get("abstract") for each in after)


def test_a_folder_of_the_workers_image_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiwi_packages, "IN_IMAGE", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / folder_name(9)).mkdir()
    assert kiwi_packages.kiwi_packages(9) == tmp_path / folder_name(9)


def test_what_cannot_be_fetched_is_said_with_what_to_do_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(Unreachable, match=r"^the packages of kiwi 11 cannot be fetched: .*builder\.kiwi_packages"):
        kiwi_packages.kiwi_packages(11)
    assert [each.name for each in (tmp_path / "ims").iterdir()] == ["builder.lock"]
