"""The embedded S3 server: starts, keeps what it holds, and never runs twice or on."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import AnyHttpUrl, SecretStr

from config.groups import S3
from errors import Broken, Conflict, Corrupt, Denied
from storage.embedded.server import EmbeddedS3
from storage.embedded.state import SOCKETS_DIR, Ports, ServerState
from storage.s3.objects import ObjectStore
from tests.s3_server import embedded_s3
from tests.server_logs import SEAWEEDFS, watch

pytestmark = pytest.mark.slow

START_AND_SLEEP = """
import sys, time
from pathlib import Path
from storage.embedded.server import EmbeddedS3
server = EmbeddedS3(Path(sys.argv[1]))
server.start()
print(server.process_id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s3"


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], EmbeddedS3]]:
    """Start servers in the folder; all are stopped at the end."""
    servers: list[EmbeddedS3] = []

    def start() -> EmbeddedS3:
        server = EmbeddedS3(folder)
        servers.append(server)
        server.start()
        watch(server.log_file, SEAWEEDFS)
        return server

    yield start
    for server in servers:
        server.stop()


def _store(server: EmbeddedS3, secret_key: str = "") -> ObjectStore:
    return ObjectStore(
        S3(
            endpoint_url=AnyHttpUrl(server.endpoint_url),
            access_key=SecretStr(server.access_key),
            secret_key=SecretStr(secret_key or server.secret_key),
            attempts=1,
        )
    )


def _is_running(process_id: int) -> bool:
    try:
        # A child that was killed and not yet waited for is a zombie: it runs no more.
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _ended(process_id: int) -> bool:
    ends = time.monotonic() + 10
    while _is_running(process_id) and time.monotonic() < ends:
        time.sleep(0.02)
    return not _is_running(process_id)


