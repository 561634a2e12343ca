"""The connection test, step by step, with what to do where one fails (Epicor dossier 16)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.epicor_kinetic.auth import advice_for
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.coding import NATURAL, Chart
from ml_connector.connectors.epicor_kinetic.contract import (
    CHARTS,
    COMPANIES,
    CURRENCIES,
    GROUP_SERVICE,
    INVOICE_GROUPS,
    INVOICES,
    ORDERS,
    POSTING_SERVICE,
    RECEIPT_LINES,
    SEGMENT_VALUES,
    SITES,
    TASKS,
    TAX_CATEGORIES,
    TERMS,
    TRANSACTIONS,
    VENDORS,
    EntitySet,
)
from ml_connector.connectors.epicor_kinetic.errors import method_denied, set_up, wrong_settings
from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.epicor_kinetic.options import Options
from ml_connector.connectors.epicor_kinetic.reading import segment_number
from ml_connector.connectors.epicor_kinetic.where import eq
from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.connectors.rows import Row, text
from ml_connector.connectors.steps import Host, walk
from ml_connector.records.reason import Finding, Reason

_NEEDED: Final[tuple[tuple[EntitySet, str], ...]] = (
    (VENDORS, "suppliers"),
    (SEGMENT_VALUES, "segment values"),
    (TERMS, "purchase terms"),
    (TAX_CATEGORIES, "tax categories"),
    (CURRENCIES, "currencies"),
    (ORDERS, "purchase orders"),
    (RECEIPT_LINES, "receipts"),
    (INVOICE_GROUPS, "invoice groups"),
    (INVOICES, "invoices"),
    (TRANSACTIONS, "payments"),
    (TASKS, "system tasks"),
)
"""One read of each service that is needed, and what people call it."""


class Test:
    """One test of a connection. `chart` tells the chart of accounts that is coded on."""

    def __init__(self, client: Kinetic, options: Options, *, chart: Callable[[], Awaitable[Chart]]) -> None:
        self._client = client
        self._options = options
        self._chart = chart
        self._companies: list[Row] = []
        self._not_opened: ConnectorError | None = None
        self._host = Host.of(client.address.root, system=NAME)

    def steps(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, sign in, company, site, chart, rights; ends after the first that fails."""
        return walk(
            (
                ("reach", self._host.reach, _reach_advice),
                ("TLS", self._host.encrypt, _tls_advice),
                ("sign in", self._sign_in, self._sign_in_advice),
                ("company", self._company, _company_advice),
                ("site", self._site, _site_advice),
                ("chart", self._segments, _chart_advice),
                ("rights", self._rights, _rights_advice),
            )
        )

    async def _sign_in(self) -> str:
        """Key, login and company are proven by the same call: only what is about the first two counts here."""
        await self._client.session.sign_in()
        try:
            self._companies = await self._client.rows(COMPANIES, select=("Company1", "Name", "BaseCurrCode"))
        except ConnectorError as error:
            if error.reason is Reason.SIGN_IN_REFUSED or isinstance(error, Unavailable):
                raise
            self._not_opened = error
        who = self._client.credentials
        return f"signed in as {who.username or who.client_id}, with {who.sign_in}"

    def _sign_in_advice(self, error: ConnectorError) -> str:
        return advice_for(error, self._client.credentials.sign_in)

    async def _company(self) -> str:
        """The server answers an unknown company with an error, never with another's data (Epicor dossier 17.5)."""
        if self._not_opened is not None:
            raise self._not_opened
        wanted = self._client.address.company
        row = next((row for row in self._companies if text(row, "Company1") == wanted), None)
        if row is None:
            told = ", ".join(sorted(text(row, "Company1") for row in self._companies)) or "none"
            raise wrong_settings(f"company is {wanted}, and this user sees {told}")
        return f"{wanted}: {text(row, 'Name')}, base currency {text(row, 'BaseCurrCode')}"

    async def _site(self) -> str:
        """Calls take any site without a word, known or not (Epicor dossier 2.3): so it is looked up here."""
        wanted = self._client.address.site
        if not wanted:
            return "none is set: calls are made in the user's own site"
        found = await self._client.rows(SITES, where=eq("Company", self._client.address.company), select=_SITE)
        row = next((row for row in found if text(row, "Plant1") == wanted), None)
        if row is None:
            told = ", ".join(sorted(text(row, "Plant1") for row in found)) or "none"
            raise wrong_settings(f"site is {wanted}, and the company has {told}")
        return f"{wanted}: {text(row, 'Name')}"

    async def _segments(self) -> str:
        """The chart is there, and has a segment for each dimension that is mapped."""
        codes = sorted(text(row, "COACode") for row in await self._client.rows(CHARTS, select=("COACode",)))
        wanted = self._options.chart
        if wanted and wanted not in codes:
            raise wrong_settings(f"chart is {wanted}, and the company has {', '.join(codes) or 'none'}")
        chart = await self._chart()
        if not any(each.number == NATURAL for each in chart.segments):
            raise set_up(f"the chart {chart.code} has no segment {NATURAL}, which is the natural account")
        for dimension in self._options.dimensions:
            if segment_number(chart, dimension) == NATURAL:
                raise set_up(f"the dimension {dimension} is mapped, and segment {NATURAL} is the account itself")
        return f"{chart.code}: {', '.join(each.name for each in chart.segments)}"

    async def _rights(self) -> str:
        """Every service that is read, and two methods that store nothing; each right that is missing is named."""
        findings: list[Finding] = []
        for of, name in _NEEDED:
            findings += await self._missing(self._client.newest(of, of.key[-1], select=(of.key[-1],)), of.service, name)
        for service, method, parameters in _HARMLESS:
            findings += await self._missing(self._client.call(service, method, parameters), f"{service}/{method}")
        if findings:
            raise Refused(system=NAME, findings=findings)
        return f"may read {', '.join(name for _, name in _NEEDED)}, enter invoices and submit their posting"

    async def _missing(self, call: Awaitable[object], place: str, name: str = "") -> list[Finding]:
        try:
            await call
        except Refused as refusal:
            return [Finding(each.reason, each.subject, f"{_label(place, name)}: {each.vendor_text}")
                    for each in refusal.findings]  # fmt: skip
        return []


