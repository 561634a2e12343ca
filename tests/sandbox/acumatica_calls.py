"""A raw client of the simulated Acumatica: tests see what travels, wrapped as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from ml_connector.sandbox.acumatica.app import SITE, Acumatica
from ml_connector.sandbox.acumatica.books import tenant_of
from ml_connector.sandbox.acumatica.identity import CLIENT_SECRET, PASSWORD, USERNAME, client_id
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

CODE = "3000"
VERSION = "24.200.001"


@dataclass(slots=True)
class Reply:
    """Status, headers and parsed body."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def kind(self) -> str:
        """The last part of the exception's type."""
        return str(self.body["exceptionType"]).rpartition(".")[2]

    @property
    def message(self) -> str:
        """The exception's text."""
        return str(self.body["exceptionMessage"])


def wrapped(**fields: Any) -> dict[str, Any]:
    """Fields as they are sent: lists of details stay lists, everything else gets its `value`."""
    return {name: value if isinstance(value, list) else {"value": value} for name, value in fields.items()}


def plain(entity: Mapping[str, Any]) -> dict[str, Any]:
    """An answered entity without its wrapping; an empty field is None."""
    result: dict[str, Any] = {}
    for name, value in entity.items():
        if isinstance(value, list):
            result[name] = [plain(line) for line in value]
        elif isinstance(value, dict) and not name.startswith("_") and name != "custom":
            inner: dict[str, Any] = value
            result[name] = plain(inner) if "rowNumber" in inner else inner.get("value")
        else:
            result[name] = value
    return result


class Wire:
    """Starts the sandbox on a free port and speaks to it, signed in by OAuth."""

    def __init__(self, *codes: str, version: str = VERSION) -> None:
        self.clock = Clock()
        today = self.clock.now().date()
        self.companies = [found(code, today=today) for code in codes or (CODE,)]
        self.company: TradingCompany = self.companies[0]
        self.system = Acumatica(clock=self.clock, companies=self.companies)
        self.version = version
        self.token = ""

    async def __aenter__(self) -> Wire:
        self.runner = web.AppRunner(self.system.applications()[0])
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.root = f"{self.origin}/{SITE}"
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.token = (await self.grant()).body["access_token"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self.runner.cleanup()

    async def grant(self, grant_type: str = "password", **changes: str) -> Reply:
        """A token request; the password grant unless told otherwise, not taken over."""
        form = {"grant_type": grant_type, "client_id": client_id(CODE), "client_secret": CLIENT_SECRET}
        if grant_type == "password":
            form |= {"username": USERNAME, "password": PASSWORD, "scope": "api offline_access"}
        form |= changes
        return await self.send("POST", f"{self.root}/identity/connect/token", token="", data=form)

    async def login(self, **changes: Any) -> Reply:
        """Signs in by cookie without taking the session over."""
        body = {"name": USERNAME, "password": PASSWORD, "tenant": tenant_of(CODE), **changes}
        return await self.send("POST", f"{self.root}/entity/auth/login", body, token="")

    async def logout(self, *, token: str = "", cookie: str = "") -> int:
        """Signs out with an empty body; the status."""
        reply = await self.send("POST", f"{self.root}/entity/auth/logout", b"", token=token, cookie=cookie)
        return reply.status

    async def send(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        token: str | None = None,
        cookie: str = "",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Reply:
        """One request; `address` is below the endpoint unless it is a whole one or begins with a slash."""
        url = address if "://" in address else f"{self.root}/entity/Default/{self.version}/{address}"
        if address.startswith("/"):
            url = f"{self.origin}{address}"
        token = self.token if token is None else token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if cookie:
            sent["Cookie"] = cookie
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body, default=float)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self.session.request(method, url, headers=sent, allow_redirects=False, **options) as answer:
            raw = await answer.read()
            is_json = raw and "json" in answer.headers.get("Content-Type", "")
            parsed = json.loads(raw, parse_float=Decimal) if is_json else raw
            return Reply(answer.status, answer.headers, parsed)

    async def get(self, address: str, *, headers: dict[str, str] | None = None, **options: Any) -> Reply:
        """Options are named without their dollar: `filter="..."`."""
        params = {f"${name}": str(value) for name, value in options.items()}
        return await self.send("GET", address, params=params, headers=headers)

    async def rows(self, entity: str, **options: Any) -> list[dict[str, Any]]:
        """All rows of a list, without their wrapping."""
        reply = await self.get(entity, **options)
        assert reply.status == 200, reply.body
        return [plain(row) for row in reply.body]

    async def record(self, address: str, **options: Any) -> dict[str, Any]:
        """One record, without its wrapping."""
        reply = await self.get(address, **options)
        assert reply.status == 200, reply.body
        return plain(reply.body)

    async def put(self, address: str, body: Any, **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send("PUT", address, body, headers=sent)

    async def post(self, address: str, body: Any = None) -> Reply:
        return await self.send("POST", address, {} if body is None else body)

    async def delete(self, address: str) -> Reply:
        return await self.send("DELETE", address)

    async def control(self, page: str, asked: dict[str, Any] | None = None, *, status: int = 200, **more: Any) -> Any:
        """A control page of the company; `status` is the answer's."""
        body = {"company": CODE, **(asked or {}), **more}
        reply = await self.send("POST", f"{self.origin}/_sandbox/{page}", body)
        assert reply.status == status, reply.body
        return reply.body

    async def state(self) -> dict[str, Any]:
        return (await self.send("GET", f"{self.origin}/_sandbox/state")).body

    async def bills(self, **wanted: Any) -> list[dict[str, Any]]:
        """The bills that have those values."""
        reply = await self.send("GET", f"{self.origin}/_sandbox/bills?company={CODE}&rows=true")
        return [bill for bill in reply.body["bills"] if all(bill[name] == value for name, value in wanted.items())]

    def vendor(self, *, currency: str = "EUR", place: int = 0) -> str:
        """VendorID of a vendor that can be billed in that currency."""
        fit = [vendor.number for vendor in self.company.vendors if vendor.currency == currency and not vendor.blocked]
        return fit[place]


def cookies_of(reply: Reply) -> str:
    """The cookies of a sign-in, as they are sent back."""
    given = reply.headers.getall("Set-Cookie")  # type: ignore[attr-defined]
    return "; ".join(each.partition(";")[0] for each in given)
