"""The header of an invoice while it is drawn up: `GetNew...` and `Change...` store nothing (Epicor dossier 9.4)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import rejected
from ml_connector.sandbox.epicor_kinetic.groups import period_of, writable_group
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.invoices import HEAD, invoice_of, sums_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation, tableset
from ml_connector.sandbox.epicor_kinetic.schema import Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import (
    INVOICE_SERVICE,
    INVOICE_TABLES,
    ZERO,
    day_of,
    edited,
    new_row,
    number,
    opened,
    stamp_of,
    text,
    whole,
)
from ml_connector.sandbox.trade import PaymentTerm

RATE_GROUP = "MAIN"


@operation(INVOICE_SERVICE, "GetNewAPInvHedInvoice")
def new_invoice(visit: Visit, asked: Row) -> Outcome:
    """A new invoice in a group."""
    return _added(visit, asked, debit_memo=False)


@operation(INVOICE_SERVICE, "GetNewAPInvHedDebitMemo")
def new_debit_memo(visit: Visit, asked: Row) -> Outcome:
    """A new debit memo: what suppliers call a credit note (Epicor dossier 9.6)."""
    return _added(visit, asked, debit_memo=True)


def _added(visit: Visit, asked: Row, *, debit_memo: bool) -> Outcome:
    group = writable_group(visit.books, visit.user, asked["cGroupID"])
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    ds[HEAD].append(blank_header(visit.books, group, debit_memo=debit_memo))
    return Outcome(parameters={"ds": ds})


def blank_header(books: Books, group: Row, *, debit_memo: bool) -> Row:
    """What a header of that group starts from."""
    calendar = ("FiscalYear", "FiscalPeriod", "FiscalYearSuffix", "FiscalCalendarID")
    return new_row(
        books,
        HEAD,
        GroupID=group["GroupID"],
        DebitMemo=debit_memo,
        ApplyDate=group.get("ApplyDate"),
        **{name: group.get(name) for name in calendar},
        CurrencyCode=books.currency,
        RateGrpCode=RATE_GROUP,
        ExchangeRate=Decimal(1),
        OpenPayable=True,
        ReadyToCalc=books.switches.tax_calculated,
    )


@operation(INVOICE_SERVICE, "ChangeVendorID")
def change_vendor(visit: Visit, asked: Row) -> Outcome:
    """Takes a supplier and what comes with it: terms, currency, tax region."""
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    vendor = visit.books.vendor_by_code(text(asked["ProposedVendorID"]))
    for row in edited(ds, HEAD):
        fill_from_vendor(visit.books, row, vendor)
    return Outcome(parameters={"confirmMsg": "", "ds": ds})


@operation(INVOICE_SERVICE, "ChangeRefPONum")
def change_reference_order(visit: Visit, asked: Row) -> Outcome:
    """Takes the supplier, the currency and the terms of an order."""
    ds, order_number = opened(tableset(asked["ds"]), INVOICE_TABLES), whole(asked["ProposedRefPONum"])
    order = visit.books.table("POHeader").get(visit.books.id, order_number)
    if order is None:
        raise rejected(f"PO {order_number} is not valid.", table=HEAD, field="REFPONum")
    for row in edited(ds, HEAD):
        fill_from_vendor(visit.books, row, visit.books.vendor(order["VendorNum"]))
        row |= {"REFPONum": order_number, "TermsCode": order.get("TermsCode", "")}
        take_currency(visit.books, row, order["CurrencyCode"])
        _fall_due(visit.books, row)
    return Outcome(parameters={"confirmMsg": "", "ds": ds})


def fill_from_vendor(books: Books, row: Row, vendor: Row | None) -> None:
    """Puts a supplier into a header, with what it brings; raises Refusal for one that cannot be billed."""
    checked = usable_vendor(vendor)
    row |= {
        "VendorNum": checked["VendorNum"],
        "VendorNumVendorID": checked["VendorID"],
        "VendorNumName": checked.get("Name", ""),
        "TermsCode": checked.get("TermsCode", ""),
        "TaxRegionCode": checked.get("TaxRegionCode", ""),
        "PMUID": checked.get("PMUID", 0),
    }
    take_currency(books, row, checked.get("CurrencyCode") or books.currency, strict=False)
    _fall_due(books, row)


def usable_vendor(vendor: Row | None) -> Row:
    """A supplier that can be billed; raises Refusal."""
    if vendor is None:
        raise rejected("Supplier is not valid.", table=HEAD, field="VendorNumVendorID")
    if vendor.get("Inactive"):
        raise rejected(f"Supplier {vendor['VendorID']} is inactive.", table=HEAD, field="VendorNumVendorID")
    return vendor


@operation(INVOICE_SERVICE, "ChangeCurrencyMaster", "ChangeCurrency")
def change_currency(visit: Visit, asked: Row) -> Outcome:
    """Takes another currency with the rate of the day."""
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    for row in edited(ds, HEAD):
        take_currency(visit.books, row, text(asked["ProposedCurrencyCode"]))
        row["RateGrpCode"] = text(asked.get("vRateGrpCode")) or RATE_GROUP
        row.update(sums_of(row, row.get("DocInvoiceAmt", ZERO), row.get("DocTaxAmt", ZERO)))
    return Outcome(parameters={"ds": ds})


def take_currency(books: Books, row: Row, code: str, *, strict: bool = True) -> None:
    """Puts a currency and its rate into a header; where `strict`, raises Refusal when there is none."""
    known = books.table("Currency").get(books.id, code)
    if strict and (known is None or known.get("Inactive")):
        raise rejected(f"Currency {code} is not valid.", table=HEAD, field="CurrencyCode")
    rate = books.factor(code, _rate_day(books, row))
    if strict and not rate:
        raise rejected(f"There is no exchange rate for currency {code}.", table=HEAD, field="ExchangeRate")
    row |= {"CurrencyCode": code, "ExchangeRate": rate}


def _rate_day(books: Books, row: Row) -> str:
    day = day_of(row.get("InvoiceDate")) or day_of(row.get("ApplyDate")) or books.store.today()
    return day.isoformat()


@operation(INVOICE_SERVICE, "ChangeInvoiceDateEx", "ChangeInvoiceDate", "ChangeInvoiceDateWithDateCheck")
def change_invoice_date(visit: Visit, asked: Row) -> Outcome:
    """Another date of the paper: moves the due date and the rate, not the apply date."""
    ds, day = opened(tableset(asked["ds"]), INVOICE_TABLES), _day_asked(asked["ProposedInvoiceDate"], "InvoiceDate")
    for row in edited(ds, HEAD):
        row["InvoiceDate"] = stamp_of(day)
        _fall_due(visit.books, row)
        if not row.get("LockRate"):
            take_currency(visit.books, row, row["CurrencyCode"], strict=False)
    return Outcome(parameters={"cMessageText": "", "ds": ds})


@operation(INVOICE_SERVICE, "OnChangeofApplyDateEx", "OnChangeofApplyDate", "OnChangeofApplyDateWithDateCheck")
def change_apply_date(visit: Visit, asked: Row) -> Outcome:
    """Another posting date, and the fiscal period that it falls into; raises Refusal where that one is closed."""
    ds, day = opened(tableset(asked["ds"]), INVOICE_TABLES), _day_asked(asked["NewApplyDate"], "ApplyDate")
    check_period(visit.books, day)
    for row in edited(ds, HEAD):
        row |= {"ApplyDate": stamp_of(day), **period_of(day)}
    return Outcome(parameters={"DateMessage": "", "ds": ds})


def check_period(books: Books, day: date | None) -> None:
    """Raises Refusal where nothing may be posted on that day; the text is an assumption (Epicor dossier 9.4)."""
    if day is None or not books.period_is_open(day.isoformat()):
        shown = "" if day is None else day.isoformat()
        raise rejected(f"Apply date {shown} is in a closed fiscal period.", table=HEAD, field="ApplyDate")


def _day_asked(value: object, field: str) -> date:
    day = day_of(value)
    if day is None:
        raise rejected(f"{field} is required.", table=HEAD, field=field)
    return day


@operation(INVOICE_SERVICE, "ChangeInvoiceVendorAmt")
def change_vendor_amount(visit: Visit, asked: Row) -> Outcome:
    """The supplier's total, as the screen takes it: positive for a debit memo too (Epicor dossier 9.6)."""
    ds, amount = opened(tableset(asked["ds"]), INVOICE_TABLES), number(asked["ProposedInvoiceVendorAmt"])
    for row in edited(ds, HEAD):
        row["DocInvoiceVendorAmt"] = amount * input_sign(visit.books, row)
        row.update(sums_of(row, row.get("DocInvoiceAmt", ZERO), row.get("DocTaxAmt", ZERO)))
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangeTermsCode")
def change_terms(visit: Visit, asked: Row) -> Outcome:
    """Other terms, and the due date that comes of them."""
    ds, code = opened(tableset(asked["ds"]), INVOICE_TABLES), text(asked["ProposedTermsCode"])
    if visit.books.table("PurTerms").get(visit.books.id, code) is None:
        raise rejected(f"Terms code {code} is not valid.", table=HEAD, field="TermsCode")
    for row in edited(ds, HEAD):
        row["TermsCode"] = code
        _fall_due(visit.books, row)
    return Outcome(parameters={"ds": ds})


