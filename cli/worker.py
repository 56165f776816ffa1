"""`ims worker`: what `ims up` runs, without the servers: for a cluster, or a host of its own."""

import os
from typing import Annotated

import typer

# What waits for a user or for a repository is a run as well, and must not keep others out.
LEAST_RUNS = 10
RUNS_PER_PROCESSOR = 2


def worker(
    name: Annotated[str, typer.Option(help="The worker's name; no two of one name may run.")] = "ims-worker",
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many flow runs it has at once, 200 MiB of memory each; by default 10, or two a processor.",
            show_default=False,
        ),
    ] = None,
    health_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /health, on all addresses; 0: none is opened.")
    ] = 0,
) -> None:
    """Serve the flows, with an S3 server and a Prefect server that are there already, until it is stopped.

    Makes the buckets and the work pool that are missing, deploys the flows, and resumes the runs that a worker of this
    name left when it was killed. Then this process is Prefect's own: `prefect worker start --type process --pool ims`,
    but for this: of several workers the one with the fewest runs in hand takes the next.
    """
    from cli.worker_start import prepare, serve

    prepare(name, typer.echo)
    serve(name, limit or default_limit(), health_port)


def default_limit() -> int:
    """Return how many flow runs a worker of this host has at once."""
    return max(LEAST_RUNS, RUNS_PER_PROCESSOR * len(os.sched_getaffinity(0)))
