"""SAP Business One followed from mark to mark while people work: nothing is missed, whatever the order of things.

Marks are days here and most records carry no stamp of change (dossier 8): what is told piece by piece is compared
with what is there in the end. Each walk is chosen by its number and can be walked again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from conformance.reading import keys_of, read_all
from conformance.sap_business_one import SapBusinessOneBench, bench_of
from conformance.settling import settlements_of
from conformance.stage import bill_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import BillLine, DocumentKind, Settlement

WALKS = range(6)
STEPS = 60
DAY = 24 * 3600


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


# ------------------------------------------------------------------ payments


async def act_on_bill(bench: SapBusinessOneBench, chance: Random, row: dict[str, Any]) -> None:
    """One thing a person can do to a bill as it stands; nothing where it can no more."""
    left, is_note = Decimal(str(row["remaining"])), row["kind"] == "credit note"
    part = {"amount": str((left / 3).quantize(Decimal("0.01")))}
    if row["status"] == "open" and left > 1:
        is_whole = left == Decimal(str(row["total"]))
        acts = [] if is_note else ["pay", "pay part", "discount"]
        # Of a part that no payment names an older release tells nothing (dossier 9).
        acts += ["reconcile", "reconcile part"] if await bench.tells_paid() else ["reconcile"] if is_whole else []
        act = chance.choice([*acts, "cancel"] if is_whole else acts)
        page = act.split()[0].replace("discount", "pay")
        more = part if act.endswith("part") else {"discount": "0.50"} if act == "discount" else {}
        await bench.hook(page, id=row["id"], **more)
    elif not is_note:
        await bench.hook("unpay", id=row["id"])


@pytest.mark.parametrize("walk", WALKS)
async def test_what_is_paid_is_told_in_the_end_as_it_stands(
    bench: SapBusinessOneBench, ledger: Ledger, walk: int
) -> None:
    chance = Random(walk)
    bills = [
        bill_of(
            bench,
            f"W-{at}",
            kind=DocumentKind.CREDIT_NOTE if at == 3 else DocumentKind.INVOICE,
            currency=("EUR", "USD")[at % 2],
        )
        for at in range(5)
    ]
    numbers = {posted.id: posted.number for posted in [await posted_of(ledger, bill) for bill in bills]}
    told: dict[str, Settlement] = {}
    mark: str | None = None
    for _ in range(STEPS):
        step = chance.random()
        if step < 0.6:
            rows = [row for row in await bench.rows() if row["id"] in numbers]
            await act_on_bill(bench, chance, chance.choice(rows))
        elif step < 0.9:
            news, mark = await settlements_of(ledger, numbers, since=mark)
            told |= {each.bill_id: each for each in news}
        else:
            await bench.pass_time(chance.choice([30, 600, DAY]))
    news, mark = await settlements_of(ledger, numbers, since=mark)
    told |= {each.bill_id: each for each in news}
    for row in await bench.rows():
        if row["id"] in numbers:
            # What was never told of is unpaid.
            seen = told.get(row["id"])
            paid = Decimal(0) if seen is None else seen.paid_total + seen.discount
            is_cancelled = row["status"] == "cancelled"
            assert paid == (0 if is_cancelled else Decimal(str(row["paid"]))), row
            assert bool(seen and seen.is_settled) is (row["status"] in ("paid", "cancelled")), row


# ------------------------------------------------------------------ master data


@dataclass
class People:
    """Those who keep the suppliers and the orders."""

    bench: SapBusinessOneBench
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
            await self.bench.hook("vendors", number=number, Valid="tYES", Frozen="tNO")
        else:
            await self.bench.add_vendor(f"NEW{self.chance.randrange(50)}")

    async def change_order(self) -> None:
        """An order is new, changed, received in part or whole, invoiced, closed, opened again or cancelled."""
        act = self.chance.randrange(8)
        if act == 0 or not self.orders:
            lines = [{"ItemCode": f"I000{at}", "Quantity": 9, "UnitPrice": 5, "VatGroup": "VAT24"} for at in (1, 2)]
            made = await self.bench.hook("orders", CardCode=self.bench.facts.vendor, DocumentLines=lines)
            self.orders.append(made["number"])
        elif act == 1:
            await self._invoice(self.chance.choice(self.orders))
        else:
            asked: dict[str, Any] = {"number": self.chance.choice(self.orders)}
            asked |= (
                {"Comments": f"Comment {self.chance.randrange(9)}"}, {"receive": {"0": 2}}, {"receive": {"1": 3}},
                {"receive": True}, {"status": "closed"}, {"status": "open"}, {"status": "cancelled"},
            )[self.chance.randrange(7)]  # fmt: skip
            # What cannot be done any more is refused, and nothing has changed.
            async with self.bench.session.post(f"{self.bench.base}/_sandbox/orders", json=asked) as reply:
                assert reply.status in (200, 400), await reply.text()

    async def _invoice(self, number: str) -> None:
        quantity = Decimal(self.chance.choice([1, 2, 4]))
        line = BillLine(
            account="4010", net=quantity * 5, description="x", tax_code="VAT24", quantity=quantity,
            order_number=number, order_line=str(self.chance.choice([1, 2])),
        )  # fmt: skip
        self.bills += 1
        bill = bill_of(self.bench, f"W-{self.bills}", lines=(line,))
        if not (await self.ledger.check([bill]))[bill.key]:
            await self.ledger.create(bill)


@pytest.mark.parametrize("flow", [Flow.VENDORS, Flow.PURCHASE_ORDERS])
@pytest.mark.parametrize("walk", WALKS)
async def test_changes_that_are_told_piece_by_piece_add_up(
    bench: SapBusinessOneBench, ledger: Ledger, walk: int, flow: Flow
) -> None:
    people = People(bench, ledger, Random(walk))
    await bench.hook("habits", loses_prefer=bool(walk % 2))
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
            await bench.pass_time(people.chance.choice([30, 600, DAY]))
    records, mark = await read_all(ledger, flow, since=mark)
    known |= {record.key: record for record in records}
    there = {record.key: record for record in (await read_all(ledger, flow))[0]}
    assert {key: known.get(key) for key in there} == there
    # What a full read leaves out was told to be over, or is missing from the keys.
    keys = set(await keys_of(ledger, flow))
    assert set(there) <= keys
    assert not [key for key in keys - set(there) if known[key].active]
    assert not [key for key in known.keys() - keys if known[key].active and flow is Flow.PURCHASE_ORDERS]
    assert await read_all(ledger, flow, since=mark) == ([], mark)
