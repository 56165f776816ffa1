"""What SeaweedFS logs when a client leaves is no error: by the log of a real one, which every test reads at its end."""

import socket
import struct
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from cli.servers.harmless_errors import is_harmless
from storage.s3.objects import ObjectStore

# More than the sockets on the way hold.
CONTENT = bytes(64_000_000)
RESET = struct.pack("ii", 1, 0)


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("read", [1, 300_000, 3_000_000])
def test_a_client_that_leaves_within_an_object_is_no_error(
    store: ObjectStore, bucket: str, read: int, is_reset: bool
) -> None:
    store.write(bucket, "k", CONTENT)
    url = urlsplit(store.presigned_get(bucket, "k", timedelta(hours=1)))
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        while read > 0:
            read -= len(client.recv(min(read, 1 << 16)))
        if is_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    time.sleep(1)


def test_an_object_that_cannot_be_read_is_an_error() -> None:
    failed = "GetObjectHandler: failed to stream b/k from volume servers: volume 3 not found"
    assert not is_harmless("s3api_object_handlers.go:887", failed)
