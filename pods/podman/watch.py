"""Watching a running container: its output as it comes, its end, its deadline."""

import os
import selectors
import time
from collections.abc import Iterator
from datetime import timedelta

from pods.log_copy import LogCopy
from pods.manifest import GRACE
from pods.podman.command import PodmanCommand
from pods.podman.container import Container

BLOCK_BYTES = 64 * 1024
# The pod ends itself at its deadline; only when that fails is it ended from here.
DEADLINE_SLACK = GRACE + timedelta(seconds=10)
# Podman 4.3 may leave `logs --follow` waiting after the container's end; the whole log is read again anyway.
REST_LIMIT = timedelta(seconds=2)


def latest_end(container: Container) -> float:
    """Return when a container must have ended by itself, as a POSIX time."""
    if container.deadline is None or container.started is None:
        return float("inf")
    return (container.started + container.deadline + DEADLINE_SLACK).timestamp()


def watch(podman: PodmanCommand, container: Container, copy: LogCopy, until: float) -> None:
    """Copy a running container's output until it ends, its supervisor is gone, or the time is up.

    Args:
        podman: The program.
        container: What to watch, running.
        copy: Takes the output.
        until: When to return at the latest, as a POSIX time.
    """
    with (
        podman.stream("wait", container.name) as end,
        podman.stream("logs", "--follow", container.name) as output,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(end, selectors.EVENT_READ)
        selector.register(output, selectors.EVENT_READ)
        while time.time() < until:
            ready = {key.fd for key, _ in selector.select(min(1.0, max(0.0, until - time.time())))}
            if output in ready and not _copy_block(output, copy):
                selector.unregister(output)
            if end in ready:
                _copy_rest(selector, output, end, copy)
                return
            if not ready and not container.is_supervised():
                return


def blocks(output: int) -> Iterator[bytes]:
    """Read a file descriptor to its end."""
    while block := os.read(output, BLOCK_BYTES):
        yield block


def _copy_block(output: int, copy: LogCopy) -> bool:
    block = os.read(output, BLOCK_BYTES)
    copy.feed(block)
    return bool(block)


def _copy_rest(selector: selectors.BaseSelector, output: int, end: int, copy: LogCopy) -> None:
    selector.unregister(end)
    until = time.monotonic() + REST_LIMIT.total_seconds()
    while selector.get_map() and (left := until - time.monotonic()) > 0:
        if selector.select(left) and not _copy_block(output, copy):
            selector.unregister(output)
