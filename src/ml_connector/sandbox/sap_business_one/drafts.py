"""Drafts and the approval procedure (B1 dossier 7.5)."""

from __future__ import annotations

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import no_records, not_supported, rejected
from ml_connector.sandbox.sap_business_one.heads import HEAD_INPUTS, check_duplicate, draw_document
from ml_connector.sandbox.sap_business_one.kinds import BY_OBJECT_CODE, INVOICE, DocumentKind
from ml_connector.sandbox.sap_business_one.lines import LINE_INPUTS
from ml_connector.sandbox.sap_business_one.plugs import Kept
from ml_connector.sandbox.sap_business_one.posting import enter
from ml_connector.sandbox.sap_business_one.schema import Row

DRAFT_OBJECT_TYPE = 112


def kind_of(draft: Row) -> DocumentKind:
    """What a draft becomes; raises B1Error for what is not simulated."""
    kind = BY_OBJECT_CODE.get(draft.get("DocObjectCode") or "")
    if kind is None:
        raise rejected("Specify a valid object code [ODRF.ObjType]")
    return kind


def add_document(books: Books, kind: DocumentKind, body: Row) -> Row:
    """Adds a document, or leaves it as a draft where an approval procedure takes it: Kept is raised then."""
    drawn = draw_document(books, kind, body)
    check_duplicate(books, kind, drawn)
    if books.switches.approval and kind.is_bill:
        _request_approval(books, store_draft(books, drawn))
        raise _held_for_approval(books)
    return enter(books, kind, drawn)


def _held_for_approval(books: Books) -> Kept:
    return Kept(-2028, "No matching records found (ODBC -2028)", books.switches.approval_status)


def create_draft(books: Books, body: Row) -> Row:
    """A deliberate draft; nothing is posted and no approval is asked for."""
    return store_draft(books, draw_document(books, kind_of(body), body, draft=True))


def store_draft(books: Books, drawn: Row) -> Row:
    """Keeps a drawn document as a draft. Its DocNum is the one that would be given next, as B1 shows it."""
    entry = books.next_entry("Drafts")
    lines = [{**line, "DocEntry": entry} for line in drawn["DocumentLines"]]
    kind = kind_of(drawn)
    upcoming = books.counters.get(f"series {kind.series}", kind.first_number - 1) + 1
    stored = {**drawn, "DocEntry": entry, "DocNum": upcoming, "DocumentLines": lines}
    return books.table("Drafts").put({**stored, "_created_at": books.store.clock.now().isoformat()})


def _request_approval(books: Books, draft: Row) -> Row:
    books.table("Drafts").put({**draft, "AuthorizationStatus": "dasPending"})
    day, time = books.today(), books.store.time()
    return books.table("ApprovalRequests").put(
        {
            "Code": books.next_entry("ApprovalRequests"),
            "ApprovalTemplatesID": 1,
            "ObjectType": str(kind_of(draft).object_type),
            "IsDraft": "Y",
            "ObjectEntry": draft["DocEntry"],
            "Status": "arsPending",
            "CurrentStage": 1,
            "OriginatorID": 1,
            "CreationDate": day,
            "CreationTime": time,
            "DraftEntry": draft["DocEntry"],
            "DraftType": str(DRAFT_OBJECT_TYPE),
            "ApprovalRequestLines": [
                {"StageCode": 1, "UserID": 2, "Status": "ardPending", "CreationDate": day, "CreationTime": time}
            ],
        }
    )


def approve(books: Books, draft: Row, *, add: bool = True) -> Row:
    """Approves a draft and, unless told otherwise, adds it: the document it becomes, else the draft."""
    _require_pending(draft)
    approved = books.table("Drafts").put({**draft, "AuthorizationStatus": "dasApproved"})
    _decide(books, approved, "arsApproved", "ardApproved")
    return save_to_document(books, approved["DocEntry"]) if add else approved


def reject(books: Books, draft: Row, *, cancelled: bool = False) -> Row:
    """Rejects a draft, or cancels its request; it stays open all the same (B1 dossier 7.5, FIELD)."""
    _require_pending(draft)
    status = "dasCancelled" if cancelled else "dasRejected"
    refused = books.table("Drafts").put({**draft, "AuthorizationStatus": status})
    _decide(books, refused, "arsCancelled" if cancelled else "arsNotApproved", None if cancelled else "ardNotApproved")
    return refused


def _require_pending(draft: Row) -> None:
    if draft["AuthorizationStatus"] != "dasPending":
        message = f"Draft {draft['DocEntry']} does not wait for approval: it is {draft['AuthorizationStatus']}."
        raise ValueError(message)


def _decide(books: Books, draft: Row, status: str, decision: str | None) -> None:
    table = books.table("ApprovalRequests")
    request = table.first("DraftEntry", draft["DocEntry"])
    assert request is not None
    stamp = {"UpdateDate": books.today(), "UpdateTime": books.store.time()}
    decided = {"Status": decision, **stamp} if decision else stamp
    lines = [{**line, **decided} for line in request["ApprovalRequestLines"]]
    table.put({**request, "Status": status, "ApprovalRequestLines": lines})


def save_to_document(books: Books, entry: int) -> Row:
    """Makes the document of a draft: a new DocEntry, the draft closed; raises B1Error."""
    draft = books.table("Drafts").get(entry)
    if draft is None:
        raise no_records()
    status = draft["AuthorizationStatus"]
    if draft["DocumentStatus"] != "bost_Open" or status not in ("dasWithout", "dasApproved"):
        raise not_supported()
    kind = kind_of(draft)
    drawn = draw_document(books, kind, body_of(draft))
    check_duplicate(books, kind, drawn)
    if status == "dasWithout" and books.switches.approval and kind.is_bill:
        _request_approval(books, draft)
        raise _held_for_approval(books)
    approved = status == "dasApproved"
    made = enter(books, kind, {**drawn, "AuthorizationStatus": "dasGenerated" if approved else "dasWithout"})
    closed = {**draft, "DocumentStatus": "bost_Close", "AuthorizationStatus": made["AuthorizationStatus"]}
    books.table("Drafts").put(closed)
    if approved:
        _close_request(books, entry, made["DocEntry"])
    return made


def _close_request(books: Books, draft: int, entry: int) -> None:
    table = books.table("ApprovalRequests")
    request = table.first("DraftEntry", draft)
    assert request is not None
    table.put({**request, "Status": "arsGenerated", "IsDraft": "N", "ObjectEntry": entry})


def body_of(row: Row) -> Row:
    """What a stored document would be sent as: its inputs, its lines with theirs."""
    head = {name: value for name, value in row.items() if name in HEAD_INPUTS and value is not None}
    lines = [
        {name: value for name, value in line.items() if name in LINE_INPUTS and value is not None}
        for line in row["DocumentLines"]
    ]
    return {**head, "DocObjectCode": row.get("DocObjectCode") or INVOICE.object_code, "DocumentLines": lines}


def delete_draft(books: Books, entry: int) -> None:
    """Removes a draft, and cancels the approval it waited for."""
    table = books.table("Drafts")
    draft = table.get(entry)
    if draft is None:
        raise no_records()
    if draft["AuthorizationStatus"] == "dasPending":
        _decide(books, draft, "arsCancelled", None)
    table.drop(entry)
