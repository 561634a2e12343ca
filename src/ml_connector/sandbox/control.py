"""The control pages of a simulated ledger: what people and other software do to a real one, for tests and demos.

All are JSON below `/_sandbox/`, POST unless said otherwise, and need no sign-in. `company` is Basware's company code
and may be left out where there is one company.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from aiohttp import web

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

Action = Callable[[dict[str, Any]], Any]
"""What a POST does: from the body to the answer. Raises LookupError (404), ValueError or a refusal (400)."""
View = Callable[[Mapping[str, str]], Any]
"""What a GET shows: from the query to the answer."""

PAGES = {
    "GET /_sandbox/": "this page",
    "GET /_sandbox/state": "counts and switches",
    "POST /_sandbox/reset": "back to the first day",
    "POST /_sandbox/companies": "{codes, vendors?, invoices?, orders?}: founds further companies",
    "POST /_sandbox/clock": "{seconds}: lets time pass",
    "GET POST DELETE /_sandbox/faults": "faults to come",
    "GET DELETE /_sandbox/calls": "the calls that came",
}
"""The pages that each of them has."""


class CompanyBooks(Protocol):
    """The books of one company."""

    @property
    def company(self) -> TradingCompany: ...


class Undoable(Protocol):
    """Where a system keeps its rows: what a page began is taken back where it was refused."""

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


class Simulated(Protocol):
    """A simulated system, as the pages need it."""

    @property
    def clock(self) -> Clock: ...

    @property
    def store(self) -> Undoable: ...

    def add(self, company: TradingCompany) -> Any: ...

    def reset(self) -> None: ...


B = TypeVar("B", bound=CompanyBooks)


@dataclass(frozen=True, slots=True)
class ControlPages(ABC, Generic[B]):
    """The control pages of one simulated ledger. A system says what it adds to those that all have."""

    system: Any

    ID: ClassVar[str]
    ABOUT: ClassVar[str]
    REFUSALS: ClassVar[tuple[type[Exception], ...]]
    """What a change may raise where the system itself would refuse it."""

    @abstractmethod
    def pages(self) -> Mapping[str, str]:
        """The system's own pages, with what each takes and does."""

    @abstractmethod
    def views(self) -> Mapping[str, View]:
        """The system's own GET pages by name."""

    @abstractmethod
    def actions(self) -> Mapping[str, Action]:
        """The system's own POST pages by name."""

    @abstractmethod
    def every(self) -> Mapping[str, B]:
        """The books of all companies by the system's own key of a company."""

    @abstractmethod
    def key(self, code: str) -> str:
        """The system's own key of a company."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """What `state` shows beside the companies."""

    @abstractmethod
    def state_of(self, books: B) -> Mapping[str, Any]:
        """What `state` shows of one company."""

    def install(self, app: web.Application) -> None:
        """Adds the pages."""
        app.router.add_get("/_sandbox/", self._index)
        for name, view in {"state": self._state, **self.views()}.items():
            app.router.add_get(f"/_sandbox/{name}", self._viewer(view))
        shared: dict[str, Action] = {"reset": self._reset, "companies": self._companies, "clock": self._clock}
        for name, action in {**shared, **self.actions()}.items():
            app.router.add_post(f"/_sandbox/{name}", self._handler(action))

    def books(self, asked: Mapping[str, Any]) -> B:
        """The books of the company asked for, the only one where none is named; raises LookupError."""
        every = self.every()
        code = asked.get("company")
        if code is None and len(every) == 1:
            return next(iter(every.values()))
        books = every.get(self.key(str(code)))
        if books is None:
            message = f"There is no company {code} here."
            raise LookupError(message)
        return books

    def chosen(self, asked: Mapping[str, Any]) -> list[B]:
        """The books of the company asked for, or all of them."""
        return [self.books(asked)] if asked.get("company") is not None else list(self.every().values())

    def in_books(self, change: Callable[[B, dict[str, Any]], Any]) -> Action:
        """An action in the books of the company asked for."""
        return lambda asked: change(self.books(asked), asked)

    def _handler(self, action: Action) -> Any:
        async def handle(request: web.Request) -> web.Response:
            store = self._simulated.store
            try:
                text = await request.text()
                answer = action(json.loads(text, parse_float=Decimal) if text else {})
            except LookupError as missing:
                store.rollback()
                return web.json_response({"error": str(missing)}, status=404)
            except (*self.REFUSALS, ValueError, TypeError) as wrong:
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
        pages = {**PAGES, **self.pages()}
        if "text/html" not in request.headers.get("Accept", ""):
            return _json({"system": self.ID, "simulated": True, "about": self.ABOUT, "pages": pages})
        items = "".join(f"<li><code>{escape(page)}</code> {escape(text)}</li>" for page, text in pages.items())
        page = f"<!doctype html><title>Simulated</title><h1>{escape(self.ABOUT)}</h1><ul>{items}</ul>"
        return web.Response(text=page, content_type="text/html")

    def _state(self, _: Mapping[str, str]) -> Any:
        companies = {books.company.code: self._shown(books) for books in self.every().values()}
        return {"simulated": True, "companies": companies, **self.state()}

    def _shown(self, books: B) -> dict[str, Any]:
        return {"name": books.company.name, **self.state_of(books)}

    def _reset(self, _: dict[str, Any]) -> Any:
        self._simulated.reset()
        return {"companies": len(self.every())}

    def _companies(self, asked: dict[str, Any]) -> Any:
        today = self._simulated.clock.now().date()
        sizes = {name: asked[name] for name in ("vendors", "invoices", "orders") if name in asked}
        for code in asked["codes"]:
            if self.key(code) not in self.every():
                self._simulated.add(found(code, today=today, **sizes))
        return {"companies": {code: self.key(code) for code in asked["codes"]}}

    def _clock(self, asked: dict[str, Any]) -> Any:
        clock = self._simulated.clock
        clock.move(timedelta(seconds=float(asked["seconds"])))
        return {"now": clock.now().isoformat()}

    @property
    def _simulated(self) -> Simulated:
        return self.system


def filled(tables: Mapping[str, Any]) -> dict[str, int]:
    """How many rows each table has that has any."""
    return {name: len(table.rows) for name, table in tables.items() if table.rows}


def switches_of(holder: Any) -> dict[str, Any]:
    """Every switch of a holder and how it stands."""
    return {name: getattr(holder, name) for name in type(holder).__slots__}


def set_switches(target: Any, asked: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Sets what is named, in the types that are there, and tells how everything stands."""
    for name in names & asked.keys():
        before = getattr(target, name)
        value = asked[name] if isinstance(before, list) else type(before)(asked[name] or type(before)())
        setattr(target, name, value)
    return {name: getattr(target, name) for name in sorted(names)}


def _json(body: Any) -> web.Response:
    return web.Response(text=json.dumps(body, default=_plain, ensure_ascii=False), content_type="application/json")


def _plain(value: Any) -> int | float | str:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, Decimal):
        message = f"{type(value).__name__} is not for the wire"
        raise TypeError(message)
    whole = int(value)
    return whole if whole == value else float(value)
