"""Purchase orders: header, lines, releases and the accounts of the releases (Epicor dossier 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import CHART, SITE, Books
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.tablesets import PER, ZERO, stamp_of
from ml_connector.sandbox.trade import rounded

HEAD, LINE, RELEASE, ACCOUNT = "POHeader", "PODetail", "PORel", "PORelTGLC"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line of an order: quantities by release, the price for `per` units, the account in stored form."""

    number: int
    description: str
    quantities: Sequence[Decimal]
    price: Decimal
    part: str = ""
    per: str = "E"
    tax_category: str = ""
    account: str = ""


def put_order(books: Books, number: int, vendor: Row, *, currency: str, day: date, approval: str = "A") -> Row:
    """Stores the header of an order, without any sum yet. `approval`: U, P, A or R (Epicor dossier 12.2)."""
    return books.table(HEAD).put(
        {
            "Company": books.id,
            "PONum": number,
            "VendorNum": vendor["VendorNum"],
            "VendorVendorID": vendor["VendorID"],
            "VendorName": vendor.get("Name", ""),
            "OpenOrder": True,
            "VoidOrder": False,
            "Approve": approval == "A",
            "ApprovalStatus": approval,
            "Confirmed": approval == "A",
            "OrderDate": stamp_of(day),
            "DueDate": stamp_of(day),
            "TermsCode": vendor.get("TermsCode", ""),
            "TaxRegionCode": vendor.get("TaxRegionCode", ""),
            "CurrencyCode": currency,
            "RateGrpCode": "MAIN",
            "ExchangeRate": books.factor(currency, day.isoformat()),
            "BuyerID": "BUYER1",
            "EntryPerson": "manager",
            "POType": "STD",
        }
    )


def put_line(books: Books, order: Row, wanted: Wanted) -> Row:
    """Stores a line with its releases, each with its account; returns the header with the order's new sums."""
    quantity = sum(wanted.quantities, ZERO)
    amount = rounded(quantity * wanted.price / PER[wanted.per])
    rate = order["ExchangeRate"] or Decimal(1)
    books.table(LINE).put(
        {
            "Company": books.id,
            "PONUM": order["PONum"],
            "POLine": wanted.number,
            "VendorNum": order["VendorNum"],
            "OpenLine": True,
            "VoidLine": False,
            "PartNum": wanted.part,
            "LineDesc": wanted.description,
            "OrderQty": quantity,
            "XOrderQty": quantity,
            "PUM": "EA",
            "IUM": "EA",
            "CostPerCode": wanted.per,
            "DocUnitCost": wanted.price,
            "UnitCost": (wanted.price * rate).quantize(Decimal("0.00001")),
            "DocExtCost": amount,
            "ExtCost": rounded(amount * rate),
            "TaxCatID": wanted.tax_category,
            "CurrencyCode": order["CurrencyCode"],
            "DueDate": order["DueDate"],
        }
    )
    for number, each in enumerate(wanted.quantities, 1):
        _put_release(books, order, wanted, number=number, quantity=each)
    return total_order(books, order)


def _put_release(books: Books, order: Row, wanted: Wanted, *, number: int, quantity: Decimal) -> None:
    place = {"Company": books.id, "PONum": order["PONum"], "POLine": wanted.number, "PORelNum": number}
    books.table(RELEASE).put(
        {
            **place,
            "OpenRelease": True,
            "VoidRelease": False,
            "RelQty": quantity,
            "XRelQty": quantity,
            "ReceivedQty": ZERO,
            "ArrivedQty": ZERO,
            "InvoicedQty": ZERO,
            "DueDate": order["DueDate"],
            "Plant": SITE,
            "TranType": "PUR-STK" if wanted.part else "PUR-UKN",
            "Status": "O",
            "PUM": "EA",
            "IUM": "EA",
        }
    )
    if wanted.account:
        segments = {f"SegValue{at}": value for at, value in enumerate(wanted.account.split("|"), 1)}
        coded = {"COACode": CHART, "GLAccount": wanted.account, "RecordType": "A", "IsMainBook": True, **segments}
        books.table(ACCOUNT).put({**place, "BookID": "", "TGLCTranNum": 1, **coded})


def total_order(books: Books, order: Row) -> Row:
    """Brings the sums of an order up to its lines."""
    lines = [line for line in books.table(LINE).below(books.id, order["PONum"]) if not line.get("VoidLine")]
    net = sum((line["DocExtCost"] for line in lines), ZERO)
    taxes = (rounded(line["DocExtCost"] * books.tax_percent(line.get("TaxCatID", "")) / 100) for line in lines)
    tax, rate = sum(taxes, ZERO), order["ExchangeRate"] or Decimal(1)
    sums = {
        "DocTotalOrder": net,
        "TotalOrder": rounded(net * rate),
        "DocTotalTax": tax,
        "TotalTax": rounded(tax * rate),
    }
    return books.table(HEAD).put({**order, **sums})


def close_order(books: Books, order: Row, *, void: bool = False, reopen: bool = False) -> Row:
    """Closes an order with its lines and releases, cancels it, or opens it again."""
    number = order["PONum"]
    for line in books.table(LINE).below(books.id, number):
        books.table(LINE).put({**line, "OpenLine": reopen, "VoidLine": void})
    for release in books.table(RELEASE).below(books.id, number):
        books.table(RELEASE).put({**release, "OpenRelease": reopen, "VoidRelease": void})
    return books.table(HEAD).put({**order, "OpenOrder": reopen, "VoidOrder": void})


def drop_order(books: Books, order: Row) -> None:
    """Deletes an order with everything below it."""
    for table in (ACCOUNT, RELEASE, LINE):
        for row in books.table(table).below(books.id, order["PONum"]):
            books.table(table).drop(row)
    books.table(HEAD).drop(order)


def shown_order(books: Books, order: Row) -> Mapping[str, object]:
    """An order as the control pages show it."""
    number = order["PONum"]
    releases = books.table(RELEASE).below(books.id, number)
    return {
        "number": number,
        "vendor": order.get("VendorVendorID"),
        "currency": order["CurrencyCode"],
        "open": bool(order.get("OpenOrder")),
        "void": bool(order.get("VoidOrder")),
        "approved": bool(order.get("Approve")),
        "total": order.get("DocTotalOrder"),
        "lines": [
            {
                "line": release["POLine"],
                "release": release["PORelNum"],
                "quantity": release["RelQty"],
                "received": release["ReceivedQty"],
                "invoiced": release["InvoicedQty"],
            }
            for release in releases
        ],
    }
