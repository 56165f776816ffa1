"""Tests of builder/pod/kiwi/repository_servers.py."""

import pytest

from builder.pod.kiwi.repository_servers import refused_server

FILES = ["[a]\nname = a\nbaseurl = {}/os\n", "[a]\nmetalink={}?a=b\n", "Types: deb\nURIs: {}/debian\nSuites: s\n"]


@pytest.mark.parametrize("text", FILES)
@pytest.mark.parametrize("server", ["http://169.254.169.254", "https://[::ffff:a9fe:a9fe]", "http://2852039166:80"])
def test_a_server_that_no_repository_may_be_on_is_named(text: str, server: str) -> None:
    assert "is at " in (refusal := refused_server(text.format(server), private=True))
    assert "the metadata service of a cloud" in refusal


@pytest.mark.parametrize("text", FILES)
def test_the_setting_says_whether_private_servers_are_allowed(text: str) -> None:
    assert not refused_server(text.format("http://localhost:8080"), private=True)
    assert "the repository's server localhost is at" in refused_server(text.format("http://localhost"), private=False)


@pytest.mark.parametrize("server", ["http://nowhere.invalid", "http://[half", "dir:///a", "http://$host"])
def test_a_name_without_address_is_the_package_managers_to_tell(server: str) -> None:
    assert not refused_server(f"baseurl = {server}/x\n", private=False)
