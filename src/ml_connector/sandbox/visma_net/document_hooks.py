"""The control pages for documents: what people do to invoices, orders and receipts in the screens."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.visma_net import invoices, orders
from ml_connector.sandbox.visma_net.attachments import attach, detach, title_of
from ml_connector.sandbox.visma_net.books import INVOICE, Books
from ml_connector.sandbox.visma_net.table import time_stamp
from ml_connector.sandbox.visma_net.wire import Row, day, moment, shown

PAGES = {
    "GET /_sandbox/bills": "{company?, lines?: true}: every supplier invoice",
    "POST /_sandbox/invoices": "{company, key? | number?, type?: Invoice | DebitAdj | CreditAdj | Prepayment, "
    "supplier, reference?, date?, invoice_date?, due?, currency?, description?, note?, payment_reference?, "
    "buyer_reference?, hold?, status?, lines?: [{text?, net | quantity + unit_cost, account?, vat?, order?, "
    "order_line?, receipt?, receipt_line?, item?, project?, segments?: {1: value}}], "
    "files?: [name | {name, content?: base64, delete?}], delete?}: creates one, or changes the one of that key",
    "POST /_sandbox/hold": "{company, key, on?: true}",
    "POST /_sandbox/release-invoice": "{company, key}: posts it; `release` belongs to the faults",
    "POST /_sandbox/void": "{company, key}",
    "POST /_sandbox/pay": "{company, key, amount?, date?, reference?}",
    "POST /_sandbox/unpay": "{company, key, date?}: voids its payments",
    "POST /_sandbox/offset": "{company, key, with, amount?, date?}: applies a credit note",
    "POST /_sandbox/orders": "{company, number?, supplier?, currency?, date?, status?, lines?: [{line?, text?, "
    "quantity?, unit_cost?, item?, account?, vat?, completed?, canceled?, delete?}], delete?}",
    "POST /_sandbox/receipts": "{company, number?, order?, type?: PoReceipt | PoReturn, status?: Released | Balanced | "
    "Hold, date?, lines?: {line of the order: quantity}, delete?}",
}
_TEXTS = {"reference": "supplierReference", "description": "description", "note": "note"} | {
    "payment_reference": "paymentRefNo",
    "buyer_reference": "buyerReference",
}
_DATES = {"date": "date", "invoice_date": "origInvoiceDate", "due": "dueDate"}


def bills(every: Iterable[Books], *, lines: bool = False) -> dict[str, Any]:
    """Every supplier invoice of those companies."""
    found = [_bill(books, row, lines=lines) for books in every for row in books.table("supplierInvoice").all()]
    return {"total": len(found), "bills": found}


def _bill(books: Books, row: Row, *, lines: bool = False) -> dict[str, Any]:
    files = list(books.attached(row["_key"]))
    bill = {
        "company": books.company.code,
        "key": row["_key"],
        "number": row["referenceNumber"],
        "type": row["documentType"],
        "reference": row.get("supplierReference"),
        "status": row["status"],
        "supplier": row["supplier"]["number"],
        "supplierId": row["supplier"]["internalId"],
        "currency": row["currencyId"],
        "net": row["detailTotal"],
        "tax": row["vatTotal"],
        "total": row["amount"],
        "balance": row["balance"],
        "date": row["date"][:10],
        "note": row.get("note"),
        "stamp": moment(row["_modified"]),
        "version": time_stamp(row),
        "orders": list(dict.fromkeys(line["poNumber"] for line in row["invoiceLines"] if line.get("poNumber"))),
        "files": [{"name": each.name, "id": each.id, "size": len(each.content(title_of(row)))} for each in files],
        "case": row.get("_case"),
    }
    return bill | ({"lines": shown(row["invoiceLines"])} if lines else {})


def change_invoice(books: Books, asked: dict[str, Any]) -> Any:
    """Creates an invoice or changes one."""
    key = asked.get("key") or (f"{asked.get('type', INVOICE)}/{asked['number']}" if asked.get("number") else None)
    table = books.table("supplierInvoice")
    if asked.get("delete"):
        invoices.find_invoice(books, str(key))
        table.drop(str(key))
        return {"deleted": key}
    known = table.get(str(key)) if key else None
    row = _new(books, asked) if known is None else known
    if "supplier" in asked:
        supplier = books.row("supplier", str(asked["supplier"]), "VendorID")
        row = {**row, "supplier": {name: supplier[name] for name in ("internalId", "number", "name")}}
    row = {**row, **{wire: asked[name] for name, wire in _TEXTS.items() if name in asked}}
    row |= {wire: day(_date(asked[name])) for name, wire in _DATES.items() if name in asked}
    row["postPeriod"], row["financialPeriod"] = invoices.period(str(row["date"]))
    if "lines" in asked:
        row["invoiceLines"] = [
            invoices.compose_line(books, number, _line(line)) for number, line in enumerate(asked["lines"], 1)
        ]
        row = invoices.with_sums(books, row)
    status = asked.get("status") or _held(row, asked)
    row |= {"status": status, "hold": status == "Hold"}
    row = invoices.store_invoice(books, row)
    return _bill(books, _with_files(books, row, asked.get("files", ())))


def _held(row: Row, asked: Mapping[str, Any]) -> str:
    """The state that `hold` leads to where no state is named."""
    if "hold" in asked and row["status"] in ("Hold", "Balanced"):
        return "Hold" if asked["hold"] else "Balanced"
    return row["status"]


def _new(books: Books, asked: Mapping[str, Any]) -> Row:
    """An invoice in balance, without lines unless they are named; without a supplier there is none (KeyError: 404)."""
    supplier = books.row("supplier", str(asked["supplier"]), "VendorID")
    kind = str(asked.get("type", INVOICE))
    today = books.store.now().date()
    currency = str(asked.get("currency", supplier["currencyId"]))
    number = str(asked.get("number") or books.next_number(kind))
    row = {
        "documentType": kind,
        "referenceNumber": number,
        "approvalStatus": "New",
        "status": "Balanced",
        "hold": False,
        "location": supplier["location"],
        "supplier": {name: supplier[name] for name in ("internalId", "number", "name")},
        "date": day(today),
        "origInvoiceDate": day(today),
        "dueDate": day(today),
        "currencyId": currency,
        "exchangeRate": books.rate(currency, today),
        "creditTerms": supplier["creditTerms"],
        "paymentMethod": supplier["paymentMethod"],
        "cashAccount": "1920",
        "branchNumber": {"number": "1", "name": books.company.name},
        "supplierTaxZone": supplier["vatZone"],
        "taxCalculationMode": "TaxSetting",
        "attachments": [],
        "invoiceLines": [],
    }
    return invoices.with_sums(books, row)


def _line(asked: Mapping[str, Any]) -> dict[str, Any]:
    segments = {int(segment): str(value) for segment, value in (asked.get("segments") or {}).items()}
    return {**asked, "segments": segments}


def _with_files(books: Books, row: Row, asked: Iterable[Any]) -> Row:
    for each in asked:
        given: Mapping[str, Any] = {"name": each} if isinstance(each, str) else each
        current = invoices.find_invoice(books, row["_key"])
        if given.get("delete"):
            detach(books, current, given["name"])
            continue
        content = base64.b64decode(given["content"]) if "content" in given else None
        attach(books, current, given["name"], content)
    return invoices.find_invoice(books, row["_key"])


def _date(text: object) -> date:
    return date.fromisoformat(str(text))


def _on(books: Books, asked: Mapping[str, Any]) -> date:
    return _date(asked["date"]) if "date" in asked else books.store.now().date()


def _amount(asked: Mapping[str, Any]) -> Decimal | None:
    return Decimal(str(asked["amount"])) if "amount" in asked else None


def _invoice(books: Books, asked: Mapping[str, Any], name: str = "key") -> Row:
    return invoices.find_invoice(books, str(asked.get(name) or asked.get("number")))


def _hold(books: Books, asked: dict[str, Any]) -> Any:
    return _bill(books, invoices.hold(books, _invoice(books, asked), on=bool(asked.get("on", True))))


def _release(books: Books, asked: dict[str, Any]) -> Any:
    return _bill(books, invoices.release(books, _invoice(books, asked)))


def _void(books: Books, asked: dict[str, Any]) -> Any:
    return _bill(books, invoices.void(books, _invoice(books, asked)))


def _pay(books: Books, asked: dict[str, Any]) -> Any:
    row = _invoice(books, asked)
    reference = str(asked.get("reference", f"BNK-{row['referenceNumber']}"))
    payment = invoices.pay(books, row, amount=_amount(asked), on=_on(books, asked), reference=reference)
    return {"payment": payment["refNbr"], **_bill(books, _invoice(books, asked))}


def _unpay(books: Books, asked: dict[str, Any]) -> Any:
    voided = invoices.unpay(books, _invoice(books, asked), on=_on(books, asked))
    return {"voided": [each["refNbr"] for each in voided], **_bill(books, _invoice(books, asked))}


def _offset(books: Books, asked: dict[str, Any]) -> Any:
    credit_note = _invoice(books, asked, "with")
    row = invoices.offset(books, _invoice(books, asked), credit_note, amount=_amount(asked), on=_on(books, asked))
    return _bill(books, row)


def change_order(books: Books, asked: dict[str, Any]) -> Any:
    """Creates an order or changes one."""
    table = books.table("purchaseorder")
    number = str(asked.get("number") or f"PO{books.next_number('purchaseorder', 900_001)}")
    known = table.get(number)
    if asked.get("delete"):
        table.drop(number)
        return {"deleted": number}
    lines = _order_lines(books, known["lines"] if known else [], asked.get("lines", ()))
    supplier = books.row("supplier", str(asked.get("supplier") or (known or {})["supplier"]["number"]), "VendorID")
    status = str(asked.get("status") or (known["status"] if known else "Open"))
    on = _date(asked.get("date") or (known["date"][:10] if known else books.store.now().date()))
    currency = str(asked.get("currency") or (known["currency"] if known else supplier["currencyId"]))
    fresh = orders.order_row(books, number, supplier, lines, on=on, currency=currency, status=status)
    flags = {int(each["line"]): each for each in asked.get("lines", ()) if "line" in each}
    fresh["lines"] = [{**line, **_flags(flags.get(line["lineNbr"], {}))} for line in fresh["lines"]]
    row = table.put(number, orders.received(fresh, orders.receipts_of(books, number)))
    return {"number": number, "status": row["status"], "lines": len(row["lines"]), "stamp": moment(row["_modified"])}


def _flags(asked: Mapping[str, Any]) -> Row:
    return {name: bool(asked[name]) for name in ("completed", "canceled") if name in asked}


def _order_lines(books: Books, before: Iterable[Row], asked: Iterable[Mapping[str, Any]]) -> list[Row]:
    lines = {line["lineNbr"]: line for line in before}
    for each in asked:
        number = int(each.get("line", max(lines, default=0) + 1))
        if each.get("delete"):
            lines.pop(number, None)
            continue
        known = lines.get(number)
        kept = _as_asked(known) if known else {}
        lines[number] = orders.order_line(books, number, {**kept, **each})
    return [lines[number] for number in sorted(lines)]


def _as_asked(line: Row) -> dict[str, Any]:
    return {
        "text": line["lineDescription"],
        "quantity": line["orderQty"],
        "unit_cost": line["unitCost"],
        "item": (line["inventory"] or {}).get("number"),
        "account": line["account"]["number"],
        "vat": line["taxCategory"]["number"],
        "unit": line["uom"],
    }


def change_receipt(books: Books, asked: dict[str, Any]) -> Any:
    """Creates a receipt or changes one; its order follows."""
    table = books.table("PurchaseReceipt")
    number = str(asked.get("number") or f"RC{books.next_number('PurchaseReceipt', 900_001):06d}")
    known = table.get(number)
    if asked.get("delete"):
        order = (known or {})["lines"][0]["poOrderNbr"]
        table.drop(number)
        orders.refresh_order(books, order)
        return {"deleted": number}
    order = books.row("purchaseorder", str(asked.get("order") or (known or {})["lines"][0]["poOrderNbr"]), "OrderNbr")
    quantities = (
        {int(line): Decimal(str(quantity)) for line, quantity in asked["lines"].items()}
        if "lines" in asked
        else {line["poOrderLineNbr"]: line["receiptQty"] for line in (known or {})["lines"]}
    )
    row = orders.receipt_row(
        books,
        number,
        order,
        quantities,
        on=_date(asked.get("date") or (known["date"][:10] if known else books.store.now().date())),
        kind=str(asked.get("type") or (known["receiptType"] if known else "PoReceipt")),
        status=str(asked.get("status") or (known["status"] if known else "Released")),
    )
    kept = orders.store_receipt(books, row)
    return {"number": number, "status": kept["status"], "total": kept["totalQty"], "stamp": moment(kept["_modified"])}


ACTIONS: Mapping[str, Callable[[Books, dict[str, Any]], Any]] = {
    "invoices": change_invoice,
    "hold": _hold,
    "release-invoice": _release,
    "void": _void,
    "pay": _pay,
    "unpay": _unpay,
    "offset": _offset,
    "orders": change_order,
    "receipts": change_receipt,
}
