"""Posting a group: a task of the server's agent, followed to its end (Epicor dossier 10).

Submitting answers nothing that could be asked after, and a task ends well though nothing was posted. So a task only
tells when it is over; the invoices tell what came of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from ml_connector.connectors.epicor_kinetic.client import About, Kinetic
from ml_connector.connectors.epicor_kinetic.contract import GROUP_SERVICE, INVOICES, POSTING_SERVICE, TASKS
from ml_connector.connectors.epicor_kinetic.documents import HEADER
from ml_connector.connectors.epicor_kinetic.errors import is_group_held
from ml_connector.connectors.epicor_kinetic.groups import Group, Groups
from ml_connector.connectors.epicor_kinetic.manifest import FILTER_LENGTH, NAME
from ml_connector.connectors.epicor_kinetic.tablesets import ADDED, Tableset, change, only_row
from ml_connector.connectors.epicor_kinetic.where import Where, eq, gt, in_groups
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.rows import Row, integer, is_set, text
from ml_connector.records.reason import Finding, Reason

PROGRAM: Final = "Erp.UIRpt.APInvoicePost"
"""What a submit says it comes from (Epicor dossier 10, UNCONFIRMED)."""
_PARAMETERS: Final = "APInvoicePostParam"
_NOW: Final = 0
_LONGER: Final = 1.6
_ROUNDS: Final = 5
"""Postings by others that are waited for before ours is given up."""
_ENDED: Final = frozenset({"complete", "cancelled", "error"})
_FAILED: Final = frozenset({"cancelled", "error"})
_TASK: Final = ("SysTaskNum", "SubmitUser", "TaskStatus", "ErrorMsg", "ActivityMsg", "TaskNote")


@dataclass(frozen=True, slots=True)
class Patience:
    """How the end of a posting is waited for, in seconds."""

    first: float = 0.25
    longest: float = 5.0
    at_most: float = 600.0
    held: float = 60.0
    """How long a group is waited for that somebody else has open."""


PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a posting left behind."""

    rows: Mapping[str, Row]
    """The invoices by their id, as they stand now; those that are gone are left out."""
    words: str
    """What the server complained of, empty for nothing."""

    def is_posted(self, ids: Collection[str]) -> bool:
        """True where all of these invoices are posted."""
        return all(is_set(self.rows.get(each, {}), "Posted") for each in ids)


@dataclass(slots=True, weakref_slot=True, eq=False)
class Round:
    """The invoices of a group that wait for its next posting, and what the last one came to."""

    ready: set[str] = field(default_factory=set[str])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    """By the id of an invoice that took part, until it is asked for."""


