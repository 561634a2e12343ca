"""The connection test, step by step, with what to do where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.business_central.auth import advice_for
from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.manifest import NAME
from ml_connector.connectors.errors import ConnectorError
from ml_connector.connectors.steps import Host, walk
from ml_connector.records.reason import Reason

_PERMISSION: Final = "API.ReadWrite.All"
_READS: Final = (
    ("vendors", "vendors"),
    ("purchaseInvoices", "purchase invoices"),
    ("generalLedgerSetup", "the general ledger set-up"),
)


class Test:
    """One test of a connection."""

    def __init__(self, client: BusinessCentralClient) -> None:
        self._client = client
        self._host = Host.of(client.address.base, system=NAME)
        self._company_id = ""
        self._version = ""

    def steps(self) -> AsyncIterator[PingStep]:
        """Reach, sign in, company, rights, version; ends after the first that fails."""
        return walk(
            (
                ("reach", self._host.reach_as_it_is, _reach_advice),
                ("sign in", self._sign_in, advice_for),
                ("company", self._company, self._company_advice),
                ("rights", self._rights, _rights_advice),
                ("version", self._tell_version, _rights_advice),
            )
        )

    async def _sign_in(self) -> str:
        await self._client.tokens.fetch()
        roles = self._client.tokens.roles
        return "Microsoft Entra ID gave a token" + (f" with {', '.join(sorted(roles))}" if roles else "")

    async def _company(self) -> str:
        row = self._client.pick(await self._client.companies())
        self._version = str(row.get("systemVersion") or "")
        return f"{row.get('name')} ({row['id']})"

    async def _rights(self) -> str:
        for entity, _ in _READS:
            await self._client.rows(entity, {"$select": "id", "$top": "1"})
        return f"may read {', '.join(words for _, words in _READS)}"

    async def _tell_version(self) -> str:
        return self._version or "not told"

    def _company_advice(self, error: ConnectorError) -> str:
        if error.reason is Reason.SIGN_IN_REFUSED:
            roles = self._client.tokens.roles
            if roles is not None and _PERMISSION not in roles:
                return (
                    f"The token lacks {_PERMISSION}: give the app registration this application permission"
                    " of Dynamics 365 Business Central, with admin consent."
                )
            return (
                "Business Central does not know the application: add a card with this client id on its page"
                " Microsoft Entra Applications, enable it, and give it permission sets."
            )
        if error.reason is Reason.ADDRESS_WRONG and error.status == 404:
            return "Check tenant_id and environment: there is no such environment at this address."
        if error.reason is Reason.ADDRESS_WRONG:
            return "Set company_id, or company_name, to one of the companies named here."
        return _rights_advice(error)


def _reach_advice(_: ConnectorError) -> str:
    return "Check base_url, and that this machine may reach the address (firewall, proxy, DNS, certificate)."


def _rights_advice(error: ConnectorError) -> str:
    if error.reason in (Reason.RIGHTS_MISSING, Reason.SIGN_IN_REFUSED):
        return (
            "On the application's card in Microsoft Entra Applications add permission sets that cover"
            " purchase documents and their posting, vendors, G/L accounts, dimensions and attachments,"
            " such as D365 BUS FULL ACCESS."
        )
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check tenant_id, environment and company_id."
    if error.reason in (Reason.RATE_LIMITED, Reason.OUT_OF_ORDER, Reason.UNREACHABLE):
        return f"{NAME} answers, but not now: try again in a few minutes."
    return "Look at the words of the answer; the request id helps Microsoft's support."