_SITE: Final = ("Company", "Plant1", "Name")
_HARMLESS: Final = (
    (GROUP_SERVICE, "GetNewAPInvGrpNoLock", {"ds": dict[str, object]()}),
    (POSTING_SERVICE, "GetNewParameters", dict[str, object]()),
)


def _label(place: str, name: str) -> str:
    return f"{name} ({place})" if name else place


_LATER: Final = f"{NAME} answers, but not now: try again in a few minutes."
_NOT_NOW: Final = frozenset({Reason.UNREACHABLE, Reason.OUT_OF_ORDER, Reason.RATE_LIMITED})
_SCOPE: Final = (
    "The access scope of the API key leaves out what is named here: add it in Access Scope Maintenance, or make a key"
    " without a scope."
)


def _reach_advice(_: ConnectorError) -> str:
    return "Check base_url, and that this machine may reach the address (firewall, proxy, DNS)."


def _tls_advice(error: ConnectorError) -> str:
    if error.reason is Reason.UNREACHABLE:
        return _reach_advice(error)
    return "The server's certificate is not trusted by this machine, or is made out for another name than base_url's."


def _company_advice(error: ConnectorError) -> str:
    if error.reason in _NOT_NOW:
        return _LATER
    if error.reason is Reason.RIGHTS_MISSING:
        return _rights_advice(error)
    return (
        "Check base_url (host and instance, as they stand in the browser before /apps) and company: it is the company's"
        " ID in its exact spelling, and the user and the API key must be allowed into it."
    )


def _site_advice(error: ConnectorError) -> str:
    if error.reason is Reason.ADDRESS_WRONG:
        return "Set site to one of the IDs that are named here, or leave it out."
    return _rights_advice(error)


def _chart_advice(error: ConnectorError) -> str:
    if error.reason is Reason.ADDRESS_WRONG:
        return "Set chart to one of the codes that are named here, or leave it out where there is only one."
    if error.reason is Reason.SETUP_INCOMPLETE:
        return "Name each dimension in mapping.dimensions by its segment's number or name, and set chart where needed."
    return _rights_advice(error)


def _rights_advice(error: ConnectorError) -> str:
    """A method that security keeps from the user, or a service that the key's scope leaves out (dossier 4.2, 4.3)."""
    if error.reason in _NOT_NOW:
        return _LATER
    denied = method_denied(error)
    if denied:
        return f"Give the user the right to {denied} (Process Security, Method Security Maintenance)."
    if error.reason is Reason.RIGHTS_MISSING:
        return _SCOPE
    if error.reason is Reason.ADDRESS_WRONG:
        return "This server has no such service: it needs Kinetic, or Epicor ERP 10.2.700, with REST v2."
    return "Look at the words of the answer; the server's event log has more."
