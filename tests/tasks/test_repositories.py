"""tasks/repositories.py against a real web server."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from errors import LimitReached, may_retry
from ingest.description import Repository
from tasks.repositories import READY, ask, is_asked, metadata_urls, wait_until_ready


class Server(ThreadingHTTPServer):
    """Answers by a table of paths; whatever is not in it is 404. Keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, int] = {}
        self.moved: dict[str, str] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        if self.path in self.server.silent:
            self.server.released.wait(30)
        status = self.server.answers.get(f"{self.command} {self.path}", self.server.answers.get(self.path, 404))
        self.send_response(302 if self.path in self.server.moved else status)
        if self.path in self.server.moved:
            self.send_header("Location", self.server.moved[self.path])
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 - the name http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's signature
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=0.5, follow_redirects=True) as client:
        yield client


def repository(url: str, **fields: str) -> Repository:
    return Repository.model_validate({"alias": "a", "type": "rpm-md", "url": url, **fields})


@pytest.mark.parametrize(
    ("known", "urls"),
    [
        (repository("https://h/leap/"), ["https://h/leap/repodata/repomd.xml"]),
        (
            repository("http://h/debian", type="apt-deb", distribution="bookworm"),
            ["http://h/debian/dists/bookworm/InRelease", "http://h/debian/dists/bookworm/Release"],
        ),
        (
            repository("http://h/flat/", type="apt-deb", distribution="./"),
            ["http://h/flat/InRelease", "http://h/flat/Release"],
        ),
        (repository("http://h/flat/", type="apt-deb"), ["http://h/flat/InRelease", "http://h/flat/Release"]),
    ],
    ids=["rpm-md", "apt", "flat apt", "apt without distribution"],
)
def test_each_kind_of_repository_is_asked_for_its_own_metadata(known: Repository, urls: list[str]) -> None:
    assert metadata_urls(known) == urls


def test_only_web_servers_are_asked() -> None:
    assert is_asked(repository("https://h/x"))
    assert not is_asked(repository("obs://project/repo"))


def test_a_repository_that_answers_is_ready(server: Server, client: httpx.Client) -> None:
    server.answers["/x"] = 200
    assert ask(client, [f"{server.url}/x"]) == READY


def test_the_second_address_serves_where_the_first_is_missing(server: Server, client: httpx.Client) -> None:
    server.answers["/Release"] = 200
    assert ask(client, [f"{server.url}/InRelease", f"{server.url}/Release"]) == READY


def test_a_redirect_is_followed(server: Server, client: httpx.Client) -> None:
    server.answers["/there"] = 200
    server.moved["/here"] = "/there"
    assert ask(client, [f"{server.url}/here"]) == READY


def test_a_server_that_knows_no_head_is_asked_by_get(server: Server, client: httpx.Client) -> None:
    server.answers |= {"HEAD /x": 405, "GET /x": 200}
    assert ask(client, [f"{server.url}/x"]) == READY


@pytest.mark.parametrize("status", [404, 403, 500])
def test_another_answer_is_told(server: Server, client: httpx.Client, status: int) -> None:
    server.answers["/x"] = status
    assert ask(client, [f"{server.url}/x"]).startswith(str(status))


def test_silence_is_told(server: Server, client: httpx.Client) -> None:
    server.silent.add("/x")
    assert "no answer within" in ask(client, [f"{server.url}/x"])


def test_a_refused_connection_is_told(server: Server, client: httpx.Client) -> None:
    assert "refused" in ask(client, ["http://127.0.0.1:1/x"])


def test_an_address_that_is_none_is_told(client: httpx.Client) -> None:
    assert ask(client, ["http://[half/x"]) != READY


def wait(server: Server, client: httpx.Client, *paths: str, limit: float = 5) -> None:
    wait_until_ready(
        [[f"{server.url}{path}"] for path in paths],
        lambda urls: ask(client, urls),
        interval=timedelta(seconds=0.05),
        limit=timedelta(seconds=limit),
    )


def test_all_must_answer_in_one_round(server: Server, client: httpx.Client) -> None:
    server.answers["/one"] = 200
    threading.Timer(0.3, lambda: server.answers.update({"/two": 200})).start()
    wait(server, client, "/one", "/two")
    assert server.asked.count("HEAD /one") == server.asked.count("HEAD /two") > 1


def test_a_repository_that_never_answers_ends_the_wait_with_its_address_and_last_answer(
    server: Server, client: httpx.Client
) -> None:
    server.answers |= {"/good": 200, "/bad": 503}
    started = time.monotonic()
    with pytest.raises(LimitReached, match=r"1 of 2 repositories .*/bad \(503") as caught:
        wait(server, client, "/good", "/bad", limit=0.5)
    assert time.monotonic() - started < 3
    assert "/good" not in str(caught.value)
    assert not may_retry(caught.value), "the whole wait must not start again"


def test_credentials_in_an_address_are_not_told() -> None:
    with pytest.raises(LimitReached) as caught:
        wait_until_ready(
            [["http://user:canary@127.0.0.1:1/x"]],
            lambda urls: "no",
            interval=timedelta(seconds=0.01),
            limit=timedelta(seconds=0.01),
        )
    assert "canary" not in str(caught.value)


def test_a_description_without_repositories_waits_for_nothing() -> None:
    wait_until_ready([], lambda urls: "no", interval=timedelta(hours=1), limit=timedelta(hours=1))
