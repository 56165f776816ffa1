"""The package server of the tests refuses what a site's would refuse, says who asked, and ends with its block."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.https_site import CertificateKind, HttpsSite, Login, Served
from tests.repository import REPOSITORY

LOGIN = Login("builder", "not-for-the-logs")
FILE = "repodata/repomd.xml"
_SERVE_FOREVER = """
import sys, time
from pathlib import Path
from tests.https_site import HttpsSite
with HttpsSite(Path(sys.argv[1])).serve(Path(sys.argv[1])) as served:
    print(served.url, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / FILE).parent.mkdir()
    (folder / FILE).write_text("<repomd/>")
    return folder


@pytest.fixture
def served(https_site: HttpsSite, repository: Path) -> Iterator[Served]:
    """The folder, served to one user."""
    with https_site.serve(repository, login=LOGIN) as served:
        yield served


def test_its_user_gets_the_repository(served: Served) -> None:
    assert get(served).text == "<repomd/>"


@pytest.mark.parametrize("login", [None, Login("builder", "wrong"), Login("stranger", LOGIN.password)])
def test_everybody_else_is_refused(served: Served, login: Login | None) -> None:
    assert get(served, login=login).status_code == httpx.codes.UNAUTHORIZED


def test_without_users_everybody_gets_it(https_site: HttpsSite, repository: Path) -> None:
    with https_site.serve(repository) as served:
        assert get(served, login=None).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [("expired", "certificate has expired"), ("stranger", "unable to get local issuer certificate")],
)
def test_a_bad_certificate_is_refused(
    https_site: HttpsSite, repository: Path, certificate: CertificateKind, reason: str
) -> None:
    with (
        https_site.serve(repository, certificate=certificate) as served,
        pytest.raises(httpx.ConnectError, match=reason),
    ):
        get(served)


def test_nobody_trusts_its_ca_unasked(served: Served) -> None:
    with pytest.raises(httpx.ConnectError, match="unable to get local issuer certificate"):
        httpx.get(served.url, verify=ssl.create_default_context())


def test_the_certificate_is_good_for_both_names(served: Served) -> None:
    address = served.url.replace("localhost", "127.0.0.1")
    assert get(served, address).status_code == httpx.codes.OK


def test_a_repository_vanishes_and_comes_back(served: Served) -> None:
    served.vanish()
    assert get(served).status_code == httpx.codes.NOT_FOUND
    served.come_back()
    assert get(served).status_code == httpx.codes.OK


def test_a_redirect_leads_to_the_repository(served: Served) -> None:
    answer = get(served, served.redirect_url)
    assert [passed.status_code for passed in answer.history] == [httpx.codes.FOUND]
    assert answer.text == "<repomd/>"


def test_the_logs_say_who_asked_and_hold_no_password(https_site: HttpsSite, repository: Path) -> None:
    logins = (LOGIN, Login("builder", "a-wrong-password"), None)
    with https_site.serve(repository, login=LOGIN) as served:
        for login in logins:
            get(served, login=login)
    # Once it has ended, the log is whole.
    asked = [line.partition(" agent=")[0] for line in served.requests]
    assert asked == [f"200 GET /{FILE} user=builder", f"401 GET /{FILE} user=builder", f"401 GET /{FILE} user=-"]
    written = "".join(file.read_text() for file in served.log_files)
    assert "password mismatch" in written
    assert not [login for login in logins if login and login.password in written]


def test_it_listens_on_127_0_0_1_only(served: Served) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port_of(served.url)))


def test_it_ends_when_its_block_fails(https_site: HttpsSite, repository: Path) -> None:
    with pytest.raises(ZeroDivisionError), https_site.serve(repository) as served:
        print(1 / 0)
    assert not is_open(port_of(served.url))


def test_it_ends_when_the_tests_are_killed(tmp_path: Path) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", _SERVE_FOREVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    with tests:
        assert tests.stdout is not None
        port = port_of(tests.stdout.readline().strip())
        assert is_open(port)
        tests.send_signal(signal.SIGKILL)
    limit = time.monotonic() + 10
    while is_open(port):
        assert time.monotonic() < limit, "nginx has outlived its parent"
        time.sleep(0.05)


def get(served: Served, address: str | None = None, *, login: Login | None = LOGIN) -> httpx.Response:
    """Ask for the one file, trusting the site's CA only."""
    trust = ssl.create_default_context(cafile=str(served.ca_file))
    auth = (login.user, login.password) if login else None
    return httpx.get(f"{address or served.url}{FILE}", auth=auth, verify=trust, follow_redirects=True)


def port_of(url: str) -> int:
    """Return the port of an address."""
    port = httpx.URL(url).port
    assert port is not None
    return port


def is_open(port: int) -> bool:
    """Tell whether anybody listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
