"""Master data, read page by page (BC dossier 4, 9, 12)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.business_central.books import Books, read_dimensions
from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.errors import unexpected
from ml_connector.connectors.business_central.manifest import LIMITS, MAX_PAGE, NAME, ORDERS_PER_PAGE
from ml_connector.connectors.business_central.mapping import (
    ACCOUNT_FIELDS,
    NO_ID,
    ORDER_FIELDS,
    TAX_GROUP_FIELDS,
    TERM_FIELDS,
    VENDOR_FIELDS,
    account_of,
    changed_since,
    dimension_value_of,
    later,
    order_of,
    payment_term_of,
    tax_code_of,
    vendor_of,
)
from ml_connector.connectors.texts import code
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import MasterRecord

Row = dict[str, Any]

_SNAPSHOTS: Final[Mapping[Flow, tuple[str, Sequence[str], Callable[[Row], MasterRecord]]]] = {
    Flow.ACCOUNTS: ("accounts", ACCOUNT_FIELDS, account_of),
    Flow.TAX_CODES: ("taxGroups", TAX_GROUP_FIELDS, tax_code_of),
    Flow.PAYMENT_TERMS: ("paymentTerms", TERM_FIELDS, payment_term_of),
}
_ENTITIES: Final[Mapping[Flow, str]] = {
    Flow.VENDORS: "vendors",
    Flow.PURCHASE_ORDERS: "purchaseOrders",
    **{flow: entity for flow, (entity, _, _) in _SNAPSHOTS.items()},
}


class Reader:
    """Reads master data. `dimensions` are the codes of those that are wanted."""

    def __init__(self, client: BusinessCentralClient, books: Books, *, dimensions: Sequence[str]) -> None:
        self._client = client
        self._books = books
        self._dimensions = tuple(dict.fromkeys(code(each) for each in dimensions))

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """The records of a flow; its mark comes with the last page, rows being in no order of time."""
        if flow in _SNAPSHOTS:
            return self._snapshot(flow)
        if flow is Flow.DIMENSIONS:
            return self._dimension_values()
        if flow is Flow.VENDORS:
            options = {"$select": ",".join(VENDOR_FIELDS)}
            return self._changes("vendors", options, since, size=LIMITS.page_size, record=vendor_of)
        if flow is Flow.PURCHASE_ORDERS:
            options = {"$select": ",".join(ORDER_FIELDS), "$expand": "purchaseOrderLines"}
            return self._changes("purchaseOrders", options, since, size=ORDERS_PER_PAGE, record=order_of)
        raise unexpected(f"{NAME} has no {flow} to read")

    async def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The ids of all records of a flow."""
        if flow is Flow.DIMENSIONS:
            async for page in self._dimension_values():
                yield [record.key for record in page.records]
            return
        entity = _ENTITIES.get(flow)
        if entity is None:
            raise unexpected(f"{NAME} has no {flow} to read")
        async for rows in self._client.pages(entity, {"$select": "id"}, size=MAX_PAGE):
            yield [str(row["id"]) for row in rows]

    async def _snapshot(self, flow: Flow) -> AsyncIterator[Page[MasterRecord]]:
        entity, fields, record = _SNAPSHOTS[flow]
        async for rows in self._client.pages(entity, {"$select": ",".join(fields)}, size=LIMITS.page_size):
            yield Page(tuple(record(row) for row in rows if row["id"] != NO_ID))

    async def _dimension_values(self) -> AsyncIterator[Page[MasterRecord]]:
        if not self._dimensions:
            yield Page(())
            return
        for name, values in (await read_dimensions(self._client, self._dimensions)).items():
            for start in range(0, max(len(values), 1), LIMITS.page_size):
                part = values[start : start + LIMITS.page_size]
                yield Page(tuple(dimension_value_of(row, name) for row in part))

    async def _changes(
        self, entity: str, options: Mapping[str, str], since: str | None, *, size: int,
        record: Callable[[Row, Mapping[str, str]], MasterRecord],
    ) -> AsyncIterator[Page[MasterRecord]]:  # fmt: skip
        mark = since
        if since is not None:
            try:
                options = {**options, "$filter": changed_since(since)}
            except ValueError as odd:
                raise unexpected(f"the mark {since!r} is no time") from odd
        async for rows in self._client.pages(entity, options, size=size):
            terms = await _terms_for(rows, self._books.terms.get)
            mark = later(mark, rows)
            yield Page(tuple(record(row, terms) for row in rows))
        yield Page((), mark)


async def _terms_for(rows: Sequence[Row], load: Callable[[], Awaitable[Mapping[str, str]]]) -> Mapping[str, str]:
    """The payment terms' codes, read only where a row names any."""
    return await load() if any(row.get("paymentTermsId") not in (None, "", NO_ID) for row in rows) else {}
