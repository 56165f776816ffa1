from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from errors import BadInput
from ingest.description import Description
from ingest.limits import Limits
from tests.ingest.archives import DESCRIPTION
from tests.ingest.reading import named_repositories, read_description

TEXT = DESCRIPTION.decode()
Read = Callable[..., Description]
Check = Callable[..., None]


def write(recipe: Path, text: str | bytes, others: dict[str, str]) -> None:
    recipe.mkdir(parents=True)
    (recipe / "config.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, content in others.items():
        (recipe / name.replace("_", ".")).write_text(content)


@pytest.fixture
def read(recipe: Path, limits: Limits) -> Read:
    """Read a description given as text, beside other files by name."""

    def read(text: str | bytes, **others: str) -> Description:
        write(recipe, text, others)
        return read_description(recipe, limits)

    return read


@pytest.fixture
def check(recipe: Path, limits: Limits) -> Check:
    """Check a description given as text in this process and without kiwi, for tables of what is refused."""

    def check(text: str, **others: str) -> None:
        write(recipe, text, others)
        named_repositories(recipe, limits)

    return check


def test_a_description_is_read(read: Read) -> None:
    description = read(TEXT)
    assert (description.file, description.name, description.schema_version) == ("config.xml", "small", "7.5")
    assert description.package_manager == "zypper"
    (repository,) = description.repositories
    assert repository.url == "https://packages.example.org/base/"
    assert (repository.alias, repository.type, repository.priority) == ("base", "rpm-md", 4)
    assert repository.imageinclude
    assert not repository.imageonly
    assert (repository.file, repository.line) == ("config.xml", 5)


def test_an_apt_repository_is_read(read: Read) -> None:
    text = TEXT.replace("zypper", "apt").replace(
        'type="rpm-md" alias="base"', 'distribution="bookworm" components="main contrib" username="u" password="p"'
    )
    description = read(text)
    (repository,) = description.repositories
    assert description.package_manager == "apt"
    assert (repository.type, repository.distribution) == ("apt-deb", "bookworm")
    assert repository.components == ["main", "contrib"]
    assert (repository.username, repository.password) == ("u", "p")
    assert "'p'" not in repr(description)


@pytest.mark.parametrize("version", ["6.2", "6.8", "7.0"])
def test_older_schemas_are_read(read: Read, version: str) -> None:
    text = TEXT.replace('schemaversion="7.5"', f'schemaversion="{version}"').replace("rpm-md", "yast2")
    description = read(text.replace("zypper", "yum"))
    assert (description.schema_version, description.package_manager) == (version, "dnf")
    assert description.repositories[0].type == "rpm-md"


@pytest.mark.parametrize(
    ("version", "kiwi"), [("1.4", 9), ("6.8", 9), ("7.5", 9), ("7.6", 11), ("8.0", 11), ("8.5", 11)]
)
def test_the_schema_says_which_kiwi_is_asked_first(read: Read, version: str, kiwi: int) -> None:
    assert read(TEXT.replace('schemaversion="7.5"', f'schemaversion="{version}"')).kiwi == kiwi


def test_profiles_and_their_package_managers_are_read(read: Read) -> None:
    text = TEXT.replace(
        "  <preferences>",
        '<profiles><profile name="a" description="d"/><profile name="b" description="d"/></profiles>'
        '<preferences profiles="a"><packagemanager>dnf</packagemanager></preferences><preferences>',
    ).replace('alias="base"', 'alias="base" profiles="a, b"')
    description = read(text)
    assert description.profiles == ["a", "b"]
    assert description.repositories[0].profiles == ["a", "b"]
    assert description.package_manager == "zypper"


@pytest.mark.by_both
def test_repositories_of_included_files_are_read(read: Read) -> None:
    more = '<image>\n<repository><source path="http://more.example.org"/></repository></image>'
    description = read(TEXT.replace("  <packages", '<include from="this://more.xml"/>\n  <packages'), more_xml=more)
    assert [(one.url, one.file) for one in description.repositories] == [
        ("https://packages.example.org/base/", "config.xml"),
        ("http://more.example.org", "more.xml"),
    ]


def test_a_repository_of_the_recipe_itself_is_read(read: Read) -> None:
    assert read(TEXT.replace("https://packages.example.org/base/", "this://rpms")).repositories[0].url == "this://rpms"


def test_in_image_paths_and_characters_of_other_alphabets_are_no_matter(read: Read) -> None:
    strip = '<strip type="delete"><file name="/usr/share/doc"/></strip><packages type="image"><archive name="a.tgz"/>'
    text = TEXT.replace("  <packages", f"{strip}</packages><packages").replace("<author>a", "<author>Jürgen &amp; é")
    assert read(text).name == "small"


REPOSITORY = '<source path="https://packages.example.org/base/"/>'
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


def test_without_a_package_manager_kiwis_own_choice_counts(read: Read) -> None:
    assert read(TEXT.replace("<packagemanager>zypper</packagemanager>", "")).package_manager == "dnf"


# By the names that Python has for them; lxml reads them with iconv.
ENCODINGS = {
    "UTF8": ("utf-8", "Müller"),
    "UTF-8": ("utf-8-sig", "Müller 漢"),
    "UTF-16": ("utf-16", "Müller 漢"),
    "UTF-16LE": ("utf-16-le", "Müller 漢"),
    "ISO-8859-15": ("iso8859-15", "Müller €"),
    "windows-1252": ("cp1252", "Müller €"),
    "GBK": ("gbk", "漢字"),
    "GB18030": ("gb18030", "漢字"),
    "Shift_JIS": ("shift_jis", "漢字"),
    "EUC-JP": ("euc-jp", "漢字"),
    "KOI8-R": ("koi8-r", "Ж"),
    "UCS-4": ("utf-32-be", "漢"),
}


@pytest.mark.parametrize(("declared", "coded"), ENCODINGS.items(), ids=ENCODINGS)
def test_whatever_its_encoding_the_pods_get_the_same_in_utf_8(
    read: Read, recipe: Path, declared: str, coded: tuple[str, str]
) -> None:
    encoding, author = coded
    text = TEXT.replace("utf-8", declared).replace("<author>a", f"<author>{author}")
    assert read(text.encode(encoding)).name == "small"
    # The parser that the pods have.
    written = ElementTree.fromstring((recipe / "config.xml").read_bytes())
    assert written.findtext("description/author") == author


@pytest.mark.by_both
def test_the_field_case_of_an_encoding_without_its_hyphen_is_normalised(read: Read, recipe: Path) -> None:
    read((Path(__file__).parent / "field_cases/xml-encodings/utf8.xml").read_bytes())
    assert ElementTree.parse(recipe / "config.xml").findtext("description/author") == "Müller"


BAD = {
    "not XML": ("no xml\n", "config.xml, line 1: not valid XML"),
    "empty": ("", "config.xml, line 1: not valid XML"),
    "not closed": (TEXT.replace("</image>", ""), "config.xml, line 10: not valid XML"),
    "wrong nesting": (TEXT.replace("</repository>", ""), "config.xml, line 9: not valid XML: Opening and ending tag"),
    "not the declared encoding": (
        DESCRIPTION.replace(b"<author>a", b"<author>\xff"),
        "config.xml, line 3: not valid XML",
    ),
    "an encoding that Python knows and lxml does not": (TEXT.replace("utf-8", "rot13"), "not valid XML"),
    "unknown encoding": (TEXT.replace("utf-8", "x-none"), "not valid XML"),
    "nested too deeply": ("<image>" + "<a>" * 5000 + "</a>" * 5000 + "</image>", "not valid XML"),
    "entity expansion": (
        TEXT.replace("<image", f'<!DOCTYPE image [<!ENTITY e0 "ha">{ENTITIES}]>\n<image').replace(
            "<author>a", "<author>&e11;"
        ),
        "config.xml, line 2: a document type",
    ),
    "entity expansion in an attribute": (
        TEXT.replace("<image", f'<!DOCTYPE image [<!ENTITY e0 "ha">{ENTITIES}]>\n<image').replace(
            'alias="base"', 'alias="&e11;"'
        ),
        "config.xml, line ",
    ),
    "external entity": (
        TEXT.replace("<image", '<!DOCTYPE image [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<image').replace(
            "<author>a", "<author>&x;"
        ),
        "config.xml, line 2: a document type",
    ),
    "external entity of a parameter": (
        TEXT.replace("<image", '<!DOCTYPE image [<!ENTITY % x SYSTEM "http://127.0.0.1/x">%x;]>\n<image'),
        "config.xml, line 2: a document type",
    ),
    "external document type": (
        TEXT.replace("<image", '\n<!DOCTYPE image SYSTEM "http://127.0.0.1/x.dtd">\n<image'),
        "config.xml, line 3: a document type",
    ),
    "bare document type": (TEXT.replace("<image", "<!DOCTYPE image>\n<image"), "config.xml, line 2: a document type"),
    "document type in another encoding": (
        TEXT.replace("utf-8", "utf-16").replace("<image", "<!DOCTYPE image>\n<image").encode("utf-16"),
        "a document type",
    ),
    "undefined entity": (TEXT.replace("<author>a", "<author>&nobody;"), "config.xml, line 3: not valid XML: Entity"),
    "no image": (
        TEXT.replace("<image", "<recipe").replace("</image", "</recipe"),
        "line 2: the root element is <recipe>",
    ),
    "image of another namespace": (
        TEXT.replace("<image", '<image xmlns="urn:x"'),
        "the root element is <{urn:x}image>",
    ),
    "no schema": (TEXT.replace('schemaversion="7.5"', ""), "config.xml, line 2: <image> has no schemaversion"),
    "later schema": (
        TEXT.replace('"7.5"', '"8.6"'),
        "config.xml, line 2: schemaversion 8.6 is not supported; kiwi 9.24 reads 1.4 to 7.5, kiwi 11 reads 7.4 to 8.5",
    ),
    "much later schema": (TEXT.replace('"7.5"', '"9.0"'), "schemaversion 9.0 is not supported"),
    "schema before the first": (TEXT.replace('"7.5"', '"1.3"'), "schemaversion 1.3 is not supported"),
    "schema that is not a number": (TEXT.replace('"7.5"', '"seven"'), "schemaversion 'seven' is not a schema version"),
    "name with a path": (TEXT.replace('name="small"', 'name="../small"'), "the image name '../small' is not allowed"),
    "unsupported package manager": (
        TEXT.replace("zypper", "pacman"),
        "config.xml: the package manager 'pacman' is not supported; name one of",
    ),
    "empty package manager": (TEXT.replace("zypper", ""), "line 4: kiwi 9.24 refuses the description: "),
    "no repository": (TEXT.replace("repository", "r"), "names no <repository>"),
    "repository without source": (TEXT.replace(REPOSITORY, ""), "line 5: the repository has no source path"),
    "repository with two sources": (TEXT.replace(REPOSITORY, REPOSITORY * 2), "line 5: the repository has no source"),
    "repository without path": (TEXT.replace(REPOSITORY, "<source/>"), "line 5: the repository has no source path"),
    "repository of unknown type": (TEXT.replace("rpm-md", "npm"), "line 5: the repository's type is 'npm'"),
    "repository with a bad priority": (TEXT.replace('"4"', '"high"'), "line 5: the repository's priority 'high'"),
    "repository with a bad boolean": (TEXT.replace('"true"', '"maybe"'), "line 5: the repository's imageinclude"),
    "profile with a path": (
        TEXT.replace("  <packages", '<profiles><profile name=".." description=""/></profiles><packages'),
        "line 8: the profile name '..' is not allowed",
    ),
    "include of a local file": (
        TEXT.replace("  <packages", '<include from="file:///etc/kiwi.xml"/><packages'),
        "line 8: the include of 'file:///etc/kiwi.xml' is not allowed",
    ),
    "include from the web": (
        TEXT.replace("  <packages", '<include from="http://127.0.0.1/x.xml"/><packages'),
        "line 8: the include of 'http://127.0.0.1/x.xml' is not allowed",
    ),
    "include of a path up": (
        TEXT.replace("  <packages", '<include from="this://../outside/x.xml"/><packages'),
        "line 8: the path '../outside/x.xml' does not lie in the recipe",
    ),
    "include of nothing": (
        TEXT.replace("  <packages", '<include from="this://no.xml"/><packages'),
        "line 8: no.xml is not a file of the recipe",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_description_is_refused_with_its_line(read: Read, text: str | bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "file:///srv/repo",
        "dir:///srv/repo",
        "iso:///srv/a.iso",
        "/srv/repo",
        "srv/repo",
        "obs://a/b",
        "ftp://a/b",
        "FILE:///srv",
        "httpx://a/",
        "http:///srv/repo",
        "https://",
        "http://a:port/",
        "http://[a/",
        "http://a b/",
        "this:///srv/repo",
        "this://../outside",
        "this://rpms/../../outside",
    ],
)
def test_a_repository_at_an_address_that_a_recipe_has_no_business_with_is_refused(check: Check, url: str) -> None:
    with pytest.raises(BadInput, match=r"config\.xml, line 6: ") as caught:
        check(TEXT.replace("https://packages.example.org/base/", url))
    assert url.removeprefix("this://") in str(caught.value)


def test_a_repository_that_was_not_rendered_is_told_so(read: Read) -> None:
    with pytest.raises(
        BadInput,
        match=r"line 6: the repository .* holds a template variable: .*; list config\.xml in",
    ):
        read(TEXT.replace("https://packages.example.org/base/", "{{ mirror }}"))


PATHS = {
    "archive": ('<packages type="image"><archive name="{}"/></packages>', "archive name"),
    "file": ('<packages type="image"><file name="{}"/></packages>', "file name"),
    "certificate": ('<certificates target_distribution="suse"><certificate name="{}"/></certificates>', "certificate"),
    "archive's target": ('<packages type="image"><archive name="a" target_dir="{}"/></packages>', "archive target_dir"),
    "repository script": ('<repository customize="{}"><source path="http://a"/></repository>', "repository customize"),
    "boot script": ('<preferences><type image="tbz" editbootconfig="{}"/></preferences>', "type editbootconfig"),
    "boot image": ('<preferences><type image="tbz" boot="{}"/></preferences>', "type boot"),
    "boot loader template": (
        '<preferences><type image="tbz"><bootloader name="g" grub_template="{}"/></type></preferences>',
        "bootloader grub_template",
    ),
}


@pytest.mark.parametrize(("element", "said"), PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("path", ["/etc/passwd", "../outside/secret", "a/../../outside", " /etc/passwd"])
def test_a_path_that_leads_out_of_the_recipe_is_refused(check: Check, element: str, said: str, path: str) -> None:
    with pytest.raises(BadInput, match=r"config\.xml, line 8: ") as caught:
        check(TEXT.replace("  <packages", element.format(path) + "<packages"))
    assert said in str(caught.value)


def test_the_target_of_a_file_of_newer_schemas_lies_in_the_image(read: Read, recipe: Path, limits: Limits) -> None:
    text = TEXT.replace(
        "  <packages", '<packages type="image"><file name="motd" target="/etc/motd"/></packages><packages'
    )
    read(text.replace('"7.5"', '"8.5"'))
    (recipe / "config.xml").write_text(text.replace("/etc/motd", "/etc/../../dev/sda"))
    with pytest.raises(BadInput, match=r"config\.xml, line 8: file target"):
        read_description(recipe, limits)


def test_the_newer_schemas_name_of_dnf_is_read(read: Read) -> None:
    assert read(TEXT.replace('"7.5"', '"8.0"').replace("zypper", "dnf4")).package_manager == "dnf"


def test_a_path_that_leads_out_through_a_link_is_refused(
    read: Read, recipe: Path, outside: Path, limits: Limits
) -> None:
    read(TEXT.replace("  <packages", '<packages type="image"><archive name="root/out/secret"/></packages><packages'))
    (recipe / "root").mkdir()
    (recipe / "root/out").symlink_to(outside)
    with pytest.raises(BadInput, match="'root/out/secret' leads out of the recipe through a link"):
        read_description(recipe, limits)


LOCAL = {
    "signing key": (REPOSITORY[:-2] + '><signing key="file:///etc/key"/></source>', "signing key is 'file:///etc/key'"),
    "signing key beside the keyrings": (
        REPOSITORY[:-2] + '><signing key="file:///usr/share/keyrings/../../../etc/key"/></source>',
        "signing key is",
    ),
    "base container": (
        REPOSITORY
        + '</repository><preferences><type image="docker" derived_from="file:///a"/></preferences><repository>',
        "type derived_from is 'file:///a'",
    ),
    "LUKS key": (
        REPOSITORY + '</repository><preferences><type image="oem" luks="file:///a"/></preferences><repository>',
        "luks names a local file",
    ),
}


@pytest.mark.parametrize(("element", "said"), LOCAL.values(), ids=LOCAL)
def test_a_local_file_that_is_addressed_is_refused(check: Check, element: str, said: str) -> None:
    with pytest.raises(BadInput, match=r"config\.xml, line 6: ") as caught:
        check(TEXT.replace(REPOSITORY, element))
    assert said in str(caught.value)


def test_a_keyring_of_the_builder_image_is_a_signing_key(read: Read) -> None:
    key = "file:///usr/share/keyrings/debian-archive-keyring.gpg"
    read(TEXT.replace(REPOSITORY, f'{REPOSITORY[:-2]}><signing key="{key}"/></source>'))


BAD_INCLUDES = {
    "local repository": (
        '<image>\n<repository><source path="dir:///srv"/></repository></image>',
        "more.xml, line 2: the",
    ),
    "document type": (
        '<!DOCTYPE image [<!ENTITY x SYSTEM "file:///etc/passwd">]><image/>',
        "more.xml, line 1: a document",
    ),
    "absolute archive": (
        '<image><packages><archive name="/etc/a.tgz"/></packages></image>',
        "more.xml, line 1: archive",
    ),
    "no image": ("<repository/>", "more.xml, line 1: the root element is <repository>"),
    "another include": ('<image><include from="this://config.xml"/></image>', "more.xml, line 1: an included file"),
}


@pytest.mark.parametrize(("more", "said"), BAD_INCLUDES.values(), ids=BAD_INCLUDES)
def test_an_included_file_is_checked_like_the_description(check: Check, more: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        check(TEXT.replace("  <packages", '<include from="this://more.xml"/><packages'), more_xml=more)
    assert said in str(caught.value)


def test_an_include_that_is_a_link_is_refused(recipe: Path, limits: Limits, outside: Path) -> None:
    recipe.mkdir(parents=True)
    (recipe / "config.xml").write_text(TEXT.replace("  <packages", '<include from="this://more.xml"/><packages'))
    (recipe / "more.xml").symlink_to(outside / "secret")
    with pytest.raises(BadInput, match=r"line 8: more\.xml is not a file of the recipe, or its path leads"):
        read_description(recipe, limits)


def test_several_descriptions_are_listed(read: Read) -> None:
    with pytest.raises(BadInput, match=r"several descriptions: config\.xml, other\.kiwi"):
        read(TEXT, other_kiwi=f"{TEXT} ")


@pytest.mark.by_both
def test_copies_of_the_description_are_one(read: Read, recipe: Path) -> None:
    assert read(TEXT, other_kiwi=TEXT).file == "config.xml"
    assert not (recipe / "other.kiwi").exists()


def test_a_second_description_where_kiwi_looks_first_is_refused(recipe: Path, limits: Limits) -> None:
    (recipe / "image").mkdir(parents=True)
    (recipe / "mine.kiwi").write_text(TEXT)
    (recipe / "image/config.xml").write_text(f"{TEXT} ")
    with pytest.raises(BadInput, match=r"several descriptions: image/config\.xml, mine\.kiwi"):
        read_description(recipe, limits)


def test_a_hidden_file_is_no_description_as_kiwi_does_not_see_it(recipe: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    (recipe / "mine.kiwi").write_text(TEXT)
    (recipe / ".backup.kiwi").write_text("no xml")
    assert read_description(recipe, limits).file == "mine.kiwi"


@pytest.mark.by_both
def test_a_description_by_two_names_becomes_one_file(recipe: Path, limits: Limits) -> None:
    (recipe / "sub").mkdir(parents=True)
    (recipe / "sub/mine.kiwi").write_text(TEXT.replace("  <packages", '<include from="this://more.xml"/><packages'))
    (recipe / "parts.xml").write_text("<image><drivers><file name='a'/></drivers></image>")
    (recipe / "more.xml").symlink_to("parts.xml")
    (recipe / "mine.kiwi").symlink_to("sub/mine.kiwi")
    (recipe / "config.xml").symlink_to("mine.kiwi")
    assert read_description(recipe, limits).file == "config.xml"
    assert sorted(each.name for each in recipe.iterdir()) == ["config.xml", "more.xml", "parts.xml", "sub"]
    assert not (recipe / "config.xml").is_symlink()
    assert "<drivers><file" in (recipe / "config.xml").read_text()


@pytest.mark.by_both
def test_a_description_of_another_name_becomes_config_xml(recipe: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    (recipe / "mine.kiwi").write_text(TEXT)
    (recipe / "mine.kiwi").chmod(0o640)
    (repository,) = read_description(recipe, limits).repositories
    assert repository.file == "mine.kiwi"
    assert [each.name for each in recipe.iterdir()] == ["config.xml"]
    assert (recipe / "config.xml").stat().st_mode & 0o777 == 0o640


def test_the_second_place_behind_a_linked_folder_is_no_second_description(recipe: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    (recipe / "config.xml").write_text(TEXT)
    (recipe / "image").symlink_to(".")
    read_description(recipe, limits)
    assert sorted(each.name for each in recipe.iterdir()) == ["config.xml", "image"]


@pytest.mark.by_both
def test_a_folder_without_a_description_is_refused(recipe: Path, limits: Limits) -> None:
    recipe.mkdir(parents=True)
    with pytest.raises(BadInput, match="holds no description"):
        read_description(recipe, limits)


def test_a_giant_description_is_refused(read: Read) -> None:
    with pytest.raises(BadInput, match=r"config\.xml has more than 16777216 bytes"):
        read(TEXT + "\n" * (17 << 20))


def test_a_description_of_very_many_repositories_is_refused_at_once(read: Read) -> None:
    many = '<repository><source path="http://a"/></repository>' * 60_000
    with pytest.raises(BadInput, match="line 8: more than 200 <repository> elements"):
        read(TEXT.replace("  <packages", many + "<packages"))
