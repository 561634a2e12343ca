"""Sign-in, limits and errors on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from visma_wire import SECRET, TENANT, Listed, Wire

from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.visma_net import client as clients
from ml_connector.connectors.visma_net.client import Address, VismaClient, segment
from ml_connector.connectors.visma_net.connector import open_source
from ml_connector.records.reason import Reason


async def fails(wire: Wire, **settings: Any) -> Any:
    client = VismaClient(wire.side(**settings))
    try:
        with pytest.raises((Refused, Unavailable)) as caught:
            await client.rows("/v1/branch", {})
    finally:
        await client.close()
    return caught.value


async def test_a_token_is_asked_for_once_with_the_tenant_and_never_refreshed(wire: Wire) -> None:
    client = VismaClient(wire.side())
    await asyncio.gather(*(client.rows("/v1/branch", {}) for _ in range(5)))
    await client.close()
    assert wire.grants == [{
        "grant_type": "client_credentials", "client_id": "isv_ml_connector", "client_secret": SECRET,
        "scope": "vismanet_erp_service_api:read", "tenant_id": TENANT,
    }]  # fmt: skip


async def test_notes_ask_for_the_scope_that_writes(wire: Wire) -> None:
    client = VismaClient(wire.side(write_back="note"))
    await client.rows("/v1/branch", {})
    await client.close()
    assert wire.grants[0]["scope"] == "vismanet_erp_service_api:read vismanet_erp_service_api:update"


async def test_every_call_names_company_and_application(wire: Wire) -> None:
    client = VismaClient(wire.side())
    await client.rows("/v1/branch", {})
    await client.close()
    headers = wire.headers[0]
    assert headers["ipp-company-id"] == "5000001"
    assert headers["ipp-application-type"] == "Visma.net Financials"
    assert headers["Accept"] == "application/json"


async def test_a_token_that_ended_is_replaced_and_the_call_made_again(wire: Wire) -> None:
    client = VismaClient(wire.side())
    await client.rows("/v1/branch", {})
    wire.tokens.clear()
    assert await client.rows("/v1/branch", {}) == []
    await client.close()
    assert len(wire.grants) == 2


async def test_a_token_is_renewed_a_minute_before_its_end(wire: Wire) -> None:
    wire.lifetime = 0
    client = VismaClient(wire.side())
    await client.rows("/v1/branch", {})
    await client.rows("/v1/branch", {})
    await client.close()
    assert len(wire.grants) == 2
    assert len(wire.requests) == 2


async def test_a_token_that_no_call_takes_is_explained_as_a_customer_tenants(wire: Wire) -> None:
    wire.answer = lambda _: web.Response(status=401)
    error = await fails(wire)
    assert error.reason is Reason.SIGN_IN_REFUSED
    assert "customer tenant" in str(error)
    assert len(wire.grants) == 2


async def test_a_refusal_after_calls_that_went_through_is_not_blamed_on_the_tenant(wire: Wire) -> None:
    client = VismaClient(wire.side())
    await client.rows("/v1/branch", {})
    wire.answer = lambda _: web.Response(status=401)
    with pytest.raises(Refused) as caught:
        await client.rows("/v1/branch", {})
    await client.close()
    assert caught.value.reason is Reason.SIGN_IN_REFUSED
    assert "customer tenant" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("code", ["invalid_client", "invalid_tenant", "invalid_scope"])
async def test_a_refused_sign_in_says_why_whatever_its_status(wire: Wire, status: int, code: str) -> None:
    wire.sign_in = lambda _: web.json_response({"error": code}, status=status)
    error = await fails(wire)
    assert (error.reason, error.code) == (Reason.SIGN_IN_REFUSED, code)
    assert SECRET not in str(error)
    assert wire.requests == []


async def test_what_is_no_token_endpoint_is_a_wrong_address(wire: Wire) -> None:
    wire.sign_in = lambda _: web.Response(status=404, text="<html>no such page</html>")
    assert (await fails(wire)).reason is Reason.ADDRESS_WRONG


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"message": "VismaId: 3f0c7a41-7a0c-4b65-b7d5-0a2a1a1c9d44. Wrong filter."}', "400 Wrong filter."),
        ('{"Message": "Wrong filter."}', "400 Wrong filter."),
        (
            '{"ExceptionType":"IPPException","ExceptionMessage":"Wrong filter.","ExceptionFaultCode":"1"}',
            "400 Wrong filter.",
        ),
        ("Wrong filter.", "400 Wrong filter."),
        ("<html><body><h1>Wrong</h1> filter.</body></html>", "400 Wrong filter."),
        ("", "400"),
    ],
)
async def test_every_error_body_is_read(wire: Wire, body: str, words: str) -> None:
    wire.answer = lambda _: web.Response(status=400, text=body)
    error = await fails(wire)
    assert error.reason is Reason.REFUSED
    assert error.findings[0].vendor_text == words


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, "", Reason.RIGHTS_MISSING),
        (404, "", Reason.ADDRESS_WRONG),
        (400, '{"ExceptionFaultCode":"12002","ExceptionMessage":""}', Reason.ADDRESS_WRONG),
        (
            400,
            '{"ExceptionFaultCode":"12027","ExceptionMessage":"No license for this company."}',
            Reason.RIGHTS_MISSING,
        ),
        (302, "", Reason.UNEXPECTED),
    ],
)
async def test_a_refusal_has_the_reason_of_its_status_or_code(
    wire: Wire, status: int, body: str, reason: Reason
) -> None:
    wire.answer = lambda _: web.Response(status=status, text=body, headers={"Location": "http://127.0.0.1:1/x"})
    assert (await fails(wire)).reason is reason
    assert len(wire.requests) == 1


async def test_a_read_is_made_again_while_the_gateway_is_out_of_order(wire: Wire) -> None:
    answers = iter([502, 500, 200])
    wire.answer = lambda _: web.Response(status=next(answers), text="")
    client = VismaClient(wire.side())
    assert await client.rows("/v1/branch", {}) == []
    await client.close()
    assert len(wire.requests) == 3


async def test_a_call_over_the_limit_waits_as_long_as_it_was_told(wire: Wire) -> None:
    wire.answer = lambda _: web.Response(status=429, headers={"Retry-After": "1800"})
    error = await fails(wire)
    assert isinstance(error, Unavailable)
    assert (error.reason, error.retry_after) == (Reason.RATE_LIMITED, 1800)
    assert len(wire.requests) == 1


async def test_no_call_leaves_once_the_answers_say_that_none_is_left(wire: Wire) -> None:
    left = iter(range(2, -1, -1))
    wire.answer = lambda _: web.json_response([], headers={
        "X-RateLimit-Limit": "3", "X-RateLimit-Remaining": str(next(left)), "X-RateLimit-Reset": "900",
    })  # fmt: skip
    client = VismaClient(wire.side())
    for _ in range(3):
        await client.rows("/v1/branch", {})
    with pytest.raises(Unavailable) as caught:
        await client.rows("/v1/branch", {})
    await client.close()
    assert len(wire.requests) == 3
    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after is not None
    assert 890 < caught.value.retry_after <= 900


async def test_a_short_wait_for_the_next_window_is_waited_for(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        client.allowance.learn({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "3600"})

    wire.answer = lambda _: web.json_response([], headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"})
    client = VismaClient(wire.side())
    await client.rows("/v1/branch", {})
    monkeypatch.setattr(clients.asyncio, "sleep", sleep)
    await client.rows("/v1/branch", {})
    await client.close()
    assert len(waits) == 1
    assert 29 < waits[0] <= 30


def test_both_addresses_are_taken_and_the_audience_is_none() -> None:
    def base(given: str | None) -> str:
        return Address.of(Wire(base="").side(base_url=given)).base

    assert base(None) == "https://api.finance.visma.net"
    assert base("https://api.finance.visma.net/v1/") == "https://api.finance.visma.net"
    assert base("https://integration.visma.net") == "https://integration.visma.net/API/controller/api"
    assert (
        base("https://integration.visma.net/API/controller/api/") == "https://integration.visma.net/API/controller/api"
    )
    with pytest.raises(Refused, match="base_url"):
        base("https://api.finance.visma.net/erp/service")


def test_keys_with_signs_that_paths_have_a_meaning_for_go_as_base64() -> None:
    assert segment("300045") == "300045"
    assert segment("A-000 1") == "A-000%201"
    assert segment(":/?#[]@&*+;") == "b64(Oi8_I1tdQCYqKzs)"


async def test_the_connection_test_tells_company_rights_and_what_is_left_of_the_calls(wire: Wire) -> None:
    def answer(request: web.Request) -> web.Response:
        limit = {
            "X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": str(5000 - len(wire.requests)),
            "X-RateLimit-Reset": "900", "X-RateLimit-Policy": "4-fixed-window",
        }  # fmt: skip
        rows = [{"number": "1", "name": "Nordlys AS", "isMainBranch": True}] if "branch" in request.path else []
        return web.json_response(rows, headers=limit)

    wire.answer = answer
    async with wire.source() as source:
        steps = [step async for step in source.ping()]
    assert [step.name for step in steps] == ["reach", "sign in", "company", "rights", "limit"]
    assert all(step.ok for step in steps)
    assert steps[2].detail == "Nordlys AS (1)"
    assert steps[4].detail.startswith("4995 of 5000 calls")


async def test_the_connection_test_stops_at_a_customer_tenant_and_says_what_to_do(wire: Wire) -> None:
    wire.answer = lambda _: web.Response(status=401)
    async with wire.source() as source:
        steps = [step async for step in source.ping()]
    assert [(step.name, step.ok) for step in steps] == [("reach", True), ("sign in", True), ("company", False)]
    assert "company tenant" in steps[-1].advice


async def test_the_connection_test_misses_the_right_to_write_notes(wire: Wire) -> None:
    def sign_in(_: dict[str, str]) -> web.Response:
        wire.tokens.add("t")
        return web.json_response({"access_token": "t", "expires_in": 3600, "scope": "vismanet_erp_service_api:read"})

    wire.sign_in = sign_in
    wire.answer = lambda _: web.json_response([{"number": "1", "name": "Nordlys AS"}])
    async with wire.source(write_back="note") as source:
        steps = [step async for step in source.ping()]
    assert (steps[-1].name, steps[-1].ok) == ("rights", False)
    assert "vismanet_erp_service_api:update" in steps[-1].detail


def test_a_first_invoice_date_that_is_none_is_refused(wire: Wire) -> None:
    with pytest.raises(Refused, match="first_invoice_date"):
        open_source(wire.side(first_invoice_date="31.12.2026"), lambda: pytest.fail("no clock"), None)


async def test_an_invoice_whose_terms_the_list_leaves_out_is_read_alone(wire: Wire) -> None:
    row = {"documentType": "Invoice", "referenceNumber": "300045", "status": "Open"}
    done = {**row, "referenceNumber": "300046", "status": "Closed"}

    def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/300045"):
            return web.json_response({**row, "creditTerms": {"id": "30"}})
        return Listed([row, done] if request.query["documentType"] == "Invoice" else []).page(request)

    wire.answer = answer
    async with wire.source() as source:
        found = [each async for page in source.invoices(since=None) for each in page.records]
    assert [(each.number, each.payment_term) for each in found] == [("300045", "30"), ("300046", "")]
    assert wire.paths().count("/v1/supplierInvoice/Invoice/300045") == 1
    assert "/v1/supplierInvoice/Invoice/300046" not in wire.paths()
