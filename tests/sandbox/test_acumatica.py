"""The simulated Acumatica on the wire: sign-in, seats, shapes, reading, masters (Acumatica dossier 15, 1-27)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from acumatica_wire import CODE, Wire, cookies_of, plain, wrapped

from ml_connector.sandbox.acumatica.identity import CLIENT, PASSWORD, USERNAME, client_id

ENDPOINT = "/acme/entity/Default/24.200.001"
NO_SEAT = "API Login Limit"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


@pytest.fixture
async def two() -> AsyncIterator[Wire]:
    """An instance with two tenants."""
    async with Wire(CODE, "3001") as started:
        yield started


async def logout(wire: Wire, *, token: str = "", cookie: str = "") -> int:
    reply = await wire.send("POST", f"{wire.root}/entity/auth/logout", b"", token=token, cookie=cookie)
    return reply.status


# --- Transport, sign-in, sessions (1-12) --------------------------------------------------------------------


async def test_1_a_cookie_sign_in_takes_tenant_or_company_as_json_or_form(two: Wire) -> None:
    await two.control("seats", limit=0)
    for body in ({"tenant": "Acme3001"}, {"tenant": None, "company": "acme3001"}):
        reply = await two.login(**body)
        assert (reply.status, reply.body) == (204, b"")
        cookie = cookies_of(reply)
        assert "ASP.NET_SessionId=" in cookie
        assert ".ASPXAUTH=" in cookie
        read = await two.send("GET", "Ledger/ACTUAL?$expand=Branches", token="", cookie=cookie)
        assert plain(read.body)["Branches"][0]["CompanyName"] == "Acme Trading 3001"
    form = {"name": USERNAME, "password": PASSWORD, "company": "Acme3000"}
    assert (await two.send("POST", f"{two.root}/entity/auth/login", token="", data=form)).status == 204


async def test_1_without_a_tenant_the_default_one_is_signed_in_to_and_an_unknown_one_is_an_error(two: Wire) -> None:
    await two.control("seats", limit=0)
    for nothing in ("", None):
        cookie = cookies_of(await two.login(tenant=nothing))
        read = await two.send("GET", "Ledger/ACTUAL?$expand=Branches", token="", cookie=cookie)
        assert plain(read.body)["Branches"][0]["CompanyName"] == "Acme Trading 3000"
    unknown = await two.login(tenant="Elsewhere")
    assert (unknown.status, unknown.kind) == (500, "PXUndefinedCompanyException")


async def test_1_with_one_tenant_any_name_is_taken(wire: Wire) -> None:
    assert (await wire.login(tenant="Elsewhere")).status == 204


async def test_1_half_of_the_cookies_is_no_session(wire: Wire) -> None:
    first = cookies_of(await wire.login()).split("; ")[0]
    assert (await wire.send("GET", "Currency", token="", cookie=first)).status == 401


async def test_2_a_wrong_password_is_an_error_not_401_and_five_lock_the_account(wire: Wire) -> None:
    for _ in range(4):
        refused = await wire.login(password="wrong")
        assert (refused.status, "Invalid credentials" in refused.message) == (500, True)
    assert "locked out" in (await wire.login(password="wrong")).message
    assert "locked out" in (await wire.login()).message
    assert (await wire.grant()).body == {"error": "invalid_grant"}
    await wire.control("lock", locked=False)
    assert (await wire.login()).status == 204


async def test_3_a_logout_without_length_leaves_the_session_and_one_with_it_frees_the_seat(wire: Wire) -> None:
    cookie = cookies_of(await wire.login())
    address = urlsplit(wire.origin)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = ("POST /acme/entity/auth/logout HTTP/1.1", "Host: localhost", f"Cookie: {cookie}", "Connection: close")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 411")
    assert "text/html" in answer
    assert (await wire.send("GET", "Currency", token="", cookie=cookie)).status == 200
    assert await logout(wire, cookie=cookie) == 204
    assert (await wire.send("GET", "Currency", token="", cookie=cookie)).status == 401
    assert (await wire.state())["sessions"] == 0


async def test_3_a_bearer_signs_out_too_and_opens_a_new_session_when_used_again(wire: Wire) -> None:
    await wire.get("Currency")
    assert (await wire.state())["sessions"] == 1
    assert await logout(wire, token=wire.token) == 204
    assert (await wire.state())["sessions"] == 0
    assert (await wire.get("Currency")).status == 200
    assert {name: (await wire.state())[name] for name in ("sessions", "opened")} == {"sessions": 1, "opened": 2}


async def test_4_the_grants_that_are_supported_and_those_that_are_not(wire: Wire) -> None:
    answer = (await wire.grant()).body
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert "refresh_token" in answer
    assert "refresh_token" not in (await wire.grant(scope="api")).body
    refusals = {
        "unauthorized_client": await wire.grant("client_credentials", scope="api"),
        "unsupported_grant_type": await wire.grant("implicit"),
        "invalid_scope": await wire.grant(scope="api everything"),
        "invalid_grant": await wire.grant(password="wrong"),
    }
    for changes in ({"client_id": CLIENT}, {"client_id": f"{CLIENT}@Elsewhere"}, {"client_secret": "wrong"}):
        refusals["invalid_client"] = await wire.grant(**changes)
        assert refusals["invalid_client"].body == {"error": "invalid_client"}, changes
    assert {(reply.status, reply.body["error"]) for reply in refusals.values()} == {(400, code) for code in refusals}


async def test_4_a_code_is_exchanged_with_its_verifier_once(wire: Wire) -> None:
    verifier = "a-verifier-that-nobody-else-knows"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": client_id(CODE),
        "response_type": "code",
        "redirect_uri": "https://connector.example/back",
        "scope": "api offline_access",
        "state": "xyz",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    sent = await wire.send("GET", f"{wire.root}/identity/connect/authorize", token="", params=asked)
    assert sent.status == 302
    back = parse_qs(urlsplit(sent.headers["Location"]).query)
    assert back["state"] == ["xyz"]
    form = {"code": back["code"][0], "redirect_uri": asked["redirect_uri"], "code_verifier": verifier}
    assert "refresh_token" in (await wire.grant("authorization_code", **form)).body
    assert (await wire.grant("authorization_code", **form)).body == {"error": "invalid_grant"}


async def test_5_a_refresh_token_works_once(wire: Wire) -> None:
    first = (await wire.grant()).body["refresh_token"]
    second = await wire.grant("refresh_token", refresh_token=first)
    assert second.status == 200
    assert second.body["refresh_token"] != first
    again = await wire.grant("refresh_token", refresh_token=first)
    assert (again.status, again.body) == (400, {"error": "invalid_grant"})
    assert (await wire.grant("refresh_token", refresh_token=second.body["refresh_token"])).status == 200


async def test_6_an_access_token_ends_and_the_answer_is_401_without_a_body(wire: Wire) -> None:
    await wire.control("expire-tokens", seconds=60)
    wire.token = (await wire.grant()).body["access_token"]
    assert (await wire.get("Currency")).status == 200
    await wire.control("clock", seconds=61)
    refused = await wire.get("Currency")
    assert (refused.status, refused.body) == (401, b"")


async def test_7_the_suffix_of_the_client_picks_the_tenant(two: Wire) -> None:
    other = (await two.grant(client_id=client_id("3001"))).body["access_token"]
    await two.control("vendors", company="3001", number="ONLY-THERE")
    assert (await two.send("GET", "Vendor/ONLY-THERE", token=other)).status == 200
    assert (await two.get("Vendor/ONLY-THERE")).kind == "NoEntitySatisfiesTheConditionException"


async def test_8_a_grant_keeps_its_session_over_a_refresh(wire: Wire) -> None:
    grant = (await wire.grant()).body
    await wire.send("GET", "Currency", token=grant["access_token"])
    renewed = (await wire.grant("refresh_token", refresh_token=grant["refresh_token"])).body
    await wire.send("GET", "Currency", token=renewed["access_token"])
    assert {name: (await wire.state())[name] for name in ("sessions", "opened")} == {"sessions": 1, "opened": 1}


async def test_8_the_session_of_a_grant_ends_with_its_token(wire: Wire) -> None:
    await wire.get("Currency")
    await wire.control("clock", seconds=3601)
    assert (await wire.state())["sessions"] == 0


async def test_8_concurrent_access_opens_a_session_for_each_request_without_a_cookie(wire: Wire) -> None:
    token = (await wire.grant(scope="api api:concurrent_access")).body["access_token"]
    first = await wire.send("GET", "Currency", token=token)
    await wire.send("GET", "Currency", token=token, cookie=cookies_of(first))
    assert (await wire.state())["sessions"] == 1
    await wire.send("GET", "Currency", token=token)
    assert (await wire.state())["sessions"] == 2
    refused = await wire.send("GET", "Currency", token=token)
    assert (refused.status, refused.message) == (429, NO_SEAT)


async def test_9_the_third_session_gets_no_seat_until_one_is_free(wire: Wire) -> None:
    cookie = cookies_of(await wire.login())
    await wire.login()
    refused = await wire.login()
    assert (refused.status, refused.message) == (429, NO_SEAT)
    assert (await wire.get("Currency")).status == 429
    await wire.control("seats", plain_text=True)
    as_text = await wire.login()
    assert (as_text.status, as_text.headers["Content-Type"].partition(";")[0]) == (429, "text/plain")
    await logout(wire, cookie=cookie)
    assert (await wire.get("Currency")).status == 200


async def test_9_a_session_that_nobody_closes_dies_of_idleness(wire: Wire) -> None:
    await wire.login()
    await wire.login()
    await wire.control("clock", seconds=21 * 60)
    assert (await wire.login()).status == 204


async def test_9_requests_are_delayed_from_half_of_the_limit_on(wire: Wire) -> None:
    await wire.control("limits", per_minute=4)
    for _ in range(2):
        assert (await wire.get("Currency", top=1)).status == 200
    assert (await wire.state())["delayed"] == 0
    await wire.control("clock", seconds=59.9)
    assert (await wire.get("Currency", top=1)).status == 200
    assert (await wire.state())["delayed"] == 1


async def test_9_a_request_is_declined_only_where_too_many_wait_already(wire: Wire) -> None:
    await wire.control("limits", per_minute=2, concurrent=1, queue=2)
    await wire.get("Currency", top=1)
    await wire.control("clock", seconds=59.5)
    asked = [asyncio.create_task(wire.get("Currency", top=1)) for _ in range(4)]
    while not (await wire.state())["declined"]:
        await asyncio.sleep(0.01)
    await wire.control("limits", per_minute=0)
    assert sorted(reply.status for reply in await asyncio.gather(*asked)) == [200, 200, 200, 429]


async def test_10_the_list_of_endpoints_is_open_to_all_and_complete_for_those_signed_in(wire: Wire) -> None:
    address = f"{wire.root}/entity"
    anonymous = (await wire.send("GET", address, token="")).body
    assert [row["version"] for row in anonymous["endpoints"]] == ["22.200.001", "23.200.001", "24.200.001"]
    assert anonymous["endpoints"][0]["href"] == "/acme/entity/Default/22.200.001/"
    assert anonymous["version"]["acumaticaBuildVersion"]
    known = (await wire.send("GET", address)).body["endpoints"]
    assert known[-1] == {"name": "MLConnector", "version": "1.0", "href": "/acme/entity/MLConnector/1.0/"}
    await wire.control("versions", bare_list=True, versions=["22.200.001"])
    assert (await wire.send("GET", address, token="")).body == anonymous["endpoints"][:1]
    assert (await wire.get("Currency")).status == 404


async def test_11_wrong_endpoints_versions_and_entities_are_404(wire: Wire) -> None:
    for address in ("Default/99.999.999/Bill", "Elsewhere/24.200.001/Bill", "Default/24.200.001/Nothing"):
        assert (await wire.send("GET", f"{wire.root}/entity/{address}")).status == 404, address


async def test_12_without_credentials_401_and_without_rights_403(wire: Wire) -> None:
    assert (await wire.send("GET", "Currency", token="")).status == 401
    await wire.control("rights", entity="Vendor", allowed=False)
    refused = await wire.get("Vendor", top=1)
    assert (refused.status, refused.body["message"]) == (
        403,
        "You have insufficient rights to access the Vendor (AP303000) form.",
    )
    await wire.control("features", subaccounts=False, projects=False)
    for entity in ("Subaccount", "Project", "ProjectTask", "CostCode"):
        assert (await wire.get(entity, top=1)).status == 403, entity
    await wire.control("rights", entity="Vendor", allowed=True)
    assert (await wire.get("Vendor", top=1)).status == 200


# --- Shapes (13-17) -----------------------------------------------------------------------------------------


async def test_13_fields_are_wrapped_and_empty_ones_are_empty_objects(wire: Wire) -> None:
    (row,) = (await wire.get("Vendor", filter="VendorID eq 'V000001'")).body
    assert row["VendorID"] == {"value": "V000001"}
    assert row["FOBPoint"] == {}
    assert (row["rowNumber"], row["note"], row["custom"]) == (1, {"value": ""}, {})
    assert row["_links"] == {
        "self": f"{ENDPOINT}/Vendor/{row['id']}",
        "files:put": f"{ENDPOINT}/files/PX.Objects.AP.VendorMaint/BAccount/{row['id']}/{{filename}}",
    }
    assert not {"MainContact", "PaymentInstructions"} & row.keys()


async def test_13_nested_entities_come_only_where_they_are_expanded_in_answers_to_put_too(wire: Wire) -> None:
    body = wrapped(VendorID="V000001", VendorName="Renamed")
    assert "MainContact" not in (await wire.put("Vendor", body)).body
    contact = (await wire.put("Vendor?$expand=MainContact", body)).body["MainContact"]
    assert contact["Email"] == {"value": "invoicing.v000001@vendor.example"}
    assert "Address" not in contact
    details = (await wire.get("TaxCategory/VAT24", expand="Details")).body["Details"]
    assert list(details[0]["_links"]) == ["files:put"]
    assert details[0]["rowNumber"] == 1


async def test_14_a_flat_value_is_400_and_unknown_or_read_only_fields_are_ignored(wire: Wire) -> None:
    flat = await wire.put("Vendor", {"VendorID": "V000001"})
    assert (flat.status, list(flat.body["modelState"])) == (400, ["entity.VendorID"])
    before = await wire.record("Vendor/V000001")
    told = await wire.put("Vendor", wrapped(VendorID="V000001", Nonsense=1, LastModifiedDateTime="2001-01-01"))
    assert told.status == 200
    assert "Nonsense" not in told.body
    assert plain(told.body)["LastModifiedDateTime"] > before["LastModifiedDateTime"]


async def test_15_numbers_booleans_and_days_are_taken_as_text_and_answered_in_their_types(wire: Wire) -> None:
    body = wrapped(VendorID="V000001", MaxReceipt="99.50", PaySeparately="True", LeadTimedays="7")
    told = plain((await wire.put("Vendor", body)).body)
    assert (told["MaxReceipt"], told["PaySeparately"], told["LeadTimedays"]) == (99.5, True, 7)
    for text in ("11/18/2027", "2027-11-18", "2027-11-18T00:00:00"):
        await wire.put("Tax", wrapped(TaxID="VAT24", NotValidAfter=text))
        assert (await wire.record("Tax/VAT24"))["NotValidAfter"] == "2027-11-18T00:00:00-05:00", text
    wrong = await wire.put("Vendor", wrapped(VendorID="V000001", LeadTimedays="soon"))
    assert (wrong.status, list(wrong.body["modelState"])) == (400, ["entity.LeadTimedays"])


async def test_15_the_offset_of_a_day_is_that_of_the_day(wire: Wire) -> None:
    for text, told in (("2027-02-11", "2027-02-11T00:00:00-05:00"), ("2027-07-13", "2027-07-13T00:00:00-04:00")):
        await wire.put("Tax", wrapped(TaxID="VAT24", NotValidAfter=text))
        assert (await wire.record("Tax/VAT24"))["NotValidAfter"] == told
    await wire.control("preferences", time_zone="Europe/Helsinki")
    assert (await wire.record("Tax/VAT24"))["NotValidAfter"] == "2027-07-13T00:00:00+03:00"


async def test_15_a_day_sent_with_an_offset_is_the_users_day_of_that_instant(wire: Wire) -> None:
    await wire.put("Tax", wrapped(TaxID="VAT24", NotValidAfter="2027-11-18T00:00:00Z"))
    assert (await wire.record("Tax/VAT24"))["NotValidAfter"] == "2027-11-17T00:00:00-05:00"


async def test_15_the_fraction_of_a_second_has_no_zeros_at_its_end(wire: Wire) -> None:
    stamps = [row["LastModifiedDateTime"] for row in await wire.rows("Vendor", select="LastModifiedDateTime")]
    fractions = {stamp[19:-6] for stamp in stamps}
    assert all(not fraction.endswith("0") and len(fraction) <= 4 for fraction in fractions)


async def test_16_drop_downs_take_label_and_code_and_answer_the_label(wire: Wire) -> None:
    for text in ("On Hold", "H", "on hold"):
        told = await wire.put("Vendor", wrapped(VendorID="V000002", Status=text))
        assert told.body["Status"] == {"value": "On Hold"}, text
    refused = await wire.put("Vendor", wrapped(VendorID="V000002", Status="Asleep"))
    assert refused.status == 422
    assert "raised at least one error" in refused.body["error"]
    assert "Asleep" in refused.body["Status"]["error"]
    assert refused.body["VendorID"] == {"value": "V000002"}


async def test_17_the_version_of_the_endpoint_governs_the_contract(wire: Wire) -> None:
    seen: dict[str, set[str]] = {}
    for version in ("22.200.001", "23.200.001", "24.200.001"):
        bill = f"{wire.root}/entity/Default/{version}/Bill"
        body = (await wire.send("GET", f"{bill}/$adHocSchema")).body
        seen[version] = body.keys() | body["Details"][0].keys()
        released = await wire.send(
            "POST", f"{wire.root}/entity/Default/{version}/Bill/ReleaseRetainage", {"entity": {}}
        )
        assert (released.status == 404) is (version == "22.200.001")
    assert [("IsTaxValid" in names, "LCNbr" in names) for names in seen.values()] == [
        (False, False),
        (True, False),
        (True, True),
    ]


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


# --- What documents meet in the frame (13, 39-42, 46) -------------------------------------------------------


async def bill(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A bill of one line as it is answered, balanced unless told otherwise."""
    line = wrapped(TransactionDescription="Paper", Account="6110", Subaccount="D010-A01", ExtendedCost=100)
    body = wrapped(
        Type="Bill",
        Vendor=wire.vendor(),
        VendorRef="INV-10045",
        Date=wire.company.today.isoformat(),
        Amount=124,
        Hold=False,
        Details=[line | wrapped(TaxCategory="VAT24")],
    )
    answer = await wire.put("Bill?$expand=Details", body | wrapped(**changes))
    assert answer.status == 200, answer.body
    return answer.body


