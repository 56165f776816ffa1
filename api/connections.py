"""The connections of clients: none is kept open for one that sends no request, or reads no answer.

uvicorn limits how long a connection rests between two requests; the rest of the limits are here.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import answer
from config.settings import settings

# How long a client may take to answer the end of TLS when the service stops.
CLOSE_SECONDS = 1


class Connection(H11Protocol):
    """One connection. The headers of a request come within a limit, and an answer is read within one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        chosen = settings().api
        self._header_seconds = chosen.header_limit.total_seconds()
        self._answer_seconds = chosen.answer_limit.total_seconds()
        self._awaiting_headers: asyncio.TimerHandle | None = None
        self._awaiting_reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the first request."""
        super().connection_made(transport)
        self._awaiting_headers = self.loop.call_later(self._header_seconds, self._close_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        self._stop_awaiting_headers()
        self._stop_awaiting_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive a part of a request; the first part of the next one starts the limit again."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_awaiting_headers()
        elif self._awaiting_headers is None and not self.transport.is_closing():
            self._awaiting_headers = self.loop.call_later(self._header_seconds, self._close_slow)

    def handle_events(self) -> None:
        """Begin the requests that are whole; one may have waited for the end of the one before."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_awaiting_headers()

    def pause_writing(self) -> None:
        """Begin to await that the client reads."""
        super().pause_writing()
        if self._awaiting_reader is None:
            self._awaiting_reader = self.loop.call_later(self._answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._stop_awaiting_reader()
        super().resume_writing()

    def shutdown(self) -> None:
        """Close the connection if no request is in hand, and after it otherwise, as the service stops."""
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has too large headers."""
        self._refuse(HTTPStatus.BAD_REQUEST, f"{msg.rstrip('.')}: it is no HTTP request, or its headers are too large")

    def _close_slow(self) -> None:
        self._awaiting_headers = None
        if self.transport.is_closing():
            return
        # A client that has sent nothing is not answered: it might take the answer for that to its next request.
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            detail = f"the headers of the request were not received within {self._header_seconds:g} seconds"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        made = answer(status, detail, headers={"Connection": "close"})
        parts = (
            h11.Response(status_code=status, headers=made.raw_headers, reason=status.phrase.encode()),
            h11.Data(data=bytes(made.body)),
            h11.EndOfMessage(),
        )
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            for part in parts:
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _stop_awaiting_headers(self) -> None:
        if self._awaiting_headers is not None:
            self._awaiting_headers.cancel()
            self._awaiting_headers = None

    def _stop_awaiting_reader(self) -> None:
        if self._awaiting_reader is not None:
            self._awaiting_reader.cancel()
            self._awaiting_reader = None
