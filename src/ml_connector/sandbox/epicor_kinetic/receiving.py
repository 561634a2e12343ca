"""Billing receipts with the screen's three calls (Epicor dossier 9.5.4, 17.38)."""

from __future__ import annotations

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import rejected
from ml_connector.sandbox.epicor_kinetic.invoices import stored_invoice
from ml_connector.sandbox.epicor_kinetic.lines import RECEIPT, blank_line, copied_from_order, per, price_line, sign_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation, tableset
from ml_connector.sandbox.epicor_kinetic.receipts import RECEIPT_LINE, left_of
from ml_connector.sandbox.epicor_kinetic.saving import add_lines
from ml_connector.sandbox.epicor_kinetic.schema import Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import INVOICE_SERVICE, RECEIPT_TABLES, ZERO, opened, text, whole
from ml_connector.sandbox.trade import rounded

SLIPS, OPEN, TOTALS, CHOSEN = "APUninvoicedReceipts", "APUninvoicedRcptLines", "APReceiptTotals", "APSelectedRcptLines"
_NAMED = ("PurPoint", "PackSlip", "PackLine", "PONum", "POLine", "PORelNum", "PartNum", "PartDescription", "PUM")


@operation(INVOICE_SERVICE, "GetAPUninvoicedReceipts")
def uninvoiced_receipts(visit: Visit, asked: Row) -> Outcome:
    """What was received of an order and not invoiced yet."""
    books, vendor, order = visit.books, whole(asked["InVendorNum"]), whole(asked["InPONum"])
    head = stored_invoice(books, vendor, text(asked["InInvoiceNum"]))
    ds = opened(tableset(asked["ds"]), RECEIPT_TABLES)
    found = [row for row in books.table(RECEIPT_LINE).find("PONum", order) if _is_open(row, vendor)]
    ds[OPEN] = [_shown(books, head, row) for row in found]
    ds[SLIPS] = _slips(books, head, ds[OPEN])
    ds[TOTALS] = [_totals(books, head, ds)]
    return Outcome(parameters={"ds": ds})


def _is_open(row: Row, vendor: int) -> bool:
    return row["VendorNum"] == vendor and bool(row.get("Received")) and left_of(row) > 0


def _shown(books: Books, head: Row, row: Row) -> Row:
    left = left_of(row)
    amount = rounded(left * row.get("DocVendorUnitCost", ZERO) / per(row))
    return {
        "Company": books.id,
        "VendorNum": row["VendorNum"],
        "InvoiceNum": head["InvoiceNum"],
        **{name: row.get(name, "") for name in _NAMED},
        "GridVenPartNum": row.get("VenPartNum", ""),
        "OurQty": left,
        "VendorQty": left,
        "PassedQty": left,
        "SupplierUnInvcReceiptQty": left,
        "DocVendorUnitCost": row.get("DocVendorUnitCost", ZERO),
        "VendorUnitCost": row.get("VendorUnitCost", ZERO),
        "OurUnitCost": row.get("OurUnitCost", ZERO),
        "CurrencyCode": row.get("CurrencyCode", ""),
        "SelectLine": False,
        "SysRowID": row["SysRowID"],
        "DocLineAmount": amount,
        "LineAmount": amount,
        "RowMod": "",
    }


def _slips(books: Books, head: Row, lines: list[Row]) -> list[Row]:
    slips: dict[tuple[str, str], Row] = {}
    for line in lines:
        slip = slips.setdefault(
            (line["PurPoint"], line["PackSlip"]),
            {
                "Company": books.id,
                "VendorNum": line["VendorNum"],
                "PONum": line["PONum"],
                "PurPoint": line["PurPoint"],
                "PackSlip": line["PackSlip"],
                "InvoiceNum": head["InvoiceNum"],
                "CurrencyCode": line["CurrencyCode"],
                "DocPackSlipTotal": ZERO,
                "RowMod": "",
            },
        )
        slip["DocPackSlipTotal"] += line["DocLineAmount"]
    return list(slips.values())


