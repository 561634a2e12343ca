"""How far bills are paid, read from a simulated Acumatica (dossier 4.3, 9.6, 11, 15.44)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from acumatica_world import TODAY, World, coded, simulated_world

from ml_connector.connectors.acumatica.settlements import Marks
from ml_connector.connectors.errors import Refused
from ml_connector.records.invoice import DocumentKind, LedgerBill, Settlement


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with simulated_world() as made:
        yield made


async def later(world: World, name: str, **asked: Any) -> Any:
    """Something that somebody does in the ledger ten minutes later."""
    await world.hook("clock", seconds=600)
    return await world.hook(name, company="3000", **asked)


async def one(world: World, bill: LedgerBill, since: str | None) -> tuple[Settlement, str | None]:
    (told,), mark = await world.settlements(bill, since=since)
    return told, mark


async def test_a_payment_comes_with_its_day_number_method_and_discount(world: World) -> None:
    posted = await world.posted(world.bill("S-1"))
    _, mark = await world.settlements(posted)
    day = TODAY - timedelta(days=2)
    paid = await later(world, "pay", id=posted.id, date=day.isoformat(), discount="2.48")
    told, _ = await one(world, posted, mark)
    assert told == Settlement(
        bill_id=posted.id, bill_number=posted.number, paid_total=Decimal("121.52"), currency="EUR", paid_on=day,
        discount=Decimal("2.48"), payment_number=paid["payment"], method="WIRE", is_settled=True,
    )  # fmt: skip


@pytest.mark.parametrize("marked", [True, False])
async def test_partial_payments_add_up(world: World, marked: bool) -> None:
    posted = await world.posted(world.bill("S-2"))
    _, mark = await world.settlements(posted)
    first = await later(world, "pay", id=posted.id, amount="24.00", date=(TODAY - timedelta(days=1)).isoformat())
    told, mark = await one(world, posted, mark if marked else None)
    assert (told.paid_total, told.payment_number, told.is_settled) == (Decimal("24.00"), first["payment"], False)
    second = await later(world, "pay", id=posted.id, date=TODAY.isoformat())
    told, _ = await one(world, posted, mark if marked else None)
    assert (told.paid_total, told.payment_number, told.is_settled) == (Decimal("124.00"), second["payment"], True)
    assert told.paid_on == TODAY


async def test_a_payment_that_is_only_planned_is_none(world: World) -> None:
    posted = await world.posted(world.bill("S-3"))
    await later(world, "pay", id=posted.id, released=False)
    told, _ = await one(world, posted, None)
    assert (told.paid_total, told.paid_on, told.is_settled) == (0, None, False)


@pytest.mark.parametrize("leave_rows", [True, False])
async def test_a_voided_payment_is_told_as_taken_back(world: World, leave_rows: bool) -> None:
    posted = await world.posted(world.bill("S-4"))
    paid = await later(world, "pay", id=posted.id)
    told, mark = await one(world, posted, None)
    assert told.is_settled
    await later(world, "unpay", id=posted.id, leave_rows=leave_rows)
    told, _ = await one(world, posted, mark)
    assert (told.paid_total, told.is_settled, told.reversal_of) == (0, False, paid["payment"])


async def test_a_reversed_bill_is_settled_with_nothing_paid(world: World) -> None:
    posted = await world.posted(world.bill("S-5"))
    _, mark = await world.settlements(posted)
    await later(world, "cancel", id=posted.id)
    told, _ = await one(world, posted, mark)
    assert (told.paid_total, told.is_settled, told.paid_on) == (0, True, None)


async def test_what_was_set_off_against_a_credit_note_is_paid_without_a_day(world: World) -> None:
    posted = await world.posted(world.bill("S-6"))
    credit = await world.posted(world.bill("CN-6", kind=DocumentKind.CREDIT_NOTE, lines=(coded(net=Decimal(40)),)))
    _, mark = await world.settlements(posted, credit)
    await later(world, "offset", id=posted.id, **{"with": credit.number})
    told, _ = await world.settlements(posted, credit, since=mark)
    by_number = {each.bill_number: each for each in told}
    assert by_number[posted.number].paid_total == Decimal("49.60")
    assert not by_number[posted.number].is_settled
    assert not by_number[posted.number].dated_by_ledger
    assert (by_number[credit.number].paid_total, by_number[credit.number].is_settled) == (Decimal("49.60"), True)


async def test_a_credit_note_that_was_refunded_is_told_with_its_day(world: World) -> None:
    credit = await world.posted(world.bill("CN-7", kind=DocumentKind.CREDIT_NOTE))
    _, mark = await world.settlements(credit)
    await later(world, "pay", id=credit.id, date=TODAY.isoformat())
    told, _ = await one(world, credit, mark)
    assert (told.paid_total, told.is_settled, told.paid_on) == (Decimal("124.00"), True, TODAY)


async def test_one_payment_of_many_bills_is_read_once(world: World) -> None:
    bills = [await world.posted(world.bill(f"M-{index}")) for index in range(12)]
    _, mark = await world.settlements(*bills)
    await later(world, "pay-many", bills=[each.id for each in bills])
    await world.forget_calls()
    told, _ = await world.settlements(*bills, since=mark)
    assert sorted(each.bill_id for each in told if each.is_settled) == sorted(each.id for each in bills)
    assert len(await world.calls()) == 3


async def test_with_nothing_changed_it_costs_two_reads(world: World) -> None:
    posted = await world.posted(world.bill("N-1"))
    await later(world, "pay", id=posted.id)
    _, mark = await world.settlements(posted)
    for seconds in (0, 200, 600):
        await world.hook("clock", seconds=seconds)
        await world.forget_calls()
        told, mark = await world.settlements(posted, since=mark)
        assert told == []
        assert len(await world.calls()) == 2


async def test_payments_of_other_peoples_bills_cost_no_reads_of_their_own(world: World) -> None:
    mine = await world.posted(world.bill("O-1"))
    theirs = [await world.posted(world.bill(f"O-{index}", vendor=world.vendor(index))) for index in range(2, 8)]
    _, mark = await world.settlements(mine)
    await world.hook("clock", seconds=600)
    for each in theirs:
        await world.hook("pay", company="3000", id=each.id)
    await world.forget_calls()
    told, _ = await world.settlements(mine, since=mark)
    assert told == []
    assert len(await world.calls()) == 2


def test_a_mark_of_another_kind_is_refused() -> None:
    for odd in ("{}", "2026-01-01", '{"bills":"x","payments":"","swept":"","told":{}}', "[]"):
        with pytest.raises(Refused):
            Marks.parse(odd)
    assert Marks.parse(None) == Marks()
    marks = Marks("2026-11-20T22:15:00.433Z", "2026-11-20T22:15:00.433Z", "2026-11-20", {"a": "b"})
    assert Marks.parse(str(marks)) == marks
