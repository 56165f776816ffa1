"""A small HTTP server that takes parts as S3 does and fails as a test wants, which no real S3 server does.

Each path has a script, a list of faults; a request takes the next one, and when none is left all is well.
"""

import hashlib
import socket
import sys
import threading
from collections import defaultdict
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.http_server import serving


class StandIn(ThreadingHTTPServer):
    """The server; `objects` is what it holds, `faults` what it does wrong, `requests` what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.requests: list[tuple[str, str]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.now = self.most_at_once = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Let clients give up: half of the tests make them. Anything else is a defect of the server's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def url(self, path: str) -> str:
        """Return the address of a path, with a signature that no message may show."""
        return f"http://127.0.0.1:{self.server_port}{path}?X-Amz-Signature=secret"


def stand_in() -> AbstractContextManager[StandIn]:
    """Run the server on a free local port."""
    return serving(StandIn())


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        fault = self._arrive()
        body = self.server.objects.get(self._path())
        status, part = self._part(body or b"")
        if fault == "cut" and body is not None:
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", self._range(len(body)))
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.close_connection = True
        elif self._failed(fault):
            return
        elif body is None:
            self._answer(404, b"<Code>NoSuchKey</Code>")
        elif fault == "garbled":
            self._answer(status, part[::-1], of=len(body))
        else:
            self._answer(status, part, of=len(body))

    def do_PUT(self) -> None:
        fault = self._arrive()
        if self._failed(fault):
            return
        with self.server.lock:
            self.server.now += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.now)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if fault == "garbled":
            body = body[::-1]
        self.server.objects[self._path()] = body
        with self.server.lock:
            self.server.now -= 1
        etag = "no-md5-2" if fault == "encrypted" else hashlib.md5(body).hexdigest()
        self._answer(200, b"", etag=f'"{etag}"')

    def log_message(self, *_: object) -> None:
        """Keep the tests' output free of requests."""

    def _part(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and the part of a body that is asked for."""
        asked = self.headers.get("Range", "")
        if not asked:
            return 200, body
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return 206, body[int(first) : int(last) + 1]

    def _range(self, whole: int) -> str:
        """Return what the answer holds of an object of this size."""
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        return f"bytes {first}-{min(int(last), whole - 1)}/{whole}"

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _arrive(self) -> str:
        with self.server.lock:
            self.server.requests.append((self.command, self._path()))
            self.server.headers_seen.append(dict(self.headers))
            script = self.server.faults[self._path()]
            return script.pop(0) if script else ""

    def _failed(self, fault: str) -> bool:
        if fault == "reset":
            linger = b"\1\0\0\0\0\0\0\0"  # on, for 0 s: the connection is reset instead of ended
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
        elif fault == "stall":
            self.rfile.read(1) if self.command == "PUT" else None
            threading.Event().wait(2)
            self.close_connection = True
        elif fault.isdigit():
            self._answer(int(fault), b"<Code>Fault</Code>")
            self.close_connection = True
        return fault in {"reset", "stall"} or fault.isdigit()

    def _answer(self, status: int, body: bytes, *, etag: str = "", of: int = 0) -> None:
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", self._range(of))
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
