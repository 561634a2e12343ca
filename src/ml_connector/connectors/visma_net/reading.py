"""Master data, read page by page (Visma dossier 6, 16).

Suppliers, orders and receipts are stamped; the others are short and read whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import date
from typing import Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.rows import text
from ml_connector.connectors.visma_net.client import VismaClient, segment
from ml_connector.connectors.visma_net.errors import unexpected
from ml_connector.connectors.visma_net.manifest import LIMITS, NAME, PROJECT, SUBACCOUNT, SUPPLIERS_PER_PAGE
from ml_connector.connectors.visma_net.mapping import (
    NO_PROJECT,
    account_of,
    is_of_suppliers,
    payment_term_of,
    project_of,
    segment_values,
    tax_code_of,
    vendor_of,
)
from ml_connector.connectors.visma_net.marks import Progress
from ml_connector.connectors.visma_net.orders import (
    has_receipts,
    is_open,
    is_released,
    is_wanted,
    number_of,
    order_of,
    orders_of,
    receipt_number,
    received_of,
)
from ml_connector.connectors.visma_net.paging import Listing, all_rows, pages
from ml_connector.connectors.visma_net.values import Row
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import DimensionValue, MasterRecord

SUPPLIERS: Final = "/v1/supplier"
ORDERS: Final = "/v1/purchaseorderbasic"
RECEIPTS: Final = "/v2/PurchaseReceipt"
ASKED_SINGLY: Final = 25
"""Orders whose receipts are asked for one by one; of more than that all receipts there are cost less."""
READ_SINGLY: Final = 100
"""Orders that are read one by one; more than that are picked from the list of all."""


class Reader:
    """Reads the master data of one company. `dimensions` are the mapping rules' names of those that are wanted."""

    def __init__(self, client: VismaClient, *, dimensions: Sequence[str], today: Callable[[], date]) -> None:
        self._client = client
        self._today = today
        # By the segment's number, or `Project`; records name a dimension as the settings spell it.
        self._dimensions = {_dimension(each): each for each in dimensions}

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """The records of a flow; its mark comes with the last page."""
        if flow is Flow.VENDORS:
            return self._vendors(since)
        if flow is Flow.PURCHASE_ORDERS:
            return self._orders(since)
        if flow is Flow.ACCOUNTS:
            return self._accounts()
        if flow is Flow.DIMENSIONS:
            return self._dimension_values()
        if flow is Flow.TAX_CODES:
            return self._tax_codes()
        if flow is Flow.PAYMENT_TERMS:
            return self._terms()
        raise unexpected(f"{NAME} has no {flow} to read")

    async def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records of a flow; of orders those on which something can be invoiced."""
        if flow is Flow.VENDORS:
            async for rows in pages(self._client, _suppliers()):
                yield [text(row, "internalId") for row in rows]
        elif flow is Flow.PURCHASE_ORDERS:
            async for rows in pages(self._client, _list(ORDERS, number_of)):
                yield [number_of(row) for row in rows if is_open(row)]
        else:
            async for page in self.read(flow, since=None):
                yield [record.key for record in page.records]

    # ------------------------------------------------------------------ read whole

    async def _accounts(self) -> AsyncIterator[Page[MasterRecord]]:
        yield Page(tuple(account_of(row) for row in await self._client.rows("/v1/account", {})))

    async def _tax_codes(self) -> AsyncIterator[Page[MasterRecord]]:
        today = self._today()
        yield Page(tuple(tax_code_of(row, today) for row in await self._client.rows("/v1/vatCategory", {})))

    async def _terms(self) -> AsyncIterator[Page[MasterRecord]]:
        listing = _list("/v1/creditTerm", lambda row: text(row, "termsId"))
        async for rows in pages(self._client, listing):
            yield Page(tuple(payment_term_of(row) for row in rows if is_of_suppliers(row)))

    async def _dimension_values(self) -> AsyncIterator[Page[MasterRecord]]:
        if self._dimensions.keys() - {PROJECT}:
            yield Page(tuple(await self._segment_values()))
        if PROJECT in self._dimensions:
            listing = _list("/v1/project", lambda row: text(row, "projectID"))
            async for rows in pages(self._client, listing):
                spelling = self._dimensions[PROJECT]
                yield Page(tuple(project_of(row, spelling) for row in rows if text(row, "projectID") != NO_PROJECT))
        if not self._dimensions:
            yield Page(())

    async def _segment_values(self) -> list[DimensionValue]:
        found = await self._client.body(f"/v1/dimension/{SUBACCOUNT}", {"expandSegmentsValues": "true"})
        if not isinstance(found, dict):
            raise unexpected(f"the dimension {SUBACCOUNT} is no object")
        return segment_values(found, self._dimensions)

    # ------------------------------------------------------------------ changes

    async def _vendors(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        progress = Progress(since)
        async for rows in pages(self._client, _suppliers(progress)):
            yield Page(tuple(vendor_of(row) for row in progress.fresh(rows, of=SUPPLIERS)))
        yield Page((), progress.mark())

    async def _orders(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Orders that are open; later on those that changed, and those of which something was received.

        A receipt does not move the stamp of its order for sure. Receipts are read first: what changes behind our
        back is then told by the next read at the latest.
        """
        progress, told = Progress(since), set[str]()
        receipts = [
            row async for rows in pages(self._client, _receipts(progress)) for row in progress.fresh(rows, of=RECEIPTS)
        ]
        known = receipts if since is None else None  # the first read has all there are
        async for rows in pages(self._client, _list(ORDERS, number_of, progress)):
            fresh = progress.fresh(rows, of=ORDERS)
            wanted = [row for row in fresh if is_open(row) or (since is not None and is_wanted(row))]
            told.update(number_of(row) for row in fresh)
            if wanted:
                yield Page(await self._records(wanted, known))
        if since is not None:
            async for rows in self._named(orders_of(filter(is_released, receipts)) - told):
                yield Page(await self._records(rows, known))
        yield Page((), progress.mark())

    async def _named(self, numbers: frozenset[str]) -> AsyncIterator[list[Row]]:
        if len(numbers) > READ_SINGLY:
            async for rows in pages(self._client, _list(ORDERS, number_of)):
                yield [row for row in rows if number_of(row) in numbers and is_wanted(row)]
            return
        for group in _groups(sorted(numbers)):
            found = await asyncio.gather(*(self._client.one(f"{ORDERS}/{segment(each)}") for each in group))
            yield [each[0] for each in found if each is not None and is_wanted(each[0])]

    async def _records(self, orders: Sequence[Row], known: Sequence[Row] | None) -> tuple[MasterRecord, ...]:
        received = received_of(await self._receipts_of(orders) if known is None else known)
        return tuple(order_of(row, received, self._dimensions) for row in orders)

    async def _receipts_of(self, orders: Sequence[Row]) -> list[Row]:
        """All receipts of these orders, whenever they were made: those that are out of date are not sent again."""
        numbers = [number_of(row) for row in orders if has_receipts(row)]
        if len(numbers) > ASKED_SINGLY:
            return await all_rows(self._client, _receipts())
        found = await asyncio.gather(*(all_rows(self._client, _receipts(order=each)) for each in numbers))
        return [row for rows in found for row in rows]


