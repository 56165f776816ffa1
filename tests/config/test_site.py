"""Tests of config/site.py, with real files."""

import secrets
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.site import LARGEST_FILE_BYTES, Credentials, Site, credentials_for, read_site
from errors import BadInput

CANARY = f"Canary{secrets.token_hex(8)}"
PUBLIC = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"
PRIVATE = PUBLIC.replace("PUBLIC", "PRIVATE")


def written(folder: Path, said: object) -> Path:
    """Write a site file: text as it is, anything else as YAML."""
    file = folder / "site.yaml"
    if isinstance(said, bytes):
        file.write_bytes(said)
    else:
        file.write_text(said if isinstance(said, str) else yaml.safe_dump(said))
    return file


def refusal(file: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_site(file)
    assert str(file) in caught.value.message
    return caught.value


def known(url: str, username: str = "builder", **fields: Any) -> Credentials:
    return Credentials.model_validate({"url": url, "username": username, "password": CANARY, **fields})


@pytest.mark.parametrize("said", ["", "# nothing yet\n", "---\n", "{}"])
def test_an_empty_file_says_nothing(tmp_path: Path, said: str) -> None:
    assert read_site(written(tmp_path, said)) == Site()


def test_paths_are_relative_to_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = [{"url": "https://h/", "username": "u", "password_file": "secret/password"}]
    written(tmp_path, {"ca_certificates": "ca.pem", "signing_keys": ["a.asc", "/b.asc"], "credentials": credentials})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    site = read_site(Path("../site.yaml"))
    monkeypatch.chdir("/")
    (tmp_path / "ca.pem").write_text("the CA")
    assert site.ca_bundle() == b"the CA"
    assert [str(key).replace("elsewhere/../", "") for key in site.signing_keys] == [f"{tmp_path}/a.asc", "/b.asc"]
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/password").write_text(CANARY)
    assert site.credentials[0].secret() == CANARY


REPOSITORY = {"url": "https://h/"}
REFUSED: dict[str, tuple[object, str]] = {
    "unknown field": ({"ca_certificate": "ca.pem"}, "ca_certificate: Extra inputs are not permitted"),
    "unknown field below": (
        {"repositories": [{**REPOSITORY, "prio": 3}]},
        "repositories.0.prio: Extra inputs are not permitted",
    ),
    "a list": ([], "the file: Input should be"),
    "a text": ("just words", "the file: Input should be"),
    "no": ("no", "the file: Input should be"),
    "a field that is a number": ("7: 8", "7: "),
    "a path that is a list": ({"ca_certificates": ["a.pem"]}, "ca_certificates: "),
    "a path with a null byte": ({"ca_certificates": "a\0.pem"}, "ca_certificates: must not contain"),
    "a boolean that is none": ({"replace_repositories": "perhaps"}, "replace_repositories: "),
    "a priority out of range": ({"repositories": [{**REPOSITORY, "priority": 0}]}, "repositories.0.priority: "),
    "a distribution that is none": (
        {"repositories": [{**REPOSITORY, "linux_distributions": ["Windows 11"]}]},
        "repositories.0.linux_distributions.0: ",
    ),
    "an alias with a path": ({"repositories": [{**REPOSITORY, "alias": "../a"}]}, "repositories.0.alias: "),
    "an alias with a comma": ({"repositories": [{**REPOSITORY, "alias": "a,b"}]}, "repositories.0.alias: "),
    "a component of two lines": (
        {"repositories": [{**REPOSITORY, "components": ["main\nTrusted: yes"]}]},
        "repositories.0.components.0: must not contain line breaks",
    ),
    "credentials without a password": (
        {"credentials": [{"url": "https://h/", "username": "u"}]},
        "credentials.0: needs either password or password_file",
    ),
    "credentials with two passwords": (
        {"credentials": [{"url": "https://h/", "username": "u", "password": "p", "password_file": "f"}]},
        "credentials.0: needs either password or password_file",
    ),
    "several faults": (
        {"replace_repositories": "perhaps", "credentials": [{"username": "u", "password": "p"}]},
        "credentials.0.url: Field required",
    ),
}


@pytest.mark.parametrize(("said", "wrong"), REFUSED.values(), ids=REFUSED)
def test_what_the_file_cannot_say_is_refused_by_the_fields_name(tmp_path: Path, said: object, wrong: str) -> None:
    assert wrong in refusal(written(tmp_path, said)).message


@pytest.mark.parametrize(
    "url",
    [
        *("", "h/a", "ftp://h/a", "file:///a", "https://", "https:///a", "https://h:port/", "https://h:70000/"),
        *("https://h:0/", "https://[::1/", "https://h/a b", "https://h/\na", "https://h/\u202ea"),
        *("https://u@h/", "https://u:p@h/", "https://:p@h/", "https://@h/", "https://h\\@evil/"),
    ],
)
def test_an_address_that_is_none_or_holds_credentials_is_refused(tmp_path: Path, url: str) -> None:
    assert "repositories.0.url: " in refusal(written(tmp_path, {"repositories": [{"url": url}]})).message


@pytest.mark.parametrize(
    "url", ["HTTPS://Host/a", "http://[::1]:8080/a", "https://pakete.büro.example/a?b=c", "http://h"]
)
def test_addresses_of_all_kinds_are_taken(tmp_path: Path, url: str) -> None:
    (repository,) = read_site(written(tmp_path, {"repositories": [{"url": url}]})).repositories
    assert credentials_for(url, [known(url)]) is not None
    assert repository.url == url


NOT_YAML = {
    "a bracket without its other": "credentials: [\n",
    "a tab": "a:\n\t- b\n",
    "a reserved character": f"credentials:\n- password: @{CANARY}\n",
    "an unclosed quote": f'credentials:\n- password: "{CANARY}\n',
    "an alias of nothing": f"credentials:\n- password: *{CANARY}\n",
    "an unknown tag": f"credentials:\n- password: !{CANARY}\n",
    "a tag of Python": "a: !!python/object/apply:os.system ['true']\n",
    "two values": f"credentials:\n- password: a: {CANARY}\n",
    "a date that is none": "a: 2026-13-45\n",
    "a key that is a list": "? [a]\n: b\n? {a: b}\n: c\n",
    "nested too deeply": "[" * 5000,
    "not UTF-8": f"password: {CANARY}\xff\n".encode("latin-1"),
    "a null byte": f"password: {CANARY}\0\n",
}


@pytest.mark.parametrize("said", NOT_YAML.values(), ids=NOT_YAML)
def test_what_is_not_yaml_is_refused_without_quoting_it(tmp_path: Path, said: str | bytes) -> None:
    error = refusal(written(tmp_path, said))
    assert "is not YAML" in error.message
    assert CANARY not in whole(error)


def test_an_error_of_yaml_names_the_line(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, f"a: b\nb: @{CANARY}\n")).message.endswith("is not YAML: line 2")


