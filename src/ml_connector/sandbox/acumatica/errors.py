"""What the server says when it refuses (Acumatica dossier 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ml_connector.sandbox.acumatica.schema import Row

_CONTRACT_BASED = "PX.Api.ContractBased"
NO_ENTITY = f"{_CONTRACT_BASED}.NoEntitySatisfiesTheConditionException"
CANNOT_OPTIMIZE = f"{_CONTRACT_BASED}.OptimizedExport.CannotOptimizeException"
OUTCOME_HAS_ERRORS = f"{_CONTRACT_BASED}.OutcomeEntityHasErrorsException"
SETUP_NOT_ENTERED = "PX.Data.PXSetupNotEnteredException"
INVALID_OPERATION = "PX.Data.PXInvalidOperationException"
UNDEFINED_COMPANY = "PX.Data.PXUndefinedCompanyException"
"""The source does not show its namespace (Acumatica dossier 8)."""
PLAIN = "PX.Data.PXException"


class Refusal(Exception):
    """A request that ends in an HttpError; an empty body where `body` is None."""

    def __init__(self, status: int, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(str((body or {}).get("exceptionMessage") or (body or {}).get("message") or status))
        self.status = status
        self.body = body


class RawRefusal(Exception):
    """A refusal of the web server in front: plain text or HTML."""

    def __init__(self, status: int, text: str, content_type: str = "text/html") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.content_type = content_type


class Invalid(Exception):
    """422: the entity comes back with `error` members and nothing is saved (Acumatica dossier 8.1).

    `faults` leads from paths (`PostPeriod`, `Details/0/Account`) to texts; `row` is the state that was refused.
    """

    def __init__(self, row: Row, faults: Mapping[str, str], *, error: str = "") -> None:
        super().__init__("; ".join(f"{path}: {text}" for path, text in faults.items()) or error)
        self.row = row
        self.faults = dict(faults)
        self.error = error
        """The generic text at the top; one is made up from the entity where it is empty."""


def failed(message: str, exception_type: str = PLAIN, *, status: int = 500) -> Refusal:
    """Something went wrong in the business logic: 500 unless told otherwise."""
    return Refusal(
        status,
        {
            "message": "An error has occurred.",
            "exceptionMessage": message,
            "exceptionType": exception_type,
            "stackTrace": "   at PX.Api.ContractBased.EntityService.Invoke()\r\n",
        },
    )


def no_entity() -> Refusal:
    """A key that nobody bears: 500, never 404 (Acumatica dossier 4.4)."""
    return failed("No entity satisfies the condition.", NO_ENTITY)


def cannot_optimize(culprits: Iterable[tuple[str, str]]) -> Refusal:
    """A list read that touches computed views: pairs of field path and view (Acumatica dossier 4.2)."""
    lines = "".join(f"{path}: View {view} has BQL delegate\r\n" for path, view in culprits)
    return failed(f"Optimization cannot be performed.The following fields cause the error:\r\n{lines}", CANNOT_OPTIMIZE)


def outcome_has_errors(message: str) -> Refusal:
    """A save that the form's own logic refused as a whole, such as a duplicate vendor reference."""
    return failed(message, OUTCOME_HAS_ERRORS)


def bad_request(message: str, model_state: Mapping[str, list[str]] | None = None) -> Refusal:
    """400: the request cannot be read."""
    return Refusal(400, {"message": message} | ({"modelState": dict(model_state)} if model_state else {}))


def not_found(message: str) -> Refusal:
    """404: no such endpoint, version, entity or action (body UNCONFIRMED, dossier U1)."""
    return Refusal(404, {"message": message})


def no_rights(entity: str, form: str) -> Refusal:
    """403: the form is not open to the user, or its feature is off."""
    return Refusal(403, {"message": f"You have insufficient rights to access the {entity} ({form}) form."})


def precondition_failed() -> Refusal:
    """412: If-None-Match or If-Match."""
    return Refusal(412, {"message": "The entity does not satisfy the condition of the request."})


def unauthorized() -> Refusal:
    """401 with an empty body."""
    return Refusal(401)