def _fall_due(books: Books, row: Row) -> None:
    """The due date of the terms, where there is an invoice date (Epicor dossier 17.30)."""
    term = _term(books, row.get("TermsCode", ""))
    invoiced = day_of(row.get("InvoiceDate"))
    if term is None or invoiced is None:
        return
    row["DueDate"] = stamp_of(invoiced + timedelta(days=term.days))
    row["DiscountDate"] = stamp_of(invoiced + timedelta(days=term.discount_days)) if term.discount_days else None


def _term(books: Books, code: str) -> PaymentTerm | None:
    found = books.table("PurTerms").get(books.id, code)
    if found is None:
        return None
    return PaymentTerm(code, "", int(found.get("DueDays", 0)), int(found.get("DiscountDays", 0)))


@operation(INVOICE_SERVICE, "ChangeDueDate")
def change_due_date(_: Visit, asked: Row) -> Outcome:
    """Another due date."""
    ds, day = opened(tableset(asked["ds"]), INVOICE_TABLES), _day_asked(asked["ProposedDueDate"], "DueDate")
    for row in edited(ds, HEAD):
        row["DueDate"] = stamp_of(day)
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangeInvoiceRef")
def change_invoice_reference(visit: Visit, asked: Row) -> Outcome:
    """The invoice that a debit memo is about: of the same supplier, no debit memo itself; blank is allowed."""
    ds, reference = opened(tableset(asked["ds"]), INVOICE_TABLES), text(asked["ProposedInvoiceRef"])
    for row in edited(ds, HEAD):
        found = invoice_of(visit.books, row.get("VendorNum", 0), reference) if reference else None
        if reference and (found is None or found.get("DebitMemo")):
            raise rejected(f"Invoice {reference} is not valid.", table=HEAD, field="InvoiceRef")
        row["InvoiceRef"] = reference
    return Outcome(parameters={"ds": ds})


def input_sign(books: Books, row: Row) -> int:
    """What turns an amount as it is entered into the one that is kept: debit memos are entered positive (17.37)."""
    return -1 if row.get("DebitMemo") and not habits_of(books).signed_input else 1


def one_header(ds: Tableset, vendor: int, invoice: str) -> Row | None:
    """The header of that supplier and number in a tableset."""
    wanted = invoice.rstrip().lower()
    for row in ds.get(HEAD) or ():
        if row.get("VendorNum") == vendor and text(row.get("InvoiceNum")).lower() == wanted:
            return row
    return None
