"""A line of an invoice while it is drawn up (Epicor dossier 9.5)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import rejected
from ml_connector.sandbox.epicor_kinetic.headers import input_sign, one_header
from ml_connector.sandbox.epicor_kinetic.invoices import LINE, invoice_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation, tableset
from ml_connector.sandbox.epicor_kinetic.schema import Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import (
    INVOICE_SERVICE,
    INVOICE_TABLES,
    PER,
    ZERO,
    edited,
    new_row,
    number,
    opened,
    text,
    whole,
)
from ml_connector.sandbox.trade import rounded

MISCELLANEOUS, UNRECEIVED, ADVANCE, RECEIPT = "M", "U", "A", "R"
LONGEST_PART = 50
_PRICE = Decimal("0.00001")


@operation(INVOICE_SERVICE, "GetNewAPInvDtlMiscellaneous")
def new_miscellaneous_line(visit: Visit, asked: Row) -> Outcome:
    """A line that refers to no order."""
    return _added(visit, asked, MISCELLANEOUS)


@operation(INVOICE_SERVICE, "GetNewAPInvDtlUnreceived")
def new_unreceived_line(visit: Visit, asked: Row) -> Outcome:
    """A line of an order that was not received."""
    return _added(visit, asked, UNRECEIVED)


@operation(INVOICE_SERVICE, "GetNewAPInvDtlAdvance")
def new_advance_line(visit: Visit, asked: Row) -> Outcome:
    """An advance billing against an order."""
    return _added(visit, asked, ADVANCE)


def _added(visit: Visit, asked: Row, line_type: str) -> Outcome:
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    head = header_for(visit.books, ds, whole(asked["iVendorNum"]), text(asked["cInvoiceNum"]))
    ds[LINE].append(blank_line(visit.books, head, line_type))
    return Outcome(parameters={"ds": ds})


def header_for(books: Books, ds: Tableset, vendor: int, number_: str) -> Row:
    """The header that new rows belong to: one in the tableset, new ones too, else the stored one; raises Refusal."""
    head = one_header(ds, vendor, number_) or invoice_of(books, vendor, number_)
    if head is None:
        raise rejected(f"Invoice {number_} of supplier {vendor} is not valid.", table="APInvHed", field="InvoiceNum")
    return head


def blank_line(books: Books, head: Row, line_type: str) -> Row:
    """What a line of that invoice starts from; its number is given when it is stored (Epicor dossier 17.33)."""
    return new_row(
        books,
        LINE,
        VendorNum=head["VendorNum"],
        InvoiceNum=head["InvoiceNum"],
        LineType=line_type,
        DebitMemo=bool(head.get("DebitMemo")),
        GroupID=head.get("GroupID", ""),
        CurrencyCode=head.get("CurrencyCode", ""),
        TaxRegionCode=head.get("TaxRegionCode", ""),
        VendorQty=Decimal(-1 if head.get("DebitMemo") else 1),
        ScrVendorQty=Decimal(1),
        PUM="EA",
        IUM="EA",
        CostPerCode="E",
    )


def per(row: Row) -> Decimal:
    """How many units a price is for."""
    return PER.get(row.get("CostPerCode") or "E", Decimal(1))


def sign_of(row: Row) -> int:
    """Debit memos are entered positive and kept negative."""
    return -1 if row.get("DebitMemo") else 1


@operation(INVOICE_SERVICE, "ChangePartNum")
def change_part(_: Visit, asked: Row) -> Outcome:
    """The part; any text on a miscellaneous line, up to the column's length."""
    ds, part = opened(tableset(asked["ds"]), INVOICE_TABLES), text(asked["ProposedPartNum"])
    check_part(part)
    for row in edited(ds, LINE):
        row["PartNum"] = part
        row["Description"] = row.get("Description") or part
    return Outcome(parameters={"ds": ds})


def check_part(part: str) -> None:
    """Raises Refusal for a part that is too long."""
    if len(part) > LONGEST_PART:
        raise rejected(f"Part number takes {LONGEST_PART} characters.", table=LINE, field="PartNum")


@operation(INVOICE_SERVICE, "ChangeExtCost")
def change_amount(visit: Visit, asked: Row) -> Outcome:
    """The amount of a line; the price follows."""
    ds, amount = opened(tableset(asked["ds"]), INVOICE_TABLES), number(asked["ProposedExtCost"])
    for row in edited(ds, LINE):
        quantity = row.get("ScrVendorQty") or Decimal(1)
        price = (amount * per(row) / quantity).quantize(_PRICE, ROUND_HALF_UP)
        sign = input_sign(visit.books, row)
        row |= {"ScrVendorQty": quantity, "VendorQty": quantity * sign_of(row)}
        row |= {"DocScrUnitCost": price, "DocUnitCost": price}
        row |= {"ScrDocExtCost": amount * sign * sign_of(row), "DocExtCost": amount * sign}
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangeUnitCost")
def change_price(_: Visit, asked: Row) -> Outcome:
    """The price; the amount follows."""
    ds, price = opened(tableset(asked["ds"]), INVOICE_TABLES), number(asked["ProposedUnitCost"])
    for row in edited(ds, LINE):
        row |= {"DocScrUnitCost": price, "DocUnitCost": price}
        price_line(row)
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangeVendorQty")
def change_quantity(_: Visit, asked: Row) -> Outcome:
    """The quantity in the supplier's unit; the amount follows."""
    ds, quantity = opened(tableset(asked["ds"]), INVOICE_TABLES), number(asked["ProposedVendorQty"])
    for row in edited(ds, LINE):
        row |= {"ScrVendorQty": quantity, "VendorQty": quantity * sign_of(row)}
        price_line(row)
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangeCostPerCode")
def change_cost_per(_: Visit, asked: Row) -> Outcome:
    """How many units the price is for."""
    ds, code = opened(tableset(asked["ds"]), INVOICE_TABLES), text(asked["ProposedCostPerCode"])
    if code not in PER:
        raise rejected("Cost per code is E, C or M.", table=LINE, field="CostPerCode")
    for row in edited(ds, LINE):
        row["CostPerCode"] = code
        price_line(row)
    return Outcome(parameters={"ds": ds})


