"""Purchase documents in the simulated SAP Business One: the behaviours of dossier 14, 24 to 38 and 41 to 45."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from sap_business_one_wire import Reply, Wire

DUPLICATE = "10001467 - There is already a record with duplicated customer/vendor reference number."


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def _stored(wire: Wire, entry: int, entity_set: str = "PurchaseInvoices") -> dict[str, Any]:
    reply = await wire.get(f"{entity_set}({entry})")
    assert reply.status == 200, reply.body
    return reply.body


async def _refused(wire: Wire, entity_set: str = "PurchaseInvoices", **changes: Any) -> Reply:
    """A POST that is refused and leaves nothing behind."""
    before = len(await wire.bills())
    reply = await wire.post(entity_set, wire.invoice(**changes))
    assert reply.status >= 400, reply.body
    assert len(await wire.bills()) == before
    return reply


# --- Creating (24-25) ---------------------------------------------------------------------------------------


async def test_a_posted_invoice_comes_back_whole_with_its_sums_and_numbers(wire: Wire) -> None:
    lines = [wire.line(LineTotal=33.33) for _ in range(3)] + [wire.line(LineTotal=-10, VatGroup="VAT10")]
    reply = await wire.post("PurchaseInvoices", wire.invoice(DocumentLines=lines))
    made = reply.body
    assert reply.status == 201
    assert reply.headers["Location"] == f"{wire.root}/PurchaseInvoices({made['DocEntry']})"
    assert reply.headers["ETag"] == made["@odata.etag"]
    assert (made["VatSum"], made["DocTotal"]) == (Decimal("23.00"), Decimal("112.99"))
    assert [line["LineNum"] for line in made["DocumentLines"]] == [0, 1, 2, 3]
    assert [line["TaxTotal"] for line in made["DocumentLines"]] == [8, 8, 8, -1]
    assert (made["DocumentStatus"], made["CancelStatus"], made["PaidToDate"]) == ("bost_Open", "csNo", 0)
    second = await wire.make(NumAtCard="FP-88214")
    assert second["DocNum"] == made["DocNum"] + 1
    journal = await _stored(wire, made["TransNum"], "JournalEntries")
    entries = journal["JournalEntryLines"]
    assert sum(each["Debit"] for each in entries) == sum(each["Credit"] for each in entries) == Decimal("112.99")


async def test_tax_is_rounded_line_by_line(wire: Wire) -> None:
    made = await wire.make(DocumentLines=[wire.line(LineTotal=0.02) for _ in range(3)])
    assert made["VatSum"] == 0
    made = await wire.make(NumAtCard="2", DocumentLines=[wire.line(LineTotal=0.03) for _ in range(3)])
    assert made["VatSum"] == Decimal("0.03")


async def test_tax_is_rounded_once_for_each_code_where_the_company_groups_lines(wire: Wire) -> None:
    await wire.control("switches", group_tax=True)
    assert (await wire.get("CompanyService_GetCompanyInfo")).body["GroupLinesInVATCalculation"] == "tYES"
    lines = [wire.line(LineTotal=0.03) for _ in range(3)] + [wire.line(LineTotal=0.05, VatGroup="VAT10")]
    made = await wire.make(DocumentLines=lines)
    assert (made["VatSum"], made["DocTotal"]) == (Decimal("0.03"), Decimal("0.17"))
    assert [line["TaxTotal"] for line in made["DocumentLines"]] == [
        Decimal("0.01"),
        0,
        Decimal("0.01"),
        Decimal("0.01"),
    ]


async def test_a_client_can_ask_for_no_content(wire: Wire) -> None:
    reply = await wire.post("PurchaseInvoices", wire.invoice(), Prefer="return-no-content")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Preference-Applied"] == "return-no-content"
    entry = int(reply.headers["Location"].rpartition("(")[2].rstrip(")"))
    assert (await _stored(wire, entry))["DocTotal"] == 372


async def test_what_would_change_the_sums_unsimulated_is_refused(wire: Wire) -> None:
    for changes in ({"DiscountPercent": 5}, {"DocTotal": 371.99}, {"DocumentAdditionalExpenses": [{"LineTotal": 5}]}):
        reply = await _refused(wire, **changes)
        assert (reply.code, reply.message[:29]) == (-5006, "The sandbox does not simulate")
    assert (await wire.make(DocTotal=372))["DocTotal"] == 372


async def test_an_account_brings_its_own_distribution_rule_where_the_line_names_none(wire: Wire) -> None:
    lines = [wire.line(AccountCode="2920"), wire.line(AccountCode="2920", CostingCode3="C02")]
    made = await wire.make(DocumentLines=lines)
    assert [line["CostingCode3"] for line in made["DocumentLines"]] == ["C01", "C02"]


async def test_the_due_date_follows_from_the_terms_unless_it_is_sent(wire: Wire) -> None:
    today = wire.company.today
    terms = next(place for place, term in enumerate(wire.company.payment_terms, 1) if term.days == 45)
    made = await wire.make(PaymentGroupCode=terms)
    assert made["DocDueDate"] == f"{today + timedelta(days=45)}T00:00:00Z"
    made = await wire.make(PaymentGroupCode=terms, DocDueDate="2031-01-01", NumAtCard="2")
    assert made["DocDueDate"] == "2031-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "changes",
    [
        {"U_BSW_DOCID": "5f1c2e40"},
        {"InvoiceNumber": "1"},
        {"DocumentLines": [{"AccountCode": "6110", "LineTotal": 1, "GlAccount": "6110"}]},
    ],
)
async def test_an_unknown_property_is_refused_and_nothing_stored(wire: Wire, changes: dict[str, Any]) -> None:
    reply = await _refused(wire, **changes)
    assert (reply.status, reply.code) == (400, -1000)
    assert reply.message.startswith("Property '")


async def test_read_only_properties_are_ignored(wire: Wire) -> None:
    made = await wire.make()
    body = {"DocTotal": 1, "VatSum": 0, "DocNum": 7, "DocumentStatus": "bost_Close", "Comments": "late"}
    reply = await wire.patch(f"PurchaseInvoices({made['DocEntry']})", body)
    assert reply.status == 204
    stored = await _stored(wire, made["DocEntry"])
    assert (stored["DocTotal"], stored["DocNum"], stored["Comments"]) == (372, made["DocNum"], "late")
    assert stored["DocumentStatus"] == "bost_Open"


# --- Changing (26-27) ---------------------------------------------------------------------------------------


async def _order(wire: Wire) -> dict[str, Any]:
    items = [
        {"ItemCode": "I0001", "Quantity": 10, "UnitPrice": 12.5, "VatGroup": "VAT24"},
        {"ItemCode": "I0002", "Quantity": 4, "UnitPrice": 5, "VatGroup": "VAT24"},
    ]
    return await wire.make("PurchaseOrders", DocType="dDocument_Items", DocumentLines=items)


async def test_lines_merge_by_number_and_are_replaced_on_demand(wire: Wire) -> None:
    order = await _order(wire)
    address = f"PurchaseOrders({order['DocEntry']})"
    more = {"ItemCode": "I0003", "Quantity": 1, "UnitPrice": 7}
    reply = await wire.patch(address, {"DocumentLines": [{"LineNum": 1, "Quantity": 6}, more]})
    assert reply.status == 204
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    assert [(line["LineNum"], line["Quantity"]) for line in stored["DocumentLines"]] == [(0, 10), (1, 6), (2, 1)]
    assert stored["DocTotal"] == Decimal("200.88")  # 125, 30 and 7 with VAT of 30, 7.20 and 1.68
    only = {"DocumentLines": [{"LineNum": 2, "Quantity": 2}]}
    await wire.patch(address, only, **{"B1S-ReplaceCollectionsOnPatch": "true"})
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    assert [(line["LineNum"], line["Quantity"]) for line in stored["DocumentLines"]] == [(2, 2)]


async def test_the_figures_of_a_posted_invoice_stay(wire: Wire) -> None:
    made = await wire.make()
    address = f"PurchaseInvoices({made['DocEntry']})"
    for body in (
        {"DocumentLines": [{"LineNum": 0, "LineTotal": 1}]},
        {"DocDate": "2026-01-01"},
        {"CardCode": wire.vendor(place=1)},
    ):
        reply = await wire.patch(address, body)
        assert (reply.status, reply.code) == (400, -1029)
    reply = await wire.patch(address, {"DocumentLines": [{"LineNum": 1, "FreeText": "see mail"}]})
    assert reply.status == 204
    stored = await _stored(wire, made["DocEntry"])
    assert [line["FreeText"] for line in stored["DocumentLines"]] == [None, "see mail"]
    assert stored["DocTotal"] == 372


async def test_documents_cannot_be_deleted_but_drafts_can(wire: Wire) -> None:
    made = await wire.make()
    reply = await wire.delete(f"PurchaseInvoices({made['DocEntry']})")
    assert (reply.status, reply.code) == (400, -5006)
    draft = await wire.make("Drafts", DocObjectCode="oPurchaseInvoices")
    assert (await wire.delete(f"Drafts({draft['DocEntry']})")).status == 204
    assert (await wire.get(f"Drafts({draft['DocEntry']})")).status == 404


# --- What is refused (28-32) --------------------------------------------------------------------------------


@pytest.mark.parametrize("entity_set", ["PurchaseInvoices", "PurchaseCreditNotes"])
@pytest.mark.parametrize("code", ["X1", "C10001"])
async def test_an_unknown_supplier_is_named(wire: Wire, entity_set: str, code: str) -> None:
    reply = await _refused(wire, entity_set, CardCode=code)
    table = "OPCH" if entity_set == "PurchaseInvoices" else "ORPC"
    assert (reply.status, reply.code) == (400, -5002)
    assert reply.message == f"Invalid BP code [{table}.CardCode] , '{code}'"


async def test_a_missing_or_frozen_supplier_is_refused(wire: Wire) -> None:
    body = wire.invoice()
    del body["CardCode"]
    reply = await wire.post("PurchaseInvoices", body)
    assert (reply.code, reply.message) == (-5002, "Invalid BP code [OPCH.CardCode] , ''")
    frozen = next(vendor.number for vendor in wire.company.vendors if vendor.blocked == "All")
    reply = await _refused(wire, CardCode=frozen)
    assert (reply.code, reply.message) == (-5002, f"Business partner is inactive [OPCH.CardCode] , '{frozen}'")


async def test_a_supplier_blocked_for_payment_can_be_billed(wire: Wire) -> None:
    vendor = next(vendor for vendor in wire.company.vendors if vendor.blocked == "Payment")
    made = await wire.make(CardCode=vendor.number, DocCurrency=vendor.currency)
    assert made["PaymentBlock"] == "tYES"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"AccountCode": "9999"}, "Invalid G/L account [PCH1.AcctCode][line: 2] , '9999'"),
        ({"AccountCode": None}, "G/L account is missing [PCH1.AcctCode][line: 2]"),
        ({"AccountCode": "6100"}, "Title accounts cannot be posted to; select an active account [PCH1.AcctCode]"),
        ({"AccountCode": "6990"}, "G/L account is inactive [PCH1.AcctCode][line: 2] , '6990'"),
        ({"AccountCode": "1410"}, "Account is locked for manual transactions [PCH1.AcctCode][line: 2] , '1410'"),
        ({"VatGroup": "T99"}, "Invalid tax code [PCH1.VatGroup][line: 2] , 'T99'"),
        ({"VatGroup": "OUT24"}, "Invalid tax code [PCH1.VatGroup][line: 2] , 'OUT24'"),
        ({"ProjectCode": "P-777"}, "Invalid project code [PCH1.Project][line: 2] , 'P-777'"),
        ({"ProjectCode": "P-099"}, "Project is inactive [PCH1.Project][line: 2] , 'P-099'"),
        ({"CostingCode": "D450"}, "Distribution rule is inactive [PCH1.OcrCode][line: 2] , 'D450'"),
    ],
)
async def test_codes_that_lines_cannot_carry(wire: Wire, changes: dict[str, Any], text: str) -> None:
    reply = await _refused(wire, DocumentLines=[wire.line(), wire.line(**changes)])
    assert (reply.status, reply.code) == (400, -5002)
    assert reply.message.startswith(text)


async def test_an_unknown_currency_and_a_missing_rate_are_refused(wire: Wire) -> None:
    unknown = await _refused(wire, DocCurrency="PLN")
    assert (unknown.code, unknown.message) == (-5002, "Invalid currency code [OPCH.DocCur] , 'PLN'")
    missing = await _refused(wire, DocCurrency="DKK")
    assert (missing.code, missing.message) == (-5002, "Update the exchange rate [OPCH.DocRate] , 'DKK'")


@pytest.mark.parametrize("code", ["D999", "A03", "Centr_z"])
async def test_only_distribution_rules_of_the_dimension_are_costing_codes(wire: Wire, code: str) -> None:
    assert (await wire.get("ProfitCenters('Centr_z')")).status == 200
    reply = await _refused(wire, DocumentLines=[wire.line(CostingCode=code)])
    assert (reply.status, reply.code) == (404, -2028)


async def test_a_document_needs_lines_and_may_not_be_negative(wire: Wire) -> None:
    for lines in ([], [wire.line(LineTotal=-5)]):
        reply = await _refused(wire, DocumentLines=lines)
        assert (reply.code, reply.message) == (-5002, "Document total value must be zero or greater than zero")


async def test_branches_are_not_filled_in_by_themselves(wire: Wire) -> None:
    await wire.control("branches", enabled=True)
    for changes in ({}, {"BPL_IDAssignedToInvoice": 3}, {"BPL_IDAssignedToInvoice": 99}):
        reply = await _refused(wire, **changes)
        assert (reply.status, reply.code) == (400, -5002)
        assert reply.message == "Specify an active branch [OPCH.BPLId]"
    made = await wire.make(BPL_IDAssignedToInvoice=2)
    assert made["BPLName"].endswith("Turku")


async def test_periods_are_locked_or_missing(wire: Wire) -> None:
    locked = wire.company.posting_from - timedelta(days=1)
    reply = await _refused(wire, DocDate=locked.isoformat())
    assert (reply.status, reply.code) == (400, -4013)
    assert reply.message.startswith("Posting period locked; ")
    reply = await _refused(wire, DocDate="2009-01-01")
    assert reply.status == 400
    assert reply.message.startswith("Date deviates from permissible range [OPCH.DocDate]")


async def test_a_segmented_chart_takes_internal_codes_only(wire: Wire) -> None:
    await wire.control("segments", enabled=True)
    reply = await _refused(wire)
    assert reply.message.startswith("Invalid G/L account [PCH1.AcctCode][line: 1] , '6110'")
    account = (await wire.rows("ChartOfAccounts", filter="FormatCode eq '6110'"))[0]
    await wire.make(DocumentLines=[wire.line(AccountCode=account["Code"])])
    assert [row["account"] for row in (await wire.bills(vendorInvoiceNumber="FP-88213"))[0]["rows"]] == ["6110"]


# --- Base documents (33) ------------------------------------------------------------------------------------


def _based(order: dict[str, Any], line: int, quantity: float, object_type: int = 22) -> dict[str, Any]:
    return {"BaseType": object_type, "BaseEntry": order["DocEntry"], "BaseLine": line, "Quantity": quantity}


async def test_an_invoice_on_order_lines_lowers_what_is_open_and_closes_what_is_used_up(wire: Wire) -> None:
    order = await _order(wire)
    items = "dDocument_Items"
    made = await wire.make(DocType=items, DocumentLines=[_based(order, 0, 4), _based(order, 1, 4)])
    assert [(line["ItemCode"], line["UnitPrice"]) for line in made["DocumentLines"]] == [
        ("I0001", Decimal("12.5")),
        ("I0002", 5),
    ]
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    shown = [(line["RemainingOpenQuantity"], line["LineStatus"]) for line in stored["DocumentLines"]]
    assert shown == [(6, "bost_Open"), (0, "bost_Close")]
    assert stored["DocumentStatus"] == "bost_Open"
    await wire.make(DocType=items, NumAtCard="2", DocumentLines=[_based(order, 0, 6)])
    assert (await _stored(wire, order["DocEntry"], "PurchaseOrders"))["DocumentStatus"] == "bost_Close"
    reply = await _refused(wire, DocType=items, NumAtCard="3", DocumentLines=[_based(order, 0, 1)])
    assert (reply.code, reply.message) == (-5002, "One of the base documents has already been closed")
    await wire.control("switches", closed_base_code=-10)
    assert (await _refused(wire, DocType=items, DocumentLines=[_based(order, 0, 1)])).code == -10


async def test_more_than_is_open_is_refused_also_when_spread_over_lines(wire: Wire) -> None:
    order = await _order(wire)
    for lines in ([_based(order, 0, 11)], [_based(order, 0, 6), _based(order, 0, 5)]):
        reply = await _refused(wire, DocType="dDocument_Items", DocumentLines=lines)
        assert reply.message.startswith("Quantity exceeds the open quantity of the base document [PCH1.Quantity]")


async def test_a_base_must_be_of_the_same_supplier_and_the_same_kind(wire: Wire) -> None:
    order = await _order(wire)
    other = {"CardCode": wire.vendor(place=1), "DocType": "dDocument_Items"}
    reply = await _refused(wire, **other, DocumentLines=[_based(order, 0, 1)])
    assert reply.message == "Base document card and target document card do not match"
    reply = await _refused(wire, DocumentLines=[_based(order, 0, 1)])
    assert (reply.code, reply.message[:9]) == (-5002, "234103405")


async def test_what_was_received_is_billed_from_the_receipt(wire: Wire) -> None:
    order = await _order(wire)
    await wire.control("orders", number=order["DocNum"], receive={"0": 3})
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    assert stored["DocumentLines"][0]["RemainingOpenQuantity"] == 7
    receipt = (await wire.rows("PurchaseDeliveryNotes"))[-1]
    line = receipt["DocumentLines"][0]
    assert (line["BaseType"], line["BaseEntry"], line["BaseLine"]) == (22, order["DocEntry"], 0)
    reply = await _refused(wire, DocType="dDocument_Items", DocumentLines=[_based(order, 0, 8)])
    assert "exceeds" in reply.message
    await wire.make(DocType="dDocument_Items", DocumentLines=[_based(receipt, 0, 3, 20)])
    assert (await _stored(wire, receipt["DocEntry"], "PurchaseDeliveryNotes"))["DocumentStatus"] == "bost_Close"


async def test_a_service_order_is_billed_by_sum(wire: Wire) -> None:
    order = await wire.make("PurchaseOrders")
    base = {"BaseType": 22, "BaseEntry": order["DocEntry"]}
    await wire.make(DocumentLines=[{**base, "BaseLine": 0, "LineTotal": 60}])
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    assert [line["OpenAmount"] for line in stored["DocumentLines"]] == [40, 200]
    rest = [{**base, "BaseLine": 0}, {**base, "BaseLine": 1}]
    made = await wire.make(NumAtCard="2", DocumentLines=rest)
    assert [line["LineTotal"] for line in made["DocumentLines"]] == [40, 200]
    assert (await _stored(wire, order["DocEntry"], "PurchaseOrders"))["DocumentStatus"] == "bost_Close"


async def test_a_credit_note_on_an_invoice_settles_it_and_a_closed_invoice_is_no_base(wire: Wire) -> None:
    invoice = await wire.make()
    base = {"BaseType": 18, "BaseEntry": invoice["DocEntry"]}
    note = await wire.make("PurchaseCreditNotes", NumAtCard="C1", DocumentLines=[{**base, "BaseLine": 0}])
    note = await _stored(wire, note["DocEntry"], "PurchaseCreditNotes")
    assert (note["DocTotal"], note["PaidToDate"], note["DocumentStatus"]) == (124, 124, "bost_Close")
    assert (await _stored(wire, invoice["DocEntry"]))["PaidToDate"] == 124
    await wire.control("pay", id=f"18:{invoice['DocEntry']}")
    rest = [{**base, "BaseLine": 1}]
    reply = await _refused(wire, "PurchaseCreditNotes", NumAtCard="C2", DocumentLines=rest)
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
    reply = await _refused(wire)
    assert (reply.status, reply.code, reply.message) == (400, -5002, DUPLICATE)
    other = wire.vendor(place=1)
    await wire.make(CardCode=other)
    await wire.control("duplicates", mode="all")
    assert (await _refused(wire, CardCode=wire.vendor(place=2))).message == DUPLICATE
    for _ in range(2):
        await wire.make(NumAtCard="")
    await wire.make("PurchaseCreditNotes")


async def test_duplicates_of_another_fiscal_year_can_be_let_in(wire: Wire) -> None:
    today = wire.company.today
    await wire.control("period", **{"from": f"{today.year - 1}-01-01", "to": today.isoformat()})
    await wire.make(DocDate=f"{today.year - 1}-12-30")
    await wire.control("duplicates", mode="partner", fiscal_year_only=True)
    await wire.make()
    assert (await _refused(wire)).message == DUPLICATE


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
    draft = await _stored(wire, draft["DocEntry"], "Drafts")
    assert (draft["AuthorizationStatus"], draft["DocumentStatus"]) == ("dasGenerated", "bost_Close")
    request = await _stored(wire, request["Code"], "ApprovalRequests")
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
    draft = await _stored(wire, draft["DocEntry"], "Drafts")
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
    assert (await _stored(wire, draft["DocEntry"], "Drafts"))["AuthorizationStatus"] == "dasApproved"
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
    order = await _order(wire)
    made = await wire.make(DocType="dDocument_Items", DocumentLines=[_based(order, 0, 4)])
    await wire.control("pay", id=f"18:{made['DocEntry']}", amount=1)
    assert (await wire.post(f"PurchaseInvoices({made['DocEntry']})/Cancel")).code == -5002
    await wire.control("unpay", id=f"18:{made['DocEntry']}")
    assert (await wire.post(f"PurchaseInvoices({made['DocEntry']})/Cancel")).status == 204
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    assert stored["DocumentLines"][0]["RemainingOpenQuantity"] == 10


async def test_cancelled_and_closed_orders_have_no_mirror(wire: Wire) -> None:
    order = await _order(wire)
    before = len(await wire.rows("PurchaseOrders"))
    assert (await wire.post(f"PurchaseOrders({order['DocEntry']})/Cancel")).status == 204
    stored = await _stored(wire, order["DocEntry"], "PurchaseOrders")
    assert (stored["Cancelled"], stored["DocumentStatus"]) == ("tYES", "bost_Close")
    assert len(await wire.rows("PurchaseOrders")) == before
    other = await _order(wire)
    assert (await wire.post(f"PurchaseOrders({other['DocEntry']})/Close")).status == 204
    assert (await wire.post(f"PurchaseOrders({other['DocEntry']})/Reopen")).status == 204
    assert (await _stored(wire, other["DocEntry"], "PurchaseOrders"))["DocumentStatus"] == "bost_Open"


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
    assert (await _refused(wire, AttachmentEntry=999)).code == -2028


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
    stored = await _stored(wire, entry, "Attachments2")
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
    part = await _stored(wire, made["DocEntry"])
    assert (part["PaidToDate"], part["DocumentStatus"]) == (72, "bost_Open")
    assert part["DataVersion"] > made["DataVersion"]
    await wire.control("pay", id=f"18:{made['DocEntry']}", discount=3, reference="PAY-2")
    whole = await _stored(wire, made["DocEntry"])
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
    assert (await _stored(wire, made["DocEntry"]))["PaidToDate"] == 0
    assert await wire.rows("VendorPayments") == []


async def test_a_cancelled_payment_stays_one_record_and_the_invoice_opens_again(wire: Wire) -> None:
    made = await wire.make()
    await wire.control("pay", id=f"18:{made['DocEntry']}")
    (payment,) = await wire.rows("VendorPayments")
    assert (await wire.post(f"VendorPayments({payment['DocEntry']})/Cancel")).status == 204
    (after,) = await wire.rows("VendorPayments")
    assert (after["DocEntry"], after["Cancelled"]) == (payment["DocEntry"], "tYES")
    stored = await _stored(wire, made["DocEntry"])
    assert (stored["PaidToDate"], stored["DocumentStatus"]) == (0, "bost_Open")
    assert (await wire.post(f"VendorPayments({payment['DocEntry']})/Cancel")).code == -5006


async def test_a_payment_on_account_settles_nothing_until_it_is_reconciled(wire: Wire) -> None:
    made = await wire.make()
    paid = await wire.control("pay", vendor=made["CardCode"], amount=372)
    (payment,) = await wire.rows("VendorPayments")
    assert payment["PaymentInvoices"] == []
    assert (await _stored(wire, made["DocEntry"]))["PaidToDate"] == 0
    await wire.control("reconcile", id=f"18:{made['DocEntry']}", **{"with": paid["id"]})
    stored = await _stored(wire, made["DocEntry"])
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
        assert (await _stored(wire, entry, name))["DocumentStatus"] == "bost_Close"
    await wire.control("unpay", id=f"19:{note['DocEntry']}")
    assert (await _stored(wire, note["DocEntry"], "PurchaseCreditNotes"))["PaidToDate"] == 0


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
    part = await _stored(wire, made["DocEntry"])
    assert (part["PaidToDateFC"], part["PaidToDate"]) == (100, 50)
    await wire.control("pay", id=f"18:{made['DocEntry']}")
    whole = await _stored(wire, made["DocEntry"])
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
    stored = await _stored(wire, made["DocEntry"])
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
