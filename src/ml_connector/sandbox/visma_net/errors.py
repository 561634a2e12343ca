"""What the API says when it refuses: the shapes of error bodies (Visma dossier 8.1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """A call that ends in an error: the status, and a JSON body, a text or nothing."""

    def __init__(
        self, status: int, body: dict[str, Any] | str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        body = self.body
        return str(body.get("message", body) if isinstance(body, dict) else body or f"refused with {self.status}")


def refused(text: str, *, doing: str = "updating") -> Refusal:
    """The business refusal, shape A."""
    return Refusal(400, {"message": f"VismaId: {uuid.uuid4()}. Error {doing} document. Error: {text}"})


def not_found_in_system(field: str, value: object, *, doing: str = "updating") -> Refusal:
    """The general lookup failure."""
    return refused(f"{field} '{value}' cannot be found in the system.", doing=doing)


def bad_request(text: str) -> Refusal:
    """A call that cannot be read."""
    return Refusal(400, {"message": text})


def no_route() -> Refusal:
    """Nothing is served there."""
    return Refusal(404)


def no_record(resource: str, key: str) -> Refusal:
    """Nobody bears that key."""
    return Refusal(404, {"message": f"The {resource} '{key}' was not found."})


def signed_out(*, envelope: bool) -> Refusal:
    """The token is unknown, expired or of a customer tenant; the body is UNCONFIRMED (Visma dossier 17.4)."""
    body = legacy_fault("Authentication failed.", "12001") if envelope else None
    return Refusal(401, body, headers={"WWW-Authenticate": "Bearer"})


def no_scope(scope: str) -> Refusal:
    """The token lacks the scope of the verb; 403 is UNCONFIRMED (Visma dossier 3.3)."""
    return Refusal(403, {"message": f"The access token lacks the scope {scope}."})


def changed_meanwhile() -> Refusal:
    """If-Match names a version that is no longer there."""
    return Refusal(412, {"message": "The record has been changed by another process."})


def not_simulated(what: str) -> Refusal:
    """Said by this sandbox, never by the real system."""
    return Refusal(501, {"message": f"This sandbox does not simulate {what}."})


def legacy_fault(text: str, code: str) -> dict[str, Any]:
    """Shape B, of the gateway and the older layers."""
    return {
        "ExceptionType": "IPPException",
        "ExceptionMessage": text,
        "ExceptionFaultCode": code,
        "ExceptionMessageID": f"{code}_{uuid.uuid4()}",
        "ExceptionDetails": "",
    }
