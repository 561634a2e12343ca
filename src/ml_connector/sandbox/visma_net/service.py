"""The API behind its front: what each address does, in the books of the token's company."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ml_connector.sandbox.visma_net import attachments, invoices
from ml_connector.sandbox.visma_net.background import Answer, Background
from ml_connector.sandbox.visma_net.books import INVOICE, Books
from ml_connector.sandbox.visma_net.changing import change_invoice, change_supplier
from ml_connector.sandbox.visma_net.errors import Refusal, no_record, no_route, not_simulated
from ml_connector.sandbox.visma_net.query import Query, list_rows, render
from ml_connector.sandbox.visma_net.resources import RESOURCES, Resource
from ml_connector.sandbox.visma_net.table import Store, time_stamp
from ml_connector.sandbox.visma_net.wire import Row, parse_json, shown

_WRITTEN = frozenset({"purchaseorder", "purchaseorderbasic", "purchasereceipt", "supplierpayment", "account"})
"""Resources that the real API lets write, and this one not."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the service needs it."""

    method: str
    version: int
    steps: tuple[str, ...]
    """The path below the version, decoded."""
    query: Query
    headers: Mapping[str, str]
    body: bytes
    root: str
    """The host the answer names in locations."""

    @property
    def resource(self) -> str:
        """The first step in lower case."""
        return self.steps[0].lower()


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A change that happens between two pages of a list, once."""

    resource: str
    after_page: int
    change: Callable[[], Any]


@dataclass(slots=True)
class Habits:
    """What differs between installations or can be chosen for a test."""

    digits: int = 3
    """Of the fraction of stamps; up to 7 (Visma dossier 4.2)."""
    empty_lists: bool = False
    """A list without hits is an empty body instead of [] (Visma dossier 5)."""
    page_max: dict[str, int] = field(default_factory=dict)
    """The largest page by resource in lower case, where it is not the usual one."""


@dataclass(slots=True)
class Service:
    """Answers calls."""

    store: Store
    background: Background
    habits: Habits = field(default_factory=Habits)
    meanwhile: list[Meanwhile] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, books: Books, call: Call) -> Answer:
        """Does what a call asks; what raises Refusal leaves nothing behind. Does not commit."""
        mark = self.store.mark()
        try:
            return self._route(books, call)
        except Refusal:
            self.store.rollback(mark)
            raise

    def _route(self, books: Books, call: Call) -> Answer:
        special = _SPECIAL.get((call.version, call.resource))
        if special is not None:
            return special(self, books, call)
        return self._read(books, call, RESOURCES[call.version, call.resource])

    def _read(self, books: Books, call: Call, resource: Resource) -> Answer:
        if call.method != "GET":
            if call.resource in _WRITTEN:
                raise not_simulated(f"writing {resource.name}")
            raise Refusal(405)
        keys = list(call.steps[1:])
        if not keys:
            return self._list(books, call, resource)
        if len(keys) > 1 or not resource.single:
            raise no_route()
        return self._one(books, resource, keys[0])

    def _list(self, books: Books, call: Call, resource: Resource, query: Query | None = None) -> Answer:
        largest = resource.page_max and self.habits.page_max.get(resource.name.lower(), resource.page_max)
        asked = query or call.query
        table = books.table(resource.table)
        body = list_rows(resource, table, asked, page_max=largest, digits=self.habits.digits)
        self._change_meanwhile(resource, asked)
        if self.habits.empty_lists and body == []:
            return Answer()
        return Answer(200, body)

    def _change_meanwhile(self, resource: Resource, query: Query) -> None:
        due = [
            each for each in self.meanwhile if each.resource == resource.name.lower() and each.after_page == query.page
        ]
        self.meanwhile = [each for each in self.meanwhile if each not in due]
        for each in due:
            each.change()

    def _one(self, books: Books, resource: Resource, key: str) -> Answer:
        row = books.table(resource.table).get(key)
        if row is None:
            raise no_record(resource.name, key)
        never = {name for name, expand in resource.hidden.items() if not expand}
        body = render(resource, row, digits=self.habits.digits, hidden=never)
        tags = {"ETag": f'"{time_stamp(row)}"'} if resource.tagged else {}
        return Answer(200, body, tags)

    def on_invoices(self, books: Books, call: Call) -> Answer:
        """Supplier invoices: reading, PUT, DELETE and files."""
        steps = call.steps[1:]
        if len(steps) == 0:
            if call.method == "POST":
                raise not_simulated("creating supplier invoices")
            return self._read(books, call, RESOURCES[1, "supplierinvoice"])
        if "action" in (step.lower() for step in steps):
            raise not_simulated("actions on supplier invoices")
        if steps[-1].lower() == "attachment":
            return self._attach(books, call, steps[:-1])
        if len(steps) > 2:
            raise no_route()
        # Without a type it is an invoice, whatever else bears that number (Visma dossier 17.21).
        key = f"{_type(steps[0])}/{steps[1]}" if len(steps) == 2 else f"{INVOICE}/{steps[0]}"
        return self._invoice(books, call, key)

    def _invoice(self, books: Books, call: Call, key: str) -> Answer:
        resource = RESOURCES[1, "supplierinvoice"]
        if call.method == "GET":
            return self._one(books, resource, key)
        row = _found(books, resource, key)
        if call.method == "PUT":
            changed = change_invoice(books, row, parse_json(call.body), call.headers.get("if-match"))
            return Answer(204, headers={"ETag": f'"{time_stamp(changed)}"'})
        if call.method != "DELETE":
            raise Refusal(405)
        invoices.require_unreleased(books, row, {"delete": True})
        books.table(resource.table).drop(key)
        return Answer(204)

    def _attach(self, books: Books, call: Call, steps: Sequence[str]) -> Answer:
        """`{nbr}` or `documentType/{type}/{nbr}`: this path alone has the literal (Visma dossier 9.1)."""
        typed = steps[:1] and steps[0].lower() == "documenttype"
        if call.method != "POST" or len(steps) != (3 if typed else 1):
            raise no_route()
        key = f"{_type(steps[1])}/{steps[2]}" if typed else f"{INVOICE}/{steps[0]}"
        row = _found(books, RESOURCES[1, "supplierinvoice"], key)
        name, content = attachments.read_upload(call.headers.get("content-type", ""), call.body)
        kept = attachments.attach(books, row, name, content)
        return Answer(201, headers={"Location": f"{call.root}/v1/attachment/{kept.id}"})

    def on_suppliers(self, books: Books, call: Call) -> Answer:
        """Suppliers: reading, PUT, and the documents of one."""
        resource = RESOURCES[1, "supplier"]
        steps = call.steps[1:]
        if len(steps) == 1 and call.method == "PUT":
            row = _found(books, resource, steps[0])
            changed = change_supplier(books, row, parse_json(call.body), call.headers.get("if-match"))
            return Answer(204, headers={"ETag": f'"{time_stamp(changed)}"'})
        if len(steps) == 0 and call.method == "POST":
            raise not_simulated("creating suppliers")
        if len(steps) != 2:
            return self._read(books, call, resource)
        if call.method != "GET" or steps[1].lower() not in ("invoice", "document"):
            raise no_route()
        _found(books, resource, steps[0])
        query = Query({**call.query.asked, "supplier": steps[0]})
        name = "supplierinvoice" if steps[1].lower() == "invoice" else "supplierdocument"
        return self._list(books, call, RESOURCES[1, name], query)

    def on_payments(self, books: Books, call: Call) -> Answer:
        """By type and number; a number alone is a payment's."""
        resource = RESOURCES[1, "supplierpayment"]
        if call.method != "GET" or len(call.steps) == 1:
            return self._read(books, call, resource)
        key = "/".join(call.steps[1:]) if len(call.steps) == 3 else f"Payment/{call.steps[1]}"
        return self._one(books, resource, key)

    def on_dimensions(self, books: Books, call: Call) -> Answer:
        """A list of names; one object; one segment of it; one value of that (Visma dossier 13)."""
        if call.method != "GET":
            raise not_simulated("writing dimensions")
        rows, (_, *keys) = books.table("dimension").rows, call.steps
        if not keys:
            return Answer(200, list(rows))
        found = _step(rows.values(), "id", keys[0])
        values = call.query.is_set("expandSegmentsValues") or len(keys) > 1
        segments = [each if values else {**each, "segmentValues": []} for each in found["segments"]]
        body = {**found, "segments": segments}
        if len(keys) > 1:
            body = _step(segments, "segmentId", keys[1])
        if len(keys) > 2:
            body = _step(body["segmentValues"], "valueId", keys[2])
        return Answer(200, shown(body))

    def on_attachments(self, books: Books, call: Call) -> Answer:
        """The bytes of a file."""
        if len(call.steps) != 2:
            raise no_route()
        if call.method != "GET":
            raise not_simulated("replacing files of customer documents")
        name, content = attachments.download(books, call.steps[1])
        disposition = f"attachment; filename*=UTF-8''{name}"
        return Answer(200, raw=content, headers={"Content-Disposition": disposition})

    def on_operations(self, books: Books, call: Call) -> Answer:
        """Background calls, see `Background`."""
        if call.method != "GET" or len(call.steps) not in (2, 3):
            raise no_route()
        if len(call.steps) == 2:
            return self.background.state(books.tenant, call.steps[1], call.root)
        return self.background.content(books.tenant, call.steps[1])

    def on_feedback(self, books: Books, call: Call) -> Answer:
        """Plain members, for once (Visma dossier 15.3)."""
        if call.method != "POST":
            raise Refusal(405)
        self.feedback.append({"company": books.company.code, **dict(parse_json(call.body))})
        return Answer(201)

    def on_receipts(self, books: Books, call: Call) -> Answer:  # noqa: ARG002 - one of the routes
        """Reading them ended here; writing goes on (Visma dossier 17.22)."""
        if call.method == "GET":
            raise no_route()
        raise not_simulated("writing purchase receipts")


