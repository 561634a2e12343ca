"""Released bills and actions in the simulated Acumatica (dossier 15, 38 to 45), and its control pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from acumatica_bills import (
    act,
    bill_line,
    change_bill,
    changed_bill,
    fault_of,
    keys_of,
    make_bill,
    read_document,
    released_bill,
)
from acumatica_calls import CODE, Wire, wrapped


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def test_release_answers_202_and_then_204(wire: Wire) -> None:
    await wire.control("actions", polls=2)
    made = await make_bill(wire)
    reply = await wire.post("Bill/ReleaseBill", keys_of(made))
    assert reply.status == 202
    address = reply.headers["Location"]
    assert address.startswith("/acme/entity/Default/24.200.001/Bill/ReleaseBill/status/")
    assert [(await wire.send("GET", address)).status for _ in range(3)] == [202, 202, 204]
    released = await read_document(wire, made)
    assert (released["Status"], released["Balance"]) == ("Open", 372)


async def test_release_takes_an_id_and_property_names_in_any_case(wire: Wire) -> None:
    made = await make_bill(wire)
    assert (await wire.post("Bill/ReleaseBill", {"Entity": {"id": made["id"]}})).status == 202
    assert (await wire.bills(number=made["ReferenceNbr"]))[0]["released"]


async def test_release_may_be_done_at_once_with_an_address_that_leads_nowhere(wire: Wire) -> None:
    await wire.control("actions", immediate=True)
    made = await make_bill(wire)
    reply = await wire.post("Bill/ReleaseBill", keys_of(made))
    assert (reply.status, "Location" in reply.headers) == (204, False)
    await wire.control("actions", immediate=True, location=True)
    reply = await wire.post("Bill/Release", keys_of(await make_bill(wire)))
    assert reply.status == 204
    assert "/status/" not in reply.headers["Location"]


async def test_what_is_on_hold_or_released_cannot_be_released(wire: Wire) -> None:
    on_hold, done = await make_bill(wire, Hold=True), await released_bill(wire)
    for bill in (on_hold, done):
        reply = await wire.post("Bill/ReleaseBill", keys_of(bill))
        assert (reply.status, reply.kind) == (500, "PXInvalidOperationException")
    assert (await wire.post("Bill/ReleaseFromHold", keys_of(on_hold))).status == 404
    assert (await wire.post("Bill/ReleaseBill", {"entity": wrapped(Type="Bill", ReferenceNbr="1")})).status == 500


async def test_a_release_that_fails_says_so_at_its_status_address(wire: Wire) -> None:
    made = await make_bill(wire)
    later = wire.company.today + timedelta(days=100)
    await wire.control("period", **{"from": later.isoformat(), "to": (later + timedelta(days=30)).isoformat()})
    reply = await act(wire, "ReleaseBill", made)
    assert reply.status == 500
    assert "financial period is closed" in reply.message
    assert (await read_document(wire, made))["Status"] == "Balanced"


@pytest.mark.parametrize(
    ("page", "changes", "text"),
    [
        ("accounts", {"number": "6110", "Active": False}, "Account '6110' is inactive"),
        ("dimension-values", {"dimension": "Subaccount", "code": "D010-A01", "active": False}, "is inactive"),
        ("dimension-values", {"dimension": "Project", "code": "P-003", "active": False}, "not active"),
        ("vendors", {"Status": "Inactive"}, "vendor status"),
    ],
)
async def test_what_became_inactive_meanwhile_ends_the_release(
    wire: Wire, page: str, changes: dict[str, Any], text: str
) -> None:
    made = await make_bill(wire, Details=[bill_line(Subaccount="D010-A01", Project="P-003")], Amount=124)
    await wire.control(page, {"number": made["Vendor"], **changes})
    reply = await act(wire, "ReleaseBill", made)
    assert reply.status == 500
    assert text in reply.message
    assert (await wire.bills(id=made["id"]))[0]["released"] is False


async def test_a_released_bill_is_not_editable(wire: Wire) -> None:
    bill = await released_bill(wire)
    reply = await change_bill(wire, bill, Description="Changed", DueDate="2031-01-01")
    assert "cannot be changed" in fault_of(reply, "Description")
    assert "Open" in fault_of(reply, "DueDate")
    assert (await change_bill(wire, bill, Details=[bill_line()])).status == 422
    assert (await change_bill(wire, bill, Hold=True)).status == 422
    assert (await change_bill(wire, bill, VendorRef="FP-88213", Hold=False)).status == 200
    assert (await changed_bill(wire, bill, note="Seen"))["note"] == "Seen"
    assert (await wire.delete(f"Bill/Bill/{bill['ReferenceNbr']}")).status == 500


async def test_a_released_bill_has_a_journal_entry_in_balance(wire: Wire) -> None:
    await released_bill(wire)
    row = (await wire.rows("JournalTransaction", expand="Details"))[-1]
    assert (row["Module"], row["Status"]) == ("AP", "Posted")
    debit, credit = (sum(line[name] for line in row["Details"]) for name in ("DebitAmount", "CreditAmount"))
    assert debit == credit == 372


async def test_a_bill_that_is_not_released_can_be_deleted(wire: Wire) -> None:
    made = await make_bill(wire)
    assert (await wire.delete(f"Bill/{made['id']}")).status == 204
    assert await wire.bills(number=made["ReferenceNbr"]) == []
    reply = await wire.get(f"Bill/Bill/{made['ReferenceNbr']}")
    assert (reply.status, reply.kind) == (500, "NoEntitySatisfiesTheConditionException")


async def test_reversing_makes_a_debit_adjustment_on_hold_with_the_same_reference(wire: Wire) -> None:
    await wire.control("duplicates", enabled=True)
    bill = await released_bill(wire)
    assert (await act(wire, "ReverseBill", bill)).status == 204
    (found,) = await wire.rows("Bill", filter="VendorRef eq 'FP-88213' and Type eq 'Debit Adj.'")
    assert (found["Status"], found["Balance"], found["Hold"]) == ("On Hold", 372, True)
    assert (await read_document(wire, bill))["Status"] == "Open"
    assert (await act(wire, "ReverseBill", found)).status == 500
    adjusted = await changed_bill(wire, found, Hold=False)
    assert (await act(wire, "ReleaseBill", adjusted)).status == 204


async def test_a_debit_adjustment_is_applied_to_a_bill_as_a_check_of_its_number(wire: Wire) -> None:
    bill = await released_bill(wire)
    note = await released_bill(wire, Type="ADR", VendorRef="CN-1", Amount=124, Details=[bill_line()])
    assert (note["Type"], note["Status"]) == ("Debit Adj.", "Open")
    line = wrapped(DocType="Bill", ReferenceNbr=bill["ReferenceNbr"], AmountPaid=124)
    reply = await wire.put("Check", wrapped(Type="Debit Adj.", ReferenceNbr=note["ReferenceNbr"], Details=[line]))
    assert reply.status == 200, reply.body
    assert (await act(wire, "ReleaseCheck", note, "Check")).status == 204
    assert (await read_document(wire, note))["Status"] == "Closed"
    bill = await read_document(wire, bill)
    assert (bill["Status"], bill["Balance"]) == ("Open", 248)
    assert [(row["DocType"], row["ReferenceNbr"], row["AmountPaid"]) for row in bill["Applications"]] == [
        ("Debit Adj.", note["ReferenceNbr"], 124)
    ]


async def test_cancelling_reverses_releases_and_applies(wire: Wire) -> None:
    bill = await released_bill(wire)
    told = await wire.control("cancel", id=bill["id"])
    assert (told["status"], told["remaining"]) == ("Closed", 0)
    (mirror,) = await wire.bills(id=told["mirror"])
    assert (mirror["kind"], mirror["status"], mirror["reverses"]) == ("credit note", "Closed", bill["ReferenceNbr"])


async def test_what_is_refused_leaves_no_trace_and_bills_tell_what_stands(wire: Wire) -> None:
    lines = [bill_line(Subaccount="D010-A01", Project="P-003"), bill_line(ExtendedCost=-40)]
    made = await make_bill(wire, Details=lines, Amount=74.4, Description="Office")
    (bill,) = await wire.bills(number=made["ReferenceNbr"])
    assert (bill["id"], bill["company"], bill["kind"], bill["released"]) == (made["id"], CODE, "invoice", False)
    assert (bill["net"], bill["tax"], bill["total"]) == (60, Decimal("14.4"), Decimal("74.4"))
    assert [row["net"] for row in bill["rows"]] == [100, -40]
    assert bill["rows"][0]["dimensions"] == {"Subaccount.1": "D010", "Subaccount.2": "A01", "Project": "P-003"}
    assert (bill["rows"][0]["subaccount"], bill["rows"][0]["taxCategory"]) == ("D010-A01", "VAT24")
    assert date.fromisoformat(bill["postingDate"]) == wire.company.today


async def test_people_change_release_and_remove_bills(wire: Wire) -> None:
    first, second = await make_bill(wire, Hold=True), await make_bill(wire)
    told = await wire.control("bill", id=first["id"], Description="By hand", Hold=False)
    assert (told["description"], told["status"]) == ("By hand", "Balanced")
    assert (await wire.control("release-bill", id=first["id"]))["status"] == "Open"
    await wire.control("release-bill", id=first["id"], status=400)
    await wire.control("remove", number=second["ReferenceNbr"])
    await wire.control("remove", number=second["ReferenceNbr"], status=404)
    await wire.control("remove", id=first["id"], status=400)
    await wire.control("bill", id=first["id"], Colour="red", status=400)


async def test_people_approve_and_release_in_one_go(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    made = await make_bill(wire)
    await wire.control("approve", id=made["id"], status=400)
    await changed_bill(wire, made, Hold=False)
    assert (await wire.control("approve", id=made["id"], release=True))["status"] == "Open"


async def test_people_enter_change_and_cancel_orders(wire: Wire) -> None:
    line = {"Account": "6110", "OrderQty": 4, "UnitCost": 25, "TaxCategory": "VAT24"}
    told = await wire.control("orders", number="PO777777", VendorID=wire.vendor(), Details=[line])
    assert (told["number"], told["status"], told["total"]) == ("PO777777", "Open", 124)
    told = await wire.control("orders", number="PO777777", receive={"1": 3}, Details=[{"LineNbr": 1, "OrderQty": 5}])
    assert told["lines"] == [{"line": 1, "quantity": 5, "received": 3, "billed": 0, "completed": False}]
    assert (await wire.control("orders", {"status": "canceled"}, number="PO777777"))["status"] == "Canceled"
    await wire.control("orders", number="PO777777", delete=True, status=400)


async def test_the_first_day_has_orders_and_keyed_bills(wire: Wire) -> None:
    opened = [order for order in wire.company.orders if order.status == "Open"]
    assert len(await wire.rows("PurchaseOrder", filter="Status eq 'Open' or Status eq 'Completed'")) == len(opened)
    keyed = await wire.bills(description="Keyed by hand")
    assert sorted(bill["vendorInvoiceNumber"] for bill in keyed) == sorted(
        invoice.number for invoice in wire.company.already_posted
    )
    assert all(bill["released"] for bill in keyed)
