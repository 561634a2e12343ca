"""Bills that were taken back: nothing on them says so, only the adjustment that did it. Pure functions (dossier 10.7).

Reversing makes a debit adjustment with the same vendor, reference and sum, which is released and applied to the
bill. No field ties the two together. A supplier's credit note over the whole bill, with the bill's own number, comes
to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ml_connector.connectors.acumatica.documents import ADJUSTMENTS, BILLS, known_status_of
from ml_connector.connectors.rows import Row, amount, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import BillStatus, LedgerBill

Likeness = tuple[str, str, str, Decimal | None]


@dataclass(slots=True)
class Reversals:
    """Adjustments that were used up; each takes back one bill."""

    left: Counter[Likeness]
    used: Counter[Likeness] = field(default_factory=Counter[Likeness])

    @classmethod
    def among(cls, rows: Iterable[Row]) -> Reversals:
        """Those among some documents."""
        return cls(Counter(_likeness(row) for row in rows if _is_used_up(row, ADJUSTMENTS.type)))

    def take_back(self, row: Row) -> bool:
        """True where one of them takes this bill back; it is used then. Older bills are to be asked for first."""
        likeness = _likeness(row)
        if not _is_used_up(row, BILLS.type) or not self.left[likeness]:
            return False
        self.left[likeness] -= 1
        self.used[likeness] += 1
        return True

    def unused(self, rows: Iterable[Row]) -> list[Row]:
        """The adjustments among some documents but for those that took a bill back."""
        used = self.used.copy()
        found: list[Row] = []
        for row in rows:
            if _is_used_up(row, ADJUSTMENTS.type) and used[_likeness(row)]:
                used[_likeness(row)] -= 1
            elif text(row, "Type") == ADJUSTMENTS.type:
                found.append(row)
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """Ids of bills that were taken back, and of the adjustments that did it."""

    taken_back: frozenset[str] = frozenset()
    mirrors: frozenset[str] = frozenset()

    def of(self, there: LedgerBill) -> LedgerBill:
        """The document as it stands in truth."""
        return replace(there, status=BillStatus.CANCELLED) if there.id in self.taken_back else there


def judge(rows: Iterable[Row]) -> Judged:
    """Which of some documents were taken back, and by which."""
    known = sorted(rows, key=lambda row: text(row, "ReferenceNbr"))
    reversals = Reversals.among(known)
    gone = frozenset(text(row, "id") for row in known if reversals.take_back(row))
    others = {text(row, "id") for row in reversals.unused(known)}
    mirrors = (text(row, "id") for row in known if text(row, "Type") == ADJUSTMENTS.type)
    return Judged(gone, frozenset(mirrors) - others)


def may_be_taken_back(row: Row) -> bool:
    """True where a look at the documents with the same reference is called for."""
    return known_status_of(row) is BillStatus.PAID


def _is_used_up(row: Row, kind: str) -> bool:
    return text(row, "Type") == kind and known_status_of(row) is BillStatus.PAID and bool(text(row, "VendorRef"))


def _likeness(row: Row) -> Likeness:
    return (
        code(text(row, "Vendor")), code(text(row, "VendorRef")), code(text(row, "CurrencyID")), amount(row, "Amount"),
    )  # fmt: skip
