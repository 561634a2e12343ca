"""Sign-in through Visma Connect: client credentials with the company's tenant (Visma dossier 3).

There is no refresh token: a token that ends is followed by another one, got the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.http import HttpClient, Reply, TokenAuthorizer, recording
from ml_connector.connectors.manifest import Limits
from ml_connector.records.reason import Finding, Reason

ISSUER: Final = "Visma Connect"
_LIMITS: Final = Limits(parallel_calls=1, calls=10, per_seconds=10.0, page_size=1, write_timeout=30.0)

ADVICE: Final[Mapping[str, str]] = {
    "invalid_client": (
        "Check client_id and client_secret against the service application in the Visma Developer Portal; a new"
        " secret is made there."
    ),
    "invalid_tenant": (
        "The company has not approved the application, or lacks the API licence: its integration administrator"
        " accepts it in Visma App Store. Check too that tenant_id is the company tenant's id, which App Store shows"
        " on company level."
    ),
    "invalid_scope": (
        "A scope is missing: add it to the application in the Visma Developer Portal, wait for Visma's approval,"
        " and have the company's integration administrator approve it again in Visma App Store."
    ),
    "unauthorized_client": (
        "The application may not sign in by itself: in the Visma Developer Portal it must be a service application."
    ),
}  # fmt: skip
NO_ADVICE: Final = "Check client_id, client_secret and tenant_id."


class ConnectTokens:
    """Gets bearer tokens of one application for one company. `authorizer` shares one among all calls."""

    def __init__(self, *, url: str, client_id: str, client_secret: str, tenant_id: str, scopes: Sequence[str]) -> None:
        self.url = url
        self.scopes = tuple(scopes)
        self._client_id = client_id
        self._client_secret = client_secret
        self._tenant_id = tenant_id
        # No guard: getting a token changes nothing, and reads need one too.
        self._http = HttpClient(system=ISSUER, limits=_LIMITS, headers={"Accept": "application/json"})
        self.authorizer = TokenAuthorizer(self.fetch)  # renews a minute early, or a tenth of a short life
        self.granted: frozenset[str] | None = None
        """The scopes of the last token; None where the answer did not tell."""

    async def fetch(self) -> tuple[str, float]:
        """A new token and its lifetime in seconds. Raises Refused (sign-in refused) or Unavailable."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "scope": " ".join(self.scopes),
            "tenant_id": self._tenant_id,
        }
        async with recording():  # kept apart: a form with the secret in it belongs in no trail
            reply = await self._http.write(
                "POST", self.url, content=urlencode(form).encode(), authorized=False, idempotent=True,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )  # fmt: skip
        body = _json(reply)
        if not reply.ok:
            raise refusal(reply, body)
        try:
            token, lifetime = str(body["access_token"]), int(body["expires_in"])
        except (KeyError, TypeError, ValueError) as odd:
            finding = Finding(Reason.UNEXPECTED, ISSUER, "the answer holds no token")
            raise Refused(system=ISSUER, findings=(finding,), status=reply.status) from odd
        told = body.get("scope")
        self.granted = frozenset(told.split()) if isinstance(told, str) and told else None
        return token, lifetime

    async def close(self) -> None:
        """Closes the pooled connection."""
        await self._http.close()


def refusal(reply: Reply, body: Any) -> Refused:
    """The token endpoint's refusal; 400 and 401 mean the same (Visma dossier 3.2)."""
    code = str(body.get("error") or "") if isinstance(body, dict) else ""
    said = str(body.get("error_description") or "") if isinstance(body, dict) else ""
    words = " ".join(each for each in (code, said) if each) or f"answered {reply.status}"
    # Without an error of the protocol it is not the token endpoint that answered.
    reason = Reason.SIGN_IN_REFUSED if code else Reason.ADDRESS_WRONG
    return Refused(system=ISSUER, findings=(Finding(reason, ISSUER, words),), status=reply.status, code=code)


def advice_for(error: ConnectorError) -> str:
    """What to do where no token was given."""
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check token_url: what answers there is no token endpoint."
    if error.reason is Reason.UNREACHABLE:
        return "Check that this machine may reach the token address (firewall, proxy, DNS)."
    return ADVICE.get(error.code, NO_ADVICE)


def _json(reply: Reply) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None
