"""SAP Business One as a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime

from ml_connector.connectors.base import LedgerConnector, Page, PingStep
from ml_connector.connectors.manifest import LedgerCapabilities
from ml_connector.connectors.sap_business_one.address import text_of
from ml_connector.connectors.sap_business_one.attaching import Attachments
from ml_connector.connectors.sap_business_one.books import Books
from ml_connector.connectors.sap_business_one.checking import Settings
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.manifest import CAPABILITIES, MANIFEST, NAME
from ml_connector.connectors.sap_business_one.pinging import Test
from ml_connector.connectors.sap_business_one.posting import Desk
from ml_connector.connectors.sap_business_one.reading import Reader
from ml_connector.connectors.sap_business_one.register import posted_bills
from ml_connector.connectors.sap_business_one.settlements import OurBills, SettlementReader
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, LedgerBill, Settlement
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.reason import Finding


class BusinessOne:
    """One company of SAP Business One, as `base.Ledger` says. Bills are posted as they are created."""

    def __init__(self, side: Side, clock: Clock, guard: Guard | None = None) -> None:
        branch, tax_field = text_of(side.values, "branch"), text_of(side.values, "tax_field")

        def today() -> date:
            return clock().date()

        self._client = ServiceLayer(side, guard=guard)
        self._branch = branch
        self._books = Books(self._client, tax_field=tax_field)
        self._reader = Reader(
            self._client,
            dimensions=[rule.erp for rule in side.mapping.dimensions],
            tax_field=tax_field,
            today=today,
        )
        self._desk = Desk(self._client, self._books, Settings(branch=branch, tolerance=side.mapping.tolerance))
        self._attachments = Attachments(self._client)
        self._settlements = SettlementReader(self._client, today=lambda: clock().date())

    @property
    def name(self) -> str:
        """The system's name for people."""
        return NAME

    @property
    def capabilities(self) -> LedgerCapabilities:
        """What it can do."""
        return CAPABILITIES

    async def close(self) -> None:
        """Logs out and closes the pooled connections."""
        await self._client.close()

    def ping(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, sign in, company, branch, rights, version."""
        return Test(self._client, branch=self._branch).steps()

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Master data; the mark, a day of the server, comes with the last page."""
        return self._reader.read(flow, since=since)

    def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records that are there."""
        return self._reader.keys(flow)

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """All that is known to speak against posting, without writing.

        Not known beforehand: posting periods, rates, number series, and the company's own rules.
        """
        return await self._desk.check(bills)

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Bills with the same kind, vendor and supplier's number, drafts that wait for approval too."""
        return await self._desk.find(bills)

    async def read_bill(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id; a draft's id leads to what became of it, which has an id of its own."""
        return await self._desk.read(bill, bill_id)

    async def create(self, bill: Bill) -> LedgerBill:
        """Posts the bill, or leaves it waiting where an approval procedure took it."""
        return await self._desk.create(bill)

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """The bill as it stands: nothing is ever left half written."""
        return await self._desk.complete(bill, draft)

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """The bill as it stands: posted already, or still waiting for its approval."""
        return await self._desk.post(bill, draft)

    async def discard(self, bill: Bill, draft: LedgerBill) -> None:
        """Deletes a draft that waits for an approval."""
        del bill
        await self._desk.discard(draft)

    async def attach(self, bill: Bill, posted: LedgerBill, *, name: str, content: bytes) -> None:
        """Puts a file to the document, once."""
        del bill
        await self._attachments.put(posted.id, name=name, content=content)

    def posted(self, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
        """Posted invoices and credit notes by posting date."""
        return posted_bills(self._client, since=since, until=until)

    def settlements(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """How far bills are paid, for those that changed since the mark."""
        return self._settlements.pages(since=since, ours=ours)

    async def subscribe_changes(self, flows: frozenset[Flow], *, url: str, secret: str, now: datetime) -> None:
        """Nothing: changes are only polled. Webhooks are of 2026 and need a component of their own (dossier 13)."""
        del flows, url, secret, now


def open_ledger(side: Side, clock: Clock, guard: Guard | None) -> BusinessOne:
    """A ledger for the settings of one side. Raises Refused (address wrong) where they cannot be right."""
    return BusinessOne(side, clock, guard)


CONNECTOR = LedgerConnector(manifest=MANIFEST, capabilities=CAPABILITIES, open=open_ledger)
