"""Bills that a person has to approve in the ledger: they wait, and are followed to their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import ClassVar, TypeVar

import pytest

from conformance.bench import Act, ApprovingBench, Harm
from conformance.enduring import TURNS, settle, strike_at_random
from conformance.stage import (
    AFTER_THE_WORK,
    BEFORE_THE_WORK,
    Stage,
    assert_stands_as_said,
    bill_of,
    found_of,
    only,
    standing,
)
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.reason import Reason

T = TypeVar("T")


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """A call that may be repeated, until it is answered."""
    for _ in range(TURNS):
        with suppress(Unavailable, OutcomeUnknown):
            return await call()
    raise AssertionError("there was no answer")


async def kept_waiting(bench: ApprovingBench, ledger: Ledger, bill: Bill) -> LedgerBill:
    """The bill as it waits for its approval: from its creation on, or once it is to be posted."""
    await bench.want_approval()
    written = await ledger.create(bill)
    if written.status is BillStatus.DRAFT:
        written = await ledger.post(bill, written)
    assert written.status is BillStatus.PENDING
    return written


class Approving(Stage):
    """For ledgers that can want an approval of their own: inherited beside the suite of all ledgers."""

    approval_begins_with: ClassVar[Act] = Act.CREATE
    """The write by which a bill comes before those who approve."""

    @pytest.mark.parametrize("kind", list(DocumentKind))
    async def test_a_bill_that_wants_approval_waits_and_is_found_waiting(
        self, bench: ApprovingBench, ledger: Ledger, kind: DocumentKind
    ) -> None:
        bill = bill_of(bench, "A-1", kind=kind)
        waiting = await kept_waiting(bench, ledger, bill)
        assert (waiting.status, waiting.kind, waiting.gross) == (BillStatus.PENDING, kind, bill.gross)
        assert [(each.id, each.status) for each in await found_of(ledger, bill)] == [(waiting.id, BillStatus.PENDING)]
        for there in (await ledger.read_bill(bill, waiting.id), await ledger.post(bill, waiting)):
            assert there is not None
            assert (there.id, there.status) == (waiting.id, BillStatus.PENDING)
        assert not (await only(bench, bill)).is_posted

    @pytest.mark.parametrize("kind", list(DocumentKind))
    async def test_an_approved_bill_is_posted_whole_and_once(
        self, bench: ApprovingBench, ledger: Ledger, kind: DocumentKind
    ) -> None:
        bill = bill_of(bench, "A-1", kind=kind)
        waiting = await kept_waiting(bench, ledger, bill)
        await bench.approve(waiting.id)
        posted = await ledger.read_bill(bill, waiting.id)
        assert posted is not None
        assert (posted.status, posted.gross) == (BillStatus.POSTED, bill.gross)
        assert [(each.id, each.status) for each in await found_of(ledger, bill)] == [(posted.id, BillStatus.POSTED)]
        again = await ledger.post(bill, waiting)
        assert (again.id, again.number, again.status) == (posted.id, posted.number, BillStatus.POSTED)
        stands = await assert_stands_as_said(bench, bill)
        assert (stands.id, stands.number) == (posted.id, posted.number)

    async def test_an_approved_bill_is_never_discarded(self, bench: ApprovingBench, ledger: Ledger) -> None:
        bill = bill_of(bench, "A-1")
        waiting = await kept_waiting(bench, ledger, bill)
        await bench.approve(waiting.id)
        with pytest.raises(Refused):
            await ledger.discard(bill, waiting)
        await assert_stands_as_said(bench, bill)

    async def test_a_bill_that_was_turned_down_is_cancelled_and_makes_room(
        self, bench: ApprovingBench, ledger: Ledger
    ) -> None:
        bill = bill_of(bench, "A-1")
        waiting = await kept_waiting(bench, ledger, bill)
        await bench.turn_down(waiting.id)
        there = await ledger.read_bill(bill, waiting.id)
        assert there is not None
        assert there.status is BillStatus.CANCELLED
        with pytest.raises(Refused) as refused:
            await ledger.post(bill, waiting)
        assert refused.value.reason is Reason.APPROVAL_REFUSED
        await ledger.discard(bill, waiting)
        assert await standing(bench, bill) == []
        another = await ledger.create(bill)
        assert another.id != waiting.id
        assert [each.id for each in await found_of(ledger, bill)] == [another.id]

    async def test_a_waiting_bill_that_somebody_removed_is_gone(self, bench: ApprovingBench, ledger: Ledger) -> None:
        bill = bill_of(bench, "A-1")
        waiting = await kept_waiting(bench, ledger, bill)
        await bench.remove(waiting.id)
        assert await ledger.read_bill(bill, waiting.id) is None
        assert await found_of(ledger, bill) == ()
        await ledger.discard(bill, waiting)

    @pytest.mark.parametrize("harm", [*AFTER_THE_WORK, *BEFORE_THE_WORK], ids=str)
    async def test_a_bill_whose_wait_was_not_told_is_found_and_followed(
        self, bench: ApprovingBench, ledger: Ledger, harm: Harm
    ) -> None:
        bill = bill_of(bench, "A-1")
        await ledger.check([bill])
        await bench.want_approval()
        write = next(each for each in self.writes if each.act is self.approval_begins_with)
        draft = None if write.act is Act.CREATE else await ledger.create(bill)
        await bench.strike(harm, write.site)
        with pytest.raises(Unavailable if write.is_repeatable else OutcomeUnknown):
            await (ledger.create(bill) if draft is None else ledger.post(bill, draft))
        await bench.mend()
        found = await found_of(ledger, bill)
        before = [] if draft is None else [BillStatus.DRAFT]
        wanted = [BillStatus.PENDING] if harm.comes_after_the_work else before
        assert [each.status for each in found] == wanted
        waiting = found[0] if found else await ledger.create(bill)
        if waiting.status is BillStatus.DRAFT:
            waiting = await ledger.post(bill, waiting)
        assert waiting.status is BillStatus.PENDING
        await bench.approve(waiting.id)
        assert (await ledger.post(bill, waiting)).status is BillStatus.POSTED
        await assert_stands_as_said(bench, bill)

    @pytest.mark.parametrize("walk", range(3))
    async def test_each_bill_is_posted_once_whatever_people_and_the_wire_do(
        self, bench: ApprovingBench, ledger: Ledger, walk: int
    ) -> None:
        chance = Random(walk)
        bills = [bill_of(bench, f"A-{at}", kind=chance.choice(list(DocumentKind))) for at in range(8)]
        await bench.want_approval()
        await strike_at_random(bench, self.writes, chance)
        for bill in bills:
            waiting = await settle(ledger, bill)
            for _ in range(chance.randrange(3)):
                await bench.turn_down(waiting.id)
                turned_down = await patiently(lambda: ledger.read_bill(bill, waiting.id))  # noqa: B023 - at once
                assert turned_down is not None
                assert turned_down.status is BillStatus.CANCELLED
                await patiently(lambda: ledger.discard(bill, waiting))  # noqa: B023
                waiting = await settle(ledger, bill)
            await bench.approve(waiting.id)
            posted = await patiently(lambda: ledger.post(bill, waiting))  # noqa: B023
            assert posted.status is BillStatus.POSTED
        for bill in bills:
            await assert_stands_as_said(bench, bill)
        assert len(await bench.bills()) == len(bills)
