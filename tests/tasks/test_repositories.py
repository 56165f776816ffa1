"""tasks/repositories.py against a real web server."""

import hashlib
import re
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from errors import BadInput, Denied, LimitReached, may_retry
from ingest.description import Repository
from ingest.limits import Limits
from tasks.repositories import addressed, wait_until_ready
from tasks.repository_answers import LARGEST_METADATA_BYTES, READY, Answer, ask
from tasks.web_connections import web_client
from tests import http_server
from tests.http_server import HttpServer, Request
from tests.ingest.reading import named_repositories
from tests.repository import REPOSITORY

FIELD_CASES = REPOSITORY / "tests/ingest/field_cases"
LIMITS = Limits(bytes=1 << 20, entries=9, memory_bytes=128 << 20, seconds=20)


class Table:
    """Answers by a table of paths; what is not in it is 404."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.silent: set[str] = set()
        self.released = threading.Event()
        self.server = HttpServer(self.answer)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def asked(self) -> list[str]:
        return [request.line for request in self.server.asked]

    @property
    def authorized(self) -> set[str]:
        return {request.path for request in self.server.asked if "authorization" in request.headers}

    def answer(self, request: Request) -> http_server.Answer:
        if request.path in self.silent:
            self.released.wait(30)
        if request.path in self.moved:
            return http_server.Answer(302, headers={"Location": self.moved[request.path]})
        status = self.answers.get(request.line, self.answers.get(request.path, 404))
        return http_server.Answer(status, self.bodies.get(request.path, b""))


@pytest.fixture
def server() -> Iterator[Table]:
    table = Table()
    with http_server.serving(table.server):
        yield table
        table.released.set()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with web_client(ssl.create_default_context(), seconds=0.5, private=True) as client:
        yield client


def repository(url: str, **fields: str) -> Repository:
    return Repository.model_validate({"alias": "a", "type": "rpm-md", "url": url, **fields})


REPOMD = "/repodata/repomd.xml"


def test_a_repository_that_answers_is_ready(server: Table, client: httpx.Client) -> None:
    server.answers[REPOMD] = 200
    assert ask(client, repository(server.url)) == READY


def test_the_second_address_serves_where_the_first_is_missing(server: Table, client: httpx.Client) -> None:
    server.answers["/Release"] = 200
    assert ask(client, repository(server.url, type="apt-deb")) == READY


def test_a_repository_tells_what_its_metadata_is(server: Table, client: httpx.Client) -> None:
    server.answers["/Release"] = 200
    server.bodies["/Release"] = b"Suite: stable"
    answer = ask(client, repository(server.url, type="apt-deb"))
    assert answer.metadata == hashlib.sha256(b"Suite: stable").hexdigest()


NOT_KNOWN: dict[str, tuple[dict[str, str], bytes]] = {
    "a list of mirrors": ({"source_type": "mirrorlist"}, b"http://mirror/"),
    "a list of mirrors with checksums": ({"source_type": "metalink"}, b"<metalink/>"),
    "metadata that is too large": ({}, bytes(LARGEST_METADATA_BYTES + 1)),
}


@pytest.mark.parametrize(("fields", "body"), NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_a_repository_whose_metadata_is_not_known_is_ready(
    server: Table, client: httpx.Client, fields: dict[str, str], body: bytes
) -> None:
    path = "/list" if fields else REPOMD
    server.answers[path] = 200
    server.bodies[path] = body
    answer = ask(client, repository(f"{server.url}/list" if fields else server.url, **fields))
    assert (answer, answer.metadata) == (READY, "")


def test_a_redirect_is_followed(server: Table, client: httpx.Client) -> None:
    server.answers["/there"] = 200
    server.moved[REPOMD] = "/there"
    assert ask(client, repository(server.url)) == READY


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501])
def test_what_a_server_says_to_head_does_not_matter(server: Table, client: httpx.Client, status: int) -> None:
    server.answers |= {f"HEAD {REPOMD}": status, f"GET {REPOMD}": 200}
    assert ask(client, repository(server.url)) == READY


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_answer_that_may_change_is_reported(server: Table, client: httpx.Client, status: int) -> None:
    server.answers[REPOMD] = status
    answer = ask(client, repository(server.url))
    assert answer.text.startswith(str(status))
    assert answer.refusal is None


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_end_the_wait_at_once(server: Table, client: httpx.Client, status: int) -> None:
    server.answers[REPOMD] = status
    known = repository(server.url, username="builder", password="canary")
    with pytest.raises(Denied, match=f"is refused to the user builder: {status}") as caught:
        wait(client, known)
    assert "canary" not in str(caught.value)
    assert "site file" in caught.value.resolution


def test_credentials_go_to_their_own_repository_alone(server: Table, client: httpx.Client) -> None:
    server.answers |= {f"/a{REPOMD}": 200, f"/b{REPOMD}": 200}
    wait(client, repository(f"{server.url}/a", username="u", password="p"), repository(f"{server.url}/b"))
    assert server.authorized == {f"/a{REPOMD}"}


def test_silence_is_reported(server: Table, client: httpx.Client) -> None:
    server.silent.add(REPOMD)
    assert "no answer within" in ask(client, repository(server.url)).text


def test_a_refused_connection_is_reported(client: httpx.Client) -> None:
    assert ask(client, repository("http://127.0.0.1:1/x")).text == "Connection refused"


def test_a_server_without_tls_is_reported_in_the_words_of_openssl(server: Table, client: httpx.Client) -> None:
    answer = ask(client, repository(server.url.replace("http:", "https:")))
    assert answer.text in {"wrong version number", "record layer failure"}


def test_an_invalid_address_is_reported(client: httpx.Client) -> None:
    assert isinstance(ask(client, repository("http://0177.0.0.1/x")).refusal, BadInput)


def wait(client: httpx.Client, *repositories: Repository, limit: float = 5) -> None:
    wait_until_ready(
        repositories,
        lambda one: ask(client, one),
        interval=timedelta(seconds=0.05),
        limit=timedelta(seconds=limit),
    )


def test_all_must_answer_in_one_round(server: Table, client: httpx.Client) -> None:
    server.answers[f"/one{REPOMD}"] = 200
    threading.Timer(0.3, lambda: server.answers.update({f"/two{REPOMD}": 200})).start()
    wait(client, repository(f"{server.url}/one"), repository(f"{server.url}/two"))
    assert server.asked.count(f"GET /one{REPOMD}") == server.asked.count(f"GET /two{REPOMD}") > 1


def test_progress_says_how_many_are_ready_and_for_whom_it_waits(
    server: Table, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tasks.repositories")
    server.answers[f"/one{REPOMD}"] = 200
    threading.Timer(0.2, lambda: server.answers.update({f"/two{REPOMD}": 200})).start()
    wait(client, repository(f"{server.url}/one"), repository(f"{server.url}/two"))
    assert f"1 of 2 repositories ready, waiting for {server.url}/two{REPOMD} (404 Not Found)" in caplog.messages
    assert caplog.messages[-1] == "all 2 repositories are ready"


def test_a_repository_that_never_answers_ends_the_wait_with_its_address_and_last_answer(
    server: Table, client: httpx.Client
) -> None:
    server.answers |= {f"/good{REPOMD}": 200, f"/bad{REPOMD}": 503}
    started = time.monotonic()
    with pytest.raises(LimitReached, match=rf"1 of 2 repositories .*/bad{REPOMD} \(503") as caught:
        wait(client, repository(f"{server.url}/good"), repository(f"{server.url}/bad"), limit=0.5)
    assert time.monotonic() - started < 3
    assert "/good" not in str(caught.value)
    assert not may_retry(caught.value), "the whole wait must not start again"


def test_a_line_of_the_log_names_five_repositories_at_most(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tasks.repositories")
    many = [repository(f"http://h/{number}") for number in range(8)]
    answers = iter([Answer("no answer")] * len(many) + [READY] * len(many))
    wait_until_ready(many, lambda _: next(answers), interval=timedelta(), limit=timedelta(hours=1))
    assert caplog.messages[0].startswith("0 of 8 repositories ready, waiting for http://h/0/")
    assert caplog.messages[0].endswith(f"http://h/4{REPOMD} (no answer) and 3 others")


def test_a_round_of_many_silent_repositories_ends_with_the_limit() -> None:
    asked: list[str] = []

    def ask_one(repository: Repository) -> Answer:
        asked.append(repository.url)
        time.sleep(0.3)
        return Answer("no answer")

    many = [repository(f"http://h/{number}") for number in range(160)]
    with pytest.raises(LimitReached, match="160 of 160 repositories"):
        wait_until_ready(many, ask_one, interval=timedelta(), limit=timedelta(seconds=0.2))
    assert len(asked) <= 16, "each thread asks one, and then the limit has passed"


def test_the_last_message_names_some_repositories_those_first_that_were_asked() -> None:
    many = [repository(f"http://h/{number:03}{'x' * 5000}") for number in range(200)]

    def ask_one(repository: Repository) -> Answer:
        late = repository.url < "http://h/190"
        return Answer("not asked within the limit" if late else "404 " + "y" * 5000)

    with pytest.raises(LimitReached) as caught:
        wait_until_ready(many, ask_one, interval=timedelta(seconds=1), limit=timedelta(seconds=0.5))
    named = re.findall(r"http://h/(\d+)", caught.value.message)
    assert named == [f"{number:03}" for number in [*range(190, 200), *range(10)]]
    assert caught.value.message.endswith(" and 180 others")
    assert len(caught.value.message) < 20 * 700


def test_an_interrupted_wait_does_not_wait_for_servers_that_are_silent() -> None:
    silent, released = threading.Event(), threading.Event()
    started = time.monotonic()

    def ask_one(repository: Repository) -> Answer:
        if repository.url == "http://h/interrupted":
            silent.wait(20)
            raise KeyboardInterrupt
        silent.set()
        released.wait(20)
        return READY

    with pytest.raises(KeyboardInterrupt):
        wait_until_ready(
            [repository("http://h/interrupted"), repository("http://h/silent")],
            ask_one,
            interval=timedelta(),
            limit=timedelta(hours=1),
        )
    released.set()
    assert time.monotonic() - started < 10


def test_a_description_without_repositories_waits_for_nothing() -> None:
    wait_until_ready([], lambda _: Answer("no"), interval=timedelta(hours=1), limit=timedelta(hours=1))


def test_addresses_with_variables_are_asked_as_dnf_does_or_not_at_all(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tasks.repositories")
    named = [repository("http://h/$basearch"), repository("http://h/$releasever/os"), repository("obs://p/r")]
    assert [each.url for each in addressed(named, "dnf", "x86_64")] == ["http://h/x86_64"]
    assert caplog.messages == ["not waiting for http://h/$releasever/os: only dnf knows the value of $releasever"]


def test_a_server_at_an_address_that_is_not_allowed_ends_the_wait_at_once(server: Table) -> None:
    with (
        web_client(ssl.create_default_context(), seconds=0.5, private=False) as client,
        pytest.raises(BadInput, match=rf"{REPOMD} is not asked: 127\.0\.0\.1 is an address of the host itself"),
    ):
        wait(client, repository(server.url))
    assert server.asked == []


def test_a_description_with_dnfs_variables_is_asked_as_dnf_does(
    tmp_path: Path, server: Table, client: httpx.Client
) -> None:
    text = (FIELD_CASES / "repository-variables/config.xml").read_text()
    (tmp_path / "config.xml").write_text(text.replace("{{ repository }}", f"{server.url}/"))
    named = named_repositories(tmp_path, LIMITS)
    server.answers |= {"/el/9/x86_64/os/repodata/repomd.xml": 200, "/metalink?repo=extra&arch=x86_64": 200}
    wait(client, *addressed(named, "dnf", "x86_64"))
