"""Sign-in through Microsoft Entra ID: the client credentials grant (BC dossier 2)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from ml_connector.connectors.business_central.manifest import SCOPE
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.http import HttpClient, Reply, TokenAuthorizer, recording
from ml_connector.connectors.manifest import Limits
from ml_connector.records.reason import Finding, Reason

ISSUER: Final = "Microsoft Entra ID"
_LIMITS: Final = Limits(parallel_calls=1, calls=10, per_seconds=10.0, page_size=1, write_timeout=30.0)
_ERROR_CODE: Final = re.compile(r"AADSTS(\d+)")
_TRAILING_IDS: Final = re.compile(r"\s*Trace ID:.*$", re.DOTALL)

ADVICE: Final[Mapping[str, str]] = {
    "7000215": (
        "The client secret is wrong. In the Azure portal, under App registrations, Certificates & secrets,"
        " create a new client secret and set its value (not its id) as client_secret."
    ),
    "7000222": (
        "The client secret has expired. In the Azure portal, under App registrations, Certificates & secrets,"
        " create a new client secret and set its value as client_secret."
    ),
    "700016": (
        "The application is not known in this tenant. Check client_id and tenant_id, and that an"
        " administrator of the tenant has given the app registration consent."
    ),
    "90002": "There is no such tenant. Check tenant_id: the directory (tenant) id in Microsoft Entra ID.",
    "900023": "The tenant is neither an id nor a domain name. Check tenant_id.",
    "500011": (
        "Business Central is not known in this tenant. Check tenant_id, and that the company has a licence."
    ),
    "53003": "A conditional access policy blocks the sign-in. Ask the tenant's administrator to exempt the app.",
}  # fmt: skip
NO_ADVICE: Final = "Check tenant_id, client_id and client_secret against the app registration."


class EntraTokens:
    """Gets bearer tokens for one app registration. `authorizer` shares one among all calls."""

    def __init__(self, *, url: str, client_id: str, client_secret: str) -> None:
        self.url = url
        self._client_id = client_id
        self._client_secret = client_secret
        # No guard: getting a token changes nothing, and reads need one too.
        self._http = HttpClient(
            system=ISSUER, limits=_LIMITS, headers={"Accept": "application/json"},
            request_id_headers=("x-ms-request-id",),
        )  # fmt: skip
        self.authorizer = TokenAuthorizer(self.fetch)
        self.roles: frozenset[str] | None = None
        """The application permissions in the last token; None where it cannot be read."""

    async def fetch(self) -> tuple[str, float]:
        """A new token and its lifetime in seconds. Raises Refused (sign-in refused) or Unavailable."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "scope": SCOPE,
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
            token, lifetime = str(body["access_token"]), float(body["expires_in"])
        except (KeyError, TypeError, ValueError) as odd:
            finding = Finding(Reason.UNEXPECTED, ISSUER, "the answer holds no token")
            raise Refused(system=ISSUER, findings=(finding,), status=reply.status) from odd
        self.roles = roles_of(token)
        return token, lifetime

    async def close(self) -> None:
        """Closes the pooled connection."""
        await self._http.close()


def refusal(reply: Reply, body: Any) -> Refused:
    """The token endpoint's refusal with its AADSTS code."""
    said = str(body.get("error_description") or body.get("error") or "") if isinstance(body, dict) else ""
    words = _TRAILING_IDS.sub("", said) or f"answered {reply.status}"
    found = _ERROR_CODE.search(said)
    # Without an error of the protocol it is not the token endpoint that answered.
    reason = Reason.SIGN_IN_REFUSED if said else Reason.ADDRESS_WRONG
    return Refused(
        system=ISSUER,
        findings=(Finding(reason, ISSUER, words),),
        status=reply.status,
        code=found.group(0) if found else "",
        request_id=reply.headers.get("x-ms-request-id", ""),
    )


def advice_for(error: ConnectorError) -> str:
    """What to do where no token was given."""
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check tenant_id and, where one is set, token_url."
    if error.reason is Reason.UNREACHABLE:
        return "Check that this machine may reach the token address (firewall, proxy, DNS)."
    return ADVICE.get(error.code.removeprefix("AADSTS"), NO_ADVICE)


def roles_of(token: str) -> frozenset[str] | None:
    """The roles a token claims, unverified: for diagnosis only. None where it is not readable."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(claims, dict):
        return None
    roles = claims.get("roles", [])
    return frozenset(str(role) for role in roles) if isinstance(roles, list) else None


def _json(reply: Reply) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None
