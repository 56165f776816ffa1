"""The connection to a Prefect server, and its client's errors in this project's words.

Importing Prefect takes more than a second: import this package's modules where they are called.
"""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.context import SettingsContext, get_settings_context
from prefect.settings import PREFECT_API_URL, Settings

from errors import BadInput, Unreachable

# By address: the settings that others were made from, and those.
_MADE: dict[str, tuple[Settings, Settings]] = {}
NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ANSWER_SECONDS = 5


@contextmanager
def connected(api_url: str) -> Iterator[SyncPrefectClient]:
    """Connect to a Prefect server, by a client of its own: Prefect's flow engine has one that is not for two threads.

    Args:
        api_url: Its API's address. Empty: as Prefect's own settings say, which may be a server within this process.
    """
    with ExitStack() as stack:
        if api_url:
            stack.enter_context(settings_of(api_url))
        yield stack.enter_context(get_client(sync_client=True, httpx_settings=http_settings(api_url)))


@contextmanager
def settings_of(api_url: str) -> Iterator[None]:
    """Have Prefect call a server during the block.

    Runs of this process send no heartbeats: the thread that sends them takes a second to end, and a run whose process
    was killed is found by its tags (flows/in_process.py). The settings are made once: that takes 50 ms of processor
    time.
    """
    present = get_settings_context()
    if present.settings.api.url == api_url and present.settings.flows.heartbeat_frequency is None:
        yield
        return
    base, made = _MADE.get(api_url, (None, present.settings))
    if base is not present.settings:
        updates: dict[Any, Any] = {PREFECT_API_URL: api_url, "flows.heartbeat_frequency": None}
        made = present.settings.copy_with_update(updates=updates)
        _MADE[api_url] = present.settings, made
    with SettingsContext(profile=present.profile, settings=made):
        yield


def http_settings(api_url: str) -> dict[str, Any]:
    """Return the settings of the HTTP client that calls a server."""
    url = httpx.URL(api_url)
    # A proxy that the environment names cannot reach a server on this host's loopback.
    chosen: dict[str, Any] = {"trust_env": False} if url.host in LOOPBACK else {}
    # Without TLS there is nothing to trust, and reading the certificates takes 30 ms of processor time.
    return chosen | ({"verify": NO_TRUST} if url.scheme == "http" else {})


def check(api_url: str) -> None:
    """Check that a Prefect server answers, in less time than its client tries each call again.

    Args:
        api_url: Its API's address.

    Raises:
        Unreachable: It does not.
    """
    try:
        httpx.get(f"{api_url}/health", timeout=ANSWER_SECONDS, **http_settings(api_url)).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(
            f"the Prefect server {api_url} does not answer: {error}",
            resolution="see whether `ims up` is running, and whether PREFECT_API_URL names the right server",
        ) from error


def address_of(client: SyncPrefectClient) -> str:
    """Return the address of the API that a client calls."""
    return str(client.api_url).rstrip("/")


@contextmanager
def translated(client: SyncPrefectClient) -> Iterator[None]:
    """Raise errors of Prefect's client as errors of this project.

    Raises:
        Unreachable: The server does not answer, or cannot serve.
        BadInput: The server refuses what it is asked.
    """
    server = f"the Prefect server {address_of(client)}"
    try:
        yield
    except httpx.HTTPStatusError as error:
        answer = f"{server} answered {error.response.status_code}: {error.response.text[:500]}"
        if error.response.is_server_error:
            raise Unreachable(answer) from error
        raise BadInput(answer) from error
    except httpx.HTTPError as error:
        raise Unreachable(
            f"{server} does not answer: {error}",
            resolution="see whether `ims up` is running, and whether PREFECT_API_URL names the right server",
        ) from error
