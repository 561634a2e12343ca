"""The connection test, step by step, with what to do where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.contract import FORMS, KEYS, OLDEST, missing_in
from ml_connector.connectors.acumatica.errors import set_up, unexpected, wrong_settings
from ml_connector.connectors.acumatica.manifest import DEFAULT_ENDPOINT, NAME
from ml_connector.connectors.acumatica.session import advice_for
from ml_connector.connectors.acumatica.subaccounts import DimensionKind, dimension_of
from ml_connector.connectors.base import PingStep
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.rows import parts, text
from ml_connector.connectors.steps import Host, walk
from ml_connector.records.reason import Finding, Reason

_READS: Final = {
    "Bill": "bills",
    "Check": "payments",
    "Vendor": "vendors",
    "Account": "accounts",
    "TaxCategory": "tax categories",
    "Tax": "taxes",
    "Currency": "currencies",
    "PurchaseOrder": "purchase orders",
    "PurchaseReceipt": "purchase receipts",
    "FinancialPeriod": "financial periods",
}
_READS_OF_DIMENSIONS: Final = {
    DimensionKind.SUBACCOUNT: ("Subaccount", "subaccounts"),
    DimensionKind.SEGMENT: ("Subaccount", "subaccounts"),
    DimensionKind.PROJECT: ("Project", "projects"),
    DimensionKind.TASK: ("ProjectTask", "project tasks"),
}


class Test:
    """One test of a connection. `branch` is the one that is set, empty for none; `dimensions` those that are mapped."""

    def __init__(self, client: Acumatica, *, branch: str, dimensions: Sequence[str] = ()) -> None:
        self._client = client
        mapped = [_READS_OF_DIMENSIONS[found.kind] for each in dimensions if (found := dimension_of(each)) is not None]
        terms = [("CreditTerms", "credit terms")] if client.address.terms else []
        self._reads = {**_READS, **dict(mapped), **dict(terms)}
        self._branch = branch
        self._build = ""
        self._host = Host.of(client.address.root, system=NAME)

    def steps(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, instance, sign in, endpoint, rights, branch, version; ends after the first that fails."""
        return walk(
            (
                ("reach", self._host.reach, _reach_advice),
                ("TLS", self._host.encrypt, _tls_advice),
                ("instance", self._instance, _instance_advice),
                ("tenant", self._tenant, _tenant_advice),
                ("sign in", self._sign_in, advice_for),
                ("endpoint", self._endpoint, _endpoint_advice),
                ("rights", self._rights, _rights_advice),
                ("branch", self._branch_exists, _branch_advice),
                ("version", self._tell_version, _rights_advice),
            )
        )

    async def _instance(self) -> str:
        """Without signing in: the list of endpoints is open to all, unless somebody closed it (Acumatica dossier 1)."""
        try:
            told = await self._client.instance(signed_in=False)
        except Refused as refusal:
            if refusal.status not in (401, 403):
                raise
            return f"{self._client.address.root} tells its endpoints after signing in only"
        self._build, endpoints = _told(told)
        return f"{self._client.address.root} is an instance of {NAME}, with {len(endpoints)} system endpoints"

    async def _tenant(self) -> str:
        self._client.session.check_tenant()
        return f"client_id is of the tenant {self._client.session.tenant}"

    async def _sign_in(self) -> str:
        await self._client.session.sign_in()
        return f"signed in to {self._client.session.tenant}"

    async def _endpoint(self) -> str:
        """Signed in, since an endpoint of the tenant's own is told to its users only."""
        wanted = self._client.address
        build, endpoints = _told(await self._client.instance(signed_in=True))
        self._build = build or self._build
        _check_offered(endpoints, wanted.endpoint, wanted.version)
        if wanted.terms:
            _check_offered(endpoints, *wanted.terms.split("/", 1), setting="terms_endpoint")
        if wanted.endpoint != DEFAULT_ENDPOINT:
            missing = missing_in(await self._client.schema())
            if missing:
                raise set_up(f"{wanted.endpoint} {wanted.version} has no {', '.join(missing)}")
        return f"{wanted.endpoint} {wanted.version} is offered"

    async def _rights(self) -> str:
        """Every form that is read, each that is missing named (Acumatica dossier 14)."""
        findings: list[Finding] = []
        for entity in self._reads:
            try:
                async for _ in self._client.pages(entity, select=KEYS[entity], size=_LEAST):
                    break
            except Refused as refusal:
                findings += _named(refusal, entity)
        if findings:
            raise Refused(system=NAME, findings=findings)
        return f"may read {', '.join(self._reads.values())}"

    async def _branch_exists(self) -> str:
        if not self._branch:
            return "none is set: bills are entered in the user's own branch"
        structure = await self._client.inquire("CompaniesStructure", {}, expand=("Results",))
        rows = {text(row, "BranchID"): row for row in parts(structure, "Results")}
        row = rows.get(self._branch)
        if row is None:
            raise set_up(f"there is no branch {self._branch}: the tenant has {', '.join(sorted(rows)) or 'none'}")
        if row.get("BranchStatus") is False:
            raise set_up(f"the branch {self._branch} ({text(row, 'BranchName')}) is not active")
        return f"{self._branch}: {text(row, 'BranchName')}"

    async def _tell_version(self) -> str:
        return f"build {self._build}" if self._build else "not told"


