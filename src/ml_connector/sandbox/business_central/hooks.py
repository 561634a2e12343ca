"""The control pages: what people and other software do to a real system, for tests and demos.

All are JSON below `/_sandbox/`, POST unless said otherwise, and need no sign-in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ml_connector.sandbox.business_central import changes
from ml_connector.sandbox.business_central.books import Books, company_id
from ml_connector.sandbox.business_central.documents import CREDIT_MEMO, INVOICE, DocumentKind
from ml_connector.sandbox.business_central.errors import Refused
from ml_connector.sandbox.business_central.ledger import entry_of, pay, unpay
from ml_connector.sandbox.business_central.lines import document_lines
from ml_connector.sandbox.business_central.posting import cancel
from ml_connector.sandbox.business_central.schema import Row
from ml_connector.sandbox.business_central.service import PAGE_SIZE
from ml_connector.sandbox.business_central.wire import dump_json
from ml_connector.sandbox.company import found

if TYPE_CHECKING:
    from ml_connector.sandbox.business_central.app import BusinessCentral

PAGES = {
    "GET /_sandbox/": "this page",
    "GET /_sandbox/state": "counts",
    "POST /_sandbox/reset": "back to the first day",
    "GET /_sandbox/bills": "?company= (&rows=true): every invoice and credit memo",
    "POST /_sandbox/pay": "{company, number | id, date?, amount?}",
    "POST /_sandbox/unpay": "{company, number | id, date?}",
    "POST /_sandbox/cancel": "{company, number | id}",
    "POST /_sandbox/draft": "{company, id | number, status: Open | Released | Pending Approval}",
    "POST /_sandbox/period": "{company, from, to}",
    "POST /_sandbox/vendors": "{company, number, ...properties, defaultDimensions?, delete?}",
    "POST /_sandbox/accounts": "{company, number, ...properties, defaultDimensions?, delete?}",
    "POST /_sandbox/dimension-values": "{company, dimension, code, displayName?, blocked?, delete?}",
    "POST /_sandbox/orders": "{company, number, status?, vendorInvoiceNumber?, lines?, delete?}",
    "POST /_sandbox/companies": "{codes, vendors?, invoices?, orders?}: founds further companies",
    "POST /_sandbox/expire-tokens": "{}",
    "POST /_sandbox/registered": "{enabled}: whether BC knows the application",
    "POST /_sandbox/limits": "{requests_per_5_minutes, concurrent, queue, retry_after, latency}",
    "POST /_sandbox/page-size": "{size}",
    "POST /_sandbox/language": "{language}: where Accept-Language is missing",
    "POST /_sandbox/ledger-entries": "{enabled}: the deprecated vendor ledger API",
    "POST /_sandbox/webhooks": "{window, threshold, retry_delays}, seconds",
    "POST /_sandbox/clock": "{seconds}: lets time pass",
    "GET POST DELETE /_sandbox/faults": "faults to come",
    "GET DELETE /_sandbox/calls": "the calls that came",
}


@dataclass(frozen=True, slots=True)
class Hooks:
    """The control pages of one simulated environment."""

    system: BusinessCentral

    def install(self, app: web.Application) -> None:
        """Adds the pages."""
        app.router.add_get("/_sandbox/", self._index)
        app.router.add_get("/_sandbox/state", self._state)
        app.router.add_get("/_sandbox/bills", self._bills)
        actions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "reset": self._reset,
            "pay": self._pay,
            "unpay": self._unpay,
            "cancel": self._cancel,
            "draft": self._draft,
            "period": self._period,
            "vendors": lambda asked: changes.change_vendor(self._books(asked), asked),
            "accounts": lambda asked: changes.change_account(self._books(asked), asked),
            "dimension-values": lambda asked: changes.change_value(self._books(asked), asked),
            "orders": lambda asked: changes.change_order(self._books(asked), asked),
            "companies": self._companies,
            "expire-tokens": lambda _: {"expired": self.system.sign_in.expire()},
            "registered": self._registered,
            "limits": self._limits,
            "page-size": self._page_size,
            "language": self._language,
            "ledger-entries": self._ledger_entries,
            "webhooks": self._webhooks,
            "clock": self._clock,
        }
        for name, action in actions.items():
            app.router.add_post(f"/_sandbox/{name}", self._handler(action))

    def _handler(self, action: Callable[[dict[str, Any]], Any]) -> Any:
        async def handle(request: web.Request) -> web.Response:
            store = self.system.store
            try:
                text = await request.text()
                asked = json.loads(text, parse_float=Decimal) if text else {}
                answer = action(asked)
            except LookupError as missing:
                store.rollback()
                return web.json_response({"error": str(missing)}, status=404)
            except (Refused, ValueError, TypeError) as wrong:
                store.rollback()
                return web.json_response({"error": str(wrong)}, status=400)
            store.commit()
            return _json(answer)

        return handle

    def _books(self, asked: dict[str, Any]) -> Books:
        code = str(asked.get("company", "1000"))
        books = self.system.service.books.get(company_id(code))
        if books is None:
            message = f"There is no company {code} here."
            raise LookupError(message)
        return books

    def _document(self, asked: dict[str, Any]) -> tuple[Books, DocumentKind, Row]:
        books = self._books(asked)
        for kind in (INVOICE, CREDIT_MEMO):
            table = books.table(kind.headers)
            row = table.rows.get(str(asked.get("id"))) or table.first("number", str(asked.get("number")))
            if row is not None:
                return books, kind, row
        message = f"There is no bill {asked.get('number') or asked.get('id')}."
        raise LookupError(message)

    async def _index(self, request: web.Request) -> web.Response:
        what = "A simulated Business Central. Nothing here is real."
        if "text/html" not in request.headers.get("Accept", ""):
            return _json({"system": "business-central", "simulated": True, "about": what, "pages": PAGES})
        items = "".join(f"<li><code>{escape(page)}</code> {escape(text)}</li>" for page, text in PAGES.items())
        page = f"<!doctype html><title>Simulated</title><h1>{what}</h1><ul>{items}</ul>"
        return web.Response(text=page, content_type="text/html")

    async def _state(self, _: web.Request) -> web.Response:
        companies = {
            books.company.code: {
                "id": books.id,
                "name": books.company.name,
                **{name: len(table.rows) for name, table in books.tables.items() if table.rows},
            }
            for books in self.system.service.books.values()
        }
        return _json(
            {
                "simulated": True,
                "companies": companies,
                "subscriptions": len(self.system.webhooks.rows),
                "notifications": self.system.webhooks.sent,
            }
        )

    async def _bills(self, request: web.Request) -> web.Response:
        code = request.query.get("company")
        every = list(self.system.service.books.values())
        chosen = [books for books in every if code in (None, books.company.code)]
        rows = request.query.get("rows") == "true"
        bills = [
            _bill(books, kind, row, rows=rows)
            for books in chosen
            for kind in (INVOICE, CREDIT_MEMO)
            for row in books.table(kind.headers).rows.values()
        ]
        return _json({"total": len(bills), "bills": bills})

    def _reset(self, _: dict[str, Any]) -> Any:
        self.system.reset()
        return {"companies": len(self.system.service.books)}

    def _pay(self, asked: dict[str, Any]) -> Any:
        books, kind, row = self._document(asked)
        amount = asked.get("amount")
        pay(books, row, amount=None if amount is None else Decimal(str(amount)), day=_day(books, asked))
        return _bill(books, kind, books.table(kind.headers).rows[row["id"]])

    def _unpay(self, asked: dict[str, Any]) -> Any:
        books, kind, row = self._document(asked)
        unpay(books, row, day=_day(books, asked))
        return _bill(books, kind, books.table(kind.headers).rows[row["id"]])

    def _cancel(self, asked: dict[str, Any]) -> Any:
        books, kind, row = self._document(asked)
        return _bill(books, kind, cancel(books, kind, row["id"]))

    def _draft(self, asked: dict[str, Any]) -> Any:
        books, kind, row = self._document(asked)
        changed = {**row, "_document_status": str(asked["status"])}
        return _bill(books, kind, books.table(kind.headers).put(changed, touch=False))

    def _period(self, asked: dict[str, Any]) -> Any:
        books = self._books(asked)
        books.posting_from = date.fromisoformat(asked.get("from", books.posting_from.isoformat()))
        books.posting_to = date.fromisoformat(asked.get("to", books.posting_to.isoformat()))
        window = {"allowPostingFrom": books.posting_from.isoformat(), "allowPostingTo": books.posting_to.isoformat()}
        setup = books.table("generalLedgerSetup")
        for row in list(setup.rows.values()):
            setup.put({**row, **window})
        return window

    def _companies(self, asked: dict[str, Any]) -> Any:
        today = self.system.clock.now().date()
        sizes = {name: asked[name] for name in ("vendors", "invoices", "orders") if name in asked}
        for code in asked["codes"]:
            if company_id(code) not in self.system.service.books:
                self.system.add(found(code, today=today, **sizes))
        return {"companies": {code: company_id(code) for code in asked["codes"]}}

    def _registered(self, asked: dict[str, Any]) -> Any:
        self.system.sign_in.registered = bool(asked["enabled"])
        return {"enabled": self.system.sign_in.registered}

    def _limits(self, asked: dict[str, Any]) -> Any:
        names = ("requests_per_5_minutes", "concurrent", "queue", "retry_after", "latency")
        for name in names:
            if name in asked:
                value = asked[name]
                setattr(self.system.gate, name, float(value) if name == "latency" else value)
        return {name: getattr(self.system.gate, name) for name in names}

    def _page_size(self, asked: dict[str, Any]) -> Any:
        self.system.service.page_size = min(max(int(asked["size"]), 1), PAGE_SIZE)
        return {"size": self.system.service.page_size}

    def _language(self, asked: dict[str, Any]) -> Any:
        self.system.service.language = str(asked["language"])
        return {"language": self.system.service.language}

    def _ledger_entries(self, asked: dict[str, Any]) -> Any:
        self.system.service.ledger_entries = bool(asked["enabled"])
        return {"enabled": self.system.service.ledger_entries}

    def _webhooks(self, asked: dict[str, Any]) -> Any:
        webhooks = self.system.webhooks
        webhooks.window = float(asked.get("window", webhooks.window))
        webhooks.threshold = int(asked.get("threshold", webhooks.threshold))
        webhooks.retry_delays = tuple(float(delay) for delay in asked.get("retry_delays", webhooks.retry_delays))
        return {"window": webhooks.window, "threshold": webhooks.threshold, "retry_delays": webhooks.retry_delays}

    def _clock(self, asked: dict[str, Any]) -> Any:
        self.system.clock.move(timedelta(seconds=float(asked["seconds"])))
        return {"now": self.system.clock.now().isoformat()}


def _json(body: Any) -> web.Response:
    return web.Response(text=dump_json(body), content_type="application/json")


def _day(books: Books, asked: dict[str, Any]) -> str:
    return date.fromisoformat(asked.get("date") or books.today()).isoformat()


def _bill(books: Books, kind: DocumentKind, row: Row, *, rows: bool = False) -> dict[str, Any]:
    """A bill as the tests see it; `lines` is how many it has."""
    lines = document_lines(books, kind, row["id"])
    bill: dict[str, Any] = {
        "company": books.company.code,
        "id": row["id"],
        "number": row["number"],
        "draftNumber": row.get("_draft_number", row["number"]),
        "vendorNumber": row["vendorNumber"],
        "vendorInvoiceNumber": row[kind.external_number],
        "status": row["status"],
        "kind": "invoice" if kind is INVOICE else "credit note",
        "currency": row["currencyCode"],
        "net": row["totalAmountExcludingTax"],
        "tax": row["totalTaxAmount"],
        "total": row["totalAmountIncludingTax"],
        "invoiceDate": row[kind.own_date],
        "postingDate": row["postingDate"],
        "dimensions": row["_dims"],
        "lines": len(lines),
        "remaining": abs(entry_of(books, row)["_remaining"]) if _has_entry(row) else None,
        "attachments": len(books.table("documentAttachments").find("parentId", row["id"]))
        + len(books.table("attachments").find("parentId", row["id"])),
    }
    return bill | ({"rows": [_shown_line(line) for line in lines]} if rows else {})


def _has_entry(row: Row) -> bool:
    return row["_posted"] and "_corrects" not in row


def _shown_line(line: Row) -> dict[str, Any]:
    return {
        "number": line["lineObjectNumber"],
        "description": line["description"],
        "net": line["netAmount"],
        "tax": line["netTaxAmount"],
        "taxGroup": line["_tax"],
        "dimensions": line["_dims"],
    }
