"""The simulated Epicor Kinetic on the wire: sets, GetRows, row versions, masters (Epicor dossier 17.12 to 17.23)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from epicor_kinetic_wire import COMPANY, Wire

from ml_connector.sandbox.epicor_kinetic import as_invoiced
from ml_connector.sandbox.epicor_kinetic.schema import SERVICES, TABLES

VENDORS = "Erp.BO.VendorSvc/Vendors"
ACCOUNTS = "Erp.BO.GLAccountSvc/GLAccounts"
VALUES = "Erp.BO.COASegValuesSvc/COASegValues"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def all_clauses(service: str, **given: Any) -> dict[str, Any]:
    """Every parameter of GetRows, blank but for those given."""
    names = SERVICES[service].methods["GetRows"].parameters
    assert set(given) <= set(names)
    return {name: given.get(name, "" if name.startswith("where") else 1) for name in names}


async def get_rows(wire: Wire, service: str, **given: Any) -> dict[str, Any]:
    reply = await wire.call(f"{service}/GetRows", **all_clauses(service, **given))
    assert reply.status == 200, reply.body
    return reply.body


async def refused(wire: Wire, address: str, **options: Any) -> str:
    reply = await wire.get(address, **options)
    assert reply.status == 400, reply.body
    return reply.message


# --- Pages (12) ---------------------------------------------------------------------------------------------


async def test_12_without_top_there_are_a_hundred_rows_and_nothing_says_so(wire: Wire) -> None:
    reply = await wire.get(VENDORS, select="VendorNum")
    assert len(reply.rows) == 100
    assert set(reply.body) == {"@odata.context", "value"}
    every = await wire.get(VENDORS, select="VendorNum", top=1000, count="true")
    assert (len(every.rows), every.body["@odata.count"]) == (320, 320)


async def test_12_pages_by_skip_go_on_until_one_is_empty(wire: Wire) -> None:
    found: list[int] = []
    for skip in range(0, 400, 100):
        page = await wire.get(VENDORS, select="VendorNum", orderby="Company,VendorNum", top=100, skip=skip)
        found += [row["VendorNum"] for row in page.rows]
    assert found == list(range(1001, 1321))
    assert (await wire.get(VENDORS, top=100, skip=400)).rows == []


async def test_12_a_lower_cap_holds_even_for_a_larger_top(wire: Wire) -> None:
    await wire.control("odata", cap=40)
    reply = await wire.get(VENDORS, select="VendorNum", top=100)
    assert len(reply.rows) == 40
    assert "@odata.nextLink" not in reply.body


async def test_12_next_links_come_in_a_variant_only(wire: Wire) -> None:
    await wire.control("odata", cap=40, next_link=True)
    found: list[int] = []
    address = f"{VENDORS}?$select=VendorNum&$filter=Name%20ne%20'x%20y'"
    while address:
        reply = await wire.send("GET", address)
        found += [row["VendorNum"] for row in reply.rows]
        address = reply.body.get("@odata.nextLink", "")
    assert found == list(range(1001, 1321))


# --- Options (13-16) ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "column", "named"),
    [
        ("Erp.BO.POSvc/POes", "VendorID", "Erp.PO"),
        (VENDORS, "ChangeDate", "Erp.Vendor"),
        (ACCOUNTS, "ChangeDate", "Erp.GLAccount"),
        (ACCOUNTS, "GLAccount", "Erp.GLAccount"),
        ("Erp.BO.POSvc/POes", "VendorVendorID", "Erp.PO"),
        ("Erp.BO.CompanySvc/Companies", "Company", "Erp.Company"),
    ],
)
async def test_13_a_filter_on_what_the_set_lacks_is_refused_by_name(
    wire: Wire, address: str, column: str, named: str
) -> None:
    expected = f"Could not find a property named '{column}' on type '{named}'."
    assert await refused(wire, address, filter=f"{column} eq 'x'") == expected
    assert await refused(wire, address, orderby=column) == expected


async def test_13_joined_columns_are_returned_all_the_same(wire: Wire) -> None:
    reply = await wire.get(VENDORS, select="CountryNumISOCode,PayMethodName", top=1)
    assert reply.rows == [{"CountryNumISOCode": "FI", "PayMethodName": "Bank transfer"}]
    assert "Nowhere" in await refused(wire, VENDORS, select="Nowhere")
    assert "Nowhere" in await refused(wire, VENDORS, expand="Nowhere")


@pytest.mark.parametrize(
    ("filtered", "test"),
    [
        ("VendorNum eq 1005", lambda row: row["VendorNum"] == 1005),
        ("VendorNum ge 1100 and VendorNum lt 1103", lambda row: 1100 <= row["VendorNum"] < 1103),
        ("VendorID eq 'v000003'", lambda row: row["VendorID"] == "V000003"),
        ("VendorID eq 'V000003' or VendorID eq 'V000004'", lambda row: row["VendorID"] in ("V000003", "V000004")),
        ("not (VendorNum le 1318)", lambda row: row["VendorNum"] > 1318),
        ("Inactive eq true", lambda row: row["Inactive"]),
        ("PayHold ne false and Inactive eq false", lambda row: row["PayHold"] and not row["Inactive"]),
        ("contains(Name,'steel')", lambda row: "steel" in row["Name"].lower()),
        ("startswith(Name,'Baltic')", lambda row: row["Name"].startswith("Baltic")),
        ("Name eq 'O''Brien & Søns Ltd'", lambda row: row["Name"] == "O'Brien & Søns Ltd"),
        ("(VendorNum eq 1001 and VendorID eq 'V000001') or VendorNum eq 1", lambda row: row["VendorNum"] == 1001),
    ],
)
async def test_14_filters(wire: Wire, filtered: str, test: Any) -> None:
    every = (await wire.get(VENDORS, top=1000)).rows
    found = (await wire.get(VENDORS, top=1000, filter=filtered)).rows
    assert found == [row for row in every if test(row)]
    assert found


async def test_14_dates_with_and_without_a_zone_and_bare_guids(wire: Wire) -> None:
    row = (await wire.get(ACCOUNTS, top=1)).rows[0]
    assert (await wire.get(ACCOUNTS, filter=f"SysRowID eq {row['SysRowID']}")).rows == [row]
    for day in ("2015-01-01T00:00:00Z", "2015-01-01T00:00:00", "2015-01-01", "2015-01-01T00:00:00+02:00"):
        reply = await wire.get(ACCOUNTS, filter=f"EffFrom eq {day} and GLAccount1 eq '{row['GLAccount1']}'")
        assert reply.rows == [row], day
    for wrong in (f"SysRowID eq '{row['SysRowID']}'", "EffFrom eq '2015-01-01'", "Active eq 1", "AccountDesc eq 5"):
        await refused(wire, ACCOUNTS, filter=wrong)


@pytest.mark.parametrize(
    "filtered", ["VendorNum", "VendorNum eq", "VendorNum = 1", "(VendorNum eq 1", "tolower(Name) eq 'x'"]
)
async def test_14_what_is_no_filter_is_refused(wire: Wire, filtered: str) -> None:
    await refused(wire, VENDORS, filter=filtered)


async def test_14_a_plus_in_the_query_is_a_plus(wire: Wire) -> None:
    await wire.control("vendors", number="A+B", name="Plus and Sons")
    found = await wire.send("GET", f"{VENDORS}?$filter=VendorID%20eq%20'A+B'&$select=VendorID")
    assert found.rows == [{"VendorID": "A+B"}]
    assert (await wire.send("GET", f"{VENDORS}?$filter=VendorNum+eq+1001")).status == 400


async def test_14_rows_by_key_positional_and_named(wire: Wire) -> None:
    for key in (f"'{COMPANY}',1001", f"Company='{COMPANY}',VendorNum=1001", f"%27{COMPANY}%27,1001"):
        assert (await wire.get(f"{VENDORS}({key})", select="VendorID")).body["VendorID"] == "V000001"
    account = await wire.get(f"{ACCOUNTS}('{COMPANY}','MAIN','6110%7CD010%7CA01')")
    assert account.body["GLAcctDispGLAcctDisp"] == "6110-D010-A01"
    for wrong in (f"'{COMPANY}'", f"'{COMPANY}','1001'", "1001"):
        assert (await wire.get(f"{VENDORS}({wrong})")).status == 400


async def test_15_a_filter_on_order_lines_finds_nothing_though_there_are_some(wire: Wire) -> None:
    order = (await wire.get("Erp.BO.POSvc/POes", top=1)).rows[0]["PONum"]
    assert (await wire.get("Erp.BO.POSvc/PODetails", filter=f"PONUM eq {order}")).rows == []
    expanded = await wire.get(f"Erp.BO.POSvc/POes('{COMPANY}',{order})", expand="PODetails")
    assert [line["PONUM"] for line in expanded.body["PODetails"]].count(order) == len(expanded.body["PODetails"]) > 0
    releases = await wire.get("Erp.BO.POSvc/PORels", filter=f"PONum eq {order}")
    assert {row["POLine"] for row in releases.rows} == {line["POLine"] for line in expanded.body["PODetails"]}


async def test_16_a_heavy_service_refuses_reads_of_its_sets_but_not_get_rows(wire: Wire) -> None:
    await wire.control("heavy", service="Erp.BO.VendorSvc", fails=True)
    assert (await wire.get(VENDORS, top=1)).status == 500
    assert (await wire.get("Erp.BO.PlantSvc/Plants")).status == 200
    body = await get_rows(wire, "Erp.BO.VendorSvc", whereClauseVendor="VendorNum = 1001")
    assert [row["VendorID"] for row in body["returnObj"]["Vendor"]] == ["V000001"]
    await wire.control("heavy", service="Erp.BO.VendorSvc", fails=False)
    assert (await wire.get(VENDORS, top=1)).status == 200


# --- GetRows and List (17, 18) ------------------------------------------------------------------------------


async def test_17_get_rows_demands_every_clause_and_a_page_size(wire: Wire) -> None:
    asked = all_clauses("Erp.BO.VendorSvc")
    assert sum(name.startswith("whereClause") for name in asked) == 19
    assert sum(name.startswith("whereClause") for name in all_clauses("Erp.BO.APInvoiceSvc")) == 29
    for name in asked:
        lacking = {each: value for each, value in asked.items() if each != name}
        reply = await wire.call("Erp.BO.VendorSvc/GetRows", **lacking)
        assert reply.status == 400, name
        assert name in reply.message
    reply = await wire.call("Erp.BO.VendorSvc/GetRows", **{**asked, "pageSize": 0})
    assert reply.status == 400


async def test_17_pages_are_uneven_and_say_whether_more_follow(wire: Wire) -> None:
    found: list[int] = []
    sizes: list[int] = []
    more, page = True, 1
    while more:
        body = await get_rows(
            wire, "Erp.BO.VendorSvc", whereClauseVendor="BY VendorNum", pageSize=100, absolutePage=page
        )
        rows = [row["VendorNum"] for row in body["returnObj"]["Vendor"]]
        found, sizes = found + rows, [*sizes, len(rows)]
        more, page = body["parameters"]["morePages"], page + 1
    assert found == list(range(1001, 1321))
    assert len(set(sizes[:-1])) > 1
    zero = await get_rows(wire, "Erp.BO.VendorSvc", pageSize=100, absolutePage=0)
    assert [row["VendorNum"] for row in zero["returnObj"]["Vendor"]] == found[: sizes[0]]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("VendorNum = 1001", [1001]),
        ("VendorNum > 1318", [1319, 1320]),
        ("VendorNum >= 1319 BY VendorNum DESC", [1320, 1319]),
        ("VendorNum < 1003 AND VendorNum <> 1001", [1002]),
        ("VendorID = 'V000001' OR VendorID = 'v000002'", [1001, 1002]),
        ("(VendorNum = 1001 OR VendorNum = 1002) AND Name <> ''", [1001, 1002]),
        ("Inactive = true AND VendorNum <= 1008", [1008]),
        ("1=0", []),
    ],
)
async def test_17_the_servers_own_where_clauses(wire: Wire, clause: str, expected: list[int]) -> None:
    body = await get_rows(wire, "Erp.BO.VendorSvc", whereClauseVendor=clause, pageSize=50)
    assert [row["VendorNum"] for row in body["returnObj"]["Vendor"]] == expected


async def test_17_children_come_unless_their_clause_says_no(wire: Wire) -> None:
    body = await get_rows(wire, "Erp.BO.VendorSvc", whereClauseVendor="VendorNum = 1001")
    assert [row["BankID"] for row in body["returnObj"]["VendBank"]] == ["MAIN"]
    assert body["returnObj"]["ExtensionTables"] == []
    less = await get_rows(wire, "Erp.BO.VendorSvc", whereClauseVendor="VendorNum = 1001", whereClauseVendBank="1=0")
    assert less["returnObj"]["VendBank"] == []


@pytest.mark.parametrize("clause", ["VendorNum eq 1001", "Nowhere = 1", "VendorNum =", "CountryNumISOCode = 'FI'"])
async def test_17_what_is_no_clause_is_refused(wire: Wire, clause: str) -> None:
    reply = await wire.call("Erp.BO.VendorSvc/GetRows", **all_clauses("Erp.BO.VendorSvc", whereClauseVendor=clause))
    assert reply.status == 400


async def test_17_clauses_name_the_column_as_sql_does(wire: Wire) -> None:
    body = await get_rows(
        wire, "Erp.BO.GLAccountSvc", whereClauseGLAccount="GLAccount = '6110|D010' AND SysRevID > 0 BY SysRevID"
    )
    assert [row["GLAccount1"] for row in body["returnObj"]["GLAccount"]] == ["6110|D010"]
    asked = all_clauses("Erp.BO.GLAccountSvc", whereClauseGLAccount="GLAccount1 = '6110|D010'")
    assert (await wire.call("Erp.BO.GLAccountSvc/GetRows", **asked)).status == 400


async def test_18_short_rows_lack_the_row_version_and_more(wire: Wire) -> None:
    listed = (await wire.get("Erp.BO.VendorSvc/List", top=1)).rows[0]
    assert listed["VendorID"] == "V000001"
    assert {"SysRevID", "TermsCode"}.isdisjoint(listed)
    body = await wire.call("Erp.BO.VendorSvc/GetList", whereClause="VendorNum = 1001", pageSize=10, absolutePage=1)
    assert body.body["returnObj"]["VendorList"] == [listed]
    for name in ("VendorList", "APInvHedList", "POHeaderList"):
        assert "SysRevID" not in TABLES[name].columns
    account = (await wire.get("Erp.BO.GLAccountSvc/List", top=1)).rows[0]
    assert account["GLAccount"]


# --- Row versions and dates (19-23) -------------------------------------------------------------------------


async def versions(wire: Wire, address: str, **options: Any) -> list[int]:
    return [row["SysRevID"] for row in (await wire.get(address, select="SysRevID", **options)).rows]


async def test_19_row_versions_are_one_rising_counter_of_the_whole_database(wire: Wire) -> None:
    before = (await wire.show("state"))["revision"]
    vendor = await wire.control("vendors", number="V000001", name="Another name")
    value = await wire.control("dimension-values", dimension=2, code="D010", name="Another name")
    assert before < vendor["SysRevID"] < value["SysRevID"]
    newer = f"SysRevID gt {before}"
    assert await versions(wire, VENDORS, filter=newer, orderby="SysRevID") == [vendor["SysRevID"]]
    assert await versions(wire, VALUES, filter=newer) == [value["SysRevID"]]
    assert await versions(wire, ACCOUNTS, filter=newer) == []


async def test_19_paging_by_moving_the_mark_reads_every_row_once(wire: Wire) -> None:
    found: list[int] = []
    page = await versions(wire, VENDORS, filter="SysRevID gt 0", orderby="SysRevID", top=100)
    while page:
        found += page
        page = await versions(wire, VENDORS, filter=f"SysRevID gt {found[-1]}", orderby="SysRevID", top=100)
    assert len(found) == 320
    assert found == sorted(set(found))


async def test_19_row_versions_go_beyond_what_a_double_holds(wire: Wire) -> None:
    await wire.control("revisions", next=2**53)
    first = (await wire.control("vendors", number="V000001", name="One"))["SysRevID"]
    second = (await wire.control("vendors", number="V000002", name="Two"))["SysRevID"]
    assert (first, second) == (2**53 + 1, 2**53 + 2)
    assert await versions(wire, VENDORS, filter=f"SysRevID gt {first}") == [second]


async def test_19_a_restored_database_has_other_and_lower_versions(wire: Wire) -> None:
    before = await versions(wire, VENDORS, orderby="SysRevID desc", top=1)
    await wire.control("restore")
    after = await versions(wire, VENDORS, orderby="SysRevID desc", top=1)
    assert after[0] < before[0]
    assert await versions(wire, VENDORS, filter=f"SysRevID gt {before[0] - 1000}") == []
    assert len(await versions(wire, VENDORS, filter="SysRevID gt 0", top=1000)) == 320


async def test_19_odata_may_refuse_filters_on_row_versions(wire: Wire) -> None:
    await wire.control("odata", sysrevid=False)
    await refused(wire, VENDORS, filter="SysRevID gt 1")
    body = await get_rows(wire, "Erp.BO.VendorSvc", whereClauseVendor="SysRevID > 1 BY SysRevID", pageSize=10)
    assert len(body["returnObj"]["Vendor"]) == 10


def test_20_dates_of_change_exist_where_the_vendor_has_them_and_nowhere_else() -> None:
    dated = {"APInvHed", "APInvDtl", "APInvTax", "POHeader", "PODetail", "RcvHead", "RcvDtl", "CheckHed", "APTran"}
    undated = {
        "Vendor", "VendBank", "VendorPP", "GLAccount", "COASegValues", "COASegment", "COA", "PurTerms", "Currency",
        "TaxRgn", "TaxCat", "PayMethod", "Company", "Plant", "APInvExp", "APInvExpTGLC", "APInvMsc", "APInvGrp",
        "PORel",
    }  # fmt: skip
    assert {name for name in dated | undated if "ChangeDate" in TABLES[name].columns} == dated
    assert all("SysRevID" in TABLES[name].columns for name in dated | undated)


async def test_21_a_renamed_supplier_keeps_its_number(wire: Wire) -> None:
    renamed = await wire.control("vendors", number="V000001", rename="ACME")
    assert renamed["VendorNum"] == 1001
    assert (await wire.get(VENDORS, filter="VendorID eq 'V000001'")).rows == []
    assert (await wire.get(VENDORS, filter="VendorID eq 'acme'", select="VendorNum")).rows == [{"VendorNum": 1001}]
    found = await wire.call("Erp.BO.VendorSvc/GetByVendID", vendorID="ACME")
    assert found.body["returnObj"]["Vendor"][0]["VendorNum"] == 1001


async def test_22_dates_have_a_time_and_some_an_offset(wire: Wire) -> None:
    account = (await wire.get(ACCOUNTS, top=1, select="EffFrom,EffTo")).rows[0]
    assert account == {"EffFrom": "2015-01-01T00:00:00+02:00", "EffTo": None}
    order = (await wire.get("Erp.BO.POSvc/POes", top=1, select="ChangeDate")).rows[0]
    assert len(order["ChangeDate"]) == 19


async def test_23_rows_are_wider_than_anybody_needs_and_have_user_columns(wire: Wire) -> None:
    row = (await wire.get(VENDORS, top=1)).rows[0]
    assert len(row) > 60
    assert row["ApprovedBy_c"]
    assert {"APInvHed": 100, "APInvDtl": 80}.items() <= {n: len(TABLES[n].columns) // 10 * 10 for n in TABLES}.items()


# --- Masters ------------------------------------------------------------------------------------------------


async def test_accounts_are_known_by_their_stored_form(wire: Wire) -> None:
    async def exists(account: str, chart: str = "MAIN") -> bool:
        asked = {"ipCOACode": chart, "ipGLAccount": account}
        return (await wire.call("Erp.BO.GLAccountSvc/GlAccountExists", **asked)).body["returnObj"]

    assert await exists("6110|D010|A01")
    assert await exists("6110||A01")
    assert not await exists("6110-D010-A01")
    assert not await exists("6110|D999|A01")
    assert not await exists("6110|D010|A01", "OTHER")
    await wire.control("accounts", number="6110", combination=["D050", "A20"])
    assert await exists("6110|D050|A20")


async def test_an_account_that_cannot_be_used_is_no_valid_one(wire: Wire) -> None:
    def asked(account: str) -> dict[str, Any]:
        names = SERVICES["Erp.BO.GLAccountSvc"].methods["ValidateGLAccount"].parameters
        return {**dict.fromkeys(names, ""), "COACode": "MAIN", "GLAccount": account, "ValidateDynamicSegment": False}

    valid = "Erp.BO.GLAccountSvc/ValidateGLAccount"
    assert (await wire.call(valid, **asked("6110|D010"))).status == 200
    assert (await wire.call(valid, **asked("6990"))).status == 400
    assert (await wire.call(valid, **asked("6110|NOPE"))).status == 400
    await wire.control("accounts", number="6110", active=False)
    assert (await wire.call(valid, **asked("6110|D010"))).status == 400


async def test_the_chart_has_a_dynamic_optional_segment(wire: Wire) -> None:
    select = "SegmentNbr,SegmentName,Dynamic,EntryControl"
    for address in ("Erp.BO.COASvc/COASegments", "Erp.BO.COASegmentSearchSvc/COASegmentSearches"):
        rows = (await wire.get(address, select=select)).rows
        assert [(row["SegmentName"], row["Dynamic"]) for row in rows] == [
            ("Account", False),
            ("Department", False),
            ("Area", False),
            ("Project", True),
        ]
        assert rows[3]["EntryControl"] == "3"
    projects = await wire.get(VALUES, filter="SegmentNbr eq 4 and SegmentCode eq 'P-099'", select="ActiveFlag")
    assert projects.rows == [{"ActiveFlag": False}]


async def test_headings_and_blocked_accounts_are_not_active(wire: Wire) -> None:
    natural = (await wire.get(VALUES, filter="SegmentNbr eq 1", select="SegmentCode,ActiveFlag", top=500)).rows
    active = {row["SegmentCode"]: row["ActiveFlag"] for row in natural}
    assert (active["6110"], active["6100"], active["6990"], active["2910"]) == (True, False, False, False)


async def test_the_other_masters(wire: Wire) -> None:
    terms = await wire.get("Erp.BO.PurTermsSvc/PurTerms", filter="TermsCode eq '2-10-30D'", expand="PurTermsDtls")
    assert (terms.rows[0]["DueDays"], terms.rows[0]["PurTermsDtls"][0]["NumberOfDays"]) == (30, 10)
    assert [row["Plant1"] for row in (await wire.get("Erp.BO.PlantSvc/Plants")).rows] == ["MfgSys", "Turku"]
    categories = {row["TaxCatID"] for row in (await wire.get("Erp.BO.TaxCatSvc/TaxCats")).rows}
    assert categories == {"VAT24", "VAT14", "VAT10", "VAT0", "NOVAT"}
    base = await wire.get("Erp.BO.CurrencySvc/Currencies", filter="BaseCurr eq true", select="CurrencyCode")
    assert base.rows == [{"CurrencyCode": "EUR"}]
    regions = await wire.get("Erp.BO.TaxRgnSvc/TaxRgns", expand="TaxRgnSalesTaxes")
    assert [len(row["TaxRgnSalesTaxes"]) for row in regions.rows] == [5, 0]
    assert len((await wire.get("Erp.BO.PayMethodSvc/PayMethods")).rows) == 2
    company = (await wire.call("Erp.BO.CompanySvc/GetByID", company=COMPANY)).body["returnObj"]
    assert company["XbSyst"][0]["AutoLockFinGroups"] is False


async def test_masters_can_be_changed_from_the_outside(wire: Wire) -> None:
    await wire.control("records", set="PurTerms", key="90D", Description="90 days", DueDays=90)
    terms = await wire.get(f"Erp.BO.PurTermsSvc/PurTerms('{COMPANY}','90D')")
    assert (terms.body["Description"], terms.body["DueDays"]) == ("90 days", 90)
    await wire.control("records", set="PurTerms", key="90D", delete=True)
    assert (await wire.get(f"Erp.BO.PurTermsSvc/PurTerms('{COMPANY}','90D')")).status == 404
    await wire.control("vendors", number="V000001", delete=True)
    assert (await wire.get(f"{VENDORS}('{COMPANY}',1001)")).status == 404
    await wire.control("records", set="Nothing", key="1", status=404)
    await wire.control("vendors", number="V000002", Inactive="yes", status=400)
    await wire.control("reset")
    assert (await wire.get(f"{VENDORS}('{COMPANY}',1001)")).status == 200


async def test_invoices_name_orders_and_lines_as_they_are_numbered_here(wire: Wire) -> None:
    matched = [invoice for invoice in as_invoiced(wire.company).invoices if invoice.order_numbers]
    assert matched
    for invoice in matched:
        (number,) = invoice.order_numbers
        order = (await wire.get(f"Erp.BO.POSvc/POes('{COMPANY}',{number})", expand="PODetails")).body
        assert order["VendorVendorID"] == invoice.vendor
        assert {row.order_line for row in invoice.rows} <= {str(line["POLine"]) for line in order["PODetails"]}


async def test_every_account_that_an_invoice_is_rightly_coded_to_exists(wire: Wire) -> None:
    books = wire.system.books[COMPANY]
    posting = [invoice for invoice in wire.company.invoices if invoice.posts]
    assert len(posting) > 50
    for invoice in posting:
        for row in invoice.rows:
            coded = dict(row.dimensions)
            stored = f"{row.account}|{coded.get('DEPARTMENT', '')}|{coded.get('AREA', '')}"
            assert not books.account_fault(stored, wire.company.today.isoformat()), invoice.case
