"""The head of a document: partner, branch, dates, currency and totals, checked in the order B1 checks them.

B1 stops at the first fault (B1 dossier 7, 10.3).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from ml_connector.sandbox.sap_business_one.bases import check_bases, find_base
from ml_connector.sandbox.sap_business_one.books import Books, Duplicates, Period
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_records, rejected
from ml_connector.sandbox.sap_business_one.kinds import DocumentKind
from ml_connector.sandbox.sap_business_one.lines import SERVICE, ZERO, Head, draw_line, group_tax, is_frozen, summed
from ml_connector.sandbox.sap_business_one.schema import Row

HEAD_INPUTS = frozenset(
    {
        "DocType",
        "CardCode",
        "NumAtCard",
        "DocDate",
        "TaxDate",
        "VatDate",
        "DocDueDate",
        "DocCurrency",
        "DocRate",
        "PaymentGroupCode",
        "PaymentMethod",
        "PaymentBlock",
        "PaymentBlockEntry",
        "Comments",
        "JournalMemo",
        "Reference1",
        "Reference2",
        "PaymentReference",
        "BPL_IDAssignedToInvoice",
        "Series",
        "DocumentSubType",
        "ControlAccount",
        "Project",
        "Indicator",
        "AgentCode",
        "SalesPersonCode",
        "DocumentsOwner",
        "ContactPersonCode",
        "AttachmentEntry",
        "DocumentReferences",
        "Rounding",
        "RoundingDiffAmount",
        "Confirmed",
        "Address",
        "OpeningRemarks",
        "ClosingRemarks",
        "FederalTaxID",
        "ManualNumber",
        "TransportationCode",
        "RequriedDate",
    }
)
"""What a request can set on a document; everything else B1 works out, and ignores where it is sent."""
_NOT_SIMULATED = (
    "DiscountPercent",
    "DocumentAdditionalExpenses",
    "WithholdingTaxDataCollection",
    "WithholdingTaxDataWTXCollection",
    "DownPaymentsToDraw",
)
"""What would change the sums in a way that is not simulated: refused rather than ignored."""


def draw_document(books: Books, kind: DocumentKind, body: Row, *, draft: bool = False) -> Row:
    """The document as it would be stored, without its numbers; raises B1Error. Nothing is written."""
    table, rows = ("ODRF", "DRF1") if draft else (kind.table, kind.rows)
    given = {name: value for name, value in body.items() if name in HEAD_INPUTS and value is not None}
    vendor = _vendor(books, table, given.get("CardCode"), given.get("DocDate") or books.today())
    # Released for what comes after, unless the request says otherwise (domain knowledge).
    usual: Row = {"DocType": "dDocument_Items", "DocObjectCode": kind.object_code, "Confirmed": "tYES"}
    row: Row = {**usual, **_from_vendor(vendor), **given}
    _check_branch(books, table, row)
    _take_dates(books, table, row)
    _check_series(kind, row)
    rate = _take_currency(books, table, row, vendor)
    head = Head(
        books=books,
        kind=kind,
        table=rows,
        service=row["DocType"] == SERVICE,
        vendor=vendor,
        currency=row["DocCurrency"],
        rate=rate,
        day=row["DocDate"],
        tax_day=row["TaxDate"],
    )
    lines = list(_lines(head, row, body.get("DocumentLines") or []))
    if books.switches.group_tax:
        lines = group_tax(head, lines)
    check_bases(head, lines)
    _check_references(books, table, row)
    row["DocumentLines"] = lines
    row |= _totals(head, row, lines)
    _refuse_unsimulated(body, row)
    if not lines or row["DocTotal"] < 0:
        raise rejected("Document total value must be zero or greater than zero")
    return row


def check_duplicate(books: Books, kind: DocumentKind, row: Row, *, own: int | None = None) -> None:
    """Raises 10001467 where the company blocks a supplier's number that was used before (B1 dossier 11.1)."""
    number, mode = row.get("NumAtCard"), books.switches.duplicates
    if not number or not kind.is_bill or mode in (Duplicates.OFF, Duplicates.WARNING):
        return
    for other in books.table(kind.entity_set).find("NumAtCard", number):
        same = mode is Duplicates.ALL or other["CardCode"] == row["CardCode"]
        lately = not books.switches.fiscal_year_only or other["DocDate"][:4] == row["DocDate"][:4]
        if same and lately and other["CancelStatus"] == "csNo" and other["DocEntry"] != own:
            raise rejected("10001467 - There is already a record with duplicated customer/vendor reference number.")


def _vendor(books: Books, table: str, code: str | None, day: str) -> Row:
    vendor = books.table("BusinessPartners").get(code) if code else None
    if vendor is None or vendor["CardType"] != "cSupplier":
        raise rejected(f"Invalid BP code [{table}.CardCode] , '{code or ''}'")
    if is_frozen(vendor, day):
        raise rejected(f"Business partner is inactive [{table}.CardCode] , '{code}'")
    return vendor


def _from_vendor(vendor: Row) -> Row:
    return {
        "CardName": vendor.get("CardName"),
        "Address": vendor.get("Address"),
        "FederalTaxID": vendor.get("FederalTaxID"),
        "PaymentGroupCode": vendor.get("PayTermsGrpCode"),
        "ControlAccount": vendor.get("DebitorAccount"),
        "PaymentBlock": vendor.get("PaymentBlock") or "tNO",
        "JournalMemo": f"A/P - {vendor['CardCode']}",
    }


def _check_branch(books: Books, table: str, row: Row) -> None:
    """Service Layer does not fill in the user's branch as the desktop does (B1 dossier 15.21)."""
    if not books.switches.branches:
        return
    branch = books.table("BusinessPlaces").get(row.get("BPL_IDAssignedToInvoice") or 0)
    if branch is None or branch.get("Disabled") == "tYES":
        raise rejected(f"Specify an active branch [{table}.BPLId]")
    row["BPLName"] = branch["BPLName"]
    row["VATRegNum"] = branch.get("VATRegNum")


