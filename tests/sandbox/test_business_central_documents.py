"""Purchase documents in the simulated Business Central: rules of drafts, lines, dimensions, posting, payment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from business_central_wire import ACME, Wire

from ml_connector.sandbox.company import CodingRow, Invoice, InvoiceKind, Vendor

NOBODY = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def _blocked(wire: Wire, how: str) -> Vendor:
    return next(vendor for vendor in wire.company.vendors if vendor.blocked == how)


async def _bills(wire: Wire, **wanted: Any) -> list[dict[str, Any]]:
    address = f"{wire.origin}/_sandbox/bills?company=1000&rows=true"
    bills = (await wire.send("GET", address)).body["bills"]
    return [bill for bill in bills if all(bill[name] == value for name, value in wanted.items())]


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


async def _dimensions(wire: Wire, parent: str) -> dict[str, str]:
    rows = (await wire.get(f"{parent}/dimensionSetLines")).body["value"]
    return {row["code"]: row["valueCode"] for row in rows}


async def test_defaults_of_vendor_and_account_are_there_already(wire: Wire) -> None:
    await wire.control("accounts", number="6110", defaultDimensions=[{"code": "CAMPAIGN", "value": "C05"}])
    made = await wire.make(vendorNumber=wire.vendor(plain=False))
    header = await _dimensions(wire, f"purchaseInvoices({made['id']})")
    assert header
    line = (await wire.lines(made["id"]))[0]
    assert await _dimensions(wire, f"purchaseInvoiceLines({line['id']})") == {**header, "CAMPAIGN": "C05"}


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
    assert "AREA" not in await _dimensions(wire, parent)
    deep = wire.draft(vendorNumber=wire.vendor(plain=False), dimensionSetLines=[body])
    assert (await wire.post("purchaseInvoices", deep)).status == 400


async def test_header_dimensions_reach_existing_lines_through_shortcuts_only(wire: Wire) -> None:
    made = await wire.make()
    header = f"purchaseInvoices({made['id']})"
    line = f"purchaseInvoiceLines({(await wire.lines(made['id']))[0]['id']})"
    await wire.post(f"{header}/dimensionSetLines", {"code": "DEPARTMENT", "valueCode": "D010"})
    assert (await wire.get(header)).body["shortcutDimension1Code"] == "D010"
    assert await _dimensions(wire, line) == {}
    assert (await wire.patch(header, {"shortcutDimension1Code": "D020"})).status == 200
    assert await _dimensions(wire, line) == {"DEPARTMENT": "D020"}


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


# --- Posting (27-32) ----------------------------------------------------------------------------------------


async def test_a_duplicate_is_noticed_only_when_it_is_posted(wire: Wire) -> None:
    first = await wire.make(vendorInvoiceNumber="dup-1")
    second = await wire.make(vendorInvoiceNumber="DUP-1")
    assert (await wire.post_document(first["id"])).status == 204
    reply = await wire.post_document(second["id"])
    assert (reply.status, reply.code) == (400, "Application_DialogException")
    assert reply.message == "Purchase Invoice DUP-1 already exists for this vendor."
    spanish = await wire.post(f"purchaseInvoices({second['id']})/Microsoft.NAV.post", **{"Accept-Language": "es-ES"})
    assert (spanish.code, "ya existe" in spanish.message) == ("Application_DialogException", True)
    other = next(v.number for v in wire.company.vendors[1:] if not v.blocked and v.currency == "EUR")
    elsewhere = await wire.make(vendorInvoiceNumber="DUP-1", vendorNumber=other)
    assert (await wire.post_document(elsewhere["id"])).status == 204


async def test_a_bill_keyed_by_hand_is_found_and_blocks_its_double(wire: Wire) -> None:
    keyed = wire.company.already_posted[0]
    condition = f"vendorNumber eq '{keyed.vendor}' and vendorInvoiceNumber eq '{keyed.number}'"
    found = await wire.first("purchaseInvoices", condition)
    assert (found["status"], found["totalAmountIncludingTax"]) == ("Open", keyed.gross)
    double = await wire.make(vendorNumber=keyed.vendor, vendorInvoiceNumber=keyed.number)
    assert (await wire.post_document(double["id"])).status == 400


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"vendorInvoiceNumber": ""}, "You need to enter the document number of the document from the vendor"),
        ({"purchaseInvoiceLines": []}, "There is nothing to post because the document does not contain"),
        ({"postingDate": "2001-01-01"}, "Posting Date is not within your range of allowed posting dates."),
    ],
)
async def test_drafts_that_cannot_be_posted_stay_as_they_are(wire: Wire, changes: dict[str, Any], text: str) -> None:
    made = await wire.make(**changes)
    before = (await wire.get(f"purchaseInvoices({made['id']})")).body
    reply = await wire.post_document(made["id"])
    assert (reply.status, reply.code) == (400, "Application_DialogException")
    assert reply.message.startswith(text)
    assert (await wire.get(f"purchaseInvoices({made['id']})")).body == before


async def test_posting_waits_for_approval_and_for_mandatory_dimensions(wire: Wire) -> None:
    made = await wire.make()
    await wire.control("draft", id=made["id"], status="Pending Approval")
    reply = await wire.post_document(made["id"])
    assert reply.message.startswith(f"Purchase Invoice {made['number']} must be approved and released")
    await wire.control("draft", id=made["id"], status="Open")
    rule = {"code": "AREA", "validation": "Code Mandatory"}
    await wire.control("vendors", number=made["vendorNumber"], defaultDimensions=[rule])
    reply = await wire.post_document(made["id"])
    assert reply.message == (
        f"Select a Dimension Value Code for the Dimension Code AREA for Vendor {made['vendorNumber']}."
    )


async def test_a_posted_invoice_keeps_its_id_and_cannot_be_changed(wire: Wire) -> None:
    made = await wire.make()
    draft = (await wire.get(f"purchaseInvoices({made['id']})")).body
    await wire.post_document(made["id"])
    posted = (await wire.get(f"purchaseInvoices({made['id']})")).body
    assert posted["status"] == "Open"
    assert posted["number"] != draft["number"]
    assert posted["@odata.etag"] != draft["@odata.etag"]
    assert posted["lastModifiedDateTime"] >= draft["lastModifiedDateTime"]
    assert (posted["orderNumber"], posted["totalAmountIncludingTax"]) == ("", 372)
    header, text = f"purchaseInvoices({made['id']})", "The invoice has been posted and can no longer be modified."
    line = (await wire.lines(made["id"]))[0]["id"]
    assert (await wire.patch(header, {"dueDate": "2030-01-01"})).message == text
    assert (await wire.post(f"{header}/purchaseInvoiceLines", wire.line())).message == text
    assert (await wire.delete(f"purchaseInvoiceLines({line})")).message == text
    assert (await wire.delete(header)).status == 400
    assert (await wire.post_document(made["id"])).message == "The action can be applied to a draft invoice only."


async def test_a_draft_can_be_deleted(wire: Wire) -> None:
    made = await wire.make()
    assert (await wire.delete(f"purchaseInvoices({made['id']})")).status == 204
    assert (await wire.get(f"purchaseInvoices({made['id']})")).status == 404


async def test_payment_in_full_shows_and_in_part_does_not(wire: Wire) -> None:
    made = await wire.make()
    await wire.post_document(made["id"])
    address = f"purchaseInvoices({made['id']})"
    posted = (await wire.get(address)).body
    part = await wire.control("pay", number=posted["number"], date="2026-11-20", amount=72)
    assert part["remaining"] == 300
    assert (await wire.get(address)).body == posted
    await wire.control("pay", number=posted["number"])
    paid = (await wire.get(address)).body
    assert (paid["status"], paid["@odata.etag"] != posted["@odata.etag"]) == ("Paid", True)
    await wire.control("unpay", id=made["id"])
    assert (await wire.get(address)).body["status"] == "Open"
    await wire.control("cancel", id=made["id"])
    assert (await wire.get(address)).body["status"] == "Canceled"


async def test_credit_memos_post_like_invoices(wire: Wire) -> None:
    today = wire.company.today.isoformat()
    body = {
        "vendorNumber": wire.vendor(),
        "creditMemoDate": today,
        "vendorCreditMemoNumber": "cm-1",
        "currencyCode": "EUR",
        "purchaseCreditMemoLines": [wire.line()],
    }
    made = (await wire.post("purchaseCreditMemos", body)).body
    assert (made["vendorCreditMemoNumber"], made["postingDate"], made["status"]) == ("CM-1", today, "Draft")
    assert (await wire.post_document(made["id"], "purchaseCreditMemos")).status == 204
    (bill,) = await _bills(wire, id=made["id"])
    assert (bill["kind"], bill["status"], bill["total"]) == ("credit note", "Open", 124)
    again = (await wire.post("purchaseCreditMemos", body)).body
    reply = await wire.post_document(again["id"], "purchaseCreditMemos")
    assert reply.message == "Purchase Credit Memo CM-1 already exists for this vendor."
    empty = (await wire.post("purchaseCreditMemos", {**body, "purchaseCreditMemoLines": []})).body
    reply = await wire.post_document(empty["id"], "purchaseCreditMemos")
    assert reply.message == "Please add at least one line item to the credit memo."
    cancel = f"purchaseCreditMemos({made['id']})/Microsoft.NAV.cancel"
    assert [(await wire.post(cancel)).status for _ in range(2)] == [204, 400]


async def test_the_account_ledger_balances(wire: Wire) -> None:
    made = await wire.make(currencyCode="USD")
    await wire.post_document(made["id"])
    number = (await wire.get(f"purchaseInvoices({made['id']})")).body["number"]
    entries = (await wire.get("generalLedgerEntries", filter=f"documentNumber eq '{number}'")).body["value"]
    difference = sum(entry["debitAmount"] - entry["creditAmount"] for entry in entries)
    assert len(entries) == 4
    assert abs(difference) <= Decimal("0.02")


# --- Orders, attachments (33, 34) ---------------------------------------------------------------------------


async def test_orders_show_their_status_lines_and_receipts(wire: Wire) -> None:
    orders = (await wire.get("purchaseOrders", expand="purchaseOrderLines")).body["value"]
    assert len(orders) == 84
    assert {order["status"] for order in orders} == {"Open", "Draft", "In_x0020_Review"}
    made = {order.number: order for order in wire.company.orders}
    for order in orders:
        assert [line["sequence"] for line in order["purchaseOrderLines"]] == [
            line.line for line in made[order["number"]].lines
        ]
    receipts = (await wire.get("purchaseReceipts", expand="purchaseReceiptLines", top="5")).body["value"]
    assert all(receipt["orderNumber"] in made for receipt in receipts)
    assert receipts[0]["purchaseReceiptLines"][0]["lineType"] in ("G_x002F_L_x0020_Account", "Item")


async def test_lines_of_an_order_do_not_inherit_dimensions_of_a_deep_insert(wire: Wire) -> None:
    line = {"lineType": "Account", "lineObjectNumber": "6110", "quantity": 1, "directUnitCost": 10}
    body = {
        "vendorNumber": wire.vendor(),
        "dimensionSetLines": [{"code": "AREA", "valueCode": "A07"}],
        "purchaseOrderLines": [line],
    }
    made = (await wire.post("purchaseOrders", body)).body
    assert await _dimensions(wire, f"purchaseOrders({made['id']})") == {"AREA": "A07"}
    (row,) = (await wire.get(f"purchaseOrders({made['id']})/purchaseOrderLines")).body["value"]
    assert await _dimensions(wire, f"purchaseOrderLines({row['id']})") == {}


async def test_an_order_needs_the_vendor_s_number_and_is_gone_once_invoiced(wire: Wire) -> None:
    order = next(order for order in wire.company.orders if order.status == "Open")
    today = wire.company.today
    await wire.control("period", **{"from": (today - timedelta(days=400)).isoformat(), "to": date.max.isoformat()})
    row = await wire.first("purchaseOrders", f"number eq '{order.number}'")
    address = f"purchaseOrders({row['id']})"
    action = f"{address}/Microsoft.NAV.receiveAndInvoice"
    refused = await wire.post(action)
    assert refused.message.startswith("You need to enter the document number of the document from the vendor")
    await wire.control("orders", number=order.number, vendorInvoiceNumber="ORD-1")
    assert (await wire.post(action)).status == 204
    assert (await wire.get(address)).status == 404
    invoice = await wire.first("purchaseInvoices", "vendorInvoiceNumber eq 'ORD-1'")
    assert (invoice["orderNumber"], invoice["orderId"]) == (order.number, row["id"])


async def test_attachments_take_two_steps_and_survive_posting(wire: Wire) -> None:
    made = await wire.make()
    body = {"parentType": "Purchase Invoice", "parentId": made["id"], "fileName": "FP.pdf"}
    for entity_set in ("attachments", "documentAttachments"):
        entry = (await wire.post(entity_set, body)).body
        assert entry["byteSize"] == 0
        link = entry["attachmentContent@odata.mediaEditLink"]
        sent = await wire.send("PATCH", link, b"%PDF-1.4", headers={"If-Match": "*"})
        assert sent.status == 204
        assert (await wire.send("GET", link)).body == b"%PDF-1.4"
    await wire.post_document(made["id"])
    condition = f"parentId eq {made['id']} and parentType eq 'Purchase Invoice'"
    assert (await wire.first("documentAttachments", condition))["byteSize"] == 8
    below = await wire.get(f"purchaseInvoices({made['id']})/attachments")
    assert [row["fileName"] for row in below.body["value"]] == ["FP.pdf"]


async def test_vendors_have_document_attachments_only(wire: Wire) -> None:
    vendor = (await wire.get("vendors", top="1")).body["value"][0]
    body = {"parentType": "Vendor", "parentId": vendor["id"], "fileName": "contract.pdf"}
    refused = await wire.post("attachments", body)
    assert refused.message == "Parent type Vendor is not supported. Use documentAttachments API instead."
    assert (await wire.post("documentAttachments", body)).status == 201


_TAXES = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}
_LEDGER_REFUSES = {
    "vendor-unknown",
    "vendor-blocked",
    "account-unknown",
    "account-blocked",
    "account-heading",
    "account-no-direct-posting",
    "dimension-unknown",
    "dimension-blocked",
    "tax-code-unknown",
    "rate-missing",
    "currency-unknown",
    "period-closed",
    "number-too-long",
    "number-missing",
    "no-coding",
    "posted-by-somebody-else",
}
"""What the ledger itself will not take; the other troubles are for the connector to see."""


def _line(row: CodingRow, sign: int, *, dimensions: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "lineType": "Account",
        "lineObjectNumber": row.account,
        "quantity": 1,
        "unitCost": float(row.net * sign),
        "taxCode": _TAXES.get(row.tax_code, row.tax_code),
    }
    if dimensions:
        line["dimensionSetLines"] = [{"code": code, "valueCode": value} for code, value in row.dimensions]
    return line


def _body(invoice: Invoice) -> tuple[str, dict[str, Any]]:
    """The document a connector would make of an invoice."""
    credit = invoice.kind is InvoiceKind.CREDIT_NOTE
    entity_set = "purchaseCreditMemos" if credit else "purchaseInvoices"
    dimensions = invoice.case.startswith("dimension-")
    return entity_set, {
        "vendorNumber": invoice.vendor,
        "creditMemoDate" if credit else "invoiceDate": invoice.invoice_date.isoformat(),
        "postingDate": invoice.voucher_date.isoformat(),
        "vendorCreditMemoNumber" if credit else "vendorInvoiceNumber": invoice.number,
        "currencyCode": invoice.currency,
        f"{entity_set.removesuffix('s')}Lines": [
            _line(row, -1 if invoice.gross < 0 else 1, dimensions=dimensions) for row in invoice.rows
        ],
    }


async def test_every_story_ends_in_the_ledger_as_it_says(wire: Wire) -> None:
    surprises: list[str] = []
    for invoice in wire.company.invoices:
        entity_set, body = _body(invoice)
        made = await wire.post(entity_set, body)
        done = await wire.post_document(made.body["id"], entity_set) if made.status == 201 else made
        posted = done.status == 204
        if invoice.posts and not posted:
            surprises.append(f"{invoice.case}: {done.body}")
        if invoice.posts and posted:
            total = (await wire.get(f"{entity_set}({made.body['id']})")).body["totalAmountIncludingTax"]
            if abs(total - abs(invoice.gross)) > Decimal("0.02"):
                surprises.append(f"{invoice.case}: {total} is not {invoice.gross}")
        if invoice.case in _LEDGER_REFUSES and posted:
            surprises.append(f"{invoice.case} was posted")
    assert surprises == []


async def test_paths_that_lead_nowhere_answer_404(wire: Wire) -> None:
    made = await wire.make()
    for tail in ("nothing", "Microsoft.NAV.cancel"):
        reply = await wire.send("POST", f"{ACME}/purchaseInvoices({made['id']})/{tail}")
        assert reply.status == 404
