"""`ims doctor`: what is configured, what answers, what is missing or too old, and the command that mends it.

It changes nothing. A check that cannot be made is said to be so, and is never counted as fine.
"""

import subprocess
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib.metadata import version

import httpx
import typer
from pydantic import BaseModel

from cli.failures import USERS_MISTAKE
from cli.output import Columns, FormatOption, print_records
from config.settings import Settings, read_settings
from errors import ImsError

ANSWER_SECONDS = 5.0
_SERVER_ADDRESS = "set PREFECT_API_URL to the Prefect server's address, with /api, or start `ims up`"


class State(StrEnum):
    """How a check ended."""

    FINE = "fine"
    UNUSED = "not used"
    MISSING = "missing"
    BROKEN = "does not work"
    OLD = "too old"


class Check(BaseModel):
    """What was looked at, how it is, and what mends it."""

    what: str
    state: State
    found: str = ""
    mend: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether nothing is to be done."""
        return self.state in {State.FINE, State.UNUSED}


COLUMNS: Columns = {
    "check": lambda check: check.what,
    "state": lambda check: check.state,
    "found": lambda check: check.found,
    "mend": lambda check: check.mend,
}


def doctor(output: FormatOption = None) -> None:
    """Check what is configured, reachable, missing or too old, and say what mends it.

    It changes nothing. The exit code is 2 when anything is wrong.
    """
    checks = list(checked(read_settings()))
    print_records(checks, COLUMNS, output)
    if not all(check.is_fine for check in checks):
        raise typer.Exit(USERS_MISTAKE)


def checked(chosen: Settings) -> Iterable[Check]:
    """Make every check that the settings call for."""
    if chosen.client.url is not None:
        yield _made("REST API", lambda: _api(chosen))
        if chosen.s3.endpoint_url is None:
            yield Check(what="S3", state=State.UNUSED, found="the commands talk to the REST API; uploads need S3")
            return
    yield _made("S3", lambda: _s3(chosen))
    if chosen.client.url is None:
        yield _made("Prefect", _prefect)
        yield _made("workers", _workers)
        yield _pods(chosen)


def _made(what: str, check: Callable[[], Check]) -> Check:
    """Make a check; an error of ours is its result, with the resolution that it has."""
    try:
        return check()
    except ImsError as error:
        missing = "configured" in error.message
        state = State.MISSING if missing else State.BROKEN
        return Check(what=what, state=state, found=error.message, mend=error.resolution)


def _api(chosen: Settings) -> Check:
    from cli.api_client import ApiClient

    client = ApiClient.of(chosen)
    client.call("GET", "public-keys")
    return Check(what="REST API", state=State.FINE, found=f"{client.url} answers, and takes the token")


def _s3(chosen: Settings) -> Check:
    from storage.s3.objects import ObjectStore

    address = chosen.s3.address()
    # Tried once: a user waits for the answer.
    store = ObjectStore(chosen.s3.model_copy(update={"attempts": 1}))
    for bucket in (chosen.bucket, chosen.boot_images_bucket):
        list(zip(range(1), store.keys(bucket, ""), strict=False))
    return Check(what="S3", state=State.FINE, found=f"{address} has {chosen.bucket} and {chosen.boot_images_bucket}")


def _prefect() -> Check:
    from runs.server_address import prefect_api_url

    address = prefect_api_url()
    try:
        answer = httpx.get(f"{address}/admin/version", timeout=ANSWER_SECONDS, trust_env=False)
        said = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return Check(
            what="Prefect", state=State.BROKEN, found=f"{address} does not answer: {error}", mend=_SERVER_ADDRESS
        )
    return version_check(address, str(said), version("prefect"))


def _workers() -> Check:
    from runs.server_address import prefect_api_url
    from runs.work_pool import WORK_POOL

    workers = f"{prefect_api_url()}/work_pools/{WORK_POOL}/workers/filter"
    try:
        answer = httpx.post(workers, json={}, timeout=ANSWER_SECONDS, trust_env=False)
        known = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return worker_check(WORK_POOL, [], f"the work pool {WORK_POOL} cannot be read: {error}")
    return worker_check(WORK_POOL, [each["name"] for each in known if each.get("status") == "ONLINE"])


def worker_check(pool: str, online: list[str], why_none: str = "") -> Check:
    """Say which workers take runs; without one, jobs wait."""
    if online:
        return Check(what="workers", state=State.FINE, found=f"{', '.join(online)} on the work pool {pool}")
    found = why_none or f"no worker of the work pool {pool} is online: jobs wait"
    return Check(what="workers", state=State.MISSING, found=found, mend="ims up, or: ims worker --name NAME")


def version_check(address: str, server: str, ours: str) -> Check:
    """Compare the version of the Prefect server with that of the client: a server must not be the older one."""
    found = f"{address} is Prefect {server}"
    if _numbers(server) < _numbers(ours):
        return Check(
            what="Prefect",
            state=State.OLD,
            found=f"{found}, and the command has {ours}",
            mend=f"upgrade the server: pip install prefect=={ours}",
        )
    return Check(what="Prefect", state=State.FINE, found=found)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".")[:2] if part.isdigit()]


def _pods(chosen: Settings) -> Check:
    """Look for the program that runs pods on this host; the worker needs it, and a workstation does not."""
    if chosen.pods.runtime != "podman":
        return Check(
            what="pods", state=State.UNUSED, found=f"they run by {chosen.pods.runtime}; its worker checks that"
        )
    try:
        ended = subprocess.run(["podman", "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(
            what="pods",
            state=State.MISSING,
            found=f"podman cannot be run: {error}",
            mend="install it where the worker runs: apt-get install podman",
        )
    return Check(what="pods", state=State.FINE, found=ended.stdout.strip())
