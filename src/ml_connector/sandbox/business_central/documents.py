"""Headers of purchase invoices, credit memos and orders: how they are created and changed (BC dossier 8.2, 9)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ml_connector.sandbox.business_central.books import SHORTCUTS, Books
from ml_connector.sandbox.business_central.errors import bad_relation, dialog, field_fault
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row
from ml_connector.sandbox.business_central.table import Table, new_id


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """What tells invoices, credit memos and orders apart."""

    headers: str
    lines: str
    title: str
    """As in `Purchase Invoice`; also the parent type of its parts."""
    short: str
    """As in `Document Type=Invoice`."""
    own_date: str
    external_number: str
    unit_cost: str
    draft_series: str
    posted_series: str
    vendor_missing: str
    vendor_unknown: str
    vendors_differ: str = ""
    """Empty where vendorId simply wins over vendorNumber (dossier 8.2/3)."""


INVOICE = DocumentKind(
    headers="purchaseInvoices",
    lines="purchaseInvoiceLines",
    title="Purchase Invoice",
    short="Invoice",
    own_date="invoiceDate",
    external_number="vendorInvoiceNumber",
    unit_cost="unitCost",
    draft_series="PI",
    posted_series="PPI",
    vendor_missing='A "vendorNumber" or a "vendorID" must be provided.',
    vendor_unknown="The vendor cannot be found.",
)
CREDIT_MEMO = DocumentKind(
    headers="purchaseCreditMemos",
    lines="purchaseCreditMemoLines",
    title="Purchase Credit Memo",
    short="Credit Memo",
    own_date="creditMemoDate",
    external_number="vendorCreditMemoNumber",
    unit_cost="unitCost",
    draft_series="PCM",
    posted_series="PPCM",
    vendor_missing='A "vendorNumber" or a "vendorId" must be provided.',
    vendor_unknown="The buy-from vendor cannot be found.",
    vendors_differ="The buy-from vendor values do not match to a Vendor.",
)
ORDER = DocumentKind(
    headers="purchaseOrders",
    lines="purchaseOrderLines",
    title="Purchase Order",
    short="Order",
    own_date="orderDate",
    external_number="",
    unit_cost="directUnitCost",
    draft_series="PO9",
    posted_series="",
    vendor_missing='A "vendorNumber" or a "vendorId" must be provided.',
    vendor_unknown="The buy-from vendor cannot be found.",
    vendors_differ="The buy-from vendor values do not match to a specific Vendor.",
)
KINDS = {kind.headers: kind for kind in (INVOICE, CREDIT_MEMO, ORDER)}
LINE_KINDS = {kind.lines: kind for kind in KINDS.values()}


def create_header(books: Books, kind: DocumentKind, values: Row) -> Row:
    """A new draft with everything the vendor brings along; raises Refused."""
    vendor = _vendor(books, kind, values)
    row = TYPES[kind.headers].blank()
    row |= {
        "id": new_id(),
        "number": books.next_number(kind.draft_series),
        "status": "Draft",
        "discountAppliedBeforeTax": True,
        "_document_status": "Open",
        "_dims": {},
        "_currency": "",
        "_factor": Decimal(1),
        "_posted": False,
    }
    row[kind.own_date] = values.get(kind.own_date, books.today())
    row["postingDate"] = values.get("postingDate", row[kind.own_date])
    _take_vendor(books, kind, row, vendor)
    _take_dates(books, kind, row, values, creating=True)
    _take_currency(books, row, values, vendor=vendor)
    _take_rest(books, kind, row, values)
    return books.table(kind.headers).put(row)


def change_header(books: Books, kind: DocumentKind, row: Row, values: Row) -> Row:
    """Changes a draft; raises Refused once it is posted or released."""
    if row["_posted"]:
        raise dialog(posted_text(kind))
    changed = dict(row)
    if {"vendorId", "vendorNumber", "currencyId", "currencyCode"} & values.keys():
        require_open(kind, row)
    if {"vendorId", "vendorNumber"} & values.keys():
        vendor = _vendor(books, kind, values)
        if vendor["id"] != row["vendorId"]:
            _take_vendor(books, kind, changed, vendor)
            _take_currency(books, changed, {}, vendor=vendor)
    for name in (kind.own_date, "postingDate"):
        changed[name] = values.get(name, changed[name])
    _take_dates(books, kind, changed, values, creating=False)
    if {"currencyId", "currencyCode", "postingDate"} & values.keys():
        _take_currency(books, changed, values)
    _take_rest(books, kind, changed, values)
    saved = books.table(kind.headers).put(changed)
    _spread_shortcuts(books, kind, row, saved)
    return saved


def posted_text(kind: DocumentKind) -> str:
    """What every change of a posted document is answered with."""
    return f"The {kind.short.lower()} has been posted and can no longer be modified."


def require_open(kind: DocumentKind, header: Row) -> None:
    """Raises Refused when a person released the draft or an approval runs (dossier 8.3/8)."""
    status = header["_document_status"]
    if status != "Open":
        raise field_fault(
            f"Status must be equal to 'Open'  in Purchase Header: Document Type={kind.short}, "
            f"No.={header['number']}. Current value is '{status}'."
        )


def _vendor(books: Books, kind: DocumentKind, values: Row) -> Row:
    identity = values.get("vendorId", NO_GUID)
    number = values.get("vendorNumber", "")
    if identity == NO_GUID and not number:
        raise dialog(kind.vendor_missing)
    vendors = books.table("vendors")
    by_id = vendors.rows.get(identity)
    by_number = vendors.first("number", number)
    if (identity != NO_GUID and by_id is None) or (identity == NO_GUID and by_number is None):
        raise dialog(kind.vendor_unknown)
    if kind.vendors_differ and by_id is not None and number and by_id is not by_number:
        raise dialog(kind.vendors_differ)
    vendor = by_id or by_number
    assert vendor is not None
    if vendor["blocked"] == "All":
        raise dialog(f"You cannot create this type of document when Vendor {vendor['number']} is blocked with type All")
    return vendor


def _take_vendor(books: Books, kind: DocumentKind, row: Row, vendor: Row) -> None:
    row |= {"vendorId": vendor["id"], "vendorNumber": vendor["number"], "vendorName": vendor["displayName"]}
    row["_terms"] = vendor["paymentTermsId"]
    if "paymentTermsId" in row:
        row["paymentTermsId"] = vendor["paymentTermsId"]
    _take_address(kind, row, vendor, "buyFrom")
    _take_pay_to(kind, row, vendor)
    row["_dims"] = {**row["_dims"], **books.default_dimensions(vendor)}
    _show_shortcuts(row)


def _take_pay_to(kind: DocumentKind, row: Row, vendor: Row) -> None:
    row |= {"payToVendorId": vendor["id"], "payToVendorNumber": vendor["number"]}
    row["payToName"] = vendor["displayName"]
    _take_address(kind, row, vendor, "payTo")


def _take_address(kind: DocumentKind, row: Row, vendor: Row, side: str) -> None:
    address = {
        "AddressLine1": vendor["addressLine1"],
        "AddressLine2": vendor["addressLine2"],
        "City": vendor["city"],
        "Country": vendor["country"],
        "State": vendor["state"],
        "PostCode": vendor["postalCode"],
    }
    known = TYPES[kind.headers].properties
    row |= {side + name: value for name, value in address.items() if side + name in known}


def _take_dates(books: Books, kind: DocumentKind, row: Row, values: Row, *, creating: bool) -> None:
    if values.get("paymentTermsId", NO_GUID) != NO_GUID:
        if values["paymentTermsId"] not in books.table("paymentTerms").rows:
            raise dialog('The "paymentTermsId" does not match to a Payment Terms.')
        row["_terms"] = values["paymentTermsId"]
    if "dueDate" not in row:
        return
    if "dueDate" in values:
        row["dueDate"] = values["dueDate"]
    elif creating or kind.own_date in values or "paymentTermsId" in values:
        row["dueDate"] = books.due_date(row["_terms"], row[kind.own_date])


def _take_currency(books: Books, row: Row, values: Row, *, vendor: Row | None = None) -> None:
    if {"currencyCode", "currencyId"} & values.keys():
        row["_currency"] = wanted_currency(books, values)
    elif vendor is not None:
        row["_currency"] = vendor["_currency"]
    currency = books.by_code("currencies", row["_currency"]) if row["_currency"] else None
    row["currencyId"] = currency["id"] if currency else NO_GUID
    row["currencyCode"] = row["_currency"] or books.company.currency
    row["_factor"] = books.factor(row["_currency"], row["postingDate"])


def wanted_currency(books: Books, values: Row) -> str:
    """The currency that currencyCode and currencyId name, empty for the company's own; raises Refused."""
    code: str = values.get("currencyCode", "").strip().upper()
    identity: str = values.get("currencyId", NO_GUID)
    own = code in ("", books.company.currency)
    by_code = None if own else books.by_code("currencies", code)
    by_id = books.table("currencies").rows.get(identity)
    if not own and by_code is None:
        raise dialog('The "currencyCode" does not match to a Currency.')
    if identity != NO_GUID and by_id is None:
        raise dialog('The "currencyId" does not match to a Currency.')
    if by_id is not None and "currencyCode" in values and by_id is not by_code:
        raise dialog("The currency values do not match to a specific Currency.")
    found = by_id or by_code
    return found["code"] if found else ""


