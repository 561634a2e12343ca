"""Master data: Business Central's rows as our records. Pure functions (BC dossier 9 and 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ml_connector.connectors.business_central.formulas import parse_formula, plain_days
from ml_connector.connectors.odata import decode_enum
from ml_connector.records.master_data import (
    Account,
    Address,
    DimensionValue,
    OrderLine,
    PaymentTerm,
    PurchaseOrder,
    TaxCode,
    Vendor,
)

Row = Mapping[str, Any]

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
NO_DATE: Final = "0001-01-01"
OVERLAP: Final = timedelta(minutes=1)
"""Rows are stamped before they can be seen (BC dossier 4.3): so far back the next read begins again."""

VENDOR_FIELDS: Final = (
    "id", "number", "displayName", "addressLine1", "addressLine2", "city", "state", "country", "postalCode",
    "phoneNumber", "email", "taxRegistrationNumber", "currencyCode", "paymentTermsId", "blocked",
    "lastModifiedDateTime",
)  # fmt: skip
ACCOUNT_FIELDS: Final = ("id", "number", "displayName", "category", "blocked", "accountType", "directPosting")
TAX_GROUP_FIELDS: Final = ("id", "code", "displayName")
TERM_FIELDS: Final = (
    "id", "code", "displayName", "dueDateCalculation", "discountDateCalculation", "discountPercent",
)  # fmt: skip
ORDER_FIELDS: Final = (
    "id", "number", "orderDate", "vendorNumber", "currencyCode", "paymentTermsId", "status",
    "lastModifiedDateTime",
)  # fmt: skip


def vendor_of(row: Row, terms: Mapping[str, str]) -> Vendor:
    """A vendor; `terms` leads from the id of payment terms to their code."""
    blocked = decode_enum(_text(row, "blocked"))
    return Vendor(
        key=_text(row, "id"),
        number=_text(row, "number"),
        name=_text(row, "displayName"),
        active=blocked != "All",
        payment_blocked=blocked == "Payment",
        currency=_text(row, "currencyCode"),
        payment_term=terms.get(_text(row, "paymentTermsId"), ""),
        tax_number=_text(row, "taxRegistrationNumber"),
        email=_text(row, "email"),
        phone=_text(row, "phoneNumber"),
        address=Address(
            street=_text(row, "addressLine1"),
            street2=_text(row, "addressLine2"),
            city=_text(row, "city"),
            postal_code=_text(row, "postalCode"),
            region=_text(row, "state"),
            country=_text(row, "country"),
        ),
    )


def account_of(row: Row) -> Account:
    """A GL account, inactive where no purchase line may be coded on it."""
    return Account(
        key=_text(row, "id"),
        number=_text(row, "number"),
        name=_text(row, "displayName"),
        active=is_postable(row),
        category=decode_enum(_text(row, "category")),
    )


def is_postable(row: Row) -> bool:
    """True where a purchase line may be coded on the account (BC dossier 12.2)."""
    kind = decode_enum(_text(row, "accountType"))
    return kind == "Posting" and row.get("blocked") is False and row.get("directPosting") is True


def dimension_value_of(row: Row, dimension: str) -> DimensionValue:
    """A value of `dimension`. Whether it is blocked is not told (BC dossier 8.5.7)."""
    return DimensionValue(
        key=_text(row, "id"), dimension=dimension, code=_text(row, "code"), name=_text(row, "displayName")
    )


def tax_code_of(row: Row) -> TaxCode:
    """A tax group; its percentage depends on the vendor too and is not told."""
    return TaxCode(key=_text(row, "id"), code=_text(row, "code"), name=_text(row, "displayName"))


def payment_term_of(row: Row) -> PaymentTerm:
    """Payment terms; without a formula a bill is due on its own date."""
    due = parse_formula(_text(row, "dueDateCalculation"))
    discount_days = plain_days(_text(row, "discountDateCalculation"))
    percent = decimal_of(row.get("discountPercent"))
    has_discount = bool(percent) and discount_days is not None
    return PaymentTerm(
        key=_text(row, "id"),
        code=_text(row, "code"),
        name=_text(row, "displayName"),
        due_days=None if due is None else due.days,
        end_of_month=0 if due is None else due.end_of_month,
        days_after_month_end=0 if due is None else due.days_after,
        discount_days=(discount_days or 0) if has_discount else 0,
        discount_percent=percent if has_discount else Decimal(0),
    )


def order_of(row: Row, terms: Mapping[str, str]) -> PurchaseOrder:
    """A purchase order with its lines; active only while it is released (`Open`)."""
    number = _text(row, "number")
    lines = sorted(row.get("purchaseOrderLines") or (), key=lambda line: int(line.get("sequence") or 0))
    return PurchaseOrder(
        key=_text(row, "id"),
        number=number,
        vendor=_text(row, "vendorNumber"),
        currency=_text(row, "currencyCode"),
        ordered_on=date_of(row.get("orderDate")),
        payment_term=terms.get(_text(row, "paymentTermsId"), ""),
        lines=tuple(order_line_of(line) for line in lines if _is_worth_money(line)),
        active=decode_enum(_text(row, "status")) == "Open",
    )


def order_line_of(row: Row) -> OrderLine:
    """A line of an order. Its price is `directUnitCost`, unlike an invoice line's (BC dossier 9.4)."""
    kind, quantity = decode_enum(_text(row, "lineType")), decimal_of(row.get("quantity"))
    invoiced, of_object = decimal_of(row.get("invoicedQuantity")), _text(row, "lineObjectNumber")
    return OrderLine(
        key=_text(row, "id"),
        number=str(row.get("sequence") or ""),
        description=_text(row, "description"),
        quantity=quantity,
        unit_price=decimal_of(row.get("directUnitCost")),
        net=decimal_of(row.get("amountExcludingTax")),
        gross=decimal_of(row.get("amountIncludingTax")),
        tax=decimal_of(row.get("totalTaxAmount")),
        tax_code=_text(row, "taxCode"),
        tax_percent=decimal_of(row.get("taxPercent")),
        unit=_text(row, "unitOfMeasureCode"),
        product=of_object if kind != "Account" else "",
        account=of_object if kind == "Account" else "",
        invoiced_quantity=invoiced,
        received_quantity=decimal_of(row.get("receivedQuantity")),
        closed=quantity > 0 and invoiced >= quantity,
    )


def _is_worth_money(line: Row) -> bool:
    return decode_enum(_text(line, "lineType")) not in ("", "Comment")


# ------------------------------------------------------------------ marks


def later(mark: str | None, rows: Iterable[Row]) -> str | None:
    """The largest stamp seen: of `mark` and the rows' lastModifiedDateTime."""
    stamps = [_text(row, "lastModifiedDateTime") for row in rows]
    if mark:
        stamps.append(mark)
    known = [stamp for stamp in stamps if stamp and not stamp.startswith(NO_DATE)]
    return max(known, key=datetime.fromisoformat, default=None)


def changed_since(mark: str) -> str:
    """The filter for what changed since the mark, begun early by the overlap.

    Raises ValueError where the mark is no time.
    """
    begin = datetime.fromisoformat(mark) - OVERLAP
    return f"lastModifiedDateTime ge {begin.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


# ------------------------------------------------------------------ values


def date_of(value: Any) -> date | None:
    """A date; the empty one is None."""
    return None if not value or value == NO_DATE else date.fromisoformat(str(value)[:10])


def decimal_of(value: Any) -> Decimal:
    """An amount, zero where there is none."""
    if value is None or isinstance(value, bool):
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)
