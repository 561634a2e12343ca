"""Who may come in: users and their locks, and the OAuth grants of the identity server (Acumatica dossier 2.2)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ml_connector.sandbox.acumatica.books import tenant_of
from ml_connector.sandbox.acumatica.sessions import Session
from ml_connector.sandbox.clock import Clock

USERNAME = "basware"
PASSWORD = "acumatica-secret"  # noqa: S105 - of the simulation
CLIENT = "8e0761d9-f4ec-2d4b-a60f-bce2708c6fdd"
CLIENT_SECRET = "acumatica-client-secret"  # noqa: S105 - of the simulation
SCOPES = frozenset({"api", "offline_access", "api:concurrent_access", "openid", "profile", "email"})
_TRIES = 5
"""Wrong passwords until the account locks."""
_CHAIN = timedelta(days=30)
"""How long refresh tokens can be renewed."""
_KNOWN_GRANTS = frozenset({"password", "authorization_code", "refresh_token", "client_credentials"})


def client_id(code: str) -> str:
    """The OAuth client of a company code's tenant."""
    return f"{CLIENT}@{tenant_of(code)}"


class OAuthError(Exception):
    """400 with `{"error": code}`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Grant:
    """One granted access: its tokens change, its session stays."""

    tenant: str
    user: str
    scopes: frozenset[str]
    since: datetime
    session: Session | None = None

    @property
    def is_concurrent(self) -> bool:
        """True where every request without a cookie opens a session of its own."""
        return "api:concurrent_access" in self.scopes


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code."""

    grant: Grant
    redirect_uri: str
    challenge: str
    method: str


@dataclass(slots=True)
class Identity:
    """Users, clients, tokens."""

    clock: Clock
    token_seconds: int = 3600
    wrong: int = 0
    """Wrong passwords in a row."""
    locked: bool = False
    granted: int = 0
    """How many access tokens were handed out."""
    tokens: dict[str, tuple[Grant, datetime]] = field(default_factory=dict)
    refreshing: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)

    def knows(self, user: str, password: str) -> bool:
        """True for the right password of an account that is not locked; counts the wrong ones."""
        if self.locked:
            return False
        if secrets.compare_digest(f"{user.lower()}\n{password}".encode(), f"{USERNAME}\n{PASSWORD}".encode()):
            self.wrong = 0
            return True
        self.wrong += 1
        self.locked = self.wrong >= _TRIES
        return False

    def grant_of(self, token: str) -> tuple[Grant, datetime] | None:
        """The grant behind a living access token, and when the token ends."""
        known = self.tokens.get(token)
        return None if known is None or self.clock.now() >= known[1] else known

    def expire(self) -> int:
        """Ends every access token at once; returns how many there were."""
        count = len(self.tokens)
        now = self.clock.now()
        for grant, _ in self.tokens.values():
            if grant.session is not None:
                grant.session.ends_at = now
        self.tokens.clear()
        return count

    def token(self, form: Mapping[str, str], tenants: Iterable[str]) -> dict[str, object]:
        """Answers a token request; raises OAuthError."""
        kind = form.get("grant_type", "")
        if kind not in _KNOWN_GRANTS:
            raise OAuthError("unsupported_grant_type")
        tenant = self._client(form, tenants)
        if kind == "client_credentials":
            raise OAuthError("unauthorized_client")
        if kind == "password":
            return self._issue(self._by_password(form, tenant))
        return self._issue(self._by_code(form, tenant) if kind == "authorization_code" else self._renewed(form, tenant))

    def authorize(self, asked: Mapping[str, str], tenants: Iterable[str]) -> str:
        """An authorization code for the user, who always consents; raises OAuthError."""
        tenant = _tenant(asked.get("client_id", ""), tenants)
        if asked.get("response_type") != "code":
            raise OAuthError("unsupported_response_type")
        code = secrets.token_hex(16)
        grant = Grant(tenant, USERNAME, _scopes(asked), self.clock.now())
        self.codes[code] = Code(
            grant,
            asked.get("redirect_uri", ""),
            asked.get("code_challenge", ""),
            asked.get("code_challenge_method", "plain"),
        )
        return code

    def revoke(self, token: str) -> None:
        """Ends a token; the seat stays taken (Acumatica dossier 2.3)."""
        self.tokens.pop(token, None)
        self.refreshing.pop(token, None)

    def _client(self, form: Mapping[str, str], tenants: Iterable[str]) -> str:
        tenant = _tenant(form.get("client_id", ""), tenants)
        if not secrets.compare_digest(form.get("client_secret", "").encode(), CLIENT_SECRET.encode()):
            raise OAuthError("invalid_client")
        return tenant

    def _by_password(self, form: Mapping[str, str], tenant: str) -> Grant:
        scopes = _scopes(form)
        if not self.knows(form.get("username", ""), form.get("password", "")):
            raise OAuthError("invalid_grant")
        return Grant(tenant, USERNAME, scopes, self.clock.now())

    def _by_code(self, form: Mapping[str, str], tenant: str) -> Grant:
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.grant.tenant != tenant or code.redirect_uri != form.get("redirect_uri", ""):
            raise OAuthError("invalid_grant")
        if code.challenge and _challenge(form.get("code_verifier", ""), code.method) != code.challenge:
            raise OAuthError("invalid_grant")
        return code.grant

    def _renewed(self, form: Mapping[str, str], tenant: str) -> Grant:
        """The old refresh token is dead from now on (Acumatica dossier 15.5)."""
        grant = self.refreshing.pop(form.get("refresh_token", ""), None)
        if grant is None or grant.tenant != tenant or self.clock.now() - grant.since > _CHAIN:
            raise OAuthError("invalid_grant")
        return grant

    def _issue(self, grant: Grant) -> dict[str, object]:
        token = secrets.token_hex(32)
        ends = self.clock.now() + timedelta(seconds=self.token_seconds)
        self.tokens[token] = (grant, ends)
        self.granted += 1
        if grant.session is not None:
            grant.session.ends_at = ends
        answer: dict[str, object] = {
            "access_token": token,
            "expires_in": self.token_seconds,
            "token_type": "Bearer",
            "scope": " ".join(sorted(grant.scopes)),
        }
        if "offline_access" in grant.scopes:
            refresh = secrets.token_hex(32)
            self.refreshing[refresh] = grant
            answer["refresh_token"] = refresh
        return answer


def _tenant(client: str, tenants: Iterable[str]) -> str:
    """The tenant in the client's suffix; a client without one, or of a tenant that is not here, is unknown."""
    application, _, tenant = client.partition("@")
    known = {each.lower(): each for each in tenants}
    if application.lower() != CLIENT or tenant.lower() not in known:
        raise OAuthError("invalid_client")
    return known[tenant.lower()]


def _scopes(form: Mapping[str, str]) -> frozenset[str]:
    asked = frozenset(form.get("scope", "").split())
    if not asked or asked - SCOPES:
        raise OAuthError("invalid_scope")
    return asked


def _challenge(verifier: str, method: str) -> str:
    if method != "S256":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
