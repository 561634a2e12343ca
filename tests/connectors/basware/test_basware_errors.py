"""The table from Basware's answers to reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ml_connector.connectors.basware.errors import complaints, error_of
from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.http import Reply
from ml_connector.records.reason import Reason


def reply(status: int, body: Any = None, *, raw: bytes | None = None) -> Reply:
    content = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
    return Reply(status=status, headers={"X-Amzn-RequestId": "req-1"}, body=content)


def listed(type_: str, code: str, **more: str) -> dict[str, Any]:
    return {"requestId": "r", "hasErrors": True, "errors": [{"type": type_, "code": code, "message": "m", **more}]}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {"message": "Unauthorized"}, Reason.SIGN_IN_REFUSED),
        (401, {"error": "invalid_client"}, Reason.SIGN_IN_REFUSED),
        (401, None, Reason.SIGN_IN_REFUSED),
        (403, {"message": "Forbidden"}, Reason.RIGHTS_MISSING),
        (400, {"error": "invalid_scope"}, Reason.RIGHTS_MISSING),
        (400, listed("SECURITY", "ACCESS_TOKEN_VALIDATION_ERROR"), Reason.SIGN_IN_REFUSED),
        (400, listed("SECURITY", "CREDENTIAL_VALIDATION_ERROR"), Reason.SIGN_IN_REFUSED),
        (400, listed("VALIDATION", "PARAMETER_VALIDATION_ERROR"), Reason.UNEXPECTED),
        (400, listed("VALIDATION", "SCHEMA_VALIDATION_ERROR"), Reason.RECORD_REFUSED),
        (400, listed("BUSINESS", "DATA_VALIDATION_FAILED"), Reason.RECORD_REFUSED),
        (400, listed("VALIDATION", "EXTERNAL_CODE_MISMATCH"), Reason.RECORD_REFUSED),
        (409, listed("BUSINESS", "CONFLICT_IN_POST"), Reason.RECORD_REFUSED),
        (404, listed("BUSINESS", "ENTITY_NOT_FOUND"), Reason.CHANGED_MEANWHILE),
        (405, listed("BUSINESS", "METHOD_NOT_ALLOWED"), Reason.CHANGED_MEANWHILE),
        (400, listed("BUSINESS", "SOMETHING_NEW"), Reason.RECORD_REFUSED),
        (404, None, Reason.ADDRESS_WRONG),
        (413, None, Reason.RECORD_REFUSED),
        (422, {"message": "UnprocessableEntity"}, Reason.RECORD_REFUSED),
        (418, None, Reason.UNEXPECTED),
    ],
)
def test_refusals(status: int, body: Any, reason: Reason) -> None:
    error = error_of(reply(status, body), attempted=Reason.RECORD_REFUSED)
    assert isinstance(error, Refused)
    assert (error.reason, error.status, error.request_id) == (reason, status, "req-1")


@pytest.mark.parametrize("code", ["UNEXPECTED_ERROR", "SNS_PUBLISH_ERROR", "SQS_PUBLISH_ERROR", "A_NEW_ONE"])
def test_faults_of_their_own_pass(code: str) -> None:
    error = error_of(reply(400, listed("TECHNICAL", code)))
    assert isinstance(error, Unavailable)
    assert error.reason is Reason.OUT_OF_ORDER


def test_every_form_of_error_body_is_read() -> None:
    forms = [
        listed("VALIDATION", "SCHEMA_VALIDATION_ERROR", externalCode="X"),
        {"hasError": True, "errorMessages": [{"type": "VALIDATION", "code": "C", "message": "m"}]},
        {"detail": [{"loc": ["body", "scope"], "msg": "m", "type": "value_error.missing"}]},
        {"detail": "m"},
        {"message": "m"},
        {"error": "invalid_request", "error_description": "m"},
    ]
    assert [complaints(reply(400, form))[0].message for form in forms] == ["m"] * len(forms)
    assert complaints(reply(400, forms[0]))[0].external_code == "X"


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"errors": [1]}'])
def test_bodies_that_say_nothing_are_still_errors(raw: bytes) -> None:
    assert error_of(reply(400, raw=raw), attempted=Reason.RESPONSE_REFUSED).reason is Reason.RESPONSE_REFUSED


def test_their_own_words_are_kept() -> None:
    error = error_of(reply(400, listed("VALIDATION", "SCHEMA_VALIDATION_ERROR", info="general")), subject="V1")
    assert "SCHEMA_VALIDATION_ERROR m – general" in error.findings[0].vendor_text
