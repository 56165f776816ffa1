"""runs/tables.py: a run's tables are read by their key, the newest first."""

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Running

from runs.client import Runs
from runs.tables import Rows, write_table


@flow(name="tabled")
def tabled() -> None:
    """It is not run."""


def test_a_runs_tables_of_a_key_are_read_newest_first(runs: Runs, prefect_api: str) -> None:
    with SyncPrefectClient(prefect_api) as client:
        run_id, other = (str(client.create_flow_run(tabled, state=Running()).id) for _ in range(2))
        assert runs.tables(run_id, "key") == []
        tables: list[Rows] = [[{"a": 1}], [{"a": 2}, {"a": None}]]
        for rows in tables:
            write_table(client, run_id, "key", rows, "numbers")
        write_table(client, run_id, "another-key", [{"a": 3}], "numbers")
        write_table(client, other, "key", [{"a": 4}], "numbers")
    assert runs.tables(run_id, "key") == [[{"a": 2}, {"a": None}], [{"a": 1}]]
