"""SAP Business One: what is paid, by what, and what is only closed (dossier 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from conformance.paying import PART, Payments, watched
from conformance.sap_business_one import SapBusinessOneBench, bench_of
from conformance.stage import bill_of, line_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.invoice import DocumentKind


@pytest.fixture(params=[("v2", 2024), ("v1", 2024), ("v2", 2021)], ids=["OData 4", "OData 3", "2021"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[SapBusinessOneBench]:
    root, profile = request.param
    async with bench_of(base_url=f"{{base}}/b1s/{root}") as made:
        await made.hook("profile", profile=profile)
        yield made


@pytest.fixture
async def ledger(bench: SapBusinessOneBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


class TestSapBusinessOnePayments(Payments):
    """What holds of every ledger that tells payments."""


async def test_a_payment_tells_its_day_number_and_means(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    posted, watcher = await watched(bench, ledger)
    day = bench.facts.open_day + timedelta(days=1)
    paid = await bench.hook("pay", id=posted.id, date=day.isoformat())
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.paid_on, told.payment_number, told.method, told.is_settled) == (
        posted.gross, day, str(paid["payment"]), "bank transfer", True,
    )  # fmt: skip
    assert (told.discount, told.dated_by_ledger) == (0, True)


async def test_a_foreign_bill_is_paid_in_parts_of_its_own_currency(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    lines = (line_of(bench, net=Decimal("33.33")), line_of(bench, net=Decimal("66.68")))
    posted, watcher = await watched(bench, ledger, currency="USD", lines=lines)
    await bench.pay(posted.id, day=bench.facts.open_day, amount=Decimal("10.01"))
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.currency, told.is_settled) == (Decimal("10.01"), "USD", False)
    await bench.pass_time(600)
    await bench.pay(posted.id, day=bench.facts.open_day)
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.is_settled) == (posted.gross, True)


async def test_a_credit_note_taken_off_a_payment_is_settled_by_it(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    invoice, watcher = await watched(bench, ledger)
    note = await posted_of(
        ledger,
        bill_of(bench, "CN-1", kind=DocumentKind.CREDIT_NOTE, lines=(line_of(bench, net=Decimal("50.00")),)),
    )
    watcher.numbers[note.id] = note.number
    payment = str((await bench.hook("pay-many", bills=[invoice.id, note.id]))["payment"])
    told = await watcher.look()
    assert {
        key: (each.paid_total, each.payment_number, each.is_settled, each.dated_by_ledger) for key, each in told.items()
    } == {
        invoice.id: (invoice.gross, payment, True, True),
        note.id: (note.gross, payment, True, True),
    }


@pytest.mark.parametrize("part", [None, PART])
async def test_what_is_reconciled_is_settled_by_no_payment(
    bench: SapBusinessOneBench, ledger: Ledger, part: Decimal | None
) -> None:
    posted, watcher = await watched(bench, ledger)
    account = await bench.hook("pay", vendor=bench.facts.vendor, amount="500")
    assert not any(each.paid_total for each in (await watcher.look()).values())
    await bench.pass_time(600)
    how = {} if part is None else {"amount": str(part)}
    await bench.hook("reconcile", id=posted.id, **{"with": account["id"]}, **how)
    told = (await watcher.look())[posted.id]
    # Nothing of an older release tells of a part that no payment names.
    seen = (part if await bench.tells_paid() else Decimal(0)) if part else posted.gross
    assert (told.paid_total, told.is_settled, told.payment_number) == (seen, part is None, "")
    assert told.dated_by_ledger is (seen == 0)


async def test_closed_by_hand_is_not_paid(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    posted, watcher = await watched(bench, ledger)
    await bench.hook("close", id=posted.id)
    told = (await watcher.look())[posted.id]
    # An older release does not tell it from one that was settled: the connector says what it assumes (dossier 9).
    is_told = await bench.tells_paid()
    assert (told.paid_total, told.is_settled) == (0 if is_told else posted.gross, not is_told)
    assert told.payment_number == ""


async def test_the_payment_of_somebody_elses_bill_is_not_told_as_ours(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    posted, watcher = await watched(bench, ledger)
    theirs = await posted_of(ledger, replace(bill_of(bench, "PAY-2"), key="theirs"))
    await bench.hook("pay-many", bills=[{"id": posted.id, "amount": str(PART)}, theirs.id])
    told = await watcher.look()
    assert {key: each.paid_total for key, each in told.items()} == {posted.id: PART}
