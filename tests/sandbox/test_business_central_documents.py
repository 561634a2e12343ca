"""Purchase documents in the simulated Business Central: rules of drafts, lines, dimensions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from business_central_wire import Wire

from ml_connector.sandbox.company import Vendor

NOBODY = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def _blocked(wire: Wire, how: str) -> Vendor:
    return next(vendor for vendor in wire.company.vendors if vendor.blocked == how)


# --- Headers (19-21) ----------------------------------------------------------------------------------------


async def test_a_draft_needs_a_vendor_that_exists_and_is_open(wire: Wire) -> None:
    body = wire.draft()
    del body["vendorNumber"]
    reply = await wire.post("purchaseInvoices", body)
    assert (reply.code, reply.message) == (
        "Application_DialogException",
        'A "vendorNumber" or a "vendorID" must be provided.',
    )
    reply = await wire.post("purchaseInvoices", wire.draft(vendorNumber="NOBODY"))
    assert reply.message == "The vendor cannot be found."
    vendor = _blocked(wire, "All")
    reply = await wire.post("purchaseInvoices", wire.draft(vendorNumber=vendor.number))
    assert reply.message == (
        f"You cannot create this type of document when Vendor {vendor.number} is blocked with type All"
    )


async def test_a_vendor_blocked_for_payment_can_be_billed(wire: Wire) -> None:
    made = await wire.make(vendorNumber=_blocked(wire, "Payment").number)
    assert (await wire.post_document(made["id"])).status == 204


async def test_vendor_id_wins_over_vendor_number_on_invoices_only(wire: Wire) -> None:
    one, two = wire.company.vendors[0].number, wire.company.vendors[1].number
    vendor = await wire.first("vendors", f"number eq '{one}'")
    made = await wire.make(vendorId=vendor["id"], vendorNumber=two)
    assert made["vendorNumber"] == one
    memo = {"vendorId": vendor["id"], "vendorNumber": two}
    refused = await wire.post("purchaseCreditMemos", memo)
    assert refused.message == "The buy-from vendor values do not match to a Vendor."
    refused = await wire.post("purchaseOrders", memo)
    assert refused.message == "The buy-from vendor values do not match to a specific Vendor."


async def test_currency_rules(wire: Wire) -> None:
    own = await wire.make(currencyCode="EUR")
    assert (own["currencyCode"], own["currencyId"]) == ("EUR", "00000000-0000-0000-0000-000000000000")
    unknown = await wire.post("purchaseInvoices", wire.draft(currencyCode="PLN"))
    assert unknown.message == 'The "currencyCode" does not match to a Currency.'
    dollars = await wire.first("currencies", "code eq 'USD'")
    mixed = await wire.post("purchaseInvoices", wire.draft(currencyCode="SEK", currencyId=dollars["id"]))
    assert mixed.message == "The currency values do not match to a specific Currency."
    wrong = await wire.post("purchaseInvoices", wire.draft(currencyId=NOBODY, currencyCode=""))
    assert wrong.message == 'The "currencyId" does not match to a Currency.'
    body = wire.draft(vendorNumber=wire.vendor(currency="USD"))
    del body["currencyCode"]
    inherited = await wire.post("purchaseInvoices", body)
    assert inherited.body["currencyCode"] == "USD"


async def test_dates_follow_from_each_other_and_from_the_terms(wire: Wire) -> None:
    vendor = next(vendor for vendor in wire.company.vendors if vendor.number == wire.vendor())
    days = next(term.days for term in wire.company.payment_terms if term.code == vendor.payment_term)
    invoiced = wire.company.today - timedelta(days=9)
    body = wire.draft(invoiceDate=invoiced.isoformat())
    del body["postingDate"]
    made = (await wire.post("purchaseInvoices", body)).body
    assert made["postingDate"] == invoiced.isoformat()
    assert made["dueDate"] == (invoiced + timedelta(days=days)).isoformat()
    address = f"purchaseInvoices({made['id']})"
    moved = await wire.patch(address, {"invoiceDate": wire.company.today.isoformat()})
    assert moved.body["dueDate"] == (wire.company.today + timedelta(days=days)).isoformat()
    both = await wire.patch(address, {"invoiceDate": invoiced.isoformat(), "dueDate": "2031-01-01"})
    assert both.body["dueDate"] == "2031-01-01"


# --- Lines (22-25) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"lineObjectNumber": "9999"}, "Application_DialogException", "Account does not exist."),
        ({"accountId": NOBODY, "lineObjectNumber": ""}, "Application_DialogException", "Account does not exist."),
        ({"lineType": "Item", "lineObjectNumber": "NONE"}, "Application_DialogException", "Item does not exist."),
        (
            {"lineObjectNumber": "6100"},
            "Application_FieldValidationException",
            "Account Type must be equal to 'Posting'  in G/L Account: No.=6100. Current value is 'Heading'.",
        ),
        (
            {"lineObjectNumber": "6990"},
            "Application_FieldValidationException",
            "Blocked must be equal to 'No'  in G/L Account: No.=6990. Current value is 'Yes'.",
        ),
        (
            {"lineObjectNumber": "1410"},
            "Application_FieldValidationException",
            "Direct Posting must be equal to 'Yes'  in G/L Account: No.=1410. Current value is 'No'.",
        ),
        ({"sequence": 10000}, "Application_DialogException", "You cannot insert a line with a duplicate sequence"),
        ({"taxCode": "T99"}, "Internal_InvalidTableRelation", "The field VAT Prod. Posting Group of table Purchase"),
        ({"directUnitCost": 1}, "BadRequest", "The property 'directUnitCost' does not exist on type"),
        ({"taxPercent": 24}, "BadRequest", "Control 'taxPercent' is read-only."),
    ],
)
async def test_lines_that_are_refused(wire: Wire, changes: dict[str, Any], code: str, text: str) -> None:
    made = await wire.make()
    reply = await wire.post(f"purchaseInvoices({made['id']})/purchaseInvoiceLines", wire.line(**changes))
    assert (reply.status, reply.code) == (400, code)
    assert reply.message.startswith(text)
    assert len(await wire.lines(made["id"])) == 2


async def test_a_line_is_about_an_account_or_an_item_not_both(wire: Wire) -> None:
    made = await wire.make()
    account = await wire.first("accounts", "number eq '6110'")
    item = (await wire.get("items", top="1")).body["value"][0]
    address = f"purchaseInvoices({made['id']})/purchaseInvoiceLines"
    both = await wire.post(address, {"accountId": account["id"], "itemId": item["id"]})
    assert both.message == 'Both "itemId" and "accountId" are specified. Specify only one of them.'
    by_item = await wire.post(address, {"itemId": item["id"], "quantity": 2, "unitCost": 5})
    assert (by_item.body["lineType"], by_item.body["lineObjectNumber"]) == ("Item", item["number"])
    comment = await wire.post(address, {"description": "As agreed"})
    assert (comment.body["lineType"], comment.body["sequence"]) == ("Comment", 40000)


async def test_what_identifies_a_line_cannot_change(wire: Wire) -> None:
    made = await wire.make()
    address = f"purchaseInvoiceLines({(await wire.lines(made['id']))[0]['id']})"
    texts = {
        "lineObjectNumber": ("6210", 'The value for "lineObjectNumber" cannot be modified.'),
        "documentId": (NOBODY, 'The value for "documentId" cannot be modified.'),
        "sequence": (5, "The value for sequence cannot be modified. Delete and insert the line again."),
    }
    for name, (value, text) in texts.items():
        assert (await wire.patch(address, {name: value})).message == text
    blanked = await wire.patch(address, {"lineType": "Item"})
    assert blanked.body["lineObjectNumber"] == ""


async def test_a_currency_without_a_rate_lets_the_header_in_but_no_line(wire: Wire) -> None:
    header = await wire.post("purchaseInvoices", wire.draft(currencyCode="DKK", purchaseInvoiceLines=[]))
    assert header.status == 201
    address = f"purchaseInvoices({header.body['id']})/purchaseInvoiceLines"
    reply = await wire.post(address, wire.line())
    assert reply.status == 400
    assert reply.message.startswith("Currency Factor must have a value in Purchase Header: Document Type=Invoice")
    assert (await wire.post("purchaseInvoices", wire.draft(currencyCode="DKK"))).status == 400


async def test_a_released_draft_takes_no_lines(wire: Wire) -> None:
    made = await wire.make()
    await wire.control("draft", id=made["id"], status="Released")
    reply = await wire.post(f"purchaseInvoices({made['id']})/purchaseInvoiceLines", wire.line())
    assert reply.message.startswith("Status must be equal to 'Open'  in Purchase Header: Document Type=Invoice")


async def test_tax_code_is_written_as_group_and_read_as_identifier(wire: Wire) -> None:
    made = await wire.make()
    lines = await wire.lines(made["id"])
    assert [(line["taxCode"], line["taxPercent"]) for line in lines] == [("24%", 24), ("24%", 24)]
    back = await wire.patch(f"purchaseInvoiceLines({lines[0]['id']})", {"taxCode": "24%"})
    assert back.code == "Internal_InvalidTableRelation"


async def test_totals_are_rounded_once_per_rate(wire: Wire) -> None:
    lines = [wire.line(unitCost=33.33) for _ in range(3)] + [wire.line(unitCost=10, taxCode="VAT10")]
    made = await wire.make(purchaseInvoiceLines=lines)
    header = (await wire.get(f"purchaseInvoices({made['id']})")).body
    assert header["totalAmountExcludingTax"] == Decimal("109.99")
    assert header["totalTaxAmount"] == Decimal(25)
    assert header["totalAmountIncludingTax"] == Decimal("134.99")


async def test_discount_and_prices_including_tax(wire: Wire) -> None:
    line = wire.line(unitCost=124, quantity=2, discountPercent=50)
    made = await wire.make(pricesIncludeTax=True, purchaseInvoiceLines=[line])
    header = (await wire.get(f"purchaseInvoices({made['id']})")).body
    assert (header["totalAmountExcludingTax"], header["totalTaxAmount"]) == (100, 24)


# --- Dimensions (26) ----------------------------------------------------------------------------------------


async def test_defaults_of_vendor_and_account_are_there_already(wire: Wire) -> None:
    await wire.control("accounts", number="6110", defaultDimensions=[{"code": "CAMPAIGN", "value": "C05"}])
    made = await wire.make(vendorNumber=wire.vendor(plain=False))
    header = await wire.dimensions(f"purchaseInvoices({made['id']})")
    assert header
    line = (await wire.lines(made["id"]))[0]
    assert await wire.dimensions(f"purchaseInvoiceLines({line['id']})") == {**header, "CAMPAIGN": "C05"}


async def test_a_dimension_that_is_there_is_patched_not_posted(wire: Wire) -> None:
    made = await wire.make(vendorNumber=wire.vendor(plain=False))
    parent = f"purchaseInvoices({made['id']})"
    body = {"code": "AREA", "valueCode": "A11"}
    twice = await wire.post(f"{parent}/dimensionSetLines", body)
    assert twice.message.startswith("The dimension set line already exists.")
    (area,) = [row for row in (await wire.get(f"{parent}/dimensionSetLines")).body["value"] if row["code"] == "AREA"]
    address = f"{parent}/dimensionSetLines({area['id']})"
    renamed = await wire.patch(address, {"code": "PROJECT"})
    assert renamed.message == 'The "id" and "code" fields cannot be modified.'
    assert (await wire.patch(address, {"valueCode": "A11"})).body["valueCode"] == "A11"
    assert (await wire.delete(address)).status == 204
    assert "AREA" not in await wire.dimensions(parent)
    deep = wire.draft(vendorNumber=wire.vendor(plain=False), dimensionSetLines=[body])
    assert (await wire.post("purchaseInvoices", deep)).status == 400


async def test_header_dimensions_reach_existing_lines_through_shortcuts_only(wire: Wire) -> None:
    made = await wire.make()
    header = f"purchaseInvoices({made['id']})"
    line = f"purchaseInvoiceLines({(await wire.lines(made['id']))[0]['id']})"
    await wire.post(f"{header}/dimensionSetLines", {"code": "DEPARTMENT", "valueCode": "D010"})
    assert (await wire.get(header)).body["shortcutDimension1Code"] == "D010"
    assert await wire.dimensions(line) == {}
    assert (await wire.patch(header, {"shortcutDimension1Code": "D020"})).status == 200
    assert await wire.dimensions(line) == {"DEPARTMENT": "D020"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"valueCode": "D010"}, 'The "id" or "code" field must be filled in.'),
        ({"code": "DEPARTMENT"}, 'The "valueId" or "valueCode" field must be filled in.'),
        ({"code": "NONE", "valueCode": "D010"}, 'The "code" does not match to a Dimension.'),
        ({"code": "DEPARTMENT", "valueCode": "P-001"}, 'The "valueCode" does not match to a Dimension Value.'),
    ],
)
async def test_dimensions_that_are_refused(wire: Wire, body: dict[str, str], text: str) -> None:
    made = await wire.make()
    assert (await wire.post(f"purchaseInvoices({made['id']})/dimensionSetLines", body)).message == text


async def test_a_blocked_value_passes_as_set_line_and_fails_as_shortcut(wire: Wire) -> None:
    made = await wire.make()
    header = f"purchaseInvoices({made['id']})"
    text = "Dimension Value DEPARTMENT - D450 is blocked."
    assert (await wire.patch(header, {"shortcutDimension1Code": "D450"})).message == text
    line = f"purchaseInvoiceLines({(await wire.lines(made['id']))[0]['id']})"
    added = await wire.post(f"{line}/dimensionSetLines", {"code": "DEPARTMENT", "valueCode": "D450"})
    assert added.status == 201
    assert (await wire.post_document(made["id"])).message == text
