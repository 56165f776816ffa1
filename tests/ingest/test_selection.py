"""ingest/selection.py: which profiles and repositories of a description a build uses."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from lxml import etree

from errors import BadInput
from ingest.description import Description
from ingest.limits import Limits
from ingest.recipe import read_description
from ingest.selection import Selection
from tests.ingest.archives import DESCRIPTION

PROFILES = """<profiles>
<profile name="A" description="a" import="true"/><profile name="B" description="b"><requires profile="D"/></profile>
<profile name="C" description="c"><requires profile="B"/></profile><profile name="D" description="d"/>
<profile name="E" description="e" import="1" arch="aarch64,ppc64le"/>
</profiles>
"""
SELECTED = {
    "imported": ([], "x86_64", ["A"]),
    "imported of another architecture": ([], "aarch64", ["A", "E"]),
    "the job's own in place of the imported": (["D"], "x86_64", ["D"]),
    "required": (["B"], "x86_64", ["B", "D"]),
    "required by a required one": (["C", "A"], "x86_64", ["C", "B", "D", "A"]),
    "asked for twice": (["D", "B", "D"], "x86_64", ["D", "B"]),
}


def repositories(*attributes: str) -> str:
    return "".join(
        f'<repository {each}><source path="https://r{n}/"/></repository>' for n, each in enumerate(attributes)
    )


def read(recipe: Path, limits: Limits, content: str, profiles: Sequence[str] = (), **how: object) -> Description:
    recipe.mkdir(parents=True)
    before, _, after = DESCRIPTION.decode().partition("  <preferences>")
    (recipe / "config.xml").write_text(f"{before}{content}<preferences>{after}")
    return read_description(recipe, limits, profiles=profiles, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(("profiles", "arch", "applying"), SELECTED.values(), ids=SELECTED)
def test_the_profiles_that_apply_are_those_that_kiwi_builds(
    recipe: Path, limits: Limits, profiles: list[str], arch: str, applying: list[str]
) -> None:
    assert read(recipe, limits, PROFILES, profiles, arch=arch).applying_profiles == applying


@pytest.mark.parametrize(("profiles", "said"), [(["F"], "no profile F"), (["E"], "no profile E for x86_64")])
def test_a_profile_that_the_description_has_not_for_this_machine_is_refused(
    recipe: Path, limits: Limits, profiles: list[str], said: str
) -> None:
    with pytest.raises(BadInput, match=f"{said}.*; it has A, B, C, D$"):
        read(recipe, limits, PROFILES, profiles)


def test_a_profile_that_requires_one_that_is_missing_is_refused(recipe: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match="no profile X"):
        read(recipe, limits, PROFILES.replace('requires profile="D"', 'requires profile="X"'), ["B"])


ASKED = {
    "": "",
    'imageonly="false"': "",
    'imageinclude="true"': "",
    'profiles="B,A"': "",
    'profiles="D"': "it is for the profiles D",
    'imageonly="true"': "it is for the image alone",
    'arch="x86_64,aarch64"': "",
    'arch="aarch64"': "it is for aarch64",
}


def test_repositories_that_kiwi_does_not_read_from_are_not_asked(recipe: Path, limits: Limits) -> None:
    description = read(recipe, limits, PROFILES + repositories(*ASKED))
    assert [each.not_asked for each in description.repositories[:-1]] == list(ASKED.values())
    assert [each.asked for each in description.repositories[:-1]] == [not why for why in ASKED.values()]


def test_no_repository_of_the_description_is_asked_where_the_sites_replace_them(recipe: Path, limits: Limits) -> None:
    description = read(recipe, limits, repositories("", 'imageonly="true"'), replaced=True)
    assert {each.not_asked for each in description.repositories} == {"the site file replaces it"}
    assert all(each.left_out for each in description.repositories)


@pytest.mark.parametrize("how", [{"replaced": True}, {"profiles": ["D"]}], ids=str)
def test_an_address_that_cannot_be_asked_is_no_matter_when_it_is_not_asked(
    recipe: Path, limits: Limits, how: dict[str, object]
) -> None:
    obs = repositories('profiles="A"').replace("https://r0/", "obs://openSUSE:Leap:15.6/standard")
    profiles = how.pop("profiles", [])
    assert isinstance(profiles, list)
    assert not read(recipe, limits, PROFILES + obs, profiles, **how).repositories[0].asked


@pytest.mark.parametrize("attributes", ['profiles="A"', 'imageonly="true"'])
def test_an_address_that_cannot_be_asked_is_refused_when_kiwi_would_read_it(
    recipe: Path, limits: Limits, attributes: str
) -> None:
    obs = repositories(attributes).replace("https://r0/", "obs://openSUSE:Leap:15.6/standard")
    with pytest.raises(BadInput, match=r"the repository 'obs://openSUSE:Leap:15\.6/standard' is not allowed"):
        read(recipe, limits, PROFILES + obs)


def test_blanks_in_a_list_of_profiles_count_as_for_kiwi() -> None:
    assert not Selection(("a",), "x86_64").uses(etree.fromstring('<repository profiles="b, a"/>'))
    assert Selection(("a",), "x86_64").uses(etree.fromstring('<repository profiles=""/>'))


@pytest.mark.parametrize("case", ["repository-imageonly/config.xml", "repository-profiles/not-built.xml"])
def test_a_field_case_asks_only_the_repository_that_kiwi_reads_from(recipe: Path, limits: Limits, case: str) -> None:
    recipe.mkdir(parents=True)
    text = (Path(__file__).parent / "field_cases" / case).read_text().replace("{{ repository }}", "http://127.0.0.1:8/")
    (recipe / "config.xml").write_text(text)
    asked = [each.alias for each in read_description(recipe, limits).repositories if each.asked]
    assert asked == ["build"]
