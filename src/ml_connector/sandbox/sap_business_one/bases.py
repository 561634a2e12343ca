"""Copying from orders, receipts and invoices: what a base must be, and what is left of it (B1 dossier 7.2, 14.33)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_records, rejected
from ml_connector.sandbox.sap_business_one.kinds import BASES, BY_OBJECT_TYPE
from ml_connector.sandbox.sap_business_one.lines import SERVICE, ZERO, Head, refused
from ml_connector.sandbox.sap_business_one.schema import Row

_OPEN = ("RemainingOpenQuantity", "RemainingOpenInventoryQuantity")
_AMOUNTS = ("OpenAmount", "OpenAmountFC")


def find_base(head: Head, row: Row, line: Row, at: int) -> Row | None:
    """The line that this one is copied from, or None; raises B1Error where it cannot be."""
    kind = BY_OBJECT_TYPE.get(line.get("BaseType") or -1)
    if (line.get("BaseType") or -1) == -1:
        return None
    if kind is None or kind.object_type not in BASES[head.kind]:
        raise refused(head, "Invalid base document type", "BaseType", at, line["BaseType"])
    document = head.books.table(kind.entity_set).get(line.get("BaseEntry") or 0)
    if document is None:
        raise no_records()
    if document["CardCode"] != row["CardCode"]:
        raise rejected("Base document card and target document card do not match")
    if (document["DocType"] == SERVICE) != head.service:
        raise rejected("234103405 - Item and service documents cannot be mixed in one document")
    if document["DocumentStatus"] != "bost_Open":
        raise B1Error(head.books.switches.closed_base_code, "One of the base documents has already been closed")
    found = next((each for each in document["DocumentLines"] if each["LineNum"] == line.get("BaseLine")), None)
    if found is None:
        raise no_records()
    if found["LineStatus"] != "bost_Open":
        raise refused(head, "The base document line has already been closed", "BaseLine", at)
    return found


def check_bases(head: Head, lines: list[Row]) -> None:
    """Raises B1Error when lines take together more of a base line than is open."""
    if head.service:
        return
    left: dict[tuple[int, int, int], Decimal] = {}
    for at, line in enumerate(lines, 1):
        if line["BaseType"] == -1:
            continue
        key = (line["BaseType"], line["BaseEntry"], line["BaseLine"])
        if key not in left:
            left[key] = _base_line(head.books, key)["RemainingOpenQuantity"]
        left[key] -= line["Quantity"]
        if left[key] < 0:
            raise refused(head, "Quantity exceeds the open quantity of the base document", "Quantity", at)


def take_from_bases(books: Books, row: Row) -> None:
    """Lowers what is open of the documents that this one was copied from; what is used up closes."""
    _move(books, row, sign=-1)


def give_back_to_bases(books: Books, row: Row) -> None:
    """Opens again what a cancelled document had taken."""
    _move(books, row, sign=1)


def _base_line(books: Books, key: tuple[int, int, int]) -> Row:
    document = books.table(BY_OBJECT_TYPE[key[0]].entity_set).rows[key[1]]
    return next(line for line in document["DocumentLines"] if line["LineNum"] == key[2])


def _move(books: Books, row: Row, *, sign: int) -> None:
    based = [line for line in row["DocumentLines"] if line["BaseType"] != -1]
    for object_type, entry in dict.fromkeys((line["BaseType"], line["BaseEntry"]) for line in based):
        kind = BY_OBJECT_TYPE[object_type]
        table = books.table(kind.entity_set)
        document = table.rows[entry]
        taken = [line for line in based if (line["BaseType"], line["BaseEntry"]) == (object_type, entry)]
        lines = [_moved(document, line, taken, sign) for line in document["DocumentLines"]]
        changed = {**document, "DocumentLines": lines}
        if not kind.is_bill:  # A bill closes by being settled.
            changed["DocumentStatus"] = status_of(lines)
        table.put(changed)


def _moved(document: Row, line: Row, taken: Iterable[Row], sign: int) -> Row:
    mine = [each for each in taken if each["BaseLine"] == line["LineNum"]]
    if not mine:
        return line
    quantity = sum((each["Quantity"] for each in mine), ZERO) * sign
    changed = dict(line)
    for name in _OPEN:
        changed[name] = line[name] + quantity
    for name, own in zip(_AMOUNTS, ("LineTotal", "RowTotalFC"), strict=True):
        amount = sum((each[own] for each in mine), ZERO) * sign
        changed[name] = _kept_within(line[own], line[name] + amount)
    used_up = changed["OpenAmount"] == 0 if document["DocType"] == SERVICE else changed["RemainingOpenQuantity"] <= 0
    changed["LineStatus"] = "bost_Close" if used_up else "bost_Open"
    return changed


def _kept_within(whole: Decimal, left: Decimal) -> Decimal:
    """Between nothing and the whole line, whichever sign it has."""
    low, high = sorted((ZERO, whole))
    return min(max(left, low), high)


def status_of(lines: Iterable[Row]) -> str:
    """Closed when every line is."""
    return "bost_Close" if all(line["LineStatus"] == "bost_Close" for line in lines) else "bost_Open"