def _take_dates(books: Books, table: str, row: Row) -> None:
    row.setdefault("DocDate", books.today())
    for name in ("TaxDate", "VatDate"):
        row.setdefault(name, row["DocDate"])
    period = books.period(row["DocDate"])
    if period is Period.MISSING:
        raise rejected(f"Date deviates from permissible range [{table}.DocDate] , '{row['DocDate']}'")
    if period is Period.LOCKED:
        raise B1Error(-4013, f"Posting period locked; specify an alternative date [{table}.DocDate]")
    terms = row.get("PaymentGroupCode")
    known = books.table("PaymentTermsTypes").get(terms) if terms is not None else None
    if terms is not None and known is None:
        raise rejected(f"Invalid payment terms [{table}.GroupNum] , '{terms}'")
    if "DocDueDate" not in row:
        row["DocDueDate"] = due_date(known, row, books.today())


def due_date(terms: Row | None, row: Row, today: str) -> str:
    """When a document falls due under those terms."""
    if terms is None:
        return row["DocDate"]
    baselines = {"bld_TaxDate": row["TaxDate"], "bld_SystemDate": today}
    day = date.fromisoformat(baselines.get(terms.get("BaselineDate") or "", row["DocDate"]))
    start = terms.get("StartFrom")
    if start == "pdt_MonthEnd":
        day = _month_end(day)
    elif start == "pdt_HalfMonth":
        day = day.replace(day=15) if day.day <= 15 else _month_end(day)
    elif start == "pdt_MonthStart":
        day = _month_end(day) + timedelta(days=1)
    months = day.month - 1 + (terms.get("NumberOfAdditionalMonths") or 0)
    year, month = day.year + months // 12, months % 12 + 1
    day = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    return (day + timedelta(days=terms.get("NumberOfAdditionalDays") or 0)).isoformat()


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _check_series(kind: DocumentKind, row: Row) -> None:
    if row.setdefault("Series", kind.series) != kind.series:
        raise B1Error(
            -4002, "To generate this document, first define the numbering series in the Administration module"
        )


def _take_currency(books: Books, table: str, row: Row, vendor: Row) -> Decimal:
    """The currency of the request, else the partner's; the rate of the request, else that of the posting date."""
    own = vendor.get("Currency")
    currency = row.setdefault("DocCurrency", books.currency if own in (None, "", "##") else own)
    if books.table("Currencies").get(currency) is None:
        raise rejected(f"Invalid currency code [{table}.DocCur] , '{currency}'")
    if currency == books.currency:
        row["DocRate"] = Decimal(1)
        return Decimal(1)
    if not row.get("DocRate"):
        row["DocRate"] = books.factor(currency, row["DocDate"])
    if row["DocRate"] <= 0:
        raise rejected(f"Update the exchange rate [{table}.DocRate] , '{currency}'")
    return row["DocRate"]


def _lines(head: Head, row: Row, given: list[Row]) -> Iterator[Row]:
    """The lines, numbered as they come: LineNum counts from 0 and a request cannot choose it on a new document."""
    for at, line in enumerate(given, 1):
        base = find_base(head, row, line, at)
        drawn = draw_line(head, line, at, base)
        if line.get("_keep") is not None:
            drawn["LineNum"] = line["_keep"]
        yield drawn


def _check_references(books: Books, table: str, row: Row) -> None:
    entry = row.get("AttachmentEntry")
    if entry is not None and books.table("Attachments2").get(entry) is None:
        raise no_records()
    project = row.get("Project")
    if project and books.table("Projects").get(project) is None:
        raise rejected(f"Invalid project code [{table}.Project] , '{project}'")


def _refuse_unsimulated(body: Row, row: Row) -> None:
    """B1 would spread a different DocTotal as a discount, and take the rest into the sums."""
    named = [name for name in _NOT_SIMULATED if body.get(name)]
    if body.get("DocTotal") not in (None, row["DocTotal"]):
        named.append("DocTotal")
    if named:
        raise B1Error(-5006, f"The sandbox does not simulate {', '.join(named)} on this document")


def _totals(head: Head, row: Row, lines: list[Row]) -> Row:
    """The sums of the head. The system currency is the local one; rounding is taken as it is sent."""
    rounding: Decimal = row.get("RoundingDiffAmount", ZERO) if row.get("Rounding") == "tYES" else ZERO
    tax, tax_foreign = summed(lines, "TaxTotal"), summed(lines, "NetTaxAmountFC")
    total, foreign = summed(lines, "GrossTotal") + rounding, summed(lines, "GrossTotalFC")
    return {
        "DocTotal": total,
        "DocTotalFc": foreign if head.foreign else ZERO,
        "DocTotalSys": total,
        "VatSum": tax,
        "VatSumFc": tax_foreign,
        "VatSumSys": tax,
        "BaseAmount": summed(lines, "LineTotal"),
        "RoundingDiffAmount": rounding,
        "PaidToDate": ZERO,
        "PaidToDateFC": ZERO,
        "PaidToDateSys": ZERO,
        "DocumentStatus": "bost_Open",
        "Cancelled": "tNO",
        "CancelStatus": "csNo",
        "AuthorizationStatus": "dasWithout",
        "NumberOfInstallments": 1,
        "DocumentInstallments": [
            {
                "InstallmentId": 1,
                "DueDate": row["DocDueDate"],
                "Percentage": Decimal(100),
                "Total": total,
                "TotalFC": foreign if head.foreign else ZERO,
                "PaymentOrdered": "tNO",
            }
        ],
    }
