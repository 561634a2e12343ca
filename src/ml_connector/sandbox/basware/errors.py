"""How the simulated Basware refuses: `ResponseEntityList` bodies and the gateway's short messages (dossier 1.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TYPES = {
    "SCHEMA_VALIDATION_ERROR": ("VALIDATION", "Schema validation failed"),
    "PARAMETER_VALIDATION_ERROR": ("VALIDATION", "Parameter validation failed"),
    "EXTERNAL_CODE_MISMATCH": ("VALIDATION", "External code in path and body differ"),
    "DATA_VALIDATION_FAILED": ("BUSINESS", "Data validation failed"),
    "CONFLICT_IN_POST": ("BUSINESS", "Conflict in posted data"),
    "METHOD_NOT_ALLOWED": ("BUSINESS", "Operation is not allowed in this state"),
    "ENTITY_NOT_FOUND": ("BUSINESS", "Entity was not found"),
    "UNEXPECTED_ERROR": ("TECHNICAL", "Unexpected error"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `errors`."""

    code: str
    message: str
    external_code: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry as written; null fields are left out."""
        kind, info = _TYPES[self.code]
        entry: dict[str, Any] = {"type": kind, "code": self.code, "message": self.message, "info": info}
        return entry if self.external_code is None else {"externalCode": self.external_code, **entry}


class Refused(Exception):
    """A request that is answered with an error.

    `body` wins over `problems`, which make a ResponseEntityList. With neither the answer has no body.
    """

    def __init__(self, status: int, *, problems: Sequence[Problem] = (), body: object = None) -> None:
        super().__init__(status, problems, body)
        self.status = status
        self.problems = tuple(problems)
        self.body = body

    def content(self, request_id: str) -> object:
        """What is written, None for nothing."""
        if self.body is not None:
            return self.body
        if not self.problems:
            return None
        return {
            "requestId": request_id,
            "hasErrors": True,
            "errors": [problem.as_json() for problem in self.problems],
        }


def refused(status: int, code: str, message: str, *, external_code: str | None = None) -> Refused:
    """A refusal for one reason."""
    return Refused(status, problems=[Problem(code, message, external_code)])


def parameter_error(message: str) -> Refused:
    """400 for a query parameter or header that cannot be right."""
    return refused(400, "PARAMETER_VALIDATION_ERROR", message)


def gateway(status: int, message: str) -> Refused:
    """What the gateway before the API says (U6)."""
    return Refused(status, body={"message": message})
