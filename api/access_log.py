"""The access log: a line of JSON for each request, with the id that its answer and its flow run have, too."""

import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """A request and its answer.

    Args:
        request_id: The id of both.
        client: The address that it came from.
        caller: Who sent it, as the token says.
        method: Its method.
        path: Its path, without the query.
        status: The status of the answer; 0 when the client went before it.
        sent_bytes: The size of the answer.
        ms: How long it took, milliseconds.
    """

    request_id: str
    client: str
    caller: str
    method: str
    path: str
    status: int
    sent_bytes: int
    ms: float


def write(access: Access) -> None:
    """Write a line."""
    # ASCII: what a client sends ends no line, and colours no terminal.
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    logger.info("%s", json.dumps({"time": now, **asdict(access)}))