class Poster:
    """Has groups posted, each by one at a time; invoices that are ready together are posted together."""

    def __init__(self, client: Kinetic, groups: Groups, *, agent: str, patience: Patience = PATIENCE) -> None:
        self._client = client
        self._groups = groups
        self._agent = agent
        self.patience = patience
        self._rounds: WeakValueDictionary[str, Round] = WeakValueDictionary()
        """As long as any of its invoices waits."""

    def make_ready(self, group_id: str, bill_id: str) -> Round:
        """Says that an invoice is off hold and waits for its group to be posted; the round that it takes part in."""
        turn = self._rounds.get(group_id)
        if turn is None:
            turn = self._rounds[group_id] = Round()
        turn.ready.add(bill_id)
        return turn

    async def post(self, turn: Round, group_id: str, bill_id: str, *, about: About) -> Verdict:
        """Has the group posted, unless somebody else had it posted since the invoice was ready.

        Raises Refused where its sums speak against it, OutcomeUnknown where the end is not known.
        """
        async with self._groups.gate(group_id):
            told = turn.verdicts.pop(bill_id, None)
            if told is not None:
                return told
            try:
                verdict = await self._post(group_id, set(turn.ready), about)
            finally:
                turn.ready.discard(bill_id)
            turn.verdicts |= dict.fromkeys(turn.ready, verdict)
            turn.ready.clear()
            return verdict

    async def _post(self, group_id: str, ids: Collection[str], about: About) -> Verdict:
        for _ in range(_ROUNDS):
            group = await self.wait_until_free(group_id, posting_too=False)
            if group is None:
                break
            if group.is_posting:
                # Somebody else's, or submitted before this process was there: ours as well, if it comes to be posted.
                verdict = await self._end_of(group, ids, after=0, note="")
                if verdict.is_posted(ids):
                    return verdict
                continue
            try:
                return await self._submitted(group, ids, about)
            except Unavailable as error:
                if not is_group_held(error):
                    raise
            except Refused:
                if not await self._groups.is_gone(group_id):
                    raise
        return await self.verdict(group_id, ids, "")

    async def _submitted(self, group: Group, ids: Collection[str], about: About) -> Verdict:
        await self._groups.unlock(group.id)
        await self._require_agreement(group.id, about)
        after = await self._newest_task(self._client.credentials.username or group.user)
        await self._submit(group.id)
        return await self._end_of(group, ids, after=after, note=group.id)

    async def wait_until_free(self, group_id: str, *, posting_too: bool = True) -> Group | None:
        """The group, once nobody else has it open, nor has it posted where `posting_too`; None where it is gone.

        Raises Refused where that takes longer than we wait.
        """
        begun, wait = time.monotonic(), self.patience.first
        while True:
            group = await self._groups.read(group_id)
            if group is None or self._groups.is_free(group) or (group.is_posting and not posting_too):
                return group
            if time.monotonic() - begun >= (self.patience.at_most if group.is_posting else self.patience.held):
                what = "is being posted" if group.is_posting else f"{group.holder} has open"
                finding = Finding(Reason.NOT_RELEASED, f"in group {group_id}, which {what},")
                raise Refused(system=NAME, findings=(finding,))
            await asyncio.sleep(wait)
            wait = min(wait * _LONGER, self.patience.longest)

    async def _require_agreement(self, group_id: str, about: About) -> None:
        """Texts about variances are questions to an accountant, which nobody answers here (Epicor dossier 10)."""
        answer = await self._client.call(GROUP_SERVICE, "PrePostGroupInvoices", {"PostGroupID": group_id}, about=about)
        words = answer.text("VarianceMessage")
        if not words:
            return
        ours = about.get(Reason.NOT_RELEASED, "")
        if ours.lower() in words.lower():
            raise Refused(system=NAME, findings=(Finding(Reason.TOTALS_DIFFER, words.rstrip("."), words),))
        # Another invoice of the group: this one was proven to have none.
        raise Refused(system=NAME, findings=(Finding(Reason.NOT_RELEASED, ours, words),))

    async def _submit(self, group_id: str) -> None:
        answer = await self._client.call(POSTING_SERVICE, "GetNewParameters", {})
        ds: Tableset = answer.returned if isinstance(answer.returned, dict) else answer.ds
        row = only_row(ds, _PARAMETERS)
        change(row, _PARAMETERS, {"GroupID": group_id, "AgentID": self._agent, "TaskNote": group_id}, state=ADDED)
        row["RowMod"] = ADDED
        await self._client.call(
            POSTING_SERVICE, "SubmitToAgent",
            {"ds": ds, "agentID": self._agent, "agentSchedNum": _NOW, "agentTaskNum": _NOW, "maintProgram": PROGRAM},
        )  # fmt: skip

    # ------------------------------------------------------------------ the end

    async def _end_of(self, group: Group, ids: Collection[str], *, after: int, note: str) -> Verdict:
        """Waits until the posting is over.

        It is over once all invoices are posted, or the task has ended and the group is not being posted any more.
        The first look is at once: an idle agent needs no second for a group of one invoice.
        """
        ends, wait = time.monotonic() + self.patience.at_most, self.patience.first
        while True:
            there = Verdict(await self._rows(ids), "")
            if there.is_posted(ids):
                return there
            words = await self._over(group, after=after, note=note)
            if words is not None:
                return await self.verdict(group.id, ids, words)
            if time.monotonic() >= ends:
                detail = f"the posting of group {group.id} is not over after {self.patience.at_most:.0f} seconds"
                raise OutcomeUnknown(system=NAME, detail=detail)
            await asyncio.sleep(wait)
            wait = min(wait * _LONGER, self.patience.longest)

    async def _over(self, group: Group, *, after: int, note: str) -> str | None:
        """None while it goes on; else what the task failed with, empty for nothing."""
        tasks = await self._tasks(self._client.credentials.username or group.user, after, note) if note else []
        if any(text(task, "TaskStatus").lower() not in _ENDED for task in tasks) or (note and not tasks):
            return None
        now = await self._groups.read(group.id)
        if now is not None and now.is_posting:
            return None
        failed = [task for task in tasks if text(task, "TaskStatus").lower() in _FAILED]
        return "\n".join(text(task, "ErrorMsg") or text(task, "ActivityMsg") for task in failed)

    async def _tasks(self, user: str, after: int, note: str) -> list[Row]:
        """The tasks since the submit; where any bears our note, only that one is ours."""
        rows = await self._client.rows(TASKS, where=_of_user(user) & gt("SysTaskNum", after), select=_TASK)
        return [row for row in rows if text(row, "TaskNote") == note] or rows

    async def _newest_task(self, user: str) -> int:
        """The number of the user's last task: those that come of a submit have higher ones."""
        newest = 0
        async for rows in self._client.pages(TASKS, where=_of_user(user), select=_TASK, order=("SysTaskNum desc",)):
            latest = max((integer(row, "SysTaskNum") for row in rows), default=0)
            if latest < newest:
                break  # they come in that order, as they were asked for
            newest = latest
        return newest

    async def verdict(self, group_id: str, ids: Collection[str], words: str) -> Verdict:
        """How the invoices stand, and what was complained of; a group that is gone complains of nothing."""
        there = Verdict(await self._rows(ids), "")
        if there.is_posted(ids):
            return there
        group = await self._groups.read(group_id)
        log = group.log if group is not None else ""
        return Verdict(there.rows, "\n".join(each for each in (log, words) if each))

    async def _rows(self, ids: Collection[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for where in in_groups((eq("SysRowID", UUID(each)) for each in sorted(ids)), length=FILTER_LENGTH):
            rows = await self._client.rows(INVOICES, where=where, select=HEADER)
            found |= {text(row, "SysRowID").lower(): row for row in rows}
        return found


def _of_user(user: str) -> Where:
    return eq("SubmitUser", user) if user else gt("SysTaskNum", 0)


def words_for(words: str, row: Mapping[str, object]) -> str:
    """What of a group's log is about one invoice; all of it where no line names that one."""
    number = str(row.get("InvoiceNum") or "").strip()
    named = [line for line in words.splitlines() if number and number.lower() in line.lower()]
    return "\n".join(named) or words
