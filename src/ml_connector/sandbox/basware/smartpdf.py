"""SmartPDF: a ticket, then the PDF to a pre-signed address (dossier 9.1, 12.41)."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware.arrivals import Arrival, Arrivals, ArrivedFile
from ml_connector.sandbox.basware.files import object_store_refusal
from ml_connector.sandbox.basware.tokens import BASIC_PASSWORD, BASIC_USER, Tokens, basic_pair
from ml_connector.sandbox.basware.wire import Fields, answer, read_any
from ml_connector.sandbox.clock import Clock

ROUTE = "smartpdf"
SCOPE = "importDocuments.write"
TICKET_LIFE = timedelta(hours=1)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SHOWN = re.compile(rb"\(((?:\\.|[^\\()])*)\)\s*Tj")
_TITLE = re.compile(r"(?P<supplierName>.+): (?P<invoiceNumber>.+), (?P<grossSum>-?[0-9]+(\.[0-9]+)?)")
"""As the sandbox draws invoices."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where one PDF may be put, and until when."""

    bum_id: str
    company: str
    signature: str
    until: datetime


class SmartPdf:
    """Hands out tickets, takes the PDFs, and reads off them what it can."""

    def __init__(self, clock: Clock, tokens: Tokens, arrivals: Arrivals, origin: str) -> None:
        self._clock = clock
        self._tokens = tokens
        self._arrivals = arrivals
        self._origin = origin
        self._company_of: Callable[[str], str | None] = lambda _: None
        self.clear()

    def clear(self) -> None:
        """Makes every ticket worthless."""
        self.life = TICKET_LIFE
        self._tickets: dict[str, Ticket] = {}

    def receive_for(self, company_of: Callable[[str], str | None]) -> None:
        """Says which company an address belongs to, None for none."""
        self._company_of = company_of

    def live_for(self, seconds: float) -> None:
        """How long the tickets to come live."""
        self.life = timedelta(seconds=seconds)

    @property
    def issued(self) -> int:
        """How many tickets were handed out."""
        return len(self._tickets)

    async def ticket(self, request: web.Request) -> web.Response:
        """POST /v2/smartpdf/invoiceUpload."""
        refusal = self._entrance_refusal(request)
        if refusal is not None:
            return refusal
        body = await read_any(request)
        wrong = list(_wrong_addresses(body))
        if wrong:
            return answer({"detail": wrong}, 422)
        company = self._company_of(body["receivingEmailAddress"])
        if company is None:
            return answer({"detail": "Configuration not found"}, 401)
        key = secrets.token_hex(16)
        now = self._clock.now()
        ticket = Ticket(str(uuid.uuid4()), company, secrets.token_hex(32), now + self.life)
        self._tickets[key] = ticket
        address = (
            f"{self._origin}/smartpdf-upload/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Date={now:%Y%m%dT%H%M%SZ}&X-Amz-Expires={int(self.life.total_seconds())}"
            f"&X-Amz-SignedHeaders=host&X-Amz-Signature={ticket.signature}"
        )
        return answer({"uploadUrl": address, "bumId": ticket.bum_id})

    def _entrance_refusal(self, request: web.Request) -> web.Response | None:
        given = [value.partition(" ")[0].lower() for value in request.headers.getall("Authorization", [])]
        if {"basic", "bearer"} <= set(given):
            return answer({"detail": "Both JWT token and Basic Auth credentials provided."}, 400)
        if not given:
            return answer({"detail": "No authentication method provided."}, 401)
        if given[0] == "basic":
            known = self._tokens.basic_user and basic_pair(request) == (BASIC_USER, BASIC_PASSWORD)
            return None if known else answer({"detail": "Configuration not found"}, 401)
        scopes = self._tokens.scopes_of(request)
        if scopes is None:
            return answer({"detail": "Invalid JWT token."}, 401)
        return None if SCOPE in scopes else answer({"detail": "Forbidden"}, 403)

    async def put(self, request: web.Request) -> web.Response:
        """PUT to the pre-signed address; a second one to the same address replaces the first: one document."""
        if "Authorization" in request.headers:
            return object_store_refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        ticket = self._tickets.get(request.match_info["key"])
        if ticket is None or ticket.until <= self._clock.now():
            return object_store_refusal(403, "AccessDenied", "Request has expired")
        if request.query.get("X-Amz-Signature") != ticket.signature:
            return object_store_refusal(403, "SignatureDoesNotMatch", "The request signature does not match")
        content = await request.read()
        fields = _read_off(content)
        arrival = Arrival(
            ticket.bum_id, ROUTE, ticket.company, fields, (ArrivedFile("upload.pdf", content),), self._clock.now()
        )
        if not content.startswith(b"%PDF-"):
            arrival.turned_away = "The document is no PDF."
        self._arrivals.take(arrival)
        return web.Response(status=200)  # U22: empty, as the object store answers


def _wrong_addresses(body: Any) -> list[Fields]:
    if not isinstance(body, dict):
        return [{"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}]
    wrong: list[Fields] = []
    for name in ("receivingEmailAddress", "notificationEmailAddress"):
        value = body.get(name)
        if value is None:
            wrong.append({"loc": ["body", name], "msg": "field required", "type": "value_error.missing"})
        elif not isinstance(value, str) or not _MAIL.fullmatch(value):
            said = "value is not a valid email address"
            wrong.append({"loc": ["body", name], "msg": said, "type": "value_error.email"})
    return wrong


def _read_off(content: bytes) -> Fields:
    """What the page says, as far as it can be read: a scan may say nothing at all."""
    lines = [_unescaped(text) for text in _SHOWN.findall(content)]
    title = next((match for line in lines if (match := _TITLE.fullmatch(line))), None)
    if title is None:
        return {"invoiceNumber": lines[0][:100]} if lines else {}
    return {**title.groupdict(), "grossSum": Decimal(title["grossSum"])}


def _unescaped(text: bytes) -> str:
    return re.sub(rb"\\(.)", rb"\1", text).decode("latin-1")
