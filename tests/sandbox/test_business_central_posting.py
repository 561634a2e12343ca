"""Purchase documents in the simulated Business Central: posting, payment, orders, files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from business_central_wire import ACME, Wire

from ml_connector.sandbox.company import CodingRow, Invoice, InvoiceKind


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


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
    (bill,) = await wire.bills(id=made["id"])
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
    assert await wire.dimensions(f"purchaseOrders({made['id']})") == {"AREA": "A07"}
    (row,) = (await wire.get(f"purchaseOrders({made['id']})/purchaseOrderLines")).body["value"]
    assert await wire.dimensions(f"purchaseOrderLines({row['id']})") == {}


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
