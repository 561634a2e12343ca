"""Documents in the simulated Acumatica: the behaviours of dossier 15, 28 to 46."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from acumatica_calls import CODE, Reply, Wire, plain, wrapped

from ml_connector.sandbox.trade import Order

KEYS = ("Type", "ReferenceNbr")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def _line(**changes: Any) -> dict[str, Any]:
    """A line of 100 at 24 %."""
    usual = {"TransactionDescription": "Copy paper", "Account": "6110", "ExtendedCost": 100, "TaxCategory": "VAT24"}
    return {**wrapped(**{**usual, **changes})} | {name: changes[name] for name in ("id", "delete") if name in changes}


def _body(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A bill that leaves hold: two lines, 300 net, 72 VAT."""
    usual: dict[str, Any] = {
        "Type": "Bill",
        "Vendor": wire.vendor(),
        "VendorRef": "FP-88213",
        "CurrencyID": "EUR",
        "Amount": 372,
        "Hold": False,
        "Details": [_line(), _line(Account="6210", ExtendedCost=200)],
    }
    chosen = {name: value for name, value in {**usual, **changes}.items() if value is not None and name != "custom"}
    return wrapped(**chosen) | ({"custom": changes["custom"]} if "custom" in changes else {})


async def _put(wire: Wire, body: dict[str, Any], expand: str = "Details,TaxDetails,Applications") -> Reply:
    return await wire.put(f"Bill?$expand={expand}", body)


