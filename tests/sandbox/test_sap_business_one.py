"""The simulated SAP Business One on the wire: sessions, reading, tags, batches, company services (dossier 14)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sap_business_one_wire import CODE, Wire

from ml_connector.sandbox.sap_business_one import as_invoiced


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


@pytest.fixture
async def old_wire() -> AsyncIterator[Wire]:
    """The same on OData 3."""
    async with Wire(version=1) as started:
        yield started


async def keys(wire: Wire, address: str, key: str, **options: str) -> list[Any]:
    return [row[key] for row in await wire.rows(address, select=key, **options)]


# --- Sessions (1-9) -----------------------------------------------------------------------------------------


async def test_1_only_the_exact_case_logs_in(wire: Wire) -> None:
    for path in ("login", "LOGIN", "Orders", "PurchaseInvoices", "nothing"):
        reply = await wire.send("POST", path, {}, cookie="")
        assert (reply.status, reply.code) == (401, 301), path
    elsewhere = await wire.send("POST", f"{wire.origin}/B1S/v2/Login", {}, cookie="")
    assert (elsewhere.status, elsewhere.code) == (401, 301)


async def test_2_login_tells_the_session_and_sets_two_cookies(wire: Wire) -> None:
    reply = await wire.login()
    assert reply.status == 200
    assert (reply.body["Version"], reply.body["SessionTimeout"]) == ("1000190", 30)
    first, second = reply.headers.getall("Set-Cookie")  # type: ignore[attr-defined]
    assert first == f"B1SESSION={reply.body['SessionId']};HttpOnly;"
    assert second.startswith("ROUTEID=.node")
    assert second.endswith("; path=/b1s")


async def test_3_a_wrong_password_is_refused_and_the_third_one_locks_the_user(wire: Wire) -> None:
    for _ in range(3):
        reply = await wire.login(Password="wrong")
        assert (reply.status, reply.code) == (401, 100000027)
    assert (await wire.login()).code == 100000055
    await wire.control("login")
    assert (await wire.login()).status == 200


@pytest.mark.parametrize("code", [-304, 305])
async def test_3_an_unknown_company_is_refused_with_the_code_of_the_installation(wire: Wire, code: int) -> None:
    await wire.control("login", unknown_company=code)
    reply = await wire.login(CompanyDB="SBO_NOBODY")
    assert (reply.status, reply.code) == (401, code)


async def test_4_the_session_is_enough_and_the_route_may_come_along(wire: Wire) -> None:
    assert (await wire.get("Dimensions")).status == 200
    routed = await wire.send("GET", "Dimensions", cookie=f"{wire.cookie}; ROUTEID=.node1")
    assert routed.status == 200
    assert (await wire.send("GET", "Dimensions", cookie="ROUTEID=.node1")).code == 301


async def test_5_a_session_lives_on_while_it_is_used_and_dies_when_it_is_not(wire: Wire) -> None:
    await wire.control("login", timeout=100)
    wire.cookie = f"B1SESSION={(await wire.login()).body['SessionId']}"
    for _ in range(3):
        wire.clock.move(timedelta(seconds=70))
        assert (await wire.get("Dimensions")).status == 200
    wire.clock.move(timedelta(seconds=101))
    reply = await wire.get("Dimensions")
    assert (reply.status, reply.code) == (401, 301)


async def test_6_the_refusal_has_a_shape_for_each_version_and_a_switch(wire: Wire, old_wire: Wire) -> None:
    text = (await wire.send("GET", "Orders", cookie="")).body["error"]
    assert (text["code"], text["message"]) == ("301", "Invalid session or session already timeout.")
    number = (await old_wire.send("GET", "Orders", cookie="")).body["error"]
    assert number["code"] == 301
    assert number["message"] == {"lang": "en-us", "value": "Invalid session or session already timeout."}
    await old_wire.control("habits", text_errors_on_v1=True)
    assert (await old_wire.send("GET", "Orders", cookie="")).body["error"]["code"] == "301"


async def test_7_logout_ends_the_session_once(wire: Wire) -> None:
    assert (await wire.post("Logout")).status == 204
    assert (await wire.get("Dimensions")).code == 301
    again = await wire.post("Logout")
    assert (again.status, again.code) == (401, 301)


async def test_8_one_session_or_all_can_be_killed(wire: Wire) -> None:
    other = (await wire.login()).body["SessionId"]
    assert (await wire.control("expire-sessions", session=other)) == {"expired": 1}
    assert (await wire.get("Dimensions")).status == 200
    assert (await wire.send("GET", "Dimensions", cookie=f"B1SESSION={other}")).code == 301
    await wire.control("expire-sessions")
    assert (await wire.get("Dimensions")).code == 301


async def test_8_sessions_of_a_broken_node_fail_until_they_sign_in_again(wire: Wire) -> None:
    await wire.control("break-node", node=".node1")
    reply = await wire.get("Dimensions")
    assert (reply.status, reply.code) == (500, 407)
    fresh = (await wire.login()).body["SessionId"]
    assert (await wire.send("GET", "Dimensions", cookie=f"B1SESSION={fresh}")).status == 200


async def test_9_an_expect_header_gets_500_and_nothing(wire: Wire) -> None:
    reply = await wire.send("POST", "Login", {}, headers={"Expect": "100-continue"})
    assert (reply.status, reply.body) == (500, b"")


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


# --- Tags and batches (39, 40) ------------------------------------------------------------------------------


async def test_39_a_stale_tag_is_refused_and_no_tag_writes_blindly(wire: Wire) -> None:
    first = await wire.get("BusinessPartners('V000001')")
    version = first.body["DataVersion"]
    assert first.headers["ETag"] == f'W/"{hashlib.sha1(str(version).encode()).hexdigest().upper()}"'
    tagged = {"If-Match": first.headers["ETag"]}
    assert (await wire.patch("BusinessPartners('V000001')", {"Website": "a"}, **tagged)).status == 204
    stale = await wire.patch("BusinessPartners('V000001')", {"Website": "b"}, **tagged)
    assert (stale.status, stale.code) == (412, -2039)
    assert (await wire.patch("BusinessPartners('V000001')", {"Website": "c"})).status == 204
    after = await wire.get("BusinessPartners('V000001')")
    assert (after.body["Website"], after.body["DataVersion"]) == ("c", version + 2)
    assert "ETag" not in (await wire.get("ChartOfAccounts('6110')")).headers


def part(request: str, body: str = "", *, content_id: str = "") -> str:
    number = f"Content-ID: {content_id}\r\n" if content_id else ""
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{number}"
    return f"{head}\r\n{request} HTTP/1.1\r\n{kind}\r\n{body}"


def change_set(*parts: str) -> str:
    return f"Content-Type: multipart/mixed;boundary=cs\r\n\r\n{joined('cs', parts)}"


def joined(boundary: str, parts: tuple[str, ...]) -> str:
    return "".join(f"--{boundary}\r\n{each}\r\n" for each in parts) + f"--{boundary}--\r\n"


async def batch(wire: Wire, *parts: str) -> tuple[int, str]:
    headers = {"Content-Type": "multipart/mixed;boundary=batch_b1"}
    reply = await wire.send("POST", "$batch", joined("batch_b1", parts).encode(), headers=headers)
    return reply.status, reply.body.decode() if isinstance(reply.body, bytes) else str(reply.body)


async def test_40_parts_run_in_turn_and_stop_at_the_first_failure(wire: Wire) -> None:
    status, text = await batch(
        wire,
        part("POST /b1s/v2/Projects", '{"Code":"A1","Name":"One"}'),
        part("GET /b1s/v2/Projects('A1')"),
        part("POST /b1s/v2/Projects", '{"Code":"A1","Name":"Again"}'),
        part("POST /b1s/v2/Projects", '{"Code":"A2","Name":"Two"}'),
    )
    assert status == 200
    assert (text.count("HTTP/1.1 201"), text.count("HTTP/1.1 200"), text.count("HTTP/1.1 400")) == (1, 1, 1)
    assert (await wire.get("Projects('A1')")).body["Name"] == "One"
    assert (await wire.get("Projects('A2')")).code == -2028


async def test_40_a_change_set_is_taken_back_as_a_whole_and_answered_once(wire: Wire) -> None:
    status, text = await batch(
        wire,
        part("POST /b1s/v2/Projects", '{"Code":"B0","Name":"Before"}'),
        change_set(
            part("POST /b1s/v2/Projects", '{"Code":"B1","Name":"One"}', content_id="1"),
            part("PATCH /b1s/v2/Projects('NOBODY')", '{"Name":"x"}', content_id="2"),
        ),
    )
    assert status == 200
    assert text.count("HTTP/1.1 ") == 2
    assert "HTTP/1.1 404" in text
    assert (await wire.get("Projects('B0')")).status == 200
    assert (await wire.get("Projects('B1')")).code == -2028


async def test_40_later_parts_name_what_an_earlier_one_made(wire: Wire, old_wire: Wire) -> None:
    for each, version, overall in ((wire, 2, 200), (old_wire, 1, 202)):
        status, text = await batch(
            each,
            change_set(
                part(f"POST /b1s/v{version}/Projects", '{"Code":"C1","Name":"One"}', content_id="1"),
                part(f"PATCH /b1s/v{version}/$1", '{"Name":"Changed"}', content_id="2"),
            ),
        )
        assert status == overall
        assert (await each.get("Projects('C1')")).body["Name"] == "Changed"
        head, _, inner = text.partition("HTTP/1.1 201")
        assert ("Content-ID: 1" in head) == (version == 2)
        assert ("Content-ID: 1" in inner.partition("\r\n\r\n")[0]) == (version == 1)


async def test_40_what_does_not_belong_into_a_batch_is_refused(wire: Wire) -> None:
    status, text = await batch(wire, change_set(part("GET /b1s/v2/Projects", content_id="1")))
    assert (status, "-1000" in text) == (400, True)
    headers = {"Content-Type": "multipart/mixed;boundary=batch_b1"}
    torn = await wire.send("POST", "$batch", b"--batch_b1\r\nContent-Type: application/http", headers=headers)
    assert (torn.status, torn.code, torn.message) == (400, -1000, "Incomplete Batch Request Body!")


# --- The rest (46-48, 50) -----------------------------------------------------------------------------------


async def test_46_ping_needs_no_session_and_a_stopped_node_answers_503(wire: Wire) -> None:
    reply = await wire.send("GET", f"{wire.origin}/ping/", cookie="")
    assert (reply.status, reply.body["message"]) == (200, "pong")
    assert {"sender", "timestamp"} <= set(reply.body)
    await wire.control("break-node", stopped=2)
    assert (await wire.send("GET", f"{wire.origin}/ping/node/2", cookie="")).status == 503
    assert (await wire.send("GET", f"{wire.origin}/ping/node/1", cookie="")).status == 200


async def test_47_the_company_tells_its_switches(wire: Wire) -> None:
    info, admin = "CompanyService_GetCompanyInfo", "CompanyService_GetAdminInfo"
    before = (await wire.get(admin)).body
    assert (before["LocalCurrency"], before["TotalsAccuracy"], before["EnableBranches"]) == ("EUR", 2, "tNO")
    assert before["EnableApprovalProcedureInDI"] == "tNO"
    await wire.control("branches", enabled=True)
    await wire.control("approval", enabled=True)
    await wire.control("segments", enabled=True)
    after = (await wire.post(admin)).body
    assert (after["EnableBranches"], after["EnableApprovalProcedureInDI"]) == ("tYES", "tYES")
    assert (await wire.get(info)).body["EnableAccountSegmentation"] == "tYES"
    assert (await wire.get(info)).body["Version"] == 1000190


async def test_47_the_company_services_are_actions_on_odata_3(old_wire: Wire) -> None:
    assert (await old_wire.post("CompanyService_GetCompanyInfo")).body["CompanyName"] == old_wire.company.name
    assert (await old_wire.get("CompanyService_GetCompanyInfo")).status == 405


async def test_48_a_segmented_chart_knows_accounts_by_internal_codes(wire: Wire) -> None:
    await wire.control("segments", enabled=True)
    (account,) = await wire.rows("ChartOfAccounts", filter="FormatCode eq '6110'")
    assert account["Code"].startswith("_SYS0")
    father = (await wire.get(f"ChartOfAccounts('{account['FatherAccountKey']}')")).body
    assert father["FormatCode"] == "6100"
    visible = await wire.post("PurchaseInvoices", wire.invoice())
    assert (visible.status, visible.code) == (400, -5002)
    lines = [wire.line(AccountCode=account["Code"])]
    assert (await wire.make(DocumentLines=lines))["DocumentLines"][0]["AccountCode"] == account["Code"]
    await wire.control("segments", enabled=False)
    assert (await wire.get("ChartOfAccounts('6110')")).body["FormatCode"] is None


async def test_50_logins_first_requests_and_posts_can_be_slow(wire: Wire) -> None:
    loop = asyncio.get_running_loop()

    async def seconds(work: Any) -> float:
        started = loop.time()
        assert (await work).status in (200, 201)
        return loop.time() - started

    await wire.control("login", seconds=0.2)
    assert await seconds(wire.login()) >= 0.2
    wire.cookie = f"B1SESSION={(await wire.login()).body['SessionId']}"
    await wire.control("latency", first=0.2)
    assert await seconds(wire.get("Dimensions")) >= 0.2
    await wire.control("latency", first=0, post=0.2)
    assert await seconds(wire.post("PurchaseInvoices", wire.invoice())) >= 0.2


# --- Control pages ------------------------------------------------------------------------------------------


async def test_people_change_suppliers_accounts_and_values(wire: Wire) -> None:
    await wire.control("vendors", number="V000001", Frozen="tYES", Valid="tNO")
    assert (await wire.get("BusinessPartners('V000001')")).body["Frozen"] == "tYES"
    await wire.control("vendors", number="V9", CardName="Nine", Currency="EUR")
    assert (await wire.get("BusinessPartners('V9')")).body["CardType"] == "cSupplier"
    await wire.control("vendors", number="V9", delete=True)
    assert (await wire.get("BusinessPartners('V9')")).status == 404
    await wire.control("accounts", number="6110", FrozenFor="tYES")
    assert (await wire.get("ChartOfAccounts('6110')")).body["FrozenFor"] == "tYES"
    await wire.control("dimension-values", dimension="1", code="D900", name="Nine hundred")
    assert (await wire.get("DistributionRules('D900')")).body["FactorDescription"] == "Nine hundred"
    await wire.control("dimension-values", dimension="Project", code="P-001", active=False)
    assert (await wire.get("Projects('P-001')")).body["Active"] == "tNO"
    await wire.control("records", set="PaymentTermsTypes", key=9, PaymentTermsGroupName="90 days")
    assert (await wire.get("PaymentTermsTypes(9)")).body["PaymentTermsGroupName"] == "90 days"


async def test_a_control_page_that_names_nobody_says_so(wire: Wire) -> None:
    await wire.control("vendors", number="NOBODY", delete=True, status=404)
    await wire.control("vendors", number="V000001", Nothing=1, status=400)
    await wire.control("vendors", company="9999", number="V000001", status=404)


async def test_faults_strike_and_calls_are_counted(wire: Wire) -> None:
    fault = {"kind": "status", "path": "/Dimensions", "status": 502, "count": 1}
    assert (await wire.send("POST", f"{wire.origin}/_sandbox/faults", fault)).status == 201
    assert (await wire.get("Dimensions")).status == 502
    assert (await wire.get("Dimensions")).status == 200
    calls = (await wire.send("GET", f"{wire.origin}/_sandbox/calls")).body
    assert [call["status"] for call in calls["calls"]] == [200, 502, 200]


async def test_a_reset_brings_the_first_day_back_and_sessions_stay(wire: Wire) -> None:
    await wire.control("vendors", number="V000001", CardName="Changed")
    await wire.control("branches", enabled=True)
    await wire.make(BPL_IDAssignedToInvoice=1)
    await wire.control("reset")
    assert (await wire.get("BusinessPartners('V000001')")).body["CardName"] == wire.company.vendors[0].name
    assert (await wire.get("CompanyService_GetAdminInfo")).body["EnableBranches"] == "tNO"
    assert len(await wire.rows("PurchaseInvoices")) == len(wire.company.already_posted)


async def test_further_companies_have_books_of_their_own(wire: Wire) -> None:
    founded = await wire.control("companies", codes=["2001"], vendors=25, orders=12, invoices=0)
    assert founded == {"companies": {"2001": "SBO_2001"}}
    other = f"B1SESSION={(await wire.login(CompanyDB='SBO_2001')).body['SessionId']}"
    reply = await wire.send("GET", "BusinessPartners/$count", cookie=other)
    assert reply.body == b"28"
    state = (await wire.send("GET", f"{wire.origin}/_sandbox/state")).body
    assert set(state["companies"]) == {CODE, "2001"}


async def test_basware_names_orders_and_lines_as_b1_numbers_them(wire: Wire) -> None:
    matched = [invoice for invoice in as_invoiced(wire.company).invoices if invoice.order_numbers]
    assert matched
    for invoice in matched:
        (number,) = invoice.order_numbers
        (order,) = await wire.rows("PurchaseOrders", filter=f"DocNum eq {number}")
        assert order["CardCode"] == invoice.vendor
        ordered = {str(line["LineNum"] + 1): line["LineTotal"] for line in order["DocumentLines"]}
        assert {row.order_line for row in invoice.rows} == set(ordered)
        assert invoice.net == sum(row.net for row in invoice.rows)
        assert invoice.gross == invoice.net + invoice.tax


@pytest.mark.parametrize(
    "text",
    [
        "CardCode eq 'V000007'",
        "CardCode eq 'V000007' or CardCode eq 'V000003' or CardCode eq 'NOBODY'",
        "CardCode gt 'V000310' and CardType eq 'cSupplier'",
        "CardCode ge 'V000310' and CardCode lt 'V000315'",
        "CardType eq 'cCustomer' or CardType eq 'cLid'",
        "CardType eq 'cCustomer' and CardCode eq 'V000007'",
        "UpdateDate ge '{day}' and CardType eq 'S'",
        "UpdateDate ge '{day}' and CardCode gt 'V000100'",
        "UpdateDate ge '{day}' or CardCode eq 'V000007'",
    ],
)
async def test_what_an_index_finds_is_what_looking_at_every_row_finds(wire: Wire, text: str) -> None:
    text = text.format(day=(wire.company.today - timedelta(days=40)).isoformat())
    fast = await keys(wire, "BusinessPartners", "CardCode", filter=text)
    assert fast == await keys(wire, "BusinessPartners", "CardCode", filter=f"not (not ({text}))")
    assert fast == sorted(fast)
    descending = await keys(wire, "BusinessPartners", "CardCode", filter=text, orderby="CardCode desc")
    assert descending == fast[::-1]
