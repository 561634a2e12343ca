"""Connections by name: those that are there, and a helpful word about those that are not."""

from __future__ import annotations

from ml_connector.connectors import registry
from ml_connector.connectors.base import ErpConnector, PayablesConnector
from ml_connector.engine.sides import UnknownConnection
from ml_connector.operations.faults import nearest
from ml_connector.store.database import Database


async def connection_names(database: Database) -> list[str]:
    """All connections, by name."""
    return [row["id"] for row in await database.fetch("SELECT id FROM connection ORDER BY id")]


async def require_connection(database: Database, connection: str) -> None:
    """Raises `UnknownConnection`, with the nearest name there is, where there is none of that name."""
    if await database.fetch_one("SELECT 1 AS there FROM connection WHERE id = :c", c=connection):
        return
    names = await connection_names(database)
    hint = nearest(connection, names) if names else "None has been made yet: see `ml-connector apply`."
    raise UnknownConnection(f"There is no connection {connection}. {hint}")


async def system_of(database: Database, connection: str) -> tuple[ErpConnector, PayablesConnector]:
    """The two connectors of a connection. Raises `UnknownConnection`."""
    await require_connection(database, connection)
    row = await database.fetch_one("SELECT system FROM connection WHERE id = :c", c=connection)
    assert row is not None
    return registry.erp(row["system"]), registry.payables()
