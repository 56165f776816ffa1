"""The HTTP side of a fake cluster: paths and verbs, watches and logs as streams, faults."""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.kubernetes_api.faults import Call, Fault, Plan
from tests.kubernetes_api.live_pod import Log
from tests.kubernetes_api.objects import ApiError, Resource, fits, not_found

if TYPE_CHECKING:
    from tests.kubernetes_api.cluster import FakeCluster

REFUSALS = {
    Fault.ANSWER_403: ApiError(403, "Forbidden", "pods is forbidden"),
    Fault.ANSWER_422: ApiError(422, "Invalid", "Pod is invalid: spec.tolerations[0].effect"),
    Fault.ANSWER_429: ApiError(429, "TooManyRequests", "the server has received too many requests"),
    Fault.ANSWER_503: ApiError(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
}
STALL_SECONDS = 60
STREAM_FAULTS = frozenset({Fault.CUT, Fault.ENDED_EARLY, Fault.EXPIRED, Fault.SLOW})


class Cut(Exception):
    """The connection ends here."""


class Server(ThreadingHTTPServer):
    """Serves a cluster on a free port."""

    daemon_threads = True
    # A hundred clients come at once.
    request_queue_size = 256

    def __init__(self, cluster: "FakeCluster") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cluster = cluster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that a client has left."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body are two packets: the second would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        cluster = self.server.cluster
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        call = self._call()
        plan = cluster.faults.meets(call)
        try:
            if cluster.faults.is_away:
                raise Cut
            self._refuse(call, plan)
            self._answer(call, body, plan if plan and plan.fault in STREAM_FAULTS else None)
        except ApiError as error:
            self._send(error.code, error.status, lost=False)
        except (Cut, BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(2)

    def _call(self) -> Call:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        names = [unquote(part) for part in parts.path.strip("/").split("/")]
        _, _, _, _, resource, name, below = [*names, *[""] * 7][:7]
        verbs = {"POST": "create", "DELETE": "delete", "GET": "get" if name else "list"}
        verb = "watch" if query.get("watch") == "true" else verbs[self.command]
        return self.server.cluster.record(verb, f"{resource}/{below}" if below else resource, name, query)

    def _refuse(self, call: Call, plan: Plan | None) -> None:
        if self.headers.get("Authorization") != f"Bearer {self.server.cluster.token}":
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if (call.verb, call.resource) not in self.server.cluster.rights:
            raise ApiError(403, "Forbidden", f'{call.resource} is forbidden: User "worker" cannot {call.verb} it')
        if plan and plan.fault in REFUSALS:
            raise REFUSALS[plan.fault]
        if plan and plan.fault is Fault.STALL:
            time.sleep(STALL_SECONDS)
        if plan and plan.fault in {Fault.STALL, Fault.RESET}:
            raise Cut
        self._lost = bool(plan and plan.fault is Fault.LOST_ANSWER)

    def _answer(self, call: Call, body: Resource, plan: Plan | None) -> None:
        cluster = self.server.cluster
        if call.verb == "watch":
            self._stream(self._watch(call, plan), plan)
        elif call.resource == "pods/log":
            self._stream(self._log(call), plan)
        elif call.verb == "list":
            items = cluster.objects.list(
                call.resource, call.query.get("labelSelector", ""), call.query.get("fieldSelector", "")
            )
            version = {"resourceVersion": str(cluster.objects.version)}
            self._send(200, {"kind": "List", "apiVersion": "v1", "metadata": version, "items": items})
        elif call.verb == "get":
            self._send(200, cluster.objects.get(call.resource, call.name))
        elif call.verb == "create":
            self._send(201, cluster.create(call.resource, body))
        else:
            self._send(200, cluster.delete(call.resource, call.name, body))

    def _send(self, status: int, body: Resource, *, lost: bool | None = None) -> None:
        if self._lost if lost is None else lost:
            raise Cut
        packed = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(packed)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(packed)

    def _stream(self, blocks: Iterable[bytes], plan: Plan | None) -> None:
        """Send blocks as they come, in chunks; cut where a plan wants it."""
        left = plan.after_bytes if plan and plan.fault in {Fault.CUT, Fault.ENDED_EARLY} else None
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            if self.server.cluster.faults.is_away:
                raise Cut
            part = block if left is None else block[:left]
            if part:
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.flush()
            if left is not None:
                left -= len(part)
                if not left:
                    break
        if plan and plan.fault is Fault.CUT:
            raise Cut
        self.wfile.write(b"0\r\n\r\n")

    def _watch(self, call: Call, plan: Plan | None) -> Iterator[bytes]:
        objects = self.server.cluster.objects
        until = time.monotonic() + float(call.query["timeoutSeconds"])
        fault = plan.fault if plan else None
        try:
            if fault is Fault.EXPIRED:
                raise ApiError(410, "Expired", "too old resource version")
            for change in objects.since(int(call.query["resourceVersion"]), call.resource, until):
                if change is None:
                    yield _event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(objects.version)}})
                elif fault is not Fault.SLOW and fits(change.entry, "", call.query.get("fieldSelector", "")):
                    yield _event(change.type, change.entry)
        except ApiError as error:
            # As the real one: the answer has begun, so the error is an event.
            yield _event("ERROR", error.status)

    def _log(self, call: Call) -> Iterator[bytes]:
        entry = self.server.cluster.objects.get("pods", call.name)
        states: list[Resource] = [known["state"] for known in entry.get("status", {}).get("containerStatuses", [])]
        if not any("running" in state or "terminated" in state for state in states):
            raise ApiError(400, "BadRequest", f'container "step" in pod "{call.name}" is waiting to start')
        live = self.server.cluster.kubelet.pods.get(entry["metadata"]["uid"])
        if live is None:
            raise not_found("pods", call.name)
        return _lines(live.log, call.query)


def _lines(log: Log, query: dict[str, str]) -> Iterator[bytes]:
    """Yield the lines of a log as a kubelet does: those since a second, the last of them, and on until the end."""
    follow = query.get("follow") == "true"
    since = datetime.fromisoformat(query["sinceTime"]) if "sinceTime" in query else datetime.min.replace(tzinfo=UTC)
    with log.changed:
        at = max(0, len(log.lines) - int(query["tailLines"])) if "tailLines" in query else 0
    while True:
        with log.changed:
            if at == len(log.lines):
                if log.ended or not follow:
                    return
                log.changed.wait(0.5)
            new, at = log.lines[at:], len(log.lines)
        # An empty block lets the connection notice that the cluster is away.
        yield b"".join(_stamped(moment) + text for moment, text in new if moment >= since)


def _stamped(moment: datetime) -> bytes:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode()


def _event(kind: str, entry: Resource) -> bytes:
    return json.dumps({"type": kind, "object": entry}).encode() + b"\n"
