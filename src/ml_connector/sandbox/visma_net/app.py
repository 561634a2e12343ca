"""The HTTP side: both hosts' paths, tokens, limits and scopes, and the calls handed to the service."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from aiohttp import web

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.switchboard import Switchboard
from ml_connector.sandbox.trade import TradingCompany
from ml_connector.sandbox.visma_net.background import HEADER, Answer, Background, wants_background
from ml_connector.sandbox.visma_net.books import Books, company_id
from ml_connector.sandbox.visma_net.document_seed import seed_documents
from ml_connector.sandbox.visma_net.errors import Refusal, no_route, no_scope, signed_out
from ml_connector.sandbox.visma_net.hooks import Hooks
from ml_connector.sandbox.visma_net.identity import ACTION_SCOPE, SCOPE_OF, Connect, Grant
from ml_connector.sandbox.visma_net.limits import Allowance, Limits
from ml_connector.sandbox.visma_net.query import Query
from ml_connector.sandbox.visma_net.seed import open_books
from ml_connector.sandbox.visma_net.service import Call, Habits, Service, is_action, is_served, read_steps
from ml_connector.sandbox.visma_net.table import Store
from ml_connector.sandbox.visma_net.webhooks import Webhooks
from ml_connector.sandbox.visma_net.wire import dump_json

_BODY_LIMIT = 40 * 1024 * 1024
_OLD_BASE = ("api", "controller", "api")
_ALLOWANCE = web.RequestKey("allowance", Allowance)
_LOGGED = ("ipp-company-id", "ipp-application-type", "user-agent", "if-match", HEADER)
"""Headers that the list of calls shows: the real system ignores the first two (Visma dossier 17.8)."""


class VismaNet:
    """A simulated Visma.net with its identity provider; an application signs in for one company tenant each."""

    def __init__(self, *, clock: Clock, companies: Sequence[TradingCompany], token_seconds: int = 3600) -> None:
        self.clock = clock
        self.switchboard = Switchboard(shows=_LOGGED)
        self.founders = list(companies)
        self.store = Store(clock)
        self.books: dict[str, Books] = {}
        """By company id."""
        self.token_seconds = token_seconds
        self.connect = Connect(clock, token_seconds)
        self.limits = Limits(clock)
        self.webhooks = Webhooks(clock)
        self.service = Service(self.store, Background(clock))
        self.envelope_on_401 = False
        self.store.listeners.append(self.webhooks.notice)
        self.reset()

    def reset(self) -> None:
        """Back to the first day: the companies of then, and every setting as it was. Tokens stay good."""
        self.books.clear()
        self.webhooks.forget()
        self.webhooks.tenants.clear()
        self.service.habits = Habits()
        self.service.meanwhile.clear()
        self.service.feedback.clear()
        self.limits.limit, self.limits.old_limit, self.limits.window_seconds = 5000, 500, 3600
        self.limits.html = self.envelope_on_401 = False
        self.limits.forget()
        self.connect.reset(self.token_seconds)
        for company in self.founders:
            self.add(company)

    def add(self, company: TradingCompany) -> None:
        """Opens the books of one more company, whose tenant has approved the application."""
        books = open_books(self.store, company)
        seed_documents(books)
        self.store.commit()
        self.books[company_id(company.code)] = books
        self.connect.tenants.add(books.tenant)
        self.webhooks.tenants[books.key] = books.tenant

    def applications(self) -> list[web.Application]:
        """The one application, to be served on the base port + 50."""
        app = web.Application(client_max_size=_BODY_LIMIT)
        self.switchboard.install(app)
        app.router.add_post("/connect/token", self.connect.answer)
        Hooks(self).install(app)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        app.on_response_prepare.append(self._stamp)
        app.on_cleanup.append(self._close)
        return [app]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            answer = self._answer(request, body)
        except Refusal as refusal:
            self.store.rollback()
            return _refuse(refusal)
        # A caller's change is told only once it is there.
        self.store.commit()
        return _respond(answer)

    def _answer(self, request: web.Request, body: bytes) -> Answer:
        old, version, steps = _target(read_steps(request.rel_url.raw_path))
        if not is_served(version, steps, request.method):
            raise no_route()
        grant = self.connect.find(request.headers.get("Authorization", ""))
        books = self._books_of(grant)
        if grant is None or books is None:
            raise signed_out(envelope=self.envelope_on_401)
        self._count(request, grant, old=old)
        if request.method not in SCOPE_OF:
            raise Refusal(405)
        scope = ACTION_SCOPE if is_action(steps) else SCOPE_OF[request.method]
        if scope not in grant.scopes:
            raise no_scope(scope)
        call = Call(
            method=request.method,
            version=version,
            steps=steps,
            query=Query({name.lower(): value for name, value in request.query.items()}),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            root=f"{request.scheme}://{request.host}",
        )
        return self._later(books, call) if wants_background(request.headers.get(HEADER)) else self._now(books, call)

    def _now(self, books: Books, call: Call) -> Answer:
        return self.service.answer(books, call)

    def _later(self, books: Books, call: Call) -> Answer:
        """Does it, and tells what came of it when asked again; `subscription` tells it by webhook, too."""
        background = self.service.background
        refusal, answer = None, Answer()
        try:
            answer = self._now(books, call)
        except Refusal as refused:
            refusal = refused
        address = f"https://finance.visma.net/{books.key}/api/v{call.version}/{'/'.join(call.steps)}"
        operation = background.accept(books.tenant, address, answer, refusal)
        word, _, pairs = call.headers[HEADER].partition(":")
        if word.strip().lower() == "subscription":
            named = dict(pair.strip().split("=", 1) for pair in pairs.split(",") if "=" in pair)
            event = {"eventType": "BackgroundApiResponseReady", "entityId": operation.id, "tenantId": books.tenant}
            self.webhooks.tell(books.tenant, [event], named)
        return background.accepted(operation, call.root)

    def _books_of(self, grant: Grant | None) -> Books | None:
        """The company of a token; None for a customer tenant's."""
        tenant = grant.tenant if grant is not None else None
        return next((books for books in self.books.values() if books.tenant == tenant), None)

    def _count(self, request: web.Request, grant: Grant, *, old: bool) -> None:
        allowance = request[_ALLOWANCE] = self.limits.take(grant.tenant, old=old)
        if allowance.refused:
            page = "<html><body><h1>429 Too Many Requests</h1></body></html>" if self.limits.html else None
            raise Refusal(429, page, headers={"Retry-After": str(allowance.reset)})

    async def _stamp(self, request: web.Request, response: web.StreamResponse) -> None:
        """Every answer of the API tells how much is left, and its id, a fault's answer too."""
        if request.path.startswith(("/_sandbox", "/connect")):
            return
        grant = self.connect.find(request.headers.get("Authorization", ""))
        old = request.path.lower().startswith("/api/")
        told = request.get(_ALLOWANCE) or self.limits.look(grant.tenant if grant else "", old=old)
        response.headers.update(told.headers())
        response.headers["Ipp-Request-Id"] = str(uuid.uuid4())

    async def _close(self, _: web.Application) -> None:
        await self.webhooks.close()


def _target(steps: tuple[str, ...]) -> tuple[bool, int, tuple[str, ...]]:
    """Whether it is the old address, the version and the path below it; version 0 where nothing is served."""
    old = tuple(step.lower() for step in steps[:3]) == _OLD_BASE
    below = steps[3:] if old else steps
    version = {"v1": 1, "v2": 2}.get(below[0].lower(), 0) if below else 0
    return old, version, below[1:]


def _refuse(refusal: Refusal) -> web.Response:
    if refusal.body is None:
        return web.Response(status=refusal.status, headers=refusal.headers)
    if isinstance(refusal.body, str):
        return web.Response(status=refusal.status, text=refusal.body, content_type="text/html", headers=refusal.headers)
    text = dump_json(refusal.body)
    return web.Response(status=refusal.status, text=text, content_type="application/json", headers=refusal.headers)


def _respond(answer: Answer) -> web.Response:
    if answer.raw is not None:
        headers = {"Content-Type": "application/octet-stream", **answer.headers}
        return web.Response(status=answer.status, body=answer.raw, headers=headers)
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    text = dump_json(answer.body)
    return web.Response(status=answer.status, text=text, content_type="application/json", headers=answer.headers)