async def release(wire: Wire, entity: dict[str, Any], *, token: str | None = None) -> Any:
    body = {"entity": {"id": entity["id"]}}
    return await wire.send("POST", "Bill/ReleaseBill", body, token=token)


async def test_13_lines_go_by_another_id_in_another_session(wire: Wire) -> None:
    made = await bill(wire)
    (line,) = made["Details"]
    address = f"Bill/{made['id']}?$expand=Details"
    assert (await wire.get(address)).body["Details"][0]["id"] == line["id"]
    assert line["_links"]["files:put"].endswith(f"/Transactions/{line['id']}/{{filename}}")
    await logout(wire, token=wire.token)
    assert (await wire.get(address)).body["Details"][0]["id"] != line["id"]


async def test_39_a_form_that_may_only_be_viewed_answers_200_and_saves_nothing(wire: Wire) -> None:
    made = await bill(wire)
    before = len(await wire.bills())
    await wire.control("preferences", saves_silently=True)
    new = plain(await bill(wire, VendorRef="INV-10046"))
    assert new["ReferenceNbr"] == "<NEW>"
    old = await wire.put("Bill", {"id": made["id"], **wrapped(Description="changed")})
    assert (old.status, old.body["Description"]) == (200, {})
    assert len(await wire.bills()) == before


