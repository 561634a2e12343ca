"""Who calls: users, the API key, the token resource and the OAuth server (Epicor dossier 3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.epicor_kinetic.errors import no_login, out_of_scope, wrong_key, wrong_login

USERNAME = "basware"
PASSWORD = "epicor-secret"  # noqa: S105 - the sandbox's own
API_KEY = "epicor-api-key"
CLIENT = "ml-connector"
CLIENT_SECRET = "epicor-client-secret"  # noqa: S105 - the sandbox's own
SCOPE = "epicor_erp"
_SIGNING_KEY = b"the token resource of the sandbox"


class OAuthError(Exception):
    """A refusal of the OAuth server: status 400 and its code."""


@dataclass(slots=True)
class Key:
    """The API key of the environment."""

    value: str = API_KEY
    enabled: bool = True
    expires: date | None = None
    scope: frozenset[str] | None = None
    """The services that its access scope lists; None for all."""


@dataclass(slots=True)
class Identity:
    """The key, the user, the tokens that are good, and how often somebody signed in."""

    clock: Clock
    token_seconds: int = 3600
    key: Key = field(default_factory=Key)
    password: str = PASSWORD
    basic: bool = True
    """Basic is allowed."""
    mapped: bool = True
    """The OAuth client stands for a user; otherwise its tokens are good for nothing (Epicor dossier 3.3)."""
    granted: int = 0
    refused: int = 0
    """Wrong passwords so far."""
    tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Token: the user, empty for an unmapped client, and when it ends."""

    def check_key(self, headers: Mapping[str, str], options: Mapping[str, str], company: str) -> None:
        """Refuses a call without the right API key; checked before the login (an assumption of dossier 4.2)."""
        sent = headers.get("x-api-key", options.get("api-key", ""))
        key, today = self.key, self.clock.now().date()
        if sent != key.value or not key.enabled or (key.expires is not None and key.expires < today):
            raise wrong_key(sent, company)

    def check_scope(self, service: str) -> None:
        """Refuses a service that the key's access scope does not list."""
        if self.key.scope is not None and service not in self.key.scope:
            raise out_of_scope(service)

    def user_of(self, headers: Mapping[str, str]) -> str:
        """Who is signed in; raises Refusal."""
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(rest.strip())
        if scheme.lower() != "basic":
            raise no_login()
        self.check_password(*_basic(rest))
        if not self.basic:
            raise no_login()
        return USERNAME

    def check_password(self, user: str, password: str) -> None:
        """Refuses a login that is not known."""
        if user.lower() != USERNAME or not hmac.compare_digest(password.encode(), self.password.encode()):
            self.refused += 1
            raise wrong_login()

    def issue(self, user: str) -> str:
        """A token: a JWT whose times are texts (Epicor dossier 3.2)."""
        now = self.clock.now()
        ends = now + timedelta(seconds=self.token_seconds)
        claims = {
            "iss": "epicor",
            "aud": "epicor",
            "username": user,
            "jti": secrets.token_hex(8),
            "iat": str(int(now.timestamp())),
            "exp": str(int(ends.timestamp())),
        }
        token = _signed(claims)
        self.tokens[token] = (user, ends)
        self.granted += 1
        return token

    def grant(self, form: Mapping[str, str]) -> dict[str, object]:
        """What the OAuth server answers to client credentials; raises OAuthError."""
        if form.get("grant_type") != "client_credentials":
            raise OAuthError("unsupported_grant_type")
        right = hmac.compare_digest(form.get("client_secret", "").encode(), CLIENT_SECRET.encode())
        if form.get("client_id") != CLIENT or not right:
            self.refused += 1
            raise OAuthError("invalid_client")
        if form.get("scope", SCOPE) != SCOPE:
            raise OAuthError("invalid_scope")
        token = self.issue(USERNAME if self.mapped else "")
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds, "scope": SCOPE}

    def expire(self) -> int:
        """Ends every token."""
        ended = len(self.tokens)
        self.tokens.clear()
        return ended

    def _bearer(self, token: str) -> str:
        user, ends = self.tokens.get(token, ("", datetime.min.replace(tzinfo=UTC)))
        if not user or ends <= self.clock.now():
            raise no_login()
        return user


def _basic(text: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise no_login() from None
    return user, password


def _signed(claims: Mapping[str, str]) -> str:
    parts = [_part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()), _part(json.dumps(claims).encode())]
    signature = hmac.new(_SIGNING_KEY, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _part(signature)])


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
