"""The simulated Acumatica on the wire: filters, pages, master data, control pages (Acumatica dossier 15, 18-27, 33)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from acumatica_calls import Wire, plain, wrapped

from ml_connector.sandbox.acumatica.identity import client_id


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


# --- Reading (18-27) ----------------------------------------------------------------------------------------


async def test_18_a_missing_record_is_500_and_a_list_without_match_is_empty(wire: Wire) -> None:
    missing = await wire.get("Vendor/NOBODY")
    assert (missing.status, missing.kind) == (500, "NoEntitySatisfiesTheConditionException")
    assert missing.message == "No entity satisfies the condition."
    none = await wire.get("Vendor", filter="VendorID eq 'NOBODY'")
    assert (none.status, none.body) == (200, [])


async def test_19_a_record_is_found_by_keys_with_slash_or_bar_and_by_its_guid(wire: Wire) -> None:
    task = await wire.record("ProjectTask/P-001/01")
    assert task["Description"] == "Execution"
    for address in (
        "ProjectTask/P-001|01",
        "ProjectTask/P-001%7C01",
        f"ProjectTask/{task['id']}",
        "ProjectTask/p-001/01",
    ):
        assert (await wire.record(address))["id"] == task["id"], address


async def test_20_a_list_that_touches_a_computed_view_fails_and_the_key_read_does_not(wire: Wire) -> None:
    refused = await wire.get("Bill", expand="Applications", top=1)
    assert (refused.status, refused.kind) == (500, "CannotOptimizeException")
    start = "Optimization cannot be performed.The following fields cause the error:\r\n"
    assert refused.message.startswith(f"{start}Applications/AmountPaid: View Adjustments has BQL delegate\r\n")
    for entity, expand in (("Check", "Details"), ("Check", "History")):
        assert (await wire.get(entity, expand=expand)).kind == "CannotOptimizeException", expand
    assert (await wire.get("Project", top=1)).kind == "CannotOptimizeException"
    assert (await wire.get("Project", top=1, select="ProjectID,Status")).status == 200
    assert (await wire.get("Project/P-001")).status == 200


async def test_20_further_computed_views_can_be_switched_on(wire: Wire) -> None:
    assert (await wire.get("Vendor", expand="PaymentInstructions", top=1)).status == 200
    await wire.control("optimizer", entity="Vendor", field="PaymentInstructions", fails=True)
    assert (await wire.get("Vendor", expand="PaymentInstructions", top=1)).kind == "CannotOptimizeException"
    assert (await wire.get("Vendor", top=1)).status == 200
    assert len((await wire.record("Vendor/V000001", expand="PaymentInstructions"))["PaymentInstructions"]) == 3


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("VendorID eq 'V000003'", 1),
        ("VendorID eq 'v000003'", 1),
        ("VendorID gt 'V000318'", 2),
        ("VendorID ge 'V000318' and VendorID ne 'V000319'", 2),
        ("VendorID eq 'V000001' or VendorID eq 'V000002' or (VendorID eq 'V000003')", 3),
        ("startswith(VendorID,'V00000')", 9),
        ("endswith(VendorID,'007')", 1),
        ("substringof('00031',VendorID) and VendorID ne 'V000315'", 10),
        ("MainContact/Email eq 'invoicing.v000004@vendor.example'", 1),
        ("PaymentLeadTimedays eq 1", 0),
        ("EnableCurrencyOverride eq false", 0),
        ("FOBPoint eq null and VendorID eq 'V000001'", 1),
        ("VendorName eq 'O''Brien & Sons'", 0),
    ],
)
async def test_21_what_filters_can_say(wire: Wire, condition: str, found: int) -> None:
    assert len(await wire.rows("Vendor", filter=condition, select="VendorID")) == found


async def test_21_quotes_are_doubled(wire: Wire) -> None:
    await wire.control("vendors", number="QUOTED", name="O'Brien & Sons")
    assert len(await wire.rows("Vendor", filter="VendorName eq 'O''Brien & Sons'")) == 1


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("contains(VendorName,'a')", "unknown function"),
        ("tolower(VendorName) eq 'a'", "unknown function"),
        ("toupper(VendorName) eq 'A'", "unknown function"),
        ("not substringof('a',VendorName)", "not supported"),
        ("EnableCurrencyOverride eq 'true'", "'Edm.Boolean' and 'Edm.String'"),
        ("PaymentInstructions/Value eq 'x'", "not a single value"),
        ("Nonsense eq 'x'", "The given key was not present in the dictionary"),
        ("MainContact/CompanyName eq 'x'", "The given key was not present in the dictionary"),
    ],
)
async def test_21_what_filters_cannot_say_is_500(wire: Wire, condition: str, text: str) -> None:
    refused = await wire.get("Vendor", filter=condition)
    assert refused.status == 500
    assert text in refused.message


async def test_21_a_function_compared_with_true_finds_nothing_without_a_word(wire: Wire) -> None:
    assert await wire.rows("Vendor", filter="substringof('V0',VendorID) eq true") == []
    assert len(await wire.rows("Vendor", filter="substringof('V0',VendorID)")) == len(wire.company.vendors)


async def test_21_moments_compare_as_instants_and_a_blank_for_the_plus_is_400(wire: Wire) -> None:
    moment = (await wire.record("Vendor/V000100"))["LastModifiedDateTime"]
    since = f"LastModifiedDateTime ge datetimeoffset'{moment}'"
    assert len(await wire.rows("Vendor", filter=since)) == 221
    assert len(await wire.rows("Vendor", filter=since.replace(" ge ", " gt "))) == 220
    await wire.control("preferences", time_zone="Europe/Helsinki")
    helsinki = (await wire.record("Vendor/V000100"))["LastModifiedDateTime"]
    assert helsinki != moment
    assert len(await wire.rows("Vendor", filter=f"LastModifiedDateTime ge datetimeoffset'{helsinki}'")) == 221
    blank = helsinki.replace("+", "%20")
    refused = await wire.send("GET", f"Vendor?$filter=LastModifiedDateTime%20ge%20datetimeoffset'{blank}'")
    assert refused.status == 400


async def test_22_a_search_in_a_vendor_of_orders_finds_nothing_without_a_word(wire: Wire) -> None:
    keyed = await wire.rows("PurchaseOrder", filter="OrderNbr ge 'PO'", select="OrderNbr,VendorID")
    assert keyed
    vendor = keyed[0]["VendorID"]
    assert await wire.rows("PurchaseOrder", filter=f"substringof('{vendor}',VendorID)") == []
    assert await wire.rows("PurchaseOrder", filter=f"VendorID eq '{vendor}'")
    await wire.control("optimizer", silent_orders=True)
    assert await wire.rows("PurchaseOrder", filter=f"VendorID eq '{vendor}'") == []
    assert await wire.rows("PurchaseOrder", filter=f"OrderNbr eq '{keyed[0]['OrderNbr']}'")


async def test_23_pages_come_in_the_order_of_the_keys_without_a_count(wire: Wire) -> None:
    first = await wire.rows("Vendor", top=2, select="VendorID")
    second = await wire.rows("Vendor", top=2, skip=2, select="VendorID", orderby="VendorName desc")
    assert [row["VendorID"] for row in (*first, *second)] == ["V000001", "V000002", "V000003", "V000004"]
    assert len(await wire.rows("Vendor", select="VendorID")) == len(wire.company.vendors)
    assert len(await wire.rows("Vendor", skip=318, top=10, select="VendorID")) == 2
    assert (await wire.get("Vendor", top="many")).status == 400


async def test_24_select_narrows_and_opens_only_what_is_expanded(wire: Wire) -> None:
    async def names(select: str, expand: str = "") -> set[str]:
        row = (await wire.get("Vendor/V000001", select=select, expand=expand)).body
        return row.keys() - {"id", "rowNumber", "note", "custom", "_links"}

    assert await names(select="VendorID,Status") == {"VendorID", "Status"}
    assert await names(select="VendorID,MainContact") == {"VendorID"}
    assert await names(select="VendorID", expand="MainContact") == {"VendorID"}
    assert await names(select="VendorID,MainContact/Email", expand="MainContact") == {"VendorID", "MainContact"}
    row = await wire.record("Vendor/V000001", select="VendorID,MainContact/Email", expand="MainContact")
    assert row["MainContact"].keys() == {"id", "rowNumber", "note", "Email", "custom"}
    only = await wire.record("Vendor/V000001", expand="MainContact/Address")
    assert only["MainContact"]["Address"]["Country"] == wire.company.vendors[0].country
    unknown = await wire.get("Vendor/V000001", select="Nonsense")
    assert (unknown.status, "not present in the dictionary" in unknown.message) == (500, True)


async def test_24_elements_beyond_the_contract_come_with_custom(wire: Wire) -> None:
    row = (await wire.get("Vendor/V000001", custom="DefLocation.VExpenseSubID")).body
    assert row["custom"] == {"DefLocation": {"VExpenseSubID": {"type": "CustomStringField"}}}
    refused = await wire.get("Vendor/V000001", custom="DefLocation.Nonsense")
    assert (refused.status, "not present" in refused.message) == (500, True)


async def test_25_subaccounts_know_no_time_of_change(wire: Wire) -> None:
    assert "LastModifiedDateTime" not in await wire.record("Subaccount/D010-A01")
    refused = await wire.get("Subaccount", filter="LastModifiedDateTime ge datetimeoffset'2026-01-01'")
    assert (refused.status, "not present in the dictionary" in refused.message) == (500, True)


async def test_26_branches_are_asked_for_with_put(wire: Wire) -> None:
    answer = await wire.put("CompaniesStructure?$expand=Results", {})
    assert answer.status == 200
    branches = plain(answer.body)["Results"]
    assert [branch["BranchID"] for branch in branches] == ["HEADOFFICE", "WAREHOUSE"]
    assert (await wire.get("CompaniesStructure", expand="Results")).kind == "CannotOptimizeException"
    ledger = await wire.record("Ledger/ACTUAL", expand="Branches", select="LedgerID,Branches/BranchID")
    assert [branch["BranchID"] for branch in ledger["Branches"]] == ["HEADOFFICE", "WAREHOUSE"]


async def test_27_terms_are_on_the_custom_endpoint_only(wire: Wire) -> None:
    for entity in ("Terms", "CreditTerms", "Branch", "LedgerEntries"):
        assert (await wire.get(entity)).status == 404, entity
    custom = f"{wire.root}/entity/MLConnector/1.0"
    terms = (await wire.send("GET", f"{custom}/CreditTerms?$select=TermsID,DayDue00")).body
    assert {plain(row)["TermsID"]: plain(row)["DayDue00"] for row in terms}["30D"] == 30
    assert (await wire.send("GET", f"{custom}/Vendor")).status == 404
    await wire.control("versions", custom="")
    assert (await wire.send("GET", f"{custom}/CreditTerms")).status == 404


# --- Master data --------------------------------------------------------------------------------------------


async def test_the_trading_company_is_all_there(wire: Wire) -> None:
    company = wire.company
    vendors = {row["VendorID"]: row for row in await wire.rows("Vendor")}
    status = {"": "Active", "Payment": "Hold Payments", "All": "Inactive"}
    assert {number: row["Status"] for number, row in vendors.items()} == {
        vendor.number: status[vendor.blocked] for vendor in company.vendors
    }
    accounts = {row["AccountCD"]: row for row in await wire.rows("Account")}
    for account in company.accounts:
        usable = account.account_type == "Posting" and account.direct_posting and not account.blocked
        assert accounts[account.number]["Active"] is usable, account.number
    subaccounts = {row["SubaccountCD"]: row["Active"] for row in await wire.rows("Subaccount")}
    known = {value.code for value in company.dimension_values} | {"0000", "000"}
    for row in (row for invoice in company.invoices for row in invoice.rows):
        chosen = dict(row.dimensions)
        department, area = chosen.get("DEPARTMENT", "0000"), chosen.get("AREA", "000")
        assert (f"{department}-{area}" in subaccounts) is ({department, area} <= known)
    assert subaccounts["D450-A01"] is False
    assert {row["ProjectID"] for row in await wire.rows("Project", select="ProjectID")} == {
        value.code for value in company.dimension_values if value.dimension == "PROJECT"
    }
    assert {row["TaxCategoryID"] for row in await wire.rows("TaxCategory")} == {g.code for g in company.tax_groups}
    schedule = (await wire.record("Tax/VAT24", expand="TaxSchedule"))["TaxSchedule"]
    assert schedule[0]["TaxRate"] == 24
    zone = await wire.record("TaxZone/DOMESTIC", expand="ApplicableTaxes")
    assert {tax["TaxID"] for tax in zone["ApplicableTaxes"]} == {group.code for group in company.tax_groups}
    assert {row["CurrencyID"] for row in await wire.rows("Currency")} == {"EUR", *company.currencies}


async def test_periods_are_open_where_the_company_posts(wire: Wire) -> None:
    async def status(day: Any) -> str:
        year = await wire.record(f"FinancialPeriod/{day.year}", expand="Details")
        return {row["FinancialPeriodID"]: row["Status"] for row in year["Details"]}[f"{day:%m%Y}"]

    today = wire.company.today
    assert await status(today) == "Open"
    assert await status(wire.company.posting_from.replace(year=today.year - 1, month=1)) == "Closed"
    assert await status(today.replace(year=today.year + 1, month=12, day=1)) == "Inactive"
    await wire.control("period", {"from": today.replace(year=today.year + 1, month=1, day=1).isoformat()})
    assert await status(today) == "Closed"


async def test_what_people_do_to_master_data_shows_and_is_stamped(wire: Wire) -> None:
    since = f"LastModifiedDateTime ge datetimeoffset'{wire.company.today - timedelta(days=1)}'"
    await wire.control("vendors", number="V000009", VendorName="Renamed", Status="Inactive")
    await wire.control("accounts", number="6777", name="New account")
    await wire.control("dimension-values", dimension="Project", code="P-777", name="New project")
    await wire.control("dimension-values", dimension="Subaccount", code="D010-A01", active=False)
    await wire.control("records", entity="TaxCategory", key="VAT10", Active=False)
    changed = await wire.rows("Vendor", filter=since, select="VendorID,VendorName,Status")
    assert [(row["VendorID"], row["VendorName"], row["Status"]) for row in changed] == [
        ("V000009", "Renamed", "Inactive")
    ]
    assert [row["AccountCD"] for row in await wire.rows("Account", filter=since)] == ["6777"]
    assert [row["ProjectID"] for row in await wire.rows("Project", filter=since, select="ProjectID")] == ["P-777"]
    assert (await wire.record("Subaccount/D010-A01"))["Active"] is False
    assert (await wire.record("TaxCategory/VAT10"))["Active"] is False
    await wire.control("vendors", number="V000009", delete=True)
    assert (await wire.get("Vendor/V000009")).status == 500
    await wire.control("vendors", number="V000009", delete=True, status=404)
    await wire.control("vendors", number="V000010", Nonsense=1, status=400)


async def test_33_preconditions_of_an_upsert(wire: Wire) -> None:
    there, missing = wrapped(VendorID="V000001"), wrapped(VendorID="NOBODY", VendorName="Nobody")
    assert (await wire.put("Vendor", there, If_None_Match="*")).status == 412
    assert (await wire.put("Vendor", missing, If_Match="*")).status == 412
    assert (await wire.get("Vendor/NOBODY")).status == 500
    assert (await wire.put("Vendor", there, If_Match="*")).status == 200
    assert (await wire.put("Vendor", missing, If_None_Match="*")).status == 200
    assert (await wire.record("Vendor/NOBODY"))["VendorName"] == "Nobody"


async def test_what_is_refused_leaves_nothing_behind(wire: Wire) -> None:
    before = await wire.rows("Vendor", select="VendorID,LastModifiedDateTime")
    assert (await wire.put("Vendor", wrapped(VendorName="Without a key"))).status == 422
    assert (await wire.put("Vendor", wrapped(VendorID="V000001", Status="Asleep"))).status == 422
    assert await wire.rows("Vendor", select="VendorID,LastModifiedDateTime") == before


async def test_post_creates_nothing(wire: Wire) -> None:
    assert (await wire.post("Vendor", wrapped(VendorID="POSTED"))).status == 405
    assert (await wire.post("Vendor/Nonsense", {"entity": wrapped(VendorID="V000001")})).status == 404


# --- Control pages ------------------------------------------------------------------------------------------


async def test_reset_goes_back_to_the_first_day(wire: Wire) -> None:
    await wire.control("vendors", number="V000001", VendorName="Renamed")
    await wire.control("seats", limit=9)
    await wire.control("rights", entity="Account", allowed=False)
    await wire.control("reset")
    assert (await wire.record("Vendor/V000001"))["VendorName"] == wire.company.vendors[0].name
    assert (await wire.get("Account", top=1)).status == 200
    assert (await wire.control("seats"))["limit"] == 2


async def test_further_tenants_can_be_founded(wire: Wire) -> None:
    told = await wire.control("companies", codes=["4000"], vendors=24, invoices=0)
    assert told == {"companies": {"4000": "Acme4000"}}
    token = (await wire.grant(client_id=client_id("4000"))).body["access_token"]
    assert len((await wire.send("GET", "Vendor?$select=VendorID", token=token)).body) == 24


async def test_the_index_names_every_page(wire: Wire) -> None:
    pages = (await wire.send("GET", f"{wire.origin}/_sandbox/")).body["pages"]
    assert "POST /_sandbox/optimizer" in pages
    assert "GET /_sandbox/bills" in pages
    shown = await wire.send("GET", f"{wire.origin}/_sandbox/", headers={"Accept": "text/html"})
    assert b"<h1>A simulated Acumatica" in shown.body
