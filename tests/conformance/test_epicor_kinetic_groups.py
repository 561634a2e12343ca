"""Epicor Kinetic: groups that are shared, slow, or somebody else's, and what a posting leaves (dossier 9.2, 10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from conformance.enduring import settle
from conformance.epicor_kinetic import EpicorKineticBench, bench_of
from conformance.stage import assert_stands_as_said, bill_of, draft_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.records.invoice import BillStatus
from ml_connector.records.reason import Reason


@pytest.fixture(params=["invoice", "run"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[EpicorKineticBench]:
    async with bench_of(invoice_groups=request.param) as made:
        yield made


@pytest.fixture
async def ledger(bench: EpicorKineticBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


async def test_one_bad_invoice_keeps_no_other_from_being_posted_in_the_end(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    await bench.hook("posting", seconds=0.1, whole_group=True)
    bills = [bill_of(bench, f"G-{at}") for at in range(3)]
    drafts = [await draft_of(ledger, bill) for bill in bills]
    await bench.hook("bill", id=drafts[1].id, ApplyDate="2001-01-31T00:00:00")
    done = await asyncio.gather(
        *(ledger.post(bill, draft) for bill, draft in zip(bills, drafts, strict=True)), return_exceptions=True
    )
    assert isinstance(done[1], Refused)
    assert done[1].reason is Reason.PERIOD_CLOSED
    row = await bench.row("G-1")
    assert (row["held"], row["posted"]) == (True, False)
    for bill in (bills[0], bills[2]):
        assert (await settle(ledger, bill)).status is BillStatus.POSTED
        await assert_stands_as_said(bench, bill)


async def test_a_task_that_is_slow_is_waited_for(bench: EpicorKineticBench, ledger: Ledger) -> None:
    await bench.hook("posting", seconds=0.4)
    assert (await posted_of(ledger, bill_of(bench, "G-1"))).status is BillStatus.POSTED
    assert await bench.times("/SubmitToAgent") == 1


@pytest.mark.parametrize("harm", ["status", "lost_reply", "cut"])
async def test_a_group_that_could_not_be_unlocked_costs_no_bill(
    bench: EpicorKineticBench, ledger: Ledger, harm: str
) -> None:
    await bench.hook("switches", auto_lock=True)
    bill = bill_of(bench, "G-1")
    await bench.hook("faults", kind=harm, path="/UnlockGroup$", method="POST")
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    assert {each["user"] for each in await bench.groups()} <= {""}


@pytest.mark.parametrize("path", ["APInvGrpSvc/Update$", "APInvGrpSvc/GetNewAPInvGrpNoLock$"])
async def test_a_group_whose_making_was_not_told_is_found(bench: EpicorKineticBench, ledger: Ledger, path: str) -> None:
    await bench.hook("faults", kind="lost_reply", path=path, method="POST")
    bill = bill_of(bench, "G-1")
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)
    assert await bench.groups() == []


async def test_a_task_that_ends_well_without_posting_is_a_refusal_in_its_own_words(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "G-1")
    draft = await draft_of(ledger, bill)
    posting = asyncio.create_task(ledger.post(bill, draft))
    async with bench.amid(r"/SubmitToAgent$"):
        await bench.hook("coded", id=draft.id, account="")
    with pytest.raises((Refused, OutcomeUnknown)) as failed:
        await posting
    assert isinstance(failed.value, Refused)
    assert "GL Account is missing" in str(failed.value)
    row = await bench.row("G-1")
    assert (row["held"], row["posted"]) == (True, False)
