"""Master data, read page by page (Acumatica dossier 4, 12).

Vendors and orders carry the instant of their last change; the rest is read whole, subaccounts having no stamp at all.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from ml_connector.connectors.acumatica.client import Acumatica, any_key
from ml_connector.connectors.acumatica.contract import KEYS
from ml_connector.connectors.acumatica.errors import set_up, unexpected
from ml_connector.connectors.acumatica.manifest import (
    FILTER_LENGTH,
    LIMITS,
    NAME,
    RECORDS_PER_PAGE,
    SMALL_RECORDS_PER_PAGE,
)
from ml_connector.connectors.acumatica.mapping import (
    ACCOUNT_FIELDS,
    PROJECT_FIELDS,
    SUBACCOUNT_FIELDS,
    TASK_FIELDS,
    TAX_CATEGORY_FIELDS,
    TAX_FIELDS,
    TERM_FIELDS,
    VENDOR_FIELDS,
    VENDOR_PARTS,
    account_of,
    bare_term,
    is_real_project,
    payment_term_of,
    percent_of,
    project_of,
    subaccount_values,
    tasks_of,
    tax_code_of,
    vendor_of,
)
from ml_connector.connectors.acumatica.orders import (
    HEADER_FIELDS,
    NORMAL,
    ORDER_FIELDS,
    ORDER_PARTS,
    is_billable,
    key_of,
    order_of,
)
from ml_connector.connectors.acumatica.subaccounts import DimensionKind, dimension_of, segments
from ml_connector.connectors.acumatica.values import instant, instant_text, moment, parse_instant
from ml_connector.connectors.base import Page
from ml_connector.connectors.odata import literal
from ml_connector.connectors.rows import Row, text
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import DimensionValue, MasterRecord

OVERLAP: Final = timedelta(minutes=5)
"""How far before the mark a read begins: stamps are given before their records can be seen (dossier 4.3)."""
_LONG: Final = OVERLAP / 2
"""A read that took longer leaves no room in the overlap for what changed behind it."""
_STAMP: Final = "LastModifiedDateTime"
_NORMAL_ONLY: Final = f"Type eq {literal(NORMAL)}"


class Reader:
    """Reads master data.

    `dimensions` are the mapping rules' names of those that are wanted, `seconds` counts on while a read goes on.
    """

    def __init__(
        self, client: Acumatica, *, dimensions: Sequence[str], today: Callable[[], date],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._client = client
        self._today = today
        self._seconds = seconds
        # Records name a dimension as the settings spell it.
        self._dimensions = {each: found for each in dimensions if (found := dimension_of(each)) is not None}

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """The records of a flow; its mark, the largest stamp that was seen, comes with the last page."""
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
        """The keys of all records of a flow; of orders those on which something can be billed."""
        if flow is Flow.VENDORS:
            async for rows in self._client.pages("Vendor", select=KEYS["Vendor"], size=SMALL_RECORDS_PER_PAGE):
                yield [text(row, "VendorID") for row in rows]
        elif flow is Flow.PURCHASE_ORDERS:
            listed = self._client.pages(
                "PurchaseOrder", where=_NORMAL_ONLY, select=HEADER_FIELDS, size=SMALL_RECORDS_PER_PAGE
            )
            async for rows in listed:
                yield [key_of(row) for row in rows if is_billable(row)]
        else:
            async for page in self.read(flow, since=None):
                yield [record.key for record in page.records]

    # ------------------------------------------------------------------ snapshots

    async def _accounts(self) -> AsyncIterator[Page[MasterRecord]]:
        async for rows in self._client.pages("Account", select=ACCOUNT_FIELDS):
            yield Page(tuple(account_of(row) for row in rows))

    async def _tax_codes(self) -> AsyncIterator[Page[MasterRecord]]:
        today = self._today()
        taxes = await self._client.rows("Tax", select=TAX_FIELDS, expand=("TaxSchedule", "Zones"))
        categories = self._client.pages("TaxCategory", select=TAX_CATEGORY_FIELDS, expand=("Details",))
        async for rows in categories:
            yield Page(tuple(tax_code_of(row, percent_of(row, taxes, today)) for row in rows))

    async def _terms(self) -> AsyncIterator[Page[MasterRecord]]:
        """Default has no terms: from an endpoint of the customer's own, else those that vendors have (dossier 9.10)."""
        if self._client.address.terms:
            async for rows in self._client.pages("CreditTerms", select=TERM_FIELDS):
                yield Page(tuple(payment_term_of(row) for row in rows))
            return
        found = dict[str, None]()
        async for rows in self._client.pages("Vendor", select=(*KEYS["Vendor"], "Terms"), size=SMALL_RECORDS_PER_PAGE):
            found |= dict.fromkeys(text(row, "Terms") for row in rows if text(row, "Terms"))
        yield Page(tuple(bare_term(code) for code in found))

    async def _dimension_values(self) -> AsyncIterator[Page[MasterRecord]]:
        subaccounts: list[Row] | None = None
        for name, dimension in self._dimensions.items():
            if dimension.kind is DimensionKind.PROJECT:
                projects = await self._client.rows("Project", select=PROJECT_FIELDS, size=SMALL_RECORDS_PER_PAGE)
                values = [project_of(row, name) for row in projects if is_real_project(row)]
            elif dimension.kind is DimensionKind.TASK:
                values = tasks_of(
                    await self._client.rows("ProjectTask", select=TASK_FIELDS, size=SMALL_RECORDS_PER_PAGE), name
                )
            else:
                if subaccounts is None:
                    subaccounts = await self._client.rows(
                        "Subaccount", select=SUBACCOUNT_FIELDS, size=SMALL_RECORDS_PER_PAGE
                    )
                _check_segments(subaccounts, name, dimension.segment)
                values = subaccount_values(subaccounts, name, dimension)
            for page in _in_pages(values):
                yield page
        if not self._dimensions:
            yield Page(())

    # ------------------------------------------------------------------ changes

    async def _vendors(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        mark = begin = _instant_of(since)
        started = self._seconds()
        pages = self._changed("Vendor", begin, select=VENDOR_FIELDS, expand=VENDOR_PARTS, size=RECORDS_PER_PAGE)
        async for rows in pages:
            mark = later(mark, rows)
            yield Page(tuple(vendor_of(row) for row in rows))
        yield Page((), _mark_of(mark, begin, took=timedelta(seconds=self._seconds() - started)))

    async def _orders(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """In two steps: which orders changed, then those with their lines, some at a time by their keys.

        Lists of orders with lines fail on some tenants, and filters on other fields than the keys can answer
        nothing without a word (Acumatica dossier 4.1, 4.2). At first only what can be billed is read.
        """
        mark = begin = _instant_of(since)
        started = self._seconds()
        async for rows in self._changed("PurchaseOrder", begin, select=HEADER_FIELDS, where=_NORMAL_ONLY):
            mark = later(mark, rows)
            for group in _groups([row for row in rows if begin is not None or is_billable(row)]):
                yield Page(await self._whole_orders(group))
        yield Page((), _mark_of(mark, begin, took=timedelta(seconds=self._seconds() - started)))

    async def _whole_orders(self, headers: Sequence[Row]) -> tuple[MasterRecord, ...]:
        wanted = {key_of(row): (text(row, "Type"), text(row, "OrderNbr")) for row in headers}
        rows = await self._client.rows(
            "PurchaseOrder", where=any_key("PurchaseOrder", wanted.values()), select=ORDER_FIELDS, expand=ORDER_PARTS
        )
        found = {key_of(row): row for row in rows}
        for key, keys in wanted.items():
            if key not in found:  # removed meanwhile, or one more filter that answers nothing
                row = await self._client.get(
                    "PurchaseOrder", *keys, select=ORDER_FIELDS, expand=ORDER_PARTS, missing_ok=True
                )
                found |= {key: row} if row is not None else {}
        return tuple(order_of(row, self._dimensions) for row in found.values())

    async def _changed(
        self, entity: str, since: datetime | None, *, select: Sequence[str], expand: Sequence[str] = (),
        where: str = "", size: int | None = None,
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        """What changed since the mark, with an overlap; everything where there is none.

        The record that gave the mark its stamp is always among it. So an empty answer is not believed: it may be a
        filter that the server did not apply, and the stamps of all records are looked through instead.
        """
        asked = " and ".join(each for each in (where, _since(since)) if each)
        is_empty = True
        async for rows in self._client.pages(entity, where=asked, select=select, expand=expand, size=size):
            is_empty = is_empty and not rows
            yield rows
        if since is None or not is_empty:
            return
        async for rows in self._client.pages(
            entity, where=where, select=(*KEYS[entity], _STAMP), size=SMALL_RECORDS_PER_PAGE
        ):
            for row in rows:
                if (instant(row, _STAMP) or since) >= since - OVERLAP:
                    keys = [text(row, name) for name in KEYS[entity]]
                    whole = await self._client.get(entity, *keys, select=select, expand=expand, missing_ok=True)
                    if whole is not None:
                        yield [whole]


def later(mark: datetime | None, rows: Iterable[Row]) -> datetime | None:
    """The largest stamp seen so far."""
    stamps = [stamp for row in rows if (stamp := instant(row, _STAMP)) is not None]
    return max([*stamps, mark] if mark else stamps, default=None)


def _since(begin: datetime | None) -> str:
    return f"{_STAMP} ge {moment(begin - OVERLAP)}" if begin is not None else ""


def _instant_of(mark: str | None) -> datetime | None:
    if mark is None:
        return None
    found = parse_instant(mark)
    if found is None:
        raise unexpected(f"the mark {mark!r} is no instant")
    return found


def _mark_of(largest: datetime | None, begin: datetime | None = None, *, took: timedelta = timedelta(0)) -> str | None:
    """The mark of a read: the largest stamp, less what the read took where that was long.

    A record can change behind a read that is still going on, and one that is read after it bear a later stamp.
    """
    if largest is None:
        return None
    safe = largest - took if took > _LONG else largest
    return instant_text(safe if begin is None else max(safe, begin))


def _groups(headers: Sequence[Row]) -> Iterable[Sequence[Row]]:
    """Orders whose filter fits into one address."""
    group: list[Row] = []
    for row in headers:
        group.append(row)
        if len(any_key("PurchaseOrder", [(text(each, "Type"), text(each, "OrderNbr")) for each in group])) > _BATCH:
            yield group
            group = []
    if group:
        yield group


_BATCH: Final = FILTER_LENGTH // 2
"""Blanks and quotes take three characters each once they are in an address."""


def _in_pages(values: Sequence[DimensionValue]) -> Iterable[Page[MasterRecord]]:
    for start in range(0, max(len(values), 1), LIMITS.page_size):
        yield Page(tuple(values[start : start + LIMITS.page_size]))


def _check_segments(subaccounts: Sequence[Mapping[str, object]], name: str, segment: int) -> None:
    most = max((len(segments(text(row, "SubaccountCD"))) for row in subaccounts), default=segment)
    if segment > most:
        raise set_up(f"{name} is mapped, and the codes of the subaccounts show {most} segments")
