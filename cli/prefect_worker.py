"""Prefect's own worker in this process, and beside it what sees to runs that stop while no process works on them.

python -m cli.prefect_worker --pool ims --type process --name NAME …
"""

import sys
from threading import Thread

from prefect.cli import app
from prefect.settings import PREFECT_API_URL

from flows.stopped_runs import repair_stopped_runs


def main() -> None:
    """Become `prefect worker start`, with this program's arguments."""
    Thread(target=repair_stopped_runs, args=(PREFECT_API_URL.value(),), daemon=True).start()
    sys.argv[1:1] = ["worker", "start"]
    app()


if __name__ == "__main__":
    main()
