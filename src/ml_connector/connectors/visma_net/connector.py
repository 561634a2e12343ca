"""Visma.net as a source of supplier invoices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime

from ml_connector.connectors.base import Page, PingStep, SourceConnector
from ml_connector.connectors.manifest import SourceCapabilities
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.connectors.visma_net.announcements import ANNOUNCEMENTS
from ml_connector.connectors.visma_net.client import VismaClient, setting
from ml_connector.connectors.visma_net.desk import Desk
from ml_connector.connectors.visma_net.errors import wrong_setting
from ml_connector.connectors.visma_net.manifest import CAPABILITIES, MANIFEST, NAME
from ml_connector.connectors.visma_net.pinging import Test
from ml_connector.connectors.visma_net.reading import Reader
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Attachment
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.supplier_invoice import SupplierInvoice


class VismaNet:
    """One company of Visma.net, as `base.Source` says. Its ledger is never written to."""

    def __init__(self, client: VismaClient, *, dimensions: Sequence[str], first: date | None, clock: Clock) -> None:
        self._client = client
        self._reader = Reader(client, dimensions=dimensions, today=lambda: clock().date())
        self._desk = Desk(client, first=first)

    @property
    def name(self) -> str:
        """The system's name for people."""
        return NAME

    @property
    def capabilities(self) -> SourceCapabilities:
        """What it can do."""
        return CAPABILITIES

    async def close(self) -> None:
        """Closes the pooled connections."""
        await self._client.close()

    def ping(self) -> AsyncIterator[PingStep]:
        """Reach, sign in, company, rights, limit."""
        return Test(self._client).steps()

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Master data; the mark, a time of the server with what was met last, comes with the last page."""
        return self._reader.read(flow, since=since)

    def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records that are there."""
        return self._reader.keys(flow)

    async def subscribe_changes(self, flows: frozenset[Flow], *, url: str, secret: str, now: datetime) -> None:
        """Nothing: webhooks are set up by people in the Visma Developer Portal alone (Visma dossier 15.1)."""
        del flows, url, secret, now

    def invoices(self, *, since: str | None) -> AsyncIterator[Page[SupplierInvoice]]:
        """Invoices and credit notes that changed; the mark comes with the last page."""
        return self._desk.changed(since)

    async def read_invoice(self, key: str) -> SupplierInvoice | None:
        """One invoice by its key, type and number."""
        return await self._desk.read(key)

    async def read_file(self, invoice: SupplierInvoice, file: Attachment) -> bytes:
        """A file's bytes in its latest revision."""
        del invoice
        return await self._desk.read_file(file)

    async def write_note(self, key: str, text: str) -> None:
        """Adds a line to the invoice's note, once."""
        await self._desk.write_note(key, text)


def open_source(side: Side, clock: Clock, guard: Guard | None) -> VismaNet:
    """Visma.net for the settings of one connection. Raises Refused where they cannot be right."""
    return VismaNet(
        VismaClient(side, guard=guard),
        dimensions=[rule.erp for rule in side.mapping.dimensions],
        first=_first_date(side),
        clock=clock,
    )


def _first_date(side: Side) -> date | None:
    given = setting(side, "first_invoice_date")
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as odd:
        raise wrong_setting(f"first_invoice_date {given!r} is no date; write it as 2026-01-31") from odd


CONNECTOR = SourceConnector(manifest=MANIFEST, capabilities=CAPABILITIES, open=open_source, announcements=ANNOUNCEMENTS)
