"""Who may: API tokens as bearer, on the pages also as the password of HTTP Basic."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from ml_connector.engine.process import Process
from ml_connector.operations.tokens import Role, Token, check_token
from ml_connector.web.problems import Problem

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER: Final = HTTPBearer(auto_error=False, description="A token of `ml-connector token create`.")


def process_of(request: Request) -> Process:
    """The process that answers."""
    return request.app.state.process


async def api_caller(request: Request, _described: Annotated[Any, Depends(_BEARER)]) -> Token:
    """Who calls the API, by a bearer token only: a browser sends nothing of that kind by itself."""
    token = await _checked(request, _bearer(request))
    if token is None:
        raise Problem(
            401, "This call needs a valid token: `Authorization: Bearer mlc_…`, from `ml-connector token create`.",
            headers={"WWW-Authenticate": 'Bearer realm="ml-connector"'},
        )  # fmt: skip
    if token.role is not Role.OPERATOR and request.method not in _READS:
        raise Problem(403, f"The token {token.name} may only read. This call needs the role operator.")
    return token


async def page_caller(request: Request) -> Token:
    """Who looks at a page: any user name, an API token as password; or a bearer token."""
    token = await _checked(request, _bearer(request) or _basic(request))
    if token is None:
        raise Problem(
            401, "Sign in with any user name and an API token as password (`ml-connector token create`).",
            headers={"WWW-Authenticate": 'Basic realm="ml-connector", charset="UTF-8"'},
        )  # fmt: skip
    return token


Caller = Annotated[Token, Depends(api_caller)]
Viewer = Annotated[Token, Depends(page_caller)]
Here = Annotated[Process, Depends(process_of)]


def actor_of(token: Token) -> str:
    """Who asks, for the trail."""
    return f"api:{token.name}"


async def _checked(request: Request, secret: str | None) -> Token | None:
    if not secret:
        return None
    process = process_of(request)
    return await check_token(process.database, secret, now=process.clock())


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _basic(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
