"""Adding documents to the books, settling them, cancelling them (B1 dossier 7.3, 9, 14.36)."""

from __future__ import annotations

from decimal import Decimal

from ml_connector.sandbox.sap_business_one.bases import give_back_to_bases, take_from_bases
from ml_connector.sandbox.sap_business_one.books import Books, Period
from ml_connector.sandbox.sap_business_one.errors import B1Error, not_supported, rejected
from ml_connector.sandbox.sap_business_one.kinds import INVOICE, DocumentKind
from ml_connector.sandbox.sap_business_one.lines import ZERO
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.trade import rounded


def enter(books: Books, kind: DocumentKind, drawn: Row) -> Row:
    """Adds a drawn document: numbers, journal entry, its bases lowered. Returns it as stored."""
    row = _numbered(books, kind, drawn)
    if kind.journal:
        row["TransNum"] = _enter_journal(books, kind, row)
    take_from_bases(books, row)
    row = books.table(kind.entity_set).put(row)
    return _settle_against_invoices(books, kind, row) if kind.is_bill and kind is not INVOICE else row


def _numbered(books: Books, kind: DocumentKind, drawn: Row) -> Row:
    entry = books.next_entry(kind.entity_set)
    return {
        **drawn,
        "DocEntry": entry,
        "DocNum": books.next_number(str(kind.series), kind.first_number),
        "Series": kind.series,
        "DocTime": books.store.time(),
        "DocumentLines": [{**line, "DocEntry": entry} for line in drawn["DocumentLines"]],
        "_created_at": books.store.clock.now().isoformat(),
    }


def _enter_journal(books: Books, kind: DocumentKind, row: Row, *, reversing: bool = False) -> int:
    """Writes the journal entry of a bill and returns its number."""
    debit, credit = ("Debit", "Credit") if (kind is INVOICE) != reversing else ("Credit", "Debit")
    partner = {"AccountCode": row.get("ControlAccount"), "ShortName": row["CardCode"], credit: row["DocTotal"]}
    lines: list[Row] = [{**_JOURNAL_LINE, **partner}]
    for line in row["DocumentLines"]:
        coding = {
            name: line.get(name)
            for name in ("CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5", "ProjectCode")
        }
        account = line.get("AccountCode")
        own = {"AccountCode": account, "ShortName": account, debit: line["LineTotal"], "TaxGroup": line.get("VatGroup")}
        lines.append({**_JOURNAL_LINE, **coding, **own, "LineMemo": line.get("ItemDescription")})
        if line["TaxTotal"]:
            taxed = _tax_account(books, line)
            lines.append({**_JOURNAL_LINE, "AccountCode": taxed, "ShortName": taxed, debit: line["TaxTotal"]})
    number = books.next_entry("JournalEntries")
    books.table("JournalEntries").put(
        {
            "JdtNum": number,
            "Number": number,
            "ReferenceDate": row["DocDate"],
            "DueDate": row["DocDueDate"],
            "TaxDate": row["TaxDate"],
            "Memo": row.get("JournalMemo"),
            "Reference": str(row["DocNum"]),
            "Reference2": row.get("NumAtCard"),
            "OriginalJournal": kind.journal,
            "Original": row["DocEntry"],
            "JournalEntryLines": [{**line, "Line_ID": place} for place, line in enumerate(lines)],
        }
    )
    return number


_JOURNAL_LINE: Row = {"Debit": ZERO, "Credit": ZERO}


def _tax_account(books: Books, line: Row) -> str | None:
    group = books.table("VatGroups").get(line.get("VatGroup") or "")
    return None if group is None else group.get("TaxAccount")


def open_sums(row: Row) -> tuple[Decimal, Decimal]:
    """What is still open of a bill: local currency, and the document's where that is another."""
    return row["DocTotal"] - row["PaidToDate"], row["DocTotalFc"] - row["PaidToDateFC"]


def is_foreign(row: Row) -> bool:
    """True when a bill is not in the local currency."""
    return row["DocRate"] != 1 or bool(row["DocTotalFc"])


