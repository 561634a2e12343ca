"""The control pages: what a person in Basware would do, and what tests need to see and break."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware import schema
from ml_connector.sandbox.basware.approved import approved_documents
from ml_connector.sandbox.basware.documents import Document, Flags
from ml_connector.sandbox.basware.inbound_pages import PAGES as INBOUND_PAGES
from ml_connector.sandbox.basware.inbound_pages import InboundPages
from ml_connector.sandbox.basware.notifications import Subscription, Task
from ml_connector.sandbox.basware.parts import Parts
from ml_connector.sandbox.basware.wire import Fields, answer, read_object
from ml_connector.sandbox.company import found
from ml_connector.sandbox.trade import TradingCompany

_PAGES = {
    "GET /_sandbox/state": "counts",
    "POST /_sandbox/reset": "back to the seeded state",
    "GET /_sandbox/documents?company=&status=": "documents and where each stands",
    "POST /_sandbox/documents": "{documents: [...], notify?: true}: adds approved documents, defaults filled in",
    "POST /_sandbox/retransfer": "{invoiceId}: a user transfers it again",
    "GET /_sandbox/p2p?entity=&company=": "what the target system really holds",
    "POST /_sandbox/p2p/remove": "{entity, externalCode}: a person deletes it there",
    "POST /_sandbox/reject": "{entity, externalCode, message, count?}: the target refuses that record",
    "POST /_sandbox/expire-tokens": "every token is worthless",
    "POST /_sandbox/import-delay": "{seconds}",
    "POST /_sandbox/signature": "{scheme: body|ts+body|ts.body, encoding: hex|base64, prefix: ''|'sha256='}",
    "POST /_sandbox/notify": "{kind: plain|duplicate|out-of-order|wrong-signature|stale, invoiceId}",
    "POST /_sandbox/flags": "{invoice_lines?, attachments?, unknown_fields?, status_search?, basic_user?,"
    " denied_scopes?: [...]}",
    "POST /_sandbox/companies": "{codes: [...], vendors?, orders?, invoices?, notify?: false}",
    **INBOUND_PAGES,
    "GET|POST|DELETE /_sandbox/faults": "429, 5xx, slow, cut, lost replies: see switchboard",
    "GET|DELETE /_sandbox/calls": "the log of calls",
}


def endpoint_of(code: str) -> str:
    """The address of a company in the network: 9 and its code in eight digits, as an organisation number."""
    return f"0192:9{code:0>8}"


def receiver_of(code: str) -> str:
    """Where SmartPDF receives a company's invoices."""
    return f"invoices-{code.lower()}@smartpdf.example"


class Wrong(Exception):
    """A control call that cannot be done; the text says why."""


Page = Callable[[web.Request], Awaitable[object]]


