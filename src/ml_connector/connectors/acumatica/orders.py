"""Purchase orders as our records. Pure functions (Acumatica dossier 3.2, 9.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.acumatica.subaccounts import Dimension, DimensionKind, segments
from ml_connector.connectors.rows import day, is_set, number, parts, text
from ml_connector.records.master_data import MatchingMode, OrderLine, PurchaseOrder

Row = Mapping[str, Any]

NORMAL: Final = "Normal"
"""The type of order that bills are matched to; drop shipments and blankets are left out (Acumatica dossier 12)."""
HEADER_FIELDS: Final = ("Type", "OrderNbr", "Status", "LastModifiedDateTime")
ORDER_FIELDS: Final = (
    *HEADER_FIELDS, "VendorID", "CurrencyID", "Date", "Description", "Terms",
    *(f"Details/{name}" for name in (
        "LineNbr", "LineType", "LineDescription", "InventoryID", "OrderQty", "UOM", "UnitCost", "ExtendedCost",
        "Account", "Subaccount", "Project", "ProjectTask", "TaxCategory", "QtyOnReceipts", "Cancelled",
    )),
)  # fmt: skip
ORDER_PARTS: Final = ("Details",)

_BILLABLE: Final = frozenset({"Open", "Completed"})
"""Completed is received in full and not billed in full yet; what is on hold or waits for approval is neither."""
_BILLED: Final = "Closed"
_REMARK: Final = "Description"
_NO_PROJECT: Final = "X"


def key_of(row: Row) -> str:
    """An order's key: its type and number."""
    return f"{text(row, 'Type')}/{text(row, 'OrderNbr')}"


def is_billable(row: Row) -> bool:
    """True while something of an order can be billed."""
    return text(row, "Status") in _BILLABLE


def order_of(row: Row, dimensions: Mapping[str, Dimension]) -> PurchaseOrder:
    """An order with its lines. `dimensions` are the wanted ones, by the settings' spelling."""
    status = text(row, "Status")
    lines = sorted(parts(row, "Details"), key=lambda line: number(line, "LineNbr"))
    return PurchaseOrder(
        key=key_of(row),
        number=text(row, "OrderNbr"),
        vendor=text(row, "VendorID"),
        currency=text(row, "CurrencyID"),
        ordered_on=day(row, "Date"),
        description=text(row, "Description"),
        payment_term=text(row, "Terms"),
        lines=tuple(_line(each, status, dimensions) for each in lines if text(each, "LineType") != _REMARK),
        active=status in _BILLABLE,
    )


def _line(row: Row, status: str, dimensions: Mapping[str, Dimension]) -> OrderLine:
    """A line without a quantity is matched by its sum. How much of one was billed is told for whole orders only:
    no field of a line has it (Acumatica dossier 9.5.1).
    """
    ordered, net = number(row, "OrderQty"), number(row, "ExtendedCost")
    is_billed, is_counted = status == _BILLED, ordered != 0
    quantity = ordered if is_counted else Decimal(1)
    return OrderLine(
        key=text(row, "LineNbr"),
        number=text(row, "LineNbr"),
        description=text(row, "LineDescription"),
        quantity=quantity,
        unit_price=number(row, "UnitCost") if is_counted else net,
        net=net,
        tax_code=text(row, "TaxCategory"),
        unit=text(row, "UOM") if is_counted else "",
        product=text(row, "InventoryID"),
        account=text(row, "Account"),
        dimensions=dimensions_of(row, dimensions),
        invoiced_quantity=quantity if is_billed else Decimal(0),
        received_quantity=number(row, "QtyOnReceipts"),
        mode=MatchingMode.STANDARD if is_counted else MatchingMode.BLANKET,
        closed=is_billed or is_set(row, "Cancelled"),
    )


def dimensions_of(line: Row, dimensions: Mapping[str, Dimension]) -> dict[str, str]:
    """What a line carries of the wanted dimensions, by the settings' spelling."""
    codes = segments(text(line, "Subaccount"))
    found = {name: _value(line, each, codes) for name, each in dimensions.items()}
    return {name: value for name, value in found.items() if value}


def _value(line: Row, dimension: Dimension, codes: Sequence[str]) -> str:
    if dimension.kind is DimensionKind.SEGMENT:
        return codes[dimension.segment - 1] if dimension.segment <= len(codes) else ""
    value = text(line, dimension.kind.value)
    return "" if dimension.kind is DimensionKind.PROJECT and value == _NO_PROJECT else value
