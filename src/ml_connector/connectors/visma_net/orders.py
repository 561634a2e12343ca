"""Purchase orders and what was received on them, as our records. Pure functions (Visma dossier 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from ml_connector.connectors.rows import number, part, parts, text
from ml_connector.connectors.visma_net.manifest import PROJECT
from ml_connector.connectors.visma_net.mapping import NO_PROJECT
from ml_connector.connectors.visma_net.values import Row, day, is_set
from ml_connector.records.master_data import MatchingMode, OrderLine, PurchaseOrder, Receipt

_OPEN: Final = frozenset({"Open", "Printed", "PendingPrint", "PendingEmail"})
_OVER: Final = frozenset({"Closed", "Cancelled", "Voided"})
"""Neither: Hold, and Balanced, which waits for an approval (UNCONFIRMED, Visma dossier 12.1)."""
_BLANKETS: Final = frozenset({"Blanket", "StandardBlanket"})
"""Agreements: what is received and invoiced is the orders made from them."""
_REMARK: Final = "Description"
_RETURN: Final = "PoReturn"
_RECEIPT: Final = "PoReceipt"
_RELEASED: Final = "Released"

Place = tuple[str, str]
"""An order's number and a line of it."""


def number_of(row: Row) -> str:
    """An order's number, which is its key."""
    return text(row, "orderNbr")


def is_wanted(row: Row) -> bool:
    """True for orders that invoices are matched to; what is on hold, or waits for its approval, is not told yet."""
    return text(row, "orderType") not in _BLANKETS and (is_open(row) or text(row, "status") in _OVER)


def is_open(row: Row) -> bool:
    """True while something of an order can be invoiced."""
    is_held = is_set(row, "hold")
    return text(row, "status") in _OPEN and not is_held and text(row, "orderType") not in _BLANKETS


def has_receipts(row: Row) -> bool:
    """True where any receipt was made on an order, released or not."""
    return bool(parts(row, "purchaseReceipts"))


def order_of(row: Row, received: Mapping[Place, Sequence[Receipt]], dimensions: Mapping[str, str]) -> PurchaseOrder:
    """An order with its lines and receipts. `dimensions`: what the settings call segments (by number) and projects."""
    code = number_of(row)
    lines = sorted(parts(row, "lines"), key=lambda line: number(line, "lineNbr"))
    return PurchaseOrder(
        key=code,
        number=code,
        vendor=text(part(row, "supplier"), "number"),
        currency=text(row, "currency"),
        ordered_on=day(row, "date"),
        description=text(row, "description"),
        payment_term=text(part(row, "terms"), "id"),
        lines=tuple(
            _line(each, received.get((code, text(each, "lineNbr")), ()), dimensions)
            for each in lines
            if text(each, "lineType") != _REMARK
        ),
        active=is_open(row),
    )


def _line(row: Row, receipts: Sequence[Receipt], dimensions: Mapping[str, str]) -> OrderLine:
    """A line without a quantity is matched by its sum.

    Whether it is done is told by `completed` and `canceled`, never by quantities: lines are closed short of what
    was ordered, and `qtyOnReceipts` counts receipts that are not released (dossier 12.1). How much of a line was
    invoiced is not told.
    """
    ordered, net = number(row, "orderQty"), number(row, "amount") or number(row, "extCost")
    is_counted = ordered != 0
    inventory = part(row, "inventory")
    return OrderLine(
        key=text(row, "lineNbr"),
        number=text(row, "lineNbr"),
        description=text(row, "lineDescription") or text(inventory, "description"),
        quantity=ordered if is_counted else Decimal(1),
        unit_price=_price(row, ordered, net) if is_counted else net,
        net=net,
        tax_code=text(part(row, "taxCategory"), "number"),
        unit=text(row, "uom") if is_counted else "",
        product=text(inventory, "number"),
        account=text(part(row, "account"), "number"),
        dimensions=_dimensions(row, dimensions),
        received_quantity=sum((each.quantity for each in receipts), Decimal(0)),
        mode=MatchingMode.STANDARD if is_counted else MatchingMode.BLANKET,
        receipts=tuple(receipts) if is_counted else (),
        closed=is_set(row, "completed") or is_set(row, "canceled"),
    )


def _price(row: Row, ordered: Decimal, net: Decimal) -> Decimal:
    """The unit's price as it is invoiced: the line's sum leaves discounts out, the unit cost does not."""
    return number(row, "unitCost") if not number(row, "discountAmount") else net / ordered


def _dimensions(row: Row, dimensions: Mapping[str, str]) -> dict[str, str]:
    found = {text(each, "segmentId"): text(each, "segmentValue") for each in parts(part(row, "sub"), "segments")}
    if (code := text(part(row, "project"), "id")) != NO_PROJECT:
        found[PROJECT] = code
    return {spelling: found[name] for name, spelling in dimensions.items() if found.get(name)}


# ------------------------------------------------------------------ receipts


def is_released(receipt: Row) -> bool:
    """True where a receipt counts; what is on hold or balanced may still change."""
    return text(receipt, "status") == _RELEASED and text(receipt, "receiptType") in (_RECEIPT, _RETURN)


def receipt_number(row: Row) -> str:
    """A receipt's key in its list."""
    return f"{text(row, 'receiptType')}/{text(row, 'receiptNbr')}"


def orders_of(receipts: Iterable[Row]) -> frozenset[str]:
    """The numbers of the orders that receipts came of."""
    return frozenset(
        found for receipt in receipts for line in parts(receipt, "lines") if (found := text(line, "poOrderNbr"))
    )


def received_of(receipts: Iterable[Row]) -> dict[Place, list[Receipt]]:
    """What was received, by order line: released receipts, and returns as what they take away."""
    found: dict[Place, list[Receipt]] = {}
    for receipt in sorted(filter(is_released, receipts), key=receipt_number):
        for line in parts(receipt, "lines"):
            place = text(line, "poOrderNbr"), text(line, "poOrderLineNbr")
            if all(place):
                found.setdefault(place, []).append(_receipt(receipt, line))
    return found


def _receipt(receipt: Row, line: Row) -> Receipt:
    """The quantity of a return is positive, its type says what it is (UNCONFIRMED sign, Visma dossier 12.2)."""
    code, place, is_return = text(receipt, "receiptNbr"), text(line, "lineNbr"), text(receipt, "receiptType") == _RETURN
    quantity = abs(number(line, "receiptQty")) if is_return else number(line, "receiptQty")
    return Receipt(
        key=f"{_RETURN}/{code}/{place}" if is_return else f"{code}/{place}",
        number=code,
        line=place,
        quantity=-quantity if is_return else quantity,
        unit_price=number(line, "unitCost"),
        received_on=day(receipt, "date"),
    )
