"""Purchase documents in the simulated SAP Business One, created, changed, refused (dossier 14, 24 to 32)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sap_business_one_wire import Wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


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
    journal = await wire.stored(made["TransNum"], "JournalEntries")
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
    assert (await wire.stored(entry))["DocTotal"] == 372


async def test_what_would_change_the_sums_unsimulated_is_refused(wire: Wire) -> None:
    for changes in ({"DiscountPercent": 5}, {"DocTotal": 371.99}, {"DocumentAdditionalExpenses": [{"LineTotal": 5}]}):
        reply = await wire.refused(**changes)
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
    reply = await wire.refused(**changes)
    assert (reply.status, reply.code) == (400, -1000)
    assert reply.message.startswith("Property '")


async def test_read_only_properties_are_ignored(wire: Wire) -> None:
    made = await wire.make()
    body = {"DocTotal": 1, "VatSum": 0, "DocNum": 7, "DocumentStatus": "bost_Close", "Comments": "late"}
    reply = await wire.patch(f"PurchaseInvoices({made['DocEntry']})", body)
    assert reply.status == 204
    stored = await wire.stored(made["DocEntry"])
    assert (stored["DocTotal"], stored["DocNum"], stored["Comments"]) == (372, made["DocNum"], "late")
    assert stored["DocumentStatus"] == "bost_Open"


# --- Changing (26-27) ---------------------------------------------------------------------------------------


async def test_lines_merge_by_number_and_are_replaced_on_demand(wire: Wire) -> None:
    order = await wire.order_items()
    address = f"PurchaseOrders({order['DocEntry']})"
    more = {"ItemCode": "I0003", "Quantity": 1, "UnitPrice": 7}
    reply = await wire.patch(address, {"DocumentLines": [{"LineNum": 1, "Quantity": 6}, more]})
    assert reply.status == 204
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
    assert [(line["LineNum"], line["Quantity"]) for line in stored["DocumentLines"]] == [(0, 10), (1, 6), (2, 1)]
    assert stored["DocTotal"] == Decimal("200.88")  # 125, 30 and 7 with VAT of 30, 7.20 and 1.68
    only = {"DocumentLines": [{"LineNum": 2, "Quantity": 2}]}
    await wire.patch(address, only, **{"B1S-ReplaceCollectionsOnPatch": "true"})
    stored = await wire.stored(order["DocEntry"], "PurchaseOrders")
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
    stored = await wire.stored(made["DocEntry"])
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
    reply = await wire.refused(entity_set, CardCode=code)
    table = "OPCH" if entity_set == "PurchaseInvoices" else "ORPC"
    assert (reply.status, reply.code) == (400, -5002)
    assert reply.message == f"Invalid BP code [{table}.CardCode] , '{code}'"


async def test_a_missing_or_frozen_supplier_is_refused(wire: Wire) -> None:
    body = wire.invoice()
    del body["CardCode"]
    reply = await wire.post("PurchaseInvoices", body)
    assert (reply.code, reply.message) == (-5002, "Invalid BP code [OPCH.CardCode] , ''")
    frozen = next(vendor.number for vendor in wire.company.vendors if vendor.blocked == "All")
    reply = await wire.refused(CardCode=frozen)
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
    reply = await wire.refused(DocumentLines=[wire.line(), wire.line(**changes)])
    assert (reply.status, reply.code) == (400, -5002)
    assert reply.message.startswith(text)


async def test_an_unknown_currency_and_a_missing_rate_are_refused(wire: Wire) -> None:
    unknown = await wire.refused(DocCurrency="PLN")
    assert (unknown.code, unknown.message) == (-5002, "Invalid currency code [OPCH.DocCur] , 'PLN'")
    missing = await wire.refused(DocCurrency="DKK")
    assert (missing.code, missing.message) == (-5002, "Update the exchange rate [OPCH.DocRate] , 'DKK'")


@pytest.mark.parametrize("code", ["D999", "A03", "Centr_z"])
async def test_only_distribution_rules_of_the_dimension_are_costing_codes(wire: Wire, code: str) -> None:
    assert (await wire.get("ProfitCenters('Centr_z')")).status == 200
    reply = await wire.refused(DocumentLines=[wire.line(CostingCode=code)])
    assert (reply.status, reply.code) == (404, -2028)


async def test_a_document_needs_lines_and_may_not_be_negative(wire: Wire) -> None:
    for lines in ([], [wire.line(LineTotal=-5)]):
        reply = await wire.refused(DocumentLines=lines)
        assert (reply.code, reply.message) == (-5002, "Document total value must be zero or greater than zero")


async def test_branches_are_not_filled_in_by_themselves(wire: Wire) -> None:
    await wire.control("branches", enabled=True)
    for changes in ({}, {"BPL_IDAssignedToInvoice": 3}, {"BPL_IDAssignedToInvoice": 99}):
        reply = await wire.refused(**changes)
        assert (reply.status, reply.code) == (400, -5002)
        assert reply.message == "Specify an active branch [OPCH.BPLId]"
    made = await wire.make(BPL_IDAssignedToInvoice=2)
    assert made["BPLName"].endswith("Turku")


async def test_periods_are_locked_or_missing(wire: Wire) -> None:
    locked = wire.company.posting_from - timedelta(days=1)
    reply = await wire.refused(DocDate=locked.isoformat())
    assert (reply.status, reply.code) == (400, -4013)
    assert reply.message.startswith("Posting period locked; ")
    reply = await wire.refused(DocDate="2009-01-01")
    assert reply.status == 400
    assert reply.message.startswith("Date deviates from permissible range [OPCH.DocDate]")


async def test_a_segmented_chart_takes_internal_codes_only(wire: Wire) -> None:
    await wire.control("segments", enabled=True)
    reply = await wire.refused()
    assert reply.message.startswith("Invalid G/L account [PCH1.AcctCode][line: 1] , '6110'")
    account = (await wire.rows("ChartOfAccounts", filter="FormatCode eq '6110'"))[0]
    await wire.make(DocumentLines=[wire.line(AccountCode=account["Code"])])
    assert [row["account"] for row in (await wire.bills(vendorInvoiceNumber="FP-88213"))[0]["rows"]] == ["6110"]
