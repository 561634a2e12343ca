"""What Visma.net answers when something is wrong, as our reasons: one table (Visma dossier 3.3, 8.1).

The status decides, and the fault codes of the old gateway; texts are never matched (dossier 19.15), only passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import Reply, parse_retry_after
from ml_connector.connectors.visma_net.manifest import NAME
from ml_connector.records.reason import Finding, Reason

REQUEST_ID_HEADERS: Final = ("Ipp-Request-Id", "Request-Context")
_VISMA_ID: Final = re.compile(r"^\s*VismaId:\s*([0-9a-fA-F-]{36})\.?\s*")
_TAG: Final = re.compile(r"<[^>]+>")
_BLANKS: Final = re.compile(r"\s+")

BY_CODE: Final[Mapping[str, Reason]] = {
    "12002": Reason.ADDRESS_WRONG,  # the company is missing, or not ours
    "12027": Reason.RIGHTS_MISSING,  # no licence for this company
}
BY_STATUS: Final[Mapping[int, Reason]] = {
    400: Reason.REFUSED,
    401: Reason.SIGN_IN_REFUSED,
    403: Reason.RIGHTS_MISSING,
    404: Reason.ADDRESS_WRONG,
    405: Reason.ADDRESS_WRONG,
    409: Reason.CHANGED_MEANWHILE,
    410: Reason.ADDRESS_WRONG,
    412: Reason.CHANGED_MEANWHILE,
}
_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})

CUSTOMER_TENANT: Final = (
    "a token was given, and yet every call is refused: tenant_id is the id of a customer tenant as a rule. The id of"
    " the company tenant belongs there, which Visma App Store shows on company level"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error body in any of its shapes."""

    words: str
    code: str = ""
    visma_id: str = ""


def parse_fault(reply: Reply) -> Fault:
    """Shapes A (`message`), B (`ExceptionMessage`), and C: text, HTML or nothing (Visma dossier 8.1)."""
    body = _json(reply)
    if isinstance(body, dict):
        members = {str(name).lower(): value for name, value in body.items()}
        said = str(members.get("message") or members.get("exceptionmessage") or members.get("error") or "")
        found = _VISMA_ID.match(said)
        return Fault(
            words=_VISMA_ID.sub("", said),
            code=str(members.get("exceptionfaultcode") or ""),
            visma_id=found.group(1) if found else "",
        )
    said = str(body) if isinstance(body, str) else _TAG.sub(" ", reply.text())
    return Fault(words=_BLANKS.sub(" ", said).strip()[:300])


def error_of(reply: Reply, *, writes: bool, detail: str = "", subject: str = NAME) -> ConnectorError:
    """The error of an answer that is no success. `detail` explains where we know more than its words say."""
    fault = parse_fault(reply)
    request_id = fault.visma_id or request_id_of(reply)
    words = " ".join(each for each in (str(reply.status), detail or fault.words) if each)
    if reply.status in _LATER:
        return later(reply, writes=writes)
    reason = BY_CODE.get(fault.code) or BY_STATUS.get(reply.status, Reason.UNEXPECTED)
    about = subject if reason in (Reason.REFUSED, Reason.CHANGED_MEANWHILE) else NAME
    return Refused(
        system=NAME, findings=(Finding(reason, about, words),), status=reply.status, code=fault.code,
        request_id=request_id,
    )  # fmt: skip


def later(reply: Reply, *, writes: bool = False) -> ConnectorError:
    """The error for an answer that says: not now. A write it answers may have been done, but for a 429."""
    fault = parse_fault(reply)
    words = f"{reply.status} {fault.words}".strip()
    request_id = fault.visma_id or request_id_of(reply)
    if writes and reply.status != 429:
        return OutcomeUnknown(system=NAME, detail=words, status=reply.status, request_id=request_id)
    reason = Reason.RATE_LIMITED if reply.status == 429 else Reason.OUT_OF_ORDER
    return Unavailable(
        system=NAME, findings=(Finding(reason, NAME, words),), status=reply.status, request_id=request_id,
        retry_after=parse_retry_after(reply.headers.get("Retry-After"), now=datetime.now(UTC)),
    )  # fmt: skip


def is_web_page(reply: Reply) -> bool:
    """True for a page of HTML, which comes from what stands between, whatever its status says (Visma dossier 8.1).

    The bytes tell it: any content type comes with anything.
    """
    return reply.body.lstrip()[:16].lower().startswith((b"<!doctype html", b"<html"))


def unexpected(detail: str) -> Refused:
    """The error for an answer outside what Visma.net documents."""
    return Refused(system=NAME, findings=(Finding(Reason.UNEXPECTED, NAME, detail),))


def wrong_setting(detail: str) -> Refused:
    """The error for settings that cannot be right."""
    return Refused(system=NAME, findings=(Finding(Reason.ADDRESS_WRONG, NAME, detail),))


def request_id_of(reply: Reply) -> str:
    """Visma's id of the request, for its support."""
    return next((reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), "")


def _json(reply: Reply) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None
