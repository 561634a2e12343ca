"""Changes of documents by PATCH: drafts and orders are drawn anew, posted bills keep their figures (B1 dossier 5.2)."""

from __future__ import annotations

from ml_connector.sandbox.sap_business_one.bases import status_of
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.drafts import body_of, kind_of
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_records, not_supported
from ml_connector.sandbox.sap_business_one.heads import HEAD_INPUTS, check_duplicate, draw_document
from ml_connector.sandbox.sap_business_one.kinds import KINDS, ORDER, DocumentKind
from ml_connector.sandbox.sap_business_one.lines import LINE_INPUTS, SERVICE
from ml_connector.sandbox.sap_business_one.schema import Row

_FREE = frozenset(
    {
        "Comments",
        "JournalMemo",
        "Reference1",
        "Reference2",
        "PaymentReference",
        "NumAtCard",
        "DocDueDate",
        "PaymentMethod",
        "PaymentBlock",
        "PaymentBlockEntry",
        "AttachmentEntry",
        "Indicator",
        "Project",
        "DocumentsOwner",
        "SalesPersonCode",
        "ContactPersonCode",
        "OpeningRemarks",
        "ClosingRemarks",
        "DocumentReferences",
        "FederalTaxID",
        "Address",
    }
)
"""What a posted document lets one change."""
_FREE_ON_LINES = frozenset({"ItemDescription", "FreeText", "ShipDate"})
_PLAIN = {
    "VendorPayments": ("JournalRemarks", "Remarks", "Reference1", "Reference2", "CounterReference"),
    "JournalEntries": ("Memo", "Reference", "Reference2", "Reference3"),
}


def change_document(books: Books, entity_set: str, row: Row, given: Row, *, replace: bool) -> Row:
    """Applies a PATCH; raises B1Error. A closed document takes what a posted one takes."""
    kind = kind_of(row) if entity_set == "Drafts" else KINDS[entity_set]
    redrawn = entity_set == "Drafts" or kind is ORDER
    if redrawn and row["DocumentStatus"] == "bost_Open" and not _is_waiting(row):
        return _redraw(books, entity_set, kind, row, given, replace=replace)
    if _is_waiting(row):
        raise not_supported()
    return _change_posted(books, entity_set, kind, row, given)


def _is_waiting(row: Row) -> bool:
    return row["AuthorizationStatus"] == "dasPending"


def _redraw(books: Books, entity_set: str, kind: DocumentKind, row: Row, given: Row, *, replace: bool) -> Row:
    body = body_of(row) | {name: value for name, value in given.items() if name in HEAD_INPUTS}
    if "DocDate" not in given and "TaxDate" not in given:
        body.setdefault("DocDate", row["DocDate"])
    body["DocumentLines"] = _merged(row, body["DocumentLines"], given.get("DocumentLines"), replace=replace)
    drawn = draw_document(books, kind, body, draft=entity_set == "Drafts")
    lines = [_with_progress(row, {**line, "DocEntry": row["DocEntry"]}) for line in drawn["DocumentLines"]]
    kept = {**row, **drawn, "DocumentLines": lines, "DocumentStatus": status_of(lines)}
    kept["AuthorizationStatus"] = row["AuthorizationStatus"]
    return books.table(entity_set).put(kept)


def _merged(row: Row, own: list[Row], sent: list[Row] | None, *, replace: bool) -> list[Row]:
    """Lines by LineNum: named ones change, new ones are added, the others stay unless `replace`."""
    if sent is None:
        return [{**line, "_keep": line["LineNum"]} for line in own]
    known = {line["LineNum"]: line for line in own}
    upcoming = max(known, default=-1) + 1
    result: dict[int, Row] = {} if replace else {number: {**line, "_keep": number} for number, line in known.items()}
    for line in sent:
        number: int = line.get("LineNum", -1)
        if number not in known:
            number, upcoming = upcoming, upcoming + 1
        result[number] = {**_carried(row, known.get(number, {}), line), **line, "_keep": number}
    return [result[number] for number in sorted(result)]


def _carried(row: Row, own: Row, sent: Row) -> Row:
    """What stays of a line whose price, quantity or sum is sent: the sum follows the price, and the other way round."""
    stale: set[str] = set()
    if sent.keys() & {"UnitPrice", "Price", "Quantity", "DiscountPercent"}:
        stale = {"LineTotal"}
    if "UnitPrice" in sent or "Price" in sent:
        stale |= {"UnitPrice", "Price"}
    if "LineTotal" in sent and row["DocType"] != SERVICE:
        stale |= {"UnitPrice", "Price", "DiscountPercent"}
    elif "LineTotal" in sent:
        stale |= {"UnitPrice", "Price"}
    return {name: value for name, value in own.items() if name not in stale}


def _with_progress(row: Row, line: Row) -> Row:
    """A redrawn order line with what was received or invoiced of it before taken off."""
    before = next((each for each in row["DocumentLines"] if each["LineNum"] == line["LineNum"]), None)
    if before is None:
        return line
    changed = dict(line)
    for whole, left in (
        ("Quantity", "RemainingOpenQuantity"),
        ("Quantity", "RemainingOpenInventoryQuantity"),
        ("LineTotal", "OpenAmount"),
        ("RowTotalFC", "OpenAmountFC"),
    ):
        changed[left] = line[whole] - (before[whole] - before[left])
    return {**changed, "LineStatus": before["LineStatus"]}


def _change_posted(books: Books, entity_set: str, kind: DocumentKind, row: Row, given: Row) -> Row:
    for name in sorted(given.keys() & HEAD_INPUTS - _FREE):
        if given[name] != row.get(name):
            raise _not_updated(kind.table, name)
    changed = {**row, **{name: value for name, value in given.items() if name in _FREE}}
    entry = given.get("AttachmentEntry")
    if entry is not None and books.table("Attachments2").get(entry) is None:
        raise no_records()
    if given.get("NumAtCard", row.get("NumAtCard")) != row.get("NumAtCard"):
        check_duplicate(books, kind, changed, own=row["DocEntry"])
    if given.get("DocumentLines"):
        changed["DocumentLines"] = _changed_lines(kind, row, given["DocumentLines"])
    return books.table(entity_set).put(changed)


def _changed_lines(kind: DocumentKind, row: Row, sent: list[Row]) -> list[Row]:
    by_number = {line.get("LineNum"): line for line in sent}
    unknown = by_number.keys() - {line["LineNum"] for line in row["DocumentLines"]}
    if unknown:
        raise _not_updated(kind.rows, "LineNum")
    lines: list[Row] = []
    for line in row["DocumentLines"]:
        asked = by_number.get(line["LineNum"], {})
        for name in sorted(asked.keys() & LINE_INPUTS - _FREE_ON_LINES):
            if asked[name] != line.get(name):
                raise _not_updated(kind.rows, name)
        lines.append({**line, **{name: value for name, value in asked.items() if name in _FREE_ON_LINES}})
    return lines


def _not_updated(table: str, name: str) -> B1Error:
    return B1Error(-1029, f"Field cannot be updated (ODBC -1029) [{table}.{name}]")


def change_plain(books: Books, entity_set: str, row: Row, given: Row) -> Row:
    """Payments and journal entries: texts only, everything else is ignored."""
    texts = {name: given[name] for name in _PLAIN[entity_set] if name in given}
    return books.table(entity_set).put({**row, **texts})
