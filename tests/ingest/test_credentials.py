"""Tests of ingest/credentials.py, through the process that reads a description."""

import stat
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import canonicalize

import pytest

from errors import BadInput
from ingest.credentials import without_credentials
from ingest.description import Repository
from ingest.limits import Limits
from tests.ingest.archives import DESCRIPTION
from tests.ingest.reading import named_repositories

TEXT = DESCRIPTION.decode()
ADDRESS = "https://packages.example.org/base/"
Read = Callable[..., list[Repository]]


@pytest.fixture
def read(recipe: Path, limits: Limits) -> Read:
    """Read a description given as text, beside other files by name."""

    def read(text: str, **others: str) -> list[Repository]:
        recipe.mkdir(parents=True, exist_ok=True)
        for name, content in {"config.xml": text, **{f"{name}.xml": each for name, each in others.items()}}.items():
            (recipe / name).write_text(content)
        return named_repositories(recipe, limits)

    return read


FORMS = {
    "attributes": TEXT.replace('alias="base"', 'alias="base" username="us&amp;er" password="p&lt;w&quot;d"'),
    "address": TEXT.replace("https://", "https://us%26er:p%3Cw%22d@"),
    "both, of which the address wins": TEXT.replace("https://", "https://us%26er:p%3Cw%22d@").replace(
        'alias="base"', 'alias="base" username="other" password="p&lt;w&quot;d of nobody"'
    ),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_credentials_are_read_and_no_longer_stand_in_the_description(read: Read, recipe: Path, text: str) -> None:
    (repository,) = read(text)
    assert (repository.username, repository.password) == ("us&er", 'p<w"d')
    assert repository.url == ADDRESS
    written = (recipe / "config.xml").read_text()
    for word in ("us&amp;er", "us%26er", "p&lt;w", "p%3Cw", "username", "password", "@"):
        assert word not in written
    again = read(written)[0]
    assert again == repository.model_copy(update={"username": "", "password": "", "line": again.line})


def test_everything_else_of_the_description_is_kept(read: Read, recipe: Path) -> None:
    text = TEXT.replace("<image", "<!-- licence: é -->\n<?tool keep?>\n<image").replace(
        "</image>", "<!-- end --></image>"
    )
    read(text.replace('alias="base"', 'alias="base" username="u" password="p"'))
    declaration, _, rest = (recipe / "config.xml").read_text().partition("\n")
    assert "UTF-8" in declaration
    # Line breaks before the root element are no part of a document.
    assert rest == text.partition("\n")[2].replace("-->\n<?", "--><?").replace("?>\n<image", "?><image").rstrip()


@pytest.mark.by_both
def test_the_files_mode_is_kept(read: Read, recipe: Path) -> None:
    read(TEXT)
    (recipe / "config.xml").chmod(0o640)
    read(TEXT.replace("https://", "https://u:p@"))
    assert stat.S_IMODE((recipe / "config.xml").stat().st_mode) == 0o640


def test_a_description_without_credentials_says_the_same_as_before(read: Read, recipe: Path) -> None:
    text = TEXT.replace(' encoding="utf-8"', "").replace('alias="base"', "alias='base'")
    read(text)
    assert canonicalize((recipe / "config.xml").read_text()) == canonicalize(text)


@pytest.mark.by_both
def test_credentials_of_an_included_file_go_too(read: Read, recipe: Path) -> None:
    more = '<image><!-- kept -->\n<repository><source path="http://u:s3cr3t@more.example.org/a"/></repository></image>'
    text = TEXT.replace("  <packages", '<include from="this://more.xml"/>\n  <packages')
    repositories = read(text, more=more)
    assert [(each.url, each.username, each.password) for each in repositories] == [
        (ADDRESS, "", ""),
        ("http://more.example.org/a", "u", "s3cr3t"),
    ]
    written = (recipe / "more.xml").read_text()
    assert "s3cr3t" not in written
    assert "<!-- kept -->" in written
    normalised = (recipe / "config.xml").read_text()
    assert 'path="http://more.example.org/a"' in normalised
    assert "<include" not in normalised
    assert "s3cr3t" not in normalised


@pytest.mark.by_both
def test_credentials_of_a_description_behind_a_link_go_too(recipe: Path, limits: Limits) -> None:
    (recipe / "sub").mkdir(parents=True)
    (recipe / "sub/a.kiwi").write_text(TEXT.replace("https://", "https://u:s3cr3t@"))
    (recipe / "config.xml").symlink_to("sub/a.kiwi")
    assert named_repositories(recipe, limits)[0].password == "s3cr3t"
    for file in filter(Path.is_file, recipe.rglob("*")):
        assert "s3cr3t" not in file.read_text(), file


def test_each_repository_keeps_its_own(read: Read) -> None:
    second = '<repository username="v" password="q"><source path="https://two.example.org/"/></repository>'
    text = TEXT.replace("https://", "https://u:p@").replace("  <packages", f"{second}  <packages")
    assert [(each.username, each.password) for each in read(text)] == [("u", "p"), ("v", "q")]


PASSWORDS = {
    "percent-encoded": ("a%40b%2Fc%3Ad%25e", "a@b/c:d%e"),
    "an at sign as it is": ("a@b", "a@b"),
    "a blank as it is": ("a b", "a b"),
    "a colon as it is": ("a:b", "a:b"),
    "other letters": ("%C3%A9é", "éé"),
    "words of regular expressions": (r"\g<0>".replace("<", "%3C").replace(">", "%3E"), r"\g<0>"),
    "a percent sign that begins nothing": ("a%zz", "a%zz"),
    "none": ("", ""),
}


@pytest.mark.parametrize(("written", "meant"), PASSWORDS.values(), ids=PASSWORDS)
def test_a_password_in_an_address_is_decoded(read: Read, written: str, meant: str) -> None:
    (repository,) = read(TEXT.replace("https://", f"https://user:{written}@"))
    assert (repository.username, repository.password, repository.url) == ("user", meant, ADDRESS)


FORBIDDEN = {
    "a line break in the address": TEXT.replace("https://", "https://u:s3cr3t%0Agpgcheck=0@"),
    "a line break in the attribute": TEXT.replace('alias="base"', 'username="u" password="s3cr3t&#10;gpgcheck=0"'),
    "a control character": TEXT.replace("https://", "https://u:s3cr3t%1b@"),
    "no UTF-8": TEXT.replace("https://", "https://u:s3cr3t%ff@"),
    "a user with a colon": TEXT.replace("https://", "https://u%3Av:s3cr3t@"),
}


@pytest.mark.parametrize("text", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_would_break_package_managers_files_is_refused_without_being_quoted(read: Read, text: str) -> None:
    with pytest.raises(BadInput, match=r"config\.xml, line 5: the repository's user name or password") as caught:
        read(text)
    assert "s3cr3t" not in str(caught.value)


BADLY_WRITTEN = {
    "a slash": "https://u:s3/cr3t@packages.example.org/",
    "a hash": "https://u:s3#cr3t@packages.example.org/",
    "a question mark": "https://u:s3?cr3t@packages.example.org/",
    "a bracket": "https://u:s3[cr3t@packages.example.org/",
    "another scheme": "ftp://u:s3cr3t@packages.example.org/",
    "not rendered": "https://u:s3cr3t@{{ mirror }}/",
}


@pytest.mark.parametrize("address", BADLY_WRITTEN.values(), ids=BADLY_WRITTEN)
def test_an_address_that_is_refused_is_told_without_what_may_be_its_password(read: Read, address: str) -> None:
    with pytest.raises(BadInput, match=r"config\.xml, line 6: the repository ") as caught:
        read(TEXT.replace(ADDRESS, address))
    assert "cr3t" not in str(caught.value)
    assert address.rpartition("@")[2] in str(caught.value)


@pytest.mark.parametrize(
    ("address", "without"),
    [
        ("https://u:p@h:8443/a?b=c#d", "https://h:8443/a?b=c#d"),
        ("https://u@h/", "https://h/"),
        ("https://u:p@[::1]:8443/a", "https://[::1]:8443/a"),
        ("https://h/results/@group/a", "https://h/results/@group/a"),
        ("https://[half/u:p@h", "https://[half/u:p@h"),
    ],
)
def test_the_rest_of_an_address_is_kept(address: str, without: str) -> None:
    assert without_credentials(address) == without
