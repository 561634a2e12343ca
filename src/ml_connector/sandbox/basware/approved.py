"""Approved invoices of the trading company as Basware writes them (dossier 3.4 to 3.7)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ml_connector.sandbox.basware.wire import Fields, stamp
from ml_connector.sandbox.trade import CodingRow, Invoice, TradingCompany, Vendor, rounded

_SPREAD = timedelta(days=3)
_DIMENSION_FIELDS = {
    "DEPARTMENT": ("costCenterCode", "costCenterName"),
    "PROJECT": ("projectCode", "projectName"),
    "AREA": ("dimCode1", "dimName1"),
    "CAMPAIGN": ("dimCode2", "dimName2"),
}
_TYPE_NAMES = {"RE": "Invoice", "CN": "Credit note"}


@dataclass(frozen=True, slots=True)
class Directory:
    """The company's names by code."""

    vendors: dict[str, Vendor]
    accounts: dict[str, str]
    values: dict[tuple[str, str], str]


def approved_documents(company: TradingCompany, now: datetime) -> Iterator[tuple[Fields, datetime]]:
    """Every invoice waiting for transfer, with the moment it was approved: the last days, ascending."""
    directory = Directory(
        {vendor.number: vendor for vendor in company.vendors},
        {account.number: account.name for account in company.accounts},
        {(value.dimension, value.code): value.name for value in company.dimension_values},
    )
    step = _SPREAD / (len(company.invoices) + 1)
    for index, invoice in enumerate(company.invoices, 1):
        yield _document(invoice, company, directory), now - _SPREAD + step * index


def _document(invoice: Invoice, company: TradingCompany, directory: Directory) -> Fields:
    head = {
        "invoiceId": invoice.document_id,
        "bumid": str(uuid.uuid5(uuid.NAMESPACE_URL, invoice.document_id)),
        "p2pProcessingMode": "Standard",
        "invoiceNumber": invoice.number,
        "processingStatus": "WaitingForTransfer",
        "originService": 100,
        "companyCode": company.code,
        "companyName": company.name,
        "organizationCode": "ACMEGRP",
        "organizationName": "Acme Group",
        "invoiceTypeCode": invoice.type_code,
        "invoiceTypeName": _TYPE_NAMES.get(invoice.type_code),
        "description": invoice.description,
        "paymentBlock": False,
        "prebooked": False,
        "orderNumbers": list(invoice.order_numbers),
        "invoiceImageURL": f"https://p2p.example/image/{invoice.document_id}",
    }
    rows = [_row(invoice, row, index, directory) for index, row in enumerate(invoice.rows, 1)]
    parts = (head, _supplier(invoice, directory), _dates(invoice), _sums(invoice, company))
    document = {name: value for part in parts for name, value in part.items()} | {"codingRows": rows}
    return without_empty(document)


def without_empty(fields: Fields) -> Fields:
    """The fields without those that hold nothing: Basware leaves them out."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [])}


def _supplier(invoice: Invoice, directory: Directory) -> Fields:
    vendor = directory.vendors.get(invoice.vendor)
    return {
        "supplierCode": invoice.vendor,
        "supplierName": invoice.vendor_name,
        "paymentTermCode": vendor.payment_term if vendor else None,
        "referenceNumber": str(int(invoice.document_id[:10], 16)),
    }


def _dates(invoice: Invoice) -> Fields:
    return {
        "invoiceDate": _day(invoice.invoice_date),
        "baseLineDate": _day(invoice.invoice_date),
        "voucherDate": _day(invoice.voucher_date),
        "dueDate": _day(invoice.due_date),
        "accountingPeriod": invoice.voucher_date.strftime("%Y-%m"),
        "accountingGroup": invoice.voucher_date.strftime("%B %Y"),
    }


def _sums(invoice: Invoice, company: TradingCompany) -> Fields:
    codes = {row.tax_code for row in invoice.rows}
    return {
        "currencyCode": invoice.currency,
        "netSum": invoice.net,
        "grossSum": invoice.gross,
        "taxSum1": invoice.tax,
        "taxSum2": Decimal(0),
        "taxCode": codes.pop() if len(codes) == 1 else None,
        "currencyCodeCompany": company.currency,
        "exchangeRateCompany": invoice.rate,
        "netSumCompany": rounded(invoice.net * invoice.rate),
        "grossSumCompany": rounded(invoice.gross * invoice.rate),
        "taxSum1Company": rounded(invoice.tax * invoice.rate),
    }


def _row(invoice: Invoice, row: CodingRow, index: int, directory: Directory) -> Fields:
    fields = {
        "externalCode": uuid.uuid5(uuid.NAMESPACE_OID, f"{invoice.document_id}/{index}").hex,
        "rowIndex": index,
        "accountCode": row.account,
        "accountName": directory.accounts.get(row.account),
        "matchingType": 0,
        "netTotal": row.net,
        "grossTotal": row.gross,
        "netTotalCompany": rounded(row.net * invoice.rate),
        "grossTotalCompany": rounded(row.gross * invoice.rate),
        "taxCode": row.tax_code,
        "taxPercent": row.tax_percent,
        "taxSum": row.tax,
        "orderNumber": row.order_number,
        "orderLineNumber": row.order_line,
        "text1": row.text,
    }
    for dimension, code in row.dimensions:
        code_field, name_field = _DIMENSION_FIELDS[dimension]
        fields[code_field] = code
        fields[name_field] = directory.values.get((dimension, code))
    return without_empty(fields)


def _day(day: date) -> str:
    return stamp(datetime(day.year, day.month, day.day, tzinfo=UTC)).replace(".000Z", "Z")


def invoice_lines(document: Fields) -> list[Fields]:
    """The document's invoice lines, one for each coding row, for tenants that have them switched on."""
    return [
        without_empty(
            {
                "externalCode": uuid.uuid5(uuid.NAMESPACE_OID, f"line/{row['externalCode']}").hex,
                "rowIndex": row.get("rowIndex"),
                "productName": row.get("text1") or document.get("description"),
                "quantity": Decimal(1),
                "quantityUnit": "PCE",
                "netPrice": row.get("netTotal"),
                "netSum": row.get("netTotal"),
                "grossSum": row.get("grossTotal"),
                "taxCode": row.get("taxCode"),
                "taxPercent": row.get("taxPercent"),
                "taxSum": row.get("taxSum"),
                "orderNumber": row.get("orderNumber"),
                "orderRowNumber": row.get("orderLineNumber"),
            }
        )
        for row in document.get("codingRows") or []
    ]