def whole(error: BaseException) -> str:
    """All that a log would show of an error, its causes too."""
    return "".join(traceback.format_exception(error))


WRONG_BESIDE_A_PASSWORD: dict[str, dict[str, Any]] = {
    "no user": {"password": CANARY},
    "unknown field": {"username": "u", "password": CANARY, "pasword": CANARY},
    "two passwords": {"username": "u", "password": CANARY, "password_file": "f"},
    "line break": {"username": "u", "password": f"{CANARY}\ngpgcheck=0"},
    "list": {"username": "u", "password": [CANARY]},
    "user with a colon": {"username": f"u:{CANARY}", "password": CANARY},
    "user of two lines": {"username": f"u\n{CANARY}", "password": CANARY},
    "address with credentials": {"url": f"https://u:{CANARY}@h/", "username": "u", "password": CANARY},
    "address with a password that ends the host": {"url": f"https://u:{CANARY}/x@h/", "username": "u", "password": "p"},
}


@pytest.mark.parametrize("fields", WRONG_BESIDE_A_PASSWORD.values(), ids=WRONG_BESIDE_A_PASSWORD)
def test_no_error_quotes_a_password(tmp_path: Path, fields: dict[str, Any]) -> None:
    error = refusal(written(tmp_path, {"credentials": [{"url": "https://h/", **fields}]}))
    assert CANARY not in whole(error)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    said = {"credentials": [{"url": "https://h/", "username": "u", "password": CANARY}]}
    site = read_site(written(tmp_path, said))
    for shown in (repr(site), str(site), site.model_dump_json(), str(site.model_dump()), repr(site.credentials[0])):
        assert CANARY not in shown
    assert site.credentials[0].secret() == CANARY


@pytest.mark.parametrize("password", ["a b", "'\"\\", "%41", r"\g<0>", "$releasever", "é", "#no comment", " "])
def test_a_password_may_hold_what_it_likes(tmp_path: Path, password: str) -> None:
    said = {"credentials": [{"url": "https://h/", "username": "u", "password": password}]}
    assert read_site(written(tmp_path, said)).credentials[0].secret() == password


@pytest.mark.parametrize(
    ("content", "password"),
    [
        ("p\n", "p"),
        ("p", "p"),
        ("p\r\n", "p"),
        ("p\nwritten by hand\n", "p"),
        (" p q \n", "p q"),
        ("é\u2028".strip(), "é"),
    ],
)
def test_the_password_is_the_first_line_of_its_file(tmp_path: Path, content: str, password: str) -> None:
    (tmp_path / "password").write_bytes(content.encode())
    assert known("https://h/", password="", password_file=tmp_path / "password").secret() == password


PASSWORD_FILES = {
    "empty": (b"", "is empty"),
    "blank first line": (b" \nsecret\n", "is empty"),
    "not UTF-8": (CANARY.encode() + b"\xff\n", "is not UTF-8"),
    "control characters": (CANARY.encode() + b"\x1b[0m\n", "contains control characters"),
    "huge": (b"p" * (LARGEST_FILE_BYTES + 1), "has more than"),
}


