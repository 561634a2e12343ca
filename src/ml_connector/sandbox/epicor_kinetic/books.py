"""One company of the database: its tables, its switches and the look-ups everybody needs."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.epicor_kinetic.schema import STORED, TABLES, Row, keys_of
from ml_connector.sandbox.epicor_kinetic.table import Store, Table
from ml_connector.sandbox.trade import TradingCompany

CHART = "MAIN"
SITE = "MfgSys"
CALENDAR = "MAIN"
PAYABLES_ACCOUNT = "2400"
TAX_ACCOUNT = "2939"
BANK_ACCOUNT = "1910"
DOMESTIC = "DOMESTIC"
FOREIGN = "FOREIGN"
SEGMENTS = {"DEPARTMENT": 2, "AREA": 3, "PROJECT": 4}
"""Which segment carries which dimension; 1 is the natural account, PROJECT is dynamic, CAMPAIGN has none."""
DYNAMIC = 4

_INDEXED: dict[str, tuple[str, ...]] = {
    "Vendor": ("VendorID",),
    "GLAccount": ("SegValue1",),
    "COASegValues": ("SegmentNbr",),
    "APInvHed": ("VendorNum", "InvoiceNum", "GroupID", "ExternalID", "Posted"),
    "APInvDtl": ("PONum", "PackSlip"),
    "POHeader": ("VendorNum",),
    "PORel": ("PONum",),
    "RcvDtl": ("PONum", "VendorNum", "PackSlip"),
    "CheckHed": ("VendorNum",),
    "APTran": ("VendorNum", "InvoiceNum", "HeadNum"),
    "SysTask": ("SubmitUser",),
}
_FIRST = {"CheckHed": 90_400, "SysTask": 7_000, "JournalNum": 310, "CheckNum": 50_000_000, "GLJrn": 12_000}
"""Where the counters begin, so that no two objects are mistaken for one another by chance."""


@dataclass(slots=True)
class Switches:
    """What the administrator of one company can set, and habits of the server that are not known for sure."""

    duplicate_status: int = 409
    """409 or 400 for a row whose key exists (Epicor dossier 17.31)."""
    stale_status: int = 400
    coding: str = "lost"
    """`lost`: the server makes the GL rows of a new line itself and drops what came along; `kept` (dossier 9.5.3)."""
    all_combinations: bool = False
    """Every combination of values is a GL account, as where somebody has had all of them generated."""
    strict_accounts: bool = False
    """An account unknown to the chart is refused when it is saved, not only at posting (Epicor dossier 17.35)."""
    auto_lock: bool = False
    """XbSyst.AutoLockFinGroups."""
    prompts: int = 0
    """How many calls of UpdateMaster ask something instead of saving."""
    posting_seconds: float = 0.2
    """How long the task that posts a group takes."""
    posting_task: str = "Complete"
    """`Complete` or `Error`: how it ends."""
    whole_group: bool = False
    """One bad invoice keeps the whole group from posting."""
    agent: bool = True
    """A task agent runs."""
    legal_numbers: bool = False
    tax_calculated: bool = True
    """The server calculates tax at every save; otherwise only when SetReadyToCalc says so."""
    default_account: str = ""
    """What GL rows get that the server makes, stored form; empty for none."""


def company_id(code: str) -> str:
    """The ERP's company id that Basware's company code stands for."""
    return f"EPIC{code}"


@dataclass(slots=True)
class Books:
    """The books of one company. `tables` by table name, `rates` by currency: first day and base currency for one."""

    company: TradingCompany
    store: Store
    id: str = field(init=False)
    tables: dict[str, Table] = field(init=False)
    switches: Switches = field(default_factory=Switches)
    posting_from: date = field(init=False)
    posting_to: date = field(init=False)
    rates: dict[str, list[tuple[str, Decimal]]] = field(init=False)
    counters: dict[str, int] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Uploaded files by what UploadFile returned: name and bytes."""
    scratch: dict[str, Any] = field(default_factory=dict)
    """What documents keep beside the tables, such as postings under way."""

    def __post_init__(self) -> None:
        self.id = company_id(self.company.code)
        self.tables = {
            name: Table(self.store, TABLES[name], keys_of(name), indexed=_INDEXED.get(name, ())) for name in STORED
        }
        self.posting_from = self.company.posting_from
        self.posting_to = self.company.posting_to
        self.rates = {}
        for currency, start, rate in sorted(self.company.rates):
            self.rates.setdefault(currency, []).append((start.isoformat(), rate))

    @property
    def currency(self) -> str:
        """The base currency."""
        return self.company.currency

    def table(self, name: str) -> Table:
        """The table of that name."""
        return self.tables[name]

    def next_number(self, counter: str) -> int:
        """The next number of a counter; those that a failure used up stay used up."""
        self.counters[counter] = self.counters.get(counter, _FIRST.get(counter, 0)) + 1
        return self.counters[counter]

    def vendor(self, number: int) -> Row | None:
        """The supplier of that VendorNum."""
        return self.tables["Vendor"].get(self.id, number)

    def vendor_by_code(self, code: str) -> Row | None:
        """The supplier of that VendorID, whatever the case."""
        return next(iter(self.tables["Vendor"].find("VendorID", code)), None)

    def period_is_open(self, day: str) -> bool:
        """True when the fiscal period of that day (`YYYY-MM-DD...`) takes postings."""
        return self.posting_from <= date.fromisoformat(day[:10]) <= self.posting_to

    def factor(self, currency: str, day: str) -> Decimal:
        """Base currency for one unit on that day; 0 when there is no rate, 1 for the base currency."""
        if currency in ("", self.currency):
            return Decimal(1)
        rates = self.rates.get(currency, [])
        at = bisect_right(rates, day[:10], key=lambda rate: rate[0])
        return rates[at - 1][1] if at else Decimal(0)

    def tax_percent(self, category: str) -> Decimal:
        """The rate of a tax category, 0 for one that is not there."""
        row = self.tables["TaxCat"].get(self.id, category)
        return Decimal(0) if row is None else row["_percent"]

    def account(self, stored: str) -> Row | None:
        """The GL account of that stored form, `5100|D010|A01`; blank segments at the end make no difference."""
        plain = stored.rstrip("|")
        row = self.tables["GLAccount"].get(self.id, CHART, plain)
        return self._generated(plain) if row is None and self.switches.all_combinations else row

    def _generated(self, stored: str) -> Row | None:
        """The account of values that all exist; those in the middle may be blank."""
        values = dict(enumerate(stored.split("|"), 1))
        if not values[1] or not all(self.segment_value(number, code) for number, code in values.items() if code):
            return None
        return {"GLAccount1": stored, "Active": True, **{f"SegValue{number}": code for number, code in values.items()}}

    def account_fault(self, stored: str, day: str) -> str:
        """Why an account cannot be posted to on that day; empty when it can (Epicor dossier 13)."""
        row = self.account(stored)
        if row is None:
            return f"GL Account {stored} does not exist."
        if not row.get("Active", False) or not _lasts(row, "EffFrom", "EffTo", day):
            return f"GL Account {stored} is not active."
        natural = self.segment_value(1, str(row["SegValue1"]))
        if natural is None or not natural.get("ActiveFlag", False):
            return f"GL Account {stored} is not active."
        return ""

    def segment_value(self, segment: int, code: str) -> Row | None:
        """A value of a segment of the chart."""
        return self.tables["COASegValues"].get(self.id, CHART, segment, code)


def _lasts(row: Row, start: str, end: str, day: str) -> bool:
    first, last = row.get(start), row.get(end)
    return (not first or first[:10] <= day[:10]) and (not last or day[:10] <= last[:10])
