"""`ims worker`: what `ims up` runs, without the servers: for a cluster, or a host of its own."""

import os
from typing import Annotated

import typer

# A run that waits for a user or a repository counts as well, and must not keep other runs from starting.
LEAST_RUNS = 10
RUNS_PER_PROCESSOR = 2


def worker(
    name: Annotated[
        str, typer.Option(help="The worker's name; two workers of one name must not run at the same time.")
    ] = "ims-worker",
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
    """Serve the flows, with an S3 server and a Prefect server that are running already, until it is stopped.

    Makes the buckets and the work pool that are missing, deploys the flows, and resumes the runs that a worker of this
    name left when it was killed. Then this process becomes Prefect's worker, as by `prefect worker start --type process
    --pool ims`, with one difference: of several workers the one with the fewest runs takes the next.
    """
    from cli.servers.worker import prepare, serve

    prepare(name, typer.echo)
    serve(name, limit or default_limit(), health_port)


def default_limit() -> int:
    """Return how many flow runs a worker of this host has at once."""
    return max(LEAST_RUNS, RUNS_PER_PROCESSOR * len(os.sched_getaffinity(0)))
