"""What checking and writing need to know of the tenant, read at most once for all who ask at the same time.

Each kind of knowledge is kept for a stated age, short where it decides about posting. Exchange rates are not among
it: the endpoint does not tell them, its refusal does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import zip_longest
from typing import Final

from ml_connector.connectors.acumatica.client import Acumatica, any_key
from ml_connector.connectors.acumatica.manifest import FILTER_LENGTH
from ml_connector.connectors.acumatica.mapping import BLOCKED_VENDORS
from ml_connector.connectors.acumatica.subaccounts import SEPARATOR, blank_of, segments
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.odata import any_of, chunks_of_filter
from ml_connector.connectors.remembered import Many, Remembered, forget_older
from ml_connector.connectors.rows import Row, day, is_set, parts, text
from ml_connector.connectors.texts import code

VENDOR_AGE: Final = 60.0
"""Seconds a vendor is remembered: a block must be noticed soon."""
PERIOD_AGE: Final = 60.0
SNAPSHOT_AGE: Final = 300.0

RUNNING: Final = "Active"
"""The one state of a project or task in which bills may be coded on it (assumption)."""
_FORBIDDEN: Final = 403
_NARROW_PAGE: Final = 5_000
"""Rows of two short fields: one request rather than ten, of which a licence allows so many a minute."""
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What posting needs to know of a vendor."""

    code: str
    """As the ledger spells it."""
    is_usable: bool
    currency: str = ""
    may_bill_in_others: bool = True
    subaccount: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """A financial period."""

    id: str
    """`MMYYYY`: the first part is its number in the financial year, which need not be a calendar month."""
    starts: date
    ends: date
    """Its last day."""
    is_open: bool


@dataclass(frozen=True, slots=True)
class Subaccounts:
    """All subaccounts, and what can be told of their segments."""

    codes: Mapping[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])
    """By the code as it is compared: how it is spelt, and whether it is active."""
    values: tuple[frozenset[str], ...] = ()
    """What each segment holds in any code."""
    blank: str = ""
    """The code of zeros only."""

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Subaccounts:
        """From the list of them."""
        codes = {plain(text(row, "SubaccountCD")): (text(row, "SubaccountCD"), is_set(row, "Active")) for row in rows}
        spelt = [each for each, _ in codes.values()]
        places = zip_longest(*map(segments, spelt), fillvalue="")
        return cls(codes, tuple(frozenset(map(code, place)) for place in places), blank_of(spelt))

    def find(self, spelt: str) -> tuple[str, bool] | None:
        """How a code is spelt and whether it is active; bodies carry it with or without separators."""
        return self.codes.get(plain(spelt))

    def knows(self, segment: int, value: str) -> bool:
        """True where a segment, counted from 1, has that value in any code."""
        return 0 < segment <= len(self.values) and code(value) in self.values[segment - 1]

    def spelling_of(self, told: str) -> str:
        """A code as the list spells it; the blank one where it is none of them."""
        known = self.find(told)
        return known[0] if known else self.blank


def plain(spelt: str) -> str:
    """A subaccount as it is compared: recorded bodies have it without separators (Acumatica dossier 9.1.1)."""
    return code(spelt.replace(SEPARATOR, ""))


