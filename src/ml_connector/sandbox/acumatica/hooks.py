"""The control pages: what people, other software and administrators do to a real instance, for tests and demos.

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
from zoneinfo import ZoneInfo

from aiohttp import web

from ml_connector.sandbox.acumatica import document_hooks, masters
from ml_connector.sandbox.acumatica.books import Books, tenant_of
from ml_connector.sandbox.acumatica.errors import Invalid, Refusal
from ml_connector.sandbox.acumatica.schema import ENTITIES, VERSIONS
from ml_connector.sandbox.acumatica.seed import set_periods
from ml_connector.sandbox.acumatica.wire import dump_json
from ml_connector.sandbox.company import found

if TYPE_CHECKING:
    from ml_connector.sandbox.acumatica.app import Acumatica

Action = Callable[[dict[str, Any]], Any]
"""What a POST does: from the body to the answer. Raises LookupError (404), ValueError or a refusal (400)."""
View = Callable[[Mapping[str, str]], Any]
"""What a GET shows: from the query to the answer."""

PAGES = {
    "GET /_sandbox/": "this page",
    "GET /_sandbox/state": "counts, switches, seats and tokens",
    "POST /_sandbox/reset": "back to the first day",
    "POST /_sandbox/companies": "{codes, vendors?, invoices?, orders?}: founds further tenants",
    "POST /_sandbox/vendors": "{company, number, name?, ...fields of Vendor, delete?}",
    "POST /_sandbox/accounts": "{company, number, name?, ...fields of Account, delete?}",
    "POST /_sandbox/dimension-values": "{company, dimension: Subaccount | Project | ProjectTask, code, name?, active?, "
    "delete?}",
    "POST /_sandbox/records": "{company, entity, key, ...fields, delete?}: any other master data",
    "POST /_sandbox/rates": "{company, currency, rate, from?} or {company, currency, delete}",
    "POST /_sandbox/period": "{company, from, to}: the months that may be posted to",
    "POST /_sandbox/preferences": "{company?, hold_on_entry?, validate_totals?, require_vendor_ref?, duplicates?, "
    "duplicate_status?: 500 | 422, payment_label?: Payment | Check, payments_touch_bills?, saves_silently?, "
    "time_zone?}",
    "POST /_sandbox/duplicates": "{company?, enabled, status?: 500 | 422}",
    "POST /_sandbox/features": "{company?, subaccounts?, projects?}",
    "POST /_sandbox/rights": "{company?, entity, allowed}: the form of an entity",
    "POST /_sandbox/seats": "{limit?, plain_text?, free?}: API users at a time; `free` signs everybody out",
    "POST /_sandbox/limits": "{per_minute?, concurrent?, queue?, query?, plain_text?}: 0 for none",
    "POST /_sandbox/optimizer": "{entity, field, fails}: a computed view; {silent_orders?, split_views?}",
    "POST /_sandbox/actions": "{polls?, seconds?, immediate?, location?, slow?}: how actions answer",
    "POST /_sandbox/expire-tokens": "{refresh?, seconds?}: ends access tokens, and refresh tokens too; seconds of new",
    "POST /_sandbox/lock": "{locked}: the API user's account",
    "POST /_sandbox/versions": "{versions?, custom?, bare_list?}: of Default; Name/Version of the endpoint with terms",
    "POST /_sandbox/clock": "{seconds}: lets time pass",
    "GET POST DELETE /_sandbox/faults": "faults to come",
    "GET DELETE /_sandbox/calls": "the calls that came",
}
_PREFERENCES = frozenset(
    {
        "hold_on_entry",
        "validate_totals",
        "require_vendor_ref",
        "duplicates",
        "duplicate_status",
        "payment_label",
        "payments_touch_bills",
        "saves_silently",
        "time_zone",
    }
)
_FEATURES = frozenset({"subaccounts", "projects"})
_LIMITS = frozenset({"per_minute", "concurrent", "queue", "query", "plain_text"})
_ACTIONS = frozenset({"polls", "seconds", "immediate", "location", "slow"})


@dataclass(frozen=True, slots=True)
class Hooks:
    """The control pages of one simulated instance."""

    system: Acumatica

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
        books = self.system.books.get(tenant_of(str(code)))
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
            "vendors": self._in_books(masters.change_vendor),
            "accounts": self._in_books(masters.change_account),
            "dimension-values": self._in_books(masters.change_value),
            "records": self._in_books(masters.change_record),
            "rates": self._in_books(masters.change_rate),
            "period": self._period,
            "preferences": lambda asked: self._switch(asked, _PREFERENCES),
            "duplicates": self._duplicates,
            "features": lambda asked: self._switch(asked, _FEATURES),
            "rights": self._rights,
            "seats": self._seats,
            "limits": lambda asked: _set(self.system.gate, asked, _LIMITS),
            "optimizer": self._optimizer,
            "actions": lambda asked: _set(self.system.operations, asked, _ACTIONS),
            "expire-tokens": self._expire,
            "lock": self._lock,
            "versions": lambda asked: _set(self.system.offer, asked, frozenset({"versions", "custom", "bare_list"})),
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
            except (Refusal, Invalid, ValueError, TypeError) as wrong:
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
        what = "A simulated Acumatica. Nothing here is real."
        pages = {**PAGES, **document_hooks.PAGES}
        if "text/html" not in request.headers.get("Accept", ""):
            return _json({"system": "acumatica", "simulated": True, "about": what, "pages": pages})
        items = "".join(f"<li><code>{escape(page)}</code> {escape(text)}</li>" for page, text in pages.items())
        page = f"<!doctype html><title>Simulated</title><h1>{what}</h1><ul>{items}</ul>"
        return web.Response(text=page, content_type="text/html")

    def _state(self) -> Any:
        system = self.system
        companies = {
            books.company.code: {
                "tenant": books.tenant,
                "name": books.company.name,
                "switches": {name: getattr(books.switches, name) for name in type(books.switches).__slots__},
                **{name: len(table.rows) for name, table in books.tables.items() if table.rows},
            }
            for books in system.books.values()
        }
        system.seats.sweep()
        return {
            "simulated": True,
            "companies": companies,
            "sessions": len(system.seats.open),
            "opened": system.seats.opened,
            "tokens": system.identity.granted,
            "locked": system.identity.locked,
            "delayed": system.gate.delayed,
            "declined": system.gate.declined,
        }

    def _reset(self, _: dict[str, Any]) -> Any:
        self.system.reset()
        return {"companies": len(self.system.books)}

    def _companies(self, asked: dict[str, Any]) -> Any:
        today = self.system.clock.now().date()
        sizes = {name: asked[name] for name in ("vendors", "invoices", "orders") if name in asked}
        for code in asked["codes"]:
            if tenant_of(code) not in self.system.books:
                self.system.add(found(code, today=today, **sizes))
        return {"companies": {code: tenant_of(code) for code in asked["codes"]}}

    def _period(self, asked: dict[str, Any]) -> Any:
        books = self.books(asked)
        starts = [row["StartDate"] for row in books.periods.values() if row["Status"] == "Open"]
        ends = [row["EndDate"] for row in books.periods.values() if row["Status"] == "Open"]
        first = date.fromisoformat(asked["from"]) if "from" in asked else min(starts)
        last = date.fromisoformat(asked["to"]) if "to" in asked else max(ends)
        set_periods(books, first, last)
        return {"open": sorted(name for name, row in books.periods.items() if row["Status"] == "Open")}

    def _switch(self, asked: dict[str, Any], names: frozenset[str]) -> Any:
        if "time_zone" in asked:
            ZoneInfo(asked["time_zone"])
        answers = [_set(books.switches, asked, names) for books in self.chosen(asked)]
        return answers[0]

    def _duplicates(self, asked: dict[str, Any]) -> Any:
        values = {"duplicates": bool(asked["enabled"]), "duplicate_status": int(asked.get("status", 500))}
        return self._switch({**asked, **values}, frozenset(values))

    def _rights(self, asked: dict[str, Any]) -> Any:
        entity = str(asked["entity"])
        if entity not in ENTITIES:
            message = f"There is no entity {entity} here."
            raise LookupError(message)
        for books in self.chosen(asked):
            (books.no_rights.discard if asked["allowed"] else books.no_rights.add)(entity)
        return {"entity": entity, "allowed": bool(asked["allowed"])}

    def _seats(self, asked: dict[str, Any]) -> Any:
        seats = self.system.seats
        if asked.get("free"):
            seats.open.clear()
        answer = _set(seats, asked, frozenset({"limit", "plain_text"}))
        seats.sweep()
        return answer | {"open": len(seats.open), "opened": seats.opened}

    def _optimizer(self, asked: dict[str, Any]) -> Any:
        optimizer = self.system.service.optimizer
        if "entity" in asked:
            contract = ENTITIES[asked["entity"]].contract(VERSIONS[-1])
            name = str(asked["field"])
            if name not in contract.fields and name not in contract.nested:
                message = f"{asked['entity']} has no field {name}."
                raise LookupError(message)
            names = optimizer.delegates.setdefault(asked["entity"], set())
            (names.add if asked["fails"] else names.discard)(name)
        _set(optimizer, asked, frozenset({"silent_orders", "split_views"}))
        return {"delegates": {name: sorted(fields) for name, fields in optimizer.delegates.items()}}

    def _expire(self, asked: dict[str, Any]) -> Any:
        identity = self.system.identity
        if "seconds" in asked:
            identity.token_seconds = int(asked["seconds"])
        if asked.get("refresh"):
            identity.refreshing.clear()
        return {"expired": identity.expire(), "seconds": identity.token_seconds}

    def _lock(self, asked: dict[str, Any]) -> Any:
        self.system.identity.locked, self.system.identity.wrong = bool(asked["locked"]), 0
        return {"locked": self.system.identity.locked}

    def _clock(self, asked: dict[str, Any]) -> Any:
        self.system.clock.move(timedelta(seconds=float(asked["seconds"])))
        return {"now": self.system.clock.now().isoformat()}


def _set(target: Any, asked: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Sets what is named, in the types that are there, and tells how everything stands."""
    for name in names & asked.keys():
        before = getattr(target, name)
        value = asked[name] if isinstance(before, list) else type(before)(asked[name] or type(before)())
        setattr(target, name, value)
    return {name: getattr(target, name) for name in sorted(names)}


def _json(body: Any) -> web.Response:
    return web.Response(text=dump_json(body), content_type="application/json")
