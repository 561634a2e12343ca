"""Payments of bills, whole, partial, taken back; and the register of what is posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest

from conformance.bench import Bench
from conformance.stage import Stage, bill_of, calls_of, draft_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.invoice import DocumentKind, LedgerBill, Settlement


async def settlements_of(
    ledger: Ledger, bills: Mapping[str, str], *, since: str | None = None
) -> tuple[list[Settlement], str | None]:
    """What is told of the bills (id to number) and the mark."""

    async def ours(asked: Sequence[str]) -> Mapping[str, str]:
        return {each: bills[each] for each in asked if each in bills}

    told: list[Settlement] = []
    mark = since
    async for page in ledger.settlements(since=since, ours=ours):
        told += page.records
        mark = page.mark or mark
    return told, mark


async def register_of(ledger: Ledger, since: date, until: date) -> dict[str, LedgerBill]:
    """The posted bills of a period by the supplier's number, each once."""
    rows = [row async for page in ledger.posted(since=since, until=until) for row in page.records]
    found = {row.vendor_number: row for row in rows}
    assert len(found) == len(rows)
    return found


class Settling(Stage):
    """Payment, partial payment, reversal, and nothing at all."""

    @pytest.mark.parametrize("kind", list(DocumentKind))
    async def test_a_paid_bill_is_told_of_with_its_sum(self, bench: Bench, ledger: Ledger, kind: DocumentKind) -> None:
        bill = bill_of(bench, "PAY-1", kind=kind)
        posted = await posted_of(ledger, bill)
        _, mark = await settlements_of(ledger, {posted.id: posted.number})
        await bench.pass_time(600)
        day = bench.facts.open_day
        await bench.pay(posted.id, day=day)
        told, _ = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
        (settlement,) = told
        assert (settlement.bill_id, settlement.bill_number) == (posted.id, posted.number)
        assert (settlement.paid_total, settlement.currency) == (bill.gross, bill.currency)
        assert settlement.is_settled
        assert settlement.paid_on == day or not settlement.dated_by_ledger

    async def test_a_bill_in_foreign_currency_is_paid_in_it(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "PAY-1", currency=bench.facts.foreign_currency)
        posted = await posted_of(ledger, bill)
        await bench.pay(posted.id, day=bench.facts.open_day)
        told, _ = await settlements_of(ledger, {posted.id: posted.number})
        assert [(each.paid_total, each.currency) for each in told] == [(bill.gross, bench.facts.foreign_currency)]

    async def test_a_partial_payment_is_told_of_as_far_as_the_ledger_tells(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "PAY-1")
        posted = await posted_of(ledger, bill)
        _, mark = await settlements_of(ledger, {posted.id: posted.number})
        await bench.pass_time(600)
        await bench.pay(posted.id, day=bench.facts.open_day, amount=Decimal("24.00"))
        told, mark = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
        assert not any(each.is_settled for each in told)
        part = Decimal("24.00") if ledger.capabilities.tells_payment_details else Decimal(0)
        assert all(each.paid_total == part for each in told)
        assert bool(told) or not ledger.capabilities.tells_payment_details
        await bench.pass_time(600)
        await bench.pay(posted.id, day=bench.facts.open_day + timedelta(days=1))
        told, _ = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
        assert [(each.paid_total, each.is_settled) for each in told] == [(bill.gross, True)]

    async def test_a_payment_taken_back_leaves_nothing_paid(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "PAY-1")
        posted = await posted_of(ledger, bill)
        await bench.pay(posted.id, day=bench.facts.open_day)
        told, mark = await settlements_of(ledger, {posted.id: posted.number})
        assert [each.is_settled for each in told] == [True]
        await bench.pass_time(600)
        await bench.take_payment_back(posted.id)
        told, _ = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
        assert [(each.bill_id, each.paid_total, each.is_settled) for each in told] == [(posted.id, 0, False)]

    async def test_other_peoples_bills_are_not_told_of(self, bench: Bench, ledger: Ledger) -> None:
        mine = await posted_of(ledger, bill_of(bench, "PAY-1"))
        theirs = await posted_of(ledger, bill_of(bench, "PAY-2"))
        for each in (mine, theirs):
            await bench.pay(each.id, day=bench.facts.open_day)
        told, _ = await settlements_of(ledger, {mine.id: mine.number})
        assert [each.bill_id for each in told] == [mine.id]

    async def test_payments_of_many_bills_come_across_pages(self, bench: Bench, ledger: Ledger) -> None:
        bills = [await posted_of(ledger, bill_of(bench, f"PAY-{index}")) for index in range(7)]
        for each in bills:
            await bench.pay(each.id, day=bench.facts.open_day)
        await bench.limit_pages(3)
        told, _ = await settlements_of(ledger, {each.id: each.number for each in bills})
        assert sorted(each.bill_id for each in told if each.is_settled) == sorted(each.id for each in bills)

    async def test_with_nothing_changed_payments_cost_two_calls_at_most(self, bench: Bench, ledger: Ledger) -> None:
        posted = await posted_of(ledger, bill_of(bench, "PAY-1"))
        await bench.pay(posted.id, day=bench.facts.open_day)
        told, mark = await settlements_of(ledger, {posted.id: posted.number})
        assert len(told) == 1
        for seconds in (0, 600):
            await bench.pass_time(seconds)
            await bench.forget_calls()
            told, mark = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
            assert told == []
            calls = await calls_of(bench)
            assert len(calls) <= 2
            assert not any(call.writes for call in calls)

    async def test_the_register_holds_what_is_posted_in_the_period(self, bench: Bench, ledger: Ledger) -> None:
        day = bench.facts.open_day
        dated = {"invoice_date": day + timedelta(days=1)} if self.dates_by_period else {}
        bills = [
            bill_of(bench, "REG-1"),
            bill_of(bench, "REG-2", kind=DocumentKind.CREDIT_NOTE),
            bill_of(bench, "REG-3", posting_date=day + timedelta(days=1), **dated),
            bill_of(bench, "REG-4", currency=bench.facts.foreign_currency),
        ]
        posted = {bill.number: await posted_of(ledger, bill) for bill in bills}
        await bench.pay(posted["REG-4"].id, day=day)
        if ledger.capabilities.posting_is_separate:
            await draft_of(ledger, bill_of(bench, "REG-5"))
        await bench.limit_pages(2)
        listed = await register_of(ledger, day, day)
        assert set(listed) == {"REG-1", "REG-2", "REG-4"}
        for number, row in listed.items():
            ours = posted[number]
            assert (row.id, row.number, row.kind, row.vendor) == (ours.id, ours.number, ours.kind, ours.vendor)
            assert (row.gross, row.currency) == (ours.gross, ours.currency)
        assert set(await register_of(ledger, day, day + timedelta(days=1))) == set(posted)
        assert await register_of(ledger, day - timedelta(days=9), day - timedelta(days=1)) == {}
