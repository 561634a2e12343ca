"""Business Central as a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime

from ml_connector.connectors.base import LedgerConnector, Page, PingStep
from ml_connector.connectors.business_central.announcements import ANNOUNCEMENTS, entities_of
from ml_connector.connectors.business_central.attachments import Attachments
from ml_connector.connectors.business_central.books import Books
from ml_connector.connectors.business_central.checking import findings_of, gather_knowledge
from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.manifest import CAPABILITIES, MANIFEST, NAME
from ml_connector.connectors.business_central.pinging import Test
from ml_connector.connectors.business_central.posting import Desk
from ml_connector.connectors.business_central.reading import Reader
from ml_connector.connectors.business_central.register import posted_bills
from ml_connector.connectors.business_central.settlements import OurBills, SettlementReader
from ml_connector.connectors.business_central.subscriptions import Subscriptions
from ml_connector.connectors.manifest import LedgerCapabilities
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, LedgerBill, Settlement
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.reason import Finding


class BusinessCentral:
    """One company of Business Central, as `base.Ledger` says."""

    def __init__(self, client: BusinessCentralClient, *, dimensions: Sequence[str]) -> None:
        self._client = client
        books = Books(client)
        self._books = books
        self._reader = Reader(client, books, dimensions=dimensions)
        self._desk = Desk(client, books)
        self._attachments = Attachments(client)
        self._settlements = SettlementReader(client)
        self._subscriptions = Subscriptions(client)

    @property
    def name(self) -> str:
        """The system's name for people."""
        return NAME

    @property
    def capabilities(self) -> LedgerCapabilities:
        """What it can do."""
        return CAPABILITIES

    async def close(self) -> None:
        """Closes the pooled connections."""
        await self._client.close()

    def ping(self) -> AsyncIterator[PingStep]:
        """Reach, sign in, company, rights, version."""
        return Test(self._client).steps()

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Master data; the mark, an ISO time, comes with the last page."""
        return self._reader.read(flow, since=since)

    def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The ids of all records that are there."""
        return self._reader.keys(flow)

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """All that is known to speak against posting, without writing.

        Not known beforehand: blocked dimension values, per-user posting windows, missing posting groups.
        """
        if not bills:
            return {}
        known = await gather_knowledge(self._books, bills)
        told = {bill.key: findings_of(bill, known) for bill in bills}
        if any(told.values()) and self._books.forget_older():
            known = await gather_knowledge(self._books, bills)
            told = {bill.key: findings_of(bill, known) for bill in bills}
        return told

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Bills with the same kind, vendor (buy-from or pay-to) and supplier's number."""
        return await self._desk.find(bills)

    async def read_bill(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id, which survives posting."""
        return await self._desk.read(bill, bill_id)

    async def create(self, bill: Bill) -> LedgerBill:
        """A draft with everything the bill says."""
        return await self._desk.create(bill)

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Dates and dimensions of a draft of ours that a crash left unfinished."""
        return await self._desk.complete(bill, draft)

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Posts a draft; the answer carries the posted number."""
        return await self._desk.post(bill, draft)

    async def discard(self, bill: Bill, draft: LedgerBill) -> None:
        """Deletes a draft of ours."""
        await self._desk.discard(bill, draft.id)

    async def attach(self, bill: Bill, posted: LedgerBill, *, name: str, content: bytes) -> None:
        """Puts a file to the document, once."""
        await self._attachments.put(bill, posted.id, name=name, content=content)

    def posted(self, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
        """Posted invoices and credit memos by posting date."""
        return posted_bills(self._client, since=since, until=until)

    def settlements(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """How far bills are paid, for those that changed since the mark."""
        return self._settlements.pages(since=since, ours=ours)

    async def subscribe_changes(self, flows: frozenset[Flow], *, url: str, secret: str, now: datetime) -> None:
        """Keeps the subscriptions to the entity sets of these flows, and ends our others."""
        await self._subscriptions.keep(entities_of(flows), url=url, secret=secret, now=now)


def open_ledger(side: Side, clock: Clock, guard: Guard | None) -> BusinessCentral:
    """A ledger for the settings of one side. Raises Refused (address wrong) where they cannot be right."""
    del clock  # marks come from the ledger's own stamps
    client = BusinessCentralClient(side, guard=guard)
    return BusinessCentral(client, dimensions=[rule.erp for rule in side.mapping.dimensions])


CONNECTOR = LedgerConnector(manifest=MANIFEST, capabilities=CAPABILITIES, open=open_ledger, announcements=ANNOUNCEMENTS)
