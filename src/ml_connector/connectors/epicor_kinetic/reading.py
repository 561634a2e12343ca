"""Master data, read page by page (Epicor dossier 7, 8, 12 to 14).

Suppliers, segment values, tax categories and terms bear a row version and no date; orders and receipts bear a day of
change. Where nothing changed, a flow costs two reads at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.coding import NATURAL, Chart
from ml_connector.connectors.epicor_kinetic.contract import (
    ORDER_SERVICE,
    ORDERS,
    RECEIPT_LINES,
    REVISION,
    ROW_ID,
    SEGMENT_VALUES,
    TAX_CATEGORIES,
    TERMS,
    VENDOR_BANKS,
    VENDORS,
    EntitySet,
)
from ml_connector.connectors.epicor_kinetic.errors import set_up, unexpected
from ml_connector.connectors.epicor_kinetic.manifest import FILTER_LENGTH, NAME, NARROW_PAGE
from ml_connector.connectors.epicor_kinetic.mapping import (
    BANK_FIELDS,
    TAX_CATEGORY_FIELDS,
    TERM_FIELDS,
    VALUE_FIELDS,
    VENDOR_FIELDS,
    account_of,
    dimension_value_of,
    payment_term_of,
    tax_code_of,
    value_key,
    vendor_of,
)
from ml_connector.connectors.epicor_kinetic.marks import Marks, Revisions, Stamps, written
from ml_connector.connectors.epicor_kinetic.options import Options
from ml_connector.connectors.epicor_kinetic.orders import RECEIPT_FIELDS, header_of, order_of
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset
from ml_connector.connectors.epicor_kinetic.where import (
    Where,
    all_of,
    any_of,
    eq,
    ge,
    gt,
    in_groups,
    le,
    lt,
    one_of,
)
from ml_connector.connectors.remembered import Remembered
from ml_connector.connectors.rows import Row, integer, text
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import MasterRecord

_CHART_AGE: Final = 3_600.0
"""Seconds: segments come and go with a set-up of the chart only."""
_AT_ONCE: Final = 20
"""Orders that are told on one page."""
_STAMPED: Final = (REVISION, ROW_ID, "ChangeDate")
_BILLABLE: Final = all_of(
    eq("OpenOrder", True), eq("VoidOrder", False), any_of(eq("Approve", True), eq("ApprovalStatus", "A"))
)
_RECEIVED: Final = all_of(eq("Received", True), eq("Invoiced", False))
_KEYS: Final[Mapping[Flow, tuple[EntitySet, str]]] = {
    Flow.VENDORS: (VENDORS, "VendorNum"),
    Flow.TAX_CODES: (TAX_CATEGORIES, "TaxCatID"),
    Flow.PAYMENT_TERMS: (TERMS, "TermsCode"),
}


class Reader:
    """Reads master data.

    `chart` tells the chart of accounts, `today` the day for which windows of activity are judged.
    """

    def __init__(
        self, client: Kinetic, options: Options, *, chart: Callable[[], Awaitable[Chart]], today: Callable[[], date],
    ) -> None:  # fmt: skip
        self._client = client
        self._options = options
        self._chart = Remembered(chart, age=_CHART_AGE)
        self._today = today

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """The records of a flow; its mark comes with the last page."""
        if flow is Flow.VENDORS:
            return self._vendors(since)
        if flow is Flow.PURCHASE_ORDERS:
            return self._orders(since)
        if flow is Flow.ACCOUNTS:
            return self._accounts(since)
        if flow is Flow.DIMENSIONS:
            return self._dimension_values(since)
        if flow is Flow.TAX_CODES:
            return self._listed(TAX_CATEGORIES, TAX_CATEGORY_FIELDS, tax_code_of, since)
        if flow is Flow.PAYMENT_TERMS:
            return self._listed(TERMS, TERM_FIELDS, payment_term_of, since)
        raise unexpected(f"{NAME} has no {flow} to read")

    async def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records of a flow; of orders those on which something can be invoiced. One may come twice.

        Paged by row version as everything here: what is deleted meanwhile shifts no page, so nothing is passed over.
        """
        if flow in _KEYS:
            of, key = _KEYS[flow]
            async for rows in self._client.changes(of, after=0, select=(key,), size=NARROW_PAGE):
                yield [text(row, key) for row in rows]
        elif flow in (Flow.ACCOUNTS, Flow.DIMENSIONS):
            wanted = [NATURAL] if flow is Flow.ACCOUNTS else sorted(await self._wanted())
            where = await self._of_segments(wanted)
            async for rows in self._client.changes(
                SEGMENT_VALUES, after=0, where=where, select=("SegmentNbr", "SegmentCode"), size=NARROW_PAGE
            ):
                named = value_key if flow is Flow.DIMENSIONS else _code_of
                yield [named(row) for row in rows] if wanted else []
        elif flow is Flow.PURCHASE_ORDERS:
            async for found in self._billable():
                yield [str(order) for order in found]
        else:
            raise unexpected(f"{NAME} has no {flow} to read")

    # ------------------------------------------------------------------ by row version

    async def _fresh(
        self, of: EntitySet, progress: Revisions, select: Sequence[str], where: Where | None = None
    ) -> AsyncIterator[list[Row]]:
        """The rows that the mark does not know, page by page.

        Where many rows lie close before the mark their versions alone are read again, and of the rows what is new.
        """
        after = progress.after
        if progress.is_dense:
            narrow = self._client.changes(of, after=after, where=where, select=(REVISION,), size=NARROW_PAGE)
            unknown = progress.unknown([integer(row, REVISION) async for rows in narrow for row in rows])
            if not unknown:
                return
            late, after = (eq(REVISION, each) for each in unknown if each < progress.at), progress.at
            for group in in_groups(late, length=FILTER_LENGTH):
                yield await self._client.rows(of, where=group, select=(*select, REVISION))
        async for rows in self._client.changes(of, after=after, where=where, select=select):
            yield progress.fresh(rows)

    async def _listed(
        self, of: EntitySet, select: Sequence[str], made: Callable[[Row], MasterRecord], since: str | None
    ) -> AsyncIterator[Page[MasterRecord]]:
        progress = Revisions(of.name, Marks.of(since))
        async for rows in self._fresh(of, progress, select):
            yield Page(tuple(made(row) for row in rows))
        if progress.is_behind:
            async for page in self._listed(of, select, made, None):
                yield page
        else:
            yield Page((), written(progress))

    async def _accounts(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        today = self._today()
        async for page in self._values([NATURAL], lambda row: account_of(row, today), since):
            yield page

    async def _dimension_values(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        today, wanted = self._today(), await self._wanted()
        if not wanted:
            yield Page(())
            return

        def made(row: Row) -> MasterRecord:
            return dimension_value_of(row, wanted[integer(row, "SegmentNbr")], today)

        async for page in self._values(sorted(wanted), made, since):
            yield page

    async def _values(
        self, segments: Sequence[int], made: Callable[[Row], MasterRecord], since: str | None
    ) -> AsyncIterator[Page[MasterRecord]]:
        """Values of some segments: changed ones, and those whose time began or ended since the last read."""
        marks, today, where = Marks.of(since), self._today(), await self._of_segments(segments)
        # Of another chart, or of other segments, a mark says nothing.
        name = f"{SEGMENT_VALUES.name} {where.odata()}"
        progress = Revisions(name, marks)
        async for rows in self._fresh(SEGMENT_VALUES, progress, VALUE_FIELDS, where):
            yield Page(tuple(made(row) for row in rows))
        if progress.is_behind:
            async for page in self._values(segments, made, None):
                yield page
            return
        if marks.has(name) and marks.day is not None and marks.day < today:
            turned = where & _turned_between(marks.day, today)
            async for rows in self._client.changes(SEGMENT_VALUES, after=0, where=turned, select=VALUE_FIELDS):
                yield Page(tuple(made(row) for row in rows))
        yield Page((), written(progress, day=today))

    async def _of_segments(self, segments: Sequence[int]) -> Where:
        chart = await self._chart.get()
        numbers = one_of("SegmentNbr", segments or (0,))
        return all_of(eq("COACode", chart.code), numbers)

    async def _wanted(self) -> dict[int, str]:
        """The segments of the wanted dimensions, and how the settings spell each: records name them so."""
        found: dict[int, str] = {}
        if self._options.dimensions:
            chart = await self._chart.get()
            for spelling in self._options.dimensions:
                found[segment_number(chart, spelling)] = spelling
        return found

    # ------------------------------------------------------------------ suppliers

    async def _vendors(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Suppliers that changed, and those of which a bank account did: accounts bear versions of their own."""
        marks = Marks.of(since)
        vendors, accounts = Revisions(VENDORS.name, marks), Revisions(VENDOR_BANKS.name, marks)
        is_first, told = not marks.has(VENDORS.name), set[int]()
        banks = await self._changed_banks(accounts, is_first=is_first)
        columns = (*VENDOR_FIELDS, self._options.vat_number_field)
        async for fresh in self._fresh(VENDORS, vendors, columns):
            told.update(integer(row, "VendorNum") for row in fresh)
            yield Page(self._vendor_records(fresh, banks if is_first else await self._banks_of(fresh)))
        if vendors.is_behind or accounts.is_behind:
            async for page in self._vendors(None):
                yield page
            return
        rest = () if is_first else (eq("VendorNum", each) for each in sorted(banks.keys() - told))
        for where in in_groups(rest, length=FILTER_LENGTH):
            rows = await self._client.rows(VENDORS, where=where, select=columns)
            yield Page(self._vendor_records(rows, await self._banks_of(rows)))
        yield Page((), written(vendors, accounts))

    async def _changed_banks(self, accounts: Revisions, *, is_first: bool) -> dict[int, list[Row]]:
        """Bank accounts that changed, at first all of them, by supplier."""
        if not is_first and not self._client.lists(VENDOR_BANKS):
            accounts.skip()
            return {}  # there they come with all suppliers only: what changes in them alone is told by a whole read
        found: dict[int, list[Row]] = {}
        async for rows in self._fresh(VENDOR_BANKS, accounts, BANK_FIELDS):
            for row in rows:
                found.setdefault(integer(row, "VendorNum"), []).append(row)
        return found

    async def _banks_of(self, vendors: Sequence[Row]) -> dict[int, list[Row]]:
        found: dict[int, list[Row]] = {}
        asked = (eq("VendorNum", integer(row, "VendorNum")) for row in vendors)
        for where in in_groups(asked, length=FILTER_LENGTH):
            for row in await self._client.rows(VENDOR_BANKS, where=where, select=BANK_FIELDS):
                found.setdefault(integer(row, "VendorNum"), []).append(row)
        return found

    def _vendor_records(self, rows: Sequence[Row], banks: Mapping[int, Sequence[Row]]) -> tuple[MasterRecord, ...]:
        field = self._options.vat_number_field
        return tuple(vendor_of(row, banks.get(integer(row, "VendorNum"), ()), vat_number_field=field) for row in rows)

    # ------------------------------------------------------------------ orders

    async def _orders(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Orders that changed, and those that something was received on, which moves no date of theirs (dossier 7.3).

        At first only what can be invoiced is told. Receipts are noted first: what changes behind our back is then
        told by the next read at the latest.
        """
        marks, told = Marks.of(since), set[int]()
        receipts, orders = Stamps(RECEIPT_LINES.name, marks), Stamps(ORDERS.name, marks)
        is_first = not marks.has(ORDERS.name)
        if is_first:
            # Not only the open ones say how far we are: the next read begins where nothing of this one is missed.
            receipts.reach(await self._client.newest(RECEIPT_LINES, "ChangeDate", select=("PONum", *_STAMPED)))
            orders.reach(await self._client.newest(ORDERS, "ChangeDate", select=("PONum", *_STAMPED)))
        wanted = await self._received_since(receipts, everything=is_first)
        where = _BILLABLE if is_first else _since(orders)
        async for rows in self._client.changes(
            ORDERS, after=0, where=where, select=("PONum", *_STAMPED), size=NARROW_PAGE
        ):
            changed = {integer(row, "PONum") for row in orders.fresh(rows)} - told
            told |= changed
            for group in _groups(sorted(changed)):
                yield Page(await self._order_records(group, billable_only=is_first))
        for group in _groups(sorted(wanted - told)):
            yield Page(await self._order_records(group, billable_only=is_first))
        yield Page((), written(receipts, orders))

    async def _received_since(self, receipts: Stamps, *, everything: bool) -> set[int]:
        """The orders named in receipts that changed; at first in those that wait for their invoice."""
        where = _RECEIVED if everything else _since(receipts)
        found = set[int]()
        select = ("VendorNum", "PurPoint", "PackSlip", "PackLine", "PONum", *_STAMPED)
        async for rows in self._client.changes(RECEIPT_LINES, after=0, where=where, select=select, size=NARROW_PAGE):
            found.update(integer(row, "PONum") for row in receipts.fresh(rows))
        return found - {0}

    async def _order_records(self, numbers: Sequence[int], *, billable_only: bool) -> tuple[MasterRecord, ...]:
        """Whole orders, by their key: a filter on the set of lines can answer nothing (Epicor dossier 5.4)."""
        read = await asyncio.gather(*(self._client.get_by_id(ORDER_SERVICE, poNum=each) for each in numbers))
        found = [each for each in read if each is not None and header_of(each)]
        receipts = await self._receipts_of(header_of(each) for each in found)
        codes, dimensions = await self._vendor_codes(found), await self._wanted()
        records = [
            order_of(
                each,
                receipts.get(integer(header_of(each), "PONum"), ()),
                vendor=codes.get(integer(header_of(each), "VendorNum"), ""),
                dimensions=dimensions,
            )
            for each in found
        ]
        return tuple(each for each in records if each.active or not billable_only)

    async def _receipts_of(self, headers: Iterable[Row]) -> dict[int, list[Row]]:
        found: dict[int, list[Row]] = {}
        asked = (
            all_of(eq("VendorNum", integer(row, "VendorNum")), eq("PONum", integer(row, "PONum"))) for row in headers
        )
        for where in in_groups(asked, length=FILTER_LENGTH):
            for row in await self._client.rows(RECEIPT_LINES, where=where, select=RECEIPT_FIELDS):
                found.setdefault(integer(row, "PONum"), []).append(row)
        return found

    async def _vendor_codes(self, orders: Sequence[Tableset]) -> dict[int, str]:
        """What suppliers are called now, by their lasting number: the order's own column is joined to it."""
        headers = [header_of(each) for each in orders]
        found = {integer(row, "VendorNum"): text(row, "VendorVendorID") for row in headers}
        unnamed = (eq("VendorNum", number) for number, code in sorted(found.items()) if not code)
        for where in in_groups(unnamed, length=FILTER_LENGTH):
            for row in await self._client.rows(VENDORS, where=where, select=("VendorNum", "VendorID")):
                found[integer(row, "VendorNum")] = text(row, "VendorID")
        return found

    async def _billable(self) -> AsyncIterator[list[int]]:
        seen = set[int]()
        async for rows in self._client.changes(ORDERS, after=0, where=_BILLABLE, select=("PONum",), size=NARROW_PAGE):
            found = {integer(row, "PONum") for row in rows}
            seen |= found
            yield sorted(found)
        received, select = set[int](), ("VendorNum", "PurPoint", "PackSlip", "PackLine", "PONum")
        async for rows in self._client.changes(
            RECEIPT_LINES, after=0, where=_RECEIVED, select=select, size=NARROW_PAGE
        ):
            received.update(integer(row, "PONum") for row in rows)
        yield sorted(received - seen - {0})


def segment_number(chart: Chart, called: str) -> int:
    """The number of the segment that a mapping rule names. Raises Refused (set-up) where the chart has none such."""
    found = chart.segment(called)
    if found is None:
        named = ", ".join(f"{each.number} ({each.name})" for each in chart.segments if each.number != NATURAL)
        raise set_up(f"the dimension {called} is mapped, and the chart {chart.code} has {named or 'no other segments'}")
    return found.number


def _turned_between(last: date, today: date) -> Where:
    """Values whose time began after the last read, or ended since: no version of theirs moves by that."""
    begun = all_of(gt("EffectiveFrom", last), le("EffectiveFrom", today))
    return any_of(begun, all_of(ge("EffectiveTo", last), lt("EffectiveTo", today)))


def _since(progress: Stamps) -> Where | None:
    return None if progress.since is None else ge("ChangeDate", progress.since)


def _groups(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))


def _code_of(row: Row) -> str:
    return text(row, "SegmentCode")
