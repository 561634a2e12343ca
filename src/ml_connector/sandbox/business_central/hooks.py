"""The control pages: what people and other software do to a real system, for tests and demos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ml_connector.sandbox.business_central import changes
from ml_connector.sandbox.business_central.books import Books, company_id
from ml_connector.sandbox.business_central.documents import CREDIT_MEMO, INVOICE, DocumentKind
from ml_connector.sandbox.business_central.errors import Refused
from ml_connector.sandbox.business_central.ledger import entry_of, pay, unpay
from ml_connector.sandbox.business_central.lines import document_lines
from ml_connector.sandbox.business_central.posting import cancel
from ml_connector.sandbox.business_central.schema import Row
from ml_connector.sandbox.business_central.service import PAGE_SIZE
from ml_connector.sandbox.control import Action, ControlPages, View, filled

if TYPE_CHECKING:
    from ml_connector.sandbox.business_central.app import BusinessCentral

PAGES = {
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
    "POST /_sandbox/expire-tokens": "{}",
    "POST /_sandbox/registered": "{enabled}: whether BC knows the application",
    "POST /_sandbox/limits": "{requests_per_5_minutes, concurrent, queue, retry_after, latency}",
    "POST /_sandbox/page-size": "{size}",
    "POST /_sandbox/language": "{language}: where Accept-Language is missing",
    "POST /_sandbox/ledger-entries": "{enabled}: the deprecated vendor ledger API",
    "POST /_sandbox/webhooks": "{window, threshold, retry_delays}, seconds",
}


@dataclass(frozen=True, slots=True)
class Hooks(ControlPages[Books]):
    """The control pages of one simulated environment."""

    system: BusinessCentral

    ID = "business-central"
    ABOUT = "A simulated Business Central. Nothing here is real."
    REFUSALS = (Refused,)

    def pages(self) -> Mapping[str, str]:
        return PAGES

    def every(self) -> Mapping[str, Books]:
        return self.system.service.books

    def key(self, code: str) -> str:
        return company_id(code)

    def views(self) -> Mapping[str, View]:
        return {"bills": self._bills}

    def actions(self) -> Mapping[str, Action]:
        return {
            "pay": self._pay,
            "unpay": self._unpay,
            "cancel": self._cancel,
            "draft": self._draft,
            "period": self._period,
            "vendors": self.in_books(changes.change_vendor),
            "accounts": self.in_books(changes.change_account),
            "dimension-values": self.in_books(changes.change_value),
            "orders": self.in_books(changes.change_order),
            "expire-tokens": lambda _: {"expired": self.system.sign_in.expire()},
            "registered": self._registered,
            "limits": self._limits,
            "page-size": self._page_size,
            "language": self._language,
            "ledger-entries": self._ledger_entries,
            "webhooks": self._webhooks,
        }

    def state_of(self, books: Books) -> Mapping[str, Any]:
        return {"id": books.id, **filled(books.tables)}

    def state(self) -> Mapping[str, Any]:
        return {"subscriptions": len(self.system.webhooks.rows), "notifications": self.system.webhooks.sent}

    def _bills(self, asked: Mapping[str, str]) -> Any:
        rows = asked.get("rows") == "true"
        bills = [
            _bill(books, kind, row, rows=rows)
            for books in self.chosen(asked)
            for kind in (INVOICE, CREDIT_MEMO)
            for row in books.table(kind.headers).rows.values()
        ]
        return {"total": len(bills), "bills": bills}

    def _document(self, asked: dict[str, Any]) -> tuple[Books, DocumentKind, Row]:
        books = self.books(asked)
        for kind in (INVOICE, CREDIT_MEMO):
            table = books.table(kind.headers)
            row = table.rows.get(str(asked.get("id"))) or table.first("number", str(asked.get("number")))
            if row is not None:
                return books, kind, row
        message = f"There is no bill {asked.get('number') or asked.get('id')}."
        raise LookupError(message)

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
        books = self.books(asked)
        books.posting_from = date.fromisoformat(asked.get("from", books.posting_from.isoformat()))
        books.posting_to = date.fromisoformat(asked.get("to", books.posting_to.isoformat()))
        window = {"allowPostingFrom": books.posting_from.isoformat(), "allowPostingTo": books.posting_to.isoformat()}
        setup = books.table("generalLedgerSetup")
        for row in list(setup.rows.values()):
            setup.put({**row, **window})
        return window

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
