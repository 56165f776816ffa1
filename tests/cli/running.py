"""A real `ims up` in a data folder of its own, for tests."""

import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import AnyHttpUrl, SecretStr

from cli.servers.data_folder import Endpoints, published
from config.groups import S3
from config.settings import Settings
from storage.embedded.server import EmbeddedS3
from storage.models.records import PublicKey, Recipe
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import IMS, clean_environment, run_ims
from tests.prefect_database import put_database
from tests.server_logs import PREFECT, watch, watch_up

START_SECONDS = 180
# A port that no test opens: whoever asks there is refused at once.
NOBODY = "http://127.0.0.1:9/debian"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv up"
DESCRIPTION = f"""\
<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="6.8" name="waiting">
  <description type="system"><author>a</author><contact>a@b.c</contact><specification>s</specification></description>
  <preferences><version>1.0.0</version><packagemanager>zypper</packagemanager><type image="tbz"/></preferences>
  <repository type="rpm-md"><source path="{NOBODY}"/></repository>
  <packages type="bootstrap"><package name="bash"/></packages>
</image>
"""


@dataclass
class Up:
    """An `ims up` that a test started."""

    folder: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """What leads a command to it."""
        return clean_environment(IMS_DATA_DIR=str(self.folder))

    @property
    def endpoints(self) -> Endpoints:
        known = published(self.folder)
        assert known is not None, self.log.read_text()
        return known

    def ims(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against it."""
        return run_ims(arguments, self.environment)

    def prefect(self, method: str, path: str, **body: Any) -> Any:
        """Call its Prefect API."""
        answer = httpx.request(
            method, f"{self.endpoints.prefect_api_url}{path}", json=body or None, timeout=20, trust_env=False
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    @contextmanager
    def scheduled(
        self, deployment: str, every: timedelta, parameters: dict[str, Any]
    ) -> Iterator[Callable[[], list[dict[str, Any]]]]:
        """Have a deployment run on a schedule during the block: the first time in a few seconds.

        What it gives returns the runs that the server has planned so far, by the time that they are planned for.
        """
        known = self.prefect("GET", f"/deployments/name/{deployment}")["id"]
        first = datetime.now(UTC) + timedelta(seconds=5)
        asked = {
            "schedule": {"interval": every.total_seconds(), "anchor_date": first.isoformat()},
            "parameters": parameters,
        }
        schedules = f"{self.endpoints.prefect_api_url}/deployments/{known}/schedules"
        answer = httpx.post(schedules, json=[asked], timeout=20, trust_env=False)
        assert answer.is_success, answer.text
        [schedule] = [each["id"] for each in answer.json() if each["parameters"] == parameters]

        def planned() -> list[dict[str, Any]]:
            wanted = {"deployments": {"id": {"any_": [known]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
            runs: list[dict[str, Any]] = self.prefect("POST", "/flow_runs/filter", **wanted)
            return [run for run in runs if run["auto_scheduled"] and run["parameters"] == parameters]

        try:
            yield planned
        finally:
            # The runs that it has not started yet go with it.
            assert httpx.delete(f"{schedules}/{schedule}", timeout=20, trust_env=False).is_success

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(90)

    @property
    def worker_log(self) -> Path:
        return self.folder / "logs" / "prefect-worker.log"

    def processes(self) -> list[str]:
        """Return what still runs with this data folder in its environment."""
        return [command for _, command in self.process_ids()]

    def process_ids(self) -> list[tuple[int, str]]:
        """Return the ids and commands of those processes."""
        return processes_with(f"IMS_DATA_DIR={self.folder}")


def process_of(run_id: str) -> int:
    """Return the process that works on a flow run."""
    found = processes_with(f"PREFECT__FLOW_RUN_ID={run_id}")
    # What it starts itself, Podman for one, has the same environment, and until it is executed the same command.
    engines = {pid for pid, command in found if "prefect.engine" in command}
    [pid] = [pid for pid in engines if _parent_of(pid) not in {*engines, None}]
    return pid


def _parent_of(pid: int) -> int | None:
    try:
        # proc(5): the fourth field, the second after the command in brackets.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def start(
    folder: Path,
    *,
    builder_image: str = "localhost/unused",
    ignoring: str = "",
    with_database: bool = True,
    meanwhile: Callable[[Up], None] = lambda _: None,
) -> Up:
    """Start an `ims up` and wait until it is ready.

    Args:
        folder: Its data folder.
        builder_image: What its pods run; the image that is not there is for tests that start no pod.
        ignoring: Signals that are ignored when it starts, as a shell names them.
        with_database: Whether it finds a database with tables, if it has none yet; else it makes them.
        meanwhile: What is done while it starts.
    """
    log = folder.parent / f"{folder.name}.log"
    if with_database:
        put_database(folder / "prefect")
    environment = clean_environment(IMS_DATA_DIR=str(folder), IMS_BUILDER_IMAGE=builder_image)
    ignored = ["sh", "-c", f'trap "" {ignoring}; exec "$@"', "sh"] if ignoring else []
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*ignored, *IMS, "up"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    up = Up(folder, log, process)
    meanwhile(up)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        # Not by endpoints.json alone: one that was killed has left its own.
        return "Ready after" in log.read_text()

    # It gives up by itself, and in a fixture a limit of our own would be one for busy hosts.
    wait_for(is_ready, math.inf, log)
    watch_up(folder)
    return up


def start_worker(name: str, environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start an `ims worker` in a session of its own, and have its log read for errors."""
    watch(log, PREFECT)
    with log.open("wb") as output:
        return subprocess.Popen(
            [*IMS, "worker", "--name", name],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_for(condition: Callable[[], bool], seconds: float, log: Path) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s:\n{log.read_text()}"
        time.sleep(0.1)


def catalogue_of(endpoints: Endpoints) -> Catalogue:
    """Return the records that a running `ims up` keeps."""
    reached = settings_of(endpoints)
    return Catalogue(ObjectStore(reached.s3), reached.bucket)


def settings_of(endpoints: Endpoints) -> Settings:
    """Return the settings that lead to a running `ims up`."""
    return _settings_at(endpoints.s3_endpoint_url, endpoints.s3_access_key, endpoints.s3_secret_key)


def catalogue_at(s3: EmbeddedS3) -> Catalogue:
    """Return the records in an S3 server."""
    reached = _settings_at(s3.endpoint_url, s3.access_key, s3.secret_key)
    return Catalogue(ObjectStore(reached.s3), reached.bucket)


def _settings_at(url: str, access_key: str, secret_key: str) -> Settings:
    s3 = S3(endpoint_url=AnyHttpUrl(url), access_key=SecretStr(access_key), secret_key=SecretStr(secret_key))
    return Settings(s3=s3)


def register(up: Up, folder_or_file: Path) -> Recipe:
    """Register a recipe by the command."""
    created = up.ims(
        *("recipes", "create", "--name", folder_or_file.name, "--linux-distribution", "sles15"),
        *("--file", str(folder_or_file), "--format", "json"),
    )
    assert created.returncode == 0, created.stderr
    return Recipe.model_validate_json(created.stdout)


def waiting_recipe(up: Up) -> Recipe:
    """Register a recipe whose repository never answers: its job waits, and starts no pod."""
    folder = up.folder.parent / "waiting"
    folder.mkdir(exist_ok=True)
    (folder / "config.xml").write_text(DESCRIPTION)
    return register(up, folder)


def public_key(up: Up) -> PublicKey:
    """Register a public key."""
    return catalogue_of(up.endpoints).public_keys.create(PublicKey(name="up", public_key=KEY))


def job_of(recipe: Recipe, key: PublicKey) -> list[str]:
    """Return the command that starts a job."""
    return [
        *("jobs", "create", "--job-type", "create", "--image-root-archive-name", "image"),
        *("--artifact-id", recipe.id, "--public-key-id", key.id, "--format", "json"),
    ]


def processes_with(entry: str) -> list[tuple[int, str]]:
    """Return the ids and commands of the processes that have a variable in their environment."""
    return [(pid, command) for pid, command in _commands() if entry.encode() in _environment_of(pid)]


def _commands() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it has just ended
            if command:
                found.append((int(entry.name), command))
    return found


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # it has just ended
