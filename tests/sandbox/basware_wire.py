"""A client of the simulated Basware, what is sent to it, and a webhook that it calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, encode_basic_auth, web

from ml_connector.sandbox.basware import CLIENT_ID, CLIENT_SECRET, Basware
from ml_connector.sandbox.basware.tokens import SCOPES
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found

TOKEN = "x-amz-meta-continuationtoken"
DOCUMENTS = "/v1/accountingDocuments"
FORM = {"grant_type": "client_credentials", "scope": " ".join(sorted(SCOPES))}
COMPANY = found(today=date(2026, 11, 20), vendors=60, orders=12)


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(name, secret)}


CREDENTIALS = basic(CLIENT_ID, CLIENT_SECRET)
ACTIVE = [{"companyCode": "1000", "active": True}]
ACTIVE_INHERIT = [{"companyCode": "1000", "inherit": False, "active": True}]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)

    @property
    def code(self) -> str:
        return self.body["errors"][0]["code"]


@dataclass
class Client:
    session: ClientSession
    base: str
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        if body is not None:
            options["data"] = json.dumps(body)
            headers["Content-Type"] = "application/json"
        address = path if path.startswith("http") else self.base + path
        async with self.session.request(method, address, headers=headers, allow_redirects=False, **options) as response:
            return await answered(response)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)

    async def sign_in(self, scope: str = FORM["scope"]) -> None:
        form = {**FORM, "scope": scope}
        async with self.session.post(f"{self.base}/v1/tokens", data=form, headers=CREDENTIALS) as response:
            self.headers = {"Authorization": f"Bearer {(await response.json())['access_token']}"}

    async def follow(self, answer: Answer) -> Answer:
        assert answer.status == 302
        async with self.session.get(answer.headers["Location"]) as response:
            return await answered(response)

    async def documents(self, query: str = "", **options: Any) -> tuple[list[Any], str | None]:
        first = await self.get(f"{DOCUMENTS}{query}", **options)
        if first.status == 404:
            return [], None
        page = await self.follow(first)
        return page.body["accountingDocuments"], page.headers.get(TOKEN)

    async def document(self, invoice_id: str) -> dict[str, Any]:
        return (await self.documents(f"/{invoice_id}"))[0][0]

    async def approve(self, **fields: Any) -> str:
        made = await self.post("/_sandbox/documents", {"documents": [fields]})
        assert made.status == 200, made.text
        return made.body["invoiceIds"][0]

    async def imported(self, path: str, *records: Any) -> dict[str, dict[str, Any]]:
        """Posts the records and waits for what became of each, by external code."""
        sent = await self.post(path, list(records))
        assert sent.status == 200, sent.text
        return {item["externalCode"]: item for item in (await self.settled(sent))["systems"][0]["items"]}

    async def settled(self, sent: Answer) -> dict[str, Any]:
        while True:
            page = await self.get(f"/v1/requestStatus/{sent.headers['x-amzn-RequestId']}")
            status = page.body["requestStatus"][0]
            if status["requestStatus"] != "InProgress":
                return status
            await asyncio.sleep(0.01)


async def answered(response: ClientResponse) -> Answer:
    return Answer(response.status, dict(response.headers), (await response.read()).decode("latin-1"))


async def served(app: web.Application, port: int = 0) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return runner, runner.addresses[0][1]


@pytest.fixture
async def basware() -> AsyncIterator[Client]:
    clock = Clock()
    # The file store's port has to be known before the application is made: reserve one by serving nothing on it.
    reserved, port = await served(web.Application())
    await reserved.cleanup()
    system = Basware(clock=clock, companies=[COMPANY], file_origin=f"http://127.0.0.1:{port}", import_delay=0.05)
    api, store = system.applications()
    runner, base = await served(api)
    files, _ = await served(store, port)
    async with ClientSession() as session:
        client = Client(session, f"http://127.0.0.1:{base}", clock)
        await client.sign_in()
        yield client
    await runner.cleanup()
    await files.cleanup()


@dataclass
class Receiver:
    """A webhook that answers what it is told and keeps what it got."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, Any], dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.got.append((json.loads(raw), dict(request.headers), raw))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    @property
    def notified(self) -> list[dict[str, Any]]:
        return [body for body, _, _ in self.got if body["taskType"] != "ConnectionTest"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner, port = await served(app)
    receiver.url = f"http://127.0.0.1:{port}/hook"
    yield receiver
    await runner.cleanup()


async def until(condition: Callable[[], Any] | Callable[[], Awaitable[Any]]) -> None:
    for _ in range(500):
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        await asyncio.sleep(0.01)
    pytest.fail("It did not come to pass.")


def subscription(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    return {
        "taskType": "AccountingDocuments",
        "taskSubType": "WaitingForTransfer",
        "subscriptionType": "Webhook",
        "notificationWebhookURL": receiver.url,
        "webhookAuthenticationToken": "k3J9vT0sQm7xWb2Zr8Yd5Nf1Lh6Pc4Ug",
        **changes,
    }


def vendor(code: str = "V1", **changes: Any) -> dict[str, Any]:
    return {
        "externalCode": f"BC-{code}",
        "vendorCode": code,
        "name": "Nordic Paper Oy",
        "companies": [{"companyCode": "1000"}],
        **changes,
    }


def account(code: str = "6050", **changes: Any) -> dict[str, Any]:
    names = [{"language": "en-US", "translation": "Office supplies"}]
    base = {"externalCode": f"A-{code}", "accountCode": code, "accountNames": names, "companies": ACTIVE_INHERIT}
    return {**base, **changes}


def payment_term(code: str = "30D") -> dict[str, Any]:
    return {
        "externalCode": f"PT-{code}",
        "paymentTermCode": code,
        "paymentTermNames": [{"language": "en-US", "translation": code}],
        "validFrom": "2020-01-01T00:00:00Z",
        "validTo": "2099-12-31T00:00:00Z",
        "companies": ACTIVE_INHERIT,
    }


def order(number: str = "PO1", **changes: Any) -> dict[str, Any]:
    return {
        "externalCode": number,
        "orderNumber": number,
        "sourceSystem": "BC",
        "companyCode": "1000",
        "organizationElementCode": "1000",
        "currencyCode": "EUR",
        "supplierCode": "V1",
        **changes,
    }


def order_line(number: str = "1", header: str = "PO1", **changes: Any) -> dict[str, Any]:
    return {
        "externalCode": f"{header}-{number}",
        "orderExternalCode": header,
        "lineNumber": number,
        "quantity": 10,
        "matchingMode": "Standard",
        **changes,
    }


def response(code: str = "r1", **changes: Any) -> dict[str, Any]:
    base = {"externalCode": code, "success": True, "responseMessage": "Posted", "paymentBlock": False}
    return {**base, **changes}


async def transferred(basware: Client) -> str:
    invoice_id = await basware.approve(invoiceNumber="T-1")
    sent = await basware.post(f"{DOCUMENTS}/{invoice_id}/transferResponses", response(voucherNumber1="PI1"))
    assert sent.status == 200
    return invoice_id
