"""What Visma's webhook calls mean for us: a hint at which flows to run, and nothing more (Visma dossier 15).

Headers and signature are those of Visma's shared dispatcher; the body's shape is UNCONFIRMED for this publisher, so
that of it only the event's name is read, wherever it stands.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from ml_connector.records.flow import Flow

SIGNATURE: Final = "x-vwd-signature-v1"
EVENT: Final = "x-vwd-event-id"
BODY_LIMIT: Final = 1024 * 1024

_FLOWS: Final[tuple[tuple[str, Flow], ...]] = (
    ("supplierinvoice", Flow.SUPPLIER_INVOICES),
    ("apinvoice", Flow.SUPPLIER_INVOICES),
    ("purchaseorder", Flow.PURCHASE_ORDERS),
    ("supplier", Flow.VENDORS),
    ("subaccount", Flow.DIMENSIONS),
    ("account", Flow.ACCOUNTS),
    ("dimension", Flow.DIMENSIONS),
    ("segment", Flow.DIMENSIONS),
    ("project", Flow.DIMENSIONS),
)
"""By what an event's name begins with, the longer first. Background operations are none of ours."""
_NAMES: Final = ("eventType", "eventName", "event", "eventId", "type")


class Announced:
    """Reads the calls, as `base.Announcements` says."""

    @property
    def body_limit(self) -> int:
        """Bytes."""
        return BODY_LIMIT

    def answer_handshake(self, query: str) -> str | None:
        """None: Visma's dispatcher asks nothing beforehand."""
        del query
        return None

    def parse(self, body: bytes, *, headers: Mapping[str, str], secret: str) -> frozenset[Flow]:
        """The flows that the events of a call are about; none where its signature is not ours."""
        lowered = {name.lower(): value for name, value in headers.items()}
        if not is_genuine(body, lowered.get(SIGNATURE, ""), key=secret):
            return frozenset()
        told = [lowered.get(EVENT, ""), *(name for each in _events(body) for name in _named(each))]
        return frozenset(flow for name in told if (flow := flow_of(name)) is not None)


def is_genuine(body: bytes, signature: str, *, key: str) -> bool:
    """True where a signature is that of the raw bytes. While keys are exchanged several may come, with commas."""
    if not key:
        return False
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    ours = base64.b64encode(digest)
    return any(hmac.compare_digest(ours, each.strip().encode()) for each in signature.split(","))


def flow_of(event: str) -> Flow | None:
    """The flow that an event is about, None of any other."""
    plain = "".join(sign for sign in event.lower() if sign.isalnum())
    return next((flow for begin, flow in _FLOWS if plain.startswith(begin)), None)


def _events(body: bytes) -> list[Any]:
    try:
        found = json.loads(body) if body.strip() else []
    except ValueError as odd:
        raise ValueError("The body of the call is no JSON.") from odd
    return found if isinstance(found, list) else [found]


def _named(event: Any) -> list[str]:
    return [str(event[name]) for name in _NAMES if event.get(name)] if isinstance(event, dict) else []


ANNOUNCEMENTS: Final = Announced()
