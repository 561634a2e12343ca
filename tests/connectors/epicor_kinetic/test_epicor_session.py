"""Signing in on the wire (Epicor dossier 3, 4.2)."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from epicor_wire import KEY, PASSWORD, SECRET, Wire, refusal, wire

from ml_connector.connectors.epicor_kinetic import auth
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import COMPANIES, VENDORS
from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.connectors.side import Side
from ml_connector.records.reason import Reason


@pytest.fixture
async def there() -> AsyncIterator[Wire]:
    async with wire() as found:
        yield found


class Opened:
    """A client that is closed at the end."""

    def __init__(self, side: Side) -> None:
        self.client = Kinetic(side)

    async def __aenter__(self) -> Kinetic:
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()


async def ask(client: Kinetic) -> None:
    await client.rows(COMPANIES, select=("Company1",))


async def test_each_call_carries_the_key_and_the_login(there: Wire) -> None:
    async with Opened(there.side(username="bäsware")) as client:
        await ask(client)
    sent = there.headers[0]
    assert sent["x-api-key"] == KEY
    assert base64.b64decode(sent["authorization"].removeprefix("Basic ")).decode() == f"bäsware:{PASSWORD}"
    assert "callsettings" not in sent
    assert "cookie" not in sent


async def test_a_site_goes_along_with_its_company(there: Wire) -> None:
    async with Opened(there.side(site="MfgSys")) as client:
        await ask(client)
    assert json.loads(there.headers[0]["callsettings"]) == {"Company": "EPIC06", "Plant": "MfgSys"}


async def test_a_wrong_password_is_sent_once_and_not_again(there: Wire) -> None:
    there.answer = lambda _: refusal(401, "Invalid username or password.")
    async with Opened(there.side()) as client:
        for _ in range(3):
            with pytest.raises(Refused) as refused:
                await ask(client)
            assert refused.value.reason is Reason.SIGN_IN_REFUSED
    async with Opened(there.side()) as another:
        with pytest.raises(Refused):
            await ask(another)
    assert len(there.requests) == 1


async def test_a_test_of_the_connection_tries_a_refused_password_again(there: Wire) -> None:
    there.answer = lambda _: refusal(401, "Invalid username or password.")
    async with Opened(there.side()) as client:
        with pytest.raises(Refused):
            await ask(client)
        there.answer = lambda _: None
        await client.session.sign_in()
        await ask(client)
    assert len(there.requests) == 2


async def test_a_wrong_password_is_sent_once_by_calls_at_the_same_time_too(there: Wire) -> None:
    there.pause = 0.02
    there.answer = lambda _: refusal(401, "Invalid username or password.")
    async with Opened(there.side()) as client:
        found = await asyncio.gather(*(ask(client) for _ in range(4)), return_exceptions=True)
    assert [type(each) for each in found] == [Refused] * 4
    assert len(there.requests) == 1


async def test_a_wrong_key_is_no_wrong_password_and_may_be_mended_any_time(there: Wire) -> None:
    there.answer = lambda _: refusal(401, "Invalid API Key x.\r\nCompany EPIC06.")
    async with Opened(there.side()) as client:
        with pytest.raises(Refused):
            await ask(client)
        there.answer = lambda _: None
        await ask(client)


async def test_a_right_that_is_missing_keeps_nothing_else_back(there: Wire) -> None:
    there.answer = lambda _: refusal(401, "Access denied (Erp.BO.Company.GetRows).")
    async with Opened(there.side()) as client:
        with pytest.raises(Refused) as refused:
            await ask(client)
        assert refused.value.reason is Reason.RIGHTS_MISSING
        there.answer = lambda _: None
        await ask(client)


async def test_a_bare_401_to_a_password_is_not_repeated(there: Wire) -> None:
    there.answer = lambda _: web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
    async with Opened(there.side()) as client:
        for _ in range(2):
            with pytest.raises(Refused):
                await ask(client)
    assert len(there.requests) == 1


async def test_the_key_that_a_refusal_repeats_is_in_no_trail_log_or_error(
    there: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    there.answer = lambda request: refusal(401, f"Invalid API Key {request.headers['x-api-key']}.\r\nCompany EPIC06.")
    caplog.set_level(logging.DEBUG)
    async with Opened(there.side()) as client, recording() as exchanges:
        with pytest.raises(Refused) as refused:
            await ask(client)
    assert len(there.requests) == 1
    (exchange,) = exchanges
    assert KEY.encode() not in (exchange.answer or b"")
    assert b"Invalid API Key [redacted]" in (exchange.answer or b"")
    assert KEY not in str(refused.value)
    assert KEY not in caplog.text


async def test_what_was_read_is_told_as_it_came_even_where_it_holds_the_key(there: Wire) -> None:
    there.answer = lambda _: web.json_response({"value": [{"Company1": KEY}], "@odata.count": 1})
    async with Opened(there.side()) as client:
        assert await client.rows(COMPANIES, select=("Company1",)) == [{"Company1": KEY}]


async def test_a_token_is_got_once_for_all_who_wait(there: Wire) -> None:
    async with Opened(there.token_side()) as client:
        await asyncio.gather(*(ask(client) for _ in range(5)))
    assert len(there.grants) == 1
    assert {each["authorization"] for each in there.headers} == {"Bearer token-1"}
    assert {each["x-api-key"] for each in there.headers} == {KEY}


async def test_the_token_resource_is_asked_by_headers_alone(there: Wire) -> None:
    async with Opened(there.token_side()) as client:
        await ask(client)
    sent = there.grants[0]
    assert (sent["username"], sent["password"], sent["content-length"]) == ("basware", PASSWORD, "0")
    assert sent["accept"] == "application/json"
    assert "authorization" not in sent


async def test_the_identity_provider_is_asked_by_client_credentials(there: Wire) -> None:
    async with Opened(there.client_side()) as client:
        await ask(client)
    sent = there.grants[0]
    assert (sent["grant_type"], sent["client_id"], sent["client_secret"], sent["scope"]) == (
        "client_credentials", "ml", SECRET, "epicor_erp",
    )  # fmt: skip


async def test_secrets_of_a_sign_in_are_in_no_trail(there: Wire) -> None:
    async with Opened(there.client_side()) as client, recording() as exchanges:
        await ask(client)
    assert [each.url.rpartition("/")[2].partition("?")[0] for each in exchanges] == ["Companies"]


async def test_a_token_that_ran_out_is_renewed_once_for_a_write_too(there: Wire) -> None:
    there.answer = lambda request: web.json_response({}) if request.method == "POST" else None
    async with Opened(there.token_side()) as client:
        await ask(client)
        there.tokens.clear()
        await client.call("Erp.BO.APInvGrpSvc", "UnlockGroup", {"InGroupID": "A"})
    assert len(there.grants) == 2
    assert [path for _, path in there.requests][1:] == ["Erp.BO.APInvGrpSvc/UnlockGroup"] * 2


async def test_a_token_that_is_never_accepted_is_renewed_once_only(there: Wire) -> None:
    there.answer = lambda _: web.Response(status=401)
    async with Opened(there.client_side()) as client:
        with pytest.raises(Refused) as refused:
            await ask(client)
    assert (len(there.grants), len(there.requests)) == (2, 2)
    assert "map the client id" in auth.advice_for(refused.value, client.credentials.sign_in)


@pytest.mark.parametrize(
    "text",
    [
        "Invalid username or password.",
        "Invalid API Key x.\r\nCompany EPIC06.",
        "Access denied (Erp.BO.Vendor.GetRows).",
    ],
)
async def test_a_401_that_says_what_it_is_gets_no_other_token(there: Wire, text: str) -> None:
    there.answer = lambda _: refusal(401, text)
    async with Opened(there.token_side()) as client:
        with pytest.raises(Refused):
            await client.rows(VENDORS, select=("VendorNum",))
    assert (len(there.grants), len(there.requests)) == (1, 1)


async def test_a_token_is_renewed_before_it_ends(there: Wire) -> None:
    there.lifetime = 0.2
    async with Opened(there.token_side()) as client:
        await ask(client)
        await asyncio.sleep(0.2)
        await ask(client)
    assert [each["authorization"] for each in there.headers] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("times", [("1000", "4600"), (1000, 4600)])
def test_a_tokens_lifetime_stands_in_it_as_text_or_number(times: tuple[object, object]) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iat": times[0], "exp": times[1]}).encode()).decode().rstrip("=")
    assert auth._lifetime_of(f"x.{claims}.y") == 3600  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c"])
def test_a_token_that_tells_nothing_lasts_an_hour(token: str) -> None:
    assert auth._lifetime_of(token) == 3600  # pyright: ignore[reportPrivateUsage]


async def test_a_refused_client_is_not_asked_for_again_and_again(there: Wire) -> None:
    there.sign_in = lambda _: web.json_response({"error": "invalid_client", "hint": SECRET}, status=400)
    async with Opened(there.client_side()) as client:
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                await ask(client)
    assert (len(there.grants), len(there.requests)) == (1, 0)
    assert refused.value.code == "invalid_client"
    assert SECRET not in str(refused.value)
    assert "client_secret" in auth.advice_for(refused.value, client.credentials.sign_in)


async def test_an_identity_provider_out_of_order_is_a_matter_of_waiting(there: Wire) -> None:
    there.sign_in = lambda _: web.Response(status=503)
    async with Opened(there.client_side()) as client:
        with pytest.raises(Unavailable):
            await client.session.sign_in()
        there.sign_in = lambda _: None
        await ask(client)


async def test_an_address_that_gives_no_token_is_wrong(there: Wire) -> None:
    there.sign_in = lambda _: web.Response(text="<html>Sign in</html>")
    async with Opened(there.client_side()) as client:
        with pytest.raises(Refused) as refused:
            await ask(client)
    assert refused.value.reason is Reason.ADDRESS_WRONG
