"""Calling a cluster's API server: with limits, with retries where they help, and with errors of ours.

The official client finds and authenticates the server; objects stay the JSON that they are: its generated calls cannot
ask for logs since a moment, and its models refuse what a newer server says.
"""

import json
import logging
import random
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from kubernetes.client import ApiClient, ApiException
from kubernetes.client.rest import RESTResponse
from urllib3.exceptions import HTTPError

from errors import Conflict, NotFound, Unreachable
from pods.kubernetes.errors import Busy, answer_error, connection_error
from pods.kubernetes.options import KubernetesOptions
from pods.manifest import CONTAINER

logger = logging.getLogger(__name__)

BLOCK_BYTES = 64 * 1024
CONNECT_SECONDS = 5.0
LONGEST_PAUSE = 16
# A watch whose end is not reported is given up this much later.
WATCH_SLACK = timedelta(seconds=5)

Resource = dict[str, Any]
Query = Mapping[str, str]


class Kind(StrEnum):
    """The kinds of objects that a job is made of, as paths name them."""

    PODS = "pods"
    CLAIMS = "persistentvolumeclaims"
    CONFIG_MAPS = "configmaps"
    SERVICES = "services"
    EVENTS = "events"


class Listed(NamedTuple):
    """Objects, and the version of the collection that a watch goes on from."""

    items: list[Resource]
    version: str


class ClusterApi:
    """The objects of one namespace.

    Args:
        client: The official client, connected.
        namespace: The namespace.
        options: The limits.
    """

    def __init__(self, client: ApiClient, namespace: str, options: KubernetesOptions) -> None:
        self.namespace = namespace
        self._client = client
        self._options = options

    def get(self, kind: Kind, name: str) -> Resource | None:
        """Return an object, or None when there is none of that name."""
        try:
            return self._ask("GET", self._path(kind, name))
        except NotFound:
            return None

    def list(self, kind: Kind, *, labels: str = "", fields: str = "") -> Listed:
        """Return the objects that fit both selectors."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        found = self._ask("GET", self._path(kind), query={key: value for key, value in query.items() if value})
        return Listed(found["items"], found["metadata"]["resourceVersion"])

    def create(self, kind: Kind, manifest: Resource) -> Resource:
        """Create an object.

        Raises:
            Conflict: There is one of that name: perhaps this very one, when an answer was lost.
        """
        return self._ask("POST", self._path(kind), body=manifest)

    def delete(self, kind: Kind, resource: Resource, *, grace: timedelta | None = None) -> None:
        """Delete an object, and never another one of its name; one that is gone is success.

        Args:
            kind: Its kind.
            resource: The object as it was read.
            grace: What a pod gets to end in; 0 removes it whatever its node says.

        Raises:
            Conflict: It was changed in that moment.
        """
        meta = resource["metadata"]
        options: Resource = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": meta["uid"]}}
        if grace is not None:
            options["gracePeriodSeconds"] = int(grace.total_seconds())
        try:
            self._ask("DELETE", self._path(kind, meta["name"]), body=options)
        except NotFound:
            logger.debug("%s %s is gone already", kind, meta["name"])
        except Conflict:
            known = self.get(kind, meta["name"])
            if known and known["metadata"]["uid"] == meta["uid"]:
                raise
            logger.debug("%s %s is gone, and another one has its name", kind, meta["name"])

    def watch(self, kind: Kind, version: str, *, fields: str, window: timedelta) -> Iterator[tuple[str, Resource]]:
        """Yield what happens after a version: the type of each event, and its object. A stream's end is normal.

        Raises:
            Expired: The version is too old.
            Unreachable: The stream is cut off or silent for too long.
        """
        seconds = max(1, int(window.total_seconds()))
        query = {
            "watch": "true",
            "fieldSelector": fields,
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        what = f"a watch of {kind}"
        rest = b""
        for block in self._stream(self._path(kind), query, what, seconds + WATCH_SLACK.total_seconds()):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise answer_error(int(status.get("code", 500)), json.dumps(status).encode(), {}, what)
                yield event["type"], event["object"]

    def log(
        self, pod: str, *, follow: bool = False, since: datetime | None = None, tail: int | None = None
    ) -> Iterator[bytes]:
        """Yield a pod's output in blocks, every line after its time stamp.

        Args:
            pod: The pod's name.
            follow: Go on until the container ends.
            since: Leave out lines of before; servers read it to the second.
            tail: Only so many last lines.

        Raises:
            Unreachable: The stream is cut off, or silent for longer than the limit.
            BadInput: The container has not started.
        """
        query = {"container": CONTAINER, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        if since:
            query["sinceTime"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        if tail is not None:
            query["tailLines"] = str(tail)
        limit = self._options.silence if follow else self._options.call_limit
        return self._stream(self._path(Kind.PODS, pod, "log"), query, f"the log of {pod}", limit.total_seconds())

    def _path(self, kind: Kind, *below: str) -> str:
        return "/".join(["/api/v1/namespaces", self.namespace, kind, *below])

    def _ask(self, method: str, path: str, *, query: Query | None = None, body: Resource | None = None) -> Resource:
        """Call until there is a final answer, or until the limit on waiting is reached."""
        give_up = time.monotonic() + self._options.patience.total_seconds()
        attempt = 0
        while True:
            try:
                return self._ask_once(method, path, query or {}, body)
            except Unreachable as error:
                pause = self._pause(error, attempt)
                if time.monotonic() + pause > give_up:
                    raise
                logger.debug("%s; trying again in %.1f s", error.message, pause)
            time.sleep(pause)
            attempt += 1

    def _pause(self, error: Unreachable, attempt: int) -> float:
        doubled = self._options.pause.total_seconds() * min(1 << attempt, LONGEST_PAUSE)
        asked = error.pause if isinstance(error, Busy) else 0.0
        # Many threads of one worker must not call again at the same moment.
        return max(asked, doubled * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _ask_once(self, method: str, path: str, query: Query, body: Resource | None) -> Resource:
        what = f"{method} {path.rpartition('/namespaces/')[2]}"
        answer = self._call(method, path, query, body, what, self._options.call_limit.total_seconds())
        try:
            parsed = json.loads(_body(answer))
        except (HTTPError, ValueError) as error:
            raise connection_error(error, what) from error
        if not isinstance(parsed, dict):
            raise Unreachable(f"the API server answered to {what} with something else than an object")
        return parsed

    def _stream(self, path: str, query: Query, what: str, silence_seconds: float) -> Iterator[bytes]:
        answer = self._call("GET", path, query, None, what, silence_seconds).response
        try:
            yield from answer.stream(BLOCK_BYTES)
        except HTTPError as error:
            raise connection_error(error, what) from error
        finally:
            answer.close()
            answer.release_conn()

    def _call(
        self, method: str, path: str, query: Query, body: Resource | None, what: str, read_seconds: float
    ) -> RESTResponse:
        """Call once, and return an answer that is a success and not read yet."""
        request = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json, */*"} | ({"Content-Type": "application/json"} if body else {}),
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=(CONNECT_SECONDS, read_seconds))
            if not 200 <= answer.status <= 299:
                raise answer_error(answer.status, _body(answer), answer.headers, what)
        except (HTTPError, ApiException) as error:
            raise connection_error(error, what) from error
        return answer


def _body(answer: RESTResponse) -> bytes:
    return bytes(answer.read())  # type: ignore[no-untyped-call]
