"""Groups: one for each bill or one a day, never another person's, unlocked whatever happens, posted by the agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from epicor_company import Office, office, post
from epicor_papers import TODAY, bill_of

from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.epicor_kinetic.groups import Groups
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.records.invoice import BillStatus
from ml_connector.records.reason import Reason

RUN = "run"


@pytest.fixture
async def place() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


@pytest.fixture
def ledger(place: Office) -> KineticLedger:
    return place.open()


async def test_each_bill_has_a_group_of_its_own_that_goes_with_it(place: Office, ledger: KineticLedger) -> None:
    bills = [bill_of(f"G-{index}", vendor=place.vendor) for index in range(2)]
    drafts = [await ledger.create(bill) for bill in bills]
    assert sorted(each["invoices"] for each in await place.groups()) == [["G-0"], ["G-1"]]
    await ledger.discard(bills[0], drafts[0])
    assert [each["invoices"] for each in await place.groups()] == [["G-1"]]
    await ledger.post(bills[1], drafts[1])
    assert await place.groups() == []


@pytest.mark.parametrize("groups", ["invoice", RUN])
async def test_a_group_is_never_left_locked(place: Office, groups: str) -> None:
    await place.hook("switches", auto_lock=True)
    ledger = place.open(invoice_groups=groups)
    bill = bill_of("G-1", vendor=place.vendor)
    await place.lose("/UpdateMaster$", skip=1)
    with pytest.raises(OutcomeUnknown):
        await ledger.create(bill)
    assert {each["user"] for each in await place.groups()} == {""}
    await place.mend()
    (there,) = (await ledger.find([bill]))[bill.key]
    await ledger.post(bill, await ledger.complete(bill, there))
    await place.hook("prompts", count=1)
    with pytest.raises(Refused):
        await ledger.create(bill_of("G-2", vendor=place.vendor))
    assert {each["user"] for each in await place.groups()} <= {""}


@pytest.mark.parametrize("state", ["held", "posting"])
async def test_a_group_that_is_not_free_is_passed_over(place: Office, state: str) -> None:
    first = f"ML{TODAY:%y%m%d}"
    await place.hook("groups", create=first)
    if state == "held":
        await place.hook("groups", lock={"group": first, "user": "clerk"})
    else:
        await place.hook("groups", in_process={"group": first, "on": True})
    ledger = place.open(invoice_groups=RUN)
    await post(ledger, bill_of("G-1", vendor=place.vendor))
    assert (await place.only("G-1"))["group"] == f"M2{TODAY:%y%m%d}"
    (left,) = await place.groups()
    assert (left["group"], left["user"]) == (first, "clerk" if state == "held" else "")


async def test_bills_that_are_ready_together_are_posted_by_one_task(place: Office) -> None:
    ledger = place.open(invoice_groups=RUN)
    await place.hook("posting", seconds=0.2)
    bills = [bill_of(f"G-{index}", vendor=place.vendor) for index in range(4)]
    drafts = await asyncio.gather(*(ledger.create(bill) for bill in bills))
    assert [each["group"] for each in await place.groups()] == [f"ML{TODAY:%y%m%d}"]
    posted = await asyncio.gather(*(ledger.post(bill, each) for bill, each in zip(bills, drafts, strict=True)))
    assert {each.status for each in posted} == {BillStatus.POSTED}
    submits = sum(path.endswith("/SubmitToAgent") for path in await place.calls())
    assert 1 <= submits < len(bills)


async def test_a_draft_of_the_group_is_not_posted_with_the_others(place: Office) -> None:
    ledger = place.open(invoice_groups=RUN)
    waiting = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(waiting)
    await post(ledger, bill_of("G-2", vendor=place.vendor))
    stands = await place.only("G-1")
    assert (stands["held"], stands["posted"]) == (True, False)
    assert (await ledger.post(waiting, draft)).status is BillStatus.POSTED


async def test_one_that_cannot_be_posted_is_told_of_and_held_again(place: Office) -> None:
    ledger = place.open(invoice_groups=RUN)
    good, bad = bill_of("G-1", vendor=place.vendor), bill_of("G-2", vendor=place.vendor)
    drafts = [await ledger.create(good), await ledger.create(bad)]
    await place.hook("bill", id=drafts[1].id, ApplyDate="2001-01-31T00:00:00")
    with pytest.raises(Refused) as refused:
        await ledger.post(bad, drafts[1])
    assert refused.value.reason is Reason.PERIOD_CLOSED
    stands = await place.only("G-2")
    assert (stands["held"], stands["posted"]) == (True, False)
    assert (await ledger.post(good, drafts[0])).status is BillStatus.POSTED


async def test_a_task_that_breaks_down_is_told_in_its_words(place: Office, ledger: KineticLedger) -> None:
    await place.hook("posting", task="Error")
    bill = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(bill)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "unexpected error" in refused.value.findings[0].vendor_text
    assert (await place.only("G-1"))["held"] is True
    await place.hook("posting", task="Complete")
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED


async def test_without_an_agent_the_end_is_not_known_and_found_later(place: Office, ledger: KineticLedger) -> None:
    await place.hook("posting", agent=False)
    bill = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(bill)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    there = await ledger.read_bill(bill, draft.id)
    assert there is not None
    assert there.status is BillStatus.DRAFT
    await place.hook("groups", post=(await place.only("G-1"))["group"])
    assert (await ledger.post(bill, there)).status is BillStatus.POSTED


async def test_a_lost_submit_is_settled_by_the_invoice(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(bill)
    await place.lose("/SubmitToAgent$")
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    await place.mend()
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
    assert (await place.only("G-1"))["posted"] is True


async def test_a_posting_that_somebody_else_runs_is_waited_for(place: Office, ledger: KineticLedger) -> None:
    await place.hook("posting", seconds=0.3)
    bill = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(bill)
    await place.lose("/SubmitToAgent$")
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    other = place.open()
    assert (await other.post(bill, draft)).status is BillStatus.POSTED
    assert sum(path.endswith("/SubmitToAgent") for path in await place.calls()) == 1


async def test_a_group_that_somebody_keeps_open_keeps_the_bill(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(bill)
    group = (await place.only("G-1"))["group"]
    await place.hook("groups", lock={"group": group, "user": "clerk"})
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "clerk" in refused.value.findings[0].subject
    await place.hook("groups", unlock=group)
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED


async def test_a_group_that_a_lost_answer_left_is_used_again(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("G-1", vendor=place.vendor)
    await place.lose("APInvGrpSvc/Update$")
    await post(ledger, bill)
    assert await place.groups() == []
    again = replace(bill, number="G-2", key="c/G-2/1")
    assert (await post(ledger, again)).status is BillStatus.POSTED


async def test_anothers_variance_is_not_told_as_this_bills(place: Office) -> None:
    ledger = place.open(invoice_groups=RUN)
    mine, theirs = bill_of("G-1", vendor=place.vendor), bill_of("G-2", vendor=place.vendor)
    drafts = [await ledger.create(mine), await ledger.create(theirs)]
    await place.hook("bill", id=drafts[1].id, InvoiceHeld=False, DocInvoiceVariance="5.00")
    with pytest.raises(Refused) as refused:
        await ledger.post(mine, drafts[0])
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "G-2" in refused.value.findings[0].vendor_text
    assert (await place.only("G-1"))["held"] is True


async def test_a_posting_of_the_day_by_somebody_else_is_waited_for(place: Office) -> None:
    ledger = place.open(invoice_groups=RUN)
    bill = bill_of("G-1", vendor=place.vendor)
    draft = await ledger.create(bill)
    group = (await place.only("G-1"))["group"]
    await place.hook("groups", in_process={"group": group, "on": True})
    posting = asyncio.create_task(ledger.post(bill, draft))
    while sum("APInvGrps?" in path for path in await place.calls()) < 4:
        await asyncio.sleep(0.01)
    assert not posting.done()
    await place.hook("groups", in_process={"group": group, "on": False})
    assert (await posting).status is BillStatus.POSTED


async def test_bills_written_while_the_days_group_is_posted_get_there_too(place: Office) -> None:
    ledgers = [place.open(invoice_groups=RUN) for _ in range(2)]
    await place.hook("posting", seconds=0.05)
    bills = [bill_of(f"G-{index}", vendor=place.vendor) for index in range(10)]
    posted = await asyncio.gather(*(post(ledgers[at % 2], bill) for at, bill in enumerate(bills)))
    assert {each.status for each in posted} == {BillStatus.POSTED}
    assert sorted(each["vendorInvoiceNumber"] for each in await place.bills()) == sorted(each.number for each in bills)


async def test_a_group_that_is_gone_when_it_is_written_into_is_made_anew(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = place.open(invoice_groups=RUN)
    take, taken = Groups.take, list[str]()

    async def raced(groups: Groups, marker: str) -> str:
        taken.append(await take(groups, marker))
        if len(taken) == 1:
            await place.hook("groups", post=taken[0])
        return taken[-1]

    monkeypatch.setattr(Groups, "take", raced)
    assert (await post(ledger, bill_of("G-1", vendor=place.vendor))).status is BillStatus.POSTED
    assert taken == [f"ML{TODAY:%y%m%d}"] * 2
