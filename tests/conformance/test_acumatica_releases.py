"""Acumatica: releases and what they answer, approvals, bills in parts (dossier 5, 6, 10)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from conformance.acumatica import WRITES, AcumaticaBench, bench_of
from conformance.approving import kept_waiting
from conformance.enduring import settle, strike_at_random
from conformance.stage import assert_stands_as_said, bill_of, draft_of, found_of, line_of, posted_of
from ml_connector.connectors.acumatica import finding, posting
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.invoice import BillStatus, DocumentKind
from ml_connector.records.reason import Reason

RELEASES = {"method": "POST", "path": r"/Bill/ReleaseBill$"}
STATUS_OF_RELEASE = {"method": "GET", "path": r"/Bill/ReleaseBill/status/"}


@pytest.fixture
async def bench() -> AsyncIterator[AcumaticaBench]:
    async with bench_of() as made:
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


async def writes_of(bench: AcumaticaBench) -> list[str]:
    """The writes that came, by method and what stands behind the endpoint."""
    return [
        f"{call.method} {call.path.split('.001/')[-1].split('?')[0]}" for call in await bench.calls() if call.writes
    ]


@pytest.mark.parametrize(
    "how", [{"polls": 0}, {"polls": 7, "seconds": 60}, {"immediate": True}, {"immediate": True, "location": True}],
    ids=["done when asked", "polled", "done at once", "done at once with a dead address"],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_release_is_followed_to_its_end(
    bench: AcumaticaBench, ledger: Ledger, kind: DocumentKind, how: Mapping[str, Any]
) -> None:
    await bench.hook("actions", **how)
    bill = bill_of(bench, "R-1", kind=kind)
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)
    assert await writes_of(bench) == ["PUT Bill", "PUT Bill", "POST Bill/ReleaseBill"]
    asked = [call.path for call in await bench.calls() if call.method == "GET" and "/ReleaseBill/" in call.path]
    assert all("/ReleaseBill/status/" in path for path in asked)


@pytest.mark.parametrize("status", [404, 401, 403, 500, 503])
async def test_a_release_that_cannot_be_asked_after_is_judged_by_the_bill(
    bench: AcumaticaBench, ledger: Ledger, status: int
) -> None:
    await bench.hook("actions", seconds=0)
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("faults", kind="status", status=status, count=99, **STATUS_OF_RELEASE)
    try:
        posted = await ledger.post(bill, draft)
    except OutcomeUnknown:
        (posted,) = await found_of(ledger, bill)
    assert posted.status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)
    assert (await writes_of(bench)).count("POST Bill/ReleaseBill") == 1


async def test_a_release_that_answers_too_late_is_found_done(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("actions", slow=1.5, immediate=True)
    bench.be_impatient(ledger, 0.4)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    bench.be_impatient(ledger, 30)
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_session_that_ends_while_a_release_runs_loses_only_its_answer(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("actions", polls=10_000, seconds=1)
    posting = asyncio.ensure_future(ledger.post(bill, draft))
    async with asyncio.timeout(20):
        while not any("/status/" in call.path for call in await bench.calls()):
            await asyncio.sleep(0.01)
    await bench.expire_sessions()
    try:
        await posting
    except OutcomeUnknown:
        (found,) = await found_of(ledger, bill)
        assert found.status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_bill_that_was_saved_and_not_released_is_released_by_the_next_process(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("faults", kind="cut", **RELEASES)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(bill, draft)
    assert [row["status"] for row in await bench.rows()] == ["Balanced"]
    fresh = bench.open(bench.side())
    try:
        (found,) = await found_of(fresh, bill)
        assert found.status is BillStatus.DRAFT
        completed = await fresh.complete(bill, found)
        assert (await fresh.post(bill, completed)).status is BillStatus.POSTED
    finally:
        await fresh.close()
    await assert_stands_as_said(bench, bill)


async def test_a_balanced_bill_can_still_be_discarded(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("bill", id=draft.id, Hold=False)
    await ledger.discard(bill, draft)
    assert await bench.bills() == []


@pytest.mark.parametrize("seconds", [0.3, 2.0], ids=["soon over", "long"])
async def test_a_release_that_still_runs_unasked_holds_up_the_next_bill_and_spoils_nothing(
    bench: AcumaticaBench, ledger: Ledger, seconds: float
) -> None:
    first, second, third = [bill_of(bench, f"R-{at}") for at in range(3)]
    drafts = [await draft_of(ledger, bill) for bill in (first, second)]
    await ledger.post(first, drafts[0])
    await bench.hook("actions", polls=10_000, seconds=seconds)
    await bench.hook("faults", kind="lost_reply", **RELEASES)
    with pytest.raises(OutcomeUnknown):
        await ledger.post(second, drafts[1])
    # The form is busy in this session until that is over (dossier 2.3): whatever is refused meanwhile comes to pass.
    await bench.hook("actions", immediate=True)
    for bill in (third, second, first):
        assert (await settle(ledger, bill)).status is BillStatus.POSTED
        await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize(
    "words",
    ["The previous operation has not been completed yet.", "Another process has updated the 'APRegister' record."],
)
async def test_a_release_that_is_turned_away_for_now_is_no_refusal(
    bench: AcumaticaBench, ledger: Ledger, words: str
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    said = {"message": "An error has occurred.", "exceptionMessage": words, "exceptionType": "PX.Data.PXException"}
    answer = {"status": 500, "body": json.dumps(said), "content_type": "application/json"}
    await bench.hook("faults", kind="status", **answer, **RELEASES)
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await ledger.post(bill, draft)
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_release_that_is_refused_at_once_is_told_in_the_ledgers_words(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "R-1")
    draft = await draft_of(ledger, bill)
    said = {"message": "An error has occurred.", "exceptionType": "PX.Data.PXException",
            "exceptionMessage": "The month is under audit."}  # fmt: skip
    answer = {"status": 500, "body": json.dumps(said), "content_type": "application/json"}
    await bench.hook("faults", kind="status", **answer, **RELEASES)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "under audit" in refused.value.findings[0].vendor_text
    assert [each.status for each in await found_of(ledger, bill)] == [BillStatus.DRAFT]


async def test_many_bills_are_released_one_at_a_time_in_one_session(bench: AcumaticaBench, ledger: Ledger) -> None:
    bills = [bill_of(bench, f"R-{at}", kind=list(DocumentKind)[at % 2]) for at in range(8)]
    await ledger.check(bills)
    await asyncio.gather(*(posted_of(ledger, bill) for bill in bills))
    for bill in bills:
        await assert_stands_as_said(bench, bill)
    assert (await bench.show("state"))["opened"] == 1


# ------------------------------------------------------------------ approvals


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_bill_that_is_approved_and_not_released_is_released_by_us(
    bench: AcumaticaBench, ledger: Ledger, kind: DocumentKind
) -> None:
    bill = bill_of(bench, "A-1", kind=kind)
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.hook("approve", id=waiting.id)
    there = await ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.status is BillStatus.DRAFT
    assert (await ledger.post(bill, there)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_rejected_bill_that_is_put_on_hold_again_is_a_draft(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.turn_down(waiting.id)
    assert [each.status for each in await found_of(ledger, bill)] == [BillStatus.CANCELLED]
    await bench.hook("bill", id=waiting.id, Hold=True)
    (again,) = await found_of(ledger, bill)
    assert (again.id, again.status) == (waiting.id, BillStatus.DRAFT)
    assert (await ledger.post(bill, again)).status is BillStatus.PENDING


async def test_a_rejected_bill_can_be_discarded(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "A-1")
    waiting = await kept_waiting(bench, ledger, bill)
    await bench.turn_down(waiting.id)
    await ledger.discard(bill, waiting)
    assert await bench.bills() == []


# ------------------------------------------------------------------ bills in parts


@pytest.mark.parametrize("walk", range(6))
async def test_bills_that_are_written_in_parts_stand_whole_and_once_whatever_the_wire_does(
    bench: AcumaticaBench, walk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (posting, finding):
        monkeypatch.setattr(module, "LINES_PER_REQUEST", 7)
    chance = Random(walk)
    bills = [
        bill_of(
            bench, f"L-{at}", kind=chance.choice(list(DocumentKind)),
            lines=[
                line_of(
                    bench, net=Decimal(100 + chance.randrange(3)), description=chance.choice(["same", "other", ""]),
                    dimensions={bench.facts.dimension: chance.choice(bench.facts.values)},
                )
                for _ in range(chance.choice([3, 7, 8, 14, 30]))
            ],
        )
        for at in range(5)
    ]  # fmt: skip
    await strike_at_random(bench, WRITES, chance)
    ledgers = [bench.open(bench.side()) for _ in range(2)]
    for ledger in ledgers:
        posted = await asyncio.gather(*(settle(ledger, bill) for bill in bills))
        assert {each.status for each in posted} == {BillStatus.POSTED}
        await ledger.close()
    for bill in bills:
        await assert_stands_as_said(bench, bill)
    assert len(await bench.bills()) == len(bills)
