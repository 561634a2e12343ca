"""Basware's two ways in for supplier invoices behind one interface (Basware dossier 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from ml_connector.connectors.base import Inbound, Page, PingStep
from ml_connector.connectors.basware.auth import SignIn
from ml_connector.connectors.basware.client import HEADERS, REQUEST_ID_HEADERS, BaswareClient
from ml_connector.connectors.basware.entrance import FIRST_PAGE, PAGE_SIZE, Entrance
from ml_connector.connectors.basware.errors import SYSTEM, refused
from ml_connector.connectors.basware.manifest import MANIFEST, NETWORK_ROUTE, SMARTPDF_ROUTE, limits_of
from ml_connector.connectors.basware.network import Buyer, admission_of, invoice_body, invoice_objection
from ml_connector.connectors.basware.regions import HOSTS, candidates
from ml_connector.connectors.basware.smartpdf import SCOPE, SmartPdf, handed_in_since, image_objection
from ml_connector.connectors.basware.standings import Standings
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown
from ml_connector.connectors.http import HttpClient
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.connectors.steps import walk
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, Standing, SupplierInvoice, Whereabouts

DOCUMENTS_SCOPE: Final = "accountingDocuments.read"
"""All that standings are read with."""
NETWORK_SETTINGS: Final = ("network_username", "network_password", "buyer_name", "buyer_endpoint")
SMARTPDF_SETTINGS: Final = ("smartpdf_receiver", "smartpdf_notify")

_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.UNREACHABLE: "Check network_url, and whether a proxy or firewall lets us through.",
    Reason.ADDRESS_WRONG: "Check network_url, or region and environment.",
    Reason.RIGHTS_MISSING: "Ask Basware to grant the API user the scope that the connector's README names for it.",
}
_CREDENTIALS: Final = {
    NETWORK_ROUTE: "Check network_username and network_password, and with Basware that they may send invoices.",
    SMARTPDF_ROUTE: "Check smartpdf_receiver, and with Basware that SmartPDF takes invoices for it.",
}
"""What to check where they are refused."""


class _Calls:
    """What both routes share: the API of the tenant, signed in for what the route needs."""

    def __init__(
        self, side: Side, *, guard: Guard | None, scopes: Sequence[str], hosts: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.limits = limits_of(side.values)
        self.http = self.new_http(guard)
        self.sign_in = SignIn(
            http=self.http,
            addresses=candidates(side.values, hosts=hosts),
            client_id=str(side.values.get("client_id") or ""),
            secret=side.secrets.get("client_secret", ""),
            scopes=scopes,
        )
        self.client = BaswareClient(http=self.http, base=self.sign_in.base)

    def new_http(self, guard: Guard | None) -> HttpClient:
        """A pool of connections within the limits."""
        return HttpClient(
            system=MANIFEST.name, limits=self.limits, headers=HEADERS, request_id_headers=REQUEST_ID_HEADERS,
            guard=guard,
        )  # fmt: skip


class NetworkInbound:
    """Structured data and files through the Basware Network, under an id of our own choosing."""

    def __init__(
        self, side: Side, *, clock: Clock, guard: Guard | None = None,
        hosts: Mapping[str, Mapping[str, str]] = HOSTS,
    ) -> None:  # fmt: skip
        del clock
        _demand(side, NETWORK_SETTINGS, route=NETWORK_ROUTE)
        calls = _Calls(side, guard=guard, scopes=(DOCUMENTS_SCOPE,), hosts=hosts)
        self._calls = calls
        # A pool of its own: what is signed in by Basic never meets the bearer token.
        self._http = calls.new_http(guard)
        self._entrance = Entrance(
            http=self._http,
            base=_network_base(side, calls.sign_in.base),
            username=_setting(side, "network_username"),
            password=side.secrets["network_password"],
        )
        self._buyer = Buyer(
            name=_setting(side, "buyer_name"),
            endpoint=_setting(side, "buyer_endpoint"),
            scheme=_setting(side, "buyer_endpoint_scheme"),
            reference=_setting(side, "buyer_reference"),
        )
        self._rules = side.mapping
        self._standings = Standings(
            calls.client, company=side.company, page_size=calls.limits.page_size,
            mailbox=self._entrance.notifications, mailbox_page=PAGE_SIZE,
        )  # fmt: skip

    async def close(self) -> None:
        await self._http.close()
        await self._calls.http.close()

    def ping(self) -> AsyncIterator[PingStep]:
        return walk([("network", self._look_into_mailbox, partial(_advice, NETWORK_ROUTE))])

    async def _look_into_mailbox(self) -> str:
        await self._entrance.notifications(FIRST_PAGE, size=1)
        return f"signed in to the network as {self._buyer.name} ({self._buyer.endpoint}); notifications can be read"

    def objection(self, invoice: SupplierInvoice) -> Finding | None:
        return invoice_objection(invoice, self._rules)

    async def admit(self, invoice: SupplierInvoice, *, key: str) -> Admission:
        del invoice
        return admission_of(key)

    async def hand_in(self, invoice: SupplierInvoice, files: Sequence[InvoiceFile], admission: Admission) -> None:
        """Files first, then the invoice that refers to them."""
        refs = [await self._entrance.put_file(file) for file in files]
        body = invoice_body(invoice, buyer=self._buyer, admission=admission, file_refs=refs)
        await self._entrance.send(admission.id, body, subject=invoice.reference)

    async def look(self, admission: Admission) -> Whereabouts:
        """ABSENT leaves a repetition harmless: the token makes one document of both."""
        return Whereabouts.ENTERED if await self._entrance.knows(admission.id) else Whereabouts.ABSENT

    def standings(self, *, since: str | None) -> AsyncIterator[Page[Standing]]:
        return self._standings.changed(since)


class SmartPdfInbound:
    """The PDF alone through SmartPDF, which reads the data off it."""

    def __init__(
        self, side: Side, *, clock: Clock, guard: Guard | None = None,
        hosts: Mapping[str, Mapping[str, str]] = HOSTS,
    ) -> None:  # fmt: skip
        _demand(side, SMARTPDF_SETTINGS, route=SMARTPDF_ROUTE)
        calls = _Calls(side, guard=guard, scopes=(DOCUMENTS_SCOPE, SCOPE), hosts=hosts)
        self._calls = calls
        self._clock = clock
        self._receiver = _setting(side, "smartpdf_receiver")
        self._smart_pdf = SmartPdf(
            client=calls.client, http=calls.http, clock=clock, receiver=self._receiver,
            notify=_setting(side, "smartpdf_notify"),
        )  # fmt: skip
        self._standings = Standings(
            calls.client, company=side.company, page_size=calls.limits.page_size, mailbox=None, mailbox_page=PAGE_SIZE
        )

    async def close(self) -> None:
        await self._calls.http.close()

    def ping(self) -> AsyncIterator[PingStep]:
        return walk([("SmartPDF", self._take_ticket, partial(_advice, SMARTPDF_ROUTE))])

    async def _take_ticket(self) -> str:
        """A ticket that is never used is nothing, and nothing else tells whether the receiver is known."""
        await self._smart_pdf.ticket()
        return f"SmartPDF takes invoices for {self._receiver}"

    def objection(self, invoice: SupplierInvoice) -> Finding | None:
        return image_objection(invoice)

    async def admit(self, invoice: SupplierInvoice, *, key: str) -> Admission:
        """A ticket: the id is theirs, and another one each time. `key` therefore plays no part."""
        del invoice, key
        return await self._smart_pdf.ticket()

    async def hand_in(self, invoice: SupplierInvoice, files: Sequence[InvoiceFile], admission: Admission) -> None:
        """Puts the PDF to the ticket's address; another PUT to the same address makes no second document.

        Where the address is over, only a look can tell whether an earlier attempt got there: OutcomeUnknown.
        """
        if not self._smart_pdf.is_open(admission):
            if await self.look(admission) is Whereabouts.ENTERED:
                return
            raise OutcomeUnknown(system=SYSTEM, detail=f"the upload address of {invoice.key} is over")
        await self._smart_pdf.put(invoice, files, admission)

    async def look(self, admission: Admission) -> Whereabouts:
        """Never ABSENT: a PDF may be a while on its way to a document. While its address lives it may be put again."""
        is_there = await self._standings.find(admission.id, since=handed_in_since(admission, now=self._clock()))
        return Whereabouts.ENTERED if is_there else Whereabouts.UNKNOWN

    def standings(self, *, since: str | None) -> AsyncIterator[Page[Standing]]:
        return self._standings.changed(since)


def open_inbound(side: Side, route: str, clock: Clock, guard: Guard | None) -> Inbound:
    """The route of that name; nothing is called yet. Raises Refused where a setting it needs is missing."""
    if route == NETWORK_ROUTE:
        return NetworkInbound(side, clock=clock, guard=guard)
    if route == SMARTPDF_ROUTE:
        return SmartPdfInbound(side, clock=clock, guard=guard)
    raise refused(Reason.SETTING_MISSING, f"there is no route {route!r} into {SYSTEM}")


def _demand(side: Side, names: Sequence[str], *, route: str) -> None:
    missing = [name for name in names if not (_setting(side, name) or side.secrets.get(name))]
    if missing:
        said = f"{' and '.join(missing)} of the Basware side, which the route {route} needs"
        raise refused(Reason.SETTING_MISSING, said)


def _setting(side: Side, name: str) -> str:
    return str(side.values.get(name) or "").strip()


def _network_base(side: Side, region: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[str]]:
    own = _setting(side, "network_url").rstrip("/")

    async def given() -> str:
        return own

    return given if own else region


def _advice(route: str, error: ConnectorError) -> str:
    return _CREDENTIALS[route] if error.reason is Reason.SIGN_IN_REFUSED else _ADVICE.get(error.reason, "")