def price_line(row: Row) -> None:
    """The amount of a line from its quantity and price (Epicor dossier 17.39)."""
    amount = rounded(row.get("ScrVendorQty", ZERO) * row.get("DocUnitCost", ZERO) / per(row))
    row |= {"ScrDocExtCost": amount, "DocExtCost": amount * sign_of(row)}


@operation(INVOICE_SERVICE, "ChangeTaxCatID")
def change_tax_category(visit: Visit, asked: Row) -> Outcome:
    """The tax category of a line."""
    ds, category = opened(tableset(asked["ds"]), INVOICE_TABLES), text(asked["ipTaxCatID"])
    check_tax_category(visit.books, category)
    for row in edited(ds, LINE):
        row["TaxCatID"] = category
    return Outcome(parameters={"ds": ds})


def check_tax_category(books: Books, category: str) -> None:
    """Raises Refusal for a tax category that is not there."""
    if category and books.table("TaxCat").get(books.id, category) is None:
        raise rejected(f"Tax category {category} is not valid.", table=LINE, field="TaxCatID")


@operation(INVOICE_SERVICE, "ChangePONum")
def change_order(visit: Visit, asked: Row) -> Outcome:
    """The order that a line bills."""
    ds, order_number = opened(tableset(asked["ds"]), INVOICE_TABLES), whole(asked["ProposedPONum"])
    order = visit.books.table("POHeader").get(visit.books.id, order_number)
    for row in edited(ds, LINE):
        if order is None or order["VendorNum"] != row["VendorNum"]:
            raise rejected(f"PO {order_number} is not valid for this supplier.", table=LINE, field="PONum")
        if order.get("VoidOrder") or not order.get("OpenOrder"):
            raise rejected(f"PO {order_number} is not open.", table=LINE, field="PONum")
        row |= {"PONum": order_number, "POLine": 0, "PORelNum": 0}
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangePOLine")
def change_order_line(visit: Visit, asked: Row) -> Outcome:
    """The line of the order; its release too where there is only one."""
    books, wanted = visit.books, whole(asked["ProposedPOLine"])
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    for row in edited(ds, LINE):
        line = books.table("PODetail").get(books.id, row.get("PONum", 0), wanted)
        if line is None or line.get("VoidLine"):
            raise rejected(f"PO line {row.get('PONum')}/{wanted} is not valid.", table=LINE, field="POLine")
        releases = books.table("PORel").below(books.id, row["PONum"], wanted)
        row |= {"POLine": wanted, "PORelNum": 0, **copied_from_order(line)}
        if len(releases) == 1:
            _take_release(row, releases[0])
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ChangePORelNum")
def change_order_release(visit: Visit, asked: Row) -> Outcome:
    """The release of the order's line."""
    books, wanted = visit.books, whole(asked["ProposedPORelNum"])
    ds = opened(tableset(asked["ds"]), INVOICE_TABLES)
    for row in edited(ds, LINE):
        release = books.table("PORel").get(books.id, row.get("PONum", 0), row.get("POLine", 0), wanted)
        if release is None or release.get("VoidRelease"):
            raise rejected(f"PO release {wanted} is not valid.", table=LINE, field="PORelNum")
        _take_release(row, release)
    return Outcome(parameters={"ds": ds})


def copied_from_order(line: Row) -> Row:
    """What a line of an invoice takes over from the line of an order."""
    return {
        "PartNum": line.get("PartNum") or line.get("LineDesc", "")[:LONGEST_PART],
        "Description": line.get("LineDesc", ""),
        "VenPartNum": line.get("VenPartNum", ""),
        "PUM": line.get("PUM", "EA"),
        "IUM": line.get("IUM", "EA"),
        "CostPerCode": line.get("CostPerCode") or "E",
        "DocUnitCost": line.get("DocUnitCost", ZERO),
        "DocScrUnitCost": line.get("DocUnitCost", ZERO),
        "TaxCatID": line.get("TaxCatID", ""),
    }


def _take_release(row: Row, release: Row) -> None:
    quantity = max(release.get("RelQty", ZERO) - release.get("InvoicedQty", ZERO), ZERO)
    row |= {"PORelNum": release["PORelNum"], "ScrVendorQty": quantity, "VendorQty": quantity * sign_of(row)}
    price_line(row)
