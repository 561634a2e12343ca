"""What the service calls to write documents; the modules `documents` and `attachments` are of these shapes.

Every call happens inside one undo mark: what raises is taken back, unless it is an `Kept` refusal.
"""

from __future__ import annotations

from typing import Any, Protocol

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import B1Error
from ml_connector.sandbox.sap_business_one.schema import Row

WRITTEN_BY_DOCUMENTS = frozenset(
    {
        "PurchaseOrders",
        "PurchaseDeliveryNotes",
        "PurchaseInvoices",
        "PurchaseCreditNotes",
        "Drafts",
        "VendorPayments",
        "ApprovalRequests",
        "InternalReconciliations",
        "JournalEntries",
    }
)
UNBOUND = frozenset({"DraftsService_SaveDraftToDocument"})


class Kept(B1Error):
    """A refusal that leaves something behind all the same: -2028 with the draft that waits for approval."""


class Documents(Protocol):
    """Writing documents and payments. `body` is the parsed JSON with decimals, not read by type yet."""

    def create(self, books: Books, entity_set: str, body: Any) -> Row:
        """Stores a new one and returns it."""
        ...

    def patch(self, books: Books, entity_set: str, key: int, body: Any, *, replace: bool = False) -> None:
        """Changes what is named; lines merge by LineNum unless `replace`."""
        ...

    def act(self, books: Books, entity_set: str, key: int, action: str, body: Any) -> Row | None:
        """A bound action; None is answered with 204."""
        ...

    def delete(self, books: Books, entity_set: str, key: int) -> None:
        """Removes one, or refuses."""
        ...

    def call(self, books: Books, service: str, body: Any) -> Any:
        """One of the `UNBOUND` services; None is answered with 204."""
        ...


class Attachments(Protocol):
    """Files. `content_type` is the request's header, `raw` its body; may raise RawRefusal."""

    def upload(self, books: Books, content_type: str, raw: bytes) -> Row:
        """Stores the files of a new attachment entry."""
        ...

    def change(self, books: Books, key: int, content_type: str, raw: bytes) -> None:
        """Appends or replaces files of an entry."""
        ...

    def download(self, books: Books, key: int, filename: str | None) -> tuple[bytes, str]:
        """One file and its content type; the first without a name."""
        ...
