"""The HTTP side: addresses, sign-in, limits, and the calls handed to the service (BC dossier 1-3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from aiohttp import web

from ml_connector.sandbox.business_central.batch import run_batch
from ml_connector.sandbox.business_central.books import company_id
from ml_connector.sandbox.business_central.errors import Refused, no_route, unauthorized
from ml_connector.sandbox.business_central.gate import Gate
from ml_connector.sandbox.business_central.hooks import Hooks
from ml_connector.sandbox.business_central.metadata import describe
from ml_connector.sandbox.business_central.seed import open_books
from ml_connector.sandbox.business_central.service import PAGE_SIZE, Answer, Call, Service
from ml_connector.sandbox.business_central.signin import TENANT, SignIn
from ml_connector.sandbox.business_central.table import Store
from ml_connector.sandbox.business_central.webhooks import SUPPORTED, Webhooks, require_method, shown
from ml_connector.sandbox.business_central.wire import dump_json, parse_json
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.switchboard import Switchboard
from ml_connector.sandbox.trade import TradingCompany

ENVIRONMENT = "Production"
_API = ("api", "v2.0")
_LEDGERS = ("api", "microsoft", "reportsFinance", "beta")
_RUNTIME = ("api", "microsoft", "runtime", "beta")
_SUBSCRIPTION = re.compile(r"subscriptions(?:\('([^']*)'\))?")


class BusinessCentral:
    """A simulated Business Central environment with its token endpoint.

    `token_seconds` is the life of a token. Sign-in, tenant and environment are fixed: see `signin`.
    """

    def __init__(self, *, clock: Clock, companies: Sequence[TradingCompany], token_seconds: int = 3600) -> None:
        self.clock = clock
        self.switchboard = Switchboard()
        self.sign_in = SignIn(clock, token_seconds)
        self.gate = Gate(clock)
        self.founders = list(companies)
        self.store = Store(clock)
        self.webhooks = Webhooks(self.store)
        self.service = Service(self.store, {})
        self.reset()

    def reset(self) -> None:
        """Back to the first day: the companies of then, and every setting as it was. Tokens stay good."""
        self.store.listener = None
        self.webhooks.forget()
        self.gate = Gate(self.clock)
        self.sign_in.registered = True
        self.service.page_size = PAGE_SIZE
        self.service.language = "en-US"
        self.service.ledger_entries = True
        self.service.books.clear()
        for company in self.founders:
            self.add(company)
        self.store.listener = self.webhooks.notice

    def add(self, company: TradingCompany) -> None:
        """Opens the books of one more company."""
        self.service.books[company_id(company.code)] = open_books(self.store, company)

    def applications(self) -> list[web.Application]:
        """The one application, to be served on the base port + 20."""
        app = web.Application(client_max_size=350 * 1024 * 1024)
        self.switchboard.install(app)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self.sign_in.token)
        app.router.add_get("/environments/v1.2", self._environments)
        Hooks(self).install(app)
        app.router.add_route("*", "/v2.0/{tail:.*}", self._serve)
        app.on_cleanup.append(self._close)
        return [app]

    async def _close(self, _: web.Application) -> None:
        await self.webhooks.close()

    async def _environments(self, request: web.Request) -> web.Response:
        if not self.sign_in.accepts(request.headers.get("Authorization", "")):
            return _respond(self.service.refusal(unauthorized(), _headers(request)))
        environment = {
            "aadTenantId": TENANT,
            "applicationFamily": "BusinessCentral",
            "type": "Production",
            "name": ENVIRONMENT,
            "countryCode": "FI",
            "webServiceUrl": f"{request.scheme}://{request.host}",
            "webClientLoginUrl": f"{request.scheme}://{request.host}/{TENANT}/{ENVIRONMENT}",
            "ringName": "Production",
        }
        return web.json_response({"value": [environment]})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        headers = _headers(request)
        body = await request.read()
        try:
            if not self.sign_in.accepts(headers.get("authorization", "")):
                raise unauthorized()
            async with self.gate.enter():
                answer = await self._route(request, headers, body)
        except Refused as refused:
            answer = self.service.refusal(refused, headers)
        return _respond(answer)

    async def _route(self, request: web.Request, headers: dict[str, str], body: bytes) -> Answer:
        steps = [unquote(step) for step in request.rel_url.raw_path.split("/")[2:] if step]
        depth = _environment_depth(steps)
        if depth is None:
            # UNCONFIRMED (dossier U3): a wrong tenant or environment answers 404 with no particular body.
            return Answer(404)
        rest = steps[depth:]
        for group in (_API, _LEDGERS, _RUNTIME):
            if tuple(rest[: len(group)]) == group:
                call = Call(
                    method=request.method,
                    path="/".join(rest[len(group) :]),
                    options=dict(request.rel_url.query),
                    headers=headers,
                    body=body,
                    root=f"{request.scheme}://{request.host}/v2.0/{'/'.join((*steps[:depth], *group))}",
                    ledgers=group is _LEDGERS,
                )
                return await self._dispatch(call, group)
        raise no_route(str(request.url))

    async def _dispatch(self, call: Call, group: tuple[str, ...]) -> Answer:
        if group is _RUNTIME:
            return self._supported_resources(call)
        if group is _API:
            if call.path == "$batch":
                return run_batch(self.service, call)
            if call.path == "$metadata":
                return Answer(raw=describe().encode(), headers={"Content-Type": "application/xml"})
            if subscription := _SUBSCRIPTION.fullmatch(call.path):
                return await self._subscriptions(call, subscription[1])
        return self.service.answer(call)

    def _supported_resources(self, call: Call) -> Answer:
        if not call.path.endswith("/webhookSupportedResources"):
            raise no_route(f"{call.root}/{call.path}")
        rows = [{"resource": f"v2.0/{name}"} for name in sorted(SUPPORTED)]
        return Answer(body={"@odata.context": f"{call.root}/$metadata#webhookSupportedResources", "value": rows})

    async def _subscriptions(self, call: Call, key: str | None) -> Answer:
        tag = call.headers.get("if-match", "")
        if key is None:
            require_method(call.method, "GET", "POST")
            if call.method == "GET":
                return Answer(body={"value": [shown(row) for row in self.webhooks.all()]})
            return Answer(201, shown(await self.webhooks.create(parse_json(call.body))))
        require_method(call.method, "GET", "PATCH", "DELETE")
        if call.method == "GET":
            return Answer(body=shown(self.webhooks.get(key)))
        if call.method == "PATCH":
            return Answer(body=shown(await self.webhooks.renew(key, parse_json(call.body), tag)))
        self.webhooks.remove(key, tag)
        return Answer(204)


def _environment_depth(steps: list[str]) -> int | None:
    """How many steps name tenant and environment; None when they are not ours."""
    if steps[:2] == [TENANT, ENVIRONMENT]:
        return 2
    return 1 if steps[:1] == [ENVIRONMENT] else None


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _respond(answer: Answer) -> web.Response:
    headers = {"OData-Version": "4.0", **answer.headers}
    if answer.raw is not None:
        headers.setdefault("Content-Type", "application/octet-stream")
        return web.Response(status=answer.status, body=answer.raw, headers=headers)
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    headers["Content-Type"] = "application/json; odata.metadata=minimal"
    return web.Response(status=answer.status, body=dump_json(answer.body).encode(), headers=headers)
