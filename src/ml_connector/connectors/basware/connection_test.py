"""The connection test: reach, sign in, rights, company, reports; stops at the first step that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.basware.auth import SCOPES, SignIn
from ml_connector.connectors.basware.client import BaswareClient
from ml_connector.connectors.basware.documents import WAITING, Documents
from ml_connector.connectors.basware.errors import SYSTEM, refused
from ml_connector.connectors.basware.regions import OWN_ADDRESS
from ml_connector.connectors.errors import ConnectorError
from ml_connector.connectors.steps import walk
from ml_connector.records.reason import Reason

DISCOVERY: Final = "/.well-known/openid-configuration"
_REPORTS: Final = ("/v1/requestStatus", "/v1/errorFeedbacks", "/v1/subscriptions", "/v1/tasks")
_FEW: Final = {path: {"pageSize": "1"} for path in _REPORTS[:2]}
_ADVICE: Final = {
    Reason.UNREACHABLE: "Check the network, the proxy and the firewall: this machine must reach the address by HTTPS.",
    Reason.ADDRESS_WRONG: "Check region, environment and base_url.",
    Reason.SIGN_IN_REFUSED: "Check client_id and client_secret, and that they belong to this region and environment.",
    Reason.RIGHTS_MISSING: "Ask Basware to grant the API user the scopes that the connector's README lists.",
    Reason.RATE_LIMITED: "Wait a while; lower max_requests_per_second and max_parallel if it happens often.",
    Reason.OUT_OF_ORDER: "Basware reports a fault of its own: try again later, and ask its support if it lasts.",
}


class ConnectionTest:
    """Runs the steps against one side's settings; nothing is written."""

    def __init__(self, *, client: BaswareClient, sign_in: SignIn, documents: Documents, company: str) -> None:
        self._client = client
        self._sign_in = sign_in
        self._documents = documents
        self._company = company

    def steps(self) -> AsyncIterator[PingStep]:
        """Each step as it is done."""
        return walk(
            (
                ("reach", self._reach, _advice),
                ("sign in", self._enter, _advice),
                ("rights", self._rights, _advice),
                ("company", self._company_read, _advice),
                ("reports", self._reports, _advice),
            )
        )

    async def _reach(self) -> str:
        """Any answer will do: it proves name, network and TLS."""
        reached: list[str] = []
        silent: ConnectorError | None = None
        for region, address in self._sign_in.addresses.items():
            try:
                await self._client.http.read(address + DISCOVERY, authorized=False, follow=False)
            except ConnectorError as error:
                if error.status is None:
                    silent = error
                    continue
            reached.append(address if region == OWN_ADDRESS else f"{address} ({region})")
        if not reached and silent is not None:
            raise silent
        return f"{', '.join(reached)} answers"

    async def _enter(self) -> str:
        try:
            await self._sign_in.authorizer.headers()
        except ConnectorError as error:
            if error.reason is Reason.RIGHTS_MISSING:
                raise await self._which_lack(error) from error
            raise
        base = await self._sign_in.base()
        region = self._sign_in.region_found
        where = base if region == OWN_ADDRESS else f"region {region}, {base}"
        seconds = int(self._sign_in.lifetime)
        return f"signed in at {where}; {len(self._sign_in.granted)} scopes granted, valid for {seconds} s"

    async def _which_lack(self, error: ConnectorError) -> ConnectorError:
        lacking = await self._sign_in.refused_scopes()
        if not lacking:
            return error
        return refused(Reason.RIGHTS_MISSING, SYSTEM, f"scopes not granted: {', '.join(lacking)}")

    async def _rights(self) -> str:
        lacking = [scope for scope in SCOPES if scope not in self._sign_in.granted]
        if lacking:
            raise refused(Reason.RIGHTS_MISSING, SYSTEM, f"scopes not granted: {', '.join(lacking)}")
        return f"all {len(SCOPES)} scopes that are used are granted"

    async def _company_read(self) -> str:
        """404 says that none waits, and also that the company is unknown: Basware does not tell them apart."""
        if await self._documents.any_listed(WAITING):
            return f"documents of company {self._company} wait for transfer"
        return f"no document of company {self._company} waits for transfer, or no such company"

    async def _reports(self) -> str:
        """Reads that tell of imports and notifications; 404 means that there is nothing to tell."""
        for path in _REPORTS:
            await self._client.get(path, params=_FEW.get(path, {}))
        return "import reports and notifications can be read"


def _advice(error: ConnectorError) -> str:
    return _ADVICE.get(error.reason, "")
