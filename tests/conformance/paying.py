"""What holds of every ledger that tells the payments of a bill, and not only that it is paid."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from conformance.bench import Bench
from conformance.settling import settlements_of
from conformance.stage import bill_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.invoice import LedgerBill, Settlement

PART = Decimal("24.00")


class PayingBench(Bench, Protocol):
    """A bench whose control pages `pay` and `unpay` take a discount, and the number of one payment."""

    async def hook(self, page: str, **body: Any) -> Any: ...


class Watcher:
    """Follows some bills from mark to mark."""

    def __init__(self, ledger: Ledger, *bills: LedgerBill) -> None:
        self.ledger = ledger
        self.numbers = {each.id: each.number for each in bills}
        self.mark: str | None = None

    async def look(self) -> dict[str, Settlement]:
        """What is told since the last look, the newest word on each bill."""
        told, self.mark = await settlements_of(self.ledger, self.numbers, since=self.mark)
        return {each.bill_id: each for each in told}


async def watched(bench: Bench, ledger: Ledger, number: str = "PAY-1", **how: Any) -> tuple[LedgerBill, Watcher]:
    """A posted bill, and a watcher that has seen it unpaid."""
    posted = await posted_of(ledger, bill_of(bench, number, **how))
    watcher = Watcher(ledger, posted)
    for told in (await watcher.look()).values():
        assert (told.paid_total, told.is_settled, told.paid_on) == (0, False, None)
    await bench.pass_time(600)
    return posted, watcher


class Payments:
    """Parts, discounts and what is taken back. `bench` and `ledger` are the module's fixtures."""

    async def test_parts_add_up_and_the_latest_dates_them(self, bench: PayingBench, ledger: Ledger) -> None:
        posted, watcher = await watched(bench, ledger)
        day = bench.facts.open_day
        await bench.pay(posted.id, day=day, amount=PART)
        first = (await watcher.look())[posted.id]
        assert (first.paid_total, first.paid_on, first.is_settled) == (PART, day, False)
        await bench.pass_time(600)
        await bench.pay(posted.id, day=day + timedelta(days=2))
        second = (await watcher.look())[posted.id]
        assert (second.paid_total, second.paid_on, second.is_settled) == (posted.gross, day + timedelta(days=2), True)
        assert second.payment_number != first.payment_number

    async def test_a_part_taken_back_leaves_the_other(self, bench: PayingBench, ledger: Ledger) -> None:
        posted, watcher = await watched(bench, ledger)
        await bench.pay(posted.id, day=bench.facts.open_day, amount=PART)
        rest = await bench.hook("pay", id=posted.id)
        assert (await watcher.look())[posted.id].is_settled
        await bench.pass_time(600)
        await bench.hook("unpay", payment=rest["payment"])
        told = (await watcher.look())[posted.id]
        assert (told.paid_total, told.is_settled, told.reversal_of) == (PART, False, "")

    async def test_a_payment_that_was_taken_back_and_made_again_is_one(
        self, bench: PayingBench, ledger: Ledger
    ) -> None:
        posted, watcher = await watched(bench, ledger)
        await bench.pay(posted.id, day=bench.facts.open_day)
        paid = (await watcher.look())[posted.id]
        await bench.pass_time(600)
        await bench.take_payment_back(posted.id)
        back = (await watcher.look())[posted.id]
        assert (back.paid_total, back.is_settled, back.reversal_of) == (0, False, paid.payment_number)
        await bench.pass_time(600)
        await bench.pay(posted.id, day=bench.facts.open_day)
        again = (await watcher.look())[posted.id]
        assert (again.paid_total, again.is_settled, again.reversal_of) == (posted.gross, True, "")
        assert again.payment_number != paid.payment_number

    @pytest.mark.parametrize("currency", ["EUR", "USD"])
    async def test_a_discount_is_told_beside_what_was_paid(
        self, bench: PayingBench, ledger: Ledger, currency: str
    ) -> None:
        posted, watcher = await watched(bench, ledger, currency=currency)
        await bench.hook("pay", id=posted.id, discount="2.48")
        told = (await watcher.look())[posted.id]
        assert (told.paid_total, told.discount, told.currency) == (
            posted.gross - Decimal("2.48"), Decimal("2.48"), currency,
        )  # fmt: skip
        assert told.is_settled
