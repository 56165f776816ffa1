"""How the Prefect server of `ims up` writes into its database: two at once, one after the other."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import OperationalError

from bench.database import Load
from cli.servers.data_folder import Endpoints
from cli.servers.prefect_processes import DATABASE, database_url, environment

ENDPOINTS = Endpoints(
    s3_endpoint_url="http://127.0.0.1:9", s3_access_key="a", s3_secret_key="b", prefect_api_url="http://127.0.0.1:9/api"
)


async def read_and_write_at_once(url: str) -> int:
    """Run two of Prefect's transactions that both read and then write, and return what both have made of a number."""
    configuration = AioSqliteConfiguration(connection_url=url)
    engine = await configuration.engine()

    async def write() -> None:
        async with await configuration.session(engine) as session, configuration.begin_transaction(session):
            number = (await session.execute(sa.text("SELECT number FROM counter"))).scalar_one()
            await asyncio.sleep(0.3)
            await session.execute(sa.text("UPDATE counter SET number = :number"), {"number": number + 1})

    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE counter AS SELECT 0 AS number"))
    await asyncio.gather(write(), write())
    async with engine.connect() as connection:
        found: int = (await connection.execute(sa.text("SELECT number FROM counter"))).scalar_one()
    await engine.dispose()
    return found


def test_transactions_wait_for_each_other(tmp_path: Path) -> None:
    assert asyncio.run(read_and_write_at_once(database_url(tmp_path))) == 2


def test_without_it_prefects_are_refused(tmp_path: Path) -> None:
    """When this fails, Prefect has mended it, and cli/servers/immediate_transactions.py can go."""
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(read_and_write_at_once(database_url(tmp_path).partition("?")[0]))


def test_the_server_of_ims_up_has_its_database_so(tmp_path: Path) -> None:
    assert (
        environment(tmp_path, ENDPOINTS)[DATABASE]
        == f"sqlite+aiosqlite:///{tmp_path}/prefect/prefect.db?plugin=ims-immediate"
    )


@pytest.mark.parametrize("name", [DATABASE, "PREFECT_SERVER_DATABASE_DRIVER"])
def test_another_database_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "postgresql+asyncpg")
    env = environment(tmp_path, ENDPOINTS)
    assert (env[name], env.get(DATABASE, "postgresql+asyncpg")) == ("postgresql+asyncpg", "postgresql+asyncpg")


def test_no_request_fails_when_many_write_at_once(prefect_api: str) -> None:
    """Without it one in two answers 503, or none within a minute. The server's log is looked at as after each test."""
    load = Load(prefect_api)
    load.run(clients=12, seconds=2)
    assert load.failures == {}