async def test_41_the_status_of_an_action_is_told_to_its_own_session_only(wire: Wire) -> None:
    started = await release(wire, await bill(wire))
    assert started.status == 202
    status = started.headers["Location"]
    assert status.startswith(f"{ENDPOINT}/Bill/ReleaseBill/status/")
    other = (await wire.grant()).body["access_token"]
    assert (await wire.send("GET", status, token=other)).status == 404
    for expected in (202, 202, 204, 204):
        assert (await wire.send("GET", status)).status == expected
    assert (await wire.get(f"{ENDPOINT}/Bill/ReleaseBill/status/{'0' * 8}-0000-0000-0000-{'0' * 12}")).status == 404


async def test_41_the_form_is_busy_in_the_session_while_an_action_runs(wire: Wire) -> None:
    made = await bill(wire)
    status = (await release(wire, made)).headers["Location"]
    for method, body in (("GET", None), ("PUT", wrapped(Vendor=wire.vendor()))):
        assert (await wire.send(method, "Bill?$top=1", body)).status == 500, method
    assert (await wire.get("Vendor/V000001")).status == 200
    other = (await wire.grant()).body["access_token"]
    assert (await wire.send("GET", f"Bill/{made['id']}", token=other)).status == 200
    while (await wire.send("GET", status)).status == 202:
        pass
    assert (await wire.record(f"Bill/{made['id']}"))["Status"] == "Open"


