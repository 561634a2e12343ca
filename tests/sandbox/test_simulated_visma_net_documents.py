"""The simulated Visma.net: changes by PUT, files, payments, and what people do in the screens (dossier 17, 25-42)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from visma_net_wire import CODE, Reply, Wire

BALANCED = "/v1/supplierInvoice/Invoice/300001"
OPEN = "/v1/supplierInvoice/Invoice/300002"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def wrapped(**values: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in values.items()}


async def upload(wire: Wire, address: str, name: str | None, content: bytes) -> Reply:
    with aiohttp.MultipartWriter("form-data") as form:
        part = form.append(content, {"Content-Type": "application/pdf"})  # type: ignore[arg-type]
        part.set_content_disposition("form-data", name="v", **({"filename": name} if name else {}))
    return await wire.send("POST", address, data=form)


# --- Changes (25-29, 37, 41) --------------------------------------------------------------------------------


async def test_25_a_bare_scalar_is_refused_and_a_wrapped_one_is_taken(wire: Wire) -> None:
    refused = await wire.put(BALANCED, {"note": "bare"})
    assert (refused.status, "note" in refused.message) == (400, True)
    assert (await wire.put(BALANCED, {"description": {"value": {"deep": 1}}})).status == 400
    assert (await wire.put(BALANCED, wrapped(note="wrapped"))).status == 204
    assert (await wire.get(BALANCED)).body["note"] == "wrapped"


async def test_26_unknown_members_are_ignored(wire: Wire) -> None:
    before = (await wire.get(BALANCED)).body
    assert (await wire.put(BALANCED, {"documentTypeId": {"value": "DebitAdj"}, "noot": "x"})).status == 204
    after = (await wire.get(BALANCED)).body
    assert {**after, "lastModifiedDateTime": "", "timeStamp": ""} == {
        **before,
        "lastModifiedDateTime": "",
        "timeStamp": "",
    }


async def test_28_a_change_has_no_body_and_a_new_tag_and_leaves_the_rest(wire: Wire) -> None:
    before = await wire.get(BALANCED)
    done = await wire.put(BALANCED, wrapped(note="Approved."))
    assert (done.status, done.body) == (204, b"")
    after = await wire.get(BALANCED)
    assert done.headers["ETag"] == after.headers["ETag"] != before.headers["ETag"]
    changed = {name for name in after.body if after.body[name] != before.body.get(name)}
    assert changed == {"note", "lastModifiedDateTime", "timeStamp"}


async def test_28_lines_are_addressed_by_operation_and_number(wire: Wire) -> None:
    lines = [{"text": "One", "net": 100}, {"text": "Two", "net": 50}]
    await wire.control("invoices", number="L1", supplier="V000001", lines=lines)
    address = "/v1/supplierInvoice/Invoice/L1"
    update = {"operation": "Update", **wrapped(lineNumber=2, costInCurrency=60)}
    assert (await wire.put(address, {"invoiceLines": [update]})).status == 204
    changed = (await wire.get(address)).body
    assert [line["cost"] for line in changed["invoiceLines"]] == [100, 60]
    assert (changed["amount"], changed["vatAmount"]) == (Decimal("198.4"), Decimal("38.4"))
    delete = {"operation": "Delete", **wrapped(lineNumber="1")}
    assert (await wire.put(address, {"invoiceLines": [delete]})).status == 204
    assert [line["lineNumber"] for line in (await wire.get(address)).body["invoiceLines"]] == [2]
    unclear = {"invoiceLines": [wrapped(lineNumber=2, note="x")]}
    assert (await wire.put(address, unclear)).status == 400


async def test_29_the_lock_refuses_an_outdated_change_and_leaves_everything(wire: Wire) -> None:
    tag = (await wire.get(BALANCED)).headers["ETag"]
    assert (await wire.put(BALANCED, wrapped(note="first"), If_Match=tag)).status == 204
    assert (await wire.put(BALANCED, wrapped(note="second"), If_Match=tag)).status == 412
    assert (await wire.get(BALANCED)).body["note"] == "first"
    assert (await wire.put(BALANCED, wrapped(note="third"))).status == 204


async def test_31_a_lookup_failure_names_field_and_value(wire: Wire) -> None:
    refused = await wire.put(BALANCED, wrapped(creditTermsId="NONE"))
    assert refused.status == 400
    assert refused.message.endswith("TermsID 'NONE' cannot be found in the system.")


async def test_34_periods_have_two_forms_and_closed_ones_are_refused(wire: Wire) -> None:
    year = wire.company.today.year
    assert (await wire.put(BALANCED, wrapped(postPeriod=f"{year}12"))).status == 400
    assert (await wire.put(BALANCED, wrapped(financialPeriod=f"{year}12"))).status == 204
    assert (await wire.get(BALANCED)).body["postPeriod"] == f"12{year}"
    assert (await wire.put(BALANCED, wrapped(financialPeriod=f"{year - 1}01"))).status == 400


async def test_35_totals_that_do_not_match_keep_a_document_on_hold(wire: Wire) -> None:
    await wire.control("preferences", validate_totals=True)
    await wire.control("invoices", number="H1", supplier="V000001", hold=True, lines=[{"net": 100}])
    address = "/v1/supplierInvoice/Invoice/H1"
    assert (await wire.put(address, wrapped(hold=False, amount=100))).status == 400
    assert (await wire.put(address, wrapped(hold=False, amount=124))).status == 204
    assert (await wire.get(address)).body["status"] == "Balanced"


async def test_37_a_released_document_cannot_be_changed_or_deleted(wire: Wire) -> None:
    refused = await wire.put(OPEN, wrapped(note="late"))
    assert (refused.status, "already released" in refused.message) == (400, True)
    assert (await wire.send("DELETE", OPEN)).status == 400
    assert (await wire.send("DELETE", BALANCED)).status == 204
    assert (await wire.get(BALANCED)).status == 404


async def test_37_where_it_is_switched_on_a_released_document_takes_a_note_and_nothing_else(wire: Wire) -> None:
    await wire.control("preferences", notes_after_release=True)
    assert (await wire.put(OPEN, wrapped(note="late"))).status == 204
    assert (await wire.put(OPEN, wrapped(note="later", description="x"))).status == 400
    assert (await wire.get(OPEN)).body["note"] == "late"


async def test_41_a_supplier_is_changed_in_part_and_never_deleted(wire: Wire) -> None:
    address = "/v1/supplier/V000001"
    before = (await wire.get(address)).body
    body = {
        **wrapped(name="New Name Oy"),
        "mainAddress": {"value": wrapped(city="Oslo", countryId="NO")},
        "supplierPaymentMethodDetails": [
            {
                "paymentMethodDetailDescription": "Account number",
                "paymentMethodDetailValue": {"value": "NO9315030000000"},
            }
        ],
    }
    assert (await wire.put(address, body)).status == 204
    after = (await wire.get(address)).body
    assert (after["name"], after["mainAddress"]["country"]) == ("New Name Oy", {"id": "NO", "name": "Norway"})
    assert after["mainAddress"]["addressLine1"] == before["mainAddress"]["addressLine1"]
    assert after["supplierPaymentMethodDetails"][0]["paymentMethodDetailValue"] == "NO9315030000000"
    assert (await wire.put(address, {"mainAddress": wrapped(city="Oslo")})).status == 400
    assert (await wire.send("DELETE", address)).status == 405


async def test_what_is_not_simulated_says_so(wire: Wire) -> None:
    for address in ("/v1/supplierInvoice", "/v1/supplier", f"{BALANCED}/action/release", "/v1/purchaseorder"):
        refused = await wire.send("POST", address, {})
        assert (refused.status, "not simulate" in refused.message) == (501, True), address


# --- Files (38) ---------------------------------------------------------------------------------------------


async def test_38_a_file_comes_back_byte_for_byte(wire: Wire) -> None:
    content = bytes(range(256)) * 40 + b"\r\n--not-a-boundary\r\n"
    done = await upload(wire, "/v1/supplierInvoice/documentType/DebitAdj/300001/attachment", "scan.pdf", content)
    assert (done.status, done.body) == (201, b"")
    key = done.headers["Location"].rpartition("/")[2]
    assert (await wire.get(f"/v1/attachment/{key}")).body == content
    shown = (await wire.get("/v1/supplierInvoice/DebitAdj/300001")).body["attachments"]
    assert shown[-1] == {"name": "scan.pdf", "id": key, "revision": 1}


async def test_38_the_same_name_again_is_a_new_revision(wire: Wire) -> None:
    address = "/v1/supplierInvoice/300001/attachment"
    first = await upload(wire, address, "scan.pdf", b"one")
    second = await upload(wire, address, "scan.pdf", b"two")
    assert first.headers["Location"] == second.headers["Location"]
    shown = (await wire.get(BALANCED)).body["attachments"]
    assert [each["revision"] for each in shown if each["name"] == "scan.pdf"] == [2]
    assert (await wire.get(f"/v1/attachment/{second.headers['Location'].rpartition('/')[2]}")).body == b"two"


async def test_38_a_file_without_name_or_for_another_type_is_refused(wire: Wire) -> None:
    assert (await upload(wire, "/v1/supplierInvoice/300001/attachment", None, b"x")).status == 400
    assert (await upload(wire, "/v1/supplierInvoice/300001/attachment", "noextension", b"x")).status == 400
    await wire.control("invoices", type="DebitAdj", number="777", supplier="V000001", lines=[{"net": 10}])
    assert (await upload(wire, "/v1/supplierInvoice/777/attachment", "a.pdf", b"x")).status == 404


async def test_seeded_files_are_pdf_and_always_the_same(wire: Wire) -> None:
    kept = (await wire.get(BALANCED)).body["attachments"][0]
    first, second = [(await wire.get(f"/v1/attachment/{kept['id']}")).body for _ in range(2)]
    assert first.startswith(b"%PDF-")
    assert first == second
    assert (await wire.get("/v1/attachment/5d0c1f8e-2f44-4f1c-9a0b-6f2b9e0d7a11")).status == 404


# --- Payments (39, 40) --------------------------------------------------------------------------------------


async def test_39_a_payment_lowers_the_balance_and_closes_at_zero(wire: Wire) -> None:
    total = (await wire.get(OPEN)).body["amount"]
    await wire.control("pay", key="Invoice/300002", amount="10.00")
    partly = (await wire.get(OPEN)).body
    assert (partly["status"], partly["balance"]) == ("Open", total - 10)
    await wire.control("pay", key="Invoice/300002")
    closed = (await wire.get(OPEN)).body
    assert (closed["status"], closed["balance"]) == ("Closed", 0)
    assert closed["closedFinancialPeriod"] == wire.company.today.strftime("%Y%m")
    payments = await wire.rows("/v1/supplierPayment", invoiceRefNbr="300002", pageSize=50)
    assert sum(line["amountPaid"] for each in payments for line in each["paymentLines"]) == total


async def test_39_voiding_the_payment_opens_the_invoice_again_under_the_same_number(wire: Wire) -> None:
    paid = await wire.control("pay", key="Invoice/300002")
    voided = await wire.control("unpay", key="Invoice/300002")
    assert voided["voided"] == [paid["payment"]]
    again = (await wire.get(OPEN)).body
    assert (again["status"], again["balance"]) == ("Open", again["amount"])
    assert "closedFinancialPeriod" not in again
    assert (await wire.get(f"/v1/supplierPayment/VoidPayment/{paid['payment']}")).status == 200
    assert (await wire.get(f"/v1/supplierPayment/{paid['payment']}")).body["status"] == "Voided"


async def test_39_a_credit_note_closes_an_invoice_without_a_payment(wire: Wire) -> None:
    for kind, number in (("Invoice", "900"), ("DebitAdj", "901")):
        made = {"type": kind, "number": number, "supplier": "V000001", "status": "Open", "lines": [{"net": 100}]}
        await wire.control("invoices", made)
    await wire.control("offset", {"key": "Invoice/900", "with": "DebitAdj/901"})
    for key in ("Invoice/900", "DebitAdj/901"):
        assert (await wire.get(f"/v1/supplierInvoice/{key}")).body["status"] == "Closed", key
    assert await wire.rows("/v1/supplierPayment", invoiceRefNbr="900", pageSize=50) == []


@pytest.mark.parametrize("touches", [False, True])
async def test_40_a_payment_moves_the_invoices_stamp_only_where_it_is_switched_on(wire: Wire, touches: bool) -> None:
    await wire.control("preferences", payment_touches_invoice=touches)
    before = (await wire.get(OPEN)).body["lastModifiedDateTime"]
    await wire.control("pay", key="Invoice/300002")
    assert ((await wire.get(OPEN)).body["lastModifiedDateTime"] != before) is touches


# --- What people do -----------------------------------------------------------------------------------------


async def test_the_books_have_invoices_of_every_kind(wire: Wire) -> None:
    bills = await wire.bills()
    statuses = {"Hold", "Balanced", "Open", "Closed", "Voided", "Prebooked", "Scheduled", "Printed"}
    assert {bill["status"] for bill in bills} == statuses
    assert {bill["type"] for bill in bills} == {"Invoice", "DebitAdj"}
    assert len({bill["currency"] for bill in bills}) > 3
    assert any(bill["orders"] for bill in bills)
    assert {len(bill["files"]) for bill in bills} == {0, 1, 2}
    assert len({bill["key"] for bill in bills}) == len(bills)


async def test_sums_agree_in_every_invoice(wire: Wire) -> None:
    for row in await wire.rows("/v1/supplierInvoice", pageSize=500):
        net = sum(line["cost"] for line in row["invoiceLines"])
        tax = sum(line["vatAmount"] for line in row["taxDetailLines"])
        assert (row["detailTotal"], row["vatAmount"], row["amount"]) == (net, tax, net + tax), row["referenceNumber"]
        assert sum(line["taxableAmount"] for line in row["taxDetailLines"]) == net


async def test_order_lines_of_invoices_are_there(wire: Wire) -> None:
    orders = {row["orderNbr"]: row for row in await wire.rows("/v1/purchaseorder", pageSize=500)}
    lines = [line for row in await wire.rows("/v1/supplierInvoice", pageSize=500) for line in row["invoiceLines"]]
    referring = [line for line in lines if line.get("poNumber")]
    assert referring
    for line in referring:
        assert line["poLineNr"] in {each["lineNbr"] for each in orders[line["poNumber"]]["lines"]}


async def test_an_invoice_goes_through_its_states(wire: Wire) -> None:
    made = await wire.control("invoices", supplier="V000001", reference="R-1", hold=True, lines=[{"net": "99.90"}])
    assert (made["status"], made["reference"], made["total"]) == ("Hold", "R-1", Decimal("123.88"))
    states = [
        (await wire.control("hold", key=made["key"], on=False))["status"],
        (await wire.control("release-invoice", key=made["key"]))["status"],
        (await wire.control("void", key=made["key"]))["status"],
    ]
    assert states == ["Balanced", "Open", "Voided"]
    await wire.control("hold", key=made["key"], expect=400)
    await wire.control("release-invoice", key=made["key"], expect=400)
    await wire.control("hold", key="Invoice/nobody", expect=404)


async def test_an_invoice_is_created_changed_and_deleted_by_hand(wire: Wire) -> None:
    files = ["scan.pdf", {"name": "data.xml", "content": "PGEvPg=="}]
    lines = [{"text": "Chair", "quantity": 4, "unit_cost": 25, "order": "PO100001", "order_line": 1}]
    await wire.control("invoices", number="A-1", supplier="V000003", currency="SEK", lines=lines, files=files)
    row = (await wire.get("/v1/supplierInvoice/Invoice/A-1")).body
    assert (row["currencyId"], row["invoiceLines"][0]["poNumber"]) == ("SEK", "PO100001")
    assert row["balanceInCurrency"] < row["balance"] == row["amount"] == 124
    xml = next(each["id"] for each in row["attachments"] if each["name"] == "data.xml")
    assert (await wire.get(f"/v1/attachment/{xml}")).body == b"<a/>"
    await wire.control("invoices", key="Invoice/A-1", reference="NEW", files=[{"name": "data.xml", "delete": True}])
    changed = (await wire.get("/v1/supplierInvoice/Invoice/A-1")).body
    assert (changed["supplierReference"], len(changed["attachments"]), changed["amount"]) == ("NEW", 1, 124)
    await wire.control("invoices", key="Invoice/A-1", delete=True)
    assert (await wire.get("/v1/supplierInvoice/Invoice/A-1")).status == 404


async def test_receipts_move_their_order_and_its_stamp_only_where_it_is_switched_on(wire: Wire) -> None:
    lines = [{"quantity": 10, "unit_cost": 5}]
    order = await wire.control("orders", number="PO1", supplier="V000001", lines=lines)
    await wire.control("receipts", number="RC1", order="PO1", lines={"1": 6})
    await wire.control("receipts", number="RC2", order="PO1", lines={"1": 2}, type="PoReturn")
    await wire.control("receipts", number="RC3", order="PO1", lines={"1": 1}, status="Balanced")
    row = (await wire.get("/v1/purchaseorderbasic/PO1")).body
    assert row["lines"][0]["qtyOnReceipts"] == 5, "what is not released counts, too"
    assert [each["receiptNumber"] for each in row["purchaseReceipts"]] == ["RC1", "RC2", "RC3"]
    assert row["lastModifiedDateTime"] == order["stamp"]
    returned = (await wire.get("/v2/PurchaseReceipt/RC2")).body
    assert (returned["receiptType"], returned["lines"][0]["receiptQty"]) == ("PoReturn", 2)
    await wire.control("receipts", number="RC3", delete=True)
    assert (await wire.get("/v1/purchaseorder/PO1")).body["lines"][0]["qtyOnReceipts"] == 4


async def test_an_order_is_closed_with_its_lines(wire: Wire) -> None:
    await wire.control("orders", number="PO100001", status="Closed")
    row = (await wire.get("/v1/purchaseorder/PO100001")).body
    assert (row["status"], {line["completed"] for line in row["lines"]}) == ("Closed", {True})
    await wire.control("orders", number="PO100002", lines=[{"line": 1, "completed": True}])
    flags = [line["completed"] for line in (await wire.get("/v1/purchaseorder/PO100002")).body["lines"]]
    assert flags[0] is True
    assert not any(flags[1:])


async def test_master_data_changes_by_hand(wire: Wire) -> None:
    await wire.control("vendors", number="V000002", name="Renamed")
    await wire.control("vendors", {"number": "V000003", "status": "OnHold"})
    await wire.control("accounts", number="6111", name="New account")
    await wire.control("dimension-values", dimension="1", code="D999", name="New department")
    await wire.control("dimension-values", dimension="Project", code="P-001", active=False)
    await wire.control("terms", code="90D", days=90)
    assert (await wire.get("/v1/supplier/V000002")).body["name"] == "Renamed"
    assert (await wire.get("/v1/supplier/V000003")).body["status"] == "OnHold"
    assert (await wire.get("/v1/account/6111")).body["description"] == "New account"
    assert (await wire.get("/v1/dimension/SUBACCOUNT/1/D999")).body["active"] is True
    assert (await wire.get("/v1/project/P-001")).body["status"] == "Completed"
    assert (await wire.get("/v1/creditTerm", termsId="90D")).body["records"][0]["dueDay1"] == 90


async def test_touched_rows_share_one_stamp_with_or_without_a_change(wire: Wire) -> None:
    before = (await wire.get("/v1/supplier/V000001")).body
    touched = await wire.control("touch", table="supplier", keys=["V000001", "V000009"])
    rows: list[Mapping[str, Any]] = [(await wire.get(f"/v1/supplier/{key}")).body for key in ("V000001", "V000009")]
    assert {row["lastModifiedDateTime"] for row in rows} == {touched["stamp"]}
    assert rows[0]["timeStamp"] != before["timeStamp"]
    assert {**rows[0], "lastModifiedDateTime": "", "timeStamp": ""} == {
        **before,
        "lastModifiedDateTime": "",
        "timeStamp": "",
    }
    await wire.control("touch", table="supplier", key="V000001", change={"name": "Other"}, at="2026-01-02T03:04:05.6")
    changed = (await wire.get("/v1/supplier/V000001")).body
    assert (changed["name"], changed["lastModifiedDateTime"]) == ("Other", "2026-01-02T03:04:05.6")


async def test_reset_brings_back_the_first_day(wire: Wire) -> None:
    sums = [
        hashlib.sha256(str(bill | {"stamp": "", "version": ""}).encode()).hexdigest() for bill in await wire.bills()
    ]
    await wire.control("invoices", supplier="V000001", lines=[{"net": 1}])
    await wire.control("page-size", resource="supplier", size=2)
    await wire.control("reset")
    again = [
        hashlib.sha256(str(bill | {"stamp": "", "version": ""}).encode()).hexdigest() for bill in await wire.bills()
    ]
    assert again == sums
    assert len(await wire.rows("/v1/supplier", pageSize=10)) == 10, "the token stays good"


async def test_the_state_tells_the_keys_of_a_company(wire: Wire) -> None:
    company = (await wire.get("/_sandbox/state")).body["companies"][CODE]
    assert company["company_id"] == "5000001"
    assert (await wire.grant(tenant_id=company["tenant_id"])).status == 200
