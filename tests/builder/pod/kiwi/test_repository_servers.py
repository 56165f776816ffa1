"""Tests of builder/pod/kiwi/repository_servers.py."""

from itertools import product
from pathlib import Path

import pytest

from builder.pod.kiwi.repository_servers import refused_server
from tests import http_server
from tests.builder_pod import run_in_builder
from tests.http_server import HttpServer

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


_BEFORE = ["http://", "HTTP://", "http:/", "http:///", "http:", "http:\\\\"]
_USERS = ["", "u@", "u:p@", "a.invalid\\@", "a.invalid:80@", "a@b@", "a%40b@", "a.invalid%2f@", "[x]@"]
_HOSTS = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "017700000001", "0x7f000001", "0", "0.0.0.0"),
    *("localhost", "LOCALHOST", "loc%61lhost", "%31%32%37.0.0.1", "127%2e0.0.1", "127\u30020\u30020\u30021"),
    *("127\uff0e0.0.1", "\u246027.0.0.1", "localhost.", "127.0.0.1.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:127.0.0.1%25lo]", "[::]"),
]


@pytest.mark.containers
def test_whatever_the_builders_curl_takes_for_an_address_of_the_host_is_refused(tmp_path: Path) -> None:
    with http_server.serving(HttpServer(lambda _: http_server.Answer())) as server:
        spellings = [f"{''.join(parts)}:{server.server_port}/os" for parts in product(_BEFORE, _USERS, _HOSTS)]
        asks = ["curl", "--silent", "--globoff", "--max-time", "3", "--noproxy", "*", "--write-out", "%{http_code}\\n"]
        ran = run_in_builder([*asks, "--", *spellings], workspace=tmp_path, environment={"LANG": "C.UTF-8"})
    answers = ran.stdout.split()
    assert len(answers) == len(spellings)
    reached = [url for url, answer in zip(spellings, answers, strict=True) if answer == "200"]
    assert len(reached) > len(spellings) / 4
    assert [url for url in reached if not refused_server(f"baseurl={url}", private=False)] == []
