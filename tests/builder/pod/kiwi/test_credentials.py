"""Tests of builder/pod/kiwi/credentials.py."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from builder.pod.kiwi.credentials import Credentials, Mask, fetch_credentials
from builder.pod.step import StepFailed
from tests.builder.pod.kiwi.basic_authentication import asking_server, logins
from tests.builder.pod.kiwi.test_repository_file import NASTY
from tests.builder.s3_stand_in import StandIn
from tests.builder_pod import run_in_builder

URL = "https://packages.example.org/base"
DOCUMENT = [{"url": URL, "username": "builder", "password": NASTY}]


def me(password: str) -> Credentials:
    return Credentials(URL, "builder", password)


SHOWN = {
    "as it is": NASTY,
    "in an address": me(NASTY).in_address(URL),
    "in an address, in small letters": "proxy:" + quote(NASTY).lower(),
    "encoded as a path": quote(NASTY),
    "as Python quotes it": repr([NASTY]),
}


@pytest.mark.parametrize("text", SHOWN.values(), ids=SHOWN)
def test_a_known_password_is_masked_however_it_is_spelled(text: str) -> None:
    secret = NASTY.partition("<")[0]
    masked = Mask([me(NASTY)])(f"before {text} after")
    for part in (secret, quote(secret, safe=""), quote(secret).lower(), repr(secret)[1:-1]):
        assert part not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


def test_a_password_that_holds_another_is_masked_as_a_whole() -> None:
    assert Mask([me("abc"), me("abcdef"), me("cde")])("x abcdef y") == "x *** y"


def test_unknown_passwords_are_masked_in_addresses() -> None:
    masked = Mask([])("see https://u:p@h/a and http://token@h:1/b, not mail@h or https://h/@group/c")
    assert masked == "see https://***@h/a and http://***@h:1/b, not mail@h or https://h/@group/c"


def test_an_empty_password_masks_nothing() -> None:
    assert Mask([me("")])("all is well") == "all is well"


def test_without_an_address_there_are_none() -> None:
    assert fetch_credentials("") == []


def test_they_are_fetched_as_they_were_stored(server: StandIn) -> None:
    server.objects["/credentials"] = json.dumps(DOCUMENT).encode()
    assert fetch_credentials(server.url("/credentials")) == [me(NASTY)]


@pytest.mark.parametrize(
    "document",
    [b"{", b'[{"password": "canary"}]', b'[["canary"]]', b'"canary"', b"canary \xff"],
    ids=["not JSON", "a field is missing", "no mapping", "no list", "not UTF-8"],
)
def test_what_cannot_be_read_is_refused_without_quoting_it(server: StandIn, document: bytes) -> None:
    server.objects["/credentials"] = document
    with pytest.raises(StepFailed, match="the credentials cannot be read") as caught:
        fetch_credentials(server.url("/credentials"))
    assert "canary" not in str(caught.value)


_AT_HAND = """
import json, os, subprocess
from builder.pod.kiwi.credentials import Credentials, at_hand, known, STORE
credentials = [Credentials(**each) for each in json.loads(os.environ["DOCUMENT"])]
files = ["/run/ims-credentials.json", "/root/.netrc"]
assert known() == []
with at_hand(credentials):
    assert known() == credentials
    print([oct(os.stat(file).st_mode & 0o777) for file in files])
    print(subprocess.run(["wget", "--tries=3", "-O-", credentials[0].url], capture_output=True, text=True).stderr)
print([file for file in files if os.path.exists(file)])
"""


@pytest.mark.containers
def test_wget_and_the_repository_script_find_them_while_they_are_needed(tmp_path: Path) -> None:
    with asking_server() as server:
        document = [{"url": f"{server.url}/a", "username": "us er", "password": NASTY}]
        ran = run_in_builder(
            ["python3", "-c", _AT_HAND], workspace=tmp_path, environment={"DOCUMENT": json.dumps(document)}
        )
    said = ran.stdout.splitlines()
    assert (said[0], said[-1]) == ("['0o600', '0o600']", "[]")
    assert logins(server) == {f"us er:{NASTY}"}, ran.stdout
