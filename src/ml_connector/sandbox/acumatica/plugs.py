"""What the frame hands to the documents and expects of them: the modules `documents` and `files` are of these shapes.

Every call happens inside one undo mark: what raises is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.errors import Refusal
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.acumatica.sessions import Session

MISSING: Any = object()
"""Not in the body at all."""


@dataclass(frozen=True, slots=True)
class Body:
    """An entity as a PUT sends it, read by the contract: only fields the contract has, in the types rows keep."""

    id: str | None = None
    delete: bool = False
    values: Row = field(default_factory=dict)
    """By field; None clears it. Read-only fields are in it too: ignore them."""
    lists: dict[str, tuple[Body, ...]] = field(default_factory=dict)
    """Details by field, `Details`."""
    linked: dict[str, Body] = field(default_factory=dict)
    custom: Row = field(default_factory=dict)
    """By `View.Field`."""
    note: Any = MISSING
    faults: dict[str, str] = field(default_factory=dict)
    """Paths within it (`Type`, `Details/0/POOrderType`) of values that are in no drop-down; refuse with `Invalid`."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field, the default where the body does not name it."""
        return self.values.get(name, default)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, and of which tenant and endpoint version."""

    books: Books
    session: Session
    version: str
    """Of the endpoint: decides what the contract has."""
    root: str
    """`/acme/entity/Default/24.200.001`, for links."""
    headers: Mapping[str, str]
    """Lower-case names."""
    branch: str | None = None
    """PX-CbApiBranch."""
    business_date: date | None = None
    """PX-CbApiBusinessDate."""

    @property
    def today(self) -> date:
        """The business date."""
        return self.business_date or self.books.today()


@dataclass(frozen=True, slots=True)
class LongRun:
    """A long operation that was started: the frame answers 202 and what the status URL says, by the hook `actions`.

    The work is done at once. With `failure` the status URL ends in it (UNCONFIRMED, dossier U7).
    """

    record_id: str = ""
    failure: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as it arrives."""

    filename: str
    data: bytes
    comment: str = ""


class Documents(Protocol):
    """Writing Bill, Check, PurchaseOrder, PurchaseReceipt and JournalTransaction."""

    def put(self, visit: Visit, entity: str, found: Row | None, body: Body) -> Row:
        """Inserts (`found` None) or changes the record and returns it as stored.

        The frame has looked the record up by id or keys and kept If-Match and If-None-Match. Raises Invalid, Refusal.
        """
        ...

    def act(self, visit: Visit, entity: str, action: str, row: Row, parameters: Row) -> LongRun | None:
        """Runs an action; None is answered with 204. Raises LookupError for an action nobody has (404)."""
        ...

    def delete(self, visit: Visit, entity: str, row: Row) -> None:
        """Removes the record, or raises Refusal."""
        ...


class Files(Protocol):
    """Files on records; rows in `books.files`, see there."""

    def attach(self, visit: Visit, entity: str, row: Row, sent: Sent, *, line: Row | None = None) -> str:
        """Attaches to a record, or to one of its lines; returns the file's GUID. Same name again: replaced."""
        ...

    def listed(self, visit: Visit, entity: str, row: Row) -> list[Row]:
        """The files of a record for `$expand=files`: {id, filename, href, comment}."""
        ...

    def download(self, visit: Visit, file_id: str) -> tuple[bytes, str] | None:
        """The newest version of a file and its name."""
        ...
