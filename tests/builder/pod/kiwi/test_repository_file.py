"""Tests of builder/pod/kiwi/repository_file.py, with files as kiwi writes them and the programs that read them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.pod.kiwi.credentials import Credentials
from builder.pod.kiwi.repository_file import complete
from tests.builder.pod.kiwi.basic_authentication import asking_server, logins
from tests.builder_pod import run_in_builder
from tests.http_server import HttpServer

URL = "https://packages.example.org/base"
# All that addresses, options, shells and regular expressions give a meaning to.
NASTY = r"""p a'"\%41\g<0>\1$basearch${x}/#?@:&*;[é]"""
ENCODED = "p%20a%27%22%5C%2541%5Cg%3C0%3E%5C1%24basearch%24%7Bx%7D%2F%23%3F%40%3A%26%2A%3B%5B%C3%A9%5D"

ZYPPER = "[{alias}]\nname = {alias}\nenabled = 1\nbaseurl = {url}\nautorefresh = 1\nrepo_gpgcheck = 0\n\n"
DNF = "[{alias}]\nname = {alias}\nbaseurl = {url}\nrepo_gpgcheck = 0\ngpgcheck = 0\n\n"
APT = "Types: deb\nURIs: {url}\nSuites: bookworm\nComponents: main\ntrusted: yes\n"
KINDS = {
    "zypper": ("var/cache/kiwi/zypper/repos/{alias}.repo", ZYPPER),
    "dnf": ("var/cache/kiwi/dnf/repos/{alias}.repo", DNF),
    "apt": ("var/cache/kiwi/apt-get/sources.list.d/{alias}.sources", APT),
}


def written(folder: Path, kind: str, url: str = URL, alias: str = "base") -> Path:
    """Write a repository's file as kiwi does for a package manager."""
    name, text = KINDS[kind]
    file = folder / name.format(alias=alias)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.format(url=url, alias=alias))
    return file


def me(url: str = URL, password: str = NASTY) -> Credentials:
    return Credentials(url, "us er", password)


@pytest.mark.parametrize("kind", ["zypper", "apt"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_zypper_and_apt_get_credentials_in_the_address(tmp_path: Path, kind: str, slash: str) -> None:
    file = written(tmp_path, kind, URL + slash)
    before = file.read_text()
    complete(file, [me()], [])
    address = URL.replace("https://", f"https://us%20er:{ENCODED}@")
    assert file.read_text() == before.replace(URL, address)


@pytest.mark.parametrize("alias", ["base", "dnf", "dnf-updates"])
def test_an_alias_does_not_make_a_file_dnfs(tmp_path: Path, alias: str) -> None:
    file = written(tmp_path, "zypper", alias=alias)
    complete(file, [me()], [Path("/keys/00.asc")])
    assert "gpgkey" not in file.read_text()
    assert f":{ENCODED}@" in file.read_text()


def test_dnf_gets_credentials_and_keys_as_options(tmp_path: Path) -> None:
    file = written(tmp_path, "dnf")
    before = file.read_text()
    complete(file, [me(password="p")], [Path("/keys/00.asc"), Path("/keys/01.asc")])
    added = "username = us er\npassword = p\ngpgkey = file:///keys/00.asc file:///keys/01.asc\n"
    assert file.read_text() == before.rstrip() + "\n" + added


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "url",
    [f"{URL}-updates", f"{URL}/updates", "https://packages.example.org", URL[1:], URL.replace("s:", ":"), f"{URL}.d/"],
)
def test_another_repository_whose_address_begins_alike_gets_none(tmp_path: Path, kind: str, url: str) -> None:
    file = written(tmp_path, kind, url)
    before = file.read_text()
    complete(file, [me()], [])
    assert file.read_text() == before


@pytest.mark.parametrize("kind", KINDS)
def test_each_repository_gets_its_own(tmp_path: Path, kind: str) -> None:
    both = [me(URL, "outer"), me(f"{URL}/updates", "inner")]
    outer, inner = written(tmp_path, kind), written(tmp_path, kind, f"{URL}/updates", "updates")
    for file in (outer, inner):
        complete(file, both, [])
    assert ("outer" in outer.read_text(), "inner" in outer.read_text()) == (True, False)
    assert ("outer" in inner.read_text(), "inner" in inner.read_text()) == (False, True)


def test_the_images_own_files_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "root/etc/zypp/repos.d/base.repo"
    file.parent.mkdir(parents=True)
    file.write_text(ZYPPER.format(url=URL, alias="base"))
    complete(file, [me()], [Path("/keys/00.asc")])
    assert file.read_text() == ZYPPER.format(url=URL, alias="base")


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_user_may_read_it(tmp_path: Path, kind: str) -> None:
    file = written(tmp_path, kind)
    complete(file, [me()], [])
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server that asks for credentials."""
    with asking_server() as server:
        yield server


def test_apt_understands_any_password(tmp_path: Path, server: HttpServer) -> None:
    for folder in ("lists/partial", "cache/archives/partial"):
        (tmp_path / folder).mkdir(parents=True)
    url = f"{server.url}/debian"
    file = written(tmp_path, "apt", url)
    complete(file, [me(url)], [])
    folders = {"Etc::sourcelist": file, "Etc::sourceparts": "-", "State::lists": tmp_path / "lists"}
    options = {f"Dir::{name}": value for name, value in (folders | {"Cache": tmp_path / "cache"}).items()}
    options |= {"APT::Sandbox::User": "root", "Debug::NoLocking": "1", "Acquire::Retries": "0"}
    given = [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", *given, "update"], capture_output=True, check=False)
    assert logins(server) == {f"us er:{NASTY}"}


_READ = {
    "zypper": "zypper --non-interactive --reposd-dir $repos --cache-dir /tmp/c refresh base",
    "dnf": "cd $repos/.. && dnf --setopt=reposdir=$repos --setopt=varsdir=$PWD/vars --setopt=cachedir=/tmp/c "
    "--releasever=1 makecache",
}


@pytest.mark.containers
@pytest.mark.parametrize("kind", _READ)
def test_package_managers_of_rpms_understand_any_password(tmp_path: Path, server: HttpServer, kind: str) -> None:
    url = f"{server.url}/base"
    file = Path("/workspace") / written(tmp_path, kind, url).relative_to(tmp_path)
    (tmp_path / "store.json").write_text(json.dumps([{"url": url, "username": "us er", "password": NASTY}]))
    script = (
        f"install -m 600 /workspace/store.json /run/ims-credentials.json; repos={file.parent}\n"
        f"python3 -m builder.pod.kiwi.repository_file {file}; {_READ[kind]}"
    )
    ran = run_in_builder(["sh", "-c", script], workspace=tmp_path)
    assert logins(server) == {f"us er:{NASTY}"}, ran.stdout
