"""Transactions of Prefect's server on SQLite: each takes the write lock when it begins, and waits for it.

Prefect begins most of them as `BEGIN DEFERRED`, reads, and then writes. When another connection has written in between,
SQLite refuses that write at once, however long the busy timeout is: "database is locked". With `BEGIN IMMEDIATE` the
same transactions come one after the other, within the busy timeout of 60 s. What only reads begins no transaction.

SQLAlchemy loads this by the database's URL (`?plugin=ims-immediate`); pyproject.toml names it as an entry point.
"""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, CreateEnginePlugin

# How long a request waits for one of the connections: as long as SQLite waits for the lock that the others wait for.
# SQLAlchemy's 30 s would turn a wait for the lock into an error.
POOL_TIMEOUT_SECONDS = 60


class ImmediateTransactions(CreateEnginePlugin):
    """Changes how an engine begins its transactions."""

    def update_url(self, url: URL) -> URL:
        """Return the URL as it is: it has no parameters for this plugin."""
        return url

    def handle_pool_kwargs(self, pool_cls: Any, pool_args: dict[str, Any]) -> None:
        """Let requests wait for a connection as long as the connections wait for the lock."""
        pool_args["timeout"] = POOL_TIMEOUT_SECONDS

    def engine_created(self, engine: Engine) -> None:
        """Pass the engine's statements through this plugin."""
        event.listen(engine, "before_cursor_execute", _begin_at_once, retval=True)


def _begin_at_once(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    return ("BEGIN IMMEDIATE" if statement == "BEGIN DEFERRED" else statement), parameters
