"""The resources that can be read: their envelopes, page sizes and filters, each its own way (Visma dossier 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from ml_connector.sandbox.visma_net.errors import bad_request
from ml_connector.sandbox.visma_net.wire import Row, read_moment

Test = Callable[[Row], bool]
Filter = Callable[[str], Test]
"""From the text of a parameter to the test of a row; raises Refusal (400) for a text that is no such value."""
Comparable = Callable[[Row], Any]
Reader = Callable[[str], Any]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}


class Envelope(StrEnum):
    """How a list is wrapped (Visma dossier 6.1)."""

    METADATA = "A"
    """An array whose every element carries the totals."""
    RECORDS = "B"
    """An object with the totals and the records."""
    BARE = "C"


@dataclass(frozen=True, slots=True)
class Condition:
    """A value that rows are compared with; its operator comes in a parameter of its own."""

    of: Comparable
    read: Reader

    def test(self, value: str, operator: str) -> Test:
        """The test; raises Refusal (400) where either cannot be read. There is no `between`."""
        compare = _OPERATORS.get(operator.strip())
        if compare is None:
            raise bad_request(f"The condition '{operator}' is not supported.")
        wanted = self.read(value)

        def passes(row: Row) -> bool:
            found = self.of(row)
            return found is not None and compare(found, wanted)

        return passes


@dataclass(frozen=True, slots=True)
class Resource:
    """One list and what its records go by."""

    name: str
    """As in the description; paths are matched without regard to case."""
    table: str
    envelope: Envelope
    page_max: int | None = None
    """The largest page; None where everything comes at once and page parameters are ignored."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Members that lists leave out unless the flag is set; without a flag they are never shown."""
    version: int = 1
    stamped: bool = True
    tagged: bool = True
    """Records carry their row version."""
    created: bool = False
    """Records tell when they were made."""
    single: bool = True
    """One can be read by its key."""


def member(row: Row, path: str) -> Any:
    """A member by its path, None where a step is missing."""
    found: Any = row
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def equal(path: str) -> Filter:
    """The member is that text."""
    return lambda value: lambda row: str(member(row, path) or "").lower() == value.strip().lower()


def flag(path: str) -> Filter:
    """The member is true, or false."""
    return lambda value: lambda row: bool(member(row, path)) is (value.strip().lower() == "true")


def _above(value: str) -> Test:
    return lambda row: str(row["_key"]).rpartition("/")[2] > value


def _any_line(lines: str, name: str) -> Filter:
    """A line has that text."""
    return lambda value: lambda row: any(line[name] == value for line in row[lines])


def _released(value: str) -> Test:
    """1 for what was released: open or closed (Visma dossier 17.18)."""
    wanted = value.strip() == "1"
    return lambda row: (row["status"] in ("Open", "Closed")) is wanted


def _period(value: str) -> Test:
    """Those after a year, or after a period of a year."""
    return lambda row: f"{row['year']}{row['period']}"[: len(value)] > value


def _day(value: str) -> date:
    return read_moment(value).date()


