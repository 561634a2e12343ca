"""Invoices as they are stored: looked up, totalled, taken out again (Epicor dossier 9.1, 17.36-40)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import no_record, rejected
from ml_connector.sandbox.epicor_kinetic.receipts import free_receipt
from ml_connector.sandbox.epicor_kinetic.schema import Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO
from ml_connector.sandbox.trade import rounded

HEAD, LINE, AMOUNT, ACCOUNT, TAX, LINK = (
    "APInvHed",
    "APInvDtl",
    "APInvExp",
    "APInvExpTGLC",
    "APInvTax",
    "APInvHedAttch",
)
CHILDREN = (LINE, AMOUNT, ACCOUNT, TAX, LINK)
"""The tables below a header that the sandbox keeps."""
RATE_CODE = "STD"


def invoice_of(books: Books, vendor: int, number: str) -> Row | None:
    """The invoice of that supplier and number, whatever the case of its letters."""
    return books.table(HEAD).get(books.id, vendor, number)


def stored_invoice(books: Books, vendor: int, number: str) -> Row:
    """The invoice of that supplier and number; raises Refusal."""
    head = invoice_of(books, vendor, number)
    if head is None:
        raise no_record()
    return head


def parts_of(books: Books, table: str, head: Row) -> list[Row]:
    """The rows of one table below a header, in the order of their keys."""
    return books.table(table).below(books.id, head["VendorNum"], head["InvoiceNum"])


def tableset_of(books: Books, heads: Iterable[Row]) -> Tableset:
    """Whole invoices, as methods give them back after a save; nothing is marked in them."""
    found: Tableset = {HEAD: [], **{table: [] for table in CHILDREN}}
    for head in heads:
        found[HEAD].append({**head, "RowMod": ""})
        for table in CHILDREN:
            found[table] += [{**row, "RowMod": ""} for row in parts_of(books, table, head)]
    return found


def total_invoice(books: Books, head: Row, *, taxed: bool) -> Row:
    """Brings a header's sums up to its lines, with the taxes worked out anew where `taxed`; returns it as stored."""
    lines = parts_of(books, LINE, head)
    if taxed:
        _write_taxes(books, head, lines)
    net = sum((line.get("DocExtCost", ZERO) for line in lines), ZERO)
    tax = sum((row.get("DocTaxAmt", ZERO) for row in parts_of(books, TAX, head)), ZERO)
    sums = sums_of(head, net + tax, tax)
    return books.table(HEAD).put({**head, **sums}) if any(head.get(name) != sums[name] for name in sums) else head


def sums_of(head: Row, total: Decimal, tax: Decimal) -> Row:
    """The sums of an invoice that is not posted, in its own and in the base currency."""
    rate, asked = head.get("ExchangeRate") or Decimal(1), head.get("DocInvoiceVendorAmt", ZERO)
    return {
        "DocInvoiceAmt": total,
        "InvoiceAmt": rounded(total * rate),
        "DocTaxAmt": tax,
        "TaxAmt": rounded(tax * rate),
        "InvoiceVendorAmt": rounded(asked * rate),
        "ScrDocInvoiceVendorAmt": -asked if head.get("DebitMemo") else asked,
        "DocInvoiceVariance": asked - total,
        "InvoiceVariance": rounded((asked - total) * rate),
        "DocInvoiceBal": total,
        "InvoiceBal": rounded(total * rate),
        "DocUnpostedBal": total,
        "UnpostedBal": rounded(total * rate),
    }


def _write_taxes(books: Books, head: Row, lines: list[Row]) -> None:
    """One tax row for each category, rounded once; rows that somebody wrote by hand stay (Epicor dossier 9.6)."""
    table = books.table(TAX)
    before = {row["TaxCode"]: row for row in parts_of(books, TAX, head)}
    bases: dict[str, Decimal] = {}
    for line in lines if head.get("TaxRegionCode") else ():
        category = line.get("TaxCatID", "")
        if category and not line.get("TaxExempt"):
            bases[category] = bases.get(category, ZERO) + line.get("DocExtCost", ZERO)
    for code, row in before.items():
        if code not in bases and not row.get("Manual"):
            table.drop(row)
    for code, base in bases.items():
        found = before.get(code)
        if found is not None and found.get("Manual"):
            continue
        wanted = {**(found or {}), **_tax_row(books, head, code, base)}
        if found is None or any(found.get(name) != value for name, value in wanted.items()):
            table.put(wanted)


def _tax_row(books: Books, head: Row, code: str, base: Decimal) -> Row:
    percent = books.tax_percent(code)
    amount = rounded(base * percent / 100)
    rate = head.get("ExchangeRate") or Decimal(1)
    return {
        "Company": books.id,
        "VendorNum": head["VendorNum"],
        "InvoiceNum": head["InvoiceNum"],
        "TaxCode": code,
        "RateCode": RATE_CODE,
        "ECAcquisitionSeq": 0,
        "Percent": percent,
        "DocTaxableAmt": base,
        "TaxableAmt": rounded(base * rate),
        "DocReportableAmt": base,
        "ReportableAmt": rounded(base * rate),
        "DocTaxAmt": amount,
        "TaxAmt": rounded(amount * rate),
        "DocDedTaxAmt": amount,
        "DebitMemo": bool(head.get("DebitMemo")),
        "CurrencyCode": head["CurrencyCode"],
        "GroupID": head["GroupID"],
    }


def drop_line(books: Books, head: Row, line: Row) -> None:
    """Removes a line with its GL rows; what it took of a receipt is free again."""
    below = (books.id, head["VendorNum"], head["InvoiceNum"], line["InvoiceLine"])
    for table in (ACCOUNT, AMOUNT):
        for row in books.table(table).below(*below):
            books.table(table).drop(row)
    books.table(LINE).drop(line)
    free_receipt(books, line)


def drop_invoice(books: Books, head: Row) -> None:
    """Removes an invoice that is not posted, with all below it; raises Refusal."""
    if head.get("Posted"):
        raise rejected("Posted invoices cannot be deleted.", table=HEAD)
    for line in parts_of(books, LINE, head):
        drop_line(books, head, line)
    for table in (TAX, LINK):
        for row in parts_of(books, table, head):
            books.table(table).drop(row)
    books.table(HEAD).drop(head)
