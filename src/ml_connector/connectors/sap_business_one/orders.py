"""Purchase orders and what was received on them, as our records. Pure functions (SAP dossier 6.10, 7.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.sap_business_one.documents import DIMENSIONS, day_of, decimal_of
from ml_connector.connectors.sap_business_one.manifest import ORDER
from ml_connector.connectors.sap_business_one.mapping import is_yes, text
from ml_connector.records.master_data import MatchingMode, OrderLine, PurchaseOrder, Receipt

Row = Mapping[str, Any]

ORDER_FIELDS: Final = (
    "DocEntry", "DocNum", "DocType", "CardCode", "DocCurrency", "DocDate", "Comments", "DocumentStatus", "Cancelled",
    "Confirmed", "PaymentGroupCode", "UpdateDate", "DocumentLines",
)  # fmt: skip
RECEIPT_FIELDS: Final = (
    "DocEntry", "DocNum", "CardCode", "DocDate", "DocumentStatus", "CancelStatus", "UpdateDate", "DocumentLines",
)  # fmt: skip
_OPEN: Final = "bost_Open"
_SERVICE: Final = "dDocument_Service"
_TAKEN_BACK: Final = "cancelled"

Place = tuple[int, int]
"""An order's DocEntry and a LineNum of it."""


@dataclass(frozen=True, slots=True)
class Received:
    """What receipts tell of one order line."""

    receipts: tuple[Receipt, ...] = ()
    quantity: Decimal = Decimal(0)
    invoiced: Decimal = Decimal(0)
    is_open: bool = False
    """True while something of it can be invoiced."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How the settings and the chart call things: dimensions by property of a line, accounts by internal code."""

    dimensions: Mapping[str, str]
    accounts: Mapping[str, str]


def naming_of(dimensions: Mapping[str, str], accounts: Mapping[str, str]) -> Naming:
    """From the wanted dimensions (name in capitals to the settings' spelling) and the accounts' visible numbers."""
    return Naming({DIMENSIONS[name]: spelling for name, spelling in dimensions.items()}, accounts)


def order_of(row: Row, received: Mapping[Place, Received], naming: Naming) -> PurchaseOrder:
    """An order with its lines; active while something of it can be invoiced, released and not cancelled.

    Received in full it is closed, but its receipts are not: they are what an invoice is based on then.
    """
    entry = int(row["DocEntry"])
    rows = [each for each in row.get("DocumentLines") or () if text(each, "LineType") in ("", "dlt_Regular")]
    made = _service_line if row.get("DocType") == _SERVICE else _item_line
    came = {int(each["LineNum"]): received.get((entry, int(each["LineNum"])), Received()) for each in rows}
    is_open = row.get("DocumentStatus") == _OPEN or any(each.is_open for each in came.values())
    return PurchaseOrder(
        key=str(entry),
        number=text(row, "DocNum"),
        vendor=text(row, "CardCode"),
        currency=text(row, "DocCurrency"),
        ordered_on=day_of(row.get("DocDate")),
        description=text(row, "Comments"),
        payment_term=text(row, "PaymentGroupCode"),
        lines=tuple(
            made(each, came[int(each["LineNum"])], naming)
            for each in sorted(rows, key=lambda line: int(line["LineNum"]))
        ),
        active=is_open and not is_yes(row, "Cancelled") and row.get("Confirmed") != "tNO",
    )


def _item_line(row: Row, received: Received, naming: Naming) -> OrderLine:
    quantity, gross, net = decimal_of(row.get("Quantity")), gross_of(row), net_of(row)
    # What is no longer open was received, or invoiced directly (SAP dossier 7.2). A line closed by hand is neither.
    taken = max(quantity - decimal_of(row.get("RemainingOpenQuantity")) - received.quantity, Decimal(0))
    return OrderLine(
        key=text(row, "LineNum"),
        number=line_number(row),
        description=text(row, "ItemDescription"),
        quantity=quantity,
        unit_price=decimal_of(row.get("Price") or row.get("UnitPrice")),
        net=net,
        gross=gross,
        tax=None if gross is None else gross - net,
        tax_code=text(row, "VatGroup") or text(row, "TaxCode"),
        tax_percent=_percent(row),
        unit=text(row, "MeasureUnit"),
        product=text(row, "ItemCode"),
        dimensions=_dimensions(row, naming),
        invoiced_quantity=received.invoiced + taken,
        received_quantity=received.quantity,
        receipts=received.receipts,
        closed=_is_closed(row) and not received.is_open,
    )


