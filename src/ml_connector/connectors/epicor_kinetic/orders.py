"""Purchase orders and what was received on them, as our records. Pure functions (Epicor dossier 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.tablesets import rows_of
from ml_connector.connectors.rows import Row, amount, day, integer, is_set, number, text
from ml_connector.records.master_data import MatchingMode, OrderLine, PurchaseOrder, Receipt
from ml_connector.records.money import add_up

RECEIPT_FIELDS: Final = (
    "VendorNum", "PurPoint", "PackSlip", "PackLine", "PONum", "POLine", "PORelNum", "VendorQty", "DocVendorUnitCost",
    "CostPerCode", "Received", "ReceiptDate", "Invoiced", "ChangeDate",
)  # fmt: skip
_PER: Final[Mapping[str, Decimal]] = {"C": Decimal(100), "M": Decimal(1000)}
_APPROVED: Final = "A"
_AN_ACCOUNT: Final = "A"
_NATURAL: Final = "SegValue1"

Tableset = Mapping[str, Any]


def per_unit(price: Decimal, per_code: str) -> Decimal:
    """A price for each unit: prices are told for one, a hundred or a thousand (Epicor dossier 12.2)."""
    return price / _PER.get(per_code, Decimal(1))


def header_of(order: Tableset) -> Row:
    """The header's row, empty where there is none."""
    return next(iter(rows_of(order, "POHeader")), {})


def order_of(order: Tableset, receipts: Iterable[Row], *, vendor: str, dimensions: Mapping[int, str]) -> PurchaseOrder:
    """An order with its lines and receipts. `dimensions` are the wanted ones: segment to the settings' spelling.

    Received in full it is closed, and yet to be invoiced: it is active while something of it can be.
    """
    header, came = header_of(order), list(receipts)
    lines = tuple(
        _line(row, order, came, dimensions)
        for row in sorted(rows_of(order, "PODetail"), key=lambda each: integer(each, "POLine"))
    )
    return PurchaseOrder(
        key=text(header, "PONum"),
        number=text(header, "PONum"),
        vendor=vendor,
        currency=text(header, "CurrencyCode"),
        ordered_on=day(header, "OrderDate"),
        description=text(header, "CommentText"),
        payment_term=text(header, "TermsCode"),
        lines=lines,
        active=is_approved(header) and not is_set(header, "VoidOrder") and _has_more(header, lines),
    )


def is_approved(header: Row) -> bool:
    """True for an order that was released to the supplier."""
    return is_set(header, "Approve") or text(header, "ApprovalStatus") == _APPROVED


def _has_more(header: Row, lines: Iterable[OrderLine]) -> bool:
    return is_set(header, "OpenOrder") or any(not line.closed for line in lines)


def _line(row: Row, order: Tableset, receipts: Iterable[Row], dimensions: Mapping[int, str]) -> OrderLine:
    """Quantities are the releases', in the supplier's unit; a line without one is matched by its sum."""
    place = integer(row, "POLine")
    releases = [
        each for each in rows_of(order, "PORel")
        if integer(each, "POLine") == place and not is_set(each, "VoidRelease")
    ]  # fmt: skip
    ordered = add_up(number(each, "RelQty") for each in releases) or number(row, "OrderQty")
    received = add_up(number(each, "ReceivedQty") for each in releases)
    invoiced = add_up(number(each, "InvoicedQty") for each in releases)
    price = per_unit(number(row, "DocUnitCost"), text(row, "CostPerCode"))
    told = amount(row, "DocExtCost")
    net = price * ordered if told is None or (not told and price) else told
    coded = _coding_of(order, place)
    is_counted = ordered != 0
    is_over = is_set(row, "VoidLine") or (not is_set(row, "OpenLine") and received <= invoiced)
    return OrderLine(
        key=str(place),
        number=str(place),
        description=text(row, "LineDesc"),
        quantity=ordered if is_counted else Decimal(1),
        unit_price=price if is_counted else net,
        net=net,
        tax_code=text(row, "TaxCatID"),
        unit=text(row, "PUM") if is_counted else "",
        product=text(row, "PartNum"),
        account=text(coded, _NATURAL),
        dimensions={
            name: value for number_, name in dimensions.items() if (value := text(coded, f"SegValue{number_}"))
        },
        invoiced_quantity=invoiced,
        received_quantity=received,
        mode=MatchingMode.STANDARD if is_counted else MatchingMode.BLANKET,
        receipts=tuple(receipt_of(each) for each in receipts if _is_of(each, row)),
        closed=is_over,
    )  # fmt: skip


def _coding_of(order: Tableset, place: int) -> Row:
    """The row with the account of a line: that of its first release, in the main book (Epicor dossier 12.3)."""
    found = [
        each for each in rows_of(order, "PORelTGLC")
        if integer(each, "POLine") == place and text(each, "RecordType") in ("", _AN_ACCOUNT)
        and (is_set(each, "IsMainBook") or "IsMainBook" not in each)
    ]  # fmt: skip
    return min(found, key=lambda each: integer(each, "PORelNum"), default={})


def _is_of(receipt: Row, line: Row) -> bool:
    ordered = (integer(line, "PONUM") or integer(line, "PONum"), integer(line, "POLine"))
    return is_set(receipt, "Received") and (integer(receipt, "PONum"), integer(receipt, "POLine")) == ordered


def receipt_of(row: Row) -> Receipt:
    """A received line of a delivery note; its number is the supplier's own."""
    place = (text(row, name) for name in ("VendorNum", "PurPoint", "PackSlip", "PackLine"))
    return Receipt(
        key="/".join(place),
        number=text(row, "PackSlip"),
        line=text(row, "PackLine"),
        quantity=number(row, "VendorQty"),
        unit_price=per_unit(number(row, "DocVendorUnitCost"), text(row, "CostPerCode")),
        received_on=day(row, "ReceiptDate"),
    )
