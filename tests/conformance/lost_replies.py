"""Every write, with its answer lost, its line cut, or the server failing: exactly one bill all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from conformance.bench import Act, Bench, Harm, Write
from conformance.stage import (
    AFTER_THE_WORK,
    BEFORE_THE_WORK,
    Stage,
    assert_stands_as_said,
    bill_of,
    draft_of,
    found_of,
    line_of,
    only,
    standing,
    waiting_of,
)
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Unavailable
from ml_connector.records.invoice import Bill, BillStatus, LedgerBill
from ml_connector.records.reason import Reason

_FILE = b"%PDF-1.7 image"


@dataclass(frozen=True, slots=True)
class Scene:
    """A bill right before one of its acts."""

    ledger: Ledger
    bill: Bill
    act: Act
    written: LedgerBill | None

    def play(self) -> Awaitable[object]:
        """Does the act."""
        if self.act in (Act.CREATE, Act.DIMENSIONS):
            return self.ledger.create(self.bill)
        assert self.written is not None
        if self.act in (Act.PREPARE, Act.POST):
            return self.ledger.post(self.bill, self.written)
        if self.act is Act.DISCARD:
            return self.ledger.discard(self.bill, self.written)
        return self.ledger.attach(self.bill, self.written, name="image.pdf", content=_FILE)


async def scene_of(bench: Bench, ledger: Ledger, act: Act) -> Scene:
    """Whatever comes before the act is done; the bill's lines differ in their dimensions."""
    lines = tuple(line_of(bench, dimensions={bench.facts.dimension: value}) for value in bench.facts.values)
    bill = bill_of(bench, "LOST-1", lines=lines)
    await ledger.check([bill])
    written: LedgerBill | None = None
    if act is Act.DISCARD:
        written = await waiting_of(bench, ledger, bill)
    elif act in (Act.PREPARE, Act.POST, Act.ATTACH):
        written = await draft_of(ledger, bill)
    if act is Act.ATTACH and written is not None:
        written = await ledger.post(bill, written)
    return Scene(ledger, bill, act, written)


async def finish(bench: Bench, scene: Scene, *, done: bool) -> None:
    """What the flow does next: looks, goes on from what it sees, and one bill stands as it was said."""
    ledger, bill = scene.ledger, scene.bill
    found = await found_of(ledger, bill)
    if scene.act in (Act.CREATE, Act.DIMENSIONS):
        wanted = BillStatus.DRAFT if ledger.capabilities.posting_is_separate else BillStatus.POSTED
        assert [each.status for each in found] == [wanted] * int(done or scene.act is Act.DIMENSIONS)
        draft = found[0] if found else await ledger.create(bill)
        draft = await ledger.complete(bill, draft)
        await ledger.post(bill, draft)
    elif scene.act in (Act.PREPARE, Act.POST):
        is_posted = done and scene.act is Act.POST
        assert [each.status for each in found] == [BillStatus.POSTED if is_posted else BillStatus.DRAFT]
        posted = await ledger.post(bill, found[0])
        assert posted.status is BillStatus.POSTED
    elif scene.act is Act.DISCARD:
        assert len(found) == int(not done)
        await scene.play()
        assert await standing(bench, bill) == []
        return
    else:
        await scene.play()
        assert (await only(bench, bill)).attachments == 1
    await assert_stands_as_said(bench, bill)


class LostReplies(Stage):
    """Each write of the connector against each way in which a wire can fail."""

    @pytest.mark.parametrize("harm", [*AFTER_THE_WORK, *BEFORE_THE_WORK], ids=str)
    async def test_a_write_without_a_clear_answer_is_settled_by_looking(
        self, bench: Bench, ledger: Ledger, write: Write, harm: Harm
    ) -> None:
        scene = await scene_of(bench, ledger, write.act)
        await bench.forget_calls()
        await bench.strike(harm, write.site)
        with pytest.raises(Unavailable if write.is_repeatable else OutcomeUnknown) as unclear:
            await scene.play()
        if not write.is_repeatable:
            assert unclear.value.reason is Reason.OUTCOME_UNKNOWN
        await bench.mend()
        await finish(bench, scene, done=harm.comes_after_the_work)

    async def test_another_process_finds_what_the_first_left(self, bench: Bench, ledger: Ledger, write: Write) -> None:
        scene = await scene_of(bench, ledger, write.act)
        await bench.strike(Harm("lost_reply"), write.site)
        with pytest.raises((OutcomeUnknown, Unavailable)):
            await scene.play()
        await bench.mend()
        fresh = bench.open(bench.side())
        try:
            await finish(bench, Scene(fresh, scene.bill, scene.act, scene.written), done=True)
        finally:
            await fresh.close()

    @pytest.mark.parametrize("form", ["seconds", "date", "none"])
    async def test_a_write_that_was_told_to_wait_did_nothing(
        self, bench: Bench, ledger: Ledger, write: Write, form: str
    ) -> None:
        scene = await scene_of(bench, ledger, write.act)
        until = datetime.now(UTC) + timedelta(seconds=120)
        asked = {"seconds": "120", "date": format_datetime(until, usegmt=True), "none": None}[form]
        await bench.strike(Harm("status", status=429, retry_after=asked), write.site)
        # Where the bill is there by then, the outcome of the whole is open all the same.
        is_begun = write.act is Act.DIMENSIONS
        with pytest.raises(OutcomeUnknown if is_begun else Unavailable) as later:
            await scene.play()
        if isinstance(later.value, Unavailable):
            assert later.value.reason is Reason.RATE_LIMITED
            wanted = {"seconds": 120, "date": 119, "none": None}[form]
            assert later.value.retry_after == (wanted if wanted is None else pytest.approx(wanted, abs=3))
        await bench.mend()
        await finish(bench, scene, done=is_begun)

    @pytest.mark.parametrize("act", [Act.CREATE, Act.POST])
    async def test_a_write_that_is_slow_is_waited_for(self, bench: Bench, ledger: Ledger, act: Act) -> None:
        writes = [write for write in self.writes if write.act is act]
        if not writes:
            pytest.skip(f"{ledger.name} has no write to {act}")
        scene = await scene_of(bench, ledger, act)
        for write in writes:
            await bench.strike(Harm("slow", seconds=0.4), write.site)
        await scene.play()
        assert len(await standing(bench, scene.bill)) == 1

    async def test_a_write_that_takes_too_long_is_unknown_and_found_later(self, bench: Bench, ledger: Ledger) -> None:
        scene = await scene_of(bench, ledger, Act.CREATE)
        write = next(each for each in self.writes if each.act is Act.CREATE)
        bench.be_impatient(ledger, 0.3)
        await bench.strike(Harm("slow", seconds=0.9), write.site)
        with pytest.raises(OutcomeUnknown):
            await scene.play()
        bench.be_impatient(ledger, 30)
        async with asyncio.timeout(20):
            while not await found_of(ledger, scene.bill):
                await asyncio.sleep(0.05)
        await finish(bench, scene, done=True)
