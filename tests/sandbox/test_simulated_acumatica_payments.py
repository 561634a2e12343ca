"""Payments in the simulated Acumatica (dossier 15, 44)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from acumatica_bills import KEYS, act, bill_line, fault_of, make_bill, read_document, released_bill
from acumatica_calls import Wire, plain, wrapped


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def _payment(bill: dict[str, Any], **changes: Any) -> dict[str, Any]:
    line = {"DocType": "Bill", "ReferenceNbr": bill["ReferenceNbr"], "AmountPaid": bill["Balance"]}
    line |= {name: changes.pop(name) for name in ("AmountPaid",) if name in changes}
    usual = {"Vendor": bill["Vendor"], "PaymentMethod": "WIRE", "PaymentRef": "TRF-1", "Hold": False}
    return wrapped(**{**usual, **changes}, Details=[wrapped(**line)])


async def _paid(wire: Wire, bill: dict[str, Any], **changes: Any) -> dict[str, Any]:
    reply = await wire.put("Check?$expand=Details,History", _payment(bill, **changes))
    assert reply.status == 200, reply.body
    return plain(reply.body)


async def test_a_payment_closes_the_bill_when_it_is_released(wire: Wire) -> None:
    bill = await released_bill(wire)
    check = await _paid(wire, bill, PaymentAmount=372)
    assert (check["Type"], check["Status"], check["UnappliedBalance"]) == ("Payment", "Balanced", 0)
    planned = await read_document(wire, bill)
    assert (planned["Status"], planned["Balance"]) == ("Open", 372)
    assert [(row["AmountPaid"], row["Status"]) for row in planned["Applications"]] == [(372, "Balanced")]
    assert (await act(wire, "ReleaseCheck", check, "Check")).status == 204
    check, after = await read_document(wire, check, "Check"), await read_document(wire, bill)
    assert (check["Status"], check["Details"]) == ("Closed", [])
    (row,) = check["History"]
    assert (row["DocType"], row["ReferenceNbr"], row["AmountPaid"], row["VendorRef"]) == (
        "Bill",
        bill["ReferenceNbr"],
        372,
        "FP-88213",
    )
    assert (after["Status"], after["Balance"], after["Amount"]) == ("Closed", 0, 372)
    assert [(row["ReferenceNbr"], row["Status"]) for row in after["Applications"]] == [
        (check["ReferenceNbr"], "Closed")
    ]
    assert after["LastModifiedDateTime"] > bill["LastModifiedDateTime"]
    assert check["LastModifiedDateTime"] > bill["LastModifiedDateTime"]


async def test_a_part_leaves_the_bill_open(wire: Wire) -> None:
    bill = await released_bill(wire)
    check = await _paid(wire, bill, AmountPaid=100)
    await act(wire, "ReleaseCheck", check, "Check")
    after = await read_document(wire, bill)
    assert (after["Status"], after["Balance"]) == ("Open", 272)
    reply = await wire.put("Check", _payment(after, AmountPaid=272.01))
    assert "272" in fault_of(reply, "Details/0/AmountPaid")


async def test_voiding_a_payment_opens_the_bill_again(wire: Wire) -> None:
    bill = await released_bill(wire)
    check = await _paid(wire, bill)
    await act(wire, "ReleaseCheck", check, "Check")
    assert (await act(wire, "VoidCheck", check, "Check")).status == 204
    after = await read_document(wire, bill)
    assert (after["Status"], after["Balance"], after["Applications"]) == ("Open", 372, [])
    assert (await read_document(wire, check, "Check"))["Status"] == "Voided"
    voided = await wire.record(f"Check/Voided%20Payment/{check['ReferenceNbr']}", expand="History")
    assert (voided["PaymentAmount"], voided["History"][0]["AmountPaid"]) == (-372, -372)
    assert (await act(wire, "VoidCheck", check, "Check")).status == 500


async def test_the_labels_of_payments_differ_by_build(wire: Wire) -> None:
    bill = await released_bill(wire)
    await wire.control("preferences", payment_label="Check")
    check = await _paid(wire, bill, Type="Payment")
    assert check["Type"] == "Check"
    await act(wire, "ReleaseCheck", check, "Check")
    await wire.control("unpay", number=bill["ReferenceNbr"])
    assert (await wire.record(f"Check/Voided%20Check/{check['ReferenceNbr']}"))["Status"] == "Closed"
    assert (await wire.put("Check", _payment(bill, Type="Cheque"))).status == 422


async def test_people_pay_in_parts_with_discounts_and_many_at_once(wire: Wire) -> None:
    first, second = await released_bill(wire), await released_bill(wire, VendorRef="FP-2")
    day = wire.company.today.isoformat()
    await wire.control("pay", id=first["id"], amount=100, date=day, reference="A")
    told = await wire.control("pay-many", bills=[{"id": first["id"], "discount": 7.44}, second["id"]], reference="B")
    assert [(bill["status"], bill["remaining"]) for bill in told["bills"]] == [("Closed", 0), ("Closed", 0)]
    check = await wire.record(f"Check/Payment/{told['payment']}", expand="History")
    assert [(row["AmountPaid"], row["CashDiscountTaken"]) for row in check["History"]] == [
        (Decimal("264.56"), Decimal("7.44")),
        (372, 0),
    ]
    assert (check["PaymentRef"], check["PaymentAmount"]) == ("B", Decimal("636.56"))
    told = await wire.control("unpay", id=first["id"])
    assert (told["status"], told["remaining"]) == ("Open", 372)


async def test_a_credit_note_is_taken_off_a_payment(wire: Wire) -> None:
    bill = await released_bill(wire)
    note = await released_bill(wire, Type="Debit Adj.", VendorRef="CN-1", Amount=124, Details=[bill_line()])
    told = await wire.control("pay-many", bills=[bill["id"], note["id"]])
    assert [each["status"] for each in told["bills"]] == ["Closed", "Closed"]
    check = await wire.record(f"Check/Payment/{told['payment']}", expand="History")
    assert (check["PaymentAmount"], check["UnappliedBalance"], check["Status"]) == (248, 0, "Closed")
    await wire.control("unpay", payment=told["payment"])
    assert [(await read_document(wire, each))["Balance"] for each in (bill, note)] == [372, 124]


async def test_a_credit_note_is_refunded(wire: Wire) -> None:
    note = await released_bill(wire, Type="Debit Adj.", VendorRef="CN-1")
    told = await wire.control("pay", id=note["id"])
    assert (told["status"], told["remaining"], told["kind"]) == ("Closed", 0, "credit note")
    told = await wire.control("unpay", id=note["id"])
    assert (told["status"], told["remaining"]) == ("Open", 372)


async def test_a_voided_payment_may_leave_its_row_on_the_bill(wire: Wire) -> None:
    bill = await released_bill(wire)
    await wire.control("pay", id=bill["id"])
    await wire.control("unpay", id=bill["id"], leave_rows=True)
    after = await read_document(wire, bill)
    assert [(row["Status"], row["AmountPaid"]) for row in after["Applications"]] == [("Voided", 372)]
    assert (after["Status"], after["Balance"]) == ("Open", 372)


async def test_a_planned_payment_of_people_leaves_the_balance(wire: Wire) -> None:
    bill = await released_bill(wire)
    told = await wire.control("pay", id=bill["id"], released=False)
    assert (told["status"], told["remaining"]) == ("Open", 372)
    check = await wire.record(f"Check/Payment/{told['payment']}", expand="Details,History")
    assert (check["Status"], len(check["Details"]), check["History"]) == ("Balanced", 1, [])
    assert (await wire.control("unpay", id=bill["id"]))["remaining"] == 372
    assert (await wire.get(f"Check/Payment/{told['payment']}")).status == 500


async def test_a_payment_whose_bill_was_paid_meanwhile_cannot_be_released(wire: Wire) -> None:
    bill = await released_bill(wire)
    check = await _paid(wire, bill)
    await wire.control("pay", id=bill["id"])
    reply = await act(wire, "ReleaseCheck", check, "Check")
    assert reply.status == 500
    assert "smaller balance" in reply.message
    assert (await read_document(wire, check, "Check"))["Status"] == "Balanced"


async def test_a_payment_of_nothing_known_is_refused(wire: Wire) -> None:
    bill = await make_bill(wire)
    body = _payment(bill, Vendor=wire.vendor(place=2), PaymentMethod="GOLD")
    reply = await wire.put("Check", body)
    assert "cannot be found" in fault_of(reply, "Details/0/ReferenceNbr")
    assert "'Payment Method' cannot be found" in fault_of(reply, "PaymentMethod")
    assert await wire.rows("Check") == []


async def test_a_credit_note_is_set_off_by_people(wire: Wire) -> None:
    bill = await released_bill(wire)
    note = await released_bill(wire, Type="Debit Adj.", VendorRef="CN-1", Amount=124, Details=[bill_line()])
    told = await wire.control("offset", {"with": note["id"]}, id=bill["id"], amount=100)
    assert told["remaining"] == 272
    told = await wire.control("offset", {"with": note["id"]}, id=bill["id"])
    assert told["remaining"] == 248
    (row,) = (await read_document(wire, bill))["Applications"]
    assert (row["DocType"], row["AmountPaid"], row["Status"]) == ("Debit Adj.", 124, "Closed")
    assert (await read_document(wire, note))["Status"] == "Closed"


async def test_a_planned_payment_can_be_changed_and_deleted(wire: Wire) -> None:
    bill = await released_bill(wire)
    check = await _paid(wire, bill)
    line = wrapped(DocType="Bill", ReferenceNbr=bill["ReferenceNbr"], AmountPaid=50)
    reply = await wire.put("Check?$expand=Details", wrapped(**{name: check[name] for name in KEYS}, Details=[line]))
    assert [row["AmountPaid"] for row in plain(reply.body)["Details"]] == [50]
    assert (await read_document(wire, bill))["Applications"][0]["AmountPaid"] == 50
    assert (await wire.delete(f"Check/Payment/{check['ReferenceNbr']}")).status == 204
    assert (await read_document(wire, bill))["Applications"] == []
