"""What the dossier only assumes about documents, each to be turned the other way (Epicor dossier 17, at its end)."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.sandbox.epicor_kinetic.books import Books

_KEPT = "habits"


@dataclass(slots=True)
class Habits:
    """How this company's server behaves where nobody knows; all false is what the dossier assumes."""

    other_book: bool = False
    """Every amount gets an account row for a second book, too (9.5.3)."""
    signed_input: bool = False
    """Amounts of debit memos are entered with their sign, not positive (9.6)."""
    lax_locks: bool = False
    """Groups that somebody else holds take writes all the same (9.2)."""
    keeps_groups: bool = False
    """A group stays when all of it was posted (10)."""
    settled_before: bool = False
    """OpenPayable is false until an invoice is posted (11.3)."""
    dates_move: bool = False
    """Payments move the ChangeDate of invoices, receipts that of orders (7.3)."""
    discount_inside: bool = False
    """DocTranAmt holds the cash discount (11.3)."""
    files_early: bool = False
    """Posted invoices take no files any more (9.6)."""


def habits_of(books: Books) -> Habits:
    """The habits of a company, to be read and to be set."""
    return books.scratch.setdefault(_KEPT, Habits())
