"""The simulated Epicor Kinetic on the wire: sign-in, transport, errors, licences (Epicor dossier 17.1 to 17.11)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from epicor_kinetic_wire import COMPANY, Reply, Wire, basic

from ml_connector.sandbox.epicor_kinetic import API_KEY, CLIENT, CLIENT_SECRET, INSTANCE, PASSWORD, USERNAME

COMPANIES = "Erp.BO.CompanySvc/Companies?$top=1&$select=Company1,Name,BaseCurrCode"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def token_of(wire: Wire, **headers: str) -> Reply:
    """Asks the token resource."""
    sent = {"username": USERNAME, "password": PASSWORD, "Authorization": None, "x-api-key": None, **headers}
    return await wire.send("POST", f"{wire.origin}/{INSTANCE}/TokenResource.svc/", b"", headers=sent)


async def grant_of(wire: Wire, **form: str) -> tuple[int, dict[str, Any]]:
    """Asks the OAuth server."""
    body = {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "scope": "epicor_erp",
        **form,
    }
    async with wire.session.post(f"{wire.origin}/connect/token", data=body) as answer:
        return answer.status, await answer.json()


def bearer(token: str) -> dict[str, str | None]:
    return {"Authorization": f"Bearer {token}"}


# --- Who calls (1-4) ----------------------------------------------------------------------------------------


async def test_0_the_right_key_and_login_read_the_company(wire: Wire) -> None:
    reply = await wire.send("GET", COMPANIES)
    assert reply.rows == [{"Company1": COMPANY, "Name": "Acme Trading 4000", "BaseCurrCode": "EUR"}]


@pytest.mark.parametrize("sent", ["wrong-key-value", None])
async def test_1_a_call_without_the_right_key_is_told_the_key_it_sent(wire: Wire, sent: str | None) -> None:
    reply = await wire.send("GET", COMPANIES, headers={"x-api-key": sent})
    assert reply.status == 401
    assert reply.message == f"Invalid API Key {sent or ''}.\r\nCompany {COMPANY}."
    assert reply.body["ErrorType"] == "System.UnauthorizedAccessException"


async def test_1_the_key_is_looked_at_before_the_login(wire: Wire) -> None:
    reply = await wire.send("GET", COMPANIES, headers={"x-api-key": "nope", "Authorization": None})
    assert reply.message.startswith("Invalid API Key nope.")


async def test_1_a_wrong_password_and_no_login_at_all_are_told_apart(wire: Wire) -> None:
    wrong = await wire.send("GET", COMPANIES, headers={"Authorization": basic(password="wrong")})
    assert (wrong.status, wrong.message) == (401, "Invalid username or password.")
    none = await wire.send("GET", COMPANIES, headers={"Authorization": None})
    assert (none.status, none.body) == (401, b"")
    assert none.headers["WWW-Authenticate"].startswith("Basic")


async def test_1_the_key_may_come_in_the_query(wire: Wire) -> None:
    reply = await wire.send("GET", f"{COMPANIES}&api-key={API_KEY}", headers={"x-api-key": None})
    assert reply.status == 200


@pytest.mark.parametrize("change", [{"enabled": False}, {"expires": "2020-01-01"}, {"value": "regenerated"}])
async def test_1_a_key_that_is_off_out_of_date_or_regenerated_is_a_wrong_one(
    wire: Wire, change: dict[str, Any]
) -> None:
    await wire.control("key", **change)
    reply = await wire.send("GET", COMPANIES)
    assert (reply.status, reply.message) == (401, f"Invalid API Key {API_KEY}.\r\nCompany {COMPANY}.")


@pytest.mark.parametrize("denied", ["Erp.BO.Company", "Erp.BO.Company.GetRows"])
async def test_2_without_rights_on_a_method_it_is_named(wire: Wire, denied: str) -> None:
    await wire.control("rights", object=denied, allowed=False)
    reply = await wire.send("GET", COMPANIES)
    assert (reply.status, reply.message) == (401, "Access denied (Erp.BO.Company.GetRows).")
    assert (await wire.get("Erp.BO.PlantSvc/Plants")).status == 200
    await wire.control("rights", object=denied, allowed=True)
    assert (await wire.send("GET", COMPANIES)).status == 200


async def test_2_a_service_outside_the_access_scope_of_the_key_answers_403(wire: Wire) -> None:
    await wire.control("scope", services=["Erp.BO.CompanySvc"])
    assert (await wire.send("GET", COMPANIES)).status == 200
    assert (await wire.get("Erp.BO.VendorSvc/Vendors", top=1)).status == 403


async def test_3_the_token_resource_answers_in_pascal_case_with_times_as_texts(wire: Wire) -> None:
    reply = await token_of(wire)
    assert reply.status == 200
    assert reply.body["ExpiresIn"] == 3600
    token = reply.body["AccessToken"]
    middle = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert (claims["iss"], claims["username"]) == ("epicor", USERNAME)
    assert isinstance(claims["exp"], str)
    assert isinstance(claims["iat"], str)
    assert (await wire.send("GET", COMPANIES, headers=bearer(token))).status == 200
    assert (await wire.send("GET", COMPANIES, headers={**bearer(token), "x-api-key": None})).status == 401


async def test_3_a_token_comes_as_xml_where_json_is_not_asked_for(wire: Wire) -> None:
    reply = await token_of(wire, Accept="application/xml")
    assert reply.body.startswith(b"<Token><AccessToken>")


async def test_3_the_token_resource_refuses_a_wrong_password(wire: Wire) -> None:
    reply = await token_of(wire, password="wrong")
    assert (reply.status, reply.message) == (401, "Invalid username or password.")


async def test_3_an_ended_token_is_refused_without_any_of_the_three_texts(wire: Wire) -> None:
    token = (await token_of(wire)).body["AccessToken"]
    await wire.control("clock", seconds=3601)
    reply = await wire.send("GET", COMPANIES, headers=bearer(token))
    assert (reply.status, reply.body) == (401, b"")
    token = (await token_of(wire)).body["AccessToken"]
    assert (await wire.control("expire-tokens", seconds=60))["expired"] >= 1
    assert (await wire.send("GET", COMPANIES, headers=bearer(token))).status == 401
    assert (await token_of(wire)).body["ExpiresIn"] == 60


async def test_4_client_credentials_get_a_bearer_token(wire: Wire) -> None:
    status, body = await grant_of(wire)
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    assert (await wire.send("GET", COMPANIES, headers=bearer(body["access_token"]))).status == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "wrong"}, "invalid_client"),
        ({"scope": "openid email epicor_erp"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_4_what_the_oauth_server_refuses(wire: Wire, form: dict[str, str], error: str) -> None:
    assert await grant_of(wire, **form) == (400, {"error": error})


async def test_4_the_token_of_a_client_without_a_user_is_good_for_nothing(wire: Wire) -> None:
    await wire.control("users", mapped=False)
    status, body = await grant_of(wire)
    assert status == 200
    assert (await wire.send("GET", COMPANIES, headers=bearer(body["access_token"]))).status == 401


# --- Paths and headers (5-8) --------------------------------------------------------------------------------


async def test_5_another_company_is_an_error_and_never_its_neighbours_data(wire: Wire) -> None:
    await wire.control("companies", codes=["4100"], vendors=20, orders=10, invoices=1)
    other = f"{wire.origin}/{INSTANCE}/api/v2/odata/EPIC4100"
    assert (await wire.send("GET", f"{other}/{COMPANIES}")).rows[0]["Company1"] == "EPIC4100"
    for unknown in ("EPIC9999", "epic4000"):
        reply = await wire.send("GET", f"{wire.origin}/{INSTANCE}/api/v2/odata/{unknown}/{COMPANIES}")
        assert reply.status == 404, unknown
    key = await wire.send("GET", f"{other}/Erp.BO.VendorSvc/Vendors('{COMPANY}',1001)")
    assert key.status == 404


async def test_5_call_settings_choose_the_site_unchecked_and_never_the_company(wire: Wire) -> None:
    def settings(**values: str) -> dict[str, str | None]:
        return {"CallSettings": json.dumps(values)}

    await wire.control("companies", codes=["4100"], vendors=20, orders=10, invoices=1)
    reply = await wire.send("GET", COMPANIES, headers=settings(Company="EPIC4100", Plant="nowhere", Odd="key"))
    assert reply.rows[0]["Company1"] == COMPANY
    assert (await wire.send("GET", COMPANIES, headers=settings(Company="EPIC9999"))).status == 404
    assert (await wire.send("GET", COMPANIES, headers={"CallSettings": "MfgSys"})).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "Erp.bo.VendorSvc/Vendors",
        "Erp.BO.VendorSvc/vendors",
        "Erp.BO.VendorSvc/getrows",
        "Erp.BO.VendorSvc/Suppliers",
        "Erp.BO.NoneSvc/Vendors",
        "Erp.BO.POSvc/PurchaseOrders",
    ],
)
async def test_6_a_path_in_the_wrong_case_is_not_found(wire: Wire, path: str) -> None:
    assert (await wire.get(path)).status == 404


async def test_6_a_column_in_the_wrong_case_is_refused(wire: Wire) -> None:
    reply = await wire.get("Erp.BO.VendorSvc/Vendors", filter="vendorid eq 'V000001'")
    assert reply.status == 400
    assert (await wire.get("Erp.BO.VendorSvc/Vendors", select="vendorNum")).status == 400


async def test_7_a_post_that_does_not_say_json_is_refused(wire: Wire) -> None:
    asked = {"ipCOACode": "MAIN", "ipGLAccount": "6110"}
    method = "Erp.BO.GLAccountSvc/GlAccountExists"
    assert (await wire.send("POST", method, asked, headers={"Content-Type": None})).status == 415
    assert (await wire.send("POST", method, asked, headers={"Content-Type": "text/plain"})).status == 415
    assert (await wire.send("POST", method, asked)).body == {"returnObj": True}
    assert (await wire.send("POST", method, b"{not json")).status == 400


async def test_8_the_wrong_verb_on_a_method_is_405_but_for_the_three(wire: Wire) -> None:
    reply = await wire.send("GET", "Erp.BO.GLAccountSvc/GlAccountExists?ipCOACode=MAIN&ipGLAccount=6110")
    assert reply.status == 405
    asked = {"vendorNum": 1001}
    posted = await wire.call("Erp.BO.VendorSvc/GetByID", **asked)
    got = await wire.send("GET", "Erp.BO.VendorSvc/GetByID?vendorNum=1001")
    assert posted.body == got.body
    assert got.body["returnObj"]["Vendor"][0]["VendorNum"] == 1001
    listed = "Erp.BO.VendorSvc/GetList?whereClause=&pageSize=5&absolutePage=1"
    assert (await wire.send("GET", listed)).status == 200


# --- Errors, licences, faults (9-11) ------------------------------------------------------------------------


async def test_9_the_error_envelope(wire: Wire) -> None:
    reply = await wire.send("GET", "Erp.BO.VendorSvc/Vendors('EPIC4000',1)")
    assert reply.status == 404
    assert reply.body["HttpStatus"] == 404
    assert reply.body["ReasonPhrase"] == "REST API Exception"
    assert reply.body["ErrorType"].endswith("RecordNotFoundException")
    assert reply.body["CorrelationId"]


@pytest.mark.parametrize(
    ("variant", "status", "found"),
    [
        ("spelling", 404, b"REST Api Exception"),
        ("odata", 404, b'{"error": {"code"'),
        ("bare", 404, b'{"HttpStatus": 404, "ReasonPhrase": "REST API Exception"}'),
        ("html", 502, b"<html>"),
        ("empty", 404, b""),
    ],
)
async def test_9_the_other_bodies_that_errors_have(wire: Wire, variant: str, status: int, found: bytes) -> None:
    await wire.control("errors", variant=variant, count=1)
    url = f"{wire.root}/Erp.BO.VendorSvc/Vendors('EPIC4000',1)"
    headers = {"Authorization": basic(), "x-api-key": API_KEY}
    async with wire.session.get(url, headers=headers) as answer:
        assert answer.status == status
        body = await answer.read()
        assert found in body
        assert bool(body) is bool(found)
    assert (await wire.send("GET", url)).body["ErrorMessage"] == "Record not found."


async def test_9_errors_are_xml_for_callers_that_do_not_ask_for_json(wire: Wire) -> None:
    reply = await wire.send("GET", "Erp.BO.VendorSvc/Vendors('EPIC4000',1)", headers={"Accept": "application/xml"})
    assert (reply.status, reply.body[:18]) == (404, b"<Error><HttpStatus")


async def test_10_a_session_keeps_a_licence_until_it_is_ended(wire: Wire) -> None:
    await wire.control("licences", limit=1)
    assert (await wire.send("GET", COMPANIES)).status == 200
    session = (await wire.call("Ice.LIB.SessionModSvc/Login")).body["returnObj"]
    assert (await wire.show("state"))["licences"] == 1
    refused = await wire.send("GET", COMPANIES)
    assert refused.message.startswith("Maximum users exceeded on license type")
    bound = {"SessionInfo": json.dumps({"SessionID": session})}
    assert (await wire.send("GET", COMPANIES, headers=bound)).status == 200
    assert (await wire.send("GET", COMPANIES, headers={"SessionInfo": session})).status == 400
    assert (await wire.send("POST", "Ice.LIB.SessionModSvc/Logout", {}, headers=bound)).status == 200
    assert (await wire.send("GET", COMPANIES)).status == 200
    assert (await wire.send("GET", COMPANIES, headers=bound)).status == 410


async def test_10_more_calls_at_a_time_than_licences_fail(wire: Wire) -> None:
    await wire.control("licences", limit=2)
    await wire.control("latency", seconds=0.2)
    replies = await asyncio.gather(*(wire.send("GET", COMPANIES) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 400, 400, 400]
    assert (await wire.show("state"))["peak"] == 2
    assert (await wire.show("state"))["licences"] == 0


@pytest.mark.parametrize("status", [429, 503])
async def test_11_throttling_comes_with_retry_after(wire: Wire, status: int) -> None:
    await wire.fault("status", "Companies", status=status, retry_after="2")
    reply = await wire.send("GET", COMPANIES)
    assert (reply.status, reply.headers["Retry-After"]) == (status, "2")
    assert (await wire.send("GET", COMPANIES)).status == 200


async def test_11_a_reply_is_lost_after_the_work_was_done(wire: Wire) -> None:
    await wire.fault("lost_reply", "SessionModSvc/Login")
    with pytest.raises(aiohttp.ClientError):
        await wire.call("Ice.LIB.SessionModSvc/Login")
    assert (await wire.show("state"))["sessions"] == 1


async def test_reset_puts_every_switch_back_and_keeps_tokens_good(wire: Wire) -> None:
    token = (await token_of(wire)).body["AccessToken"]
    await wire.control("key", enabled=False)
    await wire.control("rights", object="Erp.BO.Company", allowed=False)
    await wire.control("heavy", service="Erp.BO.CompanySvc", fails=True)
    await wire.control("errors", variant="html")
    await wire.control("coding", coding="kept")
    await wire.control("licences", limit=1)
    await wire.call("Ice.LIB.SessionModSvc/Login")
    await wire.control("reset")
    assert (await wire.send("GET", COMPANIES, headers=bearer(token))).status == 200
    state = await wire.show("state")
    assert state["companies"]["4000"]["switches"]["coding"] == "lost"
    assert state["sessions"] == 0


async def test_the_control_page_says_that_it_is_simulated(wire: Wire) -> None:
    shown = await wire.show("")
    assert (shown["system"], shown["simulated"]) == ("epicor-kinetic", True)
    assert {"POST /_sandbox/heavy", "GET /_sandbox/bills", "POST /_sandbox/companies"} <= set(shown["pages"])
    await wire.control("heavy", service="Erp.BO.NothingSvc", fails=True, status=404)
    await wire.control("period", company="9999", status=404)