class Books:
    """The tenant's own books as far as checking and writing need them."""

    def __init__(self, client: Acumatica) -> None:
        self._client = client
        self.vendors = Many(self._load_vendors, age=VENDOR_AGE)
        """By code in capitals."""
        self.accounts = Remembered(self._load_accounts, age=SNAPSHOT_AGE)
        """By code in capitals: whether it is active."""
        self.subaccounts = Remembered(self._load_subaccounts, age=SNAPSHOT_AGE)
        self.projects = Many(self._load_projects, age=SNAPSHOT_AGE)
        """By code in capitals: whether it is active."""
        self.tasks = Many(self._load_tasks, age=SNAPSHOT_AGE)
        """By `PROJECT/TASK` in capitals."""
        self.tax_categories = Remembered(self._load_tax_categories, age=SNAPSHOT_AGE)
        self.currencies = Remembered(self._load_currencies, age=SNAPSHOT_AGE)
        self.years = Remembered(self._load_years, age=SNAPSHOT_AGE)
        self._periods = Many(self._load_periods, age=PERIOD_AGE)
        """By financial year."""

    def forget_older(self) -> bool:
        """Before somebody is turned down: True where something has to be read again, as it may have been mended."""
        return forget_older((
            self.vendors, self.accounts, self.subaccounts, self.projects, self.tasks, self.tax_categories,
            self.currencies, self.years, self._periods,
        ))  # fmt: skip

    async def _load_vendors(self, wanted: frozenset[str]) -> Mapping[str, VendorFacts]:
        select = ("VendorID", "Status", "CurrencyID", "EnableCurrencyOverride", "APSubaccount")
        found: dict[str, VendorFacts] = {}
        for group in chunks_of_filter("VendorID", sorted(wanted - {""}), length=FILTER_LENGTH):
            for row in await self._client.rows("Vendor", where=any_of("VendorID", group), select=select):
                found[code(text(row, "VendorID"))] = vendor_facts(row)
        return found

    async def _load_accounts(self) -> Mapping[str, bool]:
        rows = await self._client.rows("Account", select=("AccountCD", "Active"), size=_NARROW_PAGE)
        return {code(text(row, "AccountCD")): is_set(row, "Active") for row in rows}

    async def _load_subaccounts(self) -> Subaccounts:
        return Subaccounts.of(await self._where_allowed("Subaccount", ("SubaccountCD", "Active")))

    async def _load_projects(self, wanted: frozenset[str]) -> Mapping[str, bool]:
        # Without the totals, which are of another view (Acumatica dossier 4.2).
        found: dict[str, bool] = {}
        for group in chunks_of_filter("ProjectID", sorted(wanted - {""}), length=FILTER_LENGTH):
            rows = await self._where_allowed("Project", ("ProjectID", "Status"), any_of("ProjectID", group))
            found |= {code(text(row, "ProjectID")): text(row, "Status") == RUNNING for row in rows}
        return found

    async def _load_tasks(self, wanted: frozenset[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        keys = sorted(tuple(each.partition("/")[::2]) for each in wanted)
        for start in range(0, len(keys), _AT_ONCE):
            where = any_key("ProjectTask", keys[start : start + _AT_ONCE])
            rows = await self._where_allowed("ProjectTask", ("ProjectID", "ProjectTaskID", "Status"), where)
            found |= {
                code(f"{text(row, 'ProjectID')}/{text(row, 'ProjectTaskID')}"): text(row, "Status") == RUNNING
                for row in rows
            }
        return found

    async def _load_tax_categories(self) -> Mapping[str, tuple[str, bool]]:
        rows = await self._client.rows("TaxCategory", select=("TaxCategoryID", "Active"))
        return {code(text(row, "TaxCategoryID")): (text(row, "TaxCategoryID"), is_set(row, "Active")) for row in rows}

    async def _load_currencies(self) -> frozenset[str]:
        rows = await self._client.rows("Currency", select=("CurrencyID", "Active"))
        return frozenset(code(text(row, "CurrencyID")) for row in rows if is_set(row, "Active"))

    # ------------------------------------------------------------------ periods

    async def periods_on(self, days: Iterable[date]) -> dict[date, Period | None]:
        """The financial period that each day lies in, None where none was generated for it."""
        asked = set(days)
        years = await self.years.get()
        year_of = {each: _year_on(years, each) for each in asked}
        found = await self._periods.get({year for year in year_of.values() if year})
        return {each: _on(found.get(year_of[each]) or (), each) for each in asked}

    async def periods_between(self, since: date, until: date) -> tuple[Period, ...]:
        """The financial periods that have any of the days from `since` to `until`."""
        years = await self.years.get()
        first = _year_on(years, since)
        wanted = {year for starts, year in years if year == first or since <= starts <= until}
        found = await self._periods.get(wanted)
        every = (each for periods in found.values() for each in periods or ())
        return tuple(each for each in every if each.starts <= until and each.ends >= since)

    async def _load_years(self) -> tuple[tuple[date, str], ...]:
        rows = await self._client.rows("FinancialPeriod", select=("FinancialYear", "StartDate"))
        return tuple(
            sorted(
                (starts, text(row, "FinancialYear")) for row in rows if (starts := day(row, "StartDate")) is not None
            )
        )

    async def _load_periods(self, years: frozenset[str]) -> Mapping[str, tuple[Period, ...]]:
        wanted = sorted(years)
        # By key: a list need not bring the periods (Acumatica dossier 4.2).
        found = await asyncio.gather(
            *(self._client.get("FinancialPeriod", year, expand=("Details",), missing_ok=True) for year in wanted)
        )
        return {
            year: periods_of(parts(row, "Details")) for year, row in zip(wanted, found, strict=True) if row is not None
        }

    async def _where_allowed(self, entity: str, select: tuple[str, ...], where: str = "") -> list[Row]:
        """The rows; none where the feature is off, which is answered as a right that is missing (dossier 8)."""
        try:
            return await self._client.rows(entity, where=where, select=select, size=_NARROW_PAGE)
        except Refused as refusal:
            if refusal.status == _FORBIDDEN:
                return []
            raise


# ------------------------------------------------------------------ pieces


def vendor_facts(row: Row) -> VendorFacts:
    """A vendor as bills need it."""
    currency = code(text(row, "CurrencyID"))
    return VendorFacts(
        code=text(row, "VendorID"),
        is_usable=text(row, "Status") not in BLOCKED_VENDORS,
        currency=currency,
        # An empty check box is not known to be off.
        may_bill_in_others=not currency or row.get("EnableCurrencyOverride") is not False,
        subaccount=text(row, "APSubaccount"),
    )


def _year_on(years: tuple[tuple[date, str], ...], when: date) -> str:
    """The financial year that began last."""
    return next((year for starts, year in reversed(years) if starts <= when), "")


def periods_of(rows: Iterable[Row]) -> tuple[Period, ...]:
    """The periods of a financial year in their order; those for adjustments, which have no days, are passed over.

    A period ends where the next one begins, whether its own end is told as the last day or as the one after it.
    """
    begun = sorted(
        ((starts, row) for row in rows if (starts := day(row, "StartDate")) is not None and _has_days(row)),
        key=lambda each: each[0],
    )
    nexts = [starts for starts, _ in begun[1:]]
    return tuple(
        Period(period_id(text(row, "FinancialPeriodID")), starts, _end_of(row, starts, after), _is_open(row))
        for (starts, row), after in zip(begun, [*nexts, None], strict=True)
    )


def _has_days(row: Row) -> bool:
    return not is_set(row, "AdjustmentPeriod") and day(row, "StartDate") != day(row, "EndDate")


def _end_of(row: Row, starts: date, after: date | None) -> date:
    if after is not None:
        return after - timedelta(days=1)
    return day(row, "EndDate") or starts


def _on(periods: Iterable[Period], when: date) -> Period | None:
    return next((each for each in periods if each.starts <= when <= each.ends), None)


def period_id(told: str) -> str:
    """`MMYYYY`, also where it is told as `MM-YYYY` (Acumatica dossier 3.3)."""
    return told.replace("-", "")


def _is_open(row: Row) -> bool:
    # Assumption: no status is that of an open one; labels are those of the form GL201000.
    return text(row, "Status") in ("", "Open") and not is_set(row, "ClosedInAP")
