"""Epicor Kinetic as a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime

from ml_connector.connectors.base import LedgerConnector, Page, PingStep
from ml_connector.connectors.epicor_kinetic.attaching import Attachments
from ml_connector.connectors.epicor_kinetic.books import Books
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.groups import Groups
from ml_connector.connectors.epicor_kinetic.manifest import CAPABILITIES, MANIFEST, NAME
from ml_connector.connectors.epicor_kinetic.options import Options
from ml_connector.connectors.epicor_kinetic.pinging import Test
from ml_connector.connectors.epicor_kinetic.posting import Desk
from ml_connector.connectors.epicor_kinetic.reading import Reader
from ml_connector.connectors.epicor_kinetic.register import posted_bills
from ml_connector.connectors.epicor_kinetic.releasing import PATIENCE, Patience, Poster
from ml_connector.connectors.epicor_kinetic.settlements import OurBills, SettlementReader
from ml_connector.connectors.manifest import LedgerCapabilities
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, LedgerBill, Settlement
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.reason import Finding


class KineticLedger:
    """One company of Epicor Kinetic, as `base.Ledger` says.

    Bills are entered on hold in a group of our own, then taken off hold and posted with it.
    """

    def __init__(self, side: Side, clock: Clock, guard: Guard | None = None, *, patience: Patience = PATIENCE) -> None:
        options = Options.of(side)

        def today() -> date:
            return clock().date()

        client = self._client = Kinetic(side, guard=guard)
        books = self._books = Books(client, chart=options.chart)
        self._options = options
        self._reader = Reader(client, options, chart=books.chart.get, today=today)
        groups = Groups(client, one_a_day=not options.group_for_each_invoice, today=today)
        poster = Poster(client, groups, agent=options.posting_agent, patience=patience)
        self._desk = Desk(
            client, books, groups, poster,
            chart=options.chart, terms=options.payment_terms, tolerance=options.tolerance,
        )  # fmt: skip
        self._attachments = Attachments(client)
        self._settlements = SettlementReader(client)

    @property
    def name(self) -> str:
        """The system's name for people."""
        return NAME

    @property
    def capabilities(self) -> LedgerCapabilities:
        """What it can do."""
        return CAPABILITIES

    async def close(self) -> None:
        """Closes the pooled connections. There is nothing to sign out of: each call was its own session."""
        await self._client.close()

    def ping(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, sign in, company, site, chart, rights."""
        return Test(self._client, self._options, chart=self._books.chart.get).steps()

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Master data; the mark, of row versions or of the server's own days, comes with the last page."""
        return self._reader.read(flow, since=since)

    def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records that are there."""
        return self._reader.keys(flow)

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """All that is known to speak against posting, without writing. Not known: periods and exchange rates."""
        return await self._desk.check(bills)

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Invoices with the same supplier and number, in any group, posted or not."""
        return await self._desk.find(bills)

    async def read_bill(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One invoice by its row's id, which is lasting."""
        return await self._desk.read(bill, bill_id)

    async def create(self, bill: Bill) -> LedgerBill:
        """An invoice on hold with everything the bill says, every account proven."""
        return await self._desk.create(bill)

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Brings an invoice that a crash left unfinished to what the bill says."""
        return await self._desk.complete(bill, draft)

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Takes an invoice off hold and has its group posted."""
        return await self._desk.post(bill, draft)

    async def discard(self, bill: Bill, draft: LedgerBill) -> None:
        """Deletes an invoice that was never posted."""
        await self._desk.discard(bill, draft)

    async def attach(self, bill: Bill, posted: LedgerBill, *, name: str, content: bytes) -> None:
        """Puts a file to the invoice, once."""
        await self._attachments.put(bill, posted, name=name, content=content)

    def posted(self, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
        """Posted invoices and debit memos by apply date."""
        return posted_bills(self._client, since=since, until=until)

    def settlements(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """How far bills are paid, for those that changed since the mark."""
        return self._settlements.pages(since=since, ours=ours)

    async def subscribe_changes(self, flows: frozenset[Flow], *, url: str, secret: str, now: datetime) -> None:
        """Nothing: REST v2 tells of no changes (Epicor dossier 4.5, 15). They are polled."""
        del flows, url, secret, now


def open_ledger(side: Side, clock: Clock, guard: Guard | None) -> KineticLedger:
    """A ledger for the settings of one side. Raises Refused (address wrong) where they cannot be right."""
    return KineticLedger(side, clock, guard)


CONNECTOR = LedgerConnector(manifest=MANIFEST, capabilities=CAPABILITIES, open=open_ledger)
