"""Runs of API processes that were killed: the others of the host mark them as crashed, so that reconcile goes on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from errors import ImsError
from flows.in_process import mark_killed
from runs.client import connected
from runs.connection import check
from runs.server_address import prefect_api_url

logger = logging.getLogger(__name__)

CHECK_EVERY = timedelta(seconds=30)


@asynccontextmanager
async def watching(_app: FastAPI) -> AsyncIterator[None]:
    """Look for such runs at the start of the application, and again and again while it serves."""
    watch = asyncio.create_task(_watch())
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch() -> None:
    while True:
        try:
            await run_in_threadpool(_mark)
        except ImsError as error:
            logger.info("runs of killed processes are looked for again: %s", error)
        await asyncio.sleep(CHECK_EVERY.total_seconds())


def _mark() -> None:
    address = prefect_api_url()
    check(address)
    with connected(address) as runs:
        mark_killed(runs)
