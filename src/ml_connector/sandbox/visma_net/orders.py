"""Purchase orders and their receipts (Visma dossier 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.trade import rounded
from ml_connector.sandbox.visma_net.books import Books
from ml_connector.sandbox.visma_net.invoices import period
from ml_connector.sandbox.visma_net.wire import Row, day

_ZERO = Decimal(0)
_SIGNS = {"PoReceipt": 1, "PoReturn": -1}
OVER = {"Closed": (True, False), "Cancelled": (True, True)}
"""Whether the lines of an order of that status are completed, and canceled; all else is neither."""


def order_line(books: Books, number: int, asked: Mapping[str, Any]) -> Row:
    """A line from what it is to hold: text, quantity, unit_cost, item?, account?, vat?, project?"""
    account = books.row("account", str(asked.get("account", "6110")), "AccountNumber")
    category = books.row("vatCategory", str(asked.get("vat", "VAT24")), "TaxCategoryID")
    quantity, cost = Decimal(asked.get("quantity", 1)), Decimal(asked.get("unit_cost", 1))
    item = asked.get("item")
    text = asked.get("text") or account["description"]
    return {
        "lineNbr": number,
        "branch": {"number": "1", "name": books.company.name},
        "inventory": {"number": item, "description": text} if item else None,
        "lineType": "GoodsForInventory" if item else "Service",
        "lineDescription": text,
        "uom": asked.get("unit", "STK"),
        "orderQty": quantity,
        "qtyOnReceipts": _ZERO,
        "unitCost": cost,
        "unitCostInBaseCurrency": cost,
        "extCost": rounded(quantity * cost),
        "amount": rounded(quantity * cost),
        "receivedAmt": _ZERO,
        "completeOn": Decimal(100),
        "receiptAction": "AcceptButWarn",
        "taxCategory": {"number": category["vatCategoryId"], "description": category["description"]},
        "account": {"type": account["type"], "number": account["accountCD"], "description": account["description"]},
        "project": {"id": asked.get("project") or "X", "description": "Non-project"},
        "completed": False,
        "canceled": False,
    }


def order_row(
    books: Books, number: str, supplier: Row, lines: Sequence[Row], *, on: date, currency: str, status: str
) -> Row:
    """An order with its sums."""
    completed, canceled = OVER.get(status, (False, False))
    total = sum((line["amount"] for line in lines), _ZERO)
    taxes = [_line_tax(books, line) for line in lines]
    return {
        "orderType": "RegularOrder",
        "orderNbr": number,
        "status": status,
        "hold": status == "Hold",
        "date": day(on),
        "promisedOn": day(on),
        "description": f"Order {number}",
        "supplier": {name: supplier[name] for name in ("internalId", "number", "name")},
        # A number here, a text everywhere else (Visma dossier 12.1).
        "location": {"id": supplier["internalId"] + 100, "name": "Primary location"},
        "currency": currency,
        "exchangeRate": books.rate(currency, on),
        "lineTotal": total,
        "taxTotal": sum(taxes, _ZERO),
        "orderTotal": total + sum(taxes, _ZERO),
        "branch": {"number": "1", "name": books.company.name},
        "lines": [{**line, "completed": completed, "canceled": canceled} for line in lines],
        "purchaseReceipts": [],
        "terms": supplier.get("creditTerms"),
        "openQuantity": _ZERO if completed else sum((line["orderQty"] for line in lines), _ZERO),
    }


def _line_tax(books: Books, line: Row) -> Decimal:
    category = books.row("vatCategory", line["taxCategory"]["number"])
    return rounded(line["amount"] * category["vatCategoryLines"][0]["vatRates"][-1]["vatRate"] / 100)


def receipt_row(
    books: Books,
    number: str,
    order: Row,
    quantities: Mapping[int, Decimal],
    *,
    on: date,
    kind: str = "PoReceipt",
    status: str = "Released",
) -> Row:
    """A receipt of some of an order's lines, or a return: its quantities are positive, too (dossier 12.2)."""
    by_number = {line["lineNbr"]: line for line in order["lines"]}
    lines = [
        _receipt_line(index, order, by_number[ordered], quantity)
        for index, (ordered, quantity) in enumerate(quantities.items(), 1)
    ]
    return {
        "receiptType": kind,
        "receiptNbr": number,
        "status": status,
        "hold": status == "Hold",
        "date": day(on),
        "postPeriod": period(on.isoformat())[0],
        "supplier": order["supplier"],
        "location": {"countryId": "FI", "id": "Main", "name": "Primary location"},
        "currency": order["currency"],
        "exchangeRate": order["exchangeRate"],
        "createBill": False,
        "supplierRef": f"DN-{number[-4:]}",
        "totalQty": sum((line["receiptQty"] for line in lines), _ZERO),
        "totalAmt": sum((line["amount"] for line in lines), _ZERO),
        "branchNumber": {"number": "1", "name": books.company.name},
        "lines": lines,
    }


