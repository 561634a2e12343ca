"""What an invoice waits for before it goes: its supplier, and the orders it names, accepted on the other side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from ml_connector.flows.supplier_invoices.content import orders_of, vendor_of
from ml_connector.flows.workplace import Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.imports import is_accepted


class Waiting:
    """Tells of many invoices at once what each has to wait for."""

    def __init__(self, place: Workplace) -> None:
        self.place = place

    async def findings(self, contents: Mapping[str, tuple[Mapping[str, Any], datetime]]) -> dict[str, list[Finding]]:
        """By key, for each payload and the moment it was read: what it waits for. Left out are those that may go.

        Nothing waits for records that do not go this way at all: a flow that is switched off.
        """
        going = await self._flows_on()
        payloads = [payload for payload, _ in contents.values()]
        vendors: set[str] = set()
        if Flow.VENDORS in going:
            vendors = await self._unaccepted_vendors({vendor_of(each) for each in payloads})
        orders: dict[str, bool] = {}
        if Flow.PURCHASE_ORDERS in going:
            orders = await self._orders({number for each in payloads for number in orders_of(each)})
        looked = await self._orders_read() if orders else None
        found = {
            key: [
                *_supplier(payload, vendors),
                *(
                    Finding(Reason.ORDER_AWAITED, number)
                    for number in orders_of(payload)
                    if number in orders and _awaited(known=orders[number], read_at=read_at, looked=looked)
                ),
            ]
            for key, (payload, read_at) in contents.items()
        }
        return {key: findings for key, findings in found.items() if findings}

    async def _flows_on(self) -> set[Flow]:
        rows = await self.place.database.fetch(
            "SELECT flow FROM schedule WHERE connection_id = :c AND enabled AND flow = ANY(:flows)",
            c=self.place.connection, flows=[str(Flow.VENDORS), str(Flow.PURCHASE_ORDERS)],
        )  # fmt: skip
        return {Flow(row["flow"]) for row in rows}

    async def _unaccepted_vendors(self, keys: Collection[str]) -> set[str]:
        rows = await self.place.database.fetch(
            _TAKEN_VENDORS,
            c=self.place.connection, keys=list(keys),
        )  # fmt: skip
        return set(keys) - {row["erp_key"] for row in rows}

    async def _orders(self, numbers: Collection[str]) -> dict[str, bool]:
        """Of these orders those that are not wholly accepted: True where they are on their way, False where unknown."""
        if not numbers:
            return {}
        rows = await self.place.database.fetch(
            _OPEN_ORDERS,
            c=self.place.connection, numbers=list(numbers),
        )  # fmt: skip
        known = {row["number"]: row["open"] for row in rows}
        return {number: known.get(number, False) for number in numbers if known.get(number, True)}

    async def _orders_read(self) -> datetime | None:
        """When the newest run that read the orders had begun."""
        row = await self.place.database.fetch_one(
            "SELECT max(started_at) AS at FROM run WHERE connection_id = :c AND flow = :f AND status = 'finished' "
            "AND outcome <> 'failed'",
            c=self.place.connection, f=Flow.PURCHASE_ORDERS,
        )  # fmt: skip
        return row["at"] if row else None


def _awaited(*, known: bool, read_at: datetime, looked: datetime | None) -> bool:
    """An order that no run has brought since the invoice was read is none that comes: closed long ago, as a rule."""
    return known or looked is None or looked < read_at


def _supplier(payload: Mapping[str, Any], unaccepted: Collection[str]) -> Sequence[Finding]:
    if vendor_of(payload) not in unaccepted:
        return ()
    return (Finding(Reason.SUPPLIER_AWAITED, f"{payload['vendor_number']} {payload['vendor_name']}".strip()),)


async def release_waiting(place: Workplace) -> int:
    """Has invoices looked at again that waited for a supplier or an order that may be there now. How many.

    They are of the run that is asked for, if one is: it tells what became of them.
    """
    async with place.database.transaction() as transaction:
        values = {"c": place.connection, "now": place.clock()}
        released = len((await transaction.execute(_RELEASE, values)).all())
        if released:
            await transaction.execute(text("SELECT fence(:c, :e)"), {"c": place.connection, "e": place.epoch})
    return released


# Active records and others have an index each.
_TAKEN_VENDORS: Final = f"""
    SELECT DISTINCT erp_key FROM imported WHERE connection_id = :c AND flow = 'vendors'
        AND (erp_key = ANY(:keys) AND active OR erp_key = ANY(:keys) AND NOT active)
        AND {is_accepted("imported")}"""  # noqa: S608 - the condition is our own
_OPEN_ORDERS: Final = f"""
    SELECT number, bool_or(active AND NOT {is_accepted("imported")}) AS open FROM imported
    WHERE connection_id = :c AND flow = 'purchase-orders' AND number IS NOT NULL AND number = ANY(:numbers)
    GROUP BY number"""  # noqa: S608 - the condition is our own
_RELEASE = text(
    f"""UPDATE document SET next_due = :now, run_id = coalesce((
        SELECT min(id) FROM run
        WHERE connection_id = :c AND flow = 'supplier-invoices' AND status <> 'finished'), run_id)
    WHERE connection_id = :c AND status = 'held' AND next_due IS NULL AND (reason = 'order awaited'
        OR reason = 'supplier awaited' AND (
            EXISTS (SELECT 1 FROM imported WHERE connection_id = :c AND flow = 'vendors'
                AND (active AND erp_key = document.payload ->> 'vendor'
                    OR NOT active AND erp_key = document.payload ->> 'vendor') AND {is_accepted("imported")})
            OR NOT EXISTS (SELECT 1 FROM schedule WHERE connection_id = :c AND flow = 'vendors' AND enabled)))
    RETURNING key"""  # noqa: S608 - the condition is our own
)
