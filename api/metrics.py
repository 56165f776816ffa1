"""What Prometheus reads: what this service has counted, and the state of the system at the moment of asking.

Jobs are counted from their records, so that every process of the service says the same, also after a restart. With
several processes the counts are kept in files of a folder, which `prometheus_client` reads together.
"""

import os
from collections.abc import Callable, Iterable, Iterator

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api import state_metrics

# server.py sets it; `prometheus_client` reads it when it is imported.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

# A sample of its own for the time of each first count is of no use to anybody.
disable_created_metrics()  # type: ignore[no-untyped-call]
_COUNTED = CollectorRegistry()
_REQUESTS = Counter("ims_requests", "Requests that were answered.", ("method", "status"), registry=_COUNTED)
_SECONDS = Histogram(
    "ims_request_seconds",
    "How long requests took.",
    ("method",),
    registry=_COUNTED,
    buckets=(0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600),
)
_CALLS = Counter("ims_s3_calls", "Calls of S3, each with its retries.", ("operation", "outcome"), registry=_COUNTED)
_RETRIES = Counter("ims_s3_retries", "How often calls of S3 were tried again.", ("operation",), registry=_COUNTED)
# What a client invents is not counted under its own name.
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE"})


def metrics() -> APIRouter:
    """Return the path of the metrics."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    def show_metrics() -> Response:
        """Show the metrics in Prometheus's format."""
        return Response(generate_latest(_registry()), media_type=CONTENT_TYPE_LATEST)

    return router


def count_request(method: str, status: int, seconds: float) -> None:
    """Count a request; its status is 0 when the client went before the answer."""
    known = method if method in _METHODS else "other"
    _REQUESTS.labels(known, str(status)).inc()
    _SECONDS.labels(known).observe(seconds)


def count_call(operation: str, *, failed: bool) -> None:
    """Count a call of S3 with its retries."""
    _CALLS.labels(operation, "error" if failed else "answer").inc()


def count_retry(operation: str) -> None:
    """Count that a call of S3 is tried again."""
    _RETRIES.labels(operation).inc()


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    if FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Counted())
    registry.register(_Now(state_metrics.read))
    return registry


class _Counted(Collector):
    """What this process has counted."""

    def collect(self) -> Iterator[Metric]:
        yield from _COUNTED.collect()


class _Now(Collector):
    """The state at the moment of asking."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._read()
