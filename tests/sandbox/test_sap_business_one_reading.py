"""Reading the simulated SAP Business One (dossier 14, 10 to 23), and its master data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from sap_business_one_wire import Wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def keys(wire: Wire, address: str, key: str, **options: str) -> list[Any]:
    return [row[key] for row in await wire.rows(address, select=key, **options)]


@pytest.fixture
async def old_wire() -> AsyncIterator[Wire]:
    """The same on OData 3."""
    async with Wire(version=1) as started:
        yield started


# --- Reading (10-23) ----------------------------------------------------------------------------------------


async def test_10_pages_are_of_twenty_unless_asked_otherwise(wire: Wire) -> None:
    plain = await wire.get("BusinessPartners", select="CardCode")
    assert len(plain.body["value"]) == 20
    assert "Preference-Applied" not in plain.headers
    preferred = await wire.get("BusinessPartners", select="CardCode", headers={"Prefer": "odata.maxpagesize=7"})
    assert len(preferred.body["value"]) == 7
    assert preferred.headers["Preference-Applied"] == "odata.maxpagesize=7"
    sized = await wire.get("BusinessPartners", select="CardCode", headers={"B1S-PageSize": "9"})
    assert len(sized.body["value"]) == 9
    both = {"B1S-PageSize": "9", "Prefer": "odata.maxpagesize=3"}
    assert len((await wire.get("BusinessPartners", select="CardCode", headers=both)).body["value"]) == 3
    every = await wire.get("BusinessPartners", select="CardCode", headers={"Prefer": "odata.maxpagesize=0"})
    assert len(every.body["value"]) == 323
    assert "@odata.nextLink" not in every.body


async def test_11_top_does_not_lift_the_page_and_ends_quietly_within_it(wire: Wire) -> None:
    much = await wire.get("BusinessPartners", top="500", select="CardCode")
    assert len(much.body["value"]) == 20
    assert "@odata.nextLink" in much.body
    little = await wire.get("BusinessPartners", top="20", select="CardCode")
    assert len(little.body["value"]) == 20
    assert "@odata.nextLink" not in little.body


async def test_12_the_next_link_is_relative_encoded_and_keeps_the_options(wire: Wire) -> None:
    options = {"filter": "CardType eq 'cSupplier'", "select": "CardCode", "orderby": "CardCode desc"}
    first = await wire.get("BusinessPartners", **options)
    link = first.body["@odata.nextLink"]
    assert link == (
        "BusinessPartners?$filter=CardType%20eq%20%27cSupplier%27&$select=CardCode&$orderby=CardCode%20desc&$skip=20"
    )
    seen = [row["CardCode"] for row in first.body["value"]]
    while link:
        page = await wire.send("GET", f"{wire.root}/{link}")
        seen += [row["CardCode"] for row in page.body["value"]]
        link = page.body.get("@odata.nextLink")
    assert seen == sorted((vendor.number for vendor in wire.company.vendors), reverse=True)


async def test_12_the_next_link_of_odata_3_may_begin_at_the_root(old_wire: Wire) -> None:
    plain = await old_wire.get("BusinessPartners", select="CardCode")
    assert plain.body["odata.nextLink"] == "BusinessPartners?$select=CardCode&$skip=20"
    await old_wire.control("habits", rooted_links=True)
    rooted = await old_wire.get("BusinessPartners", select="CardCode")
    assert rooted.body["odata.nextLink"] == "/b1s/v1/BusinessPartners?$select=CardCode&$skip=20"


async def test_13_counts_are_asked_and_answered_by_version(wire: Wire, old_wire: Wire) -> None:
    suppliers = "CardType eq 'cSupplier'"
    new = await wire.get("BusinessPartners", count="true", filter=suppliers, select="CardCode")
    assert new.body["@odata.count"] == 320
    old = await old_wire.get("BusinessPartners", inlinecount="allpages", filter=suppliers, select="CardCode")
    assert old.body["odata.count"] == "320"
    assert "odata.count" not in (await old_wire.get("BusinessPartners", inlinecount="none")).body
    assert (await old_wire.get("BusinessPartners", inlinecount="some")).status == 400
    alone = await wire.get("BusinessPartners/$count", filter=suppliers)
    assert (alone.body, alone.headers["Content-Type"]) == (b"320", "text/plain;charset=utf-8")


@pytest.mark.parametrize(
    ("option", "text", "code", "message"),
    [
        ("filter", "toupper(CardName) eq 'A'", -1000, "Property 'toupper' of 'BusinessPartner' is invalid"),
        ("filter", "year(UpdateDate) eq 2026", -1000, "Property 'year' of 'BusinessPartner' is invalid"),
        ("filter", "Nothing eq 'A'", 201, "Property 'Nothing' is invalid"),
        ("filter", "U_BSW_DOCID eq 'A'", 201, "Property 'U_BSW_DOCID' is invalid"),
        ("filter", "BPAddresses eq 'A'", 201, "Property 'BPAddresses' is invalid"),
        ("select", "CardCode,Nothing", -1000, "Property 'Nothing' of 'BusinessPartner' is invalid"),
    ],
)
async def test_14_unknown_functions_and_properties_are_refused(
    wire: Wire, option: str, text: str, code: int, message: str
) -> None:
    reply = await wire.get("BusinessPartners", **{option: text})
    assert (reply.status, reply.code, reply.message) == (400, code, message)


@pytest.mark.parametrize(
    "text",
    ["GroupCode add 1 eq 3", "CardCode in ('A','B')", "CardCode eq", "(CardCode eq 'A'", "CardCode eq 5", "CardCode"],
)
async def test_14_what_is_no_filter_is_refused(wire: Wire, text: str) -> None:
    assert (await wire.get("BusinessPartners", filter=text)).status == 400


async def test_14_the_four_functions_and_the_operators_work(wire: Wire) -> None:
    some = "startswith(CardCode,'V00000') and not endswith(CardCode,'9') and contains(CardCode,'1')"
    assert await keys(wire, "BusinessPartners", "CardCode", filter=some) == ["V000001"]
    old_way = "substringof('00031', CardCode) or (CardCode ge 'V000319' and CardCode le 'V000320')"
    found = await keys(wire, "BusinessPartners", "CardCode", filter=old_way)
    assert found == ["V000031", *(f"V{number:06d}" for number in range(310, 321))]


async def test_14_a_quote_in_text_is_doubled(wire: Wire) -> None:
    name = next(vendor.name for vendor in wire.company.vendors if "'" in vendor.name)
    doubled = name.replace("'", "''")
    bearers = [vendor.number for vendor in wire.company.vendors if vendor.name == name]
    assert await keys(wire, "BusinessPartners", "CardCode", filter=f"CardName eq '{doubled}'") == bearers


async def test_15_text_compares_by_case_unless_the_header_says_otherwise(wire: Wire) -> None:
    await wire.make(NumAtCard="Ab-1")
    asked = {"filter": f"CardCode eq '{wire.vendor().lower()}' and NumAtCard eq 'aB-1'"}
    assert (await wire.get("PurchaseInvoices", **asked)).body["value"] == []
    folded = await wire.get("PurchaseInvoices", headers={"B1S-CaseInsensitive": "true"}, **asked)
    assert [row["NumAtCard"] for row in folded.body["value"]] == ["Ab-1"]


@pytest.mark.parametrize(
    "literal", ["'{0}'", "'{1}'", "datetime'{0}'", "'{0}T23:59:59'", "'{0}T00:00:00Z'", "{0}", "{0}T12:00:00Z"]
)
async def test_16_a_date_may_be_written_in_many_ways_and_its_time_does_not_count(wire: Wire, literal: str) -> None:
    await wire.control("vendors", number="V000003", CardName="Changed today")
    today = wire.clock.now().date().isoformat()
    written = literal.format(today, today.replace("-", ""))
    assert await keys(wire, "BusinessPartners", "CardCode", filter=f"UpdateDate ge {written}") == ["V000003"]
    assert await keys(wire, "BusinessPartners", "CardCode", filter=f"UpdateDate gt {written}") == []


@pytest.mark.parametrize("literal", ["'08:00:59'", "'08:00'", "'080030'", "'0800'"])
async def test_16_a_time_counts_to_the_minute(wire: Wire, literal: str) -> None:
    first = wire.company.vendors[0].number
    text = f"CardCode eq '{first}' and UpdateTime eq {literal}"
    assert await keys(wire, "BusinessPartners", "CardCode", filter=text) == [first]


async def test_17_enums_are_asked_by_name_or_stored_value_and_told_by_name(wire: Wire) -> None:
    by_name = await keys(wire, "BusinessPartners", "CardType", filter="CardType eq 'cCustomer'")
    by_value = await keys(wire, "BusinessPartners", "CardType", filter="CardType eq 'C'")
    assert by_name == by_value == ["cCustomer", "cCustomer"]
    assert (await wire.get("BusinessPartners", filter="CardType eq 'Nobody'")).status == 400


async def test_18_a_select_gives_whole_lines_and_a_tag_that_fits_nothing(wire: Wire) -> None:
    made = await wire.make()
    address = f"PurchaseInvoices({made['DocEntry']})"
    part = await wire.get(address, select="DocEntry,DocumentLines")
    assert set(part.body) == {"@odata.context", "@odata.etag", "DocEntry", "DocumentLines"}
    assert part.body["DocumentLines"][0]["AccountCode"] == "6110"
    assert "ETag" not in part.headers
    whole = await wire.get(address)
    assert whole.headers["ETag"] == whole.body["@odata.etag"] != part.body["@odata.etag"]
    stale = await wire.patch(address, {"Comments": "x"}, **{"If-Match": part.body["@odata.etag"]})
    assert stale.status == 412


async def test_19_an_unknown_key_is_404_and_a_key_in_the_wrong_quotes_400(wire: Wire) -> None:
    for address in ("PurchaseInvoices(1)", "BusinessPartners('NOBODY')", "ChartOfAccounts('1')"):
        reply = await wire.get(address)
        assert (reply.status, reply.code) == (404, -2028), address
    for address in ("PurchaseInvoices('1')", "BusinessPartners(V000001)", "Dimensions('1')"):
        assert (await wire.get(address)).status == 400, address
    named = await wire.get("BusinessPartners(CardCode='V000001')")
    assert named.body["CardCode"] == "V000001"


@pytest.mark.parametrize(
    "entity_set",
    [
        "ChartOfAccounts",
        "ProfitCenters",
        "DistributionRules",
        "Projects",
        "VatGroups",
        "PaymentTermsTypes",
        "VendorPayments",
        "Dimensions",
        "JournalEntries",
    ],
)
async def test_20_most_sets_have_no_change_stamp(wire: Wire, entity_set: str) -> None:
    assert (await wire.get(entity_set, select="UpdateDate")).code == -1000
    assert (await wire.get(entity_set, filter="UpdateDate ge '2026-01-01'")).code == 201


async def test_21_an_installation_of_2021_lacks_what_came_later(wire: Wire) -> None:
    asked = {"select": "DocEntry,PaidToDate,DataVersion"}
    assert (await wire.get("PurchaseInvoices", **asked)).status == 200
    await wire.control("profile", profile=2021)
    reply = await wire.get("PurchaseInvoices", **asked)
    assert (reply.status, reply.code) == (400, -1000)
    assert "PaidToDate" in reply.message
    made = await wire.make()
    assert "PaidToDate" not in made
    assert "@odata.etag" not in made


async def test_22_days_end_in_a_time_on_odata_4_and_by_build_on_odata_3(wire: Wire, old_wire: Wire) -> None:
    day = wire.company.today.isoformat()
    made = await wire.make()
    assert (made["DocDate"], made["UpdateDate"]) == (f"{day}T00:00:00Z", f"{day}T00:00:00Z")
    old = await old_wire.make()
    assert old["DocDate"] == day
    await old_wire.control("habits", zulu_on_v1=True)
    again = await old_wire.get(f"PurchaseInvoices({old['DocEntry']})")
    assert again.body["DocDate"] == f"{day}T00:00:00Z"


async def test_23_an_unknown_set_is_no_service(wire: Wire) -> None:
    for address in ("Nothing", "purchaseInvoices", "businesspartners('V000001')"):
        reply = await wire.get(address)
        assert (reply.status, reply.code) == (404, -1002), address


async def test_amounts_are_numbers_and_unset_values_null(wire: Wire) -> None:
    body = (await wire.get("VatGroups('VAT24')")).body
    assert body["VatGroups_Lines"][-1]["Rate"] == Decimal(24)
    assert body["DeferredTaxAcc"] is None


async def test_both_versions_name_their_context_and_content_type(wire: Wire, old_wire: Wire) -> None:
    new = await wire.get("Dimensions(1)")
    assert new.body["@odata.context"] == f"{wire.root}/$metadata#Dimensions/$entity"
    assert new.headers["OData-Version"] == "4.0"
    assert new.headers["Content-Type"] == "application/json;odata.metadata=minimal;charset=utf-8"
    old = await old_wire.get("Dimensions(1)")
    assert old.body["odata.metadata"] == f"{old_wire.root}/$metadata#Dimensions/@Element"
    assert old.headers["DataServiceVersion"] == "3.0"
    assert old.headers["Content-Type"] == "application/json;odata=minimalmetadata;charset=utf-8"


async def test_the_metadata_names_what_is_served(wire: Wire) -> None:
    text = (await wire.get("$metadata")).body.decode()
    assert '<Property Name="DataVersion" Type="Edm.Int32"/>' in text
    assert '<EntitySet Name="PurchaseInvoices" EntityType="SAPB1.Document"/>' in text
    await wire.control("profile", profile=2021)
    assert '"DataVersion"' not in (await wire.get("$metadata")).body.decode()


# --- Master data --------------------------------------------------------------------------------------------


async def test_a_supplier_is_created_changed_merged_and_removed(wire: Wire) -> None:
    address = {"AddressName": "HQ", "AddressType": "B", "City": "Oslo"}
    body = {"CardCode": "V9", "CardName": "Nine", "CardType": "S", "BPAddresses": [address]}
    made = await wire.post("BusinessPartners", body)
    assert (made.status, made.body["CardType"]) == (201, "cSupplier")
    assert made.headers["Location"] == f"{wire.root}/BusinessPartners('V9')"
    more = {"CardName": "Nine AS", "UpdateDate": "1999-01-01", "BPAddresses": [{"AddressName": "Yard"}]}
    assert (await wire.patch("BusinessPartners('V9')", more)).status == 204
    kept = (await wire.get("BusinessPartners('V9')")).body
    assert (kept["CardName"], kept["UpdateDate"][:4]) == ("Nine AS", str(wire.clock.now().year))
    assert [line["AddressName"] for line in kept["BPAddresses"]] == ["HQ", "Yard"]
    only = {"BPAddresses": [{"AddressName": "Only"}]}
    await wire.patch("BusinessPartners('V9')", only, **{"B1S-ReplaceCollectionsOnPatch": "true"})
    kept = (await wire.get("BusinessPartners('V9')")).body
    assert [line["AddressName"] for line in kept["BPAddresses"]] == ["Only"]
    assert (await wire.delete("BusinessPartners('V9')")).status == 204
    assert (await wire.get("BusinessPartners('V9')")).code == -2028


async def test_a_code_that_is_taken_or_a_property_that_is_not_there_is_refused(wire: Wire) -> None:
    taken = await wire.post("BusinessPartners", {"CardCode": "V000001"})
    assert (taken.status, taken.code) == (400, -10)
    assert taken.message.startswith("1320000140 - ")
    unknown = await wire.post("BusinessPartners", {"CardCode": "V9", "U_Colour": "red"})
    assert (unknown.status, unknown.code) == (400, -1000)
    assert (await wire.get("BusinessPartners('V9')")).code == -2028


async def test_put_resets_what_is_not_sent_and_an_override_stands_for_patch(wire: Wire) -> None:
    before = (await wire.get("BusinessPartners('V000001')")).body
    tunnelled = await wire.post("BusinessPartners('V000001')", {"Website": "x"}, **{"X-HTTP-Method-Override": "PATCH"})
    assert tunnelled.status == 204
    patched = (await wire.get("BusinessPartners('V000001')")).body
    assert (patched["Website"], patched["City"]) == ("x", before["City"])
    await wire.send("PUT", "BusinessPartners('V000001')", {"CardName": "Bare"})
    bare = (await wire.get("BusinessPartners('V000001')")).body
    assert (bare["CardName"], bare["City"], bare["BPAddresses"]) == ("Bare", None, [])


async def test_a_new_cost_centre_brings_its_rule(wire: Wire) -> None:
    await wire.post("ProfitCenters", {"CenterCode": "NEW", "CenterName": "New", "InWhichDimension": 2})
    rule = (await wire.get("DistributionRules('NEW')")).body
    assert (rule["InWhichDimension"], rule["Direct"]) == (2, "Y")
    assert [line["CenterCode"] for line in rule["DistributionRuleLines"]] == ["NEW"]


async def test_the_default_centre_has_no_rule(wire: Wire) -> None:
    assert (await wire.get("ProfitCenters('Centr_z')")).status == 200
    assert (await wire.get("DistributionRules('Centr_z')")).code == -2028


async def test_return_no_content_answers_with_the_address_alone(wire: Wire) -> None:
    reply = await wire.post("Projects", {"Code": "P 1", "Name": "One"}, Prefer="return-no-content")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Location"] == f"{wire.root}/Projects('P%201')"
    assert reply.headers["Preference-Applied"] == "return-no-content"


async def test_the_trading_company_is_there_in_b1s_own_words(wire: Wire) -> None:
    accounts = {row["Code"]: row for row in await wire.rows("ChartOfAccounts")}
    assert (accounts["6000"]["ActiveAccount"], accounts["6110"]["ActiveAccount"]) == ("tNO", "tYES")
    assert (accounts["1410"]["LockManualTransaction"], accounts["6990"]["FrozenFor"]) == ("tYES", "tYES")
    partners = {row["CardCode"]: row for row in await wire.rows("BusinessPartners")}
    for vendor in wire.company.vendors:
        assert (partners[vendor.number]["Frozen"] == "tYES") == (vendor.blocked == "All"), vendor
        assert (partners[vendor.number]["PaymentBlock"] == "tYES") == (vendor.blocked == "Payment"), vendor
    terms = await keys(wire, "PaymentTermsTypes", "PaymentTermsGroupName")
    assert terms == [term.name for term in wire.company.payment_terms]
    inputs = await keys(wire, "VatGroups", "Code", filter="Category eq 'bovcInputTax'")
    assert inputs == sorted(group.code for group in wire.company.tax_groups)


async def test_sales_tax_codes_belong_to_some_localisations(wire: Wire) -> None:
    assert await wire.rows("SalesTaxCodes") == []
    await wire.control("localisation", localisation="US")
    assert await keys(wire, "SalesTaxCodes", "Code") == sorted(group.code for group in wire.company.tax_groups)
    assert (await wire.get("CompanyService_GetCompanyInfo")).body["Localization"] == "US"
