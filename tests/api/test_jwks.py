"""api/jwks.py: the issuer's keys change without a restart, and nobody can make this service flood the issuer."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.jwks import FETCH_EVERY, KEPT, KEPT_WITHOUT_ANSWER, LARGEST_BYTES, Jwks
from config.api import Tokens
from errors import BadInput, Unreachable
from tests.api.issuer import Issuer, public
from tests.http_server import Answer, HttpServer, serving

KEY = Issuer().rsa


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by.total_seconds() + 1


class Published:
    """The server of an issuer's keys, and the keys as this service sees them."""

    def __init__(self, server: HttpServer, runner: asyncio.Runner) -> None:
        self.server = server
        self._runner = runner
        self.clock = Clock()
        chosen = Tokens.model_validate({"jwks_url": server.url, "issuer": "i", "audience": "a"})
        self.jwks = Jwks(chosen, self.clock)

    def publish(self, *names: str) -> None:
        document = json.dumps({"keys": [public(KEY, name) for name in names]}).encode()
        self.server.answer = lambda _: Answer(body=document)

    def knows(self, *names: str) -> list[bool]:
        """Tell which of some names there are keys of, all asked for at the same time."""

        async def ask() -> list[bool]:
            return [found is not None for found in await asyncio.gather(*map(self.jwks.find, names))]

        return self._runner.run(ask())

    @property
    def asked(self) -> int:
        return len(self.server.asked)


@pytest.fixture
def published() -> Iterator[Published]:
    with serving(HttpServer(lambda _: Answer(503))) as server, asyncio.Runner() as runner:
        yield Published(server, runner)


def test_keys_are_fetched_once_for_many_requests(published: Published) -> None:
    published.publish("a", "b")
    assert published.knows("a", "b", "a", "a") == [True] * 4
    assert published.asked == 1


def test_a_new_key_counts_and_a_withdrawn_one_does_not(published: Published) -> None:
    published.publish("old")
    assert published.knows("old") == [True]
    published.publish("new")
    published.clock.advance(FETCH_EVERY)
    assert published.knows("new") == [True]
    assert published.knows("old") == [False]
    published.publish("newer")
    published.clock.advance(KEPT)
    assert published.knows("new") == [False]
    assert published.asked == 3


def test_a_flood_of_unknown_keys_asks_the_issuer_once_in_a_while(published: Published) -> None:
    published.publish("a")
    for _ in range(3):
        assert not any(published.knows(*(f"made-up-{at}" for at in range(200))))
        published.clock.advance(FETCH_EVERY)
    assert published.asked == 3
    assert published.knows("a") == [True]
    assert published.asked == 3


def test_while_the_issuer_is_away_its_keys_count_for_some_time_and_nobody_knows_others(published: Published) -> None:
    published.publish("a")
    assert published.knows("a") == [True]
    published.server.answer = lambda _: Answer(503)
    published.clock.advance(KEPT)
    assert published.knows("a", "a") == [True, True]
    with pytest.raises(Unreachable, match=r"tokens cannot be checked: .*503"):
        published.knows("b")
    assert published.asked == 2
    published.clock.advance(KEPT_WITHOUT_ANSWER)
    with pytest.raises(Unreachable):
        published.knows("a")
    published.publish("b")
    published.clock.advance(FETCH_EVERY)
    assert published.knows("a", "b") == [False, True]


REFUSED = {
    "no JSON": (Answer(body=b"<html>"), "Expecting value"),
    "no keys": (Answer(body=b"[]"), "no JWKS document"),
    "nested": (Answer(body=b"[" * 100_000), "recursion"),
    "too large": (Answer(body=b" " * (LARGEST_BYTES + 1)), f"more than {LARGEST_BYTES} bytes"),
    "elsewhere": (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), "302"),
    "away": (Answer(500), "500"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_document_of_keys_is_no_answer(published: Published, name: str) -> None:
    answer, reason = REFUSED[name]
    published.server.answer = lambda _: answer
    with pytest.raises(Unreachable, match=reason):
        published.knows("a")


def test_a_bad_file_of_authorities_is_told_at_the_start(tmp_path: object) -> None:
    chosen = Tokens.model_validate(
        {"jwks_url": "https://x/", "issuer": "i", "audience": "a", "ca_file": f"{tmp_path}/ca.pem"}
    )
    with pytest.raises(BadInput, match=r"/ca\.pem cannot be read as certificates: No such file"):
        Jwks(chosen)
