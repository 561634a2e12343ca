"""The connection test, step by step, with what to do where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.rows import text
from ml_connector.connectors.steps import Host, walk
from ml_connector.connectors.visma_net.auth import advice_for
from ml_connector.connectors.visma_net.client import VismaClient
from ml_connector.connectors.visma_net.manifest import NAME, UPDATE_SCOPE
from ml_connector.connectors.visma_net.values import is_set
from ml_connector.records.reason import Finding, Reason

_READS: Final = (
    ("/v1/supplier", "suppliers"),
    ("/v1/purchaseorderbasic", "purchase orders"),
    ("/v2/PurchaseReceipt", "receipts"),
    ("/v1/supplierInvoice", "supplier invoices"),
)
_OLD_POLICY: Final = "6-fixed-window"


class Test:
    """One test of a connection."""

    def __init__(self, client: VismaClient) -> None:
        self._client = client
        self._host = Host.of(client.address.base, system=NAME)

    def steps(self) -> AsyncIterator[PingStep]:
        """Reach, sign in, company, rights, limit; ends after the first that fails."""
        return walk(
            (
                ("reach", self._host.reach_as_it_is, _reach_advice),
                ("sign in", self._sign_in, advice_for),
                ("company", self._company, _call_advice),
                ("rights", self._rights, _call_advice),
                ("limit", self._limit, _call_advice),
            )
        )

    async def _sign_in(self) -> str:
        await self._client.tokens.fetch()
        granted = self._client.tokens.granted
        return "Visma Connect gave a token" + (f" with {', '.join(sorted(granted))}" if granted else "")

    async def _company(self) -> str:
        branches = await self._client.rows("/v1/branch", {})
        if not branches:
            finding = Finding(Reason.ADDRESS_WRONG, NAME, "the token's company has no branch")
            raise Refused(system=NAME, findings=(finding,))
        main = next((each for each in branches if is_set(each, "isMainBranch")), branches[0])
        others = f" and {len(branches) - 1} more branches" if len(branches) > 1 else ""
        return f"{text(main, 'name')} ({text(main, 'number')}){others}"

    async def _rights(self) -> str:
        for path, _ in _READS:
            await self._client.body(path, {"pageNumber": "1", "pageSize": "1"})
        told = f"may read {', '.join(words for _, words in _READS)}"
        if UPDATE_SCOPE not in self._client.tokens.scopes:
            return told
        granted = self._client.tokens.granted
        if granted is not None and UPDATE_SCOPE not in granted:
            detail = f"the token lacks the scope {UPDATE_SCOPE}, which write_back: note needs"
            raise Refused(system=NAME, findings=(Finding(Reason.RIGHTS_MISSING, NAME, detail),))
        return f"{told}; may write notes"

    async def _limit(self) -> str:
        allowance = self._client.allowance
        if allowance.left is None:
            return "not told"
        of = f" of {allowance.limit}" if allowance.limit is not None else ""
        old = "; this is the old address: move to the new one" if allowance.policy == _OLD_POLICY else ""
        return f"{allowance.left}{of} calls are left in this window ({allowance.policy or 'no policy told'}){old}"


def _reach_advice(_: ConnectorError) -> str:
    return "Check base_url, and that this machine may reach the address (firewall, proxy, DNS, certificate)."


def _call_advice(error: ConnectorError) -> str:
    if error.reason is Reason.SIGN_IN_REFUSED:
        return (
            "A token was given, but it is refused here: set tenant_id to the id of the company tenant, which Visma"
            " App Store shows on company level; the customer tenant's id gives a token that no call takes."
        )
    if error.reason is Reason.RIGHTS_MISSING:
        return (
            "Add the scope to the application in the Visma Developer Portal, wait for Visma's approval, and have the"
            " company's integration administrator approve it again in Visma App Store."
        )
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check base_url (without /v1) and tenant_id."
    if error.reason in (Reason.RATE_LIMITED, Reason.OUT_OF_ORDER, Reason.UNREACHABLE):
        return f"{NAME} answers, but not now: try again later."
    return "Look at the words of the answer; the request id helps Visma's support."
