"""The simulated Acumatica on the wire: sign-in, seats, shapes (Acumatica dossier 15, 1-17)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from acumatica_calls import CODE, Wire, cookies_of, plain, wrapped

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
    assert await wire.logout(cookie=cookie) == 204
    assert (await wire.send("GET", "Currency", token="", cookie=cookie)).status == 401
    assert (await wire.state())["sessions"] == 0


async def test_3_a_bearer_signs_out_too_and_opens_a_new_session_when_used_again(wire: Wire) -> None:
    await wire.get("Currency")
    assert (await wire.state())["sessions"] == 1
    assert await wire.logout(token=wire.token) == 204
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
    await wire.logout(cookie=cookie)
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
