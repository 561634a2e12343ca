"""Lines of purchase documents and the sums they make (BC dossier 8.3, 8.4)."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.documents import DocumentKind, posted_text, require_open
from ml_connector.sandbox.business_central.errors import bad_relation, dialog, field_fault
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row
from ml_connector.sandbox.business_central.table import new_id
from ml_connector.sandbox.trade import rounded

_ZERO = Decimal(0)
_OBJECTS = {"Account": "accounts", "Item": "items"}
_DERIVED = {
    # Left to the server whatever is sent (dossier U21).
    "amountExcludingTax",
    "amountIncludingTax",
    "invoiceDiscountAllocation",
    "netAmount",
    "netTaxAmount",
    "netAmountIncludingTax",
}
_SETTLED_APART = {"taxCode", "itemId", "accountId", "lineObjectNumber", "discountAmount", "discountPercent"}


def create_line(books: Books, kind: DocumentKind, header: Row, values: Row, *, settle: bool = True) -> Row:
    """A new line of a draft; `settle=False` leaves the sums to a later `settle_document`."""
    _require_writable(kind, header)
    if values.get("documentId", header["id"]) != header["id"]:
        raise dialog('The value for "documentId" cannot be modified.')
    row = TYPES[kind.lines].blank()
    row |= {
        "id": new_id(),
        "documentId": header["id"],
        "sequence": _sequence(books, kind, header, values),
        "_dims": dict(header["_dims"]),
        "_tax": "",
        "_account": "",
    }
    _name_object(books, row, values)
    _test_object(books, kind, header, row)
    _take(books, kind, row, values)
    saved = books.table(kind.lines).put(row)
    if settle:
        settle_document(books, kind, header)
    return books.table(kind.lines).rows[saved["id"]]


def change_line(books: Books, kind: DocumentKind, row: Row, values: Row) -> Row:
    """Changes a line of a draft; what identifies it stays."""
    header = books.table(kind.headers).rows[row["documentId"]]
    _require_writable(kind, header)
    _require_same(row, values)
    changed = dict(row)
    if "lineType" in values and values["lineType"] != row["lineType"]:
        changed |= {"lineType": values["lineType"], "itemId": NO_GUID, "accountId": NO_GUID, "lineObjectNumber": ""}
    if not changed["lineObjectNumber"]:
        _name_object(books, changed, {**values, "lineType": changed["lineType"]})
        _test_object(books, kind, header, changed)
    _take(books, kind, changed, values)
    books.table(kind.lines).put(changed)
    settle_document(books, kind, header)
    return books.table(kind.lines).rows[row["id"]]


def remove_line(books: Books, kind: DocumentKind, row: Row) -> None:
    """Deletes a line of a draft."""
    header = books.table(kind.headers).rows[row["documentId"]]
    _require_writable(kind, header)
    books.table(kind.lines).drop(row["id"])
    settle_document(books, kind, header)


def _require_writable(kind: DocumentKind, header: Row) -> None:
    if header["_posted"]:
        raise dialog(posted_text(kind))
    require_open(kind, header)


def _require_same(row: Row, values: Row) -> None:
    if values.get("documentId", row["documentId"]) != row["documentId"]:
        raise dialog('The value for "documentId" cannot be modified.')
    if values.get("sequence", row["sequence"]) != row["sequence"]:
        raise dialog("The value for sequence cannot be modified. Delete and insert the line again.")
    number = values.get("lineObjectNumber", row["lineObjectNumber"])
    if row["lineObjectNumber"] and number != row["lineObjectNumber"]:
        raise dialog('The value for "lineObjectNumber" cannot be modified.')


def _sequence(books: Books, kind: DocumentKind, header: Row, values: Row) -> int:
    taken = [line["sequence"] for line in books.table(kind.lines).find("documentId", header["id"])]
    wanted = values.get("sequence", 0)
    if wanted in taken:
        raise dialog("You cannot insert a line with a duplicate sequence number.")
    return wanted or max(taken, default=0) + 10000


def _name_object(books: Books, row: Row, values: Row) -> None:
    """Settles type, number and ids of what the line is about."""
    account, item = values.get("accountId", NO_GUID), values.get("itemId", NO_GUID)
    if NO_GUID not in {account, item}:
        raise dialog('Both "itemId" and "accountId" are specified. Specify only one of them.')
    row["lineType"] = values.get("lineType", row["lineType"])
    number = values.get("lineObjectNumber", "")
    identity = item if account == NO_GUID else account
    if identity != NO_GUID:
        row["lineType"] = "Item" if account == NO_GUID else "Account"
        named = books.table(_OBJECTS[row["lineType"]]).rows.get(identity)
        if named is None:
            raise dialog(f"{row['lineType']} does not exist.")
        number = named["number"]
    row["lineObjectNumber"] = number
    if row["lineType"] in _OBJECTS and number:
        found = books.by_number(_OBJECTS[row["lineType"]], number)
        if found is None:
            raise dialog(f"{row['lineType']} does not exist.")
        _take_object(row, found)


def _take_object(row: Row, found: Row) -> None:
    row["accountId" if row["lineType"] == "Account" else "itemId"] = found["id"]
    row["description"] = found["displayName"]
    row["_tax"] = found["_tax"]
    row["_account"] = found.get("_account", found["number"])
    row["_dims"] = {**row["_dims"], **found["_dims"]}
    if row["lineType"] == "Item":
        row["unitOfMeasureCode"] = found["baseUnitOfMeasureCode"]


def _test_object(books: Books, kind: DocumentKind, header: Row, row: Row) -> None:
    if row["lineType"] == "Comment":
        return
    if not header["_factor"]:
        raise field_fault(
            f"Currency Factor must have a value in Purchase Header: Document Type={kind.short}, "
            f"No.={header['number']}. It cannot be zero or empty."
        )
    if row["lineType"] == "Account" and row["lineObjectNumber"]:
        _test_account(books.table("accounts").rows[row["accountId"]])
    if row["lineType"] == "Item" and row["lineObjectNumber"]:
        item = books.table("items").rows[row["itemId"]]
        _test_field("Blocked", "No", "Yes" if item["blocked"] else "No", where=f"Item: No.={item['number']}")


def _test_account(account: Row) -> None:
    where = f"G/L Account: No.={account['number']}"
    _test_field("Account Type", "Posting", account["accountType"], where=where)
    _test_field("Blocked", "No", "Yes" if account["blocked"] else "No", where=where)
    _test_field("Direct Posting", "Yes", "Yes" if account["directPosting"] else "No", where=where)


def _test_field(field: str, wanted: str, current: str, *, where: str) -> None:
    if current != wanted:
        raise field_fault(f"{field} must be equal to '{wanted}'  in {where}. Current value is '{current}'.")


def _take(books: Books, kind: DocumentKind, row: Row, values: Row) -> None:
    for name, value in values.items():
        if name not in _DERIVED and name not in _SETTLED_APART:
            row[name] = value
    if values.get("taxCode"):
        row["_tax"] = _tax_group(books, values["taxCode"])
    unit = values.get("unitOfMeasureCode", "")
    if unit and books.by_code("unitsOfMeasure", unit) is None:
        raise bad_relation("Unit of Measure Code", "Purchase Line", unit, related="Unit of Measure")
    _take_discount(kind, row, values)


def _take_discount(kind: DocumentKind, row: Row, values: Row) -> None:
    whole = row["quantity"] * row[kind.unit_cost]
    if "discountAmount" in values:
        row["discountAmount"] = rounded(values["discountAmount"])
        row["discountPercent"] = rounded(row["discountAmount"] * 100 / whole) if whole else _ZERO
        return
    percent = values.get("discountPercent", row["discountPercent"])
    if not 0 <= percent <= 100:
        raise dialog("The Line Discount % must be between 0 and 100.")
    row["discountPercent"] = percent
    row["discountAmount"] = rounded(whole * percent / 100)


def _tax_group(books: Books, code: str) -> str:
    """In a VAT company taxCode is written as VAT product posting group, of which 20 characters count."""
    group = books.by_code("taxGroups", code[:20])
    if group is None:
        raise bad_relation("VAT Prod. Posting Group", "Purchase Line", code[:20], related="VAT Product Posting Group")
    return code[:20]


def document_lines(books: Books, kind: DocumentKind, header_id: str) -> list[Row]:
    """The lines of a document by their sequence."""
    return sorted(books.table(kind.lines).find("documentId", header_id), key=lambda line: line["sequence"])


def settle_document(books: Books, kind: DocumentKind, header: Row) -> Row:
    """Recomputes every line and the header's sums, so that the header gets a new tag.

    VAT is rounded once per rate: each line gets what the sum up to it adds, as the base application does.
    """
    bases: dict[str, Decimal] = {}
    taxes: dict[str, Decimal] = {}
    net = tax = _ZERO
    for line in document_lines(books, kind, header["id"]):
        line_net, line_tax = _settle_line(books, kind, header, line, bases=bases, taxes=taxes)
        net += line_net
        tax += line_tax
    current = books.table(kind.headers).rows[header["id"]]
    totals = {"totalAmountExcludingTax": net, "totalTaxAmount": tax, "totalAmountIncludingTax": net + tax}
    return books.table(kind.headers).put({**current, **totals})


def _settle_line(
    books: Books,
    kind: DocumentKind,
    header: Row,
    line: Row,
    *,
    bases: dict[str, Decimal],
    taxes: dict[str, Decimal],
) -> tuple[Decimal, Decimal]:
    group = books.by_code("taxGroups", line["_tax"]) if line["_tax"] else None
    percent = group["_percent"] if group else _ZERO
    identifier = group["_identifier"] if group else ""
    amount = rounded(line["quantity"] * line[kind.unit_cost]) - line["discountAmount"]
    if header.get("pricesIncludeTax"):
        net = rounded(amount / (1 + percent / 100))
        tax = amount - net
    else:
        net = amount
        bases[identifier] = bases.get(identifier, _ZERO) + net
        total = rounded(bases[identifier] * percent / 100)
        tax = total - taxes.get(identifier, _ZERO)
        taxes[identifier] = total
    settled = {
        "amountExcludingTax": net,
        "taxCode": identifier,
        "taxPercent": percent,
        "totalTaxAmount": tax,
        "amountIncludingTax": net + tax,
        "netAmount": net,
        "netTaxAmount": tax,
        "netAmountIncludingTax": net + tax,
    }
    if any(line[name] != value for name, value in settled.items()):
        books.table(kind.lines).put({**line, **settled})
    return net, tax
