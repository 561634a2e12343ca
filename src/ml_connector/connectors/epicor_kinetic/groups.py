"""Invoice groups: one for each invoice or one a day, never another person's, never left locked (Epicor dossier 9.2)."""

from __future__ import annotations

import asyncio
import re
from base64 import b32encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final
from weakref import WeakValueDictionary

from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import GROUP_SERVICE, INVOICE_GROUPS, INVOICES
from ml_connector.connectors.epicor_kinetic.errors import GROUP_HELD, may_be_duplicate
from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.epicor_kinetic.tablesets import change, new_row
from ml_connector.connectors.epicor_kinetic.where import all_of, eq, one_of
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.rows import Row, is_set, text
from ml_connector.connectors.texts import code
from ml_connector.records.reason import Finding, Reason

TABLE: Final = "APInvGrp"
_FIRSTS: Final = "L23456789"
"""What stands behind the M: each of them one more group where the one before cannot be taken."""
_OURS: Final = re.compile(rf"M[{_FIRSTS}][0-9A-Z]{{6}}")
"""Eight characters, which is what groups are known to take (Epicor dossier 9.2)."""
_COLUMNS: Final = ("GroupID", "ActiveUserID", "CreatedBy", "PostInProcess", "PostErrorLog")


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it stands."""

    id: str
    user: str
    """Who made it: for one of ours, the user that we are signed in with."""
    holder: str
    """Who has it open at the moment, empty for nobody."""
    is_posting: bool
    log: str
    """What the last posting of it complained of."""

    @classmethod
    def of(cls, row: Row) -> Group:
        """From its row."""
        return cls(
            text(row, "GroupID"), text(row, "CreatedBy"), text(row, "ActiveUserID"), is_set(row, "PostInProcess"),
            text(row, "PostErrorLog"),
        )  # fmt: skip


class Groups:
    """The groups that bills are entered in."""

    def __init__(self, client: Kinetic, *, one_a_day: bool, today: Callable[[], date]) -> None:
        self._client = client
        self._one_a_day = one_a_day
        self._today = today
        self._gates: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """As long as anybody has one, or waits for it: a group of one invoice comes and goes with it."""

    def gate(self, group: str) -> asyncio.Lock:
        """Whoever writes into a group, or has it posted, has this: a group that is being posted takes no writes."""
        found = self._gates.get(group)
        if found is None:
            found = self._gates[group] = asyncio.Lock()
        return found

    async def take(self, marker: str) -> str:
        """The id of a group of ours that may be written into: found, or made. Raises Unavailable where none is free."""
        wanted = candidates(marker, day=self._today() if self._one_a_day else None)
        rows = await self._client.rows(INVOICE_GROUPS, where=one_of("GroupID", wanted), select=_COLUMNS)
        there = {each.id.upper(): each for each in map(Group.of, rows)}
        for each in wanted:
            group = there.get(each)
            if group is None:
                if await self._made(each):
                    return each
            elif self.is_free(group):
                return each
        raise held("every group that could be used is open at somebody, or being posted")

    def is_free(self, group: Group) -> bool:
        """True where it may be written into: nobody else has it open, and it is not being posted."""
        return not group.is_posting and (not group.holder or self.is_us(group, group.holder))

    def is_us(self, group: Group, user: str) -> bool:
        """True for our own user: the one that signs in, or that made a group of ours."""
        ours = self._client.credentials.username or (group.user if is_own(group.id) else "")
        return bool(ours) and code(user) == code(ours)

    async def read(self, group_id: str) -> Group | None:
        """A group as it stands, None where it is gone: a group that was posted is (Epicor dossier 10)."""
        if not group_id:
            return None
        rows = await self._client.rows(INVOICE_GROUPS, where=eq("GroupID", group_id), select=_COLUMNS)
        return Group.of(rows[0]) if rows else None

    async def is_gone(self, group_id: str) -> bool:
        """True where there is no such group any more; False where that cannot be told."""
        try:
            return await self.read(group_id) is None
        except ConnectorError:
            return False

    async def _made(self, group_id: str) -> bool:
        """Makes a group without taking it for us; False where somebody else made one of that id meanwhile."""
        answer = await self._client.call(GROUP_SERVICE, "GetNewAPInvGrpNoLock", {"ds": {}})
        change(new_row(answer.ds, TABLE), TABLE, {"GroupID": group_id})
        try:
            await self._client.update(GROUP_SERVICE, answer.ds)
        except OutcomeUnknown as lost:
            # Nothing of a bill was written by it: whether it is there is all that matters.
            group = await self.read(group_id)
            if group is None:
                raise Unavailable(system=NAME, findings=lost.findings, status=lost.status) from lost
            return self.is_free(group)
        except Refused as refusal:
            if not may_be_duplicate(refusal):
                raise
            group = await self.read(group_id)
            return group is not None and self.is_free(group)
        return True

    # ------------------------------------------------------------------ leaving

    @asynccontextmanager
    async def unlocked_after(self, group_id: str) -> AsyncGenerator[None]:
        """Unlocks a group of ours when the block ends, whatever ended it: a locked one is closed to accountants."""
        try:
            yield
        finally:
            await self.unlock(group_id)

    async def unlock(self, group_id: str) -> None:
        """Lets go of a group of ours. Never raises a ConnectorError: it is no part of what was to be done."""
        if not is_own(group_id):
            return
        try:
            await self._client.call(GROUP_SERVICE, "UnlockGroup", {"InGroupID": group_id})
        except ConnectorError:
            return

    async def remove_if_empty(self, group_id: str) -> None:
        """Deletes a group of ours that has no invoice left. Never raises a ConnectorError."""
        if not is_own(group_id):
            return
        try:
            within = all_of(eq("GroupID", group_id), eq("Posted", False))
            if not await self._client.rows(INVOICES, where=within, select=("VendorNum", "InvoiceNum")):
                await self._client.call(GROUP_SERVICE, "DeleteByID", {"groupID": group_id})
        except ConnectorError:
            return


# ------------------------------------------------------------------ names


def candidates(marker: str, *, day: date | None) -> list[str]:
    """The ids that a bill's group may have, best first: made from its marker, or of the day."""
    name = f"{day:%y%m%d}" if day else b32encode(sha256(marker.encode()).digest()).decode()[:6]
    return [f"M{first}{name}" for first in _FIRSTS]


def is_own(group_id: str) -> bool:
    """True for an id of the kind that this connector makes: others' groups are never unlocked or removed."""
    return _OURS.fullmatch(group_id.upper()) is not None


def held(why: str) -> Unavailable:
    """The error for a group that may not be written into now: nothing was done."""
    return Unavailable(system=NAME, findings=(Finding(Reason.OUT_OF_ORDER, NAME, why),), code=GROUP_HELD)
