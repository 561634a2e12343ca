"""What the Service Layer says when it refuses: numbers, texts and both envelopes (B1 dossier 10)."""

from __future__ import annotations

from typing import Any


class B1Error(Exception):
    """A request that ends in an error of B1: the number, its text and the HTTP status it travels with."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def envelope(self, version: int) -> dict[str, Any]:
        """The body: number and object on OData 3, text and text on OData 4 (B1 dossier 10.1)."""
        if version == 3:
            return {"error": {"code": self.code, "message": {"lang": "en-us", "value": self.message}}}
        return {"error": {"code": str(self.code), "details": [{"code": "", "message": ""}], "message": self.message}}


class RawRefusal(Exception):
    """A refusal that comes from the web server in front, not from B1: 413, 405, 500 without the envelope."""

    def __init__(self, status: int, body: str = "", content_type: str = "text/html") -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.content_type = content_type


def rejected(message: str) -> B1Error:
    """The generic business refusal, -5002 (B1 dossier 1.1)."""
    return B1Error(-5002, message)


def no_records(message: str = "No matching records found (ODBC -2028)", *, status: int = 404) -> B1Error:
    """A key or a referenced code that nobody bears, -2028."""
    return B1Error(-2028, message, status)


def invalid_property(name: str, type_name: str) -> B1Error:
    """A property in a body or in $select that the type does not have; also a function it does not know."""
    return B1Error(-1000, f"Property '{name}' of '{type_name}' is invalid")


def invalid_filter_property(name: str) -> B1Error:
    """A property in $filter or $orderby that the type does not have."""
    return B1Error(201, f"Property '{name}' is invalid")


def invalid_value(name: str, type_name: str) -> B1Error:
    """A value that the property cannot hold."""
    return B1Error(-1000, f"Invalid value for property '{name}' of '{type_name}'")


def malformed(message: str) -> B1Error:
    """The request itself cannot be read."""
    return B1Error(-1000, message)


def not_supported() -> B1Error:
    """The object has no such verb or action."""
    return B1Error(-5006, "The requested action is not supported for this object")


def unknown_service() -> B1Error:
    """No entity set or service of that name; 404 chosen (B1 dossier 14.23)."""
    return B1Error(-1002, "Service Not Found", 404)


def no_session() -> B1Error:
    """The session is missing, dead or expired; wrong-case paths get this too (B1 dossier 4.5)."""
    return B1Error(301, "Invalid session or session already timeout.", 401)


def changed_meanwhile() -> B1Error:
    """If-Match names a version that is no longer there."""
    return B1Error(
        -2039, "Another user or another operation modified data; to continue, open the window again (ODBC -2039)", 412
    )
