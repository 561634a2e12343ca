"""The identity platform's token endpoint and what BC thinks of the tokens (BC dossier 2)."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from ml_connector.sandbox.clock import Clock

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT_ID = "22222222-3333-4444-5555-666666666666"
CLIENT_SECRET = "bc-secret"  # noqa: S105 - a simulated system's
_SECRET = CLIENT_SECRET.encode()
_NO_GRANT = "The request body must contain the following parameter: 'grant_type'."
_OTHER_GRANT = "The app requested an unsupported grant type."
_WRONG_SECRET = "Invalid client secret provided. Ensure the secret being sent is the client secret value."  # noqa: S105 - a message
SCOPE = "https://api.businesscentral.dynamics.com/.default"


@dataclass(slots=True)
class SignIn:
    """Tokens given out, and whether the application has an enabled card in BC."""

    clock: Clock
    seconds: int
    registered: bool = True
    _expiry: dict[str, datetime] = field(default_factory=dict)

    async def token(self, request: web.Request) -> web.Response:
        """POST /{tenant}/oauth2/v2.0/token."""
        form = await request.post() if request.content_type == "application/x-www-form-urlencoded" else {}
        refusal = _refusal(request.match_info["tenant"], {name: str(value) for name, value in form.items()})
        if refusal is not None:
            return refusal
        token = self._issue()
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": max(self.seconds - 1, 0),
                "ext_expires_in": max(self.seconds - 1, 0),
                "access_token": token,
            }
        )

    def _issue(self) -> str:
        expiry = self.clock.now() + timedelta(seconds=self.seconds)
        claims = {
            "aud": "https://api.businesscentral.dynamics.com",
            "tid": TENANT,
            "appid": CLIENT_ID,
            "roles": ["API.ReadWrite.All"],
            "exp": int(expiry.timestamp()),
            "jti": secrets.token_hex(8),
        }
        parts = ({"alg": "none", "typ": "JWT"}, claims)
        head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        token = f"{head}.{secrets.token_urlsafe(24)}"
        self._expiry[token] = expiry
        return token

    def accepts(self, authorization: str) -> bool:
        """True for a token that was given out here, has not expired, and an application that BC knows."""
        scheme, _, token = authorization.partition(" ")
        expiry = self._expiry.get(token)
        if scheme.lower() != "bearer" or expiry is None:
            return False
        if expiry <= self.clock.now():
            del self._expiry[token]
            return False
        return self.registered

    def expire(self) -> int:
        """Ends every token at once; says how many there were."""
        count = len(self._expiry)
        self._expiry.clear()
        return count


def _refusal(tenant: str, form: dict[str, str]) -> web.Response | None:
    """The first thing the identity platform objects to, in its own words, or None."""
    client, secret = form.get("client_id", ""), form.get("client_secret", "")
    checks = (
        (tenant == TENANT, 400, "invalid_request", 90002, f"Tenant '{tenant}' not found."),
        ("grant_type" in form, 400, "invalid_request", 900144, _NO_GRANT),
        (form.get("grant_type") == "client_credentials", 400, "unsupported_grant_type", 70003, _OTHER_GRANT),
        (client == CLIENT_ID, 400, "unauthorized_client", 700016, f"Application '{client}' was not found."),
        (secrets.compare_digest(secret.encode(), _SECRET), 401, "invalid_client", 7000215, _WRONG_SECRET),
        (form.get("scope") == SCOPE, 400, "invalid_scope", 70011, "The provided value for 'scope' is not valid."),
    )
    for fine, status, error, code, text in checks:
        if not fine:
            return _refused(status, error, code, text)
    return None


def _refused(status: int, error: str, code: int, text: str) -> web.Response:
    body = {"error": error, "error_description": f"AADSTS{code}: {text}", "error_codes": [code]}
    return web.json_response(body, status=status)
