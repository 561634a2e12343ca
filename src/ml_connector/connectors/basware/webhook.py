"""The webhook's other end: signature and age checked on the raw bytes, then read (Basware dossier 8, design 10)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from ml_connector.connectors.base import Notification, NotificationKind, Verdict

SIGNATURE_HEADER: Final = "x-bwapi-signature-256"
TIMESTAMP_HEADER: Final = "x-bwapi-timestamp"
BODY, TIMESTAMP_BODY, TIMESTAMP_DOT_BODY = "body", "ts+body", "ts.body"
SCHEMES: Final = (BODY, TIMESTAMP_BODY, TIMESTAMP_DOT_BODY)
ENCODINGS: Final = ("hex", "base64")
TOLERANCE_SECONDS: Final = 300
_LONGEST_HEADER = 200
_PREFIX = "sha256="

_KINDS: Final[Mapping[str, NotificationKind]] = {
    "accountingdocuments": NotificationKind.DOCUMENT,
    "accoutingdocuments": NotificationKind.DOCUMENT,  # so spelled in Basware's own sample (dossier 8.2)
    "requeststatus": NotificationKind.IMPORT,
    "connectiontest": NotificationKind.CONNECTION_TEST,
}


@dataclass(frozen=True, slots=True)
class BaswareWebhook:
    """Checks and reads notifications. What is signed and how it is written are settings (dossier U19, U20)."""

    scheme: str = BODY
    encoding: str = "hex"
    tolerance: timedelta = timedelta(seconds=TOLERANCE_SECONDS)

    def verify(self, *, body: bytes, headers: Mapping[str, str], token: str, now: datetime) -> Verdict:
        """GENUINE only for the bytes that the token's owner signed, not too old and not from the future."""
        signature = _header(headers, SIGNATURE_HEADER)
        timestamp = _header(headers, TIMESTAMP_HEADER)
        if not token or signature is None or (self.scheme != BODY and timestamp is None):
            return Verdict.WRONG_SIGNATURE
        given = self._decode(signature)
        text = sign_text(self.scheme, body=body, timestamp=timestamp or "")
        expected = hmac.new(token.encode(), text, hashlib.sha256).digest()
        if given is None or not hmac.compare_digest(given, expected):
            return Verdict.WRONG_SIGNATURE
        if timestamp is not None and not self._is_fresh(timestamp, now):
            return Verdict.STALE
        return Verdict.GENUINE

    def _decode(self, signature: str) -> bytes | None:
        """The signature's bytes; None where it cannot be one."""
        value = signature.strip()
        if len(value) > _LONGEST_HEADER or not value.isascii():
            return None
        if value[: len(_PREFIX)].lower() == _PREFIX:
            value = value[len(_PREFIX) :]
        try:
            if self.encoding == "base64":
                return base64.b64decode(value, validate=True)
            return binascii.unhexlify(value)
        except ValueError:
            return None

    def _is_fresh(self, timestamp: str, now: datetime) -> bool:
        moment = parse_timestamp(timestamp)
        return moment is not None and abs(now - moment) <= self.tolerance

    def parse(self, body: bytes) -> Notification:
        """The notification in `body`. Raises ValueError with a sentence where it is none."""
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ValueError("The notification is no JSON.") from error
        if not isinstance(parsed, dict):
            raise ValueError("The notification is no JSON object.")  # noqa: TRY004 - the contract says ValueError
        return parse_notification(cast("Mapping[str, Any]", parsed))


def parse_notification(members: Mapping[str, Any]) -> Notification:
    """A notification, or an entry of the notification history. Raises ValueError where it tells too little."""
    kind = _KINDS.get(str(members.get("taskType") or "").strip().lower(), NotificationKind.UNKNOWN)
    task, subject = members.get("taskId"), members.get("documentId")
    if kind is not NotificationKind.CONNECTION_TEST and not (isinstance(task, str) and task):
        raise ValueError("The notification has no taskId.")
    named = isinstance(subject, str) and bool(subject)
    if kind in (NotificationKind.DOCUMENT, NotificationKind.IMPORT) and not named:
        raise ValueError("The notification has no documentId.")
    return Notification(
        id=task if isinstance(task, str) else "",
        kind=kind,
        subject=subject if isinstance(subject, str) else "",
    )


def sign_text(scheme: str, *, body: bytes, timestamp: str) -> bytes:
    """What the signature is made over."""
    if scheme == TIMESTAMP_BODY:
        return timestamp.encode("utf-8", "surrogateescape") + body
    if scheme == TIMESTAMP_DOT_BODY:
        return timestamp.encode("utf-8", "surrogateescape") + b"." + body
    return body


def parse_timestamp(value: str) -> datetime | None:
    """ISO 8601 (UTC where it names no zone) or Unix seconds; None where it is neither."""
    text = value.strip()
    if len(text) > _LONGEST_HEADER or not text.isascii():
        return None
    try:
        if text.replace(".", "", 1).isdigit() and "-" not in text:
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def webhook_for(values: Mapping[str, Any]) -> BaswareWebhook:
    """The verifier that the settings of one connection ask for."""
    return BaswareWebhook(
        scheme=str(values.get("signature_scheme") or BODY),
        encoding=str(values.get("signature_encoding") or "hex"),
        tolerance=timedelta(seconds=float(values.get("signature_tolerance_seconds") or TOLERANCE_SECONDS)),
    )


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)