def _list(path: str, key: Callable[[Row], str], progress: Progress | None = None) -> Listing:
    if progress is None:
        return Listing(path=path, options={}, key=key, size=LIMITS.page_size)
    return Listing(path=path, options=progress.filter, key=key, size=LIMITS.page_size, satisfies=progress.satisfies)


def _suppliers(progress: Progress | None = None) -> Listing:
    return Listing(
        path=SUPPLIERS,
        options={} if progress is None else progress.filter,
        key=lambda row: text(row, "internalId"),
        size=SUPPLIERS_PER_PAGE,
        satisfies=(lambda _: True) if progress is None else progress.satisfies,
    )


def _receipts(progress: Progress | None = None, *, order: str = "") -> Listing:
    """Receipts that changed, those of one order, or all."""
    return Listing(
        path=RECEIPTS,
        options=({} if progress is None else progress.filter) | ({"poOrderNbr": order} if order else {}),
        key=receipt_number,
        size=LIMITS.page_size,
        satisfies=lambda row: (
            (progress is None or progress.satisfies(row)) and (not order or order in orders_of([row]))
        ),
    )


def _dimension(name: str) -> str:
    """What a rule names, in any case: `Project`, or the number of a segment."""
    plain = name.strip()
    return PROJECT if plain.upper() == PROJECT.upper() else plain


def _groups(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + ASKED_SINGLY] for start in range(0, len(values), ASKED_SINGLY))
