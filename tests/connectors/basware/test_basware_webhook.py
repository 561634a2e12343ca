"""The webhook's signature, age and reading."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.base import NotificationKind, Verdict
from ml_connector.connectors.basware import webhook_for
from ml_connector.connectors.basware.webhook import BaswareWebhook

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
TOKEN = "k3J9vT0sQm7xWb2Zr8Yd5Nf1Lh6Pc4Ug"
NOTICE = {
    "taskId": "eb9ea3fa-69de-4a5a-8a1a-f4347cd18626",
    "taskStatus": "New",
    "taskType": "AccountingDocuments",
    "taskSubType": "WaitingForTransfer",
    "documentId": "63255782d0a04d8d8defcc6a0062101d",
}
BODY = json.dumps(NOTICE).encode()


def digest(text: bytes, token: str = TOKEN) -> bytes:
    return hmac.new(token.encode(), text, hashlib.sha256).digest()


def judged(
    signature: str | None,
    *,
    body: bytes = BODY,
    timestamp: str | None = None,
    token: str = TOKEN,
    webhook: BaswareWebhook | None = None,
) -> Verdict:
    headers: dict[str, str] = {}
    if signature is not None:
        headers["X-BWAPI-Signature-256"] = signature
    if timestamp is not None:
        headers["x-bwapi-TIMESTAMP"] = timestamp
    return (webhook or BaswareWebhook()).verify(body=body, headers=headers, token=token, now=NOW)


@pytest.mark.parametrize("write", [str, str.upper, "sha256={}".format, "SHA256={}".format, " {} ".format])
def test_body_signature_in_every_tolerated_writing_is_genuine(write) -> None:
    assert judged(write(digest(BODY).hex())) is Verdict.GENUINE


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_body_tampered_by_one_byte_is_refused(place: int, change: int) -> None:
    tampered = bytearray(BODY)
    tampered[place] ^= change
    assert judged(digest(BODY).hex(), body=bytes(tampered)) is Verdict.WRONG_SIGNATURE


@given(st.integers(0, 31), st.integers(1, 255))
def test_signature_tampered_by_one_byte_is_refused(place: int, change: int) -> None:
    signature = bytearray(digest(BODY))
    signature[place] ^= change
    assert judged(signature.hex()) is Verdict.WRONG_SIGNATURE


@pytest.mark.parametrize(
    "signature",
    [
        None, "", "sha256=", "nonsense", "Ä" * 64, "\udcff" * 64, "０" * 64, "0" * 100_000,
        digest(BODY).hex()[:-2], digest(BODY).hex() + "00", digest(BODY, "another").hex(),
        base64.b64encode(digest(BODY)).decode(),
    ],
)  # fmt: skip
def test_anything_else_as_signature_is_refused(signature: str | None) -> None:
    assert judged(signature) is Verdict.WRONG_SIGNATURE


@given(st.text(max_size=400))
def test_no_header_text_makes_verifying_fail_otherwise(text: str) -> None:
    assert judged(text, timestamp=text) is Verdict.WRONG_SIGNATURE
    assert judged(digest(BODY).hex(), timestamp=text) in (Verdict.STALE, Verdict.GENUINE)


def test_empty_token_verifies_nothing() -> None:
    assert judged(digest(BODY, "").hex(), token="") is Verdict.WRONG_SIGNATURE


def test_token_that_is_not_ascii_signs_by_its_utf8_bytes() -> None:
    assert judged(digest(BODY, "töken🔑").hex(), token="töken🔑") is Verdict.GENUINE


@pytest.mark.parametrize("seconds", [-300, -1, 0, 299, 300])
def test_time_within_the_tolerance_is_genuine(seconds: int) -> None:
    moment = NOW + timedelta(seconds=seconds)
    for text in (moment.isoformat(), moment.strftime("%Y-%m-%dT%H:%M:%SZ"), str(int(moment.timestamp()))):
        assert judged(digest(BODY).hex(), timestamp=text) is Verdict.GENUINE


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_time_outside_the_tolerance_is_stale_in_both_directions(seconds: int) -> None:
    moment = NOW + timedelta(seconds=seconds)
    for text in (moment.isoformat(), str(int(moment.timestamp()))):
        assert judged(digest(BODY).hex(), timestamp=text) is Verdict.STALE


@pytest.mark.parametrize("text", ["", "yesterday", "9" * 30, "9" * 5_000, "-5", "1e999", "²", "2026-13-01"])
def test_time_that_cannot_be_read_is_stale(text: str) -> None:
    assert judged(digest(BODY).hex(), timestamp=text) is Verdict.STALE


def test_wrong_signature_outranks_age() -> None:
    assert judged("00" * 32, timestamp="2001-01-01T00:00:00Z") is Verdict.WRONG_SIGNATURE


@pytest.mark.parametrize("scheme", ["body", "ts+body", "ts.body"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_each_scheme_takes_its_own_signature_and_no_other(scheme: str, encoding: str) -> None:
    stamp = "2026-11-21T10:00:00Z"
    texts = {"body": BODY, "ts+body": stamp.encode() + BODY, "ts.body": stamp.encode() + b"." + BODY}
    webhook = webhook_for({"signature_scheme": scheme, "signature_encoding": encoding})
    for signed, text in texts.items():
        written = digest(text).hex() if encoding == "hex" else base64.b64encode(digest(text)).decode()
        expected = Verdict.GENUINE if signed == scheme else Verdict.WRONG_SIGNATURE
        assert judged(written, timestamp=stamp, webhook=webhook) is expected
        assert judged("sha256=" + written, timestamp=stamp, webhook=webhook) is expected


def test_scheme_with_a_time_needs_the_time() -> None:
    webhook = webhook_for({"signature_scheme": "ts+body"})
    assert judged(digest(BODY).hex(), webhook=webhook) is Verdict.WRONG_SIGNATURE


def test_tolerance_is_a_setting() -> None:
    webhook = webhook_for({"signature_tolerance_seconds": 10})
    late = (NOW - timedelta(seconds=11)).isoformat()
    assert judged(digest(BODY).hex(), timestamp=late, webhook=webhook) is Verdict.STALE


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("AccountingDocuments", NotificationKind.DOCUMENT),
        ("AccoutingDocuments", NotificationKind.DOCUMENT),
        ("RequestStatus", NotificationKind.IMPORT),
        ("ConnectionTest", NotificationKind.CONNECTION_TEST),
        ("SomethingNew", NotificationKind.UNKNOWN),
    ],
)
def test_task_types_are_read_tolerantly(kind: str, expected: NotificationKind) -> None:
    read = BaswareWebhook().parse(json.dumps({**NOTICE, "taskType": kind, "new": [1]}).encode())
    assert (read.id, read.kind, read.subject) == (NOTICE["taskId"], expected, NOTICE["documentId"])


def test_connection_test_needs_no_ids() -> None:
    assert BaswareWebhook().parse(b'{"taskType": "ConnectionTest"}').kind is NotificationKind.CONNECTION_TEST


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe", b"[]", b"null", b"3", b"{", b"[" * 100_000, b'{"taskType": "AccountingDocuments"}',
        b'{"taskId": "1", "taskType": "RequestStatus"}', b'{"taskId": 5, "taskType": "RequestStatus"}',
    ],
)  # fmt: skip
def test_what_is_no_notification_is_a_value_error_with_a_sentence(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        BaswareWebhook().parse(body)
