"""The HTTP side: both token endpoints, the key, the login, the licence, and the calls handed to the OData root."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.epicor_kinetic import documents, masters
from ml_connector.sandbox.epicor_kinetic.books import Books, company_id
from ml_connector.sandbox.epicor_kinetic.calls import INSTANCE, Call, read_call
from ml_connector.sandbox.epicor_kinetic.document_seed import seed_documents
from ml_connector.sandbox.epicor_kinetic.errors import Refusal, Variant, bad_body, no_path, no_rights, wrong_verb
from ml_connector.sandbox.epicor_kinetic.hooks import Hooks
from ml_connector.sandbox.epicor_kinetic.identity import Identity, OAuthError
from ml_connector.sandbox.epicor_kinetic.licences import Licences
from ml_connector.sandbox.epicor_kinetic.plugs import DUE, Visit
from ml_connector.sandbox.epicor_kinetic.seed import open_books
from ml_connector.sandbox.epicor_kinetic.service import Answer, Habits, OData
from ml_connector.sandbox.epicor_kinetic.table import SERVER_ZONE, Store
from ml_connector.sandbox.epicor_kinetic.wire import dump_json
from ml_connector.sandbox.switchboard import Switchboard
from ml_connector.sandbox.trade import TradingCompany

_BODY_LIMIT = 80 * 1024 * 1024
_SESSIONS = "Ice.LIB.SessionModSvc"
_ERROR_TYPES = {Variant.HTML: "text/html", Variant.XML: "application/xml"}
PLUGGED = (documents, masters)
"""Importing them registers their methods."""


@dataclass(slots=True)
class Temper:
    """How the installation answers: the form of its errors, what the user may not call, how slow it is."""

    variant: Variant = Variant.PLAIN
    variants: int = 0
    """How many errors still have that form; below zero for all of them."""
    denied: set[str] = field(default_factory=set)
    """`Erp.BO.Company` or `Erp.BO.Company.GetRows`: what the user has no rights on."""
    latency: float = 0.0
    """Seconds of every call."""

    def next_variant(self) -> Variant:
        """The form of the next error."""
        if self.variants == 0:
            return Variant.PLAIN
        self.variants -= 1
        return self.variant


class EpicorKinetic:
    """A simulated installation with the instance `KineticLive`; every call needs a login and the API key."""

    def __init__(self, *, clock: Clock, companies: Sequence[TradingCompany], token_seconds: int = 3600) -> None:
        self.clock = clock
        self.switchboard = Switchboard()
        self.founders = list(companies)
        self.store = Store(clock)
        self.books: dict[str, Books] = {}
        """By company id."""
        self.identity = Identity(clock, token_seconds)
        self.licences = Licences()
        self.temper = Temper()
        self.odata = OData(self.store, Habits())
        self.reset()

    def reset(self) -> None:
        """Back to the first day: the companies of then, and every setting as it was. Tokens stay good."""
        self.books.clear()
        self.store.tables.clear()
        self.store.zone = SERVER_ZONE
        self.odata.habits = Habits()
        self.temper = Temper()
        self.licences = Licences()
        kept = self.identity
        self.identity = Identity(self.clock, kept.token_seconds, tokens=kept.tokens, granted=kept.granted)
        for company in self.founders:
            self.add(company)

    def add(self, company: TradingCompany) -> None:
        """Opens the books of one more company."""
        books = open_books(self.store, company)
        seed_documents(books)
        self.store.commit()
        self.books[company_id(company.code)] = books

    def applications(self) -> list[web.Application]:
        """The one application, to be served on the base port + 30."""
        app = web.Application(client_max_size=_BODY_LIMIT)
        self.switchboard.install(app)
        app.middlewares.append(self._pass_time())
        Hooks(self).install(app)
        app.router.add_post(f"/{INSTANCE}/TokenResource.svc/", self._token)
        app.router.add_post("/connect/token", self._grant)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        return [app]

    def _pass_time(self) -> Middleware:
        @web.middleware
        async def settle(request: web.Request, handler: Handler) -> web.StreamResponse:
            for books in self.books.values():
                for function in DUE:
                    function(books)
            self.store.commit()
            return await handler(request)

        return settle

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        origin = f"{request.scheme}://{request.host}"
        call = read_call(request.method, request.raw_path, headers, body, origin)
        if call is None:
            return web.Response(status=404, text="<html><body>Not Found</body></html>", content_type="text/html")
        try:
            answer = await self._answer(call)
        except Refusal as refused:
            return self._refusal(refused, headers.get("accept", "*/*"))
        finally:
            # What a refusal leaves behind, such as a document that was saved in part, stays.
            self.store.commit()
        return _respond(answer)

    async def _answer(self, call: Call) -> Answer:
        self.identity.check_key(call.headers, call.options, call.company)
        user = self.identity.user_of(call.headers)
        books = self.books.get(call.company)
        if books is None:
            raise no_path(f"company {call.company}")
        self.identity.check_scope(call.service)
        plant = self._plant(call.headers)
        if call.service == _SESSIONS:
            return self._session(call)
        with self.licences.call(call.headers.get("sessioninfo", "")):
            if self.temper.latency:
                await asyncio.sleep(self.temper.latency)
            _check_content(call)
            visit = Visit(books, user, call.headers, plant)
            return self.odata.answer(call, visit, self._check_rights)

    def _check_rights(self, method: str) -> None:
        if method in self.temper.denied or method.rpartition(".")[0] in self.temper.denied:
            raise no_rights(method)

    def _plant(self, headers: Mapping[str, str]) -> str:
        """The site of CallSettings; a company there that nobody knows spoils the call (Epicor dossier 2.3)."""
        sent = headers.get("callsettings", "")
        if not sent:
            return ""
        try:
            settings = json.loads(sent)
        except ValueError:
            settings = None
        if not isinstance(settings, dict):
            raise bad_body("The CallSettings header is not a JSON object.")
        company = settings.get("Company")
        if company and company not in self.books:
            raise no_path(f"company {company}")
        return str(settings.get("Plant", ""))

    def _session(self, call: Call) -> Answer:
        """Sessions keep a licence until they are ended (Epicor dossier 4.4)."""
        if call.steps not in (("Login",), ("Logout",)):
            raise no_path("/".join((call.service, *call.steps)))
        if call.method != "POST":
            raise wrong_verb(call.method)
        if call.steps == ("Login",):
            with self.licences.call():
                pass
            return Answer(body={"returnObj": self.licences.login()})
        with suppress(ValueError, TypeError, KeyError):
            self.licences.logout(json.loads(call.headers.get("sessioninfo", "{}"))["SessionID"])
        return Answer(body={})

    def _refusal(self, refused: Refusal, accepted: str = "application/json") -> web.Response:
        if refused.silent:
            headers = {"WWW-Authenticate": 'Basic realm="Epicor"'}
            return web.Response(status=refused.status, headers=headers)
        variant = self.temper.next_variant()
        if variant is Variant.PLAIN and not ("json" in accepted or "*/*" in accepted):
            variant = Variant.XML
        kind = _ERROR_TYPES.get(variant, "application/json")
        status = 502 if variant is Variant.HTML else refused.status
        return web.Response(status=status, text=refused.body(variant), content_type=kind)

    async def _token(self, request: web.Request) -> web.Response:
        """The token resource: user and password in headers, an answer in PascalCase (Epicor dossier 3.2)."""
        user = request.headers.get("username", "")
        try:
            self.identity.check_password(user, request.headers.get("password", ""))
        except Refusal as refused:
            return self._refusal(refused)
        token = self.identity.issue(user)
        if "json" in request.headers.get("Accept", ""):
            body = {"AccessToken": token, "ExpiresIn": self.identity.token_seconds, "TokenType": "Bearer"}
            return web.json_response(body)
        text = f"<Token><AccessToken>{escape(token)}</AccessToken><TokenType>Bearer</TokenType></Token>"
        return web.Response(text=text, content_type="application/xml")

    async def _grant(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            return web.json_response(self.identity.grant(form))
        except OAuthError as refused:
            return web.json_response({"error": str(refused)}, status=400)


def _check_content(call: Call) -> None:
    """Writes say that they are JSON (Epicor dossier 17.7)."""
    if call.method in ("POST", "PATCH", "PUT") and not call.headers.get("content-type", "").startswith(
        "application/json"
    ):
        text = "The request entity's media type is not supported for this resource."
        raise Refusal(text, status=415, kind="Epicor.RESTApi.ApiException")


def _respond(answer: Answer) -> web.Response:
    if answer.text is not None:
        return web.Response(status=answer.status, text=answer.text, content_type=answer.content_type)
    if answer.body is None:
        return web.Response(status=answer.status)
    headers = {"Content-Type": "application/json; charset=utf-8", "OData-Version": "4.0"}
    return web.Response(status=answer.status, body=dump_json(answer.body).encode(), headers=headers)
