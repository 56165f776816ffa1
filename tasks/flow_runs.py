"""Flow runs, as far as the steps of others have to know of them: whether one is at work, and when it ended."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from errors import Unreachable
from storage.models import new_id


@dataclass(frozen=True)
class Sight:
    """What Prefect says of a flow run: its state's name (empty: it does not know the run), and when it ended."""

    state: str = ""
    ended: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether Prefect knows the run."""
        return bool(self.state)

    @property
    def is_alive(self) -> bool:
        """Whether the run has not ended; one that Prefect does not know has."""
        return self.is_known and self.ended is None


def look_at(flow_run_id: str) -> Sight:
    """Ask Prefect for a flow run.

    Raises:
        Unreachable: Prefect does not answer: nothing is known, and nothing may be taken for ended.
    """
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(UUID(flow_run_id)).state
        except (ObjectNotFound, ValueError):
            return Sight()
        except httpx.HTTPError as error:
            raise Unreachable(f"Prefect does not tell whether flow run {flow_run_id} has ended: {error}") from error
    if state is None:
        return Sight(state="Scheduled")
    return Sight(state=state.name or state.type.value, ended=state.timestamp if state.is_final() else None)


def is_alive(flow_run_id: str) -> bool:
    """Tell whether a flow run has not ended."""
    return look_at(flow_run_id).is_alive


def own_run_id() -> str:
    """Return the id of the flow run that this process works on; a fresh one where there is none."""
    return str(flow_run.id or new_id())
