"""A proxy in front of an S3 server that fails the calls which are planned to fail (tests/faults.py).

Requests go through as they come, the Host header included, so signatures stay valid.

    with FaultProxy(server.endpoint_url) as proxy:
        proxy.plan(Fault.LOST_ANSWER, when=lambda call: call.is_write)
        ...                                                              # work through proxy.endpoint_url
"""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.faults import BODY_FAULTS, NOT_DONE, Call, Fault, Faults, Plan

CHUNK_BYTES = 1 << 16
UPSTREAM_TIMEOUT_SECONDS = 120
# What a client has sent is read within this time, on a busy host too.
LAST_BYTES_SECONDS = 0.05
# Linger for no time at all: the kernel then sends a reset instead of an orderly end.
NO_LINGER = struct.pack("ii", 1, 0)


class FaultProxy(Faults):
    """Stops, and closes its connections, at the end of the `with` block.

    Args:
        upstream_url: The server's address.
        address: This host's, where the proxy listens.
    """

    def __init__(self, upstream_url: str, address: str = "127.0.0.1") -> None:
        super().__init__()
        upstream = urlsplit(upstream_url)
        self.address = address
        self.upstream = (upstream.hostname or "", upstream.port or 80)
        self.ended = threading.Event()
        self._served = threading.Condition(self._lock)
        self._in_hand = 0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint_url(self) -> str:
        return f"http://{self.address}:{self._server.server_port}"

    def settle(self) -> None:
        """Wait until no call is being answered: what a client sent before it was killed is carried out nevertheless."""
        time.sleep(LAST_BYTES_SECONDS)
        with self._served:
            assert self._served.wait_for(lambda: self._in_hand == 0, UPSTREAM_TIMEOUT_SECONDS)

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Hold while a call is served."""
        with self._lock:
            self._in_hand += 1
        try:
            yield
        finally:
            with self._served:
                self._in_hand -= 1
                self._served.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__((proxy.address, 0), _Handler)

    def shutdown_request(self, request: Any) -> None:
        # An orderly end would come before the reset.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == NO_LINGER:
            self.close_request(request)
        else:
            super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        # The writer is buffered, and the client waits a second for this.
        self.wfile.flush()
        return True

    def _serve(self) -> None:
        with self.server.proxy.in_hand():
            self._meet()

    def _meet(self) -> None:
        # `self.path` has its leading slashes folded; signatures are made of the path as sent.
        target = self.requestline.split()[1]
        call, plan = self.server.proxy.arrived(self.command, target, self.headers.get("Range", ""))
        fault = plan.fault if plan else None
        if plan and plan.before:
            plan.before(call)
        try:
            if fault in NOT_DONE:
                self._fail(fault)
            else:
                self._forward(target, call, plan)
        except ConnectionError:
            # The client went away, as one that was killed does.
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _forward(self, target: str, call: Call, plan: Plan | None) -> None:
        upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=UPSTREAM_TIMEOUT_SECONDS)
        try:
            upstream.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                # The wait for "100 Continue" was answered here; Expect is never signed.
                if name.lower() not in {"expect", "connection"}:
                    upstream.putheader(name, value)
            upstream.endheaders()
            for chunk in self._request_body():
                upstream.send(chunk)
            answer = upstream.getresponse()
            if plan and plan.after:
                plan.after(call)
            fault = plan.fault if plan else None
            if fault is None or fault in BODY_FAULTS:
                self._answer(answer, fault)
            else:
                answer.read()
                self._fail(fault)
        finally:
            upstream.close()

    def _request_body(self) -> Iterator[bytes]:
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            chunk = self.rfile.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise ConnectionResetError("the client went away in the middle of its request")
            left -= len(chunk)
            yield chunk

    def _answer(self, answer: http.client.HTTPResponse, fault: Fault | None) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() != "connection":
                self.send_header(name, value)
        self.end_headers()
        size = int(answer.getheader("Content-Length") or 0)
        sent = 0
        chunked = answer.getheader("Transfer-Encoding", "").lower() == "chunked"
        # A cut body is half a body: `half` is where it ends.
        half = size // 2 if fault else None
        while chunk := answer.read(CHUNK_BYTES if half is None else min(CHUNK_BYTES, half - sent)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            sent += len(chunk)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        # A reset would throw away what the client has not yet read of its half.
        self.close_connection = self.close_connection or fault is not None
        if fault is Fault.STALLED_BODY:
            self._fail(Fault.STALL)

    def _fail(self, fault: Fault | None) -> None:
        self.close_connection = True
        if fault in {Fault.STALL, Fault.DONE_STALL}:
            self._wait_for_the_client_to_give_up()
        elif fault in {Fault.RESET, Fault.LOST_ANSWER}:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        else:
            for _ in self._request_body() if fault in NOT_DONE else ():
                pass
            self._answer_error(503 if fault is Fault.ANSWER_503 else 500)

    def _answer_error(self, status: int) -> None:
        code = "SlowDown" if status == 503 else "InternalError"
        body = f"<Error><Code>{code}</Code><Message>as planned</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _wait_for_the_client_to_give_up(self) -> None:
        self.connection.settimeout(0.1)
        while not self.server.proxy.ended.is_set():
            try:
                if not self.connection.recv(CHUNK_BYTES):
                    return
            except TimeoutError:
                continue

    def finish(self) -> None:
        try:
            super().finish()
        except ConnectionError:
            # The client of a planned reset is gone already.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: `calls` tells all."""