def _number(value: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation:
        raise bad_request(f"The value '{value}' is not valid for a number.") from None


def _on(name: str) -> Condition:
    return Condition(lambda row: date.fromisoformat(row[name][:10]) if row.get(name) else None, _day)


MODIFIED = {"lastModifiedDateTime": Condition(lambda row: row["_modified"], read_moment)}
CREATED = {"createdDateTime": Condition(lambda row: row["_created"], read_moment)}
_AFTER: Mapping[str, Filter] = {"greaterThanValue": _above}
_INVOICE_FILTERS: Mapping[str, Filter] = {
    **_AFTER,
    "supplier": equal("supplier.number"),
    "documentType": equal("documentType"),
    "released": _released,
    "status": equal("status"),
    "branch": equal("branchNumber.number"),
    "financialPeriod": equal("financialPeriod"),
}
_INVOICE_CONDITIONS = {
    **MODIFIED,
    **CREATED,
    "dueDate": _on("dueDate"),
    "docDate": _on("date"),
    "balance": Condition(lambda row: row.get("balance"), _number),
}
_INVOICE_HIDDEN = {"attachments": "expandAttachment", "note": "expandNote"}
_DOCUMENT_HIDDEN = {"note": "expandNote"} | dict.fromkeys(
    (
        "paymentRefNo", "exchangeRate", "creditTerms", "supplierTaxZone", "taxCalculationMode", "paySelected", "hold",
        "invoiceLines", "taxDetailLines", "detailTotal", "vatAmount", "vatTaxableTotal", "vatExemptTotal",
        "discountTotal", "roundingDiff", "detailTotalInCurrency", "vatTaxableTotalInCurrency", "attachments",
        "vatExemptTotalInCurrency", "discountTotalInCurrency", "roundingDiffInCurrency",
    ),
    "",
)  # fmt: skip
_ORDER_FILTERS: Mapping[str, Filter] = {
    **_AFTER,
    "orderType": equal("orderType"),
    "orderStatus": equal("status"),
    "supplier": equal("supplier.number"),
    "branch": equal("branch.number"),
}
_ORDER_CONDITIONS = {**MODIFIED, "orderDate": _on("date"), "deliveryDate": _on("promisedOn")}
_PROJECT_FILTERS: Mapping[str, Filter] = {"status": equal("status"), "visibleInAP": flag("visibility.visibleInAp")}


def _bare(name: str, table: str = "", **more: Any) -> Resource:
    return replace(Resource(name, table or name, Envelope.BARE, tagged=False, conditions=MODIFIED), **more)


def _paged(name: str, page_max: int, table: str = "", **more: Any) -> Resource:
    return replace(Resource(name, table or name, Envelope.METADATA, page_max, conditions=MODIFIED), **more)


_ALL = (
    _paged(
        "supplier",
        1000,
        filters={
            **_AFTER,
            "name": equal("name"),
            "status": equal("status"),
            "vatRegistrationId": equal("vatRegistrationId"),
            "corporateId": equal("corporateId"),
        },
        hidden={"glAccounts": "expandAccountInformation", "note": "expandNote"},
    ),
    _paged(
        "supplierInvoice",
        500,
        filters=_INVOICE_FILTERS,
        conditions=_INVOICE_CONDITIONS,
        created=True,
        hidden=_INVOICE_HIDDEN,
    ),
    _paged(
        "supplierdocument",
        500,
        "supplierInvoice",
        filters=_INVOICE_FILTERS,
        conditions=_INVOICE_CONDITIONS,
        hidden=_DOCUMENT_HIDDEN,
        created=True,
        single=False,
    ),
    _paged(
        "supplierPayment",
        500,
        filters={
            **_AFTER,
            "invoiceRefNbr": _any_line("paymentLines", "invoiceRefNbr"),
            "paymentType": equal("type"),
            "supplier": equal("supplier.number"),
            "status": equal("status"),
            "branch": equal("branch"),
        },
        conditions={**MODIFIED, "docDate": _on("applicationDate")},
    ),
    _paged("purchaseorder", 500, filters=_ORDER_FILTERS, conditions=_ORDER_CONDITIONS),
    _paged(
        "purchaseorderbasic",
        500,
        "purchaseorder",
        filters=_ORDER_FILTERS,
        conditions=_ORDER_CONDITIONS,
        hidden={"terms": "", "openQuantity": ""},
    ),
    _paged(
        "PurchaseReceipt",
        500,
        version=2,
        filters={
            **_AFTER,
            "receiptType": equal("receiptType"),
            "status": equal("status"),
            "supplier": equal("supplier.number"),
            "branch": equal("branchNumber.number"),
            "poOrderNbr": _any_line("lines", "poOrderNbr"),
        },
        conditions={**MODIFIED, "receiptDate": _on("date")},
        hidden={"note": "expandNote"},
    ),
    Resource(
        "account",
        "account",
        Envelope.METADATA,
        filters={**_AFTER, "active": flag("active"), "publicCode": equal("publicCode1")},
        conditions=MODIFIED,
        hidden={"accountClassDescription": "includeAccountClassDescription"},
    ),
    _paged("subaccount", 1000, filters={"active": flag("active")}, tagged=False),
    Resource(
        "creditTerm",
        "creditTerm",
        Envelope.RECORDS,
        1000,
        filters={"termsId": equal("termsId")},
        conditions={**MODIFIED, **CREATED},
        created=True,
        tagged=False,
        single=False,
    ),
    _bare("vat"),
    _bare("vatCategory", filters=_AFTER, conditions={**MODIFIED, **CREATED}),
    _paged("vatZone", 500, conditions={}, stamped=False, tagged=False),
    _paged("project", 500, filters=_PROJECT_FILTERS, conditions={**MODIFIED, **CREATED}),
    _paged(
        "projectbasic",
        500,
        "project",
        filters=_PROJECT_FILTERS,
        conditions={**MODIFIED, **CREATED},
        hidden={"tasks": ""},
        single=False,
    ),
    _bare("branch", filters=_AFTER, hidden={"currency": "expandCurrency", "mainAddress": "expandAddress"}),
    _bare("organization", filters=_AFTER),
    _bare("currency", conditions={}, stamped=False),
    _bare("currencyrate", conditions={}, stamped=False, single=False, version=2),
    _bare("financialPeriod", conditions={}, stamped=False, filters={"greaterThanValue": _period}),
    _bare("cashaccount", filters=_AFTER),
    _bare("paymentmethod", filters=_AFTER, stamped=False),
    _bare("department", filters=_AFTER),
)
RESOURCES: Mapping[tuple[int, str], Resource] = {(each.version, each.name.lower()): each for each in _ALL}
"""By version and name in lower case."""
