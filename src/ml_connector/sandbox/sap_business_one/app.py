"""The HTTP side: the load balancer's own answers, sign-in by cookie, and the calls handed to the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.sap_business_one import attachments, documents
from ml_connector.sandbox.sap_business_one.batch import run_batch
from ml_connector.sandbox.sap_business_one.books import Books, company_db
from ml_connector.sandbox.sap_business_one.calls import Answer, Call, Visit, read_options, read_path
from ml_connector.sandbox.sap_business_one.document_seed import seed_documents
from ml_connector.sandbox.sap_business_one.errors import B1Error, RawRefusal, no_session
from ml_connector.sandbox.sap_business_one.hooks import Hooks
from ml_connector.sandbox.sap_business_one.seed import open_books
from ml_connector.sandbox.sap_business_one.service import Habits, Service
from ml_connector.sandbox.sap_business_one.sessions import VERSION, Session, Sessions
from ml_connector.sandbox.sap_business_one.table import Store
from ml_connector.sandbox.sap_business_one.wire import Form, dump_json, parse_json
from ml_connector.sandbox.switchboard import Switchboard
from ml_connector.sandbox.trade import TradingCompany

_BODY_LIMIT = 80 * 1024 * 1024


class SapBusinessOne:
    """A simulated installation with its Service Layer; sign in as `USERNAME` with `PASSWORD`."""

    def __init__(self, *, clock: Clock, companies: Sequence[TradingCompany]) -> None:
        self.clock = clock
        self.switchboard = Switchboard()
        self.founders = list(companies)
        self.store = Store(clock)
        self.books: dict[str, Books] = {}
        """By company database."""
        self.sessions = Sessions(clock)
        self.stopped: set[int] = set()
        """Nodes whose /ping answers 503."""
        self.latency: dict[str, float] = {"request": 0.0, "post": 0.0, "first": 0.0}
        """Seconds: every request, every POST, the first request of a session."""
        self.service = Service(self.store, Habits(), documents, attachments)
        self.reset()

    def reset(self) -> None:
        """Back to the first day: the companies of then, and every setting as it was. Sessions stay good."""
        self.books.clear()
        self.service.habits = Habits()
        self.latency = dict.fromkeys(self.latency, 0.0)
        self.stopped.clear()
        kept = self.sessions.open
        self.sessions = Sessions(self.clock)
        for company in self.founders:
            self.add(company)
        for session in kept.values():
            if session.books.database in self.books:
                session.books = self.books[session.books.database]
                self.sessions.open[session.id] = session

    def add(self, company: TradingCompany) -> None:
        """Opens the books of one more company."""
        books = open_books(self.store, company)
        seed_documents(books)
        self.store.commit()
        self.books[company_db(company.code)] = books

    def applications(self) -> list[web.Application]:
        """The one application, to be served on the base port + 40."""
        app = web.Application(client_max_size=_BODY_LIMIT)
        self.switchboard.install(app)
        app.router.add_get("/ping/", self._ping)
        app.router.add_get("/ping/load-balancer", self._ping)
        app.router.add_get("/ping/node/{node}", self._ping)
        Hooks(self).install(app)
        app.router.add_route("*", "/{tail:.*}", self._serve, expect_handler=_refuse_expectation)
        return [app]

    async def _ping(self, request: web.Request) -> web.Response:
        node = request.match_info.get("node")
        if node is not None and int(node) in self.stopped:
            return web.Response(status=503, text="<html><body>Service Unavailable</body></html>")
        sender = "load balancer" if node is None else f"node {node}"
        return web.json_response({"message": "pong", "sender": sender, "timestamp": str(time.time())})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        version, path = _target(request.rel_url.raw_path)
        body = await request.read()
        if self.latency["request"]:
            await asyncio.sleep(self.latency["request"])
        try:
            if version is None:
                raise no_session()
            call = _call(request, version, path, body)
            if (call.method, path) == ("POST", "Login"):
                return await self._login(call)
            answer = await self._answer(call)
        except B1Error as refused:
            answer = Answer(refused.status, self._envelope(refused, version or 4))
        except RawRefusal as refused:
            return web.Response(status=refused.status, text=refused.body, content_type=refused.content_type)
        finally:
            # A part of the work that a refusal leaves behind, such as a draft, stays.
            self.store.commit()
        return _respond(answer, version or 4)

    async def _answer(self, call: Call) -> Answer:
        session = self.sessions.find(call.headers.get("cookie", ""))
        await self._wait(session, call)
        if (call.method, call.path) == ("POST", "Logout"):
            self.sessions.close(session)
            return Answer(204)
        zulu = call.version == 4 or self.service.habits.zulu_on_v1
        visit = Visit(call, session.books, Form(call.version, session.books.switches.profile, zulu))
        if (call.method, call.path) == ("POST", "$batch"):
            return run_batch(visit, self.service.answer, self.store)
        return self.service.answer(visit)

    async def _wait(self, session: Session, call: Call) -> None:
        """The installation's slowness: posts, and what comes first after signing in (B1 dossier 12)."""
        seconds = self.latency["post"] if call.method == "POST" else 0.0
        if session.fresh:
            session.fresh = False
            seconds += self.latency["first"]
        if seconds:
            await asyncio.sleep(seconds)

    async def _login(self, call: Call) -> web.Response:
        if self.sessions.delay:
            await asyncio.sleep(self.sessions.delay)
        asked = parse_json(call.body)
        session = self.sessions.login(self.books, asked if isinstance(asked, dict) else {})
        context = "odata.metadata" if call.version == 3 else "@odata.context"
        suffix = "@Element" if call.version == 3 else "$entity"
        body = {
            context: f"{call.root}/$metadata#B1Sessions/{suffix}",
            "SessionId": session.id,
            "Version": VERSION,
            "SessionTimeout": self.sessions.minutes(),
        }
        response = _respond(Answer(200, body), call.version)
        # No Path and a dangling semicolon, as the real one sends it (B1 dossier 4.1).
        response.headers.add("Set-Cookie", f"B1SESSION={session.id};HttpOnly;")
        response.headers.add("Set-Cookie", f"ROUTEID={session.node}; path=/b1s")
        return response

    def _envelope(self, refused: B1Error, version: int) -> dict[str, Any]:
        return refused.envelope(4 if self.service.habits.text_errors_on_v1 else version)