async def _make(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A bill in the ledger, without its wrapping."""
    reply = await _put(wire, _body(wire, **changes))
    assert reply.status == 200, reply.body
    return plain(reply.body)


async def _change(wire: Wire, bill: dict[str, Any], **changes: Any) -> Reply:
    keys = {name: bill[name] for name in KEYS}
    return await _put(wire, wrapped(**keys, **changes))


async def _changed(wire: Wire, bill: dict[str, Any], **changes: Any) -> dict[str, Any]:
    reply = await _change(wire, bill, **changes)
    assert reply.status == 200, reply.body
    return plain(reply.body)


async def _refused(wire: Wire, **changes: Any) -> Reply:
    """A PUT that is refused and leaves nothing behind."""
    before = len(await wire.bills())
    reply = await _put(wire, _body(wire, **changes))
    assert reply.status >= 400, reply.body
    assert len(await wire.bills()) == before
    return reply


def _keys(bill: dict[str, Any]) -> dict[str, Any]:
    return {"entity": wrapped(**{name: bill[name] for name in KEYS})}


async def _act(wire: Wire, action: str, bill: dict[str, Any], entity: str = "Bill") -> Reply:
    """Runs an action to its end; the reply that ended it."""
    reply = await wire.post(f"{entity}/{action}", _keys(bill))
    while reply.status == 202:
        reply = await wire.send("GET", reply.headers["Location"])
    return reply


async def _released(wire: Wire, **changes: Any) -> dict[str, Any]:
    bill = await _make(wire, **changes)
    assert (await _act(wire, "ReleaseBill", bill)).status == 204
    return await _read(wire, bill)


async def _read(wire: Wire, bill: dict[str, Any], entity: str = "Bill") -> dict[str, Any]:
    expand = {"Bill": "Details,TaxDetails,Applications", "Check": "Details,History"}[entity]
    return await wire.record(f"{entity}/{bill['Type']}/{bill['ReferenceNbr']}", expand=expand)


def _fault(reply: Reply, field: str) -> str:
    """The `error` of a field by its path, `Details/0/Account`."""
    assert reply.status == 422, reply.body
    place: Any = reply.body
    for step in field.split("/"):
        place = place[int(step)] if step.isdigit() else place[step]
    return place["error"]


# --- Creating (28-35) ---------------------------------------------------------------------------------------


async def test_a_bill_comes_back_whole_with_number_totals_and_defaults(wire: Wire) -> None:
    made = await _make(wire)
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
    first, second = await _make(wire), await _make(wire)
    assert int(second["ReferenceNbr"]) == int(first["ReferenceNbr"]) + 1
    assert len(await wire.bills(vendorInvoiceNumber="FP-88213")) == 2


async def test_a_number_that_is_sent_is_ignored_and_one_that_exists_is_changed(wire: Wire) -> None:
    made = await _make(wire, ReferenceNbr="77")
    assert made["ReferenceNbr"] != "77"
    again = await _make(wire, ReferenceNbr=made["ReferenceNbr"], Description="Changed", Details=None)
    assert (again["id"], again["Description"], again["Balance"]) == (made["id"], "Changed", 372)


async def test_a_duplicate_is_a_500_where_the_preference_is_on(wire: Wire) -> None:
    await wire.control("duplicates", enabled=True)
    await _make(wire)
    reply = await _refused(wire, VendorRef="fp-88213")
    assert (reply.status, reply.kind) == (500, "OutcomeEntityHasErrorsException")


async def test_a_duplicate_is_a_422_on_its_field_in_newer_builds(wire: Wire) -> None:
    await wire.control("duplicates", {"status": 422}, enabled=True)
    first = await _make(wire)
    assert first["ReferenceNbr"] in _fault(await _refused(wire), "VendorRef")


async def test_what_is_no_duplicate_is_let_through(wire: Wire) -> None:
    await wire.control("duplicates", enabled=True)
    made = await _make(wire)
    await _make(wire, Vendor=wire.vendor(place=3))
    await _make(wire, Type="Debit Adj.")
    await _make(wire, VendorRef="FP-88214")
    await _changed(wire, made, Description="The same document")


async def test_a_vendor_reference_can_be_required_of_bills(wire: Wire) -> None:
    await wire.control("preferences", require_vendor_ref=True)
    assert _fault(await _refused(wire, VendorRef=None), "VendorRef") == "'Vendor Ref.' cannot be empty."
    await _make(wire, VendorRef=None, Type="Debit Adj.")


async def test_a_vendor_reference_has_forty_characters(wire: Wire) -> None:
    await _make(wire, VendorRef="1" * 40)
    assert "40" in _fault(await _refused(wire, VendorRef="1" * 41), "VendorRef")


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
    reply = await _refused(wire, **changes)
    assert text in _fault(reply, field)
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
    reply = await _refused(wire, Details=[_line(), _line(**changes)])
    assert text in _fault(reply, f"Details/1/{field}")


async def test_all_faults_come_at_once(wire: Wire) -> None:
    lines = [_line(Account="9999", TaxCategory="T99"), _line(Subaccount="D999-000")]
    reply = await _refused(wire, Terms="99D", Details=lines)
    for field in ("Terms", "Details/0/Account", "Details/0/TaxCategory", "Details/1/Subaccount"):
        assert "cannot be found" in _fault(reply, field)


async def test_nothing_is_entered_for_an_inactive_vendor(wire: Wire) -> None:
    blocked = {vendor.blocked: vendor.number for vendor in wire.company.vendors}
    assert "Inactive" in _fault(await _refused(wire, Vendor=blocked["All"]), "Vendor")
    assert (await _make(wire, Vendor=blocked["Payment"]))["Status"] == "Balanced"


@pytest.mark.parametrize(("days", "word"), [(-200, "closed"), (120, "inactive"), (2000, "not defined")])
async def test_a_period_that_is_not_open_is_told_on_the_period(wire: Wire, days: int, word: str) -> None:
    day = wire.company.today + timedelta(days=days)
    fault = _fault(await _refused(wire, Date=day.isoformat()), "PostPeriod")
    assert fault.startswith(f"The {day:%m-%Y} financial period is {word}")


async def test_the_period_can_differ_from_the_date(wire: Wire) -> None:
    early = wire.company.posting_from - timedelta(days=10)
    period = f"{wire.company.today:%m-%Y}"
    made = await _make(wire, Date=early.isoformat(), PostPeriod=period)
    assert (made["PostPeriod"], made["Date"][:10]) == (period.replace("-", ""), early.isoformat())


async def test_hold_comes_from_the_preference_where_it_is_not_sent(wire: Wire) -> None:
    assert (await _make(wire, Hold=None))["Status"] == "On Hold"
    await wire.control("preferences", hold_on_entry=False)
    assert (await _make(wire, Hold=None))["Status"] == "Balanced"


async def test_a_total_that_differs_cannot_leave_hold(wire: Wire) -> None:
    assert "out of balance" in _fault(await _refused(wire, Amount=371.99), "Amount")
    made = await _make(wire, Amount=371.99, Hold=True)
    assert (made["Status"], made["Amount"], made["Balance"]) == ("On Hold", Decimal("371.99"), 372)
    assert "out of balance" in _fault(await _change(wire, made, Hold=False), "Amount")
    assert (await _changed(wire, made, Hold=False, Amount=372))["Status"] == "Balanced"


async def test_a_total_that_nobody_validates_is_overwritten(wire: Wire) -> None:
    await wire.control("preferences", validate_totals=False)
    assert (await _make(wire, Amount=1))["Amount"] == 372


async def test_a_bill_goes_back_to_hold_and_leaves_it_again(wire: Wire) -> None:
    made = await _make(wire)
    assert (await _changed(wire, made, Hold=True))["Status"] == "On Hold"
    assert (await _changed(wire, made, Hold=False))["Status"] == "Balanced"


async def test_with_an_approval_map_a_bill_waits(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    made = await _make(wire)
    assert (made["Status"], made["Hold"]) == ("On Hold", True)
    assert (await _changed(wire, made, Hold=False))["Status"] == "Pending Approval"
    reply = await wire.post("Bill/ReleaseBill", _keys(made))
    assert (reply.status, reply.kind) == (500, "PXInvalidOperationException")
    assert (await _change(wire, made, Description="Changed")).status == 422
    assert (await _act(wire, "Approve", made)).status == 204
    assert (await _read(wire, made))["Status"] == "Balanced"
    assert (await _act(wire, "ReleaseBill", made)).status == 204


async def test_a_rejected_bill_goes_back_to_hold_only(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    made = await _make(wire)
    await _changed(wire, made, Hold=False)
    await wire.control("reject", number=made["ReferenceNbr"])
    assert (await _read(wire, made))["Status"] == "Rejected"
    assert (await _act(wire, "ReleaseBill", made)).status == 500
    assert (await _changed(wire, made, Hold=True))["Status"] == "On Hold"
    assert (await _changed(wire, made, Hold=False))["Status"] == "Pending Approval"


async def test_tax_is_rounded_once_for_each_tax(wire: Wire) -> None:
    lines = [_line(ExtendedCost=0.03) for _ in range(3)] + [_line(ExtendedCost=1, TaxCategory="VAT10")]
    made = await _make(wire, Details=lines, Amount=1.21)
    assert {tax["TaxID"]: tax["TaxAmount"] for tax in made["TaxDetails"]} == {
        "VAT24": Decimal("0.02"),
        "VAT10": Decimal("0.1"),
    }
    assert (made["Status"], made["TaxTotal"]) == ("Balanced", Decimal("0.12"))


async def test_the_tax_zone_is_the_vendors_unless_a_custom_field_says_otherwise(wire: Wire) -> None:
    zone = {"CurrentDocument": {"TaxZoneID": {"type": "CustomStringField", "value": "FOREIGN"}}}
    made = await _make(wire, Amount=300, custom=zone)
    assert (made["TaxTotal"], made["TaxDetails"]) == (0, [])
    shown = await wire.get(f"Bill/{made['id']}", custom="CurrentDocument.TaxZoneID")
    assert shown.body["custom"]["CurrentDocument"]["TaxZoneID"]["value"] == "FOREIGN"
    zone["CurrentDocument"]["TaxZoneID"]["value"] = "MOON"
    assert "Tax Zone" in (await _refused(wire, custom=zone)).body["error"]


async def test_taxes_are_taken_as_given_where_they_are_valid(wire: Wire) -> None:
    taxes = [wrapped(TaxID="VAT24", TaxableAmount=300, TaxAmount=71.99)]
    made = await _make(wire, Amount=371.99, IsTaxValid=True, TaxDetails=taxes)
    assert (made["TaxTotal"], made["Balance"]) == (Decimal("71.99"), Decimal("371.99"))
    kept = await _changed(wire, made, Description="Still as given")
    assert kept["TaxTotal"] == Decimal("71.99")
    reply = await _refused(wire, IsTaxValid=True, TaxDetails=[wrapped(TaxID="T99", TaxAmount=72)])
    assert "'Tax ID' cannot be found" in _fault(reply, "TaxDetails/0/TaxID")


async def test_taxes_that_are_sent_without_the_switch_are_computed_all_the_same(wire: Wire) -> None:
    made = await _make(wire, TaxDetails=[wrapped(TaxID="VAT24", TaxableAmount=300, TaxAmount=1)])
    assert made["TaxTotal"] == 72


async def test_the_oldest_endpoint_knows_no_valid_taxes() -> None:
    async with Wire(version="22.200.001") as wire:
        taxes = [wrapped(TaxID="VAT24", TaxableAmount=300, TaxAmount=71.99)]
        made = await _make(wire, IsTaxValid=True, TaxDetails=taxes)
        assert made["TaxTotal"] == 72
        assert "IsTaxValid" not in made


async def test_the_due_date_follows_from_the_terms_unless_it_is_sent(wire: Wire) -> None:
    today = wire.company.today
    made = await _make(wire, Terms="45D", Date=today.isoformat())
    assert made["DueDate"][:10] == (today + timedelta(days=45)).isoformat()
    assert (await _changed(wire, made, Terms="7D"))["DueDate"][:10] == (today + timedelta(days=7)).isoformat()
    assert (await _changed(wire, made, DueDate="2031-01-01"))["DueDate"][:10] == "2031-01-01"


async def test_a_vendor_brings_currency_terms_and_subaccount(wire: Wire) -> None:
    vendor = next(each for each in wire.company.vendors if each.default_dimensions and each.currency == "SEK")
    made = await _make(wire, Vendor=vendor.number, CurrencyID=None)
    assert (made["CurrencyID"], made["Terms"]) == ("SEK", vendor.payment_term)
    dimensions = dict(vendor.default_dimensions)
    assert made["Details"][0]["Subaccount"] == f"{dimensions.get('DEPARTMENT', '0000')}-{dimensions['AREA']}"


async def test_a_currency_must_be_the_vendors_where_it_cannot_be_overridden(wire: Wire) -> None:
    await wire.control("vendors", number=wire.vendor(), EnableCurrencyOverride=False)
    assert "cannot be changed" in _fault(await _refused(wire, CurrencyID="SEK"), "CurrencyID")
    assert (await _make(wire, CurrencyID="EUR"))["Status"] == "Balanced"


async def test_the_business_date_is_the_date_where_none_is_sent(wire: Wire) -> None:
    day = wire.company.today - timedelta(days=9)
    reply = await wire.put("Bill", _body(wire), PX_CbApiBusinessDate=day.isoformat())
    assert reply.body["Date"]["value"][:10] == day.isoformat()


async def test_a_subaccount_may_come_without_its_separator(wire: Wire) -> None:
    made = await _make(wire, Details=[_line(Subaccount="d010a01", ExtendedCost=300)])
    assert made["Details"][0]["Subaccount"] == "D010-A01"


async def test_a_project_brings_its_default_task(wire: Wire) -> None:
    lines = [_line(Project="P-003"), _line(Project="P-003", ProjectTask="02", ExtendedCost=200)]
    made = await _make(wire, Details=lines)
    assert [line["ProjectTask"] for line in made["Details"]] == ["01", "02"]


async def test_an_article_brings_account_tax_category_and_text(wire: Wire) -> None:
    item = wire.company.items[0]
    line = wrapped(InventoryID=item.number, Qty=2, UnitCost=50)
    made = (await _make(wire, Details=[line], Amount=124))["Details"][0]
    assert (made["Account"], made["TaxCategory"], made["TransactionDescription"]) == (
        item.account,
        item.tax_group,
        item.name,
    )
    assert (made["ExtendedCost"], made["Amount"], made["UOM"]) == (100, 100, "EA")


async def test_quantity_and_price_make_the_amount_unless_one_is_sent(wire: Wire) -> None:
    priced = _line(ExtendedCost=None, Qty=3, UnitCost=33.335)
    sent = _line(ExtendedCost=50, Qty=4)
    lines = (await _make(wire, Details=[priced, sent], Hold=True))["Details"]
    assert [(line["ExtendedCost"], line["UnitCost"]) for line in lines] == [
        (Decimal("100.01"), Decimal("33.335")),
        (50, Decimal("12.5")),
    ]


async def test_a_note_is_kept_and_replaced(wire: Wire) -> None:
    made = await _make(wire, note="Basware 1")
    assert made["note"] == "Basware 1"
    assert (await _changed(wire, made, Description="x"))["note"] == "Basware 1"
    assert (await _changed(wire, made, note="Basware 2"))["note"] == "Basware 2"


# --- Lines (36, 37) -----------------------------------------------------------------------------------------


async def test_a_line_is_changed_by_its_id_and_taken_away_by_delete(wire: Wire) -> None:
    made = await _make(wire)
    first, second = (line["id"] for line in made["Details"])
    lines = [
        {"id": first, **wrapped(ExtendedCost=150)},
        {"id": second, "delete": True},
        _line(Account="6230", ExtendedCost=50),
    ]
    changed = await _changed(wire, made, Hold=True, Details=lines)
    assert [(line["Account"], line["ExtendedCost"]) for line in changed["Details"]] == [("6110", 150), ("6230", 50)]
    assert changed["Details"][0]["id"] == first
    assert (changed["TaxTotal"], changed["Balance"]) == (48, 248)


async def test_a_line_without_id_is_another_line(wire: Wire) -> None:
    made = await _make(wire, Hold=True)
    assert len((await _changed(wire, made, Details=[_line()]))["Details"]) == 3


async def test_line_ids_are_those_of_the_session(wire: Wire) -> None:
    made = await _make(wire, Hold=True)
    await wire.control("seats", limit=0)
    wire.token = (await wire.grant()).body["access_token"]
    there = await _read(wire, made)
    assert {line["id"] for line in there["Details"]}.isdisjoint({line["id"] for line in made["Details"]})
    stale = [{"id": made["Details"][0]["id"], **wrapped(ExtendedCost=1)}]
    assert (await _change(wire, made, Details=stale)).status == 500
    fresh = [{"id": there["Details"][0]["id"], **wrapped(ExtendedCost=1)}]
    assert (await _changed(wire, made, Details=fresh))["Balance"] == Decimal("249.24")


async def test_many_lines_come_in_parts(wire: Wire) -> None:
    made = await _make(wire, Hold=True, Details=[_line() for _ in range(120)])
    made = await _changed(wire, made, Details=[_line() for _ in range(30)])
    assert (len(made["Details"]), made["Balance"]) == (150, 18600)


def _order(wire: Wire, *, received: bool) -> Order:
    """An open order of several lines, wholly received or not at all."""
    return next(
        order
        for order in wire.company.orders
        if order.status == "Open"
        and len(order.lines) > 1
        and all(bool(line.received) == received for line in order.lines)
    )


async def _order_row(wire: Wire, order: Order) -> dict[str, Any]:
    return await wire.record(f"PurchaseOrder/Normal/{order.number}", expand="Details")


def _of_order(order: Order, **changes: Any) -> dict[str, Any]:
    return wrapped(POOrderType="Normal", POOrderNbr=order.number, **changes)


async def test_an_order_line_brings_everything_along(wire: Wire) -> None:
    order = _order(wire, received=False)
    line = order.lines[1]
    lines = [_of_order(order, POLine=line.line, Qty=1)]
    made = await _make(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=lines, Hold=True)
    (mine,) = made["Details"]
    assert (mine["POOrderNbr"], mine["POLine"], mine["Qty"]) == (order.number, line.line, 1)
    assert (mine["UnitCost"], mine["TaxCategory"]) == (line.unit_cost, line.tax_group)
    assert (mine["TransactionDescription"], mine["InventoryID"]) == (
        line.description,
        line.number if line.kind == "Item" else None,
    )


async def test_an_order_without_a_line_number_brings_all_its_lines(wire: Wire) -> None:
    order = _order(wire, received=False)
    made = await _make(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[_of_order(order)], Hold=True)
    assert [line["POLine"] for line in made["Details"]] == [line.line for line in order.lines]
    assert [line["Qty"] for line in made["Details"]] == [line.quantity for line in order.lines]
    assert sum(line["ExtendedCost"] for line in made["Details"]) == sum(line.net for line in order.lines)


async def test_a_bad_order_reference_is_told_on_its_line(wire: Wire) -> None:
    order = _order(wire, received=False)
    draft = next(each for each in wire.company.orders if each.status == "Draft")
    unknown = {"POOrderType": "Normal", "POOrderNbr": "PO999999"}
    for vendor, line, field in (
        (order.vendor, wrapped(**unknown), "POOrderNbr"),
        (order.vendor, _of_order(order, POLine=7), "POLine"),
        (wire.vendor(place=5), _of_order(order), "POOrderNbr"),
        (draft.vendor, _of_order(draft), "POOrderNbr"),
        (order.vendor, wrapped(POOrderType="Curious", POOrderNbr=order.number), "POOrderType"),
    ):
        assert _fault(await _refused(wire, Vendor=vendor, CurrencyID=None, Details=[line]), f"Details/0/{field}")


async def test_an_order_is_completed_by_receipts_and_closed_by_bills(wire: Wire) -> None:
    order = _order(wire, received=False)
    assert (await _order_row(wire, order))["Status"] == "Open"
    await wire.control("orders", number=order.number, receive=True)
    row = await _order_row(wire, order)
    assert row["Status"] == "Completed"
    assert [line["QtyOnReceipts"] for line in row["Details"]] == [line.quantity for line in order.lines]
    await wire.control("preferences", validate_totals=False)
    bill = await _make(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[_of_order(order)])
    assert (await _order_row(wire, order))["Status"] == "Completed"
    assert (await _act(wire, "ReleaseBill", bill)).status == 204
    row = await _order_row(wire, order)
    assert row["Status"] == "Closed"
    assert all(line["Completed"] for line in row["Details"])
    assert _fault(
        await _refused(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[_of_order(order)]),
        "Details/0/POOrderNbr",
    )


async def test_billing_a_part_leaves_the_order_open(wire: Wire) -> None:
    await wire.control("preferences", validate_totals=False)
    order = _order(wire, received=False)
    line = _of_order(order, POLine=order.lines[0].line, Qty=1)
    await _released(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[line])
    assert (await _order_row(wire, order))["Status"] == "Open"
    shown = await wire.control("orders", number=order.number)
    assert [line["billed"] for line in shown["lines"]][:2] == [1, 0]


async def test_a_receipt_is_billed_line_by_line_or_whole(wire: Wire) -> None:
    order = _order(wire, received=True)
    receipts = await wire.rows("PurchaseReceipt", filter=f"VendorID eq '{order.vendor}'", expand="Details")
    receipt = next(each for each in receipts if each["Details"][0]["POOrderNbr"] == order.number)
    whole = wrapped(POReceiptType="Receipt", POReceiptNbr=receipt["ReceiptNbr"])
    made = await _make(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[whole], Hold=True)
    assert [line["POReceiptLine"] for line in made["Details"]] == [line["LineNbr"] for line in receipt["Details"]]
    assert [line["POLine"] for line in made["Details"]] == [line.line for line in order.lines]
    one = wrapped(POReceiptType="Receipt", POReceiptNbr=receipt["ReceiptNbr"], POReceiptLine=2)
    assert (
        len((await _make(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[one], Hold=True))["Details"])
        == 1
    )
    other = wrapped(POReceiptType="Receipt", POReceiptNbr="RC999999")
    assert _fault(
        await _refused(wire, Vendor=order.vendor, CurrencyID=order.currency, Details=[other]), "Details/0/POReceiptNbr"
    )


async def test_orders_and_receipts_are_entered_by_put_and_billed_by_an_action(wire: Wire) -> None:
    line = wrapped(Account="6110", OrderQty=4, UnitCost=25, TaxCategory="VAT24", LineDescription="Paper")
    body = wrapped(Type="RO", VendorID=wire.vendor(), CurrencyID="EUR", Hold=False, Details=[line])
    order = plain((await wire.put("PurchaseOrder?$expand=Details,TaxDetails", body)).body)
    assert (order["Type"], order["Status"], order["OrderTotal"]) == ("Normal", "Open", 124)
    assert (order["Details"][0]["LineNbr"], order["Details"][0]["Description"]) == (1, "Stationery, domestic")
    part = wrapped(POOrderType="Normal", POOrderNbr=order["OrderNbr"], POLineNbr=1, ReceiptQty=3)
    body = wrapped(Type="Receipt", VendorID=wire.vendor(), VendorRef="R-1", Hold=False, Details=[part])
    receipt = plain((await wire.put("PurchaseReceipt?$expand=Details", body)).body)
    assert (receipt["Status"], receipt["TotalQty"], receipt["TotalCost"]) == ("Balanced", 3, 75)
    named = {"entity": {"id": receipt["id"]}}
    for action in ("ReleasePurchaseReceipt", "CreateAPBill"):
        reply = await wire.post(f"PurchaseReceipt/{action}", named)
        while reply.status == 202:
            reply = await wire.send("GET", reply.headers["Location"])
        assert reply.status == 204
    (bill,) = await wire.bills(vendorInvoiceNumber="R-1")
    assert (bill["status"], bill["net"], bill["rows"][0]["quantity"]) == ("On Hold", 75, 3)
    assert (await wire.record(f"PurchaseOrder/Normal/{order['OrderNbr']}"))["Status"] == "Open"


# --- Released bills and actions (38, 40, 43, 45) ------------------------------------------------------------


async def test_release_answers_202_and_then_204(wire: Wire) -> None:
    await wire.control("actions", polls=2)
    made = await _make(wire)
    reply = await wire.post("Bill/ReleaseBill", _keys(made))
    assert reply.status == 202
    address = reply.headers["Location"]
    assert address.startswith("/acme/entity/Default/24.200.001/Bill/ReleaseBill/status/")
    assert [(await wire.send("GET", address)).status for _ in range(3)] == [202, 202, 204]
    released = await _read(wire, made)
    assert (released["Status"], released["Balance"]) == ("Open", 372)


async def test_release_takes_an_id_and_property_names_in_any_case(wire: Wire) -> None:
    made = await _make(wire)
    assert (await wire.post("Bill/ReleaseBill", {"Entity": {"id": made["id"]}})).status == 202
    assert (await wire.bills(number=made["ReferenceNbr"]))[0]["released"]


async def test_release_may_be_done_at_once_with_an_address_that_leads_nowhere(wire: Wire) -> None:
    await wire.control("actions", immediate=True)
    made = await _make(wire)
    reply = await wire.post("Bill/ReleaseBill", _keys(made))
    assert (reply.status, "Location" in reply.headers) == (204, False)
    await wire.control("actions", immediate=True, location=True)
    reply = await wire.post("Bill/Release", _keys(await _make(wire)))
    assert reply.status == 204
    assert "/status/" not in reply.headers["Location"]


async def test_what_is_on_hold_or_released_cannot_be_released(wire: Wire) -> None:
    on_hold, done = await _make(wire, Hold=True), await _released(wire)
    for bill in (on_hold, done):
        reply = await wire.post("Bill/ReleaseBill", _keys(bill))
        assert (reply.status, reply.kind) == (500, "PXInvalidOperationException")
    assert (await wire.post("Bill/ReleaseFromHold", _keys(on_hold))).status == 404
    assert (await wire.post("Bill/ReleaseBill", {"entity": wrapped(Type="Bill", ReferenceNbr="1")})).status == 500


async def test_a_release_that_fails_says_so_at_its_status_address(wire: Wire) -> None:
    made = await _make(wire)
    later = wire.company.today + timedelta(days=100)
    await wire.control("period", **{"from": later.isoformat(), "to": (later + timedelta(days=30)).isoformat()})
    reply = await _act(wire, "ReleaseBill", made)
    assert reply.status == 500
    assert "financial period is closed" in reply.message
    assert (await _read(wire, made))["Status"] == "Balanced"


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
    made = await _make(wire, Details=[_line(Subaccount="D010-A01", Project="P-003")], Amount=124)
    await wire.control(page, {"number": made["Vendor"], **changes})
    reply = await _act(wire, "ReleaseBill", made)
    assert reply.status == 500
    assert text in reply.message
    assert (await wire.bills(id=made["id"]))[0]["released"] is False


async def test_a_released_bill_is_not_editable(wire: Wire) -> None:
    bill = await _released(wire)
    reply = await _change(wire, bill, Description="Changed", DueDate="2031-01-01")
    assert "cannot be changed" in _fault(reply, "Description")
    assert "Open" in _fault(reply, "DueDate")
    assert (await _change(wire, bill, Details=[_line()])).status == 422
    assert (await _change(wire, bill, Hold=True)).status == 422
    assert (await _change(wire, bill, VendorRef="FP-88213", Hold=False)).status == 200
    assert (await _changed(wire, bill, note="Seen"))["note"] == "Seen"
    assert (await wire.delete(f"Bill/Bill/{bill['ReferenceNbr']}")).status == 500


async def test_a_released_bill_has_a_journal_entry_in_balance(wire: Wire) -> None:
    await _released(wire)
    row = (await wire.rows("JournalTransaction", expand="Details"))[-1]
    assert (row["Module"], row["Status"]) == ("AP", "Posted")
    debit, credit = (sum(line[name] for line in row["Details"]) for name in ("DebitAmount", "CreditAmount"))
    assert debit == credit == 372


async def test_a_bill_that_is_not_released_can_be_deleted(wire: Wire) -> None:
    made = await _make(wire)
    assert (await wire.delete(f"Bill/{made['id']}")).status == 204
    assert await wire.bills(number=made["ReferenceNbr"]) == []
    reply = await wire.get(f"Bill/Bill/{made['ReferenceNbr']}")
    assert (reply.status, reply.kind) == (500, "NoEntitySatisfiesTheConditionException")


async def test_reversing_makes_a_debit_adjustment_on_hold_with_the_same_reference(wire: Wire) -> None:
    await wire.control("duplicates", enabled=True)
    bill = await _released(wire)
    assert (await _act(wire, "ReverseBill", bill)).status == 204
    (found,) = await wire.rows("Bill", filter="VendorRef eq 'FP-88213' and Type eq 'Debit Adj.'")
    assert (found["Status"], found["Balance"], found["Hold"]) == ("On Hold", 372, True)
    assert (await _read(wire, bill))["Status"] == "Open"
    assert (await _act(wire, "ReverseBill", found)).status == 500
    adjusted = await _changed(wire, found, Hold=False)
    assert (await _act(wire, "ReleaseBill", adjusted)).status == 204


async def test_a_debit_adjustment_is_applied_to_a_bill_as_a_check_of_its_number(wire: Wire) -> None:
    bill = await _released(wire)
    note = await _released(wire, Type="ADR", VendorRef="CN-1", Amount=124, Details=[_line()])
    assert (note["Type"], note["Status"]) == ("Debit Adj.", "Open")
    line = wrapped(DocType="Bill", ReferenceNbr=bill["ReferenceNbr"], AmountPaid=124)
    reply = await wire.put("Check", wrapped(Type="Debit Adj.", ReferenceNbr=note["ReferenceNbr"], Details=[line]))
    assert reply.status == 200, reply.body
    assert (await _act(wire, "ReleaseCheck", note, "Check")).status == 204
    assert (await _read(wire, note))["Status"] == "Closed"
    bill = await _read(wire, bill)
    assert (bill["Status"], bill["Balance"]) == ("Open", 248)
    assert [(row["DocType"], row["ReferenceNbr"], row["AmountPaid"]) for row in bill["Applications"]] == [
        ("Debit Adj.", note["ReferenceNbr"], 124)
    ]


async def test_cancelling_reverses_releases_and_applies(wire: Wire) -> None:
    bill = await _released(wire)
    told = await wire.control("cancel", id=bill["id"])
    assert (told["status"], told["remaining"]) == ("Closed", 0)
    (mirror,) = await wire.bills(id=told["mirror"])
    assert (mirror["kind"], mirror["status"], mirror["reverses"]) == ("credit note", "Closed", bill["ReferenceNbr"])


# --- Payments (44) ------------------------------------------------------------------------------------------


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
    bill = await _released(wire)
    check = await _paid(wire, bill, PaymentAmount=372)
    assert (check["Type"], check["Status"], check["UnappliedBalance"]) == ("Payment", "Balanced", 0)
    planned = await _read(wire, bill)
    assert (planned["Status"], planned["Balance"]) == ("Open", 372)
    assert [(row["AmountPaid"], row["Status"]) for row in planned["Applications"]] == [(372, "Balanced")]
    assert (await _act(wire, "ReleaseCheck", check, "Check")).status == 204
    check, after = await _read(wire, check, "Check"), await _read(wire, bill)
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
    bill = await _released(wire)
    check = await _paid(wire, bill, AmountPaid=100)
    await _act(wire, "ReleaseCheck", check, "Check")
    after = await _read(wire, bill)
    assert (after["Status"], after["Balance"]) == ("Open", 272)
    reply = await wire.put("Check", _payment(after, AmountPaid=272.01))
    assert "272" in _fault(reply, "Details/0/AmountPaid")


async def test_voiding_a_payment_opens_the_bill_again(wire: Wire) -> None:
    bill = await _released(wire)
    check = await _paid(wire, bill)
    await _act(wire, "ReleaseCheck", check, "Check")
    assert (await _act(wire, "VoidCheck", check, "Check")).status == 204
    after = await _read(wire, bill)
    assert (after["Status"], after["Balance"], after["Applications"]) == ("Open", 372, [])
    assert (await _read(wire, check, "Check"))["Status"] == "Voided"
    voided = await wire.record(f"Check/Voided%20Payment/{check['ReferenceNbr']}", expand="History")
    assert (voided["PaymentAmount"], voided["History"][0]["AmountPaid"]) == (-372, -372)
    assert (await _act(wire, "VoidCheck", check, "Check")).status == 500


async def test_the_labels_of_payments_differ_by_build(wire: Wire) -> None:
    bill = await _released(wire)
    await wire.control("preferences", payment_label="Check")
    check = await _paid(wire, bill, Type="Payment")
    assert check["Type"] == "Check"
    await _act(wire, "ReleaseCheck", check, "Check")
    await wire.control("unpay", number=bill["ReferenceNbr"])
    assert (await wire.record(f"Check/Voided%20Check/{check['ReferenceNbr']}"))["Status"] == "Closed"
    assert (await wire.put("Check", _payment(bill, Type="Cheque"))).status == 422


async def test_people_pay_in_parts_with_discounts_and_many_at_once(wire: Wire) -> None:
    first, second = await _released(wire), await _released(wire, VendorRef="FP-2")
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
    bill = await _released(wire)
    note = await _released(wire, Type="Debit Adj.", VendorRef="CN-1", Amount=124, Details=[_line()])
    told = await wire.control("pay-many", bills=[bill["id"], note["id"]])
    assert [each["status"] for each in told["bills"]] == ["Closed", "Closed"]
    check = await wire.record(f"Check/Payment/{told['payment']}", expand="History")
    assert (check["PaymentAmount"], check["UnappliedBalance"], check["Status"]) == (248, 0, "Closed")
    await wire.control("unpay", payment=told["payment"])
    assert [(await _read(wire, each))["Balance"] for each in (bill, note)] == [372, 124]


async def test_a_credit_note_is_refunded(wire: Wire) -> None:
    note = await _released(wire, Type="Debit Adj.", VendorRef="CN-1")
    told = await wire.control("pay", id=note["id"])
    assert (told["status"], told["remaining"], told["kind"]) == ("Closed", 0, "credit note")
    told = await wire.control("unpay", id=note["id"])
    assert (told["status"], told["remaining"]) == ("Open", 372)


async def test_a_voided_payment_may_leave_its_row_on_the_bill(wire: Wire) -> None:
    bill = await _released(wire)
    await wire.control("pay", id=bill["id"])
    await wire.control("unpay", id=bill["id"], leave_rows=True)
    after = await _read(wire, bill)
    assert [(row["Status"], row["AmountPaid"]) for row in after["Applications"]] == [("Voided", 372)]
    assert (after["Status"], after["Balance"]) == ("Open", 372)


async def test_a_planned_payment_of_people_leaves_the_balance(wire: Wire) -> None:
    bill = await _released(wire)
    told = await wire.control("pay", id=bill["id"], released=False)
    assert (told["status"], told["remaining"]) == ("Open", 372)
    check = await wire.record(f"Check/Payment/{told['payment']}", expand="Details,History")
    assert (check["Status"], len(check["Details"]), check["History"]) == ("Balanced", 1, [])
    assert (await wire.control("unpay", id=bill["id"]))["remaining"] == 372
    assert (await wire.get(f"Check/Payment/{told['payment']}")).status == 500


async def test_a_payment_whose_bill_was_paid_meanwhile_cannot_be_released(wire: Wire) -> None:
    bill = await _released(wire)
    check = await _paid(wire, bill)
    await wire.control("pay", id=bill["id"])
    reply = await _act(wire, "ReleaseCheck", check, "Check")
    assert reply.status == 500
    assert "smaller balance" in reply.message
    assert (await _read(wire, check, "Check"))["Status"] == "Balanced"


async def test_a_payment_of_nothing_known_is_refused(wire: Wire) -> None:
    bill = await _make(wire)
    body = _payment(bill, Vendor=wire.vendor(place=2), PaymentMethod="GOLD")
    reply = await wire.put("Check", body)
    assert "cannot be found" in _fault(reply, "Details/0/ReferenceNbr")
    assert "'Payment Method' cannot be found" in _fault(reply, "PaymentMethod")
    assert await wire.rows("Check") == []


async def test_a_credit_note_is_set_off_by_people(wire: Wire) -> None:
    bill = await _released(wire)
    note = await _released(wire, Type="Debit Adj.", VendorRef="CN-1", Amount=124, Details=[_line()])
    told = await wire.control("offset", {"with": note["id"]}, id=bill["id"], amount=100)
    assert told["remaining"] == 272
    told = await wire.control("offset", {"with": note["id"]}, id=bill["id"])
    assert told["remaining"] == 248
    (row,) = (await _read(wire, bill))["Applications"]
    assert (row["DocType"], row["AmountPaid"], row["Status"]) == ("Debit Adj.", 124, "Closed")
    assert (await _read(wire, note))["Status"] == "Closed"


async def test_a_planned_payment_can_be_changed_and_deleted(wire: Wire) -> None:
    bill = await _released(wire)
    check = await _paid(wire, bill)
    line = wrapped(DocType="Bill", ReferenceNbr=bill["ReferenceNbr"], AmountPaid=50)
    reply = await wire.put("Check?$expand=Details", wrapped(**{name: check[name] for name in KEYS}, Details=[line]))
    assert [row["AmountPaid"] for row in plain(reply.body)["Details"]] == [50]
    assert (await _read(wire, bill))["Applications"][0]["AmountPaid"] == 50
    assert (await wire.delete(f"Check/Payment/{check['ReferenceNbr']}")).status == 204
    assert (await _read(wire, bill))["Applications"] == []


# --- Files (46) ---------------------------------------------------------------------------------------------


def _address(reply: Reply, name: str) -> str:
    return reply.body["_links"]["files:put"].replace("{filename}", name)


async def _files(wire: Wire, bill_id: str) -> list[dict[str, Any]]:
    return (await wire.get(f"Bill/{bill_id}", expand="files")).body["files"]


async def test_a_file_is_attached_listed_with_its_prefix_and_read_back(wire: Wire) -> None:
    reply = await _put(wire, _body(wire))
    sent = await wire.send("PUT", _address(reply, "in%20voice.pdf"), b"%PDF", headers={"PX-CbFileComment": "Basware"})
    assert sent.status == 204
    (file,) = await _files(wire, reply.body["id"])
    number = reply.body["ReferenceNbr"]["value"]
    assert file["filename"] == f"Bills and Adjustments (INV {number})\\in voice.pdf"
    assert file["comment"] == "Basware"
    assert sent.headers["Location"] == file["href"] == f"/acme/entity/Default/24.200.001/files/{file['id']}"
    assert (await wire.send("GET", file["href"])).body == b"%PDF"
    assert (await wire.bills(number=number))[0]["attachments"] == 1


async def test_the_same_name_again_replaces_the_file(wire: Wire) -> None:
    reply = await _put(wire, _body(wire))
    for data in (b"one", b"two"):
        await wire.send("PUT", _address(reply, "a.pdf"), data)
    await wire.send("PUT", _address(reply, "b.pdf"), b"three")
    files = await _files(wire, reply.body["id"])
    assert len(files) == 2
    assert (await wire.send("GET", files[0]["href"])).body == b"two"


async def test_a_released_bill_takes_files_too_and_so_does_a_line(wire: Wire) -> None:
    reply = await _put(wire, _body(wire))
    await _act(wire, "ReleaseBill", plain(reply.body))
    assert (await wire.send("PUT", _address(reply, "a.pdf"), b"x")).status == 204
    line = reply.body["Details"][0]["_links"]["files:put"].replace("{filename}", "line.pdf")
    assert (await wire.send("PUT", line, b"y")).status == 204
    (bill,) = await wire.bills(id=reply.body["id"])
    assert [file["name"] for file in bill["files"]] == ["a.pdf", "line.pdf"]


async def test_the_older_address_takes_keys_and_no_guid(wire: Wire) -> None:
    made = await _make(wire)
    assert (await wire.send("PUT", f"Bill/Bill/{made['ReferenceNbr']}/files/a.pdf", b"x")).status == 204
    assert (await wire.send("PUT", f"Bill/{made['id']}/files/a.pdf", b"x")).status == 404


async def test_a_file_has_a_largest_size(wire: Wire) -> None:
    reply = await _put(wire, _body(wire))
    assert (await wire.send("PUT", _address(reply, "a.pdf"), b"x" * (25 * 1024 * 1024 + 1))).status == 413


# --- The control pages --------------------------------------------------------------------------------------


async def test_what_is_refused_leaves_no_trace_and_bills_tell_what_stands(wire: Wire) -> None:
    lines = [_line(Subaccount="D010-A01", Project="P-003"), _line(ExtendedCost=-40)]
    made = await _make(wire, Details=lines, Amount=74.4, Description="Office")
    (bill,) = await wire.bills(number=made["ReferenceNbr"])
    assert (bill["id"], bill["company"], bill["kind"], bill["released"]) == (made["id"], CODE, "invoice", False)
    assert (bill["net"], bill["tax"], bill["total"]) == (60, Decimal("14.4"), Decimal("74.4"))
    assert [row["net"] for row in bill["rows"]] == [100, -40]
    assert bill["rows"][0]["dimensions"] == {"Subaccount.1": "D010", "Subaccount.2": "A01", "Project": "P-003"}
    assert (bill["rows"][0]["subaccount"], bill["rows"][0]["taxCategory"]) == ("D010-A01", "VAT24")
    assert date.fromisoformat(bill["postingDate"]) == wire.company.today


async def test_people_change_release_and_remove_bills(wire: Wire) -> None:
    first, second = await _make(wire, Hold=True), await _make(wire)
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
    made = await _make(wire)
    await wire.control("approve", id=made["id"], status=400)
    await _changed(wire, made, Hold=False)
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
