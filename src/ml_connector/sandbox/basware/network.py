"""The Basware Network: structured invoices with files, and their life-cycle notifications (dossier 9.2, 12.42)."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.message import Message
from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware.arrivals import Arrival, Arrivals, ArrivedFile
from ml_connector.sandbox.basware.network_schema import Problem, invoice_problems
from ml_connector.sandbox.basware.tokens import basic_pair
from ml_connector.sandbox.basware.wire import Fields, answer, read_any, stamp
from ml_connector.sandbox.clock import Clock

ROUTE = "network"
NETWORK_USER = "acme-network"
NETWORK_PASSWORD = "network-secret"  # noqa: S105 - simulated
MOST_PER_PAGE = 100
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REFERENCE = "additionalDocumentReference"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REJECTIONS = {"TechnicalReject": "Undelivered", "BusinessReject": "DocumentRejected"}
_ACTIONS = {"TechnicalAccept": "DeliveryConfirmed", "BusinessAccept": "DocumentAccepted", **REJECTIONS}


@dataclass(frozen=True, slots=True)
class Sent:
    """An invoice as it was sent."""

    token: str
    data: Fields
    refs: tuple[str, ...]


class Network:
    """What was sent through the network, and the mailbox of notifications about it."""

    def __init__(self, clock: Clock, arrivals: Arrivals) -> None:
        self._clock = clock
        self._arrivals = arrivals
        self._company_of: Callable[[str], str | None] = lambda _: None
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.files: dict[str, ArrivedFile] = {}
        self._sent: dict[str, Sent] = {}
        self._tokens: set[str] = set()
        self.notifications: list[Fields] = []

    def receive_for(self, company_of: Callable[[str], str | None]) -> None:
        """Says which company an endpoint belongs to, None for none."""
        self._company_of = company_of

    def guard(self, handler: Handler) -> Handler:
        """The handler behind HTTP Basic, the only sign-in there is; headers must be US-ASCII."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if basic_pair(request) != (NETWORK_USER, NETWORK_PASSWORD):
                return answer({"error": "Unauthorized", "code": "401", "message": "Authentication failed."}, 401)
            if not all(value.isascii() for value in request.headers.values()):
                return envelope([("headers", "only US-ASCII is allowed")], "Headers are not valid")
            return await handler(request)

        return guarded

    # -------------------------------------------------------------- invoices and files

    async def send(self, request: web.Request) -> web.Response:
        """POST /v1/invoices/{bumId}: 201 without a body (U23)."""
        bum_id = request.match_info["bumId"]
        body = await read_any(request)
        problems = invoice_problems(body)
        if not _UUID.fullmatch(bum_id):
            problems.append(("bumId", "must be a UUID"))
        if not problems:
            problems = self._business_problems(body)
        if problems:
            return envelope(problems, "Validation failed")
        before = self._sent.get(bum_id)
        if before is None:
            if body["clientToken"] in self._tokens:
                return envelope([("clientToken", "was used for another document")], "Conflict", status=409)
            self._accept(bum_id, body)
        elif before.token != body["clientToken"]:
            return envelope([("bumId", "is known with another clientToken")], "Conflict", status=409)
        else:
            self._arrivals.by_id[bum_id].times += 1
        return web.Response(status=201)

    def _business_problems(self, body: Fields) -> list[Problem]:
        problems: list[Problem] = []
        refs = [each["refId"] for each in body.get("fileRefs", [])]
        problems += [("fileRefs.refId", f"{ref} is not known") for ref in refs if ref not in self.files]
        if not body["data"]["invoiceLine"]:
            problems.append(("data.invoiceLine", "at least one line is needed"))
        return problems

    def _accept(self, bum_id: str, body: Fields) -> None:
        data = body["data"]
        refs = tuple(each["refId"] for each in body.get("fileRefs", []))
        self._tokens.add(body["clientToken"])
        self._sent[bum_id] = Sent(body["clientToken"], data, refs)
        endpoint = (data["accountingCustomerParty"].get("endpoint") or {}).get("id", "")
        company = self._company_of(endpoint)
        fields = document_fields(data)
        arrival = Arrival(
            bum_id,
            ROUTE,
            company or "",
            fields,
            tuple(self.files[ref] for ref in refs),
            self._clock.now(),
            source=(data.get(_REFERENCE) or {}).get("id", ""),
        )
        if company is None:
            arrival.turned_away = f"There is no receiver {endpoint!r}."
            self.notify(bum_id, "TechnicalReject")
        else:
            self.notify(bum_id, "TechnicalAccept")
        self._arrivals.take(arrival)

    async def read(self, request: web.Request) -> web.Response:
        """GET /v1/invoices/{bumId}."""
        sent = self._sent.get(request.match_info["bumId"])
        if sent is None:
            return envelope([("bumId", "is not known")], "Not found", status=404)
        refs = [{"refId": ref, "fileType": _file_type(self.files[ref].name)} for ref in sent.refs]
        links = [{"rel": "file", "href": f"/v2/files/{ref}", "method": "GET"} for ref in sent.refs]
        return answer({"version": "1.0", "data": sent.data, "fileRefs": refs, "links": links})

    async def upload(self, request: web.Request) -> web.Response:
        """POST /v2/files: raw bytes, answered with the id to refer to them by (U24)."""
        content = await request.read()
        message = Message()
        message["Content-Disposition"] = request.headers.get("Content-Disposition", "")
        name = message.get_filename()
        problems: list[Problem] = []
        if not content:
            problems.append(("body", "the file is empty"))
        if not name:
            problems.append(("Content-Disposition", "a file name is needed"))
        if "Content-Type" not in request.headers:
            problems.append(("Content-Type", "is needed"))
        if problems or name is None:
            return envelope(problems, "Validation failed")
        ref = f"f-{uuid.uuid4().hex}"
        self.files[ref] = ArrivedFile(name, content)
        return answer({"refId": ref}, 201)

    # -------------------------------------------------------------- notifications

    def notify(self, bum_id: str, response: str) -> None:
        """Puts a notification about a document into the mailbox, as v2 has them."""
        self.notifications.append(
            {
                "id": uuid.uuid4().hex,
                "resourceId": bum_id,
                "notificationType": "LifeCycle",
                "resourceType": "INVOICE",
                "responseCode": response,
                "actionCode": _ACTIONS[response],
                "notificationCreated": stamp(self._clock.now()),
            }
        )

    async def mailbox(self, request: web.Request) -> web.Response:
        """GET /v2/notifications, oldest first; `page` counts from 1."""
        page, size = request.query.get("page", ""), request.query.get("pageSize", "")
        if not page.isdecimal() or not size.isdecimal() or int(page) < 1 or not 1 <= int(size) <= MOST_PER_PAGE:
            return envelope([("page", f"page and pageSize (1 to {MOST_PER_PAGE}) are needed")], "Validation failed")
        first = (int(page) - 1) * int(size)
        return answer({"version": "2.0", "notifications": self.notifications[first : first + int(size)]})

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE /v2/notifications/{id}."""
        kept = [each for each in self.notifications if each["id"] != request.match_info["id"]]
        found = len(kept) < len(self.notifications)
        self.notifications = kept
        return web.Response(status=200) if found else envelope([("id", "is not known")], "Not found", status=404)


def envelope(problems: Sequence[Problem], message: str, *, status: int = 400) -> web.Response:
    """An error as v1 writes it."""
    listed = [{"fieldId": where, "fieldMessage": said} for where, said in problems]
    errors = {
        "validationErrors": listed,
        "message": message,
        "id": str(uuid.uuid4()),
        "type": "VALIDATION",
        "info": "See the fields named.",
        "code": "Error.004.0002",
    }
    return answer({"version": "1.0", "errors": errors}, status)


def document_fields(data: Fields) -> Fields:
    """The accounting document that an invoice becomes."""
    supplier = data["accountingSupplierParty"]
    codes = supplier.get("partyIdentification") or []
    means = data.get("paymentMeans") or {}
    gross = data["legalMonetaryTotal"]["payableAmount"]["amount"]
    total = data["legalMonetaryTotal"].get("lineExtensionAmount") or {}
    named = [(data.get("orderReference") or {}).get("id")]
    named += [(line.get("orderLineReference") or {}).get("orderReference") for line in data["invoiceLine"]]
    return {
        "invoiceNumber": data["id"],
        "supplierCode": codes[0]["id"] if codes else "",
        "supplierName": supplier["partyName"],
        "currencyCode": data.get("documentCurrencyCode", ""),
        "netSum": total.get("amount"),
        "grossSum": gross,
        "taxSum1": (data.get("taxTotal") or {}).get("amount"),
        "invoiceTypeCode": "CN" if gross < 0 else "RE",
        "invoiceDate": _day(data["issueDate"]),
        "dueDate": _day(means["paymentDueDate"]) if means.get("paymentDueDate") else None,
        "description": data.get("note", ""),
        "referenceNumber": (means.get("paymentIdentifier") or {}).get("id", ""),
        "orderNumbers": list(dict.fromkeys(filter(None, named))),
        "invoiceLines": [_line(line, place, data["id"]) for place, line in enumerate(data["invoiceLine"], 1)],
    }


def _line(line: Fields, place: int, number: str) -> Fields:
    order: Fields = line.get("orderLineReference") or {}
    item: Fields = line["item"]
    quantity: Fields = line.get("quantity") or {}
    fields: dict[str, Any] = {
        "externalCode": hashlib.sha256(f"{number}/{place}".encode()).hexdigest()[:32],
        "rowIndex": place,
        "productCode": (item.get("sellersItem") or {}).get("id"),
        "productName": item.get("name"),
        "quantity": quantity.get("amount"),
        "quantityUnit": quantity.get("unitCode"),
        "netPrice": (line.get("price") or {}).get("amount"),
        "netSum": line["lineExtension"]["amount"],
        "taxPercent": item.get("taxPercent"),
        "orderNumber": order.get("orderReference"),
        "orderRowNumber": order.get("lineId"),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _day(text: str) -> str:
    day = date.fromisoformat(text[:10])
    return stamp(datetime(day.year, day.month, day.day, tzinfo=UTC)).replace(".000Z", "Z")


def _file_type(name: str) -> str:
    return name.rpartition(".")[2].upper()
