"""A diagnosis as an artifact of the run in Prefect's interface, in Markdown."""

import logging

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext, TaskRunContext

from storage.models.jobs import Diagnosis

logger = logging.getLogger(__name__)

KEY = "ims-diagnosis"
MARGIN = "    "


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """Make an artifact of why a step failed; an error here is logged, and does not replace the step's own."""
    if TaskRunContext.get() is None and FlowRunContext.get() is None:
        return
    try:
        create_markdown_artifact(markdown(diagnosis), key=KEY, description=f"Why step {diagnosis.step} failed")
    except Exception:
        # Prefect and its HTTP client raise whatever they meet.
        logger.exception("the diagnosis cannot be shown as an artifact; the job's record has it")


def markdown(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as a page: what happened, what to do, and the last events and lines of the log."""
    parts = [
        f"# {plain(diagnosis.step)}: {plain(diagnosis.category)}",
        plain(diagnosis.summary),
        f"**What to do:** {plain(diagnosis.resolution)}",
    ]
    if diagnosis.exit_code is not None:
        parts.append(f"Exit code: {diagnosis.exit_code}")
    parts += _block("What the cluster did", diagnosis.events)
    parts += _block("Last lines of the log", diagnosis.log_tail)
    return "\n\n".join(parts) + "\n"


def _block(title: str, lines: list[str]) -> list[str]:
    # Indented, not fenced: no line of a log can end it.
    shown = [f"{MARGIN}{part}" for line in lines for part in line.splitlines() or [""]]
    return [f"## {title}", "\n".join(shown)] if shown else []


def plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|~" else letter for letter in line)
