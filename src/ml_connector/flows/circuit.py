"""A side that is down is one case, not a thousand: its circuit opens, one probe tries, the records wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from ml_connector.connectors.errors import ConnectorError, Unavailable
from ml_connector.flows.workplace import Workplace
from ml_connector.records.reason import Reason


@dataclass(slots=True)
class _Open:
    until: datetime
    failures: int


class Circuits:
    """The two circuits of one connection, kept in the store so that everybody sees them."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._open: dict[str, _Open] = {}

    async def load(self) -> None:
        """Reads what an earlier slice left."""
        rows = await self._place.database.fetch(
            "SELECT side, open_until, failures FROM circuit WHERE connection_id = :c", c=self._place.connection
        )
        self._open = {row["side"]: _Open(row["open_until"], row["failures"]) for row in rows}

    def opens_at(self) -> datetime | None:
        """When the last closed door may be tried again; None while all are open to us."""
        waits = [each.until for each in self._open.values() if each.until > self._place.clock()]
        return max(waits, default=None)

    @property
    def probing(self) -> bool:
        """True while a side that failed has not yet been heard to work again."""
        return bool(self._open)

    async def trip(self, error: ConnectorError) -> datetime:
        """Opens the circuit of the side the error came from; says until when."""
        place = self._place
        side = place.side_of(error)
        known = self._open.get(side)
        if known is not None and known.until > place.clock():
            return known.until
        failures = (known.failures if known else 0) + 1
        until = _wait(place, error, failures)
        self._open[side] = _Open(until, failures)
        await place.database.execute(
            """INSERT INTO circuit (connection_id, side, open_until, since, failures, reason, detail)
            VALUES (:c, :side, :until, :now, :failures, :reason, :detail)
            ON CONFLICT (connection_id, side) DO UPDATE SET open_until = :until, failures = :failures,
                reason = :reason, detail = :detail""",
            c=place.connection, side=side, until=until, now=place.clock(), failures=failures,
            reason=str(error.reason), detail=str(error)[:1000],
        )  # fmt: skip
        return until

    async def try_now(self) -> None:
        """A person asks: the waits are over, what waited for them is due, and one probe tries."""
        now = self._place.clock()
        if self.opens_at() is None:
            return
        self._open = {side: _Open(min(each.until, now), each.failures) for side, each in self._open.items()}
        values = {"c": self._place.connection, "now": now}
        async with self._place.database.transaction() as transaction:
            await transaction.execute(_WAIT_NO_MORE, values)
            await transaction.execute(_TRY_NOW, values)

    async def heard(self, side: str) -> None:
        """The side answered: its circuit closes."""
        if self._open.pop(side, None) is not None:
            await self._place.database.execute(
                "DELETE FROM circuit WHERE connection_id = :c AND side = :side", c=self._place.connection, side=side
            )


_WAIT_NO_MORE = text(
    """UPDATE document SET next_due = :now FROM circuit WHERE document.connection_id = :c
        AND circuit.connection_id = :c AND document.next_due > :now AND document.next_due <= circuit.open_until"""
)
_TRY_NOW = text("UPDATE circuit SET open_until = :now WHERE connection_id = :c AND open_until > :now")


def _wait(place: Workplace, error: ConnectorError, failures: int) -> datetime:
    if isinstance(error, Unavailable):
        return place.back_off(failures - 1, retry_after=error.retry_after)
    # Credentials and rights do not mend themselves within seconds; trying often locks accounts.
    floor = timedelta(minutes=1) if error.reason is Reason.SIGN_IN_REFUSED else timedelta(seconds=30)
    return max(place.back_off(failures + 4), place.clock() + floor)
