"""Acumatica: what is paid, by what, and what was only set off or planned (dossier 4.3, 9.6, 11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from conformance.acumatica import AcumaticaBench, bench_of
from conformance.paying import PART, Payments, watched
from conformance.stage import bill_of, line_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.invoice import DocumentKind


@pytest.fixture(
    params=[("Payment", "America/New_York"), ("Check", "Pacific/Auckland"), ("Payment", "Pacific/Honolulu")],
    ids=["usual", "older labels, east", "west"],
)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[AcumaticaBench]:
    label, zone = request.param
    async with bench_of() as made:
        await made.hook("preferences", payment_label=label, time_zone=zone)
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


class TestAcumaticaPayments(Payments):
    """What holds of every ledger that tells payments."""


async def test_days_are_those_that_people_keyed_in_whatever_the_zone(bench: AcumaticaBench, ledger: Ledger) -> None:
    day = bench.facts.open_day
    due = day + timedelta(days=40)
    posted, watcher = await watched(bench, ledger, due_date=due)
    (row,) = await bench.rows()
    assert (row["invoiceDate"], row["dueDate"]) == (day.isoformat(), due.isoformat())
    paid = await bench.hook("pay", id=posted.id, date=(day + timedelta(days=1)).isoformat(), reference="SEPA 7")
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.paid_on, told.payment_number, told.method, told.is_settled) == (
        posted.gross, day + timedelta(days=1), str(paid["payment"]), "WIRE", True,
    )  # fmt: skip
    assert (told.discount, told.dated_by_ledger) == (0, True)


async def test_a_planned_payment_is_none_until_it_is_released(bench: AcumaticaBench, ledger: Ledger) -> None:
    posted, watcher = await watched(bench, ledger)
    await bench.hook("pay", id=posted.id, released=False)
    assert not any(each.paid_total or each.is_settled for each in (await watcher.look()).values())
    await bench.pass_time(600)
    await bench.hook("unpay", id=posted.id)
    await bench.pay(posted.id, day=bench.facts.open_day)
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.is_settled) == (posted.gross, True)


async def test_one_payment_of_many_bills_pays_each_its_own(bench: AcumaticaBench, ledger: Ledger) -> None:
    first, watcher = await watched(bench, ledger)
    others = [await posted_of(ledger, bill_of(bench, f"PAY-{at}")) for at in (2, 3)]
    watcher.numbers[others[0].id] = others[0].number
    paid = await bench.hook("pay-many", bills=[first.id, {"id": others[0].id, "amount": str(PART)}, others[1].id])
    told = await watcher.look()
    assert {key: (each.paid_total, each.payment_number, each.is_settled) for key, each in told.items()} == {
        first.id: (first.gross, str(paid["payment"]), True),
        others[0].id: (PART, str(paid["payment"]), False),
    }


async def test_a_debit_adjustment_that_is_applied_settles_both_without_a_payment(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    invoice, watcher = await watched(bench, ledger)
    lines = (line_of(bench, net=Decimal("50.00")),)
    note = await posted_of(ledger, bill_of(bench, "CN-1", kind=DocumentKind.CREDIT_NOTE, lines=lines))
    watcher.numbers[note.id] = note.number
    await bench.hook("offset", id=invoice.id, **{"with": note.id})
    told = await watcher.look()
    assert {key: (each.paid_total, each.is_settled, each.payment_number) for key, each in told.items()} == {
        invoice.id: (note.gross, False, ""),
        note.id: (note.gross, True, ""),
    }
    await bench.pass_time(600)
    await bench.pay(invoice.id, day=bench.facts.open_day)
    rest = (await watcher.look())[invoice.id]
    assert (rest.paid_total, rest.is_settled, rest.paid_on) == (invoice.gross, True, bench.facts.open_day)


async def test_a_refund_settles_a_credit_note_on_its_day(bench: AcumaticaBench, ledger: Ledger) -> None:
    note, watcher = await watched(bench, ledger, "CN-1", kind=DocumentKind.CREDIT_NOTE)
    day = bench.facts.open_day + timedelta(days=3)
    await bench.pay(note.id, day=day)
    told = (await watcher.look())[note.id]
    assert (told.paid_total, told.paid_on, told.is_settled) == (note.gross, day, True)


@pytest.mark.parametrize("part", [None, PART])
async def test_what_a_reversal_takes_off_is_not_paid(
    bench: AcumaticaBench, ledger: Ledger, part: Decimal | None
) -> None:
    posted, watcher = await watched(bench, ledger)
    if part is not None:
        await bench.pay(posted.id, day=bench.facts.open_day, amount=part)
    await bench.hook("cancel", id=posted.id)
    told = (await watcher.look())[posted.id]
    assert (told.paid_total, told.is_settled) == (part or 0, True)


async def test_the_payment_of_somebody_elses_bill_is_not_told_as_ours(bench: AcumaticaBench, ledger: Ledger) -> None:
    posted, watcher = await watched(bench, ledger)
    theirs = await posted_of(ledger, replace(bill_of(bench, "PAY-2"), key="theirs"))
    await bench.hook("pay-many", bills=[{"id": posted.id, "amount": str(PART)}, theirs.id])
    told = await watcher.look()
    assert {key: each.paid_total for key, each in told.items()} == {posted.id: PART}
