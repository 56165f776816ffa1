"""Tests of builder/pod/kiwi/repository_servers.py."""

import pytest

from builder.pod.kiwi.repository_servers import refused_server

FILES = ["[a]\nname = a\nbaseurl = {}/os\n", "[a]\nmetalink={}?a=b\n", "Types: deb\nURIs: {}/debian\nSuites: s\n"]


@pytest.mark.parametrize("text", FILES)
@pytest.mark.parametrize(
    "server",
    [
        "http://169.254.169.254",
        "https://[::ffff:a9fe:a9fe]",
        "http://2852039166:80",
        "HTTP://169.254.169.254",
        "http:/169.254.169.254",
        "ftp://169.254.169.254",
        "http://%31%36%39.254.169.254",
        "http://169\u3002254\u3002169\u3002254",
        "http://0251.0376.0xa9.254",
        "http://user:word@169.254.169.254",
        "http://a.invalid\\@169.254.169.254",
        "http://[64:ff9b::a9fe:a9fe]",
    ],
)
def test_a_server_that_no_repository_may_be_on_is_named_however_it_is_written(text: str, server: str) -> None:
    refusal = refused_server(text.format(server), private=True)
    assert refusal.endswith(
        "the metadata service of a cloud: no repository is read from there, and no setting allows it"
    )


@pytest.mark.parametrize("text", FILES)
def test_the_setting_says_whether_private_servers_are_allowed(text: str) -> None:
    assert not refused_server(text.format("http://localhost:8080"), private=True)
    refusal = refused_server(text.format("http://localhost"), private=False)
    assert "the repository's server localhost is at" in refusal
    assert refusal.endswith("only with IMS_REPOSITORY_PRIVATE=true")


@pytest.mark.parametrize("server", ["http://nowhere.invalid", "http://[half", "dir:///a", "http://$host"])
def test_a_name_without_address_is_the_package_managers_to_tell(server: str) -> None:
    assert not refused_server(f"baseurl = {server}/x\n", private=False)
