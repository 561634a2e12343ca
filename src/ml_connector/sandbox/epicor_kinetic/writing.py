"""What every save needs: whose a row is, whether it may be written, whether it is the last state (dossier 6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.errors import no_record, rejected, stale
from ml_connector.sandbox.epicor_kinetic.groups import enter_group, writable_group
from ml_connector.sandbox.epicor_kinetic.invoices import CHILDREN, HEAD, invoice_of
from ml_connector.sandbox.epicor_kinetic.lines import sign_of
from ml_connector.sandbox.epicor_kinetic.plugs import Visit
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO, RowMod, marked, text

MARKS = (RowMod.ADDED, RowMod.UPDATED, RowMod.DELETED)
SERVER_PART = frozenset({"ChangedBy", "ChangeDate", "Posted", "DebitMemo", "TotalTax", "DocTotalTax", "GroupID"})

Key = tuple[int, str]


def key_of(row: Row) -> Key:
    """What rows of a tableset name their invoice by."""
    return (row.get("VendorNum", 0), text(row.get("InvoiceNum")).lower())


@dataclass(slots=True)
class Writing:
    """A save while it is made."""

    visit: Visit
    ds: Tableset
    partial: bool = False
    """Rows are partial, and the server draws the whole ones up itself (UpdateExt, writes through sets)."""
    heads: dict[Key, Row] = field(default_factory=dict)
    """The invoices that were touched, as they stand."""
    numbers: dict[tuple[Key, int], list[int]] = field(default_factory=dict)
    """The client's line numbers of new lines and what became of them."""
    amounts: dict[tuple[Key, int, int], int] = field(default_factory=dict)
    """The client's numbers of new amounts, by the stored line: the stored number."""

    def check(self) -> None:
        """Looks at every row that is changed before anything is written: it must be the last state of it."""
        for table in (HEAD, *CHILDREN):
            for row in marked(self.ds, table, RowMod.UPDATED, RowMod.DELETED):
                self.fresh(table, row)

    def fresh(self, table: str, row: Row) -> Row:
        books = self.visit.books
        key = [row.get(name, TABLES[table].blank[name]) for name in books.table(table).keys[1:]]
        stored = books.table(table).get(books.id, *key)
        if stored is None:
            raise no_record()
        if not self.partial and row.get("SysRevID") != stored["SysRevID"]:
            raise stale(books.switches.stale_status)
        return stored

    def stored(self, table: str, row: Row) -> Row:
        """The row as it stands now: this save may have written it already."""
        books = self.visit.books
        found = books.table(table).get(books.id, *[row.get(name) for name in books.table(table).keys[1:]])
        if found is None:
            raise no_record()
        return found

    def whole(self, table: str, row: Row, before: Row, owned: frozenset[str]) -> Row:
        """The row to store: what is missing in it is blank, but where rows are partial (Epicor dossier 17.26)."""
        blank = TABLES[table].blank
        sent = {name: value for name, value in row.items() if name not in owned}
        if self.partial:
            return {**before, **sent}
        kept = {name: value for name, value in before.items() if name in owned or name.startswith("_")}
        named = ("Company", "SysRowID", *self.visit.books.table(table).keys)
        return {**blank, **sent, **kept, **{name: before[name] for name in named if name in before}}

    def head_of(self, row: Row, *, linked: bool = False) -> Row:
        """The invoice of a row, which may be written now; raises Refusal. A file may be linked to a posted one, too."""
        key = key_of(row)
        if key not in self.heads:
            head = invoice_of(self.visit.books, *key)
            if head is None:
                raise rejected("The invoice of the row is not valid.", table=HEAD, field="InvoiceNum")
            if not linked:
                self.check_writable(head)
            self.heads[key] = head
        return self.heads[key]

    def check_writable(self, head: Row) -> None:
        if head.get("Posted"):
            raise rejected(f"Invoice {head['InvoiceNum']} is posted and cannot be changed.", table=HEAD)
        group = writable_group(self.visit.books, self.visit.user, head["GroupID"])
        enter_group(self.visit.books, self.visit.user, group)


def entered(row: Row, before: Row | None, signed: str, shown: str) -> Decimal:
    """An amount that has a signless twin for the screen: whichever of the two was changed counts."""
    amount, twin = row.get(signed, ZERO), row.get(shown, ZERO)
    meant = twin * sign_of(row)
    if amount == meant or (not twin and before is None):
        return amount
    changed = amount != (before or {}).get(signed, ZERO)
    return amount if changed else meant
