"""Errors as callers get them: problem+json (RFC 9457) with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError, DBAPIError
from starlette.exceptions import HTTPException

from ml_connector.connectors.errors import ConnectorError
from ml_connector.engine.sides import UnknownConnection
from ml_connector.operations.documents import UnknownDocument
from ml_connector.operations.replay import NotPossible
from ml_connector.operations.runs import UnknownFlow
from ml_connector.store.keys import KeyProblem
from ml_connector.store.vault import SecretUnreadable

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"


class ProblemBody(BaseModel):
    """What went wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[str] = []


class Problem(Exception):
    """Ends a call with an error that its caller is told of."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


_STATUS: Final[Mapping[type[Exception], int]] = {
    UnknownConnection: 404,
    UnknownDocument: 404,
    UnknownFlow: 422,
    NotPossible: 409,
    ConnectorError: 502,
    KeyProblem: 500,
    SecretUnreadable: 500,
}


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, errors: list[str] | None = None
) -> Response:
    """The answer."""
    body = ProblemBody(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def install_problems(app: FastAPI) -> None:
    """Answers every error this way."""

    async def known(_request: Request, error: Exception) -> Response:
        status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
        return problem(status, str(error))

    async def told(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem(error.status, error.detail, headers=error.headers)

    async def plain(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, _sentence(error), headers=error.headers)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # The values themselves are not repeated: any may be a secret put in the wrong place.
        errors = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        return problem(422, "The call is not as the description says.", errors=errors)

    async def database(_request: Request, error: Exception) -> Response:
        if isinstance(error, DataError):
            return problem(422, "The call holds a value that cannot be stored or looked for.")
        log.warning("The database could not answer a call.", error=str(error))
        return problem(503, "The database does not answer at the moment. Try again.", headers={"Retry-After": "5"})

    async def text(_request: Request, _error: Exception) -> Response:
        return problem(422, "The call holds text that is no Unicode.")

    for kind in _STATUS:
        app.add_exception_handler(kind, known)
    app.add_exception_handler(Problem, told)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(DBAPIError, database)
    app.add_exception_handler(UnicodeEncodeError, text)


def _sentence(error: HTTPException) -> str:
    if error.status_code == 404:
        return "There is nothing at this address."
    if error.status_code == 405:
        return "This address does not take that method."
    return str(error.detail)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the API's description: which problems a call may end with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content, "model": ProblemBody}
        for status in statuses
    }
