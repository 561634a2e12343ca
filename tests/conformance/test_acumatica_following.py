"""Acumatica followed from mark to mark while people work: nothing is missed, whatever the order of things.

Stamps are told in the user's zone, whose offset changes twice a year; lists can come out empty without a word, and
what a list cannot bring is read record by record (dossier 3.3, 4). Each walk is chosen by its number and can be
walked again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from conformance.acumatica import AcumaticaBench, bench_of
from conformance.reading import keys_of, read_all
from conformance.settling import settlements_of
from conformance.stage import bill_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import BillLine, DocumentKind, Settlement
from ml_connector.records.master_data import Vendor

WALKS = range(5)
STEPS = 60
DAY = 24 * 3600
CENT = Decimal("0.01")
AUTUMN = datetime(2026, 11, 1, 3, 30, tzinfo=UTC)
"""Two and a half hours before clocks in New York are set back."""
SPRING = datetime(2027, 3, 14, 4, 30, tzinfo=UTC)
HINDERED = (("PurchaseOrder", "Details"), ("Vendor", "PaymentInstructions"), ("Vendor", "MainContact"))


@pytest.fixture(params=["plain", "autumn", "spring", "hindered", "silent payments"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[AcumaticaBench]:
    begin = {"autumn": AUTUMN, "spring": SPRING}.get(request.param)
    async with bench_of(at=begin) as made:
        if request.param == "hindered":
            for entity, name in HINDERED:
                await made.hook("optimizer", entity=entity, field=name, fails=True)
            await made.hook("optimizer", silent_orders=True, split_views=True)
            await made.hook("preferences", time_zone="Asia/Kolkata", payment_label="Check")
        if request.param == "silent payments":
            await made.hook("preferences", payments_touch_bills=False)
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


# ------------------------------------------------------------------ the change of the clocks


@pytest.mark.parametrize(
    "change", [datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2027, 3, 14, 7, tzinfo=UTC)], ids=["back", "forth"]
)
async def test_marks_hold_while_the_clocks_are_changed(change: datetime) -> None:
    async with bench_of(at=change) as bench:
        bench.clock.held = change
        ledger = bench.open(bench.side())
        first, second, third = [each.number for each in bench.company.vendors[:3]]
        mark: str | None = None
        told: list[set[str]] = []
        for minutes, number in ((-10, first), (5, second), (40, third)):
            bench.clock.held = datetime.fromtimestamp(change.timestamp() + minutes * 60, UTC)
            await bench.rename_vendor(number, f"Renamed at {minutes}")
            records, mark = await read_all(ledger, Flow.VENDORS, since=mark)
            told.append({each.number for each in records if isinstance(each, Vendor) and "Renamed" in each.name})
        await ledger.close()
        # What gave the mark its stamp comes once more, and nothing else does.
        assert [told[0], told[1] - told[0], told[2] - told[1]] == [{first}, {second}, {third}]
        assert [len(each) for each in told] == [1, 2, 2]
        assert mark is not None
        assert datetime.fromisoformat(mark) == bench.clock.held


# ------------------------------------------------------------------ payments


@dataclass
class Payers:
    """Those who pay bills, set them off, take payments back and reverse bills."""

    bench: AcumaticaBench
    chance: Random
    ours: dict[str, str]
    reversed: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    """By id: what a reversal took off a bill."""

    async def act(self) -> None:
        """One thing that can be done to one of the bills as it stands."""
        rows = [row for row in await self.bench.rows() if row["id"] in self.ours]
        row = self.chance.choice(rows)
        left, is_note = Decimal(str(row["remaining"])), row["kind"] == "credit note"
        if left <= 1:
            await self.bench.hook("unpay", id=row["id"], leave_rows=self.chance.random() < 0.5)
            return
        part = str((left / 3).quantize(CENT))
        acts = ["pay", "part", "planned", "unpay"] + ([] if is_note else ["discount", "offset", "reverse"])
        act = self.chance.choice(acts)
        if act == "offset":
            await self._set_off(row, rows)
        elif act == "reverse":
            self.reversed[row["id"]] = self.reversed.get(row["id"], Decimal(0)) + left
            await self.bench.hook("cancel", id=row["id"])
        elif act == "unpay":
            await self.bench.hook("unpay", id=row["id"])
        else:
            how: dict[str, Any] = {"part": {"amount": part}, "discount": {"discount": "0.50"},
                                   "planned": {"amount": part, "released": False}}.get(act, {})  # fmt: skip
            await self.bench.hook("pay", id=row["id"], **how)

    async def _set_off(self, row: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        fit = [
            each["id"]
            for each in rows
            if each["kind"] == "credit note" and each["currency"] == row["currency"] and float(each["remaining"]) > 1
        ]
        if fit:
            await self.bench.hook("offset", id=row["id"], **{"with": fit[0]})


@pytest.mark.parametrize("walk", WALKS)
async def test_what_is_paid_is_told_in_the_end_as_it_stands(bench: AcumaticaBench, ledger: Ledger, walk: int) -> None:
    chance = Random(walk)
    bills = [
        bill_of(
            bench, f"W-{at}", kind=DocumentKind.CREDIT_NOTE if at in (2, 5) else DocumentKind.INVOICE,
            currency=("EUR", "USD")[at % 2],
        )
        for at in range(7)
    ]  # fmt: skip
    numbers = {posted.id: posted.number for posted in [await posted_of(ledger, bill) for bill in bills]}
    other = await posted_of(ledger, bill_of(bench, "OTHER"))
    payers = Payers(bench, chance, numbers)
    told: dict[str, Settlement] = {}
    mark: str | None = None
    # Where a payment leaves no trace on its bill, what happens to others of the vendor in that moment can hide it.
    apart = 0 if (await bench.state())["switches"]["payments_touch_bills"] else 30
    for _ in range(STEPS):
        await bench.pass_time(apart)
        step = chance.random()
        if step < 0.6:
            await payers.act()
        elif step < 0.9:
            news, mark = await settlements_of(ledger, numbers, since=mark)
            told |= {each.bill_id: each for each in news}
        else:
            await bench.pass_time(chance.choice([30, 600, 3000]))
    # What left no trace of its own is seen on the next day on which anything happens.
    await bench.pass_time(DAY)
    await bench.pay(other.id, day=bench.facts.open_day)
    news, mark = await settlements_of(ledger, numbers, since=mark)
    told |= {each.bill_id: each for each in news}
    for row in await bench.rows():
        if row["id"] not in numbers:
            continue
        # What was never told of is unpaid.
        seen = told.get(row["id"])
        paid = Decimal(0) if seen is None else seen.paid_total + seen.discount
        assert paid == Decimal(str(row["paid"])) - payers.reversed.get(row["id"], Decimal(0)), (row, seen)
        assert bool(seen and seen.is_settled) is (row["status"] == "Closed"), (row, seen)
    assert (await settlements_of(ledger, numbers, since=mark))[0] == []


# ------------------------------------------------------------------ master data


@dataclass
class People:
    """Those who keep the suppliers and the orders."""

    bench: AcumaticaBench
    ledger: Ledger
    chance: Random
    orders: list[str] = field(default_factory=list[str])
    bills: int = 0

    async def change_vendor(self) -> None:
        """A supplier is renamed, blocked, freed, or new."""
        number = self.chance.choice([each.number for each in self.bench.company.vendors[:8]])
        act = self.chance.randrange(4)
        if act == 0:
            await self.bench.rename_vendor(number, f"Renamed {self.chance.randrange(3)}")
        elif act == 1:
            await self.bench.block_vendor(number)
        elif act == 2:
            await self.bench.hook("vendors", number=number, Status="Active")
        else:
            await self.bench.add_vendor(f"NEW{self.chance.randrange(50)}")

    async def change_order(self) -> None:
        """An order is new, changed, received in part or whole, invoiced, closed, opened again or cancelled."""
        act = self.chance.randrange(8)
        if act == 0 or not self.orders:
            lines = [order_line("4"), order_line("9")]
            made = await self.bench.hook("orders", VendorID=self.bench.facts.vendor, Details=lines)
            self.orders.append(made["number"])
        elif act == 1:
            await self._invoice(self.chance.choice(self.orders))
        else:
            asked: dict[str, Any] = {"number": self.chance.choice(self.orders)}
            asked |= (
                {"Description": f"Text {self.chance.randrange(9)}"}, {"receive": {"1": 2}}, {"receive": {"2": 3}},
                {"receive": True}, {"status": "closed"}, {"status": "open"}, {"status": "canceled"},
            )[self.chance.randrange(7)]  # fmt: skip
            # What cannot be done any more is refused, and nothing has changed.
            async with self.bench.session.post(f"{self.bench.base}/_sandbox/orders", json=asked) as reply:
                assert reply.status in (200, 400), await reply.text()

    async def _invoice(self, number: str) -> None:
        quantity = Decimal(self.chance.choice([1, 2, 4]))
        line = BillLine(
            account="6120", net=quantity * 5, description="x", tax_code="VAT24", quantity=quantity,
            order_number=number, order_line=str(self.chance.choice([1, 2])),
        )  # fmt: skip
        self.bills += 1
        bill = bill_of(self.bench, f"W-{self.bills}", lines=(line,))
        if not (await self.ledger.check([bill]))[bill.key]:
            await self.ledger.post(bill, await self.ledger.create(bill))


def order_line(quantity: str) -> dict[str, Any]:
    """A line of an order as somebody keys it in."""
    return {"Account": "6120", "LineDescription": f"{quantity} boxes", "OrderQty": quantity, "UnitCost": "5",
            "TaxCategory": "VAT24"}  # fmt: skip


@pytest.mark.parametrize("flow", [Flow.VENDORS, Flow.PURCHASE_ORDERS])
@pytest.mark.parametrize("walk", WALKS)
async def test_changes_that_are_told_piece_by_piece_add_up(
    bench: AcumaticaBench, ledger: Ledger, walk: int, flow: Flow
) -> None:
    people = People(bench, ledger, Random(walk))
    records, mark = await read_all(ledger, flow)
    known = {record.key: record for record in records}
    for _ in range(STEPS):
        step = people.chance.random()
        if step < 0.6:
            await (people.change_vendor() if flow is Flow.VENDORS else people.change_order())
        elif step < 0.9:
            records, mark = await read_all(ledger, flow, since=mark)
            known |= {record.key: record for record in records}
        else:
            await bench.pass_time(people.chance.choice([30, 600, 3000]))
    records, mark = await read_all(ledger, flow, since=mark)
    known |= {record.key: record for record in records}
    there = {record.key: record for record in (await read_all(ledger, flow))[0]}
    assert {key: known.get(key) for key in there} == there
    # What a full read leaves out was told to be over, or is missing from the keys.
    keys = set(await keys_of(ledger, flow))
    assert set(there) == keys
    assert not [key for key in known.keys() - keys if known[key].active]
    again, last = await read_all(ledger, flow, since=mark)
    assert last == mark
    assert all(known[record.key] == record for record in again)
