"""From an approved invoice to the bill the ledger is asked to post: pure, complete, without guesses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.connectors.side import MappingRules
from ml_connector.records.invoice import ApprovedInvoice, Bill, BillLine, CodingRow, DocumentKind
from ml_connector.records.money import add_up, round_amount
from ml_connector.records.reason import Finding, Reason


@dataclass(frozen=True, slots=True)
class Coded:
    """A bill, or everything that keeps it from being one."""

    bill: Bill | None
    findings: tuple[Finding, ...]


def kind_of(invoice: ApprovedInvoice, mapping: MappingRules) -> DocumentKind:
    """A credit note is told by its type; a negative gross always counts."""
    if invoice.type_code in mapping.credit_note_types:
        return DocumentKind.CREDIT_NOTE
    total = invoice.gross if invoice.gross is not None else invoice.net
    return DocumentKind.CREDIT_NOTE if total is not None and total < 0 else DocumentKind.INVOICE


def posting_date_of(invoice: ApprovedInvoice, mapping: MappingRules, *, today: date) -> date | None:
    """By `mapping.posting_date`; the invoice date where the voucher date is empty."""
    if mapping.posting_date == "transferDate":
        return today
    if mapping.posting_date == "voucherDate":
        return invoice.voucher_date or invoice.invoice_date
    return invoice.invoice_date


def code_invoice(
    invoice: ApprovedInvoice, mapping: MappingRules, *, key: str, today: date, number_length: int
) -> Coded:
    """The bill of an invoice, or all that speaks against it.

    Sums of a credit note are turned positive, whichever sign the payables system gave them.
    """
    findings = [*_header_findings(invoice, number_length), *_row_findings(invoice)]
    posting_date = posting_date_of(invoice, mapping, today=today)
    if invoice.invoice_date is not None and posting_date is None:
        findings.append(Finding(Reason.DATE_MISSING, "posting date"))
    if findings or invoice.invoice_date is None or posting_date is None:
        return Coded(None, tuple(findings))
    kind = kind_of(invoice, mapping)
    sign = _sign(invoice, kind)
    lines = tuple(_line(invoice, row, mapping, sign=sign) for row in invoice.rows)
    findings = _sum_findings(invoice, lines, sign)
    if findings:
        return Coded(None, tuple(findings))
    net, gross = sums_of(invoice)
    bill = Bill(
        key=key,
        kind=kind,
        vendor=invoice.supplier,
        number=invoice.number,
        invoice_date=invoice.invoice_date,
        posting_date=posting_date,
        due_date=invoice.due_date,
        currency=invoice.currency,
        exchange_rate=invoice.exchange_rate,
        net=sign * net,
        tax=sign * (gross - net),
        gross=sign * gross,
        description=invoice.description,
        lines=lines,
        order_numbers=invoice.order_numbers,
        reference=invoice.reference,
    )
    return Coded(bill, ())


def sums_of(invoice: ApprovedInvoice) -> tuple[Decimal, Decimal]:
    """Net and gross as given; of the three sums any two tell the third."""
    net, tax, gross = invoice.net, invoice.tax, invoice.gross
    if net is None and gross is not None and tax is not None:
        net = gross - tax
    if gross is None and net is not None and tax is not None:
        gross = net + tax
    if net is None or gross is None:
        raise ValueError("The invoice has neither its net nor its gross sum.")
    return net, gross


def _header_findings(invoice: ApprovedInvoice, number_length: int) -> list[Finding]:
    findings: list[Finding] = []
    if not invoice.supplier:
        findings.append(Finding(Reason.VENDOR_UNKNOWN, "(none given)"))
    if not invoice.number.strip():
        findings.append(Finding(Reason.NUMBER_MISSING))
    elif len(invoice.number) > number_length:
        findings.append(Finding(Reason.NUMBER_TOO_LONG, f"{invoice.number} (at most {number_length} characters)"))
    if invoice.invoice_date is None:
        findings.append(Finding(Reason.DATE_MISSING, "invoice date"))
    if not invoice.currency:
        findings.append(Finding(Reason.CURRENCY_UNKNOWN, "(none given)"))
    try:
        sums_of(invoice)
    except ValueError:
        findings.append(Finding(Reason.SUMS_DIFFER, "its net or gross sum is missing"))
    return findings


def _row_findings(invoice: ApprovedInvoice) -> list[Finding]:
    if not invoice.rows:
        return [Finding(Reason.CODING_MISSING, "it has no coding rows")]
    findings: list[Finding] = []
    for row in invoice.rows:
        if not row.account:
            findings.append(Finding(Reason.CODING_MISSING, f"row {row.index} has no account"))
        if row.net is None:
            findings.append(Finding(Reason.CODING_MISSING, f"row {row.index} has no net sum"))
    return findings


def _sum_findings(invoice: ApprovedInvoice, lines: tuple[BillLine, ...], sign: int) -> list[Finding]:
    net, gross = sums_of(invoice)
    currency = invoice.currency
    findings: list[Finding] = []
    rows = round_amount(add_up(line.net for line in lines), currency)
    if rows != round_amount(sign * net, currency):
        findings.append(Finding(Reason.SUMS_DIFFER, f"the rows make {rows}, the invoice's net sum is {sign * net}"))
    tax = invoice.tax
    if tax is not None and round_amount(net + tax, currency) != round_amount(gross, currency):
        findings.append(Finding(Reason.SUMS_DIFFER, f"net {net} and tax {tax} do not make gross {gross}"))
    return findings


def _sign(invoice: ApprovedInvoice, kind: DocumentKind) -> int:
    net, gross = sums_of(invoice)
    total = gross or net
    return -1 if kind is DocumentKind.CREDIT_NOTE and total < 0 else 1


def _line(invoice: ApprovedInvoice, row: CodingRow, mapping: MappingRules, *, sign: int) -> BillLine:
    assert row.net is not None, "rows without a sum were found before"
    text = row.fields.get(mapping.line_description, "") or invoice.description or invoice.number
    dimensions = {rule.erp: row.fields[rule.basware] for rule in mapping.dimensions if row.fields.get(rule.basware)}
    return BillLine(
        account=row.account,
        net=sign * row.net,
        description=text,
        tax_code=mapping.tax_codes.get(row.tax_code, row.tax_code),
        tax=None if row.tax is None else sign * row.tax,
        dimensions=dimensions,
        order_number=row.order_number,
        order_line=row.order_line,
        receipt_number=row.receipt_number,
        quantity=abs(row.quantity) if row.quantity is not None else None,
    )


def within_tolerance(ledger_gross: Decimal, gross: Decimal, currency: str, mapping: MappingRules) -> bool:
    """True where the ledger's total is close enough; exact where the currency has no tolerance."""
    return abs(ledger_gross - gross) <= mapping.tolerance.get(currency, Decimal(0))
