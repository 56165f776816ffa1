"""`ims worker`: what `ims up` runs, without the servers: for a cluster, or a host of its own."""

from typing import Annotated

import typer


def worker(
    name: Annotated[str, typer.Option(help="The worker's name; no two of one name may run.")] = "ims-worker",
    limit: Annotated[int, typer.Option(min=1, help="How many flow runs it has at once.")] = 10,
    health_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /health, on all addresses; 0: none is opened.")
    ] = 0,
) -> None:
    """Serve the flows, with an S3 server and a Prefect server that are there already, until it is stopped.

    Makes the buckets and the work pool that are missing, deploys the flows, and takes up the runs that a worker of this
    name left when it was killed. Then this process is Prefect's own: `prefect worker start --type process --pool ims`.
    """
    from cli.worker_start import prepare, serve

    prepare(name, typer.echo)
    serve(name, limit, health_port)
