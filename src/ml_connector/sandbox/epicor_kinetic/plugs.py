"""How methods, row writes and document pages are plugged into the frame.

A method is a function registered by service and name:

    @operation("Erp.BO.APInvoiceSvc", "ChangeVendorID")
    def change_vendor(visit: Visit, asked: Row) -> Outcome: ...

`asked` holds every declared parameter (the frame has refused calls that lack one) with amounts as Decimal; tablesets in
it (`ds`) are read: rows of known tables, columns in the types of the schema, dates cut to `YYYY-MM-DDTHH:MM:SS`, only
the columns that came along, unknown columns dropped but those of `..._c`. What raises Refusal is taken back. Writes
through sets (POST, PATCH, DELETE) are registered by table with `writer`. What time brings about, such as a task that
ends, is registered with `due`: it runs before every request, so that nobody needs a timer. The module `documents`
imports all that register; the frame also takes ACTIONS, PAGES and bills() from `document_hooks` and
seed_documents(books) from `document_seed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.schema import Row, Tableset


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, and of which company."""

    books: Books
    user: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    plant: str = ""
    """From CallSettings; never checked (Epicor dossier 2.3)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method answers: `returnObj` and `parameters`; without either `{}`. Tablesets as rows by table.

    Rows go out with every column of their table, and tablesets with every table of the method's tableset.
    """

    returned: Any = None
    parameters: Row | None = None


Operation = Callable[[Visit, Row], Outcome]


class Writer(Protocol):
    """Writing rows of one table through its set. `values` are partial rows, read by type."""

    def create(self, visit: Visit, values: Row) -> Row:
        """Stores a new row and returns it; raises Refusal."""
        ...

    def change(self, visit: Visit, row: Row, values: Row) -> None:
        """Changes what is named in a stored row; raises Refusal."""
        ...

    def delete(self, visit: Visit, row: Row) -> None:
        """Removes it; raises Refusal."""
        ...


OPERATIONS: dict[tuple[str, str], Operation] = {}
WRITERS: dict[str, Writer] = {}
DUE: list[Callable[[Books], None]] = []


def operation(service: str, *names: str) -> Callable[[Operation], Operation]:
    """Registers a method under one name or several."""

    def register(function: Operation) -> Operation:
        for name in names:
            OPERATIONS[service, name] = function
        return function

    return register


def writer(table: str, how: Writer) -> None:
    """Registers who writes the rows of a table."""
    WRITERS[table] = how


def due(function: Callable[[Books], None]) -> Callable[[Books], None]:
    """Registers what may have come about since the last request."""
    DUE.append(function)
    return function


def tableset(value: Any) -> Tableset:
    """A tableset parameter as rows by table."""
    return value if isinstance(value, dict) else {}
