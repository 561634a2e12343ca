"""The HTTP side of an instance: sign-in by cookie and by OAuth, seats, and the calls handed to the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from ml_connector.sandbox.acumatica import documents, files
from ml_connector.sandbox.acumatica.bodies import read_day
from ml_connector.sandbox.acumatica.books import Books, tenant_of
from ml_connector.sandbox.acumatica.calls import Answer, Call, read_options, read_steps
from ml_connector.sandbox.acumatica.document_seed import seed_documents
from ml_connector.sandbox.acumatica.errors import (
    UNDEFINED_COMPANY,
    Invalid,
    RawRefusal,
    Refusal,
    bad_request,
    failed,
    not_found,
    unauthorized,
)
from ml_connector.sandbox.acumatica.gate import Gate
from ml_connector.sandbox.acumatica.hooks import Hooks
from ml_connector.sandbox.acumatica.identity import Grant, Identity, OAuthError
from ml_connector.sandbox.acumatica.operations import Operations
from ml_connector.sandbox.acumatica.plugs import Visit
from ml_connector.sandbox.acumatica.schema import VERSIONS
from ml_connector.sandbox.acumatica.seed import open_books
from ml_connector.sandbox.acumatica.service import Service
from ml_connector.sandbox.acumatica.sessions import SESSION_COOKIE, TICKET_COOKIE, Seats, Session
from ml_connector.sandbox.acumatica.table import Store
from ml_connector.sandbox.acumatica.wire import dump_json
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.switchboard import Switchboard
from ml_connector.sandbox.trade import TradingCompany

SITE = "acme"
_BODY_LIMIT = 25 * 1024 * 1024
"""Also of a file (UNCONFIRMED, dossier U16)."""
_BUILD = "24.208.0020"
_LENGTH_REQUIRED = (
    "<!DOCTYPE HTML><HTML><HEAD><TITLE>Length Required</TITLE></HEAD>"
    "<BODY><h2>Length Required</h2><hr><p>HTTP Error 411. The request must be chunked or have a content length.</p>"
    "</BODY></HTML>"
)


@dataclass(slots=True)
class Offer:
    """The endpoints that the instance offers."""

    versions: list[str] = field(default_factory=lambda: list(VERSIONS))
    """Of Default."""
    custom: str = "MLConnector/1.0"
    """Name and version of the endpoint with CreditTerms; empty for none."""
    bare_list: bool = False
    """GET /entity answers a bare array, as older builds do."""

    def has(self, name: str, version: str) -> bool:
        """True where there is an endpoint of that name and version."""
        return (name == "Default" and version in self.versions) or f"{name}/{version}" == self.custom


class Acumatica:
    """A simulated instance below `/acme`; sign in as `USERNAME` with `PASSWORD`, or as the client of a tenant."""

    def __init__(self, *, clock: Clock, companies: Sequence[TradingCompany], token_seconds: int = 3600) -> None:
        self.clock = clock
        self.switchboard = Switchboard()
        self.founders = list(companies)
        self._token_seconds = token_seconds
        self.books: dict[str, Books] = {}
        """By tenant."""
        self.identity = Identity(clock, token_seconds)
        self.seats = Seats(clock)
        self.reset()

    def reset(self) -> None:
        """Back to the first day: the tenants of then, and every setting as it was. Tokens stay good."""
        self.store = Store(self.clock)
        self.books.clear()
        self.offer = Offer()
        self.gate = Gate(self.clock)
        self.seats.limit, self.seats.plain_text = Seats(self.clock).limit, False
        self.identity.locked, self.identity.wrong = False, 0
        self.identity.token_seconds = self._token_seconds
        self.operations = Operations(self.clock)
        self.service = Service(self.operations, documents, files)
        for company in self.founders:
            self.add(company)

    def add(self, company: TradingCompany) -> None:
        """Opens the books of one more tenant."""
        books = open_books(self.store, company)
        seed_documents(books)
        self.store.commit()
        self.books[tenant_of(company.code)] = books

    def applications(self) -> list[web.Application]:
        """The one application, to be served on the base port + 10."""
        app = web.Application(client_max_size=_BODY_LIMIT)
        self.switchboard.install(app)
        Hooks(self).install(app)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        return [app]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        steps = read_steps(request.rel_url.raw_path)
        try:
            _require_site(request, steps, query=self.gate.query)
            body = await request.read()
            return await self._routed(request, steps[1:], body)
        except Refusal as refused:
            return _json(refused.body, refused.status)
        except RawRefusal as refused:
            return web.Response(status=refused.status, text=refused.text, content_type=refused.content_type)
        except OAuthError as refused:
            return _json({"error": refused.code}, 400)

    async def _routed(self, request: web.Request, steps: tuple[str, ...], body: bytes) -> web.StreamResponse:
        match steps:
            case ("identity", *rest):
                return self._identify(request, tuple(rest), body)
            case ("entity",):
                return _json(self._endpoints(request))
            case ("entity", "auth", "login"):
                return self._login(request, body)
            case ("entity", "auth", "logout"):
                return self._logout(request)
            case ("entity", name, version, *rest) if rest:
                if not self.offer.has(name, version):
                    raise not_found(f"No endpoint {name} {version} was found.")
                async with self.gate.passing():
                    return await self._endpoint(request, f"{name}/{version}", tuple(rest), body)
            case _:
                raise not_found("No HTTP resource was found that matches the request URI.")

    async def _endpoint(
        self, request: web.Request, endpoint: str, steps: tuple[str, ...], body: bytes
    ) -> web.StreamResponse:
        session, is_new = self._session(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, steps, read_options(request.rel_url.raw_query_string), headers, body)
        visit = self._visit(session, endpoint, headers)
        mark = self.store.mark()
        try:
            answer = self.service.answer(visit, call)
        except Invalid as refused:
            self.store.rollback(mark)
            answer = Answer(422, self.service.invalid(visit, steps[0], refused))
        except BaseException:
            self.store.rollback(mark)
            raise
        finally:
            self.store.commit()
        if request.method == "POST" and self.operations.slow and answer.status in (202, 204):
            await asyncio.sleep(self.operations.slow)
        response = _respond(answer)
        return _with_cookies(response, session) if is_new else response

    def _visit(self, session: Session, endpoint: str, headers: Mapping[str, str]) -> Visit:
        books = self.books[session.tenant]
        return Visit(
            books=books,
            session=session,
            version=endpoint.partition("/")[2],
            root=f"/{SITE}/entity/{endpoint}",
            headers=headers,
            branch=_branch(books, headers.get("px-cbapibranch") or session.branch),
            business_date=_business_date(headers.get("px-cbapibusinessdate"), books),
        )

    def _session(self, request: web.Request) -> tuple[Session, bool]:
        """The session of a request, and whether its cookies are to be sent; raises Refusal (401, 429)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            known = self.identity.grant_of(token.strip())
            if known is None or not known[0].scopes & {"api", "api:concurrent_access"}:
                raise unauthorized()
            grant, ends = known
            if not grant.is_concurrent:
                return self._granted(grant, ends), False
            session = self._by_cookie(request)
            return (session, False) if session else (self.seats.take(grant.tenant, grant.user, ends_at=ends), True)
        session = self._by_cookie(request)
        if session is None:
            raise unauthorized()
        return session, False

    def _granted(self, grant: Grant, ends: Any) -> Session:
        """One session for each grant; a new one where it was signed out or died (Acumatica dossier 2.3)."""
        session = self.seats.find(grant.session.id) if grant.session is not None else None
        if session is None:
            session = grant.session = self.seats.take(grant.tenant, grant.user, ends_at=ends)
        return session

    def _by_cookie(self, request: web.Request) -> Session | None:
        session = self.seats.find(request.cookies.get(SESSION_COOKIE))
        if session is None or request.cookies.get(TICKET_COOKIE) != session.ticket:
            return None
        return session if session.tenant in self.books else None

    def _endpoints(self, request: web.Request) -> Any:
        rows = [("Default", version) for version in self.offer.versions]
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        signed_in = scheme.lower() == "bearer" and self.identity.grant_of(token.strip()) is not None
        if self.offer.custom and (signed_in or self._by_cookie(request) is not None):
            name, _, version = self.offer.custom.partition("/")
            rows.append((name, version))
        endpoints = [
            {"name": name, "version": version, "href": f"/{SITE}/entity/{name}/{version}/"} for name, version in rows
        ]
        version = {"acumaticaBuildVersion": _BUILD, "databaseVersion": _BUILD}
        return endpoints if self.offer.bare_list else {"version": version, "endpoints": endpoints}

    def _login(self, request: web.Request, body: bytes) -> web.Response:
        if request.method != "POST":
            raise Refusal(405, {"message": "The requested resource does not support http method 'GET'."})
        asked = _credentials(request, body)
        tenant = self._tenant(asked.get("tenant") or asked.get("company") or "")
        if not self.identity.knows(asked.get("name", ""), asked.get("password", "")):
            locked = self.identity.locked
            raise failed("Your account has been locked out." if locked else "Invalid credentials. Please try again.")
        branch = _branch(self.books[tenant], asked.get("branch"))
        return _with_cookies(web.Response(status=204), self.seats.take(tenant, asked["name"], branch))

    def _tenant(self, name: str) -> str:
        """An empty name is the default tenant; with one tenant any name is it (Acumatica dossier 2.1)."""
        known = {tenant.lower(): tenant for tenant in self.books}
        if not name or len(known) == 1:
            return next(iter(self.books))
        if name.lower() not in known:
            raise failed("A proper company ID cannot be determined for the request.", UNDEFINED_COMPANY)
        return known[name.lower()]

    def _logout(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = self._by_cookie(request)
        if session is None and scheme.lower() == "bearer":
            known = self.identity.grant_of(token.strip())
            session = None if known is None else known[0].session
        if session is not None:
            self.seats.free(session)
        return web.Response(status=204)

    def _identify(self, request: web.Request, steps: tuple[str, ...], body: bytes) -> web.Response:
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        match (request.method, *steps):
            case ("GET", ".well-known", "openid-configuration"):
                return _json(_discovery(f"{request.scheme}://{request.host}/{SITE}/identity"))
            case ("POST", "connect", "token"):
                return _json(self.identity.token(form, self.books))
            case ("GET", "connect", "authorize"):
                return self._authorize(dict(request.query))
            case ("POST", "connect", "revocation"):
                self.identity.revoke(form.get("token", ""))
                return web.Response(status=200)
            case _:
                raise RawRefusal(404, "Not Found", "text/plain")

    def _authorize(self, asked: Mapping[str, str]) -> web.Response:
        code = self.identity.authorize(asked, self.books)
        answer = {"code": code} | ({"state": asked["state"]} if "state" in asked else {})
        return web.Response(status=302, headers={"Location": f"{asked.get('redirect_uri', '')}?{urlencode(answer)}"})


def _require_site(request: web.Request, steps: tuple[str, ...], *, query: int) -> None:
    """What IIS refuses before the site sees it: a POST without length, an empty one too (Acumatica dossier 2.1)."""
    if query and len(request.rel_url.raw_query_string) > query:
        raise RawRefusal(404, "<html><body>404.15 - The query string is too long.</body></html>")
    lengths = ("Content-Length", "Transfer-Encoding")
    if request.method == "POST" and not any(name in request.headers for name in lengths):
        raise RawRefusal(411, _LENGTH_REQUIRED)
    if steps[:1] != (SITE,):
        raise RawRefusal(404, "<html><body>404 - File or directory not found.</body></html>")


def _credentials(request: web.Request, body: bytes) -> dict[str, str]:
    if "json" not in request.content_type:
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    try:
        asked = json.loads(body)
    except ValueError:
        raise bad_request("The request is invalid.") from None
    if not isinstance(asked, dict):
        raise bad_request("The request is invalid.")
    return {name.lower(): str(value) for name, value in asked.items() if value is not None}


def _branch(books: Books, name: str | None) -> str | None:
    """The branch by its ID or its name (UNCONFIRMED which, dossier U12); None where none is named."""
    if not name:
        return None
    (structure,) = books.table("CompaniesStructure").all()
    for branch in structure["Results"]:
        if name.lower() in (branch["BranchID"].lower(), branch["BranchName"].lower()):
            return branch["BranchID"]
    raise failed("'Branch' cannot be found in the system.")


def _business_date(text: str | None, books: Books) -> date | None:
    with suppress(ValueError):
        return read_day(text, books.zone) if text else None
    raise bad_request(f"'{text}' is no business date.")


def _discovery(root: str) -> dict[str, Any]:
    return {
        "issuer": root,
        "authorization_endpoint": f"{root}/connect/authorize",
        "token_endpoint": f"{root}/connect/token",
        "revocation_endpoint": f"{root}/connect/revocation",
        "grant_types_supported": ["authorization_code", "password", "refresh_token", "implicit"],
        "scopes_supported": ["openid", "profile", "email", "offline_access", "api", "api:concurrent_access"],
    }


def _with_cookies(response: web.Response, session: Session) -> web.Response:
    response.set_cookie(SESSION_COOKIE, session.id, path="/", httponly=True)
    response.set_cookie(TICKET_COOKIE, session.ticket, path="/", httponly=True)
    response.set_cookie("Locale", "Culture=en-US", path="/")
    response.set_cookie("UserBranch", "16", path="/")
    return response


def _respond(answer: Answer) -> web.Response:
    if answer.raw is not None:
        return web.Response(
            status=answer.status, body=answer.raw, headers=answer.headers, content_type="application/octet-stream"
        )
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    return _json(answer.body, answer.status, answer.headers)


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(status=status, text=dump_json(body), content_type="application/json", headers=headers)
