"""The session: one granted access for all, refreshed by one at a time, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from acumatica_wire import PASSWORD, SECRET, Wire, serving
from aiohttp import web

from ml_connector.connectors.acumatica import session
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.session import advice_for
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.records.reason import Reason


class Drawer:
    """A keepsake that two connectors share, as two processes share the vault."""

    def __init__(self) -> None:
        self.value: str | None = None
        self.lock = asyncio.Lock()
        self.history: list[str | None] = []

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Drawer]:
        assert name == "refresh token"
        async with self.lock:
            yield self

    async def replace(self, value: str | None) -> None:
        self.value = value
        self.history.append(value)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    session._refused.clear()
    async with serving() as wire:
        yield wire


@pytest.fixture
async def client(wire: Wire) -> AsyncIterator[Acumatica]:
    client = Acumatica(wire.side())
    yield client
    await client.close()


def kinds(wire: Wire) -> list[str]:
    return [form["grant_type"] for form in wire.grants]


async def test_many_tasks_share_one_sign_in(wire: Wire, client: Acumatica) -> None:
    await asyncio.gather(*(client.rows("Currency", select=("CurrencyID",)) for _ in range(12)))
    assert kinds(wire) == ["password"]
    assert wire.grants[0]["scope"] == "api offline_access"
    assert len(wire.requests) == 12


async def test_a_401_is_renewed_once_for_all_who_wait_and_sent_once_more(wire: Wire, client: Acumatica) -> None:
    await client.rows("Currency", select=("CurrencyID",))
    wire.tokens.clear()
    await asyncio.gather(*(client.rows("Currency", select=("CurrencyID",)) for _ in range(8)))
    assert kinds(wire) == ["password", "refresh_token"]


async def test_a_write_whose_token_had_expired_is_sent_once_more(wire: Wire, client: Acumatica) -> None:
    await client.rows("Currency", select=("CurrencyID",))
    wire.tokens.clear()
    wire.answer = lambda _: web.json_response({"id": "7", "ReferenceNbr": {"value": "000007"}})
    row = await client.put("Bill", {"Type": "Bill"})
    assert row["ReferenceNbr"] == "000007"
    assert [method for method, _ in wire.requests] == ["GET", "PUT", "PUT"]


async def test_each_refresh_uses_the_token_that_the_last_one_left(wire: Wire, client: Acumatica) -> None:
    for _ in range(3):
        await client.rows("Currency", select=("CurrencyID",))
        wire.tokens.clear()
    await client.rows("Currency", select=("CurrencyID",))
    assert [form.get("refresh_token") for form in wire.grants] == [None, "refresh-1", "refresh-2", "refresh-3"]


async def test_a_refused_refresh_leads_to_the_password_once(wire: Wire, client: Acumatica) -> None:
    await client.rows("Currency", select=("CurrencyID",))
    wire.tokens.clear()
    wire.refresh = "another process took it"
    await client.rows("Currency", select=("CurrencyID",))
    assert kinds(wire) == ["password", "refresh_token", "password"]


async def test_a_refresh_whose_answer_was_lost_leads_to_the_password(wire: Wire, client: Acumatica) -> None:
    await client.rows("Currency", select=("CurrencyID",))
    wire.tokens.clear()

    def lost(form: dict[str, str]) -> web.Response | None:
        if form["grant_type"] == "refresh_token" and wire.refresh == "refresh-1":
            wire.refresh = "told to nobody"
            raise ConnectionResetError
        return None

    wire.sign_in = lost
    assert await client.rows("Currency", select=("CurrencyID",)) == []
    assert kinds(wire) == ["password", "refresh_token", "refresh_token", "password"]


async def test_two_processes_never_use_the_same_refresh_token(wire: Wire) -> None:
    drawer = Drawer()
    clients = [Acumatica(wire.side(keepsake=drawer)) for _ in range(4)]
    try:
        await asyncio.gather(*(each.rows("Currency", select=("CurrencyID",)) for each in clients))
        assert kinds(wire) == ["password", "refresh_token", "refresh_token", "refresh_token"]
        assert [each.split()[1] for each in drawer.history if each] == [
            "refresh-1", "refresh-2", "refresh-3", "refresh-4",
        ]  # fmt: skip
    finally:
        await asyncio.gather(*(each.close() for each in clients))


async def test_a_token_that_is_kept_of_another_user_is_not_used(wire: Wire) -> None:
    drawer = Drawer()
    for username in ("basware", "basware", "other"):
        client = Acumatica(wire.side(keepsake=drawer, username=username))
        await client.rows("Currency", select=("CurrencyID",))
        await client.close()
    assert kinds(wire) == ["password", "refresh_token", "password"]
    assert wire.grants[2]["username"] == "other"


async def test_the_test_of_a_connection_takes_no_seat_of_its_own(wire: Wire) -> None:
    drawer = Drawer()
    working, tested = Acumatica(wire.side(keepsake=drawer)), Acumatica(wire.side(keepsake=drawer))
    await working.rows("Currency", select=("CurrencyID",))
    await tested.session.sign_in()
    assert kinds(wire) == ["password", "refresh_token"]
    await working.close()
    await tested.close()


async def test_a_sign_in_by_authorization_code_goes_on_by_its_refresh_token(wire: Wire) -> None:
    drawer, consent = Drawer(), {"refresh_token": "of the consent", "password": ""}
    wire.refresh = "of the consent"
    for _ in range(2):
        client = Acumatica(wire.side(keepsake=drawer, username="", secrets=consent))
        await client.rows("Currency", select=("CurrencyID",))
        await client.close()
    assert [form["refresh_token"] for form in wire.grants] == ["of the consent", "refresh-1"]


async def test_another_consent_replaces_the_one_that_is_kept(wire: Wire) -> None:
    drawer = Drawer()
    for consent in ("first", "second"):
        wire.refresh = consent
        secrets = {"refresh_token": consent, "password": ""}
        client = Acumatica(wire.side(keepsake=drawer, username="", secrets=secrets))
        await client.rows("Currency", select=("CurrencyID",))
        await client.close()
    assert [form["refresh_token"] for form in wire.grants] == ["first", "second"]


async def test_a_consent_that_is_used_up_says_so(wire: Wire) -> None:
    client = Acumatica(wire.side(username="", secrets={"refresh_token": "long gone", "password": ""}))
    with pytest.raises(Refused) as refused:
        await client.rows("Currency", select=("CurrencyID",))
    assert refused.value.reason is Reason.SIGN_IN_REFUSED
    assert "authorization code" in advice_for(refused.value)
    assert kinds(wire) == ["refresh_token"]
    await client.close()


async def test_a_faulty_identity_server_costs_no_refresh_token(wire: Wire) -> None:
    drawer = Drawer()
    client = Acumatica(wire.side(keepsake=drawer))
    await client.rows("Currency", select=("CurrencyID",))
    wire.tokens.clear()
    wire.sign_in = lambda _: web.Response(status=503)
    with pytest.raises(Unavailable):
        await client.rows("Currency", select=("CurrencyID",))
    assert drawer.value is not None
    assert drawer.value.endswith(" refresh-1")
    assert "password" not in kinds(wire)[1:]
    await client.close()


async def test_a_wrong_password_is_tried_once_and_not_by_the_next_connector_either(wire: Wire) -> None:
    wire.sign_in = lambda _: web.json_response({"error": "invalid_grant"}, status=400)
    for _ in range(3):
        client = Acumatica(wire.side())
        with pytest.raises(Refused) as refused:
            await client.rows("Currency", select=("CurrencyID",))
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        await client.close()
    assert len(wire.grants) == 1


async def test_the_test_of_a_connection_tries_a_refused_password_again(wire: Wire, client: Acumatica) -> None:
    wire.sign_in = lambda _: web.json_response({"error": "invalid_grant"}, status=400)
    with pytest.raises(Refused):
        await client.rows("Currency", select=("CurrencyID",))
    wire.sign_in = lambda _: None
    await client.session.sign_in()
    assert await client.rows("Currency", select=("CurrencyID",)) == []


async def test_another_password_is_tried_at_once(wire: Wire) -> None:
    wire.sign_in = lambda form: (
        None if form["password"] == "new" else web.json_response({"error": "invalid_grant"}, status=400)
    )
    for password in (PASSWORD, "new"):
        client = Acumatica(wire.side(secrets={"password": password}))
        if password == "new":
            assert await client.rows("Currency", select=("CurrencyID",)) == []
        else:
            with pytest.raises(Refused):
                await client.rows("Currency", select=("CurrencyID",))
        await client.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_client", "SM303010"),
        ("invalid_grant", "locked"),
        ("unauthorized_client", "client credentials flow does not exist"),
        ("unsupported_grant_type", "client credentials flow does not exist"),
        ("invalid_scope", "offline_access"),
    ],
)
async def test_a_refused_sign_in_says_what_to_do(wire: Wire, client: Acumatica, code: str, words: str) -> None:
    wire.sign_in = lambda _: web.json_response({"error": code}, status=400)
    with pytest.raises(Refused) as refused:
        await client.session.sign_in()
    assert refused.value.code == code
    assert words in " ".join(advice_for(refused.value).split())


@pytest.mark.parametrize(("status", "body"), [(429, "API Login Limit"), (500, "ApiLoginLimitReached"), (400, "x")])
async def test_no_seat_left_is_a_matter_of_waiting(wire: Wire, client: Acumatica, status: int, body: str) -> None:
    wire.sign_in = lambda _: web.Response(status=status, text=body)
    with pytest.raises((Unavailable, Refused)) as error:
        await client.rows("Currency", select=("CurrencyID",))
    assert isinstance(error.value, Unavailable) == (status != 400)
    if status != 400:
        assert error.value.reason is Reason.RATE_LIMITED


async def test_a_page_that_is_no_identity_server_is_a_wrong_address(wire: Wire, client: Acumatica) -> None:
    wire.sign_in = lambda _: web.Response(status=404, text="<html>nothing here</html>")
    with pytest.raises(Refused) as refused:
        await client.session.sign_in()
    assert refused.value.reason is Reason.ADDRESS_WRONG


@pytest.mark.parametrize("client_id", ["8e0761d9-f4ec-2d4b-a60f-bce2708c6fdd", "8e0761d9@Other"])
async def test_a_client_of_another_tenant_never_signs_in(wire: Wire, client_id: str) -> None:
    client = Acumatica(wire.side(client_id=client_id))
    with pytest.raises(Refused) as refused:
        await client.rows("Currency", select=("CurrencyID",))
    assert refused.value.reason is Reason.ADDRESS_WRONG
    assert wire.grants == []
    await client.close()


@pytest.mark.parametrize("lifetime", [None, "soon", 0, -5])
async def test_a_token_without_a_lifetime_has_the_usual_one(wire: Wire, client: Acumatica, lifetime: object) -> None:
    wire.tokens.add("given")
    wire.sign_in = lambda _: web.json_response({"access_token": "given", "expires_in": lifetime})
    for _ in range(2):
        await client.rows("Currency", select=("CurrencyID",))
    assert len(wire.grants) == 1


async def test_an_answer_without_a_token_is_none(wire: Wire, client: Acumatica) -> None:
    wire.sign_in = lambda _: web.json_response({"token_type": "Bearer"})
    with pytest.raises(Refused) as refused:
        await client.rows("Currency", select=("CurrencyID",))
    assert refused.value.reason is Reason.UNEXPECTED


async def test_closing_frees_the_seat_with_an_explicit_length(wire: Wire) -> None:
    client = Acumatica(wire.side())
    await client.rows("Currency", select=("CurrencyID",))
    await client.close()
    assert wire.logouts[0]["Content-Length"] == "0"
    assert wire.logouts[0]["Authorization"] == "Bearer token-1"


async def test_closing_frees_the_seat_after_a_refresh_too(wire: Wire) -> None:
    client = Acumatica(wire.side())
    await client.rows("Currency", select=("CurrencyID",))
    await client.session.sign_in()
    await client.close()
    assert wire.logouts[0]["Authorization"] == "Bearer token-2"


async def test_closing_without_having_signed_in_asks_nothing(wire: Wire) -> None:
    await Acumatica(wire.side()).close()
    assert wire.grants == []
    assert wire.logouts == []


async def test_secrets_are_in_no_trail_and_no_error(wire: Wire, client: Acumatica) -> None:
    echo = {"error": "invalid_grant", "error_description": f"password={PASSWORD}&client_secret={SECRET}"}
    wire.sign_in = lambda _: web.json_response(echo, status=400)
    async with recording() as exchanges:
        with pytest.raises(Refused) as refused:
            await client.rows("Currency", select=("CurrencyID",))
    told = repr(exchanges) + repr(refused.value) + str(refused.value) + repr(client.session.__dict__.get("_http"))
    assert PASSWORD not in told
    assert SECRET not in told


async def test_a_lost_reply_of_the_identity_server_is_no_unknown_outcome(wire: Wire, client: Acumatica) -> None:
    def cut(_: object) -> web.Response:
        raise ConnectionResetError

    wire.sign_in = cut
    with pytest.raises(Unavailable) as lost:
        await client.rows("Currency", select=("CurrencyID",))
    assert not isinstance(lost.value, OutcomeUnknown)