async def test_41_an_action_ends_by_itself_when_nobody_asks(wire: Wire) -> None:
    made = await bill(wire)
    await release(wire, made)
    await wire.control("clock", seconds=6)
    assert (await wire.record(f"Bill/{made['id']}"))["Status"] == "Open"


async def test_40_an_action_may_end_at_once_with_an_address_that_leads_nowhere(wire: Wire) -> None:
    await wire.control("actions", immediate=True)
    first = await release(wire, await bill(wire))
    assert (first.status, "Location" in first.headers) == (204, False)
    await wire.control("actions", location=True)
    second = await release(wire, await bill(wire, VendorRef="INV-10046"))
    assert (second.status, (await wire.get(second.headers["Location"])).status) == (204, 500)


async def test_40_an_action_on_nothing_is_500_and_one_without_a_name_404(wire: Wire) -> None:
    missing = await wire.post("Bill/ReleaseBill", {"Entity": wrapped(Type="Bill", ReferenceNbr="999999")})
    assert missing.kind == "NoEntitySatisfiesTheConditionException"
    made = await bill(wire)
    assert (await wire.post("Bill/PayBill", {"entity": {"id": made["id"]}})).status == 404


async def test_42_a_slow_action_is_done_before_it_answers(wire: Wire) -> None:
    made = await bill(wire)
    await wire.control("actions", slow=30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(release(wire, made), 0.3)
    await wire.control("actions", slow=0)
    other = (await wire.grant()).body["access_token"]
    assert plain((await wire.send("GET", f"Bill/{made['id']}", token=other)).body)["Status"] == "Open"


async def test_46_a_file_travels_to_its_link_and_back(wire: Wire) -> None:
    made = await bill(wire)
    link = made["_links"]["files:put"].replace("{filename}", "faktura%20%C3%A5.pdf")
    sent = await wire.send("PUT", link, b"%PDF", headers={"PX-CbFileComment": "Basware 7f3e2c"})
    assert sent.status == 204
    assert (await wire.send("GET", sent.headers["Location"])).body == b"%PDF"
    (file,) = (await wire.record(f"Bill/{made['id']}", expand="files"))["files"]
    assert file["filename"].endswith("\\faktura å.pdf")
    assert (await wire.send("PUT", f"Bill/{made['id']}/files/x.pdf", b"x")).status == 404
    number = plain(made)["ReferenceNbr"]
    assert (await wire.send("PUT", f"Bill/Bill/{number}/files/x.pdf", b"x")).status == 204
    line = made["Details"][0]["_links"]["files:put"].replace("{filename}", "line.pdf")
    assert (await wire.send("PUT", line, b"x")).status == 204
    nowhere = link.replace(made["id"], f"{'0' * 8}-0000-0000-0000-{'0' * 12}")
    assert (await wire.send("PUT", nowhere, b"x")).status == 500