def local_of(row: Row, foreign: Decimal) -> Decimal:
    """A sum of the bill's currency in local currency: all that is open for all that is open, to the cent."""
    open_local, open_foreign = open_sums(row)
    return open_local if foreign == open_foreign else rounded(foreign * row["DocRate"])


def settle(books: Books, kind: DocumentKind, entry: int, *, local: Decimal, foreign: Decimal = ZERO) -> Row:
    """Counts a sum as settled, or with negative sums as open again; a bill settled in full closes (14.41-42)."""
    table = books.table(kind.entity_set)
    row = table.rows[entry]
    paid, paid_foreign = row["PaidToDate"] + local, row["PaidToDateFC"] + foreign
    whole = paid_foreign >= row["DocTotalFc"] if is_foreign(row) else paid >= row["DocTotal"]
    status = "bost_Close" if whole else "bost_Open"
    lines = [{**line, "LineStatus": status} for line in row["DocumentLines"]]
    changed = {"PaidToDate": paid, "PaidToDateFC": paid_foreign, "PaidToDateSys": paid, "DocumentStatus": status}
    return table.put({**row, **changed, "DocumentLines": lines})


def _settle_against_invoices(books: Books, kind: DocumentKind, row: Row) -> Row:
    """A credit note copied from invoices settles them, and itself (B1 dossier 9)."""
    based = [line for line in row["DocumentLines"] if line["BaseType"] == INVOICE.object_type]
    for entry in dict.fromkeys(line["BaseEntry"] for line in based):
        mine = [line for line in based if line["BaseEntry"] == entry]
        invoice = books.table(INVOICE.entity_set).rows[entry]
        local = min(sum((line["GrossTotal"] for line in mine), ZERO), open_sums(invoice)[0])
        foreign = min(sum((line["GrossTotalFC"] for line in mine), ZERO), open_sums(invoice)[1])
        settle(books, INVOICE, entry, local=local, foreign=foreign)
        row = settle(books, kind, row["DocEntry"], local=local, foreign=foreign)
    return row


def cancel(books: Books, kind: DocumentKind, entry: int) -> Row:
    """Cancels a bill by a mirror document; the mirror is returned (B1 dossier 7.3)."""
    table = books.table(kind.entity_set)
    row = table.rows[entry]
    if row["DocumentStatus"] != "bost_Open" or row["CancelStatus"] != "csNo":
        raise not_supported()
    if row["PaidToDate"]:
        raise rejected(f"Document is linked to payments or reconciliations and cannot be cancelled [{kind.table}]")
    if books.period(row["DocDate"]) is not Period.OPEN:
        raise B1Error(-4013, f"Posting period locked; specify an alternative date [{kind.table}.DocDate]")
    give_back_to_bases(books, row)
    closed = _closed(row)
    mirror = _numbered(books, kind, {**closed, "CancelStatus": "csCancellation"})
    # A mirror is a new row of its own: it starts its own count of versions and stamps.
    for name in ("UpdateDate", "UpdateTime", "CreationDate", "DataVersion", "_version"):
        mirror.pop(name, None)
    mirror["TransNum"] = _enter_journal(books, kind, mirror, reversing=True)
    table.put({**closed, "Cancelled": "tYES", "CancelStatus": "csYes"})
    return table.put(mirror)


def _closed(row: Row) -> Row:
    """Closed and settled: original and mirror settle each other, and CancelDate stays empty (FIELD)."""
    return {
        **row,
        "DocumentStatus": "bost_Close",
        "PaidToDate": row["DocTotal"],
        "PaidToDateFC": row["DocTotalFc"],
        "PaidToDateSys": row["DocTotal"],
        "DocumentLines": [{**line, "LineStatus": "bost_Close"} for line in row["DocumentLines"]],
    }


def close(books: Books, kind: DocumentKind, entry: int) -> Row:
    """Closes an open document by hand, with nothing settled (B1 dossier 1.5)."""
    table = books.table(kind.entity_set)
    row = table.rows[entry]
    if row["DocumentStatus"] != "bost_Open":
        raise not_supported()
    lines = [{**line, "LineStatus": "bost_Close"} for line in row["DocumentLines"]]
    return table.put({**row, "DocumentStatus": "bost_Close", "DocumentLines": lines})
