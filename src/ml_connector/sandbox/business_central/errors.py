"""What Business Central says when it refuses: codes, texts and the envelope (BC dossier 6)."""

from __future__ import annotations

import uuid
from typing import Any


class Refused(Exception):
    """A request that ends in an OData error."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def envelope(self) -> dict[str, Any]:
        """The body, with a correlation id of its own: two blanks before and after, a full stop at the end."""
        text = f"{self.message}  CorrelationId:  {uuid.uuid4()}."
        return {"error": {"code": self.code, "message": text}}


def bad_request(message: str) -> Refused:
    """The call itself is wrong."""
    return Refused(400, "BadRequest", message)


def dialog(message: str) -> Refused:
    """A business rule spoke: AL `Error(...)`, and every failure to post."""
    return Refused(400, "Application_DialogException", message)


def field_fault(message: str) -> Refused:
    """A field failed its test when a record was written (dossier U10: this code at create)."""
    return Refused(400, "Application_FieldValidationException", message)


def bad_relation(field: str, table: str, value: str, *, related: str) -> Refused:
    """A code that no record bears (dossier U5: 400)."""
    text = (
        f"The field {field} of table {table} contains a value ({value}) "
        f"that cannot be found in the related table ({related})."
    )
    return Refused(400, "Internal_InvalidTableRelation", text)


def no_route(uri: str) -> Refused:
    """Nothing lives at that address."""
    text = f"No HTTP resource was found that matches the request URI '{uri}'."
    return Refused(404, "BadRequest_NotFound", text)


def no_segment(segment: str) -> Refused:
    """That is no entity set; the case counts."""
    return Refused(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{segment}'.")


def no_record(table: str, key: str) -> Refused:
    """A well-formed id that no record bears (dossier U2: 404)."""
    text = f"The {table} does not exist. Identification fields and values: Id='{key}'"
    return Refused(404, "Internal_RecordNotFound", text)


def no_method(method: str, entity: str) -> Refused:
    """The page does not allow that verb."""
    return Refused(405, "BadRequest_MethodNotAllowed", f"'{method}' requests for '{entity}' are not allowed.")


def bad_token() -> Refused:
    """If-Match is missing or is no tag."""
    text = (
        "Could not validate the client concurrency token required by the service. "
        "Please provide a valid token in the client request."
    )
    return Refused(400, "BadRequest_InvalidToken", text)


def changed_meanwhile() -> Refused:
    """The tag is outdated: 409, not 412."""
    return Refused(409, "Request_EntityChanged", "Another user has already changed the record.")


def unauthorized() -> Refused:
    """No token, an expired one, or an application that has no card in BC."""
    text = "The server has rejected the client credentials."
    return Refused(401, "Authentication_InvalidCredentials", text)


def not_an_option(value: str, members: tuple[str, ...]) -> Refused:
    """An enum member that does not exist."""
    text = f"'{value}' is not an option. The existing options are: {','.join(members)}"
    return Refused(400, "Unknown", text)
