"""Purchase documents in the simulated SAP Business One: based, approved, cancelled (dossier 14, 33 to 37)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from sap_business_one_wire import Wire

DUPLICATE = "10001467 - There is already a record with duplicated customer/vendor reference number."


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


# --- Base documents (33) ------------------------------------------------------------------------------------


def _based(order: dict[str, Any], line: int, quantity: float, object_type: int = 22) -> dict[str, Any]:
    return {"BaseType": object_type, "BaseEntry": order["DocEntry"], "BaseLine": line, "Quantity": quantity}


async def test_an_invoice_on_order_lines_lowers_what_is_open_and_closes_what_is_used_up(wire: Wire) -> None:
    order = await wire.order_items()
    items = "dDocument_Items"
    made = await wire.make(DocType=items, DocumentLines=[_based(order, 0, 4), _based(order, 1, 4)])
    assert [(line["ItemCode"], line["UnitPrice"]) for line in made["DocumentLines"]] == [
        ("I0001", Decimal("12.5")),
        ("I0002", 5),
    ]
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
    shown = [(line["RemainingOpenQuantity"], line["LineStatus"]) for line in stored["DocumentLines"]]
    assert shown == [(6, "bost_Open"), (0, "bost_Close")]
    assert stored["DocumentStatus"] == "bost_Open"
    await wire.make(DocType=items, NumAtCard="2", DocumentLines=[_based(order, 0, 6)])
    assert (await wire.stored(order["DocEntry"], "PurchaseOrders"))["DocumentStatus"] == "bost_Close"
    reply = await wire.refused(DocType=items, NumAtCard="3", DocumentLines=[_based(order, 0, 1)])
    assert (reply.code, reply.message) == (-5002, "One of the base documents has already been closed")
    await wire.control("switches", closed_base_code=-10)
    assert (await wire.refused(DocType=items, DocumentLines=[_based(order, 0, 1)])).code == -10


async def test_more_than_is_open_is_refused_also_when_spread_over_lines(wire: Wire) -> None:
    order = await wire.order_items()
    for lines in ([_based(order, 0, 11)], [_based(order, 0, 6), _based(order, 0, 5)]):
        reply = await wire.refused(DocType="dDocument_Items", DocumentLines=lines)
        assert reply.message.startswith("Quantity exceeds the open quantity of the base document [PCH1.Quantity]")


async def test_a_base_must_be_of_the_same_supplier_and_the_same_kind(wire: Wire) -> None:
    order = await wire.order_items()
    other = {"CardCode": wire.vendor(place=1), "DocType": "dDocument_Items"}
    reply = await wire.refused(**other, DocumentLines=[_based(order, 0, 1)])
    assert reply.message == "Base document card and target document card do not match"
    reply = await wire.refused(DocumentLines=[_based(order, 0, 1)])
    assert (reply.code, reply.message[:9]) == (-5002, "234103405")


async def test_what_was_received_is_billed_from_the_receipt(wire: Wire) -> None:
    order = await wire.order_items()
    await wire.control("orders", number=order["DocNum"], receive={"0": 3})
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
    assert stored["DocumentLines"][0]["RemainingOpenQuantity"] == 7
    receipt = (await wire.rows("PurchaseDeliveryNotes"))[-1]
    line = receipt["DocumentLines"][0]
    assert (line["BaseType"], line["BaseEntry"], line["BaseLine"]) == (22, order["DocEntry"], 0)
    reply = await wire.refused(DocType="dDocument_Items", DocumentLines=[_based(order, 0, 8)])
    assert "exceeds" in reply.message
    await wire.make(DocType="dDocument_Items", DocumentLines=[_based(receipt, 0, 3, 20)])
    assert (await wire.stored(receipt["DocEntry"], "PurchaseDeliveryNotes"))["DocumentStatus"] == "bost_Close"


async def test_a_service_order_is_billed_by_sum(wire: Wire) -> None:
    order = await wire.make("PurchaseOrders")
    base = {"BaseType": 22, "BaseEntry": order["DocEntry"]}
    await wire.make(DocumentLines=[{**base, "BaseLine": 0, "LineTotal": 60}])
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
    assert [line["OpenAmount"] for line in stored["DocumentLines"]] == [40, 200]
    rest = [{**base, "BaseLine": 0}, {**base, "BaseLine": 1}]
    made = await wire.make(NumAtCard="2", DocumentLines=rest)
    assert [line["LineTotal"] for line in made["DocumentLines"]] == [40, 200]
    assert (await wire.stored(order["DocEntry"], "PurchaseOrders"))["DocumentStatus"] == "bost_Close"


async def test_a_credit_note_on_an_invoice_settles_it_and_a_closed_invoice_is_no_base(wire: Wire) -> None:
    invoice = await wire.make()
    base = {"BaseType": 18, "BaseEntry": invoice["DocEntry"]}
    note = await wire.make("PurchaseCreditNotes", NumAtCard="C1", DocumentLines=[{**base, "BaseLine": 0}])
    note = await wire.stored(note["DocEntry"], "PurchaseCreditNotes")
    assert (note["DocTotal"], note["PaidToDate"], note["DocumentStatus"]) == (124, 124, "bost_Close")
    assert (await wire.stored(invoice["DocEntry"]))["PaidToDate"] == 124
    await wire.control("pay", id=f"18:{invoice['DocEntry']}")
    rest = [{**base, "BaseLine": 1}]
    reply = await wire.refused("PurchaseCreditNotes", NumAtCard="C2", DocumentLines=rest)
    assert reply.message == "One of the base documents has already been closed"
    unbased = await wire.make("PurchaseCreditNotes", NumAtCard="C2")
    assert (unbased["DocTotal"], unbased["DocumentStatus"]) == (372, "bost_Open")


# --- Duplicates and approval (34-35) ------------------------------------------------------------------------


async def test_duplicates_are_refused_only_where_the_company_says_so(wire: Wire) -> None:
    await wire.make()
    await wire.make()
    await wire.control("duplicates", mode="warning")
    await wire.make()
    await wire.control("duplicates", mode="partner")
    reply = await wire.refused()
    assert (reply.status, reply.code, reply.message) == (400, -5002, DUPLICATE)
    other = wire.vendor(place=1)
    await wire.make(CardCode=other)
    await wire.control("duplicates", mode="all")
    assert (await wire.refused(CardCode=wire.vendor(place=2))).message == DUPLICATE
    for _ in range(2):
        await wire.make(NumAtCard="")
    await wire.make("PurchaseCreditNotes")


async def test_duplicates_of_another_fiscal_year_can_be_let_in(wire: Wire) -> None:
    today = wire.company.today
    await wire.control("period", **{"from": f"{today.year - 1}-01-01", "to": today.isoformat()})
    await wire.make(DocDate=f"{today.year - 1}-12-30")
    await wire.control("duplicates", mode="partner", fiscal_year_only=True)
    await wire.make()
    assert (await wire.refused()).message == DUPLICATE


async def test_a_cancelled_invoice_frees_its_number(wire: Wire) -> None:
    await wire.control("duplicates", mode="partner")
    made = await wire.make()
    await wire.control("cancel", id=f"18:{made['DocEntry']}")
    await wire.make()


async def test_an_approval_procedure_refuses_and_leaves_a_draft_behind(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    reply = await wire.post("PurchaseInvoices", wire.invoice())
    assert (reply.status, reply.code) == (404, -2028)
    assert reply.message == "No matching records found (ODBC -2028)"
    condition = f"DocObjectCode eq 'oPurchaseInvoices' and CardCode eq '{wire.vendor()}' and NumAtCard eq 'FP-88213'"
    (draft,) = await wire.rows("Drafts", filter=condition)
    assert (draft["AuthorizationStatus"], draft["DocumentStatus"]) == ("dasPending", "bost_Open")
    (request,) = await wire.rows("ApprovalRequests", filter=f"DraftEntry eq {draft['DocEntry']}")
    assert (request["ObjectType"], request["Status"]) == ("18", "arsPending")
    assert await wire.rows("PurchaseInvoices", filter="NumAtCard eq 'FP-88213'") == []
    (shown,) = await wire.bills(vendorInvoiceNumber="FP-88213")
    assert (shown["id"], shown["status"]) == (f"112:{draft['DocEntry']}", "draft")

    approved = await wire.control("approve", draft=shown["id"])
    (invoice,) = await wire.rows("PurchaseInvoices", filter="NumAtCard eq 'FP-88213'")
    assert approved["id"] == f"18:{invoice['DocEntry']}"
    assert invoice["AuthorizationStatus"] == "dasGenerated"
    draft = await wire.stored(draft["DocEntry"], "Drafts")
    assert (draft["AuthorizationStatus"], draft["DocumentStatus"]) == ("dasGenerated", "bost_Close")
    request = await wire.stored(request["Code"], "ApprovalRequests")
    assert (request["Status"], request["ObjectEntry"]) == ("arsGenerated", invoice["DocEntry"])
    assert len(await wire.bills(vendorInvoiceNumber="FP-88213")) == 1


@pytest.mark.parametrize(
    ("cancel", "draft_status", "request_status"),
    [(False, "dasRejected", "arsNotApproved"), (True, "dasCancelled", "arsCancelled")],
)
async def test_a_rejected_draft_stays_open(wire: Wire, cancel: bool, draft_status: str, request_status: str) -> None:
    await wire.control("approval", enabled=True)
    await wire.control("switches", approval_status=400)
    assert (await wire.post("PurchaseCreditNotes", wire.invoice())).status == 400
    (draft,) = await wire.rows("Drafts", filter="NumAtCard eq 'FP-88213'")
    assert draft["DocObjectCode"] == "oPurchaseCreditNotes"
    await wire.control("reject", draft=draft["DocEntry"], cancel=cancel)
    draft = await wire.stored(draft["DocEntry"], "Drafts")
    assert (draft["AuthorizationStatus"], draft["DocumentStatus"]) == (draft_status, "bost_Open")
    (request,) = await wire.rows("ApprovalRequests")
    assert request["Status"] == request_status
    body = {"Document": {"DocEntry": draft["DocEntry"]}}
    assert (await wire.post("DraftsService_SaveDraftToDocument", body)).code == -5006
    assert (await wire.delete(f"Drafts({draft['DocEntry']})")).status == 204


async def test_a_draft_can_be_made_on_purpose_and_added_later(wire: Wire) -> None:
    draft = await wire.make("Drafts", DocObjectCode="oPurchaseInvoices", Comments="first")
    assert draft["AuthorizationStatus"] == "dasWithout"
    await wire.patch(f"Drafts({draft['DocEntry']})", {"Comments": "second"})
    body = {"Document": {"DocEntry": draft["DocEntry"]}}
    assert (await wire.post("DraftsService_SaveDraftToDocument", body)).status == 204
    (invoice,) = await wire.rows("PurchaseInvoices", filter="NumAtCard eq 'FP-88213'")
    assert (invoice["Comments"], invoice["DocTotal"]) == ("second", 372)
    assert (await wire.post("DraftsService_SaveDraftToDocument", body)).code == -5006


async def test_an_approved_draft_that_nobody_added_can_be_added_through_the_service(wire: Wire) -> None:
    await wire.control("approval", enabled=True)
    await wire.post("PurchaseInvoices", wire.invoice())
    (draft,) = await wire.rows("Drafts")
    body = {"Document": {"DocEntry": draft["DocEntry"]}}
    assert (await wire.post("DraftsService_SaveDraftToDocument", body)).code == -5006
    await wire.control("approve", draft=draft["DocEntry"], add=False)
    assert (await wire.stored(draft["DocEntry"], "Drafts"))["AuthorizationStatus"] == "dasApproved"
    assert (await wire.post("DraftsService_SaveDraftToDocument", body)).status == 204
    assert len(await wire.bills(vendorInvoiceNumber="FP-88213", status="open")) == 1


# --- Cancelling and lost answers (36-37) --------------------------------------------------------------------


async def test_cancelling_leaves_the_original_and_a_mirror(wire: Wire) -> None:
    made = await wire.make()
    assert (await wire.post(f"PurchaseInvoices({made['DocEntry']})/Cancel")).status == 204
    original, mirror = await wire.rows("PurchaseInvoices", filter="NumAtCard eq 'FP-88213'")
    assert (original["CancelStatus"], original["DocumentStatus"]) == ("csYes", "bost_Close")
    assert (mirror["CancelStatus"], mirror["DocumentStatus"]) == ("csCancellation", "bost_Close")
    assert mirror["DocTotal"] == original["DocTotal"] == 372
    assert mirror["DocNum"] == original["DocNum"] + 1
    assert (original["CancelDate"], mirror["CancelDate"]) == (None, None)
    assert mirror["TransNum"] != original["TransNum"]
    assert (await wire.post(f"PurchaseInvoices({made['DocEntry']})/Cancel")).code == -5006
    assert [bill["status"] for bill in await wire.bills(vendorInvoiceNumber="FP-88213")] == [
        "cancelled",
        "cancellation",
    ]


async def test_a_paid_invoice_cannot_be_cancelled_and_a_cancelled_one_gives_its_base_back(wire: Wire) -> None:
    order = await wire.order_items()
    made = await wire.make(DocType="dDocument_Items", DocumentLines=[_based(order, 0, 4)])
    await wire.control("pay", id=f"18:{made['DocEntry']}", amount=1)
    assert (await wire.post(f"PurchaseInvoices({made['DocEntry']})/Cancel")).code == -5002
    await wire.control("unpay", id=f"18:{made['DocEntry']}")
    assert (await wire.post(f"PurchaseInvoices({made['DocEntry']})/Cancel")).status == 204
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
    assert stored["DocumentLines"][0]["RemainingOpenQuantity"] == 10


async def test_cancelled_and_closed_orders_have_no_mirror(wire: Wire) -> None:
    order = await wire.order_items()
    before = len(await wire.rows("PurchaseOrders"))
    assert (await wire.post(f"PurchaseOrders({order['DocEntry']})/Cancel")).status == 204
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
    assert (stored["Cancelled"], stored["DocumentStatus"]) == ("tYES", "bost_Close")
    assert len(await wire.rows("PurchaseOrders")) == before
    other = await wire.order_items()
    assert (await wire.post(f"PurchaseOrders({other['DocEntry']})/Close")).status == 204
    assert (await wire.post(f"PurchaseOrders({other['DocEntry']})/Reopen")).status == 204
    assert (await wire.stored(other["DocEntry"], "PurchaseOrders"))["DocumentStatus"] == "bost_Open"


async def test_a_post_whose_answer_is_lost_was_done_all_the_same(wire: Wire) -> None:
    fault = {"method": "POST", "path": "/PurchaseInvoices$", "count": 1}
    await wire.send("POST", f"{wire.origin}/_sandbox/faults", {"kind": "lost_reply", **fault})
    with pytest.raises(aiohttp.ClientError):
        await wire.post("PurchaseInvoices", wire.invoice(NumAtCard="L1"))
    page = {"kind": "status_after", "status": 502, "body": "<html>Proxy Error</html>", "content_type": "text/html"}
    await wire.send("POST", f"{wire.origin}/_sandbox/faults", {**page, **fault})
    reply = await wire.post("PurchaseInvoices", wire.invoice(NumAtCard="L2"))
    assert (reply.status, reply.body) == (502, b"<html>Proxy Error</html>")
    for number in ("L1", "L2"):
        assert len(await wire.rows("PurchaseInvoices", filter=f"NumAtCard eq '{number}'")) == 1
