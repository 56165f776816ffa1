"""`ims status`: whether an `ims up` is running, and where, and what its services have logged as errors."""

from pathlib import Path

import httpx
import typer
from pydantic import BaseModel

from cli.output import FormatOption, print_record
from cli.servers.data_folder import published
from cli.servers.errors import ServiceErrors, logs_of
from config.settings import read_settings
from errors import NotFound

ANSWER_SECONDS = 5


class Status(BaseModel):
    """Where an `ims up` is, as programs read it."""

    api_url: str
    prefect_api_url: str
    s3_endpoint_url: str
    data_dir: Path


def status(output: FormatOption = None) -> None:
    """Tell whether `ims up` is ready, and where, and which errors its services have logged since it was started.

    The exit code is 0 when it is ready, 2 when it is not.
    """
    folder = read_settings().data_dir
    endpoints = published(folder)
    if endpoints is None or not _answers(f"{endpoints.prefect_api_url}/health"):
        raise NotFound(f"no `ims up` is ready on {folder}", resolution="start one with `ims up`")
    if output is not None:
        known = {name: getattr(endpoints, name) for name in ("api_url", "prefect_api_url", "s3_endpoint_url")}
        print_record(Status(**known, data_dir=folder), output)
        return
    typer.echo(f"REST API {endpoints.api_url}")
    typer.echo(f"S3       {endpoints.s3_endpoint_url}")
    typer.echo(f"Prefect  {endpoints.prefect_ui_url}")
    typer.echo(f"Data     {folder}")
    errors = ServiceErrors(logs_of(folder, with_s3=endpoints.s3_is_embedded))
    for kind in errors.new_kinds(final=True):
        typer.echo(f"\n{kind.summary}\n  {kind.log.path}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False).is_success
    except httpx.TransportError:
        return False
