"""The session: one for all calls, renewed once for all, and never fought for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from sap_wire import PASSWORD, Wire, refusal, serving

from ml_connector.connectors.errors import OutcomeUnknown, Refused, SessionLost, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.session import advice_for, cookies_of
from ml_connector.records.reason import Reason


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with serving() as wire:
        yield wire


@pytest.fixture
async def layer(wire: Wire) -> AsyncIterator[ServiceLayer]:
    layer = ServiceLayer(wire.side())
    yield layer
    await layer.close()


async def test_many_tasks_share_one_login(wire: Wire, layer: ServiceLayer) -> None:
    await asyncio.gather(*(layer.rows("Currencies") for _ in range(12)))
    assert wire.logins == 1
    assert len(wire.requests) == 12


async def test_both_cookies_are_sent_by_us(wire: Wire, layer: ServiceLayer) -> None:
    await layer.rows("Currencies")
    assert wire.requests[0][2] == "B1SESSION=session-1; ROUTEID=.node1"


def test_a_dangling_semicolon_does_not_lose_the_cookie() -> None:
    headers = {"Set-Cookie": "B1SESSION=7f2b-11f0;HttpOnly;", "Content-Type": "application/json"}
    assert cookies_of(headers) == {"B1SESSION": "7f2b-11f0"}


async def test_a_lost_session_is_renewed_once_for_all_who_wait(wire: Wire, layer: ServiceLayer) -> None:
    await layer.rows("Currencies")
    wire.sessions.clear()
    await asyncio.gather(*(layer.rows("Currencies") for _ in range(8)))
    assert wire.logins == 2


@pytest.mark.parametrize("body", ["", "<html>gateway</html>", '{"error":{"code":301,"message":{"value":"x"}}}'])
async def test_a_401_in_any_shape_is_a_lost_session(wire: Wire, layer: ServiceLayer, body: str) -> None:
    lost = iter([web.Response(status=401, text=body)])
    wire.answer = lambda _: next(lost, None)
    assert await layer.rows("Currencies") == []
    assert wire.logins == 2


async def test_a_write_under_a_lost_session_is_not_sent_again_unseen(wire: Wire, layer: ServiceLayer) -> None:
    await layer.rows("Currencies")
    wire.sessions.clear()
    with pytest.raises(SessionLost):
        await layer.create("PurchaseInvoices", {"CardCode": "V1"})
    assert [method for method, _, _ in wire.requests] == ["GET", "POST"]
    assert wire.logins == 2


async def test_a_change_that_does_no_harm_twice_is_sent_once_more(wire: Wire, layer: ServiceLayer) -> None:
    await layer.rows("Currencies")
    wire.sessions.clear()
    wire.answer = lambda _: web.Response(status=204)
    await layer.change("PurchaseInvoices(1)", {"AttachmentEntry": 2})
    assert [method for method, _, _ in wire.requests] == ["GET", "PATCH", "PATCH"]


async def test_a_second_401_ends_it(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: web.Response(status=401)
    with pytest.raises(Refused) as refused:
        await layer.rows("Currencies")
    assert refused.value.reason is Reason.SIGN_IN_REFUSED
    assert wire.logins == 2


async def test_an_idle_session_is_replaced_before_it_times_out(wire: Wire, layer: ServiceLayer) -> None:
    wire.minutes = 0.001  # 60 ms, trusted for half of it
    await layer.rows("Currencies")
    await asyncio.sleep(0.06)
    await layer.rows("Currencies")
    assert wire.logins == 2
    assert all("session" in cookie for _, _, cookie in wire.requests)


async def test_a_refused_login_is_not_repeated(wire: Wire, layer: ServiceLayer) -> None:
    wire.login = lambda _: refusal(401, 100000027, "Invalid login credential.")
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await layer.rows("Currencies")
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        assert refused.value.code == "100000027"
    assert wire.logins == 1
    assert "password" in advice_for(refused.value).lower()


async def test_a_wrong_path_is_no_wrong_password(wire: Wire, layer: ServiceLayer) -> None:
    wire.login = lambda _: refusal(401, 301, "Invalid session or session already timeout.")
    with pytest.raises(Refused) as refused:
        await layer.rows("Currencies")
    assert refused.value.reason is Reason.ADDRESS_WRONG


async def test_a_server_out_of_order_does_not_count_as_a_refused_login(wire: Wire, layer: ServiceLayer) -> None:
    wire.login = lambda _: web.Response(status=503, text="<html>busy</html>")
    with pytest.raises(Unavailable):
        await layer.session.sign_in()
    wire.login = lambda _: None
    assert await layer.rows("Currencies") == []


async def test_a_broken_node_is_left_for_another(wire: Wire, layer: ServiceLayer) -> None:
    def answer(request: web.Request) -> web.Response | None:
        if request.cookies["ROUTEID"] in (".node1", ".node2"):
            return refusal(500, 407, "Table definition not found for '@X'")
        return None

    wire.answer = answer
    assert await layer.rows("Currencies") == []
    assert wire.logins == 3


async def test_all_nodes_broken_is_said_after_three_new_sessions(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: refusal(500, 407, "Table definition not found for '@X'")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await layer.rows("Currencies")
    assert wire.logins == 4


async def test_a_general_refusal_of_a_read_that_speaks_of_the_session_is_read_again(
    wire: Wire, layer: ServiceLayer
) -> None:
    lost = iter([refusal(400, -5002, "Session already timed out")])
    wire.answer = lambda _: next(lost, None)
    assert await layer.rows("Currencies") == []
    assert wire.logins == 2


async def test_a_general_refusal_of_a_write_that_speaks_of_the_session_leaves_it_open(
    wire: Wire, layer: ServiceLayer
) -> None:
    wire.answer = lambda _: refusal(400, -5002, "Invalid session")
    with pytest.raises(OutcomeUnknown):
        await layer.create("PurchaseInvoices", {})
    wire.answer = lambda _: None
    await layer.rows("PurchaseInvoices")
    assert len([1 for method, _, _ in wire.requests if method == "POST"]) == 1
    assert wire.logins == 2


async def test_any_other_general_refusal_is_one(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: refusal(400, -5002, "Cash session 12 was not balanced [OPCH.Comments]")
    with pytest.raises(Refused) as refused:
        await layer.create("PurchaseInvoices", {})
    assert refused.value.reason is Reason.REFUSED
    assert wire.logins == 1


async def test_closing_logs_out(wire: Wire) -> None:
    layer = ServiceLayer(wire.side())
    await layer.rows("Currencies")
    await layer.close()
    assert (wire.logouts, wire.sessions) == (1, set())


async def test_closing_without_a_session_asks_nothing(wire: Wire) -> None:
    await ServiceLayer(wire.side()).close()
    assert wire.logouts == 0


async def test_the_password_is_in_no_exchange_and_no_text(wire: Wire, layer: ServiceLayer) -> None:
    async with recording() as exchanges:
        await layer.rows("Currencies")
    assert len(exchanges) == 1
    assert PASSWORD not in f"{exchanges} {wire.side()} {layer!r} {layer.session!r} {vars(exchanges[0].__class__)}"