async def _refuse_expectation(_: web.Request) -> web.StreamResponse:
    """The load balancer cannot do `Expect: 100-continue`: 500 and nothing else (B1 dossier 4.1)."""
    response = web.Response(status=500)
    response.force_close()
    return response


def _target(raw: str) -> tuple[int | None, str]:
    """The OData version and the path below its root; None where nothing is served. The case counts."""
    steps = [step for step in raw.split("/") if step]
    if steps[:2] == ["b1s", "v1"]:
        return 3, read_path("/".join(steps[2:]))
    if steps[:2] == ["b1s", "v2"]:
        return 4, read_path("/".join(steps[2:]))
    return None, ""


def _call(request: web.Request, version: int, path: str, body: bytes) -> Call:
    return Call(
        method=request.method,
        path=path,
        options=read_options(request.rel_url.raw_query_string),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        root=f"{request.scheme}://{request.host}/b1s/v{1 if version == 3 else 2}",
        version=version,
    )


def _respond(answer: Answer, version: int) -> web.Response:
    headers = {"DataServiceVersion": "3.0"} if version == 3 else {"OData-Version": "4.0"}
    headers.update(answer.headers)
    if answer.raw is not None:
        headers.setdefault("Content-Type", "application/octet-stream")
        return web.Response(status=answer.status, body=answer.raw, headers=headers)
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    detail = "odata=minimalmetadata" if version == 3 else "odata.metadata=minimal"
    headers["Content-Type"] = f"application/json;{detail};charset=utf-8"
    return web.Response(status=answer.status, body=dump_json(answer.body).encode(), headers=headers)
