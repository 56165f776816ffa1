"""ingest/kiwi_classes.py, kiwi_reading.py, checked_description.py: what kiwi says of a description, and which one."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from builder.kiwi_packages import kiwi_packages
from errors import BadInput
from ingest.checked_description import shadowed
from ingest.description import Description, Repository
from ingest.limits import Limits
from ingest.recipe import read_description as recipe_of
from tests.ingest.archives import DESCRIPTION
from tests.ingest.reading import read_description

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


def read(
    recipe: Path, limits: Limits, content: str, profiles: Sequence[str] = (), schema: str = "7.5", **how: Any
) -> Description:
    recipe.mkdir(parents=True)
    before, _, after = DESCRIPTION.decode().replace('"7.5"', f'"{schema}"').partition("  <preferences>")
    (recipe / "config.xml").write_text(f"{before}{content}<preferences>{after}")
    return read_description(recipe, limits, profiles=profiles, **how)


@pytest.mark.parametrize(("profiles", "arch", "applying"), SELECTED.values(), ids=SELECTED)
def test_the_profiles_that_apply_are_those_that_kiwi_builds(
    recipe: Path, limits: Limits, profiles: list[str], arch: str, applying: list[str]
) -> None:
    assert read(recipe, limits, PROFILES, profiles, arch=arch).applying_profiles == applying


@pytest.mark.parametrize(
    ("profiles", "said"),
    [
        (["A", "F"], r"config\.xml: the description has no profile F; it has A, B, C, D, E$"),
        (["E"], "line 2: kiwi 9.24 refuses the description: profile E not found for host arch x86_64; correct it"),
    ],
)
def test_a_profile_that_the_description_has_not_for_this_machine_is_refused(
    recipe: Path, limits: Limits, profiles: list[str], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        read(recipe, limits, PROFILES, profiles)


def test_a_description_whose_types_are_all_of_profiles_says_which_to_ask_for(recipe: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    text = DESCRIPTION.decode().replace(
        "<preferences>", PROFILES.replace(' import="true"', "") + '<preferences profiles="A,B">'
    )
    (recipe / "config.xml").write_text(text)
    with pytest.raises(
        BadInput, match=r"No build type .*; give the job other profiles \(--profile NAME\); .* has A, B, C,"
    ):
        read_description(recipe, limits)
    assert read_description(recipe, limits, profiles=["A"]).applying_profiles == ["A"]


def test_a_profile_that_requires_one_that_is_missing_is_refused(recipe: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match="profile X not found"):
        read(recipe, limits, PROFILES.replace('requires profile="D"', 'requires profile="X"'), ["B"])


ASKED = {
    "": "",
    'imageonly="false"': "",
    'imageinclude="true"': "",
    'profiles="B,A"': "",
    'profiles="B, A"': "it is not for the profiles of this build (B, A)",
    'profiles="D"': "it is not for the profiles of this build (D)",
    'imageonly="true"': "it is for the image alone",
}
OF_NEWER_SCHEMAS = {'arch="x86_64,aarch64"': "", 'arch="aarch64"': "it is for others"}


@pytest.mark.parametrize(("schema", "told"), [("7.5", ASKED), ("8.5", ASKED | OF_NEWER_SCHEMAS)], ids=["9.24", "11"])
def test_repositories_that_kiwi_does_not_read_from_are_not_asked(
    recipe: Path, limits: Limits, schema: str, told: dict[str, str]
) -> None:
    found = read(recipe, limits, PROFILES + repositories(*told), schema=schema).repositories
    assert [each.not_asked for each in found] == [*told.values(), ""]
    assert [each.asked for each in found] == [*(not why for why in told.values()), True]


def test_no_repository_of_the_description_is_asked_where_the_sites_replace_them(recipe: Path, limits: Limits) -> None:
    description = read(recipe, limits, repositories("", 'imageonly="true"'), replaced=True)
    assert {each.not_asked for each in description.repositories} == {"the site file replaces it"}
    assert all(each.left_out for each in description.repositories)


@pytest.mark.parametrize("how", [{"replaced": True}, {"profiles": ["D"]}], ids=str)
def test_an_address_that_cannot_be_asked_is_no_matter_when_it_is_not_asked(
    recipe: Path, limits: Limits, how: dict[str, Any]
) -> None:
    obs = repositories('profiles="A"').replace("https://r0/", "obs://openSUSE:Leap:15.6/standard")
    assert not read(recipe, limits, PROFILES + obs, **how).repositories[0].asked


@pytest.mark.parametrize("attributes", ['profiles="A"', 'imageonly="true"'])
def test_an_address_that_cannot_be_asked_is_refused_when_kiwi_would_read_it(
    recipe: Path, limits: Limits, attributes: str
) -> None:
    obs = repositories(attributes).replace("https://r0/", "obs://openSUSE:Leap:15.6/standard")
    with pytest.raises(BadInput, match=r"the repository 'obs://openSUSE:Leap:15\.6/standard' is not allowed"):
        read(recipe, limits, PROFILES + obs)


@pytest.mark.parametrize("case", ["repository-imageonly/config.xml", "repository-profiles/not-built.xml"])
def test_a_field_case_asks_only_the_repository_that_kiwi_reads_from(recipe: Path, limits: Limits, case: str) -> None:
    recipe.mkdir(parents=True)
    text = (Path(__file__).parent / "field_cases" / case).read_text().replace("{{ repository }}", "http://127.0.0.1:8/")
    (recipe / "config.xml").write_text(text)
    asked = [each.alias for each in read_description(recipe, limits).repositories if each.asked]
    assert asked == ["build"]


# Attributes that kiwi 9.24 does not know; public descriptions have them under the number of its schema.
NEWER = '<preferences><type image="oem" filesystem="ext4" eficsm="false"/></preferences>'


@pytest.mark.parametrize("schema", ["7.4", "7.5"])
def test_what_kiwi_9_refuses_is_read_and_built_by_kiwi_11(
    recipe: Path, limits: Limits, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert read(recipe, limits, NEWER, schema=schema).kiwi == 11
    (said,) = caplog.messages
    assert said == (
        "config.xml, line 4: kiwi 9.24 refuses the description: there is no attribute eficsm; kiwi 11 reads it"
    )


def test_kiwi_9_reads_what_it_takes_and_kiwi_11_is_not_even_fetched(recipe: Path, limits: Limits) -> None:
    def only_9(kiwi: int) -> Path:
        assert kiwi == 9
        return kiwi_packages(kiwi)

    recipe.mkdir(parents=True)
    (recipe / "config.xml").write_bytes(DESCRIPTION)
    assert recipe_of(recipe, limits, only_9).kiwi == 9


REFUSED = {
    "an element": (
        "<nonsense/>",
        "line 4: kiwi 9.24 refuses the description: there is no element <nonsense>",
    ),
    "an attribute": (repositories("foo='1'"), "line 4: kiwi 9.24 refuses the description: there is no attribute foo"),
    "an alias that is a path": (
        repositories("alias='../a'"),
        "line 4: .* Invalid attribute alias for element repository",
    ),
    "an alias with a colon": (repositories("alias='a:b'"), "line 4: .* Invalid attribute alias for element repository"),
    "an image type": (
        '<preferences><type image="nope"/></preferences>',
        "line 4: .* Element type failed to validate content",
    ),
    "XInclude": (
        '\n<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>',
        "line 5: .* there is no element <{http://www.w3.org/2001/XInclude}include>",
    ),
    "a package without a name": (
        "<packages type='image'><package/></packages>",
        "line 4: .* Element package failed to validate",
    ),
    "text": ("text", "line 2: .* Expecting an element preferences"),
    "a rule beside the schema": (
        '<preferences><type image="oem"/></preferences>',
        "line 2: .* filesystem attribute must be set for the following image types: oem",
    ),
    "a value": (
        '<preferences><type image="oem" luks="a" luks_version="9"/></preferences>',
        "line 4: .* luks_version",
    ),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_kiwi_would_refuse_is_refused_at_once_with_its_line(
    recipe: Path, limits: Limits, content: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said) as refusal:
        read(recipe, limits, content)
    assert refusal.value.resolution == "correct it; kiwi 11 refuses it, too"


def test_a_refusal_of_a_newer_schema_is_that_of_the_kiwi_which_reads_it(recipe: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match=r"line 4: kiwi 11 refuses .*nonsense>; correct it$"):
        read(recipe, limits, "<nonsense/>", schema="8.5")


def test_the_line_of_what_kiwi_refuses_is_that_of_the_included_file(recipe: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    (recipe / "more.xml").write_text("<image>\n\n<drivers><file/></drivers></image>")
    text = (
        DESCRIPTION.decode()
        .replace('"7.5"', '"7.3"')
        .replace("  <packages", '<include from="this://more.xml"/><packages')
    )
    (recipe / "config.xml").write_text(text)
    with pytest.raises(BadInput, match=r"more\.xml, line 3: kiwi 9\.24 refuses the description: .* file"):
        read_description(recipe, limits)


def test_facts_are_those_of_kiwi_and_nothing_of_it_is_left(recipe: Path, limits: Limits) -> None:
    more = (
        '<packages type="image" profiles="A"><package name="a"/><package name="b" arch="aarch64"/></packages>'
        '<packages type="image" profiles="D"><package name="c"/></packages>'
        '<preferences profiles="A"><packagemanager>dnf</packagemanager>'
        '<type image="oem" filesystem="ext4" primary="true"/></preferences>'
    )
    description = read(recipe, limits, PROFILES + more)
    assert (description.package_manager, description.image_type) == ("dnf", "oem")
    assert (description.bootstrap_packages, description.packages) == (["dnf", "filesystem"], ["a"])
    assert list(recipe.parent.iterdir()) == [recipe]


def test_hostile_content_that_only_kiwi_would_open_stays_closed(recipe: Path, limits: Limits) -> None:
    """An extension has kiwi ask a catalogue of the host for its schema."""
    extension = '<extension xmlns:m="http://127.0.0.1/x"><m:m/></extension>'
    with pytest.raises(BadInput, match=r"kiwi 9\.24 refuses .*Extension schema error: xmlcatalog is not installed"):
        read(recipe, limits, extension)


def test_of_two_repositories_with_one_alias_the_first_is_named() -> None:
    named = [("a", "http://1/", ""), ("b", "http://2/", ""), ("a", "http://3/", ""), ("a", "http://4/", "not asked")]
    made = [
        Repository(url=url, alias=alias, not_asked=why, file="config.xml", line=line)
        for line, (alias, url, why) in enumerate([*named, ("", "http://5/", ""), ("", "http://6/", "")], 1)
    ]
    assert shadowed(made) == [
        "config.xml, line 1: kiwi does not read from this repository: config.xml, line 3 has another with the alias 'a'"
    ]