def _take_rest(books: Books, kind: DocumentKind, row: Row, values: Row) -> None:
    _take_other_pay_to(books, kind, row, values)
    for number, dimension in enumerate(SHORTCUTS, 1):
        name = f"shortcutDimension{number}Code"
        if name in values:
            row["_dims"] = {**row["_dims"], dimension: _open_value(books, dimension, values[name], number)}
    row["_dims"] = {code: value for code, value in row["_dims"].items() if value}
    _show_shortcuts(row)
    for name, value in values.items():
        if name not in _TAKEN and name != kind.own_date:
            row[name] = value


_TAKEN = {
    "vendorId",
    "vendorNumber",
    "payToVendorId",
    "payToVendorNumber",
    "postingDate",
    "dueDate",
    "currencyId",
    "currencyCode",
    "shortcutDimension1Code",
    "shortcutDimension2Code",
    # Invoice discounts are not simulated (dossier U21: the value may be ignored).
    "discountAmount",
}


def _take_other_pay_to(books: Books, kind: DocumentKind, row: Row, values: Row) -> None:
    identity = values.get("payToVendorId", NO_GUID)
    number = values.get("payToVendorNumber", "")
    vendors: Table = books.table("vendors")
    if identity == NO_GUID and not number:
        return
    vendor = vendors.rows.get(identity) if identity != NO_GUID else vendors.first("number", number)
    if vendor is None:
        raise dialog("The pay-to vendor cannot be found.")
    _take_pay_to(kind, row, vendor)


