"""Sign-in: tokens for client credentials, and the optional Basic user (dossier 1.2, 1.3)."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from ml_connector.sandbox.basware.errors import gateway
from ml_connector.sandbox.basware.wire import answer
from ml_connector.sandbox.clock import Clock

CLIENT_ID = "acme"
CLIENT_SECRET = "basware-secret"  # noqa: S105 - simulated
BASIC_USER = "acme-basic"
BASIC_PASSWORD = "basic-secret"  # noqa: S105 - simulated

_FULL = (  # noqa: SIM905 - reads better than a column of quotes
    "accountingDocuments vendors accounts costCenters lists projects taxCodes paymentTerms exchangeRates"
    " matchingOrders matchingOrderLines errorFeedbacks subscriptions requestStatus"
).split()
SCOPES = frozenset(
    [f"{resource}.{verb}" for resource in _FULL for verb in ("read", "write", "delete")]
    + ["tasks.read", "taskStatus.read", "importDocuments.write"]
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do, and until when."""

    scopes: frozenset[str]
    until: datetime


class Tokens:
    """The tokens handed out, and the gate they open."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._grants: dict[str, Grant] = {}
        self.seconds = seconds
        self.basic_user = False
        self.denied: frozenset[str] = frozenset()

    def expire(self) -> int:
        """Makes every token worthless; returns how many there were."""
        count = len(self._grants)
        self._grants.clear()
        return count

    def guard(self, scope: str, handler: Handler) -> Handler:
        """The handler behind the gate."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self._require(request, scope)
            return await handler(request)

        return guarded

    async def issue(self, request: web.Request) -> web.Response:
        """POST /v1/tokens."""
        if basic_pair(request) != (CLIENT_ID, CLIENT_SECRET):
            return answer({"error": "invalid_client"}, 401)
        form = await request.post()
        for name in ("grant_type", "scope"):  # U2: a missing scope is answered like a missing grant_type
            if not form.get(name):
                return _invalid(f"{name} field required")
        if form["grant_type"] != "client_credentials":
            return answer({"error": "unsupported_grant_type"}, 400)
        asked = str(form["scope"]).split()
        if not set(asked) <= SCOPES - self.denied:
            return answer({"error": "invalid_scope"}, 400)
        return answer(
            {
                "access_token": self._grant(frozenset(asked)),
                "scope": " ".join(asked),
                "expires_in": self.seconds,
                "token_type": "Bearer",
            }
        )

    def _grant(self, scopes: frozenset[str]) -> str:
        now = self._clock.now()
        for old in [token for token, grant in self._grants.items() if grant.until <= now]:
            del self._grants[old]
        token = _token(scopes, now, self.seconds)
        self._grants[token] = Grant(scopes, now + timedelta(seconds=self.seconds))
        return token

    def _require(self, request: web.Request, scope: str) -> None:
        if self.basic_user and basic_pair(request) == (BASIC_USER, BASIC_PASSWORD):
            return
        scopes = self.scopes_of(request)
        if scopes is None:
            raise gateway(401, "Unauthorized")
        if scope not in scopes:
            raise gateway(403, "Forbidden")

    def scopes_of(self, request: web.Request) -> frozenset[str] | None:
        """What the request's token may do, None where it has no valid one."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        grant = self._grants.get(token.strip())
        if kind.lower() != "bearer" or grant is None or grant.until <= self._clock.now():
            return None
        return grant.scopes


def _invalid(description: str) -> web.Response:
    return answer({"error": "invalid_request", "error_description": description}, 400)


def basic_pair(request: web.Request) -> tuple[str, str] | None:
    """Name and secret of an HTTP Basic sign-in, None where there is none."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


def _token(scopes: frozenset[str], now: datetime, seconds: int) -> str:
    """Looks like the real JWT; its signature is random, for nobody but the sandbox checks it."""
    issued = int(now.timestamp())
    claims = {
        "sub": CLIENT_ID,
        "scope": " ".join(sorted(scopes)),
        "iss": "https://api.basware.com",
        "aud": "OpenAPI",
        "iat": issued,
        "exp": issued + seconds,
        "jti": secrets.token_hex(8),
        "bwcid": "SANDBOX-TEST1",
    }
    head = {"alg": "RS256", "kid": "sandbox", "typ": "at+jwt"}
    return ".".join([_part(head), _part(claims), secrets.token_urlsafe(32)])


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


__all__ = ["BASIC_PASSWORD", "BASIC_USER", "CLIENT_ID", "CLIENT_SECRET", "SCOPES", "Tokens", "basic_pair"]
