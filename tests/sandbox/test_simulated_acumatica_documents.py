"""Bills in the simulated Acumatica: created and changed (dossier 15, 28 to 35)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from acumatica_bills import (
    act,
    bill_body,
    bill_line,
    change_bill,
    changed_bill,
    fault_of,
    keys_of,
    make_bill,
    read_document,
    refused_bill,
)
from acumatica_calls import Wire, wrapped


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def test_a_bill_comes_back_whole_with_number_totals_and_defaults(wire: Wire) -> None:
    made = await make_bill(wire)
    assert (made["Status"], made["Hold"], made["TaxTotal"], made["Balance"]) == ("Balanced", False, 72, 372)
    assert len(made["ReferenceNbr"]) == 6
    assert made["ReferenceNbr"].isdigit()
    assert [line["Description"] for line in made["Details"]] == ["Stationery, domestic", "Licences, domestic"]
    assert [line["TransactionDescription"] for line in made["Details"]] == ["Copy paper"] * 2
    assert {line["Project"] for line in made["Details"]} == {"X"}
    assert [(tax["TaxID"], tax["TaxableAmount"], tax["TaxAmount"]) for tax in made["TaxDetails"]] == [
        ("VAT24", 300, 72)
    ]
    assert made["PostPeriod"] == f"{wire.company.today:%m%Y}"
    assert made["LocationID"] == "MAIN"


async def test_the_same_body_again_is_a_second_bill(wire: Wire) -> None:
    first, second = await make_bill(wire), await make_bill(wire)
    assert int(second["ReferenceNbr"]) == int(first["ReferenceNbr"]) + 1
    assert len(await wire.bills(vendorInvoiceNumber="FP-88213")) == 2


async def test_a_number_that_is_sent_is_ignored_and_one_that_exists_is_changed(wire: Wire) -> None:
    made = await make_bill(wire, ReferenceNbr="77")
    assert made["ReferenceNbr"] != "77"
    again = await make_bill(wire, ReferenceNbr=made["ReferenceNbr"], Description="Changed", Details=None)
    assert (again["id"], again["Description"], again["Balance"]) == (made["id"], "Changed", 372)


async def test_a_duplicate_is_a_500_where_the_preference_is_on(wire: Wire) -> None:
    await wire.control("duplicates", enabled=True)
    await make_bill(wire)
    reply = await refused_bill(wire, VendorRef="fp-88213")
    assert (reply.status, reply.kind) == (500, "OutcomeEntityHasErrorsException")


async def test_a_duplicate_is_a_422_on_its_field_in_newer_builds(wire: Wire) -> None:
    await wire.control("duplicates", {"status": 422}, enabled=True)
    first = await make_bill(wire)
    assert first["ReferenceNbr"] in fault_of(await refused_bill(wire), "VendorRef")


async def test_what_is_no_duplicate_is_let_through(wire: Wire) -> None:
    await wire.control("duplicates", enabled=True)
    made = await make_bill(wire)
    await make_bill(wire, Vendor=wire.vendor(place=3))
    await make_bill(wire, Type="Debit Adj.")
    await make_bill(wire, VendorRef="FP-88214")
    await changed_bill(wire, made, Description="The same document")


async def test_a_vendor_reference_can_be_required_of_bills(wire: Wire) -> None:
    await wire.control("preferences", require_vendor_ref=True)
    assert fault_of(await refused_bill(wire, VendorRef=None), "VendorRef") == "'Vendor Ref.' cannot be empty."
    await make_bill(wire, VendorRef=None, Type="Debit Adj.")


async def test_a_vendor_reference_has_forty_characters(wire: Wire) -> None:
    await make_bill(wire, VendorRef="1" * 40)
    assert "40" in fault_of(await refused_bill(wire, VendorRef="1" * 41), "VendorRef")


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"Vendor": "V999999"}, "Vendor", "'Vendor' cannot be found in the system."),
        ({"Terms": "99D"}, "Terms", "'Terms' cannot be found in the system."),
        ({"CurrencyID": "PLN"}, "CurrencyID", "'Currency' cannot be found in the system."),
        ({"CurrencyID": "DKK"}, "CurrencyID", "rate is not defined"),
        ({"BranchID": "MOON"}, "BranchID", "'Branch' cannot be found in the system."),
        ({"Project": "P-999"}, "Project", "Project 'P-999' cannot be found"),
        ({"LocationID": "SHOP"}, "LocationID", "'Location' cannot be found"),
        ({"Type": "Invoice"}, "Type", "not in the list"),
    ],
)
async def test_an_unknown_code_on_the_header_is_told_on_its_field(
    wire: Wire, changes: dict[str, Any], field: str, text: str
) -> None:
    reply = await refused_bill(wire, **changes)
    assert text in fault_of(reply, field)
    assert reply.body["ReferenceNbr"] == {"value": "<NEW>"}
    assert "raised at least one error" in reply.body["error"]


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"Account": "9999"}, "Account", "'Account' cannot be found in the system."),
        ({"Account": "6990"}, "Account", "inactive"),
        ({"Account": "6100"}, "Account", "inactive"),
        ({"Account": None}, "Account", "'Account' cannot be empty."),
        ({"Subaccount": "D999-000"}, "Subaccount", "'Subaccount' cannot be found in the system."),
        ({"Subaccount": "D450-000"}, "Subaccount", "inactive"),
        ({"TaxCategory": "T99"}, "TaxCategory", "'Tax Category' cannot be found in the system."),
        ({"Project": "P-777"}, "Project", "Project 'P-777' cannot be found"),
        ({"Project": "P-099"}, "Project", "not active"),
        ({"Project": "P-001", "ProjectTask": "88"}, "ProjectTask", "'Project Task' cannot be found"),
        ({"Branch": "MOON"}, "Branch", "'Branch' cannot be found"),
        ({"InventoryID": "NONE"}, "InventoryID", "'Inventory ID' cannot be found"),
    ],
)
async def test_an_unknown_code_on_a_line_is_told_on_that_line(
    wire: Wire, changes: dict[str, Any], field: str, text: str
) -> None:
    reply = await refused_bill(wire, Details=[bill_line(), bill_line(**changes)])
    assert text in fault_of(reply, f"Details/1/{field}")


async def test_all_faults_come_at_once(wire: Wire) -> None:
    lines = [bill_line(Account="9999", TaxCategory="T99"), bill_line(Subaccount="D999-000")]
    reply = await refused_bill(wire, Terms="99D", Details=lines)
    for field in ("Terms", "Details/0/Account", "Details/0/TaxCategory", "Details/1/Subaccount"):
        assert "cannot be found" in fault_of(reply, field)


async def test_nothing_is_entered_for_an_inactive_vendor(wire: Wire) -> None:
    blocked = {vendor.blocked: vendor.number for vendor in wire.company.vendors}
    assert "Inactive" in fault_of(await refused_bill(wire, Vendor=blocked["All"]), "Vendor")
    assert (await make_bill(wire, Vendor=blocked["Payment"]))["Status"] == "Balanced"


@pytest.mark.parametrize(("days", "word"), [(-200, "closed"), (120, "inactive"), (2000, "not defined")])
async def test_a_period_that_is_not_open_is_told_on_the_period(wire: Wire, days: int, word: str) -> None:
    day = wire.company.today + timedelta(days=days)
    fault = fault_of(await refused_bill(wire, Date=day.isoformat()), "PostPeriod")
    assert fault.startswith(f"The {day:%m-%Y} financial period is {word}")


async def test_the_period_can_differ_from_the_date(wire: Wire) -> None:
    early = wire.company.posting_from - timedelta(days=10)
    period = f"{wire.company.today:%m-%Y}"
    made = await make_bill(wire, Date=early.isoformat(), PostPeriod=period)
    assert (made["PostPeriod"], made["Date"][:10]) == (period.replace("-", ""), early.isoformat())


async def test_hold_comes_from_the_preference_where_it_is_not_sent(wire: Wire) -> None:
    assert (await make_bill(wire, Hold=None))["Status"] == "On Hold"
    await wire.control("preferences", hold_on_entry=False)
    assert (await make_bill(wire, Hold=None))["Status"] == "Balanced"


async def test_a_total_that_differs_cannot_leave_hold(wire: Wire) -> None:
    assert "out of balance" in fault_of(await refused_bill(wire, Amount=371.99), "Amount")
    made = await make_bill(wire, Amount=371.99, Hold=True)
    assert (made["Status"], made["Amount"], made["Balance"]) == ("On Hold", Decimal("371.99"), 372)
    assert "out of balance" in fault_of(await change_bill(wire, made, Hold=False), "Amount")
    assert (await changed_bill(wire, made, Hold=False, Amount=372))["Status"] == "Balanced"


async def test_a_total_that_nobody_validates_is_overwritten(wire: Wire) -> None:
    await wire.control("preferences", validate_totals=False)
    assert (await make_bill(wire, Amount=1))["Amount"] == 372


async def test_a_bill_goes_back_to_hold_and_leaves_it_again(wire: Wire) -> None:
    made = await make_bill(wire)
    assert (await changed_bill(wire, made, Hold=True))["Status"] == "On Hold"
    assert (await changed_bill(wire, made, Hold=False))["Status"] == "Balanced"


async def test_with_an_approval_map_a_bill_waits(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    made = await make_bill(wire)
    assert (made["Status"], made["Hold"]) == ("On Hold", True)
    assert (await changed_bill(wire, made, Hold=False))["Status"] == "Pending Approval"
    reply = await wire.post("Bill/ReleaseBill", keys_of(made))
    assert (reply.status, reply.kind) == (500, "PXInvalidOperationException")
    assert (await change_bill(wire, made, Description="Changed")).status == 422
    assert (await act(wire, "Approve", made)).status == 204
    assert (await read_document(wire, made))["Status"] == "Balanced"
    assert (await act(wire, "ReleaseBill", made)).status == 204


async def test_a_rejected_bill_goes_back_to_hold_only(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    made = await make_bill(wire)
    await changed_bill(wire, made, Hold=False)
    await wire.control("reject", number=made["ReferenceNbr"])
    assert (await read_document(wire, made))["Status"] == "Rejected"
    assert (await act(wire, "ReleaseBill", made)).status == 500
    assert (await changed_bill(wire, made, Hold=True))["Status"] == "On Hold"
    assert (await changed_bill(wire, made, Hold=False))["Status"] == "Pending Approval"


async def test_tax_is_rounded_once_for_each_tax(wire: Wire) -> None:
    lines = [bill_line(ExtendedCost=0.03) for _ in range(3)] + [bill_line(ExtendedCost=1, TaxCategory="VAT10")]
    made = await make_bill(wire, Details=lines, Amount=1.21)
    assert {tax["TaxID"]: tax["TaxAmount"] for tax in made["TaxDetails"]} == {
        "VAT24": Decimal("0.02"),
        "VAT10": Decimal("0.1"),
    }
    assert (made["Status"], made["TaxTotal"]) == ("Balanced", Decimal("0.12"))


async def test_the_tax_zone_is_the_vendors_unless_a_custom_field_says_otherwise(wire: Wire) -> None:
    zone = {"CurrentDocument": {"TaxZoneID": {"type": "CustomStringField", "value": "FOREIGN"}}}
    made = await make_bill(wire, Amount=300, custom=zone)
    assert (made["TaxTotal"], made["TaxDetails"]) == (0, [])
    shown = await wire.get(f"Bill/{made['id']}", custom="CurrentDocument.TaxZoneID")
    assert shown.body["custom"]["CurrentDocument"]["TaxZoneID"]["value"] == "FOREIGN"
    zone["CurrentDocument"]["TaxZoneID"]["value"] = "MOON"
    assert "Tax Zone" in (await refused_bill(wire, custom=zone)).body["error"]


async def test_taxes_are_taken_as_given_where_they_are_valid(wire: Wire) -> None:
    taxes = [wrapped(TaxID="VAT24", TaxableAmount=300, TaxAmount=71.99)]
    made = await make_bill(wire, Amount=371.99, IsTaxValid=True, TaxDetails=taxes)
    assert (made["TaxTotal"], made["Balance"]) == (Decimal("71.99"), Decimal("371.99"))
    kept = await changed_bill(wire, made, Description="Still as given")
    assert kept["TaxTotal"] == Decimal("71.99")
    reply = await refused_bill(wire, IsTaxValid=True, TaxDetails=[wrapped(TaxID="T99", TaxAmount=72)])
    assert "'Tax ID' cannot be found" in fault_of(reply, "TaxDetails/0/TaxID")


async def test_taxes_that_are_sent_without_the_switch_are_computed_all_the_same(wire: Wire) -> None:
    made = await make_bill(wire, TaxDetails=[wrapped(TaxID="VAT24", TaxableAmount=300, TaxAmount=1)])
    assert made["TaxTotal"] == 72


async def test_the_oldest_endpoint_knows_no_valid_taxes() -> None:
    async with Wire(version="22.200.001") as wire:
        taxes = [wrapped(TaxID="VAT24", TaxableAmount=300, TaxAmount=71.99)]
        made = await make_bill(wire, IsTaxValid=True, TaxDetails=taxes)
        assert made["TaxTotal"] == 72
        assert "IsTaxValid" not in made


async def test_the_due_date_follows_from_the_terms_unless_it_is_sent(wire: Wire) -> None:
    today = wire.company.today
    made = await make_bill(wire, Terms="45D", Date=today.isoformat())
    assert made["DueDate"][:10] == (today + timedelta(days=45)).isoformat()
    assert (await changed_bill(wire, made, Terms="7D"))["DueDate"][:10] == (today + timedelta(days=7)).isoformat()
    assert (await changed_bill(wire, made, DueDate="2031-01-01"))["DueDate"][:10] == "2031-01-01"


async def test_a_vendor_brings_currency_terms_and_subaccount(wire: Wire) -> None:
    vendor = next(each for each in wire.company.vendors if each.default_dimensions and each.currency == "SEK")
    made = await make_bill(wire, Vendor=vendor.number, CurrencyID=None)
    assert (made["CurrencyID"], made["Terms"]) == ("SEK", vendor.payment_term)
    dimensions = dict(vendor.default_dimensions)
    assert made["Details"][0]["Subaccount"] == f"{dimensions.get('DEPARTMENT', '0000')}-{dimensions['AREA']}"


async def test_a_currency_must_be_the_vendors_where_it_cannot_be_overridden(wire: Wire) -> None:
    await wire.control("vendors", number=wire.vendor(), EnableCurrencyOverride=False)
    assert "cannot be changed" in fault_of(await refused_bill(wire, CurrencyID="SEK"), "CurrencyID")
    assert (await make_bill(wire, CurrencyID="EUR"))["Status"] == "Balanced"


async def test_the_business_date_is_the_date_where_none_is_sent(wire: Wire) -> None:
    day = wire.company.today - timedelta(days=9)
    reply = await wire.put("Bill", bill_body(wire), PX_CbApiBusinessDate=day.isoformat())
    assert reply.body["Date"]["value"][:10] == day.isoformat()


async def test_a_subaccount_may_come_without_its_separator(wire: Wire) -> None:
    made = await make_bill(wire, Details=[bill_line(Subaccount="d010a01", ExtendedCost=300)])
    assert made["Details"][0]["Subaccount"] == "D010-A01"


async def test_a_project_brings_its_default_task(wire: Wire) -> None:
    lines = [bill_line(Project="P-003"), bill_line(Project="P-003", ProjectTask="02", ExtendedCost=200)]
    made = await make_bill(wire, Details=lines)
    assert [line["ProjectTask"] for line in made["Details"]] == ["01", "02"]


async def test_an_article_brings_account_tax_category_and_text(wire: Wire) -> None:
    item = wire.company.items[0]
    line = wrapped(InventoryID=item.number, Qty=2, UnitCost=50)
    made = (await make_bill(wire, Details=[line], Amount=124))["Details"][0]
    assert (made["Account"], made["TaxCategory"], made["TransactionDescription"]) == (
        item.account,
        item.tax_group,
        item.name,
    )
    assert (made["ExtendedCost"], made["Amount"], made["UOM"]) == (100, 100, "EA")


async def test_quantity_and_price_make_the_amount_unless_one_is_sent(wire: Wire) -> None:
    priced = bill_line(ExtendedCost=None, Qty=3, UnitCost=33.335)
    sent = bill_line(ExtendedCost=50, Qty=4)
    lines = (await make_bill(wire, Details=[priced, sent], Hold=True))["Details"]
    assert [(line["ExtendedCost"], line["UnitCost"]) for line in lines] == [
        (Decimal("100.01"), Decimal("33.335")),
        (50, Decimal("12.5")),
    ]


async def test_a_note_is_kept_and_replaced(wire: Wire) -> None:
    made = await make_bill(wire, note="Basware 1")
    assert made["note"] == "Basware 1"
    assert (await changed_bill(wire, made, Description="x"))["note"] == "Basware 1"
    assert (await changed_bill(wire, made, note="Basware 2"))["note"] == "Basware 2"
