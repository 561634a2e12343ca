"""The simulated Business Central tells its subscribers what changed (BC dossier 13 and 15/35)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from business_central_wire import ACME, Wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


class Listener:
    """An endpoint for notifications that answers what it is told to."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.answer = 202
        self.echo = True
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/hook"

    async def _take(self, request: web.Request) -> web.Response:
        if token := request.query.get("validationToken"):
            return web.Response(text=token if self.echo else "no")
        self.told += (await request.json())["value"]
        return web.Response(status=self.answer)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    await made.start()
    yield made
    await made.runner.cleanup()


async def _until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def _subscription(listener: Listener, entity_set: str = "vendors") -> dict[str, str]:
    resource = f"/api/v2.0/{ACME}/{entity_set}"
    return {"notificationUrl": listener.url, "resource": resource, "clientState": "shared"}


async def test_subscription_is_made_renewed_and_removed(wire: Wire, listener: Listener) -> None:
    made = await wire.send("POST", "subscriptions", _subscription(listener))
    assert made.status == 201
    address = f"subscriptions('{made.body['subscriptionId']}')"
    assert (await wire.send("PATCH", address, _subscription(listener))).code == "BadRequest_InvalidToken"
    await _pass(wire, days=2)
    renewed = await wire.send("PATCH", address, _subscription(listener), headers={"If-Match": made.tag})
    assert (renewed.status, renewed.tag != made.tag) == (200, True)
    await _pass(wire, days=2)
    assert (await wire.send("GET", address)).status == 200
    assert (await wire.send("DELETE", address, headers={"If-Match": "*"})).status == 204
    assert (await wire.send("GET", address)).status == 404


async def test_subscription_ends_after_three_days(wire: Wire, listener: Listener) -> None:
    made = await wire.send("POST", "subscriptions", _subscription(listener))
    await _pass(wire, days=4)
    assert (await wire.send("GET", f"subscriptions('{made.body['subscriptionId']}')")).status == 404


async def _pass(wire: Wire, *, days: int) -> None:
    wire.clock.move(timedelta(days=days))
    wire.token = (await wire.sign_in()).body["access_token"]


async def test_subscription_needs_the_handshake_and_a_documented_entity(wire: Wire, listener: Listener) -> None:
    assert (await wire.send("POST", "subscriptions", _subscription(listener, "purchaseOrders"))).status == 400
    listener.echo = False
    assert (await wire.send("POST", "subscriptions", _subscription(listener))).status == 400


async def test_changes_are_told_once_after_the_window(wire: Wire, listener: Listener) -> None:
    await wire.control("webhooks", window=0.05)
    await wire.send("POST", "subscriptions", _subscription(listener))
    number = wire.company.vendors[0].number
    for name in ("One", "Two"):
        await wire.control("vendors", number=number, displayName=name)
    await _until(lambda: listener.told)
    (told,) = listener.told
    assert (told["changeType"], told["clientState"]) == ("updated", "shared")
    assert f"{ACME}/vendors(" in told["resource"]


async def test_many_changes_become_one_collection_notification(wire: Wire, listener: Listener) -> None:
    await wire.control("webhooks", window=0.1, threshold=3)
    await wire.send("POST", "subscriptions", _subscription(listener))
    for vendor in wire.company.vendors[:4]:
        await wire.control("vendors", number=vendor.number, displayName="Changed")
    await _until(lambda: listener.told)
    assert listener.told[0]["changeType"] == "collection"
    assert "$filter=lastModifiedDateTime%20gt%20" in listener.told[0]["resource"]


@pytest.mark.parametrize(("answer", "attempts"), [(401, 1), (503, 3)])
async def test_a_listener_that_fails_loses_its_subscription(
    wire: Wire, listener: Listener, answer: int, attempts: int
) -> None:
    await wire.control("webhooks", window=0.01, retry_delays=[0.01, 0.01])
    listener.answer = answer
    await wire.send("POST", "subscriptions", _subscription(listener))
    await wire.control("vendors", number=wire.company.vendors[0].number, displayName="Changed")
    await _until(lambda: not wire.system.webhooks.rows)
    assert len(listener.told) == attempts
