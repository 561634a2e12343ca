"""Documents and responses: Basware's payloads <-> our records. Pure: no I/O, no clock (Basware dossier 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from ml_connector.connectors.base import PaymentResponse, TransferResponse
from ml_connector.connectors.basware.codes import cut
from ml_connector.records.invoice import ApprovedInvoice, Attachment, CodingRow, TransferStage

MESSAGE_LENGTH: Final = 250
VOUCHER_LENGTH: Final = 25
SOURCE_LENGTH: Final = 32
_SHORT, _LONG = 25, 250
BANK_FIELDS: Final = frozenset(
    {"supplierBankIBAN", "supplierBankBBAN", "supplierBankBIC", "supplierBankName", "invoiceImageToken"}
)
"""Left out wherever a document is kept: bank details, and a token that opens the image."""

STAGES: Final[Mapping[str, TransferStage]] = {
    "WaitingForTransfer": TransferStage.OFFERED,
    "TransferInProgress": TransferStage.FETCHED,
    "Transferred": TransferStage.TRANSFERRED,
    "Paid": TransferStage.TRANSFERRED,
    "TransferFailed": TransferStage.FAILED,
}
"""Of some thirty processing statuses those that speak of a transfer (Basware dossier 3.3)."""


@dataclass(frozen=True, slots=True)
class BaswareInvoice(ApprovedInvoice):
    """An approved invoice with the payload it was read from, bank details left out."""

    payload: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)


def parse_invoice(payload: Mapping[str, Any]) -> BaswareInvoice:
    """A document of Basware's as we know it. Unknown members are kept in the payload and otherwise ignored.

    Raises ValueError where it does not even say which document it is.
    """
    kept = {name: value for name, value in payload.items() if name not in BANK_FIELDS}
    if not _text(kept, "invoiceId"):
        raise ValueError("A document came without its invoiceId.")
    return BaswareInvoice(
        document_id=_text(kept, "invoiceId"),
        company=_text(kept, "companyCode"),
        status=_text(kept, "processingStatus"),
        stage=STAGES.get(_text(kept, "processingStatus"), TransferStage.OTHER),
        number=_text(kept, "invoiceNumber"),
        type_code=_text(kept, "invoiceTypeCode"),
        supplier=_text(kept, "supplierCode"),
        supplier_name=_text(kept, "supplierName"),
        currency=_text(kept, "currencyCode"),
        net=_number(kept, "netSum"),
        tax=_sum(kept, "taxSum1", "taxSum2"),
        gross=_number(kept, "grossSum"),
        invoice_date=parse_date(kept.get("invoiceDate")),
        voucher_date=parse_date(kept.get("voucherDate")),
        due_date=parse_date(kept.get("dueDate")),
        exchange_rate=_number(kept, "exchangeRateCompany"),
        description=_text(kept, "description"),
        reference=_text(kept, "referenceNumber"),
        payment_term=_text(kept, "paymentTermCode"),
        rows=_rows(_objects(kept, "codingRows")),
        fields=_texts(kept),
        order_numbers=_strings(kept.get("orderNumbers")),
        attachments=tuple(map(_attachment, _objects(kept, "attachments"))),
        responses=responses_of(kept, "transferResponses"),
        updated=parse_moment(kept.get("lastUpdated")),
        payload=kept,
    )


def responses_of(payload: Mapping[str, Any], member: str) -> dict[str, bool]:
    """Codes of the responses a document has, and whether each told of success."""
    return {
        _text(each, "externalCode"): each.get("success") is True
        for each in _objects(payload, member)
        if each.get("externalCode")
    }


def _rows(rows: Iterable[Mapping[str, Any]]) -> tuple[CodingRow, ...]:
    parsed = [_row(row, place) for place, row in enumerate(rows, start=1)]
    return tuple(sorted(parsed, key=lambda row: row.index))


def _row(row: Mapping[str, Any], place: int) -> CodingRow:
    index = row.get("rowIndex")
    return CodingRow(
        index=int(index) if isinstance(index, int | Decimal) else place,
        account=_text(row, "accountCode"),
        net=_number(row, "netTotal"),
        gross=_number(row, "grossTotal"),
        tax=_sum(row, "taxSum", "taxSum2"),
        tax_code=_text(row, "taxCode"),
        tax_percent=_number(row, "taxPercent"),
        order_number=_text(row, "orderNumber"),
        order_line=_text(row, "orderLineNumber"),
        receipt_number=_text(row, "goodsReceiptNumber"),
        quantity=_number(row, "matchedQuantity"),
        fields=_texts(row),
    )


def _attachment(entry: Mapping[str, Any]) -> Attachment:
    return Attachment(
        key=_text(entry, "externalCode"),
        name=_text(entry, "filename"),
        is_image=_text(entry, "category").upper() == "ORIGINALIMAGE",
    )


# ------------------------------------------------------------------ single values


def parse_date(value: object) -> date | None:
    """The calendar date as it is written, whatever zone stands behind it; None where there is none."""
    if not isinstance(value, str):
        return None
    try:
        parsed = date.fromisoformat(value.strip()[:10])
    except ValueError:
        return None
    return None if parsed.year == 1 else parsed  # 0001-01-01 is how an empty date of theirs looks


def parse_moment(value: object) -> datetime | None:
    """A time stamp in UTC; one without a zone is UTC already. None where there is none."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def stamp(moment: datetime) -> str:
    """A time as Basware takes it: full, UTC, with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(value: date) -> str:
    """A date as Basware takes it: its midnight in UTC."""
    return f"{value.isoformat()}T00:00:00Z"


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ("" if value is None else str(value))


def _texts(record: Mapping[str, Any]) -> dict[str, str]:
    """Every single value as text, numbers too: the same whether a store kept them as numbers or as strings."""
    return {
        name: str(value)
        for name, value in record.items()
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    }


def _number(record: Mapping[str, Any], name: str) -> Decimal | None:
    value = record.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _sum(record: Mapping[str, Any], *names: str) -> Decimal | None:
    given = [number for name in names if (number := _number(record, name)) is not None]
    return sum(given, Decimal(0)) if given else None


def _objects(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    listed = record.get(name)
    if not isinstance(listed, list | tuple):
        return []
    return [cast("Mapping[str, Any]", each) for each in cast("list[Any]", listed) if isinstance(each, Mapping)]


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(each for each in cast("list[Any]", value) if isinstance(each, str))


# ------------------------------------------------------------------ responses


def transfer_body(response: TransferResponse, *, source: str) -> dict[str, Any]:
    """Body of `transferResponses` (dossier 3.9). Texts too long for their field end with an ellipsis."""
    body = _response_body(response, source=source)
    if response.at is not None:
        body["transferDate"] = stamp(response.at)
    return body


def prebook_body(response: TransferResponse, *, source: str) -> dict[str, Any]:
    """Body of `prebookResponses` (dossier 3.10)."""
    body = _response_body(response, source=source)
    if response.at is not None:
        body["prebookDate"] = stamp(response.at)
    return body


def _response_body(response: TransferResponse, *, source: str) -> dict[str, Any]:
    spoken = response.message or ("Posted" if response.success else "Not posted")  # at least one character
    body: dict[str, Any] = {
        "externalCode": response.code,
        "success": response.success,
        "responseMessage": cut(spoken, MESSAGE_LENGTH),
        "sourceSystem": source,
        "paymentBlock": False,
    }
    vouchers = {"voucherNumber1": response.bill_number, "voucherNumber2": response.journal}
    return body | {name: cut(value, VOUCHER_LENGTH) for name, value in vouchers.items() if value}


def payment_body(response: PaymentResponse, *, source: str) -> dict[str, Any]:
    """Body of `paymentResponses`: the whole picture, since what is left out is cleared (dossier 3.11)."""
    body: dict[str, Any] = {
        "externalCode": response.code,
        "success": True,  # nothing is stored otherwise
        "sourceSystem": source,
        "paymentBlock": False,
        "paidTotal": response.paid_total,
        "cashDiscount": response.discount,
    }
    if response.paid_on is not None:
        body["paymentDate"] = day(response.paid_on)
    texts = {
        "responseMessage": (response.message, MESSAGE_LENGTH),
        "paymentTermCode": (response.payment_term, _SHORT),
        "paymentMethod": (response.method, _SHORT),
        "paymentNumber": (response.payment_number, _LONG),
        "paymentReversalDocument": (response.reversal_of, _LONG),
    }
    return body | {name: cut(text, limit) for name, (text, limit) in texts.items() if text}
