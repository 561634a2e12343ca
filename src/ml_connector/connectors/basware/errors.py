"""One table: what Basware answers to a refusal, and the reason it stands for (Basware dossier 1.9)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.connectors.http import Reply
from ml_connector.records.reason import Finding, Reason

SYSTEM: Final = "Basware"
REQUEST_ID: Final = "x-amzn-RequestId"
_WORDS = 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table. None matches anything; `reason` None: whatever was being attempted is refused."""

    reason: Reason | None
    status: int | None = None
    type: str | None = None
    code: str | None = None

    def fits(self, *, status: int, type_: str, code: str) -> bool:
        """True where everything the row names is so."""
        return (
            self.status in (None, status)
            and (self.type is None or self.type == type_)
            and (self.code is None or self.code == code)
        )


TABLE: Final[tuple[Rule, ...]] = (
    # Token endpoint (dossier 1.2, U2).
    Rule(Reason.SIGN_IN_REFUSED, code="invalid_client"),
    Rule(Reason.RIGHTS_MISSING, code="invalid_scope"),
    # Gateway (U6): the status alone counts.
    Rule(Reason.SIGN_IN_REFUSED, status=401),
    Rule(Reason.RIGHTS_MISSING, status=403),
    # Codes of the API layer.
    Rule(Reason.SIGN_IN_REFUSED, code="ACCESS_TOKEN_VALIDATION_ERROR"),
    Rule(Reason.SIGN_IN_REFUSED, code="CREDENTIAL_VALIDATION_ERROR"),
    Rule(Reason.OUT_OF_ORDER, code="UNEXPECTED_ERROR"),
    Rule(Reason.OUT_OF_ORDER, code="SNS_PUBLISH_ERROR"),
    Rule(Reason.OUT_OF_ORDER, code="SQS_PUBLISH_ERROR"),
    Rule(Reason.UNEXPECTED, code="PARAMETER_VALIDATION_ERROR"),
    Rule(None, code="SCHEMA_VALIDATION_ERROR"),
    Rule(None, code="DATA_VALIDATION_FAILED"),
    Rule(None, code="DATA_ORIGIN_VALIDATION_ERROR"),
    Rule(None, code="EXTERNAL_CODE_MISMATCH"),
    Rule(None, code="CONFLICT_IN_POST"),
    Rule(Reason.CHANGED_MEANWHILE, code="ENTITY_NOT_FOUND"),
    Rule(Reason.CHANGED_MEANWHILE, code="METHOD_NOT_ALLOWED"),
    # Kinds, where the code is new to us.
    Rule(Reason.SIGN_IN_REFUSED, type="SECURITY"),
    Rule(Reason.OUT_OF_ORDER, type="TECHNICAL"),
    Rule(None, type="BUSINESS"),
    Rule(None, type="VALIDATION"),
    # Statuses, where the body says nothing.
    Rule(Reason.ADDRESS_WRONG, status=404),
    Rule(Reason.CHANGED_MEANWHILE, status=405),
    Rule(None, status=400),
    Rule(None, status=409),
    Rule(None, status=413),
    Rule(None, status=422),
)

_PASSES: Final = frozenset({Reason.OUT_OF_ORDER, Reason.RATE_LIMITED, Reason.UNREACHABLE})
_OF_THE_SIDE: Final = _PASSES | {Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING, Reason.ADDRESS_WRONG}
"""Reasons whose sentence speaks of the system, whatever was asked of it."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of an answer."""

    type: str
    code: str
    message: str
    external_code: str = ""


def complaints(reply: Reply) -> tuple[Complaint, ...]:
    """Every error an answer names, in whichever of Basware's forms; none where the body tells nothing."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(body, dict):
        return ()
    members = cast("Mapping[str, Any]", body)
    # Resources say `errors`, subscriptions `errorMessages`, the framework `detail` (dossier 1.9, 8.1, 1.2).
    for name in ("errors", "errorMessages", "detail"):
        listed = members.get(name)
        if isinstance(listed, list):
            return tuple(_complaint(each) for each in cast("list[Any]", listed) if isinstance(each, dict))
    network = members.get("errors")
    if isinstance(network, dict):  # the Network's, v1 (dossier 9.2)
        return _network_complaints(cast("Mapping[str, Any]", network))
    code = str(members.get("error") or "")
    words = members.get("error_description") or members.get("message") or members.get("detail") or code
    return (Complaint(type="", code=code, message=str(words)),) if words else ()


def _network_complaints(errors: Mapping[str, Any]) -> tuple[Complaint, ...]:
    kind, code, said = (str(errors.get(name) or "") for name in ("type", "code", "message"))
    listed: Any = errors.get("validationErrors")
    fields = [each for each in cast("list[Any]", listed) if isinstance(each, dict)] if isinstance(listed, list) else []
    if not fields:
        return (Complaint(kind, code, said),)
    return tuple(
        Complaint(kind, code, f"{said}: {each.get('fieldId') or ''} {each.get('fieldMessage') or ''}".strip())
        for each in fields
    )


def _complaint(error: Mapping[str, Any]) -> Complaint:
    words = [str(error[name]) for name in ("message", "info", "msg") if error.get(name)]
    return Complaint(
        type=str(error.get("type") or ""),
        code=str(error.get("code") or ""),
        message=" – ".join(dict.fromkeys(words)),
        external_code=str(error.get("externalCode") or ""),
    )


def reason_of(*, status: int, type_: str = "", code: str = "", attempted: Reason) -> Reason:
    """The reason the table gives; `attempted` where it says that what was tried is refused."""
    for rule in TABLE:
        if rule.fits(status=status, type_=type_, code=code):
            return rule.reason or attempted
    return Reason.UNEXPECTED


def request_id_of(reply: Reply) -> str:
    """Basware's id of the request, for its support and for `requestStatus`."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return headers.get(REQUEST_ID.lower(), "")


def error_of(reply: Reply, *, attempted: Reason = Reason.UNEXPECTED, subject: str = SYSTEM) -> ConnectorError:
    """What to raise for an answer that is no success: Unavailable where it passes, Refused otherwise."""
    told: Sequence[Complaint] = complaints(reply) or (Complaint("", "", reply.text(300)),)
    findings = tuple(_finding(reply, each, attempted=attempted, subject=subject) for each in told)
    kind = Unavailable if findings[0].reason in _PASSES else Refused
    return kind(
        system=SYSTEM,
        findings=tuple(dict.fromkeys(findings)),
        status=reply.status,
        code=told[0].code,
        request_id=request_id_of(reply),
    )


def _finding(reply: Reply, told: Complaint, *, attempted: Reason, subject: str) -> Finding:
    reason = reason_of(status=reply.status, type_=told.type, code=told.code, attempted=attempted)
    words = " ".join(dict.fromkeys(filter(None, (str(reply.status), told.code, told.message))))
    return Finding(reason, SYSTEM if reason in _OF_THE_SIDE and reason is not attempted else subject, words[:_WORDS])


def is_web_page(reply: Reply) -> bool:
    """True for a page of HTML, which is a proxy's or a portal's: Basware has none, whatever the status says.

    The bytes tell it: an answer without any is often labelled as a page.
    """
    return reply.body.lstrip()[:16].lower().startswith((b"<!doctype html", b"<html"))


def refused(reason: Reason, subject: str, words: str = "") -> Refused:
    """A refusal of our own making."""
    return Refused(system=SYSTEM, findings=(Finding(reason, subject, words),))
