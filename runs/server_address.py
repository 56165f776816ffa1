"""Which Prefect server commands and the API use."""

from config.settings import settings
from errors import BadInput


def prefect_api_url() -> str:
    """Return the address of its API: what PREFECT_API_URL says, else where a running `ims up` has its own.

    Raises:
        BadInput: Neither is there.
    """
    # Importing Prefect takes more than a second.
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value() or settings().prefect_api_url
    if not address:
        raise BadInput(
            "no Prefect server is configured", resolution="start one with `ims up`, or set PREFECT_API_URL to its API"
        )
    return address
