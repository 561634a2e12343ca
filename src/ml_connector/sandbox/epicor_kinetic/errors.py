"""What the server says when it refuses: status, type and text, and the forms that bodies have (Epicor dossier 4)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

from ml_connector.sandbox.epicor_kinetic.schema import Row

_BUSINESS = "Ice.Common.BusinessObjectException"
_UNAUTHORIZED = "System.UnauthorizedAccessException"


class Variant(StrEnum):
    """How an installation writes its errors (Epicor dossier 4.1)."""

    PLAIN = "plain"
    SPELLING = "spelling"
    """`REST Api Exception`."""
    ODATA = "odata"
    BARE = "bare"
    """Status and phrase, no text."""
    HTML = "html"
    """A gateway's page, status 502."""
    EMPTY = "empty"
    XML = "xml"
    """What callers get who do not ask for JSON."""


class Refusal(Exception):
    """A request that ends in an error: the status, the type and the text it travels with."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = _BUSINESS,
        details: Sequence[Row] = (),
        silent: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.details = tuple(details)
        self.silent = silent
        """No body at all."""

    def body(self, variant: Variant = Variant.PLAIN) -> str:
        """The body as text in the variant's form."""
        match variant:
            case Variant.EMPTY:
                return ""
            case Variant.HTML:
                return "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
            case Variant.ODATA:
                inner = {"message": self.message, "type": self.kind, "stacktrace": ""}
                return json.dumps({"error": {"code": "", "message": self.message, "innererror": inner}})
            case Variant.XML:
                inner = f"<ErrorMessage>{escape(self.message)}</ErrorMessage><ErrorType>{self.kind}</ErrorType>"
                return f"<Error><HttpStatus>{self.status}</HttpStatus>{inner}</Error>"
            case Variant.BARE:
                return json.dumps({"HttpStatus": self.status, "ReasonPhrase": "REST API Exception"})
            case _:
                phrase = "REST Api Exception" if variant is Variant.SPELLING else "REST API Exception"
                return json.dumps(self._envelope(phrase))

    def _envelope(self, phrase: str) -> dict[str, Any]:
        envelope: dict[str, Any] = {
            "HttpStatus": self.status,
            "ReasonPhrase": phrase,
            "ErrorMessage": self.message,
            "ErrorType": self.kind,
        }
        if self.details:
            envelope["ErrorDetails"] = list(self.details)
        envelope["CorrelationId"] = str(uuid.uuid4())
        return envelope


def rejected(message: str, *, table: str = "", field: str = "") -> Refusal:
    """A business rule refused, 400; table and field make it an ErrorDetails entry too."""
    if not table:
        return Refusal(message)
    return Refusal(message, details=[{"Message": message, "Type": "Error", "Table": table, "Field": field}])


def rejected_for_all(findings: Sequence[tuple[str, str, str]]) -> Refusal:
    """Several findings at once, each (message, table, field); the message is the first one's."""
    details = [{"Message": text, "Type": "Error", "Table": table, "Field": field} for text, table, field in findings]
    return Refusal(findings[0][0], details=details)


def duplicate(status: int = 409) -> Refusal:
    """A row with that key exists: 409, or 400 with the same text (Epicor dossier 9.7)."""
    text = "This is a duplicate entry of an existing record"
    return Refusal(text, status=status, kind="Ice.Common.DuplicateRecordException" if status == 409 else _BUSINESS)


def stale(status: int = 400) -> Refusal:
    """The row moved on since it was read; the text is an assumption (Epicor dossier 4.3)."""
    return Refusal("Row has been modified by another user and couldn't be updated.", status=status)


def no_record(message: str = "Record not found.") -> Refusal:
    """Nothing has that key."""
    return Refusal(message, status=404, kind="Ice.Common.RecordNotFoundException")


def no_path(what: str) -> Refusal:
    """No such service, set, method or company."""
    return Refusal(f"The requested resource '{what}' was not found.", status=404, kind="Epicor.RESTApi.ApiException")


def bad_query(message: str) -> Refusal:
    """A query option that cannot be read, or names what is not there."""
    return Refusal(message, kind="Microsoft.OData.ODataException")


def unknown_property(name: str, type_name: str) -> Refusal:
    """A property in a query option that the type does not have (Epicor dossier 17.13)."""
    return bad_query(f"Could not find a property named '{name}' on type '{type_name}'.")


def bad_body(message: str) -> Refusal:
    """The body cannot be read, or a declared parameter is missing."""
    return Refusal(message, kind="Epicor.RESTApi.ApiException")


def wrong_verb(verb: str) -> Refusal:
    """The method is called with the other verb."""
    text = f"The requested resource does not support http method '{verb}'."
    return Refusal(text, status=405, kind="Epicor.RESTApi.ApiException")


def wrong_key(key: str, company: str) -> Refusal:
    """The API key is missing, unknown or out of date; the text repeats it (Epicor dossier 4.2)."""
    return Refusal(f"Invalid API Key {key}.\r\nCompany {company}.", status=401, kind=_UNAUTHORIZED)


def wrong_login() -> Refusal:
    """User and password do not fit."""
    return Refusal("Invalid username or password.", status=401, kind=_UNAUTHORIZED)


def no_login() -> Refusal:
    """No login at all, or one that ended: an empty body and a challenge."""
    return Refusal("", status=401, kind=_UNAUTHORIZED, silent=True)


def no_rights(what: str) -> Refusal:
    """The user may not call that method: `Erp.BO.Company.GetRows`."""
    return Refusal(f"Access denied ({what}).", status=401, kind=_UNAUTHORIZED)


def out_of_scope(service: str) -> Refusal:
    """The access scope of the key does not list the service."""
    return Refusal(
        f"The API key's access scope does not allow '{service}'.", status=403, kind="UnauthorizedAccessException"
    )


def no_licence(status: int = 400) -> Refusal:
    """All licences are in use; the status is not known (Epicor dossier 4.3)."""
    return Refusal("Maximum users exceeded on license type DefaultUser.", status=status)


def server_error() -> Refusal:
    """The details are kept from remote callers."""
    return Refusal("An unexpected internal problem occurred.", status=500, kind="System.Exception")


def not_simulated(what: str) -> Refusal:
    """The contract has it, the sandbox does not."""
    return Refusal(f"The sandbox does not simulate {what}.", status=501, kind="Sandbox")
