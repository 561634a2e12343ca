"""The ledger's subscriptions to changes, kept against the simulated Business Central over sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ml_connector.connectors.business_central.connector import BusinessCentral, open_ledger
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.side import Side
from ml_connector.records.flow import Flow
from ml_connector.sandbox import business_central as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found

SECRET = "s" * 64


@dataclass
class World:
    """The simulated system, the ledger that talks to it, and an endpoint that it shakes hands with."""

    system: simulated.BusinessCentral
    clock: Clock
    ledger: BusinessCentral
    base: str
    endpoint: str
    deaf: list[bool] = field(default_factory=list)
    """Not empty: the endpoint does not answer the handshake."""

    async def subscribe(self, *flows: Flow, secret: str = SECRET, path: str = "/ours") -> None:
        url = self.endpoint + path
        await self.ledger.subscribe_changes(frozenset(flows), url=url, secret=secret, now=self.clock.now())

    def rows(self) -> dict[str, dict[str, Any]]:
        """The living subscriptions by entity set."""
        return {row["resource"].rpartition("/")[2]: row for row in self.system.webhooks.all()}

    async def writes(self) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"{self.base}/_sandbox/calls") as answer:
            calls = (await answer.json())["calls"]
        return sum(1 for each in calls if "subscriptions" in each["path"] and each["method"] != "GET")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = Clock()
    company = found(today=clock.now().date(), vendors=3, orders=0, invoices=0)
    system = simulated.BusinessCentral(clock=clock, companies=[company])
    deaf: list[bool] = []

    async def shake_hands(request: web.Request) -> web.Response:
        return web.Response(text="what?" if deaf else request.query["validationToken"])

    endpoint = web.Application()
    endpoint.router.add_post("/{any}", shake_hands)
    runners = [web.AppRunner(each, shutdown_timeout=1) for each in (*system.applications(), endpoint)]
    addresses: list[str] = []
    for runner in runners:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        addresses.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
    ledger = open_ledger(_side(addresses[0]), lambda: datetime.now(UTC), None)
    yield World(system, clock, ledger, addresses[0], addresses[1], deaf)
    await ledger.close()
    for runner in runners:
        await runner.cleanup()


def _side(base: str) -> Side:
    values = {
        "tenant_id": simulated.TENANT, "environment": simulated.ENVIRONMENT, "company_id": simulated.ACME_ID,
        "client_id": simulated.CLIENT_ID, "base_url": base, "token_url": base + "/{tenant}/oauth2/v2.0/token",
    }  # fmt: skip
    return Side(connection="c", company="1000", values=values, secrets={"client_secret": simulated.CLIENT_SECRET})


async def test_what_is_wanted_is_subscribed_to_once(world: World) -> None:
    await world.subscribe(Flow.VENDORS, Flow.PAYMENTS)
    await world.subscribe(Flow.VENDORS, Flow.PAYMENTS)
    assert world.rows().keys() == {"vendors", "purchaseInvoices"}
    assert {row["clientState"] for row in world.rows().values()} == {SECRET}
    assert await world.writes() == 2


async def test_what_is_no_longer_wanted_is_ended(world: World) -> None:
    await world.subscribe(Flow.VENDORS, Flow.ACCOUNTS)
    await world.subscribe(Flow.ACCOUNTS, Flow.PAYMENT_TERMS)
    assert world.rows().keys() == {"accounts", "paymentTerms"}
    await world.subscribe()
    assert world.rows() == {}


async def test_looked_at_twice_a_day_it_never_ends(world: World) -> None:
    await world.subscribe(Flow.VENDORS)
    first = world.rows()["vendors"]
    for _ in range(10):
        world.clock.move(timedelta(hours=12, minutes=1))
        await world.subscribe(Flow.VENDORS)
        left = datetime.fromisoformat(world.rows()["vendors"]["expirationDateTime"]) - world.clock.now()
        assert left > timedelta(days=2)
    assert world.rows()["vendors"]["subscriptionId"] == first["subscriptionId"]


async def test_one_that_the_ledger_dropped_is_made_again(world: World) -> None:
    await world.subscribe(Flow.VENDORS)
    world.system.webhooks.rows.clear()
    await world.subscribe(Flow.VENDORS)
    assert world.rows().keys() == {"vendors"}


async def test_a_new_address_or_secret_is_given_to_the_subscription_there_is(world: World) -> None:
    await world.subscribe(Flow.VENDORS)
    before = world.rows()["vendors"]["subscriptionId"]
    await world.subscribe(Flow.VENDORS, path="/moved")
    assert world.rows()["vendors"]["notificationUrl"].endswith("/moved")
    await world.subscribe(Flow.VENDORS, path="/moved", secret="t" * 64)
    assert world.rows()["vendors"]["clientState"] == "t" * 64
    assert world.rows()["vendors"]["subscriptionId"] == before


async def test_the_subscription_of_somebody_else_is_left_alone_and_told_of(world: World) -> None:
    await world.subscribe(Flow.VENDORS, path="/theirs", secret="theirs")
    with pytest.raises(Refused, match="already exists"):
        await world.subscribe(Flow.VENDORS, Flow.ACCOUNTS)
    assert world.rows()["vendors"]["clientState"] == "theirs"
    assert world.rows()["accounts"]["clientState"] == SECRET
    await world.subscribe()
    assert world.rows().keys() == {"vendors"}


async def test_a_receiver_that_cannot_be_reached_is_told_of(world: World) -> None:
    world.deaf.append(True)
    with pytest.raises(Refused, match="/ours"):
        await world.subscribe(Flow.VENDORS)
    assert world.rows() == {}
