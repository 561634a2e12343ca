"""Epicor Kinetic: what becomes of bills, from transactions that tell more than payments (dossier 11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from conformance.epicor_kinetic import EpicorKineticBench, bench_of
from conformance.paying import PART, Payments, Watcher, watched
from conformance.stage import bill_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.invoice import DocumentKind

OTHERWISE = {"dates_move": True, "discount_inside": True, "settled_before": True}
"""What nobody confirmed of the real one: dates that move, discounts within sums, what is open before it is posted."""


@pytest.fixture(params=[({}, "Pacific/Kiritimati"), (OTHERWISE, "Pacific/Pago_Pago")], ids=["east", "otherwise, west"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[EpicorKineticBench]:
    """Stamps are of the server's own clock, which our own never meets (dossier 7.3)."""
    habits, zone = request.param
    async with bench_of() as made:
        await made.hook("habits", **habits)
        await made.hook("zone", zone=zone)
        yield made


@pytest.fixture
async def ledger(bench: EpicorKineticBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


class TestEpicorKineticPayments(Payments):
    """What holds of every ledger that tells payments."""


async def test_a_debit_memo_settles_what_money_did_not(bench: EpicorKineticBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "PAY-1")
    posted = await posted_of(ledger, bill)
    memo = await posted_of(ledger, bill_of(bench, "CN-1", kind=DocumentKind.CREDIT_NOTE))
    watcher = Watcher(ledger, posted, memo)
    await watcher.look()
    await bench.pass_time(600)
    await bench.pay(posted.id, day=bench.facts.open_day, amount=PART)
    await bench.hook("apply", id=posted.id, **{"with": memo.id, "amount": str(bill.gross - PART)})
    told = await watcher.look()
    assert (told[posted.id].paid_total, told[posted.id].is_settled) == (PART, True)
    assert (told[memo.id].paid_total, told[memo.id].is_settled) == (0, False)


async def test_an_application_that_is_voided_opens_both_again(bench: EpicorKineticBench, ledger: Ledger) -> None:
    posted = await posted_of(ledger, bill_of(bench, "PAY-1"))
    memo = await posted_of(ledger, bill_of(bench, "CN-1", kind=DocumentKind.CREDIT_NOTE))
    watcher = Watcher(ledger, posted, memo)
    applied = await bench.hook("apply", id=posted.id, **{"with": memo.id})
    told = await watcher.look()
    assert [(told[each.id].paid_total, told[each.id].is_settled) for each in (posted, memo)] == [(0, True)] * 2
    await bench.pass_time(600)
    await bench.hook("unpay", payment=applied["payment"])
    told = await watcher.look()
    assert [(told[each.id].paid_total, told[each.id].is_settled) for each in (posted, memo)] == [(0, False)] * 2


async def test_an_adjustment_of_the_rest_leaves_what_was_paid(bench: EpicorKineticBench, ledger: Ledger) -> None:
    posted, watcher = await watched(bench, ledger)
    await bench.pay(posted.id, day=bench.facts.open_day, amount=PART)
    await bench.hook("adjust", id=posted.id)
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.discount, told.is_settled) == (PART, 0, True)


async def test_a_payment_that_is_only_entered_is_told_once_it_is_posted(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    posted, watcher = await watched(bench, ledger)
    entered = await bench.hook("pay", id=posted.id, posted=False)
    assert [(each.paid_total, each.is_settled) for each in (await watcher.look()).values()] in ([], [(0, False)])
    await bench.pass_time(3 * 86_400)
    await bench.hook("post-payment", payment=entered["payment"])
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.is_settled) == (posted.gross, True)


async def test_a_discount_that_is_taken_back_is_told_so(bench: EpicorKineticBench, ledger: Ledger) -> None:
    posted, watcher = await watched(bench, ledger)
    await bench.hook("pay", id=posted.id, discount="2.48")
    assert (await watcher.look())[posted.id].discount == Decimal("2.48")
    await bench.pass_time(600)
    await bench.take_payment_back(posted.id)
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.discount, told.is_settled) == (0, 0, False)


async def test_one_number_of_two_suppliers_is_paid_for_one(bench: EpicorKineticBench, ledger: Ledger) -> None:
    mine = await posted_of(ledger, bill_of(bench, "PAY-1"))
    theirs = await posted_of(ledger, bill_of(bench, "PAY-1", key="c/other/1", vendor=bench.facts.other_vendor))
    watcher = Watcher(ledger, mine, theirs)
    await watcher.look()
    await bench.pass_time(600)
    await bench.pay(theirs.id, day=bench.facts.open_day + timedelta(days=1))
    told = await watcher.look()
    assert {key: each.is_settled for key, each in told.items()} == {theirs.id: True}