_SPECIAL: Mapping[tuple[int, str], Callable[[Service, Books, Call], Answer]] = {
    (1, "supplierinvoice"): Service.on_invoices,
    (1, "supplier"): Service.on_suppliers,
    (1, "supplierpayment"): Service.on_payments,
    (1, "dimension"): Service.on_dimensions,
    (1, "attachment"): Service.on_attachments,
    (1, "background"): Service.on_operations,
    (1, "webhooknotificationfeedback"): Service.on_feedback,
    (1, "purchasereceipt"): Service.on_receipts,
}


def is_served(version: int, steps: Sequence[str], method: str) -> bool:
    """True where there is a route: an unknown one is 404 before anybody asks who calls (Visma dossier 2)."""
    key = (version, steps[0].lower()) if steps else None
    if key == (1, "purchasereceipt") and method == "GET":
        return False
    return key in RESOURCES or key in _SPECIAL


def is_action(steps: Sequence[str]) -> bool:
    """True for `.../action/{name}`."""
    return len(steps) > 2 and steps[-2].lower() == "action"


def read_steps(raw_path: str) -> tuple[str, ...]:
    """The steps of a path, decoded; `b64(...)` stands for a key in base64 (Visma dossier 2)."""
    return tuple(_decoded(step) for step in raw_path.split("/") if step)


def _decoded(step: str) -> str:
    text = unquote(step)
    if not (text.lower().startswith("b64(") and text.endswith(")")):
        return text
    packed = text[4:-1]
    try:
        return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise no_route() from None


def _type(text: str) -> str:
    """The document type as it is spelt; the path's case says nothing."""
    known = ("Invoice", "DebitAdj", "CreditAdj", "Prepayment")
    return next((each for each in known if each.lower() == text.lower()), text)


def _found(books: Books, resource: Resource, key: str) -> Row:
    row = books.table(resource.table).get(key)
    if row is None:
        raise no_record(resource.name, key)
    return row


def _step(rows: Any, name: str, key: str) -> Row:
    found = next((row for row in rows if str(row[name]).lower() == key.lower()), None)
    if found is None:
        raise no_record(name, key)
    return found
