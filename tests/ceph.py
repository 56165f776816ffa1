"""A real Ceph for tests: a monitor, an OSD that keeps all in memory and an S3 gateway, on free ports of 127.0.0.1.

`python -m tests.ceph COMMAND …` runs a command that finds it by IMS_TEST_S3_…; without one it prints these variables
and runs until Ctrl-C. The programs are those of Debian's packages ceph-mon, ceph-osd and radosgw; no service of the
host is touched, and nothing is left.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Self
from uuid import uuid4

from cli.servers.log import Format, ServiceLog
from errors import Broken, ImsError
from storage.embedded.process import dies_with_parent
from storage.s3.objects import ObjectStore
from tests.s3_server import S3Server

PACKAGES = ("ceph-mon", "ceph-osd", "radosgw")
START_LIMIT_SECONDS = 120.0
STOP_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.1
LOG_TAIL_LINES = 10
# Memory is taken when it is written.
OSD_BYTES = 64 << 30
LOG = Format(
    entry=re.compile(r"\d{4}-\d\d-\d\dT\S+ [0-9a-f]+ +(?P<level>-?\d+) (?P<where>)(?P<message>.*)"),
    levels=frozenset({"-1"}),
    bare=re.compile(r"\*\*\* Caught signal|terminate called|.*FAILED ceph_assert"),
)

_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
# Reached from this host alone, and gone after the tests.
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
osd objectstore = memstore
memstore device bytes = {osd_bytes}
paxos propose interval = 0.05
# There is no manager, which would hear the OSD's reports; its absence is no error after two minutes.
mon osd report timeout = 86400
mon mgr mkfs grace = 86400
[osd]
monmap = {folder}/monmap
[client]
monmap = {folder}/monmap
[client.rgw]
# Without tcp_nodelay a small answer takes 48 ms instead of 4.
rgw frontends = beast endpoint=127.0.0.1:{s3_port} tcp_nodelay=1
rgw thread pool size = 64
# Memory of what was deleted is free at once, not after two hours.
rgw gc obj min wait = 1
rgw gc processor period = 2
rgw gc processor max time = 2
"""


class Ceph:
    """A Ceph in a folder of its own, from the `with` block's begin to its end.

    Args:
        folder: An empty folder with a short path: Unix sockets are made in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # No settings from the monitor: who asks for these forgets the map that the file has told.
        self._environment = {
            **os.environ,
            "CEPH_CONF": str(folder / "ceph.conf"),
            "CEPH_ARGS": "--no-mon-config",
        }
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._logs: list[ServiceLog] = []
        self.server = S3Server(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(10), secrets.token_hex(20))

    def __enter__(self) -> Self:
        """Start it, and wait until it serves.

        Raises:
            Broken: A program is not installed, or does not start; the end of its log is told.
        """
        if missing := [name for name in PACKAGES if which(name) is None]:
            raise Broken(f"{', '.join(missing)} is not installed", resolution=f"apt-get install {' '.join(PACKAGES)}")
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and wait for its end.

        Raises:
            Broken: It has logged an error since it began to serve.
        """
        # Before its end, which it notes as an error, too.
        logged = [f"{log.path}: {error.text}" for log in self._logs for error in log.new_errors(final=True)]
        self._stop()
        if logged and kind is None:
            raise Broken("Ceph has logged an error:\n" + "\n".join(logged))

    def _start(self) -> None:
        monitor = f"v1:127.0.0.1:{_free_port()}"
        (self._folder / "ceph.conf").write_text(
            _CONFIGURATION.format(
                fsid=uuid4(),
                folder=self._folder,
                monitor=monitor,
                s3_port=self.server.endpoint_url.rpartition(":")[2],
                osd_bytes=OSD_BYTES,
            )
        )
        for name in ("mon", "osd"):
            (self._folder / name).mkdir()
        osd = str(uuid4())
        # Told both times: what makes its files looks for itself by this address.
        self._run("ceph-mon", "-i", "a", "--mkfs", "--public-addr", monitor)
        # Everybody reads this map: who asks the monitor before having one is refused, as "wrong fsid".
        self._run("ceph-mon", "-i", "a", "--extract-monmap", str(self._folder / "monmap"))
        self._spawn("ceph-mon", "-i", "a", "--public-addr", monitor)
        # This program alone takes no notice of the map, and may be refused.
        self._wait_until(lambda: self._run("ceph", "osd", "new", osd))
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._spawn("ceph-osd", "-i", "0")
        self._run(
            *("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=ims", "--display-name=ims"),
            *(f"--access-key={self.server.access_key}", f"--secret-key={self.server.secret_key}"),
        )
        self._spawn("radosgw", "-n", "client.rgw")
        self._wait_until(ObjectStore(self.server.s3(attempts=1)).check)
        self._logs = [ServiceLog("Ceph", file, LOG) for file in sorted(self._folder.glob("*.log"))]
        for log in self._logs:
            # It notes as errors what it looks for at its start, and finds another way.
            log.new_errors(final=True)

    def _run(self, *command: str) -> None:
        try:
            done = subprocess.run(
                command, env=self._environment, capture_output=True, text=True, timeout=START_LIMIT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Broken(f"{' '.join(command[:2])} does not end: {' | '.join(self._log_tail())}") from error
        if done.returncode:
            raise Broken(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")

    def _spawn(self, program: str, *arguments: str) -> None:
        # In the foreground, so that its process is ours; in a session of its own, so that Ctrl-C reaches us first.
        command = [*dies_with_parent(), program, "-f", *arguments]
        with (self._folder / f"{program}.out").open("wb") as out:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _wait_until(self, check: Callable[[], object]) -> None:
        ends = time.monotonic() + START_LIMIT_SECONDS
        while True:
            try:
                check()
            except ImsError as error:
                if time.monotonic() > ends or any(daemon.poll() is not None for daemon in self._daemons):
                    raise Broken(f"Ceph does not start: {error.message} | {' | '.join(self._log_tail())}") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _log_tail(self) -> list[str]:
        outputs = sorted(self._folder.glob("*.out"))
        return [line for out in outputs for line in out.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]]

    def _stop(self) -> None:
        # The gateway first, the monitor last: none waits for another one that is gone.
        while self._daemons:
            daemon = self._daemons.pop()
            daemon.terminate()
            try:
                daemon.wait(STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Run the command of the arguments, or print how to reach the Ceph, and wait."""
    with tempfile.TemporaryDirectory(prefix="ceph-") as folder, Ceph(Path(folder)) as ceph:
        return _run_on(ceph.server, sys.argv[1:]) if sys.argv[1:] else _serve(ceph.server)


def _run_on(server: S3Server, command: list[str]) -> int:
    process = subprocess.Popen(command, env={**os.environ, **server.test_environment})
    # Ctrl-C reaches the command as well, which then ends as it does without us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


def _serve(server: S3Server) -> int:
    for name, value in server.test_environment.items():
        print(f"export {name}={value}", flush=True)
    ending = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    signal.sigwait(ending)
    return 0


if __name__ == "__main__":
    sys.exit(main())
