"""What the service layer calls to write documents, payments and what belongs to them (`plugs.Documents`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_connector.sandbox.sap_business_one import drafts, orders, payments, posting
from ml_connector.sandbox.sap_business_one.bodies import read_body
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.changing import change_document, change_plain
from ml_connector.sandbox.sap_business_one.errors import malformed, no_records, not_supported, unknown_service
from ml_connector.sandbox.sap_business_one.kinds import KINDS
from ml_connector.sandbox.sap_business_one.schema import SETS, Row

_SAVE_DRAFT = "DraftsService_SaveDraftToDocument"


def create(books: Books, entity_set: str, body: Any) -> Row:
    """Stores a new document, draft or payment; raises B1Error.

    Journal entries, reconciliations and approval requests come about by themselves and cannot be created.
    """
    given = read_body(SETS[entity_set], body, profile=books.switches.profile)
    if entity_set in KINDS:
        return drafts.add_document(books, KINDS[entity_set], given)
    if entity_set == "Drafts":
        return drafts.create_draft(books, given)
    if entity_set == "VendorPayments":
        return payments.create_payment(books, given)
    raise not_supported()


def patch(books: Books, entity_set: str, key: int, body: Any, *, replace: bool = False) -> None:
    """Changes what is named; lines merge by LineNum unless `replace` (B1 dossier 5.2). Read-only names are ignored."""
    row = _row(books, entity_set, key)
    given = read_body(SETS[entity_set], body, profile=books.switches.profile)
    if entity_set in KINDS or entity_set == "Drafts":
        change_document(books, entity_set, row, given, replace=replace)
    elif entity_set in ("VendorPayments", "JournalEntries"):
        change_plain(books, entity_set, row, given)
    else:
        raise not_supported()


def act(books: Books, entity_set: str, key: int, action: str, body: Any) -> Row | None:  # noqa: ARG001 - no action here takes one
    """A bound action: Cancel, Close or Reopen; None is answered with 204. Raises B1Error."""
    _row(books, entity_set, key)
    done = _actions(books, entity_set, key).get(action)
    if done is None:
        raise unknown_service() if action not in ("Cancel", "Close", "Reopen") else not_supported()
    done()
    return None


def _actions(books: Books, entity_set: str, key: int) -> dict[str, Callable[[], object]]:
    if entity_set == "VendorPayments":
        cancelled = lambda: payments.cancel_payment(books, key)  # noqa: E731 - a table of calls
        return {"Cancel": cancelled, "CancelbyCurrentSystemDate": cancelled}
    kind = KINDS.get(entity_set)
    if kind is None:
        return {}
    if kind.is_bill:
        return {"Cancel": lambda: posting.cancel(books, kind, key)}
    return {
        "Cancel": lambda: orders.cancel_order(books, kind, key),
        "Close": lambda: posting.close(books, kind, key),
        "Reopen": lambda: orders.reopen_order(books, kind, key),
    }


def delete(books: Books, entity_set: str, key: int) -> None:
    """Removes a draft; everything else stays for good (B1 dossier 14.27)."""
    _row(books, entity_set, key)
    if entity_set != "Drafts":
        raise not_supported()
    drafts.delete_draft(books, key)


def call(books: Books, service: str, body: Any) -> Any:
    """`DraftsService_SaveDraftToDocument` with {"Document": {"DocEntry": n}}; None is answered with 204."""
    if service != _SAVE_DRAFT:
        raise unknown_service()
    document = body.get("Document") if isinstance(body, dict) else None
    if not isinstance(document, dict) or "DocEntry" not in document:
        raise malformed("Specify the draft: Document.DocEntry")
    given = read_body(SETS["Drafts"], document, profile=books.switches.profile)
    drafts.save_to_document(books, given["DocEntry"])


def _row(books: Books, entity_set: str, key: int) -> Row:
    row = books.table(entity_set).get(key)
    if row is None:
        raise no_records()
    return row