def _totals(books: Books, head: Row, ds: Tableset) -> Row:
    available = sum((row.get("DocLineAmount", ZERO) for row in ds[OPEN]), ZERO)
    chosen = sum((row.get("DocLineAmount", ZERO) for row in ds[CHOSEN]), ZERO)
    named = {"Company": books.id, "VendorNum": head["VendorNum"], "InvoiceNum": head["InvoiceNum"], "RowMod": ""}
    return {**named, "DocAvailableTotal": available, "DocSelectedTotal": chosen}


@operation(INVOICE_SERVICE, "SelectUninvoicedRcptLines")
def select_lines(visit: Visit, asked: Row) -> Outcome:
    """Moves the lines that are ticked, of that order and that slip, to those that will be billed."""
    books = visit.books
    head = stored_invoice(books, whole(asked["InVendorNum"]), text(asked["InvoiceNum"]))
    ds = opened(tableset(asked["ds"]), RECEIPT_TABLES)
    slip, order = text(asked["InPackSlip"]).lower(), whole(asked["InPONum"])
    kept: list[Row] = []
    for row in ds[OPEN]:
        ticked = row.get("SelectLine") and row.get("RowMod") == "U"
        fits = text(row.get("PackSlip")).lower() == slip and (not order or row.get("PONum") == order)
        if not (ticked and fits):
            kept.append(row)
            continue
        _check_open(books, {**row, "VendorNum": head["VendorNum"]})
        ds[CHOSEN].append({**row, "InvoiceQty": row.get("VendorQty", ZERO), "DeselectLine": False, "RowMod": "A"})
    ds[OPEN] = kept
    ds[TOTALS] = [_totals(books, head, ds)]
    return Outcome(parameters={"ds": ds})


def _check_open(books: Books, row: Row) -> Row:
    """The receipt line as it stands; raises Refusal where another invoice has taken it meanwhile."""
    key = (row.get("VendorNum", 0), row.get("PurPoint", ""), row.get("PackSlip", ""), row.get("PackLine", 0))
    found = books.table(RECEIPT_LINE).get(books.id, *key)
    if found is None or not _is_open(found, row["VendorNum"]):
        place = f"{row.get('PackSlip')}/{row.get('PackLine')}"
        raise rejected(f"Receipt line {place} has already been invoiced.", table=CHOSEN, field="PackLine")
    return found


@operation(INVOICE_SERVICE, "InvoiceSelectedLines")
def invoice_selected_lines(visit: Visit, asked: Row) -> Outcome:
    """Stores an invoice line for every chosen one; answers with the receipts, not with the invoice."""
    books = visit.books
    ds = opened(tableset(asked["ds"]), RECEIPT_TABLES)
    if not ds[CHOSEN]:
        raise rejected("No receipt lines are selected.", table=CHOSEN)
    drawn: dict[tuple[int, str], list[Row]] = {}
    for row in ds[CHOSEN]:
        head = stored_invoice(books, row.get("VendorNum", 0), text(row.get("InvoiceNum")))
        drawn.setdefault((head["VendorNum"], head["InvoiceNum"]), []).append(_drawn(books, head, row))
    for (vendor, number), lines in drawn.items():
        add_lines(visit, stored_invoice(books, vendor, number), lines)
    ds[CHOSEN] = []
    return Outcome(parameters={"opLOCMsg": "", "ds": ds})


def _drawn(books: Books, head: Row, chosen: Row) -> Row:
    receipt = _check_open(books, chosen)
    order_line = books.table("PODetail").get(books.id, receipt["PONum"], receipt["POLine"]) or {}
    quantity = chosen.get("InvoiceQty") or left_of(receipt)
    line = {
        **blank_line(books, head, RECEIPT),
        **copied_from_order(order_line),
        **{name: receipt[name] for name in ("PONum", "POLine", "PORelNum", "PurPoint", "PackSlip", "PackLine")},
        "DocUnitCost": receipt.get("DocVendorUnitCost", ZERO),
        "DocScrUnitCost": receipt.get("DocVendorUnitCost", ZERO),
        "FinalInvoice": bool(chosen.get("FinalInvoice")),
        "ScrVendorQty": quantity,
    }
    line["VendorQty"] = quantity * sign_of(line)
    price_line(line)
    return line
