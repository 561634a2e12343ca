"""High-water marks: how far a flow has read, moved only after what was read is in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ml_connector.store.database import Database


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a flow has read, in the words of the system that is read."""

    value: str | None
    swept_at: datetime | None
    """When everything was last read, and what is gone was noticed."""


class Marks:
    """The marks of one connection, moved under its lease."""

    def __init__(self, database: Database, *, connection: str, epoch: int) -> None:
        self._database = database
        self._connection = connection
        self._epoch = epoch

    async def read(self, flow: str) -> Mark | None:
        """None where the flow never got to an end."""
        row = await self._database.fetch_one(
            "SELECT value, swept_at FROM mark WHERE connection_id = :c AND flow = :f", c=self._connection, f=flow
        )
        return None if row is None else Mark(row["value"], row["swept_at"])

    async def move(self, flow: str, value: str | None, *, at: datetime, swept: bool = False) -> None:
        """Notes how far it is; `swept`: everything was read. Raises where another process took the connection over."""
        await self._database.execute(
            """INSERT INTO mark (connection_id, flow, value, swept_at, updated_at)
            SELECT :c, :f, :v, cast(:swept AS timestamptz), :at FROM fence(:c, :epoch)
            ON CONFLICT (connection_id, flow) DO UPDATE SET value = :v, updated_at = :at,
                swept_at = coalesce(excluded.swept_at, mark.swept_at)""",
            c=self._connection, f=flow, v=value, swept=at if swept else None, at=at, epoch=self._epoch,
        )  # fmt: skip
