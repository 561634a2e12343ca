"""Visma Connect: tokens of one company each, for a service application (Visma dossier 3, 17.1-17.5)."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from aiohttp import BasicAuth, web

from ml_connector.sandbox.clock import Clock

CLIENT_ID = "isv_ml_connector"
CLIENT_SECRET = "visma-secret"  # noqa: S105 - of a simulated system
_PREFIX = "vismanet_erp_service_api:"
SCOPES = frozenset(f"{_PREFIX}{verb}" for verb in ("read", "create", "update", "delete"))
SCOPE_OF = {
    "GET": f"{_PREFIX}read",
    "POST": f"{_PREFIX}create",
    "PUT": f"{_PREFIX}update",
    "DELETE": f"{_PREFIX}delete",
}
ACTION_SCOPE = f"{_PREFIX}update"
"""What an action needs; UNCONFIRMED (Visma dossier 17.5)."""
CUSTOMER_TENANT = str(uuid.uuid5(uuid.NAMESPACE_URL, "visma-customer"))
"""A tenant one level too high: it gets tokens that every call refuses."""


def tenant_of(code: str) -> str:
    """The company tenant's id of the company of that Basware code."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"visma-company-{code}"))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for."""

    tenant: str
    scopes: frozenset[str]
    until: datetime


@dataclass(slots=True)
class Connect:
    """The identity provider."""

    clock: Clock
    seconds: int = 3600
    wrong_secret: int = 400
    """The status of `invalid_client`, 400 or 401 (UNCONFIRMED)."""
    registered: frozenset[str] = SCOPES
    """The scopes that the application was approved for."""
    drops_scopes: bool = False
    """A token simply lacks the scopes that were not approved, where else the request is refused."""
    tenants: set[str] = field(default_factory=set)
    """The company tenants that approved the application."""
    customers: set[str] = field(default_factory=lambda: {CUSTOMER_TENANT})
    issued: int = 0
    _grants: dict[str, Grant] = field(default_factory=dict, repr=False)

    async def answer(self, request: web.Request) -> web.Response:
        """`POST /connect/token`."""
        if request.content_type != "application/x-www-form-urlencoded":
            return _error("invalid_request")
        form = {name: values[-1] for name, values in parse_qs(await request.text()).items()}
        if form.get("grant_type") != "client_credentials":
            known = form.get("grant_type") in ("refresh_token", "authorization_code")
            return _error("unauthorized_client" if known else "unsupported_grant_type")
        if not _is_client(request, form):
            return _error("invalid_client", self.wrong_secret)
        asked = frozenset(form.get("scope", "").split())
        if not asked or not asked <= (SCOPES if self.drops_scopes else self.registered):
            return _error("invalid_scope")
        tenant = form.get("tenant_id", "").lower()
        if tenant not in self.tenants | self.customers:
            return _error("invalid_tenant")
        return self._issue(tenant, asked & self.registered)

    def find(self, authorization: str) -> Grant | None:
        """What the token of the header is good for; None for one that is unknown or over."""
        kind, _, token = authorization.partition(" ")
        grant = self._grants.get(token) if kind.lower() == "bearer" else None
        return grant if grant is not None and grant.until > self.clock.now() else None

    def reset(self, seconds: int) -> None:
        """Every setting as at first, and no tenants; tokens stay good."""
        self.seconds, self.wrong_secret = seconds, 400
        self.registered, self.drops_scopes = SCOPES, False
        self.tenants.clear()
        self.customers = {CUSTOMER_TENANT}

    def expire(self, tenant: str | None = None) -> int:
        """Ends the tokens of a tenant, or all; how many."""
        gone = [token for token, grant in self._grants.items() if tenant in (None, grant.tenant)]
        for token in gone:
            del self._grants[token]
        return len(gone)

    def _issue(self, tenant: str, scopes: frozenset[str]) -> web.Response:
        now = self.clock.now()
        self._grants = {token: grant for token, grant in self._grants.items() if grant.until > now}
        token = f"eyJhbGciOiJSUzI1NiJ9.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(24)}"
        self._grants[token] = Grant(tenant, scopes, now + timedelta(seconds=self.seconds))
        self.issued += 1
        body = {
            "access_token": token,
            "expires_in": self.seconds,
            "token_type": "Bearer",
            "scope": " ".join(sorted(scopes)),
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})


def _is_client(request: web.Request, form: dict[str, str]) -> bool:
    """The secret in the form, which is documented, or in a Basic header, which is taken, too."""
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("basic "):
        try:
            basic = BasicAuth.decode(header)
        except ValueError:
            return False
        return (basic.login, basic.password) == (CLIENT_ID, CLIENT_SECRET)
    return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


def _error(code: str, status: int = 400) -> web.Response:
    return web.json_response({"error": code}, status=status)
