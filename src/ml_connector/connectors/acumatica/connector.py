"""Acumatica as a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime

from ml_connector.connectors.acumatica.address import text_of
from ml_connector.connectors.acumatica.attaching import Attachments
from ml_connector.connectors.acumatica.books import Books
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.errors import set_up
from ml_connector.connectors.acumatica.manifest import CAPABILITIES, MANIFEST, NAME
from ml_connector.connectors.acumatica.pinging import Test
from ml_connector.connectors.acumatica.posting import Desk
from ml_connector.connectors.acumatica.reading import Reader
from ml_connector.connectors.acumatica.register import posted_bills
from ml_connector.connectors.acumatica.settlements import OurBills, SettlementReader
from ml_connector.connectors.base import LedgerConnector, Page, PingStep
from ml_connector.connectors.manifest import LedgerCapabilities
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, LedgerBill, Settlement
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.reason import Finding


class AcumaticaLedger:
    """One tenant of Acumatica, as `base.Ledger` says. Bills are created on hold, then taken off hold and released."""

    def __init__(self, side: Side, clock: Clock, guard: Guard | None = None) -> None:
        branch = text_of(side.values, "branch")
        dimensions = [rule.erp for rule in side.mapping.dimensions]

        def today() -> date:
            return clock().date()

        self._client = Acumatica(side, guard=guard)
        self._branch = branch
        self._dimensions = dimensions
        self._books = Books(self._client)
        self._reader = Reader(self._client, dimensions=dimensions, today=today)
        rules = side.mapping
        if rules.tax_ids and not self._client.contract.has("Bill", "IsTaxValid"):
            raise set_up(
                f"mapping.tax_ids is for version 23.200.001 of the endpoint and later; {self._client.contract.version} "
                "computes taxes by itself"
            )
        self._desk = Desk(self._client, self._books, branch=branch, tolerance=rules.tolerance, tax_ids=rules.tax_ids)
        self._attachments = Attachments(self._client)
        self._settlements = SettlementReader(self._client)

    @property
    def name(self) -> str:
        """The system's name for people."""
        return NAME

    @property
    def capabilities(self) -> LedgerCapabilities:
        """What it can do."""
        return CAPABILITIES

    async def close(self) -> None:
        """Signs out, which frees the seat, and closes the pooled connections."""
        await self._client.close()

    def ping(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, instance, tenant, sign in, endpoint, rights, branch, version."""
        return Test(self._client, branch=self._branch, dimensions=self._dimensions).steps()

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Master data; the mark, an instant of the ledger, comes with the last page."""
        return self._reader.read(flow, since=since)

    def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records that are there."""
        return self._reader.keys(flow)

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """All that is known to speak against posting, without writing."""
        return await self._desk.check(bills)

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Bills with the same type, vendor and vendor reference."""
        return await self._desk.find(bills)

    async def read_bill(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id, which is lasting."""
        del bill
        return await self._desk.read(bill_id)

    async def create(self, bill: Bill) -> LedgerBill:
        """A bill on hold with everything the bill says."""
        return await self._desk.create(bill)

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Brings a bill on hold that a crash left unfinished to what the bill says."""
        return await self._desk.complete(bill, draft)

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Takes a bill off hold and releases it; PENDING where an approval map has it now."""
        return await self._desk.post(bill, draft)

    async def discard(self, bill: Bill, draft: LedgerBill) -> None:
        """Deletes a bill that was never released."""
        del bill
        await self._desk.discard(draft)

    async def attach(self, bill: Bill, posted: LedgerBill, *, name: str, content: bytes) -> None:
        """Puts a file to the bill, once."""
        del bill
        await self._attachments.put(posted.id, name=name, content=content)

    def posted(self, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
        """Released bills and debit adjustments by date."""
        return posted_bills(self._client, since=since, until=until)

    def settlements(self, *, since: str | None, ours: OurBills) -> AsyncIterator[Page[Settlement]]:
        """How far bills are paid, for those that changed since the mark."""
        return self._settlements.pages(since=since, ours=ours)

    async def subscribe_changes(self, flows: frozenset[Flow], *, url: str, secret: str, now: datetime) -> None:
        """Nothing: push notifications carry no signature and are set up by hand (dossier 13). Changes are polled."""
        del flows, url, secret, now


def open_ledger(side: Side, clock: Clock, guard: Guard | None) -> AcumaticaLedger:
    """A ledger for the settings of one side. Raises Refused (address wrong) where they cannot be right."""
    return AcumaticaLedger(side, clock, guard)


CONNECTOR = LedgerConnector(manifest=MANIFEST, capabilities=CAPABILITIES, open=open_ledger)
