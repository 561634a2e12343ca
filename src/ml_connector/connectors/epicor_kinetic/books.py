"""What checking and writing need to know of the company, read at most once for all who ask at the same time.

Each kind of knowledge is kept for a stated age, short where it decides about posting. Fiscal periods and exchange
rates are not among it: nothing that we may read tells them, the server's refusal does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.coding import Chart, Segment, Value, ValueFacts
from ml_connector.connectors.epicor_kinetic.contract import (
    ACCOUNT_SERVICE,
    CURRENCIES,
    SEGMENT_VALUES,
    SEGMENTS,
    TAX_CATEGORIES,
    VENDORS,
)
from ml_connector.connectors.epicor_kinetic.errors import set_up
from ml_connector.connectors.epicor_kinetic.manifest import FILTER_LENGTH
from ml_connector.connectors.epicor_kinetic.where import all_of, eq, in_groups
from ml_connector.connectors.remembered import Many, Remembered, forget_older
from ml_connector.connectors.rows import integer, is_set, text
from ml_connector.connectors.texts import code

VENDOR_AGE: Final = 60.0
"""Seconds a vendor is remembered: a block must be noticed soon."""
SNAPSHOT_AGE: Final = 300.0


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What posting needs to know of a supplier."""

    number: int
    """The lasting key, which invoices carry."""
    code: str
    """As the ledger spells it."""
    is_usable: bool
    terms: str = ""
    currency: str = ""


class Books:
    """The company's own books as far as checking and writing need them."""

    def __init__(self, client: Kinetic, *, chart: str = "") -> None:
        self._client = client
        self._chart = chart
        self.vendors = Many(self._load_vendors, age=VENDOR_AGE)
        """By VendorID in capitals."""
        self.chart = Remembered(self._load_chart, age=SNAPSHOT_AGE)
        self.values = Many(self._load_values, age=SNAPSHOT_AGE)
        """Segment values by `number/code` in capitals."""
        self.accounts = Many(self._load_accounts, age=SNAPSHOT_AGE)
        """By stored form: whether the chart has that combination."""
        self.tax_categories = Remembered(self._load_tax_categories, age=SNAPSHOT_AGE)
        """By code in capitals: as the ledger spells it."""
        self.currencies = Remembered(self._load_currencies, age=SNAPSHOT_AGE)
        """Codes in capitals, and whether each is in use."""

    def forget_older(self) -> bool:
        """Before somebody is turned down: True where something has to be read again, as it may have been mended."""
        return forget_older(
            (self.vendors, self.chart, self.values, self.accounts, self.tax_categories, self.currencies)
        )

    def look_again(self, vendors: Iterable[str], values: Iterable[Value]) -> None:
        """Has suppliers and segment values read anew: the server posts on what was blocked since a bill was saved."""
        self.vendors.forget(vendors)
        self.values.forget(map(_value_key, values))

    async def values_of(self, wanted: set[Value]) -> Mapping[Value, ValueFacts | None]:
        """What is known of some segment values."""
        found = await self.values.get(map(_value_key, wanted))
        return {each: found[_value_key(each)] for each in wanted}

    async def _load_vendors(self, wanted: frozenset[str]) -> Mapping[str, VendorFacts]:
        select = ("VendorNum", "VendorID", "Inactive", "TermsCode", "CurrencyCode")
        found: dict[str, VendorFacts] = {}
        for where in in_groups((eq("VendorID", each) for each in sorted(wanted - {""})), length=FILTER_LENGTH):
            for row in await self._client.rows(VENDORS, where=where, select=select):
                found[code(text(row, "VendorID"))] = VendorFacts(
                    number=integer(row, "VendorNum"),
                    code=text(row, "VendorID"),
                    is_usable=not is_set(row, "Inactive"),
                    terms=text(row, "TermsCode"),
                    currency=text(row, "CurrencyCode"),
                )
        return found

    async def _load_chart(self) -> Chart:
        select = ("COACode", "SegmentNbr", "SegmentName", "Dynamic", "EntryControl")
        where = eq("COACode", self._chart) if self._chart else None
        rows = await self._client.rows(SEGMENTS, where=where, select=select)
        codes = sorted({text(row, "COACode") for row in rows})
        if self._chart and not codes:
            raise set_up(f"the chart of accounts {self._chart} has no segments, or is none (chart)")
        if len(codes) != 1:
            raise set_up(f"the company has {len(codes)} charts of accounts ({', '.join(codes)}): set which one (chart)")
        return Chart(codes[0], tuple(sorted((Segment.of(row) for row in rows), key=lambda each: each.number)))

    async def _load_values(self, wanted: frozenset[str]) -> Mapping[str, ValueFacts]:
        chart = await self.chart.get()
        asked = [each.partition("/")[::2] for each in sorted(wanted)]
        parts = (all_of(eq("SegmentNbr", int(segment)), eq("SegmentCode", value)) for segment, value in asked)
        select = ("COACode", "SegmentNbr", "SegmentCode", "ActiveFlag", "EffectiveFrom", "EffectiveTo")
        found: dict[str, ValueFacts] = {}
        for group in in_groups(parts, length=FILTER_LENGTH):
            where = all_of(eq("COACode", chart.code), group)
            for row in await self._client.rows(SEGMENT_VALUES, where=where, select=select):
                found[f"{integer(row, 'SegmentNbr')}/{code(text(row, 'SegmentCode'))}"] = ValueFacts(row)
        return found

    async def _load_accounts(self, wanted: frozenset[str]) -> Mapping[str, bool]:
        chart = await self.chart.get()
        asked = sorted(wanted)
        found = await asyncio.gather(*(self._exists(chart.code, each) for each in asked))
        return dict(zip(asked, found, strict=True))

    async def _exists(self, chart: str, stored: str) -> bool:
        answer = await self._client.call(
            ACCOUNT_SERVICE, "GlAccountExists", {"ipCOACode": chart, "ipGLAccount": stored}
        )
        return answer.returned is True

    async def _load_tax_categories(self) -> Mapping[str, str]:
        rows = await self._client.rows(TAX_CATEGORIES, select=("TaxCatID",))
        return {code(text(row, "TaxCatID")): text(row, "TaxCatID") for row in rows}

    async def _load_currencies(self) -> Mapping[str, bool]:
        rows = await self._client.rows(CURRENCIES, select=("CurrencyCode", "Inactive"))
        return {code(text(row, "CurrencyCode")): not is_set(row, "Inactive") for row in rows}


def _value_key(value: Value) -> str:
    segment, said = value
    return f"{segment}/{said}"
