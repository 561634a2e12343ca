"""Bills that are taken off orders: receipts by their three calls, the rest by releases (Epicor dossier 9.5.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from epicor_company import Office, office, post
from epicor_papers import bill_of, coded, matched

from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.records.invoice import Bill, BillStatus
from ml_connector.records.reason import Reason

LINES = (
    {"line": 1, "description": "Boxes", "quantity": 20, "price": "10", "account": "6120|D010", "tax": "VAT24"},
    {"line": 2, "description": "Tape", "quantities": [100, 200], "price": "250", "per": "C", "account": "6120|D010",
     "tax": "VAT24"},
)  # fmt: skip


@pytest.fixture(params=["lost", "kept"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    async with office() as made:
        await made.hook("coding", coding=request.param)
        yield made


@pytest.fixture
def ledger(place: Office) -> KineticLedger:
    return place.open()


async def order_of(place: Office, *received: str) -> int:
    """An order in euros, and receipts of its first line, the oldest first."""
    made = await place.hook("orders", vendor=place.vendor, currency="EUR", lines=LINES)
    for count, quantity in enumerate(received, 1):
        await place.hook("receipts", order=made["number"], quantities={"1/1": quantity}, pack_slip=f"L-{count}")
    return made["number"]


async def taken(place: Office, number: str) -> list[tuple[str, str, Decimal]]:
    """Kind, receipt or order, and quantity of the lines that stand."""
    rows: list[dict[str, Any]] = (await place.only(number))["rows"]
    return [
        (row["type"], row["receipt"] or row["order"] or "", Decimal(str(row["quantity"])))
        for row in rows
    ]  # fmt: skip


def bill(place: Office, number: str, *lines: Any) -> Bill:
    return bill_of(number, vendor=place.vendor, lines=lines)


async def test_receipts_releases_and_coded_rows_make_one_bill(place: Office, ledger: KineticLedger) -> None:
    order = await order_of(place, "6", "5")
    wanted = bill(
        place, "O-1", matched(order, 1, "8", "80.40"), coded(net=Decimal("7.50")), matched(order, 2, "150", "376.11"),
        matched(order, 1, "5", "50.00"),
    )  # fmt: skip
    posted = await post(ledger, wanted)
    assert (posted.net, posted.gross) == (wanted.net, wanted.gross)
    stands = await taken(place, "O-1")
    assert sorted(stands) == sorted([
        ("R", "L-1/1", Decimal(6)), ("R", "L-2/1", Decimal(5)), ("U", f"{order}/1/1", Decimal(2)),
        ("U", f"{order}/2/1", Decimal(100)), ("U", f"{order}/2/2", Decimal(50)), ("M", "", Decimal(1)),
    ])  # fmt: skip


async def test_the_named_receipt_is_billed_in_part_and_its_rest_later(place: Office, ledger: KineticLedger) -> None:
    order = await order_of(place, "6", "5")
    await post(ledger, bill(place, "O-1", matched(order, 1, "5", "50.00", receipt_number="L-2")))
    assert await taken(place, "O-1") == [("R", "L-2/1", Decimal(5))]
    again = bill(place, "O-2", matched(order, 1, "1", "10.00", receipt_number="L-2"))
    assert [each.reason for each in (await ledger.check([again]))[again.key]] == [Reason.ORDER_DIFFERS]
    with pytest.raises(Refused):
        await ledger.create(again)


async def test_an_account_that_the_coding_names_replaces_the_orders(place: Office, ledger: KineticLedger) -> None:
    order = await order_of(place, "6")
    named = replace(matched(order, 1, "8", "80.00"), account="6210", dimensions={"2": "D040"})
    await post(ledger, bill(place, "O-1", named, matched(order, 2, "10", "25.00")))
    rows = (await place.only("O-1"))["rows"]
    assert sorted(row["glAccount"] for row in rows) == ["6120|D010", "6210|D040", "6210|D040"]


async def test_a_receipt_that_somebody_else_takes_meanwhile_leaves_nothing(
    place: Office, ledger: KineticLedger
) -> None:
    order = await order_of(place, "6")
    first, second = (bill(place, number, matched(order, 1, "6", "60.00")) for number in ("O-1", "O-2"))
    assert await ledger.check([first, second]) == {first.key: (), second.key: ()}
    draft = await ledger.create(first)
    with pytest.raises(Refused) as refused:
        await ledger.create(replace(second, lines=(replace(second.lines[0], receipt_number="L-1"),)))
    assert refused.value.reason is Reason.ORDER_DIFFERS
    assert [each["vendorInvoiceNumber"] for each in await place.bills()] == ["O-1"]
    await ledger.discard(first, draft)
    assert (await post(ledger, second)).status is BillStatus.POSTED


@pytest.mark.parametrize(
    ("path", "skip"),
    [("/UpdateMaster$", 0), ("/InvoiceSelectedLines$", 0), ("/UpdateMaster$", 1), ("/UpdateMaster$", 2)],
)
async def test_a_draft_that_lacks_lines_is_brought_to_the_bill_and_no_further(
    place: Office, ledger: KineticLedger, path: str, skip: int
) -> None:
    order = await order_of(place, "6")
    wanted = bill(place, "O-1", matched(order, 1, "8", "81.00"), coded(net=Decimal("7.50")))
    await place.lose(path, skip=skip)
    try:
        draft = await ledger.create(wanted)
    except OutcomeUnknown:
        await place.mend()
        other = place.open()
        (there,) = (await other.find([wanted]))[wanted.key]
        draft = await other.complete(wanted, there)
    await place.mend()
    assert (draft.net, draft.gross, draft.line_count) == (wanted.net, wanted.gross, 3)
    assert (await ledger.complete(wanted, draft)).line_count == 3
    assert (await ledger.post(wanted, draft)).status is BillStatus.POSTED


async def test_an_order_that_is_closed_is_found_beforehand(place: Office, ledger: KineticLedger) -> None:
    order = await order_of(place)
    await place.hook("orders", number=order, status="closed")
    wanted = bill(place, "O-1", matched(order, 1, "1", "10.00"))
    assert [each.reason for each in (await ledger.check([wanted]))[wanted.key]] == [Reason.ORDER_UNKNOWN]
