"""Files and payments in the simulated SAP Business One (dossier 14, 38 and 41 to 45), and its control pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sap_business_one_wire import Reply, Wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


# --- Attachments (38) ---------------------------------------------------------------------------------------


BOUNDARY = "----b1x7"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def _form(*files: tuple[str, bytes], field: str = "files") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: application/pdf\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def _upload(wire: Wire, body: bytes, *, kind: str = FORM, address: str = "Attachments2") -> Reply:
    method = "POST" if address == "Attachments2" else "PATCH"
    return await wire.send(method, address, body, headers={"Content-Type": kind})


async def test_files_are_uploaded_hung_on_an_invoice_and_read_back(wire: Wire) -> None:
    reply = await _upload(wire, _form(("INV 1.pdf", b"%PDF-1"), ("list.v2.csv", b"a;b\r\n\r\nc")))
    assert reply.status == 201
    names = [(line["FileName"], line["FileExtension"]) for line in reply.body["Attachments2_Lines"]]
    assert names == [("INV 1", "pdf"), ("list.v2", "csv")]
    entry = reply.body["AbsoluteEntry"]
    assert (await wire.make(AttachmentEntry=entry))["AttachmentEntry"] == entry
    assert (await wire.bills(vendorInvoiceNumber="FP-88213"))[0]["attachments"] == 2
    assert (await wire.get(f"Attachments2({entry})/$value")).body == b"%PDF-1"
    named = await wire.send("GET", f"Attachments2({entry})/$value?filename='list.v2.csv'")
    assert named.body == b"a;b\r\n\r\nc"
    assert (await wire.refused(AttachmentEntry=999)).code == -2028


async def test_odata_3_gives_the_entry_of_an_upload_as_text() -> None:
    async with Wire(version=1) as wire:
        reply = await _upload(wire, _form(("a.pdf", b"x")))
        entry = reply.body["AbsoluteEntry"]
        assert isinstance(entry, str)
        assert (await wire.make(AttachmentEntry=int(entry)))["AttachmentEntry"] == int(entry)


async def test_a_file_of_the_same_name_takes_the_place_of_the_other(wire: Wire) -> None:
    entry = (await _upload(wire, _form(("a.pdf", b"one")))).body["AbsoluteEntry"]
    address = f"Attachments2({entry})"
    assert (await _upload(wire, _form(("a.pdf", b"two"), ("b.pdf", b"three")), address=address)).status == 204
    stored = await wire.stored(entry, "Attachments2")
    assert [line["FileName"] for line in stored["Attachments2_Lines"]] == ["a", "b"]
    assert (await wire.get(f"{address}/$value")).body == b"two"
    assert (await wire.delete(address)).code == -5006


async def test_uploads_that_are_refused(wire: Wire) -> None:
    quoted = await _upload(wire, _form(("a.pdf", b"x")), kind=f'multipart/form-data; boundary="{BOUNDARY}"')
    assert quoted.status == 405
    other = await _upload(wire, _form(("a.pdf", b"x"), field="file"))
    assert (other.status, other.code) == (400, -1000)
    large = await _upload(wire, _form(("a.pdf", b"x" * (50 * 1024 * 1024))))
    assert large.status == 413
    assert b"<html>" in large.body
    await wire.control("switches", attachments_folder=False)
    missing = await _upload(wire, _form(("a.pdf", b"x")))
    assert (missing.status, missing.code) == (400, -5002)
    assert missing.message.startswith("Attachments folder not defined, or Attachments folder has been changed")


# --- Payments (41-45) ---------------------------------------------------------------------------------------


async def test_a_payment_raises_what_is_paid_and_closes_the_invoice_at_the_full_sum(wire: Wire) -> None:
    made = await wire.make()
    body = {
        "DocType": "rSupplier",
        "CardCode": made["CardCode"],
        "TransferSum": 72,
        "TransferReference": "PAY-1",
        "PaymentInvoices": [
            {"DocEntry": made["DocEntry"], "InvoiceType": "it_PurchaseInvoice", "SumApplied": 72},
        ],
    }
    reply = await wire.post("VendorPayments", body)
    assert reply.status == 201
    assert not {"DocTotal", "UpdateDate", "UpdateTime", "DataVersion", "@odata.etag"} & reply.body.keys()
    assert reply.body["PaymentInvoices"][0]["DocEntry"] == made["DocEntry"]
    part = await wire.stored(made["DocEntry"])
    assert (part["PaidToDate"], part["DocumentStatus"]) == (72, "bost_Open")
    assert part["DataVersion"] > made["DataVersion"]
    await wire.control("pay", id=f"18:{made['DocEntry']}", discount=3, reference="PAY-2")
    whole = await wire.stored(made["DocEntry"])
    assert (whole["PaidToDate"], whole["DocumentStatus"]) == (372, "bost_Close")
    last = (await wire.rows("VendorPayments"))[-1]
    line = last["PaymentInvoices"][0]
    assert (last["TransferSum"], line["SumApplied"], line["TotalDiscount"]) == (297, 297, 3)
    assert last["TransferReference"] == "PAY-2"


async def test_an_invoice_takes_no_more_than_is_open_and_only_of_its_supplier(wire: Wire) -> None:
    made = await wire.make()
    paid = {"DocEntry": made["DocEntry"], "InvoiceType": "it_PurchaseInvoice", "SumApplied": 373}
    body = {"CardCode": made["CardCode"], "TransferSum": 373, "PaymentInvoices": [paid]}
    assert (await wire.post("VendorPayments", body)).code == -5002
    other = {**body, "CardCode": wire.vendor(place=1), "PaymentInvoices": [{**paid, "SumApplied": 1}]}
    assert (await wire.post("VendorPayments", other)).code == -5002
    short = {**body, "TransferSum": 10, "PaymentInvoices": [{**paid, "SumApplied": 11}]}
    assert (await wire.post("VendorPayments", short)).code == -5002
    assert (await wire.stored(made["DocEntry"]))["PaidToDate"] == 0
    assert await wire.rows("VendorPayments") == []


async def test_a_cancelled_payment_stays_one_record_and_the_invoice_opens_again(wire: Wire) -> None:
    made = await wire.make()
    await wire.control("pay", id=f"18:{made['DocEntry']}")
    (payment,) = await wire.rows("VendorPayments")
    assert (await wire.post(f"VendorPayments({payment['DocEntry']})/Cancel")).status == 204
    (after,) = await wire.rows("VendorPayments")
    assert (after["DocEntry"], after["Cancelled"]) == (payment["DocEntry"], "tYES")
    stored = await wire.stored(made["DocEntry"])
    assert (stored["PaidToDate"], stored["DocumentStatus"]) == (0, "bost_Open")
    assert (await wire.post(f"VendorPayments({payment['DocEntry']})/Cancel")).code == -5006


async def test_a_payment_on_account_settles_nothing_until_it_is_reconciled(wire: Wire) -> None:
    made = await wire.make()
    paid = await wire.control("pay", vendor=made["CardCode"], amount=372)
    (payment,) = await wire.rows("VendorPayments")
    assert payment["PaymentInvoices"] == []
    assert (await wire.stored(made["DocEntry"]))["PaidToDate"] == 0
    await wire.control("reconcile", id=f"18:{made['DocEntry']}", **{"with": paid["id"]})
    stored = await wire.stored(made["DocEntry"])
    assert (stored["PaidToDate"], stored["DocumentStatus"]) == (372, "bost_Close")
    assert (await wire.rows("VendorPayments"))[0]["PaymentInvoices"] == []
    (reconciled,) = await wire.rows("InternalReconciliations")
    sources = [(row["SrcObjTyp"], row["SrcObjAbs"]) for row in reconciled["InternalReconciliationRows"]]
    assert sources == [("18", made["DocEntry"]), ("46", payment["DocEntry"])]


async def test_a_credit_note_is_taken_off_a_payment_with_a_negative_sum(wire: Wire) -> None:
    invoice = await wire.make()
    note = await wire.make("PurchaseCreditNotes", NumAtCard="C1", DocumentLines=[wire.line(LineTotal=50)])
    await wire.control("pay-many", bills=[f"18:{invoice['DocEntry']}", f"19:{note['DocEntry']}"])
    (payment,) = await wire.rows("VendorPayments")
    rows = [(row["InvoiceType"], row["SumApplied"]) for row in payment["PaymentInvoices"]]
    assert rows == [("it_PurchaseInvoice", 372), ("it_PurchaseCreditNote", -62)]
    assert payment["TransferSum"] == 310
    for entry, name in ((invoice["DocEntry"], "PurchaseInvoices"), (note["DocEntry"], "PurchaseCreditNotes")):
        assert (await wire.stored(entry, name))["DocumentStatus"] == "bost_Close"
    await wire.control("unpay", id=f"19:{note['DocEntry']}")
    assert (await wire.stored(note["DocEntry"], "PurchaseCreditNotes"))["PaidToDate"] == 0


async def test_a_foreign_invoice_has_its_own_sums_and_is_paid_in_its_currency(wire: Wire) -> None:
    vendor = wire.vendor(currency="USD")
    lines = [wire.line(UnitPrice=100), wire.line(UnitPrice=33.33)]
    for line in lines:
        del line["LineTotal"]
    made = await wire.make(CardCode=vendor, DocCurrency="USD", DocRate=0.5, DocumentLines=lines)
    assert (made["DocTotalFc"], made["VatSumFc"]) == (Decimal("165.33"), Decimal("32.00"))
    assert (made["DocTotal"], made["VatSum"]) == (Decimal("82.67"), Decimal("16.00"))
    assert [line["RowTotalFC"] for line in made["DocumentLines"]] == [100, Decimal("33.33")]
    assert [line["LineTotal"] for line in made["DocumentLines"]] == [50, Decimal("16.67")]
    await wire.control("pay", id=f"18:{made['DocEntry']}", amount=100)
    part = await wire.stored(made["DocEntry"])
    assert (part["PaidToDateFC"], part["PaidToDate"]) == (100, 50)
    await wire.control("pay", id=f"18:{made['DocEntry']}")
    whole = await wire.stored(made["DocEntry"])
    assert (whole["PaidToDateFC"], whole["PaidToDate"]) == (whole["DocTotalFc"], whole["DocTotal"])
    assert whole["DocumentStatus"] == "bost_Close"
    row = (await wire.rows("VendorPayments"))[-1]["PaymentInvoices"][0]
    assert (row["AppliedFC"], row["SumApplied"]) == (Decimal("65.33"), Decimal("32.67"))


async def test_the_rate_table_is_used_where_no_rate_is_sent(wire: Wire) -> None:
    rate = [rate for code, _, rate in wire.company.rates if code == "SEK"][-1]
    made = await wire.make(
        CardCode=wire.vendor(currency="SEK"),
        DocCurrency="SEK",
        DocumentLines=[{"AccountCode": "6110", "UnitPrice": 1000, "VatGroup": "VAT0"}],
    )
    assert (made["DocRate"], made["DocTotalFc"]) == (rate, 1000)
    assert made["DocTotal"] == (rate * 1000).quantize(Decimal("0.01"))


# --- What is there on the first day -------------------------------------------------------------------------


async def test_orders_are_seeded_with_their_receipts(wire: Wire) -> None:
    received = wire.order("Item", received=True)
    (order,) = await wire.rows("PurchaseOrders", filter=f"DocNum eq {received.number.removeprefix('PO')}")
    assert (order["DocType"], order["DocumentStatus"]) == ("dDocument_Items", "bost_Close")
    notes = await wire.rows("PurchaseDeliveryNotes", filter=f"CardCode eq '{received.vendor}'")
    taken = [line for note in notes for line in note["DocumentLines"] if line["BaseEntry"] == order["DocEntry"]]
    assert [line["Quantity"] for line in taken] == [line.received for line in received.lines]
    waiting = wire.order("Account")
    (order,) = await wire.rows("PurchaseOrders", filter=f"DocNum eq {waiting.number.removeprefix('PO')}")
    assert (order["DocType"], order["DocumentStatus"]) == ("dDocument_Service", "bost_Open")
    assert [line["OpenAmount"] for line in order["DocumentLines"]] == [line.net for line in waiting.lines]


async def test_bills_that_were_keyed_by_hand_are_there(wire: Wire) -> None:
    known = {(invoice.vendor, invoice.number, invoice.gross) for invoice in wire.company.already_posted}
    assert {(bill["vendor"], bill["vendorInvoiceNumber"], bill["total"]) for bill in await wire.bills()} == known


# --- The control pages --------------------------------------------------------------------------------------


async def test_bills_tell_what_tests_count(wire: Wire) -> None:
    rule = {"CostingCode": "D010", "CostingCode2": "A03", "ProjectCode": "P-001"}
    made = await wire.make(DocumentLines=[wire.line(**rule), wire.line(LineTotal=-20, VatGroup="VAT10")])
    (bill,) = await wire.bills(vendorInvoiceNumber="FP-88213")
    shown = {name: bill[name] for name in ("id", "number", "vendor", "kind", "status", "currency", "total", "net")}
    assert shown == {
        "id": f"18:{made['DocEntry']}",
        "number": str(made["DocNum"]),
        "vendor": wire.vendor(),
        "kind": "invoice",
        "status": "open",
        "currency": "EUR",
        "total": 102,
        "net": 80,
    }
    assert [(row["account"], row["net"], row["taxCode"], row["base"]) for row in bill["rows"]] == [
        ("6110", 100, "VAT24", None),
        ("6110", -20, "VAT10", None),
    ]
    assert bill["rows"][0]["dimensions"] == {"1": "D010", "2": "A03", "Project": "P-001"}
    assert bill["createdAt"].startswith(wire.company.today.isoformat())
    await wire.control("pay", number=bill["number"], kind="invoice")
    assert (await wire.bills(vendorInvoiceNumber="FP-88213"))[0]["status"] == "paid"


async def test_a_bill_closed_by_hand_is_not_paid(wire: Wire) -> None:
    made = await wire.make()
    closed = await wire.control("close", id=f"18:{made['DocEntry']}")
    assert (closed["status"], closed["paid"], closed["remaining"]) == ("closed", 0, 372)
    stored = await wire.stored(made["DocEntry"])
    assert (stored["DocumentStatus"], stored["PaidToDate"]) == ("bost_Close", 0)


async def test_a_credit_note_can_settle_an_invoice_without_a_payment(wire: Wire) -> None:
    invoice = await wire.make()
    note = await wire.make("PurchaseCreditNotes", NumAtCard="C1", DocumentLines=[wire.line()])
    await wire.control("reconcile", id=f"18:{invoice['DocEntry']}", **{"with": f"19:{note['DocEntry']}"})
    bills = {bill["id"]: (bill["status"], bill["paid"]) for bill in await wire.bills()}
    assert bills[f"18:{invoice['DocEntry']}"] == ("open", 124)
    assert bills[f"19:{note['DocEntry']}"] == ("paid", 124)
    assert await wire.rows("VendorPayments") == []


async def test_orders_are_made_changed_received_and_closed_by_people(wire: Wire) -> None:
    line = {"ItemCode": "I0001", "Quantity": 5, "UnitPrice": 2}
    made = await wire.control("orders", number=777, CardCode=wire.vendor(), DocumentLines=[line])
    assert (made["number"], made["status"]) == ("777", "open")
    await wire.control("orders", number=777, DocumentLines=[{"LineNum": 0, "Quantity": 8}])
    received = await wire.control("orders", number=777, receive={"0": 3})
    assert received["lines"] == [{"line": 0, "quantity": 8, "open": 5}]
    assert (await wire.control("orders", {"number": 777, "status": "closed"}))["status"] == "closed"
    assert (await wire.control("orders", {"number": 777, "status": "open"}))["status"] == "open"
    assert (await wire.control("orders", number=777, receive=True))["status"] == "closed"
    refused = await wire.control("orders", {"number": 777, "status": "cancelled"}, status=400)
    assert "not supported" in refused["error"]


async def test_pages_say_what_they_do_not_find(wire: Wire) -> None:
    for page, body in (("pay", {"id": "18:1"}), ("approve", {"draft": 5}), ("unpay", {"payment": 9})):
        assert "There is no" in (await wire.control(page, status=404, **body))["error"]
