"""The control pages about invoices that came in: what entered, and what people in Basware then do with it."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware.arrivals import Arrival
from ml_connector.sandbox.basware.documents import Document
from ml_connector.sandbox.basware.entities import ENUMS
from ml_connector.sandbox.basware.network import REJECTIONS
from ml_connector.sandbox.basware.parts import Parts
from ml_connector.sandbox.basware.wire import Fields, read_object, stamp

PAGES = {
    "GET /_sandbox/inbound?company=": "what was handed in: ids, sums, files with sha256, how often; and duplicates",
    "POST /_sandbox/inbound": "{bumId, status: a processing status|TechnicalReject|BusinessReject, reason?, comment?,"
    " paidTotal?, paidOn?, disputed?, fields?: {...}}: somebody moves it on",
    "POST /_sandbox/inbound-delay": "{seconds, tickets?: seconds}: how long until it is a document, how long a ticket"
    " lives",
}


class InboundPages:
    """The pages."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def listed(self, request: web.Request) -> object:
        """Everything that was handed in, oldest first."""
        company = request.query.get("company")
        arrivals = self._parts.arrivals
        arrivals.settle()
        shown = [arrivals.shown(each) for each in arrivals.by_id.values() if company in (None, each.company)]
        return {
            "inbound": shown,
            "documents": sum(each["invoiceId"] is not None for each in shown),
            "duplicates": arrivals.duplicates(),
            "uploads": len(self._parts.network.files),
            "tickets": self._parts.smart_pdf.issued,
        }

    async def move(self, request: web.Request) -> object:
        """One goes on."""
        asked = await read_object(request)
        arrivals = self._parts.arrivals
        arrivals.settle()
        arrival = arrivals.by_id[asked["bumId"]]
        status = asked.get("status")
        if status in REJECTIONS:
            self._parts.network.notify(arrival.bum_id, status)
            arrivals.turn_away(arrival, asked.get("comment", status))
        else:
            self._change(self._document(arrival), status, asked)
        return arrivals.shown(arrival)

    def _document(self, arrival: Arrival) -> Document:
        document = self._parts.documents.by_id.get(arrival.invoice_id)
        if document is None:
            raise ValueError(f"{arrival.bum_id} is no document yet")
        return document

    def _change(self, document: Document, status: str | None, asked: Fields) -> None:
        if status is not None and status not in ENUMS["processingStatus"]:
            raise ValueError(f"{status} is no processing status")
        fields: dict[str, Any] = dict(asked.get("fields") or {})
        now = stamp(self._parts.clock.now())
        if "disputed" in asked:
            reason = asked.get("reason") or "Other"
            dispute = {"isDisputed": bool(asked["disputed"]), "disputeReason": reason, "disputeDate": now}
            fields["disputeInfo"] = dispute
        elif status == "Removed":
            fields["removalReason"] = asked.get("reason", "Other")
            fields["removalReasonComment"] = asked.get("comment")
        if status == "Paid":
            document.responses["paymentResponses"].append(_payment(document, asked, now))
        self._parts.documents.move_on(document, status or document.status, fields)

    async def delay(self, request: web.Request) -> object:
        """How long it takes."""
        asked = await read_object(request)
        arrivals, smart_pdf = self._parts.arrivals, self._parts.smart_pdf
        arrivals.delay = float(asked.get("seconds", arrivals.delay))
        if "tickets" in asked:
            smart_pdf.live_for(float(asked["tickets"]))
        return {"seconds": arrivals.delay, "tickets": smart_pdf.life.total_seconds()}


def _payment(document: Document, asked: Fields, now: str) -> Fields:
    return {
        "externalCode": str(uuid.uuid4()),
        "success": True,
        "responseMessage": asked.get("comment") or "Paid",
        "paymentBlock": False,
        "paymentDate": f"{asked['paidOn']}T00:00:00Z" if asked.get("paidOn") else now,
        "paidTotal": asked.get("paidTotal", document.fields.get("grossSum")),
    }
