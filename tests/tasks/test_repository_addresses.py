"""Tests of tasks/repository_addresses.py."""

import pytest

from ingest.description import Repository
from tasks.repository_addresses import expanded, is_on_web, metadata_urls, unknown_variable


def repository(url: str, **fields: str) -> Repository:
    return Repository.model_validate({"alias": "a", "type": "rpm-md", "url": url, **fields})


@pytest.mark.parametrize(
    ("url", "manager", "arch", "asked"),
    [
        ("http://h/$basearch/os", "dnf", "x86_64", "http://h/x86_64/os"),
        ("http://h/${basearch}/os", "dnf", "aarch64", "http://h/aarch64/os"),
        ("http://h/$arch", "zypper", "aarch64", "http://h/aarch64"),
        ("http://h/m?repo=extra&arch=$basearch", "microdnf", "x86_64", "http://h/m?repo=extra&arch=x86_64"),
        ("http://h/$(ARCH)", "apt", "x86_64", "http://h/amd64"),
        ("http://h/$(ARCH)", "apt", "aarch64", "http://h/arm64"),
        ("http://h/plain", "dnf", "x86_64", "http://h/plain"),
    ],
)
def test_addresses_are_asked_as_the_package_manager_asks(url: str, manager: str, arch: str, asked: str) -> None:
    assert expanded(url, manager, arch) == asked
    assert not unknown_variable(asked, manager)


@pytest.mark.parametrize(
    ("url", "manager", "variable"),
    [
        ("http://h/$releasever/$basearch", "dnf", "$releasever"),
        ("http://h/${releasever_major:-9}/", "zypper", "${releasever_major:-9}"),
        ("http://h/$site_mirror", "dnf", "$site_mirror"),
    ],
)
def test_what_only_the_package_manager_knows_is_named(url: str, manager: str, variable: str) -> None:
    assert unknown_variable(expanded(url, manager, "x86_64"), manager) == variable


def test_apt_has_none_of_dnfs_variables() -> None:
    assert not unknown_variable(expanded("http://h/$releasever", "apt", "x86_64"), "apt")


@pytest.mark.parametrize(
    ("known", "urls"),
    [
        (repository("https://h/leap/"), ["https://h/leap/repodata/repomd.xml"]),
        (repository("https://h/leap/?token"), ["https://h/leap/repodata/repomd.xml?token"]),
        (repository("https://[::1]:8443"), ["https://[::1]:8443/repodata/repomd.xml"]),
        (
            repository("http://h/debian", type="apt-deb", distribution="bookworm"),
            ["http://h/debian/dists/bookworm/InRelease", "http://h/debian/dists/bookworm/Release"],
        ),
        (
            repository("http://h/flat/", type="apt-deb", distribution="./"),
            ["http://h/flat/InRelease", "http://h/flat/Release"],
        ),
        (repository("http://h/flat/", type="apt-deb"), ["http://h/flat/InRelease", "http://h/flat/Release"]),
        (repository("http://h/mirrors?repo=base", source_type="mirrorlist"), ["http://h/mirrors?repo=base"]),
    ],
    ids=[
        "rpm-md",
        "rpm-md with a query",
        "IPv6 and no path",
        "apt",
        "flat apt",
        "apt without distribution",
        "list of mirrors",
    ],
)
def test_each_kind_of_repository_is_asked_for_its_own_metadata(known: Repository, urls: list[str]) -> None:
    assert metadata_urls(known) == urls


def test_only_web_servers_are_asked() -> None:
    assert is_on_web(repository("https://h/x"))
    assert not is_on_web(repository("obs://project/repo"))