def _open_value(books: Books, dimension: str, code: str, number: int) -> str:
    if not code:
        return ""
    value = books.dimension_value(dimension, code)
    if value is None:
        field = f"Shortcut Dimension {number} Code"
        raise bad_relation(field, "Purchase Header", code, related="Dimension Value")
    if value["_blocked"]:
        raise dialog(f"Dimension Value {dimension} - {code} is blocked.")
    return code


def _show_shortcuts(row: Row) -> None:
    for number, dimension in enumerate(SHORTCUTS, 1):
        row[f"shortcutDimension{number}Code"] = row["_dims"].get(dimension, "")


def show_dimensions(row: Row) -> Row:
    """The row with its shortcut fields in line with its dimension set."""
    if "shortcutDimension1Code" in row:
        _show_shortcuts(row)
    return row


def _spread_shortcuts(books: Books, kind: DocumentKind, before: Row, after: Row) -> None:
    """Shortcut codes changed later reach the lines that exist, unlike dimensionSetLines (dossier 8.2/11)."""
    changed = {
        dimension: after["_dims"].get(dimension, "")
        for dimension in SHORTCUTS
        if before["_dims"].get(dimension, "") != after["_dims"].get(dimension, "")
    }
    if not changed:
        return
    lines = books.table(kind.lines)
    for line in lines.find("documentId", after["id"]):
        dims = {code: value for code, value in {**line["_dims"], **changed}.items() if value}
        lines.put({**line, "_dims": dims})
