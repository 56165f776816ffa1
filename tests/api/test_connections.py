"""api/connections.py: a client that sends no whole request, or reads no answer, keeps no connection open."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.uvicorn_options import options_of
from config.api import Api
from config.settings import settings

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = "1"
LARGE = 16 * 1024 * 1024


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("IMS_API_HEADER_LIMIT", "IMS_API_ANSWER_LIMIT"):
        monkeypatch.setenv(name, LIMIT)
    settings.cache_clear()
    yield
    settings.cache_clear()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to /large with much, and any other when its body is whole."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        # Longer than the limit for headers.
        await asyncio.sleep(1.5)
    body = b"x" * LARGE if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def through(*talks: Any) -> list[Any]:
    """Return what each talk with one server returns; they are held at the same time."""

    async def hold() -> list[Any]:
        options = options_of(Api()) | {"factory": False, "lifespan": "off", "log_config": None, "port": 0}
        server = uvicorn.Server(uvicorn.Config(application, **options))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]

        async def one(talk: Any) -> Any:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            try:
                return await talk(reader, writer, server)
            finally:
                writer.close()

        try:
            async with asyncio.timeout(30):
                return await asyncio.gather(*map(one, talks))
        finally:
            server.should_exit = True
            await serving

    return asyncio.run(hold())


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> bytes:
    return await reader.read()


async def slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> bytes:
    writer.write(REQUEST[:-4] + b"\r\nX-Slow: ")
    reading = asyncio.create_task(reader.read())
    while not reading.done():
        writer.write(b"x")
        await asyncio.sleep(0.05)
    return await reading


async def slow_second_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> bytes:
    writer.write(REQUEST)
    await reader.readuntil(b"ok")
    writer.write(REQUEST[:-2])
    return await reader.read()


async def slow_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> bytes:
    writer.write(REQUEST.replace(b"/ ", b"/slow "))
    return await reader.readuntil(b"ok")


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> bytes:
    writer.write(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
    return await reader.read()


async def huge_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> bytes:
    writer.write(REQUEST[:-4] + b"\r\nX-Large: " + b"x" * 100_000)
    return await reader.read()


async def unread_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> int:
    writer.write(REQUEST.replace(b"/ ", b"/large "))
    await asyncio.sleep(2)
    received = 0
    try:
        while part := await reader.read(65536):
            received += len(part)
    except ConnectionResetError:
        pass
    return received


def problem(answer: bytes, status: int) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    detail: str = json.loads(body)["detail"]
    return detail


def test_who_sends_no_whole_request_or_reads_no_answer_is_cut_off() -> None:
    nothing, slow, second, answered, wrong, huge, unread = through(
        silent, slow_headers, slow_second_headers, slow_answer, garbage, huge_headers, unread_answer
    )
    assert nothing == b""
    for late in (slow, second):
        assert "headers of the request were not received within 1 seconds" in problem(late, 408)
    assert answered.endswith(b"ok")
    for refused in (wrong, huge):
        assert "no HTTP request, or its headers are too large" in problem(refused, 400)
    assert unread < LARGE