def _listening(process_id: int) -> set[str]:
    """Return the addresses on which a process listens for TCP."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{process_id}/fd").iterdir() if link.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process_id}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].partition(":")[0])
    return found


def test_it_serves_requests_with_its_credentials_on_loopback_only(start: Callable[[], EmbeddedS3]) -> None:
    server = start()
    _store(server).ensure_bucket("bucket")
    _store(server).write("bucket", "k", b"1")
    with pytest.raises(Denied):
        _store(server, "wrong").read("bucket", "k")
    assert server.process_id is not None
    # 127.0.0.1 as the kernel's table spells it.
    assert _listening(server.process_id) == {"0100007F"}


def test_credentials_are_for_their_owner_alone(start: Callable[[], EmbeddedS3], folder: Path) -> None:
    server = start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    holding = [path for path in folder.iterdir() if path.is_file() and server.secret_key in path.read_text()]
    assert holding
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}
    command = Path(f"/proc/{server.process_id}/cmdline").read_text()
    assert server.secret_key not in command


def test_objects_credentials_and_address_survive_a_restart(start: Callable[[], EmbeddedS3]) -> None:
    server = start()
    before = (server.endpoint_url, server.access_key, server.secret_key)
    _store(server).ensure_bucket("bucket")
    _store(server).write("bucket", "k", b"kept" * 1000)
    server.stop()
    assert server.process_id is None
    again = start()
    assert (again.endpoint_url, again.access_key, again.secret_key) == before
    assert _store(again).read("bucket", "k")[0] == b"kept" * 1000


def test_another_port_is_taken_when_the_former_one_is_not_free(start: Callable[[], EmbeddedS3]) -> None:
    server = start()
    former = server.endpoint_url
    _store(server).ensure_bucket("bucket")
    _store(server).write("bucket", "k", b"kept")
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(former.rpartition(":")[2])))
        other.listen()
        again = start()
    assert again.endpoint_url != former
    assert _store(again).read("bucket", "k")[0] == b"kept"


def test_a_second_server_in_the_folder_is_refused_and_the_first_one_named(start: Callable[[], EmbeddedS3]) -> None:
    server = start()
    with pytest.raises(Conflict, match=f"process {server.process_id}"):
        start()
    _store(server).check()


def test_two_folders_are_two_servers(start: Callable[[], EmbeddedS3], tmp_path: Path) -> None:
    first = start()
    with embedded_s3(tmp_path / "other") as second:
        for server, content in ((first, b"1"), (second, b"2")):
            _store(server).ensure_bucket("bucket")
            _store(server).write("bucket", "k", content)
        assert _store(first).read("bucket", "k")[0] == b"1"
        with pytest.raises(Denied):
            _store(second, first.secret_key).check()


def test_after_a_kill_the_next_start_has_all_that_was_acknowledged(start: Callable[[], EmbeddedS3]) -> None:
    server = start()
    store = _store(server)
    store.ensure_bucket("bucket")
    for number in range(50):
        store.write("bucket", str(number), b"x" * number * 100)
    assert server.process_id is not None
    os.kill(server.process_id, signal.SIGKILL)
    again = _store(start())
    for number in range(50):
        assert again.read("bucket", str(number))[0] == b"x" * number * 100


def test_it_dies_with_the_process_that_started_it(folder: Path, start: Callable[[], EmbeddedS3]) -> None:
    with subprocess.Popen([sys.executable, "-c", START_AND_SLEEP, str(folder)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        process_id = int(owner.stdout.readline())
        watch(folder / "weed.log", SEAWEEDFS)
        assert _is_running(process_id)
        with pytest.raises(Conflict, match=f"process {process_id}"):
            start()
        owner.kill()
        owner.wait()
        assert _ended(process_id)
    _store(start()).check()


def test_it_outlives_the_thread_that_started_it(folder: Path, start: Callable[[], EmbeddedS3]) -> None:
    servers: list[EmbeddedS3] = []
    thread = threading.Thread(target=lambda: servers.append(start()))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert servers[0].process_id is not None
    _store(servers[0]).check()


def test_a_terminals_interrupt_does_not_reach_it(start: Callable[[], EmbeddedS3]) -> None:
    server = start()
    assert server.process_id is not None
    assert os.getsid(server.process_id) != os.getsid(0)


def test_stopping_leaves_no_process_and_no_socket(start: Callable[[], EmbeddedS3], folder: Path) -> None:
    server = start()
    process_id = server.process_id
    ports = ServerState.load(folder).ports
    server.stop()
    server.stop()
    assert process_id is not None
    assert not _is_running(process_id)
    for port in vars(ports).values():
        assert [
            path for number in (port, port + 10_000) for path in SOCKETS_DIR.glob(f"seaweedfs-*-{number}.sock")
        ] == []


def test_a_server_that_does_not_start_tells_the_end_of_its_log(start: Callable[[], EmbeddedS3], folder: Path) -> None:
    folder.mkdir()
    # SeaweedFS keeps its directory of objects here; a file in its place stops it.
    (folder / "objects").mkdir()
    (folder / "objects" / "filerldb2").write_text("in the way")
    with pytest.raises(Broken, match="filerldb2"):
        start()


def test_credentials_that_cannot_be_read_are_said_and_left_alone(start: Callable[[], EmbeddedS3], folder: Path) -> None:
    folder.mkdir()
    (folder / "state.json").write_text("{")
    with pytest.raises(Corrupt, match=r"state\.json"):
        start()
    assert (folder / "state.json").read_text() == "{"


def test_it_has_no_address_before_it_was_started(folder: Path) -> None:
    with pytest.raises(Broken, match="not started"):
        _ = EmbeddedS3(folder).endpoint_url


def test_it_takes_nothing_from_the_environment(
    start: Callable[[], EmbeddedS3], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-outside")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-outside-too")
    server = start()
    assert b"from-outside" not in Path(f"/proc/{server.process_id}/environ").read_bytes()


def test_a_mistyped_bucket_is_not_made_by_a_write(start: Callable[[], EmbeddedS3]) -> None:
    store = _store(start())
    with pytest.raises(Exception, match="no such bucket"):
        store.write("mistyped", "k", b"1")


def test_chosen_ports_are_free_in_pairs() -> None:
    ports = Ports.choose()
    numbers = list(vars(ports).values())
    assert len(set(numbers)) == 5
    assert ports.are_free()
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports.filer + 10_000))
        assert not ports.are_free()


def test_what_is_kept_reads_back(tmp_path: Path) -> None:
    made = ServerState.load(tmp_path)
    assert ServerState.load(tmp_path) == made
    identity = json.loads(made.weed_identities())["identities"][0]
    assert identity["credentials"] == [{"accessKey": made.access_key, "secretKey": made.secret_key}]