_LEAST: Final = 2


def _told(answer: Any) -> tuple[str, list[tuple[str, str]]]:
    """The build, and name and version of each endpoint; older builds answer the list alone (Acumatica dossier 1)."""
    version = answer.get("version") if isinstance(answer, dict) else None
    listed = answer.get("endpoints") if isinstance(answer, dict) else answer
    if not isinstance(listed, list):
        raise unexpected("the list of endpoints is none")
    build = str(version.get("acumaticaBuildVersion") or "") if isinstance(version, dict) else ""
    return build, [(str(each.get("name")), str(each.get("version"))) for each in listed if isinstance(each, dict)]


def _check_offered(offered: list[tuple[str, str]], endpoint: str, version: str, *, setting: str = "version") -> None:
    if (endpoint, version) in offered:
        return
    versions = sorted(each for name, each in offered if name == endpoint)
    if versions:
        usable = [each for each in versions if endpoint != DEFAULT_ENDPOINT or each >= OLDEST]
        raise wrong_settings(
            f"{setting} is {version}, and this instance offers {', '.join(usable or versions)} of {endpoint}"
        )
    names = sorted({name for name, _ in offered})
    raise wrong_settings(f"there is no endpoint {endpoint}: this instance offers {', '.join(names) or 'none'}")


def _named(refusal: Refused, entity: str) -> list[Finding]:
    """What a refusal says, with the form that the right hangs on."""
    form = f"{entity} (form {FORMS[entity]})"
    return [Finding(each.reason, each.subject, f"{form}: {each.vendor_text}") for each in refusal.findings]


def _reach_advice(_: ConnectorError) -> str:
    return "Check base_url, and that this machine may reach the address (firewall, proxy, DNS)."


def _tls_advice(error: ConnectorError) -> str:
    if error.reason is Reason.UNREACHABLE:
        return _reach_advice(error)
    return "The server's certificate is not trusted by this machine, or is made out for another name than base_url's."


def _instance_advice(error: ConnectorError) -> str:
    if error.reason in (Reason.UNREACHABLE, Reason.OUT_OF_ORDER, Reason.RATE_LIMITED):
        return _LATER
    return "Check base_url: it is the instance with its site's name, as it stands in the browser before /Main."


def _tenant_advice(_: ConnectorError) -> str:
    return (
        "Take client_id from Connected Applications (SM303010) of the tenant that bills are to be posted in; the part"
        " behind the @ is that tenant's login name, and tenant must be the same."
    )


def _endpoint_advice(error: ConnectorError) -> str:
    if error.reason is Reason.ADDRESS_WRONG:
        return "Set endpoint and version to one of those named here (Web Service Endpoints, SM207060)."
    if error.reason is Reason.SETUP_INCOMPLETE:
        return "Let the endpoint extend Default, so that it has all of its names (Web Service Endpoints, SM207060)."
    return _rights_advice(error)


def _branch_advice(error: ConnectorError) -> str:
    if error.reason is Reason.SETUP_INCOMPLETE:
        return "Set branch to the ID of an active branch (Branches, CS102000), or leave it out."
    return _rights_advice(error)


_LATER: Final = f"{NAME} answers, but not now: try again in a few minutes."
_BY_REASON: Final[Mapping[Reason, str]] = {
    Reason.RATE_LIMITED: (
        "The licence's limit is met (License Monitoring Console, SM604000): too many API users are signed in, or too"
        " many requests came in a minute. Have other integrations sign out, and set requests_per_minute."
    ),
    Reason.OUT_OF_ORDER: _LATER,
    Reason.UNREACHABLE: _LATER,
    Reason.ADDRESS_WRONG: "Check endpoint and version: what answers there does not know what it should have.",
    Reason.SETUP_INCOMPLETE: "The tenant's own set-up lacks something: look at the words of the answer.",
}
_RIGHTS: Final = (
    "Give the user a role with rights to the form named here (Access Rights by Role, SM201025), then test again: rights"
    " are fixed when a session begins. A feature that is switched off answers the same."
)


def _rights_advice(error: ConnectorError) -> str:
    if error.reason in (Reason.RIGHTS_MISSING, Reason.SIGN_IN_REFUSED, Reason.REFUSED):
        return _RIGHTS
    return _BY_REASON.get(error.reason, "Look at the words of the answer; the trace of the instance has more.")
