"""The sign-in: OAuth2 client credentials at the region's own token endpoint (Basware dossier 1.1 to 1.3)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlencode

from ml_connector.connectors.basware.errors import SYSTEM, error_of, refused
from ml_connector.connectors.errors import ConnectorError, Unavailable
from ml_connector.connectors.http import HttpClient, Reply, TokenAuthorizer
from ml_connector.records.reason import Finding, Reason

TOKEN_PATH: Final = "/v1/tokens"  # noqa: S105 - a path
SCOPES: Final = (
    "accountingDocuments.read",
    "accountingDocuments.write",
    "vendors.write",
    "accounts.write",
    "costCenters.write",
    "lists.write",
    "projects.write",
    "taxCodes.write",
    "paymentTerms.write",
    "matchingOrders.write",
    "matchingOrderLines.write",
    "requestStatus.read",
    "requestStatus.write",
    "errorFeedbacks.read",
    "subscriptions.read",
    "subscriptions.write",
    "tasks.read",
)
"""Exactly what this connector calls: nothing is asked for that it does not use."""

_DEFAULT_LIFETIME = 3600.0


class SignIn:
    """Gets tokens, and finds the region where none is set. Tokens are shared through `http.authorizer`."""

    def __init__(
        self, *, http: HttpClient, addresses: Mapping[str, str], client_id: str, secret: str,
        scopes: Sequence[str] = SCOPES,
    ) -> None:  # fmt: skip
        self._http = http
        self._addresses = dict(addresses)
        self._client_id = client_id
        self._secret = secret
        self._scopes = tuple(scopes)
        self.region_found: str | None = next(iter(self._addresses)) if len(self._addresses) == 1 else None
        self.granted: frozenset[str] = frozenset()
        self.lifetime = 0.0
        self.authorizer = TokenAuthorizer(self.fetch)
        http.authorizer = self.authorizer

    @property
    def addresses(self) -> Mapping[str, str]:
        """The region, or all that come into question."""
        return self._addresses

    async def base(self) -> str:
        """The address of the API; signs in first where the region has to be found."""
        if self.region_found is None:
            await self.authorizer.headers()
        return self._addresses[self.region_found or next(iter(self._addresses))]

    async def fetch(self) -> tuple[str, float]:
        """A new token and its lifetime in seconds. Raises Refused or Unavailable in words for people."""
        if self.region_found is not None:
            reply = await self._ask(self._addresses[self.region_found], self._scopes)
            if not reply.ok:
                raise error_of(reply)
            return self._take(reply)
        return await self._find()

    async def refused_scopes(self) -> tuple[str, ...]:
        """The scopes that Basware does not give us, asked one by one. For the connection test."""
        base = self._addresses[self.region_found or next(iter(self._addresses))]
        return tuple([scope for scope in self._scopes if not (await self._ask(base, (scope,))).ok])

    async def _find(self) -> tuple[str, float]:
        """Tries every region: credentials are known in one of them only."""
        said: list[str] = []
        silent = False
        for region, address in self._addresses.items():
            try:
                reply = await self._ask(address, self._scopes)
            except ConnectorError as error:
                silent = silent or isinstance(error, Unavailable)
                said.append(f"{region} ({address}): {error.findings[0].vendor_text or error.reason}")
                continue
            error = None if reply.ok else error_of(reply)
            if error is None or error.reason is Reason.RIGHTS_MISSING:  # known here, though rights lack
                self.region_found = region
                if error is not None:
                    raise error
                return self._take(reply)
            said.append(f"{region} ({address}): {error.findings[0].vendor_text}")
        raise self._found_none(said, silent=silent)

    def _found_none(self, said: Sequence[str], *, silent: bool) -> ConnectorError:
        words = "no region accepts these credentials; " + "; ".join(said)
        if silent:
            finding = Finding(Reason.UNREACHABLE, SYSTEM, words)
            return Unavailable(system=SYSTEM, findings=(finding,))
        return refused(Reason.SIGN_IN_REFUSED, SYSTEM, words)

    async def _ask(self, base: str, scopes: Sequence[str]) -> Reply:
        pair = base64.b64encode(f"{self._client_id}:{self._secret}".encode()).decode()
        form = urlencode({"grant_type": "client_credentials", "scope": " ".join(scopes)})
        return await self._http.write(
            "POST",
            base + TOKEN_PATH,
            content=form.encode(),
            headers={"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"},
            authorized=False,
            idempotent=True,
        )

    def _take(self, reply: Reply) -> tuple[str, float]:
        try:
            body = reply.json()
        except ValueError:
            body = None
        members = cast("Mapping[str, Any]", body) if isinstance(body, dict) else {}
        token = members.get("access_token")
        if not isinstance(token, str) or not token:
            raise refused(Reason.UNEXPECTED, SYSTEM, "the token endpoint answered 200 without a token")
        # Left out means: as asked (RFC 6749 5.1).
        self.granted = frozenset(str(members.get("scope") or " ".join(self._scopes)).split())
        # In seconds, whatever the field's description says (dossier 1.2).
        self.lifetime = float(members.get("expires_in") or _DEFAULT_LIFETIME)
        return token, self.lifetime