@pytest.mark.parametrize(("content", "said"), PASSWORD_FILES.values(), ids=PASSWORD_FILES)
def test_a_password_file_that_holds_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(BadInput, match=f"password {said}|in .*password {said}") as caught:
        known("https://h/", password="", password_file=tmp_path / "password").secret()
    assert CANARY not in whole(caught.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    site = read_site(written(tmp_path, {"ca_certificates": name, "signing_keys": [name]}))
    for read in (site.ca_bundle, site.keys, lambda: read_site(tmp_path / name)):
        with pytest.raises(BadInput, match=rf"{tmp_path}.* cannot be read: "):
            read()


SIGNING_KEYS = {
    "binary": (b"\x98\x33\x04", "is not an armoured OpenPGP public key"),
    "private": (PRIVATE.encode(), "is not an armoured OpenPGP public key"),
    "public and private": ((PUBLIC + PRIVATE).encode(), "holds a private key"),
    "of SSH": (b"ssh-ed25519 AAAA me\n", "is not an armoured OpenPGP public key"),
    "cut off": ((PUBLIC + PUBLIC[:40]).encode(), ", line 5: the PGP PUBLIC KEY BLOCK that begins here is not closed"),
    "beside another": (
        (PUBLIC + PUBLIC.replace("PUBLIC KEY BLOCK", "SIGNATURE")).encode(),
        ", line 5: it is a PGP SIG",
    ),
}


@pytest.mark.parametrize(("content", "said"), SIGNING_KEYS.values(), ids=SIGNING_KEYS)
def test_a_signing_key_that_is_no_public_one_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "good.asc").write_text(PUBLIC)
    (tmp_path / "bad.asc").write_bytes(content)
    site = read_site(written(tmp_path, {"signing_keys": ["good.asc", "bad.asc"]}))
    with pytest.raises(BadInput, match=f"bad.asc ?{said}"):
        site.keys()


def test_signing_keys_are_read_in_their_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(f"{name}\n{PUBLIC}")
    site = read_site(written(tmp_path, {"signing_keys": ["b", "a"]}))
    keys = site.keys()
    assert [key[:1] for key in keys] == [b"b", b"a"]


FITTING = {
    "itself": ("https://h/a", "https://h/a"),
    "with a slash": ("https://h/a", "https://h/a/"),
    "without its slash": ("https://h/a/", "https://h/a"),
    "below": ("https://h/a/", "https://h/a/b/c?d"),
    "whole server": ("https://h", "https://h/a"),
    "default port of https": ("https://h/", "https://h:443/"),
    "default port of http": ("http://h:80/", "http://h/"),
    "letters of the host": ("https://Host/", "https://hoST/a"),
    "IPv6": ("https://[::1]:8443/", "https://[::1]:8443/a"),
}
STRANGE = {
    "another host that begins alike": ("https://h/", "https://h.evil/"),
    "another host that ends alike": ("https://h/", "https://evil-h/"),
    "another port": ("https://h/", "https://h:8443/"),
    "no TLS": ("https://h/", "http://h/"),
    "a path that begins alike": ("https://h/a", "https://h/ab"),
    "above": ("https://h/a/b", "https://h/a"),
    "letters of the path": ("https://h/a", "https://h/A"),
    "the host in the path": ("https://h/", "https://evil/https://h/"),
    "the host as a user": ("https://h/", "https://h@evil/"),
    "up and out": ("https://h/a/", "https://h/a/../b"),
    "up and out, encoded": ("https://h/a/", "https://h/a/%2e%2E/b"),
    "a folder of the recipe": ("https://h/", "this://h/"),
}


@pytest.mark.parametrize(("mine", "other"), FITTING.values(), ids=FITTING)
def test_credentials_hold_for_what_lies_below_their_address(mine: str, other: str) -> None:
    assert known(mine).fits(other)


@pytest.mark.parametrize(("mine", "other"), STRANGE.values(), ids=STRANGE)
def test_credentials_are_not_given_to_others(mine: str, other: str) -> None:
    assert not known(mine).fits(other)


def test_of_several_credentials_the_closest_hold() -> None:
    all_known = [known("https://h/", "server"), known("https://h/a/b/", "folder"), known("https://h/a", "parent")]
    closest = {
        url: found.username if (found := credentials_for(url, all_known)) else ""
        for url in ("https://h/a/b/c", "https://h/a/c", "https://h/c", "https://other/a/b/c")
    }
    assert list(closest.values()) == ["folder", "parent", "server", ""]


def test_repositories_are_those_of_the_distribution_and_the_type() -> None:
    said: list[dict[str, Any]] = [
        {"url": "https://h/all"},
        {"url": "https://h/sles", "linux_distributions": ["sles15"]},
        {"url": "https://h/apt", "type": "apt-deb"},
    ]
    site = Site.model_validate({"repositories": said})
    urls = {name: [each.url[10:] for each in site.repositories_for(name, "rpm-md")] for name in ("sles15", "centos7")}
    assert urls == {"sles15": ["all", "sles"], "centos7": ["all"]}
    assert [each.url for each in site.repositories_for("debian12", "apt-deb")] == ["https://h/apt"]
