"""The control pages: what people, other software and operators do to a real installation, for tests and demos.

All are JSON below `/_sandbox/`, POST unless said otherwise, and need no sign-in. `company` is Basware's company code
and may be left out where there is one company.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ml_connector.sandbox.company import found
from ml_connector.sandbox.sap_business_one import changes, document_hooks
from ml_connector.sandbox.sap_business_one.books import Books, Duplicates, company_db
from ml_connector.sandbox.sap_business_one.chart import set_segments
from ml_connector.sandbox.sap_business_one.errors import B1Error
from ml_connector.sandbox.sap_business_one.seed import set_localisation
from ml_connector.sandbox.sap_business_one.wire import dump_json

if TYPE_CHECKING:
    from ml_connector.sandbox.sap_business_one.app import SapBusinessOne

Action = Callable[[dict[str, Any]], Any]
"""What a POST does: from the body to the answer. Raises LookupError (404), ValueError or B1Error (400)."""
View = Callable[[Mapping[str, str]], Any]
"""What a GET shows: from the query to the answer."""

PAGES = {
    "GET /_sandbox/": "this page",
    "GET /_sandbox/state": "counts, switches and sessions",
    "POST /_sandbox/reset": "back to the first day",
    "POST /_sandbox/companies": "{codes, vendors?, invoices?, orders?}: founds further companies",
    "POST /_sandbox/vendors": "{company, number, ...properties of BusinessPartners, delete?}",
    "POST /_sandbox/accounts": "{company, number, ...properties of ChartOfAccounts, delete?}; the visible number",
    "POST /_sandbox/dimension-values": "{company, dimension: 1-5 or Project, code, name?, active?, delete?}",
    "POST /_sandbox/records": "{company, set, key, ...properties, delete?}: any other master data",
    "POST /_sandbox/rates": "{company, currency, rate, from?} or {company, currency, delete}",
    "POST /_sandbox/period": "{company, from, to}: the days that may be posted to",
    "POST /_sandbox/branches": "{company?, enabled}",
    "POST /_sandbox/segments": "{company?, enabled}: account segmentation",
    "POST /_sandbox/duplicates": "{company?, mode: off | warning | partner | all, fiscal_year_only?}",
    "POST /_sandbox/profile": "{company?, profile: 2021 | 2024}",
    "POST /_sandbox/localisation": "{company?, localisation}: US, CA, IN and BR have sales tax codes",
    "POST /_sandbox/switches": "{company?, closed_base_code?, attachments_folder?, approval_status?, group_tax?}",
    "POST /_sandbox/expire-sessions": "{session?}: kills one or all",
    "POST /_sandbox/break-node": "{node: .node1, broken?}: its sessions get 500/407; {stopped: n}: its ping says 503",
    "POST /_sandbox/login": "{seconds?, timeout?, unknown_company?}: how long it takes, seconds a session lives",
    "POST /_sandbox/page-size": "{size}: rows of a page where the client does not say",
    "POST /_sandbox/habits": "{zulu_on_v1?, rooted_links?, text_errors_on_v1?, loses_prefer?}: what differs by build",
    "POST /_sandbox/latency": "{request?, post?, first?}: seconds",
    "POST /_sandbox/clock": "{seconds}: lets time pass",
    "GET POST DELETE /_sandbox/faults": "faults to come",
    "GET DELETE /_sandbox/calls": "the calls that came",
}


@dataclass(frozen=True, slots=True)
class Hooks:
    """The control pages of one simulated installation."""

    system: SapBusinessOne

    def install(self, app: web.Application) -> None:
        """Adds the pages."""
        app.router.add_get("/_sandbox/", self._index)
        app.router.add_get("/_sandbox/state", self._viewer(lambda _: self._state()))
        app.router.add_get("/_sandbox/bills", self._viewer(self._bills))
        for name, change in document_hooks.ACTIONS.items():
            app.router.add_post(f"/_sandbox/{name}", self._handler(self._in_books(change)))
        for name, action in self._actions().items():
            app.router.add_post(f"/_sandbox/{name}", self._handler(action))

    def books(self, asked: Mapping[str, Any]) -> Books:
        """The books of the company asked for, the only one where none is named; raises LookupError."""
        every = list(self.system.books.values())
        code = asked.get("company")
        if code is None and len(every) == 1:
            return every[0]
        books = self.system.books.get(company_db(str(code)))
        if books is None:
            message = f"There is no company {code} here."
            raise LookupError(message)
        return books

    def chosen(self, asked: Mapping[str, Any]) -> list[Books]:
        """The books of the company asked for, or all of them."""
        return [self.books(asked)] if asked.get("company") is not None else list(self.system.books.values())

    def _in_books(self, change: Callable[[Books, dict[str, Any]], Any]) -> Action:
        return lambda asked: change(self.books(asked), asked)

    def _bills(self, asked: Mapping[str, str]) -> Any:
        return document_hooks.bills(self.chosen(asked), rows=asked.get("rows") == "true")

    def _actions(self) -> dict[str, Action]:
        return {
            "reset": self._reset,
            "companies": self._companies,
            "vendors": lambda asked: changes.change_vendor(self.books(asked), asked),
            "accounts": lambda asked: changes.change_account(self.books(asked), asked),
            "dimension-values": lambda asked: changes.change_value(self.books(asked), asked),
            "records": lambda asked: changes.change_record(self.books(asked), asked),
            "rates": lambda asked: changes.change_rate(self.books(asked), asked),
            "period": self._period,
            "branches": lambda asked: self._switch(asked, branches=bool(asked["enabled"])),
            "segments": self._segments,
            "duplicates": self._duplicates,
            "profile": lambda asked: self._switch(asked, profile=int(asked["profile"])),
            "localisation": self._localisation,
            "switches": self._switches,
            "expire-sessions": lambda asked: {"expired": self.system.sessions.expire(asked.get("session"))},
            "break-node": self._break_node,
            "login": self._login,
            "page-size": self._page_size,
            "habits": self._habits,
            "latency": self._latency,
            "clock": self._clock,
        }

    def _handler(self, action: Action) -> Any:
        async def handle(request: web.Request) -> web.Response:
            store = self.system.store
            try:
                text = await request.text()
                answer = action(json.loads(text, parse_float=Decimal) if text else {})
            except LookupError as missing:
                store.rollback()
                return web.json_response({"error": str(missing)}, status=404)
            except (B1Error, ValueError, TypeError) as wrong:
                store.rollback()
                return web.json_response({"error": str(wrong)}, status=400)
            store.commit()
            return _json(answer)

        return handle

    def _viewer(self, view: View) -> Any:
        async def handle(request: web.Request) -> web.Response:
            try:
                return _json(view(dict(request.query)))
            except LookupError as missing:
                return web.json_response({"error": str(missing)}, status=404)

        return handle

    async def _index(self, request: web.Request) -> web.Response:
        what = "A simulated SAP Business One. Nothing here is real."
        pages = {**PAGES, **document_hooks.PAGES}
        if "text/html" not in request.headers.get("Accept", ""):
            return _json({"system": "sap-business-one", "simulated": True, "about": what, "pages": pages})
        items = "".join(f"<li><code>{escape(page)}</code> {escape(text)}</li>" for page, text in pages.items())
        page = f"<!doctype html><title>Simulated</title><h1>{what}</h1><ul>{items}</ul>"
        return web.Response(text=page, content_type="text/html")

    def _state(self) -> Any:
        companies = {
            books.company.code: {
                "database": books.database,
                "name": books.company.name,
                "switches": _shown_switches(books),
                **{name: len(table.rows) for name, table in books.tables.items() if table.rows},
            }
            for books in self.system.books.values()
        }
        sessions = self.system.sessions
        return {
            "simulated": True,
            "companies": companies,
            "sessions": len(sessions.open),
            "logins": sessions.logins,
        }

    def _reset(self, _: dict[str, Any]) -> Any:
        self.system.reset()
        return {"companies": len(self.system.books)}

    def _companies(self, asked: dict[str, Any]) -> Any:
        today = self.system.clock.now().date()
        sizes = {name: asked[name] for name in ("vendors", "invoices", "orders") if name in asked}
        for code in asked["codes"]:
            if company_db(code) not in self.system.books:
                self.system.add(found(code, today=today, **sizes))
        return {"companies": {code: company_db(code) for code in asked["codes"]}}

    def _period(self, asked: dict[str, Any]) -> Any:
        books = self.books(asked)
        books.posting_from = date.fromisoformat(asked.get("from", books.posting_from.isoformat()))
        books.posting_to = date.fromisoformat(asked.get("to", books.posting_to.isoformat()))
        return {"from": books.posting_from.isoformat(), "to": books.posting_to.isoformat()}

    def _switch(self, asked: dict[str, Any], **values: Any) -> Any:
        for books in self.chosen(asked):
            for name, value in values.items():
                setattr(books.switches, name, value)
        return values

    def _segments(self, asked: dict[str, Any]) -> Any:
        for books in self.chosen(asked):
            set_segments(books, enabled=bool(asked["enabled"]))
        return {"segments": bool(asked["enabled"])}

    def _duplicates(self, asked: dict[str, Any]) -> Any:
        mode, yearly = Duplicates(asked["mode"]), bool(asked.get("fiscal_year_only", False))
        return self._switch(asked, duplicates=mode, fiscal_year_only=yearly)

    def _localisation(self, asked: dict[str, Any]) -> Any:
        for books in self.chosen(asked):
            set_localisation(books, str(asked["localisation"]))
        return {"localisation": asked["localisation"]}

    def _switches(self, asked: dict[str, Any]) -> Any:
        names = ("closed_base_code", "attachments_folder", "approval_status", "group_tax")
        return self._switch(asked, **{name: asked[name] for name in names if name in asked})

    def _break_node(self, asked: dict[str, Any]) -> Any:
        if "node" in asked:
            (self.system.sessions.broken.add if asked.get("broken", True) else self.system.sessions.broken.discard)(
                str(asked["node"])
            )
        if "stopped" in asked:
            self.system.stopped = {int(asked["stopped"])} if asked["stopped"] else set()
        return {"broken": sorted(self.system.sessions.broken), "stopped": sorted(self.system.stopped)}

    def _login(self, asked: dict[str, Any]) -> Any:
        sessions = self.system.sessions
        sessions.delay = float(asked.get("seconds", sessions.delay))
        sessions.timeout = float(asked.get("timeout", sessions.timeout))
        sessions.unknown_company = int(asked.get("unknown_company", sessions.unknown_company))
        sessions.wrong = 0
        return {
            "seconds": sessions.delay,
            "timeout": sessions.timeout,
            "unknown_company": sessions.unknown_company,
            "logins": sessions.logins,
        }

    def _page_size(self, asked: dict[str, Any]) -> Any:
        self.system.service.habits.page_size = max(int(asked["size"]), 0)
        return {"size": self.system.service.habits.page_size}

    def _habits(self, asked: dict[str, Any]) -> Any:
        names = ("zulu_on_v1", "rooted_links", "text_errors_on_v1", "loses_prefer")
        for name in names:
            if name in asked:
                setattr(self.system.service.habits, name, bool(asked[name]))
        return {name: getattr(self.system.service.habits, name) for name in names}

    def _latency(self, asked: dict[str, Any]) -> Any:
        for name in self.system.latency:
            self.system.latency[name] = float(asked.get(name, self.system.latency[name]))
        return self.system.latency

    def _clock(self, asked: dict[str, Any]) -> Any:
        self.system.clock.move(timedelta(seconds=float(asked["seconds"])))
        return {"now": self.system.clock.now().isoformat()}


def _shown_switches(books: Books) -> dict[str, Any]:
    switches = books.switches
    return {name: getattr(switches, name) for name in type(switches).__slots__}


def _json(body: Any) -> web.Response:
    return web.Response(text=dump_json(body), content_type="application/json")
