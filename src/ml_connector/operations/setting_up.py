"""The home, and connections made in it from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.connectors import registry
from ml_connector.engine.process import Process, utc_now
from ml_connector.operations.configuration import Configuration
from ml_connector.operations.connections import Change
from ml_connector.operations.connections import apply as apply_to
from ml_connector.operations.connections import export as export_from
from ml_connector.operations.finding import require_connection
from ml_connector.records.flow import Flow
from ml_connector.store.database import Database, initialise_database
from ml_connector.store.keys import create_key, key_file
from ml_connector.store.settings import Settings
from ml_connector.store.trail import Entry, prepare_partitions
from ml_connector.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything is now."""

    folder: Path
    embedded: bool
    key: str
    """Where the master key comes from."""
    key_id: str


async def initialise(settings: Settings) -> Home:
    """Creates the key and the database, or brings them to this version. Idempotent."""
    keys = create_key(settings)
    database = await initialise_database(settings)
    try:
        await prepare_partitions(database, now=utc_now())
        await Vault(keys).trail_key(database)
    finally:
        await database.close()
    source = "ML_CONNECTOR_KEY" if settings.key is not None else str(key_file(settings))
    return Home(settings.home, settings.database_url is None, source, keys.newest.id)


async def apply_configuration(
    process: Process, configuration: Configuration, *, actor: str, dry_run: bool
) -> tuple[Change, ...]:
    """Brings the connections to what the file says; each change has its entry in the trail."""

    async def record(transaction: AsyncConnection, *, change: Change, actor: str, now: datetime) -> None:
        fields = [f"{each.path}: {each.before} -> {each.after}" for each in change.fields]
        entry = Entry(
            flow="connection", record=change.connection, step="applied", outcome="ok", actor=actor,
            summary=f"The connection was {change.kind}.", detail={"fields": fields},
        )  # fmt: skip
        await process.scribe.append(transaction, change.connection, [entry], epoch=None, at=now)

    return await apply_to(
        process.database, process.vault, configuration, actor=actor, now=process.clock(), dry_run=dry_run,
        record=record,
    )  # fmt: skip


async def remarks_on(database: Database, connections: Sequence[str]) -> list[str]:
    """What is likely a mistake in connections as they stand, in sentences: two that take the same invoices."""
    rows = await database.fetch(
        """SELECT mine.id AS mine, other.id AS other, mine.company FROM connection mine
        JOIN connection other ON other.company = mine.company AND other.id <> mine.id
            AND other.settings -> :p ->> 'client_id' = mine.settings -> :p ->> 'client_id'
            AND other.settings -> :p ->> 'base_url' IS NOT DISTINCT FROM mine.settings -> :p ->> 'base_url'
        JOIN schedule ours ON ours.connection_id = mine.id AND ours.flow = :f AND ours.enabled
        JOIN schedule theirs ON theirs.connection_id = other.id AND theirs.flow = :f AND theirs.enabled
        WHERE mine.id = ANY(:applied) AND mine.enabled AND other.enabled
            AND (mine.id > other.id OR NOT other.id = ANY(:applied))
        ORDER BY mine.id, other.id""",
        p=registry.payables().manifest.id, f=Flow.INVOICES, applied=list(connections),
    )  # fmt: skip
    return [
        f"{row['mine']} and {row['other']} both take the approved invoices of company {row['company']}: each goes to "
        "the ledger of whichever is first. Switch the invoices flow of one of them off, unless that is meant."
        for row in rows
    ]


async def export_configuration(process: Process, names: Sequence[str]) -> str:
    """The file that makes these connections, or all. Raises `UnknownConnection`."""
    for name in names:
        await require_connection(process.database, name)
    return await export_from(process.database, names)


async def forget_connection(process: Process, name: str) -> bool:
    """Removes a connection with all that is kept of it but its trail. True where it was there."""
    await process.database.execute("DELETE FROM secret WHERE connection_id = :c", c=name)
    return await process.database.execute("DELETE FROM connection WHERE id = :c", c=name) > 0
