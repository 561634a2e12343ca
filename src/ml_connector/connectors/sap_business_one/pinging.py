"""The connection test, step by step, with what to do where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.sap_business_one.client import ServiceLayer, keyed
from ml_connector.connectors.sap_business_one.manifest import NAME
from ml_connector.connectors.sap_business_one.mapping import is_yes, text
from ml_connector.connectors.sap_business_one.session import advice_for, json_of
from ml_connector.connectors.steps import Host, walk
from ml_connector.records.reason import Finding, Reason

_READS: Final = (
    ("BusinessPartners", "CardCode", "business partners"),
    ("PurchaseInvoices", "DocEntry", "A/P invoices"),
    ("VendorPayments", "DocEntry", "outgoing payments"),
)


class Test:
    """One test of a connection. `branch` is the one that is set, empty for none."""

    def __init__(self, client: ServiceLayer, *, branch: str) -> None:
        self._client = client
        self._branch = branch
        self._host = Host.of(client.address.root, system=NAME)

    def steps(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, sign in, company, branch, rights, version; ends after the first that fails."""
        return walk(
            (
                ("reach", self._host.reach, _reach_advice),
                ("TLS", self._encrypt, _tls_advice),
                ("sign in", self._sign_in, advice_for),
                ("company", self._company, _rights_advice),
                ("branch", self._branch_exists, _branch_advice),
                ("rights", self._rights, _rights_advice),
                ("version", self._tell_version, _rights_advice),
            )
        )

    async def _encrypt(self) -> str:
        bundle = self._client.address.ca_bundle
        told = await self._host.encrypt(ca_file=None if bundle is None else str(bundle))
        return f"{told}{await self._health()}"

    async def _health(self) -> str:
        """What the load balancer says of itself; older releases and some proxies do not (SAP dossier 2)."""
        try:
            reply = await self._client.http.write(
                "GET", f"{self._client.address.host}/ping/", authorized=False, idempotent=True
            )
        except ConnectorError:
            return ""
        body = json_of(reply)
        answered = reply.ok and isinstance(body, dict) and str(body.get("message")).lower() == "pong"
        return ", the load balancer is well" if answered else ""

    async def _sign_in(self) -> str:
        await self._client.session.sign_in()
        return f"signed in to {self._client.address.company_db}"

    async def _company(self) -> str:
        company = await self._client.call("CompanyService_GetCompanyInfo")
        told = [text(company, "CompanyName") or self._client.address.company_db]
        if text(company, "Localization"):
            told.append(f"localization {text(company, 'Localization')}")
        if is_yes(company, "EnableAccountSegmentation"):
            told.append("accounts in segments")
        if is_yes(await self._admin_info(), "EnableApprovalProcedureInDI"):
            told.append("approval procedures hold our bills too where one matches")
        return "; ".join(told)

    async def _branch_exists(self) -> str:
        has_branches = is_yes(await self._admin_info(), "EnableBranches")
        if not self._branch and not has_branches:
            return "the company has no branches"
        if not self._branch:
            raise _set_up("branch is not set, and the company posts by branch")
        if not self._branch.isdecimal():
            raise _set_up(f"branch {self._branch!r} is no number")
        row = await self._client.get(
            keyed("BusinessPlaces", int(self._branch)), {"$select": "BPLID,BPLName,Disabled"}, missing_ok=True
        )
        if row is None:
            raise _set_up(f"there is no branch {self._branch}")
        if is_yes(row, "Disabled"):
            raise _set_up(f"branch {self._branch} ({text(row, 'BPLName')}) is disabled")
        return f"branch {self._branch}: {text(row, 'BPLName')}"

    async def _admin_info(self) -> dict[str, Any]:
        return await self._client.call("CompanyService_GetAdminInfo")

    async def _rights(self) -> str:
        for entity_set, key, _ in _READS:
            await self._client.rows(entity_set, {"$select": key, "$top": "1"})
        return f"may read {', '.join(words for _, _, words in _READS)}"

    async def _tell_version(self) -> str:
        protocol = "OData 4" if self._client.address.is_v4 else "OData 3"
        return f"{self._client.session.version or 'not told'}, {protocol}"


def _set_up(detail: str) -> Refused:
    return Refused(system=NAME, findings=(Finding(Reason.SETUP_INCOMPLETE, detail),))


def _reach_advice(_: ConnectorError) -> str:
    return (
        "Check base_url, and that this machine may reach the address (firewall, proxy, DNS). The port is 50000 mostly."
    )


def _tls_advice(error: ConnectorError) -> str:
    if error.reason is Reason.UNREACHABLE:
        return _reach_advice(error)
    return (
        "The server's certificate is not trusted; many installations sign their own. Set ca_bundle to a PEM file"
        " with the authority that signed it (or with the certificate itself), and use the name it is made out for."
    )


def _branch_advice(error: ConnectorError) -> str:
    if error.reason is Reason.SETUP_INCOMPLETE:
        return (
            "Set branch to the number of an active branch (Administration, Setup, Financials, Branches)"
            " that the user is assigned to."
        )
    return _rights_advice(error)


def _rights_advice(error: ConnectorError) -> str:
    if error.reason in (Reason.RIGHTS_MISSING, Reason.SIGN_IN_REFUSED, Reason.REFUSED):
        return (
            "In General Authorizations give the user full authorization for A/P invoices, A/P credit memos and"
            " attachments, and read-only for business partners, purchasing, financials and outgoing payments."
        )
    if error.reason in (Reason.ADDRESS_WRONG, Reason.SETUP_INCOMPLETE):
        return "Check base_url: what answers there does not know what the Service Layer has."
    if error.reason in (Reason.RATE_LIMITED, Reason.OUT_OF_ORDER, Reason.UNREACHABLE):
        return f"{NAME} answers, but not now: try again in a few minutes."
    return "Look at the words of the answer; the Service Layer's own log has more."