class Control:
    """The pages under /_sandbox/."""

    def __init__(self, parts: Parts, companies: Sequence[TradingCompany]) -> None:
        self._parts = parts
        self._seeded = tuple(companies)
        self._companies: dict[str, TradingCompany] = {}
        self._inbound = InboundPages(parts)
        parts.network.receive_for(self._company_by_endpoint)
        parts.smart_pdf.receive_for(self._company_by_mail)

    def install(self, router: web.UrlDispatcher) -> None:
        """Adds the pages."""
        router.add_get("/_sandbox/", self._index)
        reads: dict[str, Page] = {"state": self._state, "documents": self._documents, "p2p": self._p2p}
        reads["inbound"] = self._inbound.listed
        writes: dict[str, Page] = {
            "reset": self._reset,
            "documents": self._add_documents,
            "retransfer": self._retransfer,
            "p2p/remove": self._remove,
            "reject": self._reject,
            "expire-tokens": self._expire_tokens,
            "import-delay": self._import_delay,
            "signature": self._signature,
            "notify": self._notify,
            "flags": self._flags,
            "companies": self._found,
            "inbound": self._inbound.move,
            "inbound-delay": self._inbound.delay,
        }
        for name, page in reads.items():
            router.add_get(f"/_sandbox/{name}", _plain(page))
        for name, page in writes.items():
            router.add_post(f"/_sandbox/{name}", _plain(page))

    def reset(self) -> None:
        """Back to the companies it was started with, nothing imported, nobody signed in or subscribed."""
        parts = self._parts
        for part in (parts.notifier, parts.documents, parts.imports, parts.target, parts.batches):
            part.clear()
        for part in (parts.files, parts.arrivals, parts.network, parts.smart_pdf):
            part.clear()
        parts.clean_up.clear()
        parts.tokens.expire()
        parts.tokens.basic_user, parts.tokens.denied = False, frozenset()
        parts.documents.set_flags(Flags())
        parts.switchboard.faults.clear()
        self._companies.clear()
        parts.target.companies.clear()
        for company in self._seeded:
            self._open(company, notify=False)

    def _open(self, company: TradingCompany, *, notify: bool) -> None:
        self._companies[company.code] = company
        self._parts.target.companies.add(company.code)
        for fields, moment in approved_documents(company, self._parts.clock.now()):
            self._parts.documents.add(fields, at=moment, notify=notify)

    def _company_by_endpoint(self, endpoint: str) -> str | None:
        return next((code for code in self._companies if endpoint_of(code) == endpoint), None)

    def _company_by_mail(self, address: str) -> str | None:
        return next((code for code in self._companies if receiver_of(code) == address.lower()), None)

    async def _index(self, request: web.Request) -> web.Response:
        about = "Simulated Basware P2P API: no real system, no real money."
        if "text/html" not in request.headers.get("Accept", ""):
            return answer({"simulated": True, "system": "basware", "about": about, "pages": _PAGES})
        rows = "".join(f"<li><code>{name}</code> {text}</li>" for name, text in _PAGES.items())
        page = f"<!doctype html><title>Simulated Basware</title><h1>Simulated</h1><p>{about}</p><ul>{rows}</ul>"
        return web.Response(text=page, content_type="text/html")

    async def _state(self, _: web.Request) -> object:
        parts = self._parts
        parts.batches.settle()
        return {
            "simulated": True,
            "system": "basware",
            "companies": sorted(self._companies),
            "receivers": {
                code: {"endpoint": endpoint_of(code), "email": receiver_of(code)} for code in sorted(self._companies)
            },
            "inbound": len(parts.arrivals.by_id),
            "documents": Counter(document.status for document in parts.documents.by_id.values()),
            "api": {name: len(drawer.records) for name, drawer in parts.imports.drawers.items() if drawer.records},
            "p2p": {name: len(records) for name, records in parts.target.held.items() if records},
            "requests": Counter(batch.status for batch in parts.batches.batches.values()),
            "subscriptions": len(parts.notifier.subscriptions),
            "tasks": Counter(task.status for task in parts.notifier.tasks.values()),
            "calls": parts.switchboard.total,
        }

    async def _reset(self, _: web.Request) -> object:
        self.reset()
        return {"reset": True}

    async def _documents(self, request: web.Request) -> object:
        company, status = request.query.get("company"), request.query.get("status")
        shown = [
            _summary(document)
            for document in self._parts.documents.by_id.values()
            if company in (None, document.fields["companyCode"]) and status in (None, document.status)
        ]
        return {"documents": shown}

    async def _add_documents(self, request: web.Request) -> object:
        asked = await read_object(request)
        documents = [self._completed(fields) for fields in asked["documents"]]
        wrong = [text for fields in documents for text in schema.problems("AccountingDocumentEntity", fields)]
        if wrong:
            raise Wrong(" ".join(wrong))
        for fields in documents:
            self._parts.documents.add(fields, notify=asked.get("notify", True))
        return {"invoiceIds": [fields["invoiceId"] for fields in documents]}

    def _completed(self, given: Fields) -> Fields:
        """The document with whatever is required and missing; what may be left out stays out."""
        company = self._companies[given.get("companyCode") or next(iter(self._companies))]
        fields: Fields = {
            "invoiceId": uuid.uuid4().hex,
            "p2pProcessingMode": "Standard",
            "processingStatus": "WaitingForTransfer",
            "companyCode": company.code,
            "companyName": company.name,
            "supplierCode": company.vendors[0].number,
            "currencyCode": company.currency,
            "paymentBlock": False,
            "prebooked": False,
            **{name: value for name, value in given.items() if value is not None and name != "lastUpdated"},
        }
        if "codingRows" in fields:
            fields["codingRows"] = [
                {"externalCode": uuid.uuid4().hex, "rowIndex": index, **row}
                for index, row in enumerate(fields["codingRows"], 1)
            ]
        return fields

    async def _retransfer(self, request: web.Request) -> object:
        document = self._document((await read_object(request))["invoiceId"])
        self._parts.documents.offer_again(document)
        return _summary(document)

    async def _p2p(self, request: web.Request) -> object:
        self._parts.batches.settle()
        drawer = self._drawer(request.query["entity"])
        return {"records": self._parts.target.view(drawer, request.query.get("company"))}

    async def _remove(self, request: web.Request) -> object:
        asked = await read_object(request)
        self._parts.batches.settle()
        return {"removed": self._parts.target.remove(self._drawer(asked["entity"]), asked["externalCode"])}

    async def _reject(self, request: web.Request) -> object:
        asked = await read_object(request)
        drawer, count = self._drawer(asked["entity"]), asked.get("count", 1)
        message = asked.get("message", "The record was refused.")
        self._parts.target.refuse(drawer, asked["externalCode"], message, count)
        return {"rejects": count}

    async def _expire_tokens(self, _: web.Request) -> object:
        return {"expired": self._parts.tokens.expire()}

    async def _import_delay(self, request: web.Request) -> object:
        self._parts.batches.delay = float((await read_object(request))["seconds"])
        return {"seconds": self._parts.batches.delay}

    async def _signature(self, request: web.Request) -> object:
        scheme = replace(self._parts.notifier.scheme, **await read_object(request))
        allowed = {"scheme": ("body", "ts+body", "ts.body"), "encoding": ("hex", "base64"), "prefix": ("", "sha256=")}
        for name, values in allowed.items():
            if getattr(scheme, name) not in values:
                raise Wrong(f"{name} must be one of {values}.")
        self._parts.notifier.scheme = scheme
        return asdict(scheme)

    async def _notify(self, request: web.Request) -> object:
        asked = await read_object(request)
        document = self._document(asked["invoiceId"])
        subscribers = self._parts.notifier.subscribers("AccountingDocuments", document.status)
        if not subscribers:
            raise Wrong(f"Nobody has subscribed to {document.status}.")
        sent = [
            entry for subscription in subscribers for entry in await self._sent(asked["kind"], document, subscription)
        ]
        return {"sent": sent}

    async def _sent(self, kind: str, document: Document, subscription: Subscription) -> list[Fields]:
        def task() -> Task:
            return self._parts.notifier.task("AccountingDocuments", document.status, document.invoice_id)

        if kind == "wrong-signature":
            return [await self._send(task(), subscription, secret="not the subscription's secret")]  # noqa: S106
        if kind == "stale":
            return [await self._send(task(), subscription, age=timedelta(hours=1))]
        if kind == "out-of-order":
            older, newer = task(), task()
            return [await self._send(newer, subscription), await self._send(older, subscription)]
        if kind not in {"plain", "duplicate"}:
            raise Wrong(f"{kind} is no kind of notification.")
        one = task()
        return [await self._send(one, subscription) for _ in range(2 if kind == "duplicate" else 1)]

    async def _send(self, task: Task, subscription: Subscription, **how: Any) -> Fields:
        status, message = await self._parts.notifier.send(task, subscription, **how)
        self._parts.notifier.settle(task, status, message, last=True)
        return {"taskId": task.task_id, "status": status}

    async def _flags(self, request: web.Request) -> object:
        asked = await read_object(request)
        tokens = self._parts.tokens
        tokens.basic_user = bool(asked.pop("basic_user", tokens.basic_user))
        tokens.denied = frozenset(asked.pop("denied_scopes", tokens.denied))
        self._parts.documents.set_flags(replace(self._parts.documents.flags, **asked))
        shown = asdict(self._parts.documents.flags)
        return {**shown, "basic_user": tokens.basic_user, "denied_scopes": sorted(tokens.denied)}

    async def _found(self, request: web.Request) -> object:
        asked = await read_object(request)
        sizes = {name: asked[name] for name in ("vendors", "orders", "invoices") if asked.get(name) is not None}
        fresh = [code for code in dict.fromkeys(asked["codes"]) if code not in self._companies]
        today = self._parts.clock.now().date()
        for code in fresh:
            company = await asyncio.to_thread(found, code, today=today, **sizes)
            self._open(company, notify=asked.get("notify", False))
        return {"founded": fresh, "companies": sorted(self._companies)}

    def _document(self, invoice_id: str) -> Document:
        return self._parts.documents.by_id[invoice_id]

    def _drawer(self, entity: str) -> str:
        """A resource's name, its entity type or a list key."""
        drawers = self._parts.imports.drawers
        for name, drawer in drawers.items():
            if entity in (name, drawer.resource.entity_type):
                return name
        raise Wrong(f"There is no entity {entity}; there are {', '.join(drawers)}.")


def _plain(page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The page's answer as JSON; what it cannot do is said with 400."""

    async def shown(request: web.Request) -> web.Response:
        try:
            return answer(await page(request))
        except Wrong as wrong:
            return answer({"error": str(wrong)}, 400)
        except KeyError as missing:
            return answer({"error": f"There is no {missing}."}, 400)
        except (TypeError, ValueError) as wrong:
            return answer({"error": f"That cannot be done: {wrong}"}, 400)

    return shown


def _summary(document: Document) -> Fields:
    fields = document.fields
    names = (
        "invoiceId",
        "invoiceNumber",
        "processingStatus",
        "companyCode",
        "supplierCode",
        "currencyCode",
        "grossSum",
        "voucherNumber1",
        "voucherNumber2",
        "paymentBlock",
    )
    shown = {name: fields[name] for name in names if fields.get(name) is not None}
    counts = {kind.removesuffix("s") + "Count": len(kept) for kind, kept in document.responses.items()}
    return {**shown, "codingRows": document.rows, **counts, **document.responses}
