"""Invoice groups: who holds them, who may write into them (Epicor dossier 9.2, 17.29)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import CALENDAR, Books
from ml_connector.sandbox.epicor_kinetic.errors import duplicate, no_record, rejected, stale
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation, tableset, writer
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.tablesets import (
    ZERO,
    RowMod,
    day_of,
    edited,
    marked,
    new_row,
    opened,
    stamp_of,
    text,
)

SERVICE = "Erp.BO.APInvGrpSvc"
GROUP = "APInvGrp"
_TABLES = (GROUP,)
_LONGEST = 9
"""Not known for sure; the dossier assumes 9 (9.2)."""
_OWNED = ("PostInProcess", "PostErrorLog", "BaseTotal", "CreatedBy", "ActiveUserID", "LockStatus", "IsDocumentLocked")
"""Columns that only the server writes once the group is there."""


def group_of(books: Books, group_id: object) -> Row | None:
    """The group of that id."""
    return books.table(GROUP).get(books.id, text(group_id))


def writable_group(books: Books, user: str, group_id: object) -> Row:
    """A group that this user may write into now; raises Refusal naming the group, and who holds it."""
    group = group_of(books, group_id)
    if group is None:
        raise rejected(f"Invoice group {text(group_id)} is not valid.", table=GROUP, field="GroupID")
    holder = group.get("ActiveUserID", "")
    if holder and holder != user and not habits_of(books).lax_locks:
        raise rejected(f"Group {group['GroupID']} is in use by user {holder}.", table=GROUP, field="ActiveUserID")
    if group.get("PostInProcess"):
        raise rejected(f"Group {group['GroupID']} is being posted.", table=GROUP, field="PostInProcess")
    return group


def enter_group(books: Books, user: str, group: Row) -> Row:
    """Somebody writes an invoice into a group: it becomes theirs where the company locks groups on selection."""
    if group.get("ActiveUserID") or not (books.switches.auto_lock or group.get("_locks")):
        return group
    return books.table(GROUP).put({**group, "ActiveUserID": user})


def entered_in(books: Books, group_id: str) -> list[Row]:
    """The invoices of a group that are not posted; posted ones keep the id of a group that is gone."""
    return [head for head in books.table("APInvHed").find("GroupID", group_id) if not head.get("Posted")]


def total_of(books: Books, group_id: str) -> Decimal:
    """What the invoices of a group come to in base currency."""
    return sum((head.get("InvoiceAmt", ZERO) for head in entered_in(books, group_id)), ZERO)


def period_of(day: date) -> Row:
    """The fiscal period of a day: calendar months."""
    return {"FiscalYear": day.year, "FiscalPeriod": day.month, "FiscalYearSuffix": "", "FiscalCalendarID": CALENDAR}


def _blank_group(visit: Visit, *, holder: str) -> Row:
    today = visit.books.store.today()
    return new_row(
        visit.books,
        GROUP,
        CreatedBy=visit.user,
        ActiveUserID=holder,
        ApplyDate=stamp_of(today),
        **period_of(today),
    )


@operation(SERVICE, "GetNewAPInvGrp")
def new_group(visit: Visit, asked: Row) -> Outcome:
    """A new group that its user holds from the moment it is stored."""
    return _added(visit, asked, holder=visit.user)


@operation(SERVICE, "GetNewAPInvGrpNoLock")
def new_group_unlocked(visit: Visit, asked: Row) -> Outcome:
    """A new group that nobody will hold."""
    return _added(visit, asked, holder="")


def _added(visit: Visit, asked: Row, *, holder: str) -> Outcome:
    ds = opened(tableset(asked["ds"]), _TABLES)
    ds[GROUP].append(_blank_group(visit, holder=holder))
    return Outcome(parameters={"ds": ds})


@operation(SERVICE, "Update")
def update_groups(visit: Visit, asked: Row) -> Outcome:
    """Stores the marked groups."""
    stored: list[Row] = []
    for row in marked(tableset(asked["ds"]), GROUP, *RowMod):
        if row["RowMod"] == RowMod.DELETED:
            delete_group(visit.books, _fresh(visit.books, row))
        elif row["RowMod"] == RowMod.ADDED:
            stored.append(_create(visit, row))
        elif row["RowMod"] == RowMod.UPDATED:
            stored.append(_change(visit, _fresh(visit.books, row), row))
    return Outcome(parameters={"ds": {GROUP: [{**row, "RowMod": ""} for row in stored]}})


def _fresh(books: Books, row: Row) -> Row:
    group = group_of(books, row.get("GroupID"))
    if group is None:
        raise no_record()
    if row.get("SysRevID") != group["SysRevID"]:
        raise stale(books.switches.stale_status)
    return group


def _create(visit: Visit, row: Row) -> Row:
    books, group_id = visit.books, text(row.get("GroupID"))
    if not group_id or len(group_id) > _LONGEST:
        raise rejected("Group ID is required and takes 9 characters.", table=GROUP, field="GroupID")
    if group_of(books, group_id) is not None:
        raise duplicate(books.switches.duplicate_status)
    holder = text(row.get("ActiveUserID"))
    values = {name: value for name, value in row.items() if name not in _OWNED}
    day = day_of(row.get("ApplyDate")) or books.store.today()
    return books.table(GROUP).put(
        {
            **values,
            "Company": books.id,
            "GroupID": group_id,
            "CreatedBy": visit.user,
            "ActiveUserID": holder,
            "ApplyDate": stamp_of(day),
            **period_of(day),
            "_locks": bool(holder),
        }
    )


def _change(visit: Visit, group: Row, row: Row) -> Row:
    writable_group(visit.books, visit.user, group["GroupID"])
    kept = {name: group[name] for name in (*_OWNED, "Company", "GroupID", "SysRowID", "_locks") if name in group}
    return visit.books.table(GROUP).put({**row, **kept})


def delete_group(books: Books, group: Row) -> None:
    """Removes an empty group; raises Refusal."""
    if entered_in(books, group["GroupID"]):
        raise rejected(f"Group {group['GroupID']} contains invoices and cannot be deleted.", table=GROUP)
    books.table(GROUP).drop(group)


@operation(SERVICE, "DeleteByID")
def delete_by_id(visit: Visit, asked: Row) -> Outcome:
    """Removes an empty group."""
    if group_of(visit.books, asked["groupID"]) is None:
        raise no_record()
    delete_group(visit.books, writable_group(visit.books, visit.user, asked["groupID"]))
    return Outcome()


@operation(SERVICE, "UnlockGroup")
def unlock_group(visit: Visit, asked: Row) -> Outcome:
    """Frees a group, whoever holds it: nothing says that it checks (Epicor dossier 9.2)."""
    _released(visit.books, asked["InGroupID"], lambda _: True)
    return Outcome()


@operation(SERVICE, "UnlockAPGroup")
def unlock_own_group(visit: Visit, asked: Row) -> Outcome:
    """Frees a group that the caller holds."""
    group = _released(visit.books, asked["groupID"], lambda holder: holder == visit.user)
    return Outcome(parameters={"ds": {GROUP: [{**group, "RowMod": ""}] if group else []}})


@operation(SERVICE, "LockAPGroup")
def lock_group(visit: Visit, asked: Row) -> Outcome:
    """Takes a free group for the caller."""
    group = writable_group(visit.books, visit.user, asked["groupID"])
    held = visit.books.table(GROUP).put({**group, "ActiveUserID": visit.user})
    return Outcome(parameters={"ds": {GROUP: [{**held, "RowMod": ""}]}})


def _released(books: Books, group_id: object, may: Callable[[str], bool]) -> Row | None:
    group = group_of(books, group_id)
    if group is None or not group.get("ActiveUserID") or not may(group["ActiveUserID"]):
        return group
    return books.table(GROUP).put({**group, "ActiveUserID": "", "BaseTotal": total_of(books, group["GroupID"])})


@operation(SERVICE, "OnChangeofApplyDate")
def change_apply_date(visit: Visit, asked: Row) -> Outcome:
    """Another day for the invoices to come; a day after today is asked about (Epicor dossier 9.2)."""
    ds, day = opened(tableset(asked["ds"]), _TABLES), day_of(asked["NewApplyDate"])
    if day is None:
        raise rejected("Apply date is required.", table=GROUP, field="ApplyDate")
    for row in edited(ds, GROUP):
        row |= {"ApplyDate": stamp_of(day), **period_of(day)}
    late = day > visit.books.store.today()
    return Outcome(parameters={"DateMessage": "The apply date is after today. Continue?" if late else "", "ds": ds})


class _Groups:
    """Groups written through their set: the server locks what it creates for the caller."""

    def create(self, visit: Visit, values: Row) -> Row:
        return _create(visit, {**values, "ActiveUserID": visit.user})

    def change(self, visit: Visit, row: Row, values: Row) -> None:
        _change(visit, row, {**row, **values})

    def delete(self, visit: Visit, row: Row) -> None:
        delete_group(visit.books, writable_group(visit.books, visit.user, row["GroupID"]))


writer(GROUP, _Groups())
