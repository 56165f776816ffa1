"""`ims up`: everything on one machine, in the foreground, until Ctrl-C."""

import logging
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from cli.interrupts import Interrupts
from cli.servers.data_folder import Endpoints, claimed
from config.settings import default_data_dir, read_settings

NEXT = """\
Ready after {seconds:.0f} s. Data and logs are in {folder}. What next, in another terminal:
{environment}
  ims public-keys create --name me --public-key ~/.ssh/id_ed25519.pub
  ims recipes create --name NAME --linux-distribution debian12 --file FOLDER_OR_TGZ
  ims jobs create --job-type create --artifact-id RECIPE_ID --public-key-id KEY_ID \\
    --image-root-archive-name NAME --wait

Runs, their logs and a form to start them: {prefect}
For the tools of IMS: {api}
Ctrl-C stops everything."""


def up(
    prefect_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of the Prefect server; 0: 4200, or any free one when that is taken."),
    ] = 0,
) -> None:
    """Run S3, Prefect and the flows until Ctrl-C.

    The S3 server is left out when IMS_S3_ENDPOINT_URL names another. All data is in IMS_DATA_DIR, by default
    ~/.local/share/ims. The first start makes the builder image, which takes about two minutes.
    """
    started = time.monotonic()
    folder = read_settings().data_dir
    console = Console(markup=False, highlight=False, soft_wrap=True)
    _show_log_of("builder", console)
    with claimed(folder):
        # Imported here, as that takes seconds: a second `ims up` is refused before.
        from cli.servers.services import Services

        services = Services(folder, console.print, console.status)
        interrupts = Interrupts(console.print, services.kill)
        with interrupts.handled():
            try:
                endpoints = services.start(prefect_port)
                console.print(_what_next(endpoints, time.monotonic() - started))
                services.watch()
            except KeyboardInterrupt:
                console.print("Stopping")
            finally:
                interrupts.stopping = True
                services.stop()
    console.print("Stopped; nothing is left running")


def _what_next(endpoints: Endpoints, seconds: float) -> str:
    chosen = read_settings()
    other_folder = chosen.data_dir != default_data_dir()
    return NEXT.format(
        seconds=seconds,
        folder=chosen.data_dir,
        environment=f"\n  export IMS_DATA_DIR={chosen.data_dir}" if other_folder else "",
        prefect=endpoints.prefect_ui_url,
        api=endpoints.api_url,
    )


def _show_log_of(name: str, console: Console) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(RichHandler(console=console, show_level=False, show_path=False, show_time=False))
    logger.setLevel(logging.INFO)
    logger.propagate = False