def _service_line(row: Row, received: Received, naming: Naming) -> OrderLine:
    """A line without a quantity: it is matched by its sum, and invoiced part by part.

    It can be received too, by its sum: such receipts are none that a quantity could be matched to.
    """
    gross, net, is_closed = gross_of(row), net_of(row), _is_closed(row) and not received.is_open
    account = text(row, "AccountCode")
    return OrderLine(
        key=text(row, "LineNum"),
        number=line_number(row),
        description=text(row, "ItemDescription"),
        quantity=Decimal(1),
        unit_price=net,
        net=net,
        gross=gross,
        tax=None if gross is None else gross - net,
        tax_code=text(row, "VatGroup") or text(row, "TaxCode"),
        tax_percent=_percent(row),
        account=naming.accounts.get(account, account),
        dimensions=_dimensions(row, naming),
        invoiced_quantity=Decimal(1) if is_closed else Decimal(0),
        mode=MatchingMode.BLANKET,
        closed=is_closed,
    )


def line_number(row: Row) -> str:
    """What people call a line: one more than its key, which counts from 0."""
    return str(int(row["LineNum"]) + 1)


def net_of(row: Row) -> Decimal:
    """A line's sum in the document's currency: RowTotalFC, which is empty in the company's own (SAP dossier 6.10)."""
    return decimal_of(row.get("RowTotalFC")) or decimal_of(row.get("LineTotal"))


def gross_of(row: Row) -> Decimal | None:
    """A line's sum with tax in the document's currency, None where it is not told."""
    return _amount(row, "GrossTotalFC" if decimal_of(row.get("RowTotalFC")) else "GrossTotal")


def _amount(row: Row, name: str) -> Decimal | None:
    return None if row.get(name) is None else decimal_of(row[name])


def _percent(row: Row) -> Decimal | None:
    return _amount(row, "TaxPercentagePerRow")


def _is_closed(row: Row) -> bool:
    return row.get("LineStatus") not in (None, _OPEN)


def _dimensions(row: Row, naming: Naming) -> dict[str, str]:
    return {spelling: value for name, spelling in naming.dimensions.items() if (value := text(row, name))}


def account_codes(orders: Iterable[Row]) -> frozenset[str]:
    """The internal codes of the accounts that service lines name."""
    return frozenset(
        found
        for order in orders
        if order.get("DocType") == _SERVICE
        for line in order.get("DocumentLines") or ()
        if (found := text(line, "AccountCode"))
    )


# ------------------------------------------------------------------ receipts


def drawn_on(orders: Iterable[Row]) -> list[Row]:
    """The orders of which something was received or invoiced: only they can have receipts."""
    return [order for order in orders if any(_is_drawn(line) for line in order.get("DocumentLines") or ())]


def _is_drawn(line: Row) -> bool:
    return (
        _is_closed(line)
        or decimal_of(line.get("RemainingOpenQuantity")) != decimal_of(line.get("Quantity"))
        or decimal_of(line.get("OpenAmount")) != decimal_of(line.get("LineTotal"))
    )


def can_be_invoiced(receipt: Row) -> bool:
    """True while a receipt is open and not cancelled."""
    return receipt.get("DocumentStatus") == _OPEN and receipt.get("CancelStatus") in (None, "csNo")


def bases_of(receipts: Iterable[Row]) -> frozenset[int]:
    """The DocEntry of the orders that receipts came of."""
    return frozenset(
        int(line["BaseEntry"])
        for receipt in receipts
        for line in receipt.get("DocumentLines") or ()
        if line.get("BaseType") == ORDER and line.get("BaseEntry") is not None
    )


def vendors_of(orders: Iterable[Row]) -> list[str]:
    """The orders' vendors, each once."""
    return sorted({text(order, "CardCode") for order in orders})


def received_of(receipts: Sequence[Row]) -> dict[Place, Received]:
    """What was received, by order line. A cancelled receipt stays and is taken back by a negative one."""
    found: dict[Place, Received] = {}
    for receipt in sorted(receipts, key=lambda each: int(each["DocEntry"])):
        if receipt.get("CancelStatus") == "csCancellation":
            continue  # the mirror of a cancelled one: its lines are based on the receipt, not on the order
        for line in receipt.get("DocumentLines") or ():
            if line.get("BaseType") == ORDER and line.get("BaseEntry") is not None:
                place = (int(line["BaseEntry"]), int(line["BaseLine"]))
                found[place] = _with(found.get(place, Received()), receipt, line)
    return found


def _with(before: Received, receipt: Row, line: Row) -> Received:
    quantity, is_cancelled = decimal_of(line.get("Quantity")), receipt.get("CancelStatus") == "csYes"
    made = Receipt(
        key=f"{receipt['DocEntry']}/{line['LineNum']}",
        number=text(receipt, "DocNum"),
        line=line_number(line),
        quantity=quantity,
        unit_price=decimal_of(line.get("Price") or line.get("UnitPrice")),
        received_on=day_of(receipt.get("DocDate")),
    )
    if is_cancelled:
        back = replace(made, key=f"{made.key}/{_TAKEN_BACK}", quantity=-quantity)
        return replace(before, receipts=(*before.receipts, made, back))
    return Received(
        receipts=(*before.receipts, made),
        quantity=before.quantity + quantity,
        invoiced=before.invoiced + quantity - decimal_of(line.get("RemainingOpenQuantity")),
        is_open=before.is_open or (can_be_invoiced(receipt) and not _is_closed(line)),
    )