def _receipt_line(number: int, order: Row, ordered: Row, quantity: Decimal) -> Row:
    return {
        "lineNbr": number,
        "inventory": ordered["inventory"],
        "lineType": ordered["lineType"],
        "transactionDescription": ordered["lineDescription"],
        "uom": ordered["uom"],
        "orderQty": ordered["orderQty"],
        "openQty": max(ordered["orderQty"] - quantity, _ZERO),
        "receiptQty": quantity,
        "unitCost": ordered["unitCost"],
        "extCost": rounded(quantity * ordered["unitCost"]),
        "amount": rounded(quantity * ordered["unitCost"]),
        "taxCategory": ordered["taxCategory"],
        "sub": {"active": True, "id": "0000000000", "description": "None"},
        "poOrderType": order["orderType"],
        "poOrderNbr": order["orderNbr"],
        "poOrderLineNbr": ordered["lineNbr"],
        "completePoLine": False,
    }


def received(order: Row, receipts: Iterable[Row]) -> Row:
    """The order with what its receipts say; `qtyOnReceipts` counts those that are not released, too (dossier 12.1)."""
    mine = list(receipts)
    quantities: dict[int, Decimal] = {}
    for receipt in mine:
        for line in receipt["lines"]:
            moved = line["receiptQty"] * _SIGNS.get(receipt["receiptType"], 0)
            quantities[line["poOrderLineNbr"]] = quantities.get(line["poOrderLineNbr"], _ZERO) + moved
    lines = [_line_received(line, quantities.get(line["lineNbr"], _ZERO)) for line in order["lines"]]
    return {**order, "lines": lines, "purchaseReceipts": [_summary(receipt) for receipt in mine]}


def _line_received(line: Row, quantity: Decimal) -> Row:
    return {**line, "qtyOnReceipts": quantity, "receivedAmt": rounded(quantity * line["unitCost"])}


def _summary(receipt: Row) -> Row:
    return {
        "type": receipt["receiptType"],
        "receiptNumber": receipt["receiptNbr"],
        "status": receipt["status"],
        "supplierName": receipt["supplier"]["name"],
        "currency": receipt["currency"],
        "totalQty": receipt["totalQty"],
        "totalAmt": receipt["totalAmt"],
    }


def receipts_of(books: Books, number: str) -> list[Row]:
    """The receipts that name an order."""
    return [
        row
        for row in books.table("PurchaseReceipt").all()
        if any(line["poOrderNbr"] == number for line in row["lines"])
    ]


def store_receipt(books: Books, row: Row) -> Row:
    """Keeps a receipt, and what it means for its order."""
    kept = books.table("PurchaseReceipt").put(row["receiptNbr"], row)
    for number in dict.fromkeys(line["poOrderNbr"] for line in row["lines"]):
        refresh_order(books, number)
    return kept


def refresh_order(books: Books, number: str) -> None:
    """Brings an order up to date with its receipts."""
    table = books.table("purchaseorder")
    order = table.get(number)
    if order is not None:
        table.put(number, received(order, receipts_of(books, number)), touch=books.preferences.receipt_touches_order)
