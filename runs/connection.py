"""The connection to a Prefect server, and its client's errors in this project's words.

Importing Prefect takes more than a second: import this package's modules where they are called.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from errors import BadInput, Unreachable

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ANSWER_SECONDS = 5


@contextmanager
def connected(api_url: str) -> Iterator[SyncPrefectClient]:
    """Connect to a Prefect server, by a client of its own: Prefect's flow engine has one that is not for two threads.

    Args:
        api_url: Its API's address. Empty: as Prefect's own settings say, which may be a server within this process.
    """
    # A proxy that the environment names cannot reach a server on this host's loopback.
    own: dict[str, Any] = {"trust_env": False} if api_url and httpx.URL(api_url).host in LOOPBACK else {}
    with ExitStack() as stack:
        if api_url:
            stack.enter_context(temporary_settings({PREFECT_API_URL: api_url}))
        yield stack.enter_context(get_client(sync_client=True, httpx_settings=own))


def check(api_url: str) -> None:
    """Check that a Prefect server answers, in less time than its client tries each call again.

    Args:
        api_url: Its API's address.

    Raises:
        Unreachable: It does not.
    """
    try:
        direct = httpx.URL(api_url).host in LOOPBACK
        httpx.get(f"{api_url}/health", timeout=ANSWER_SECONDS, trust_env=not direct).raise_for_status()
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
