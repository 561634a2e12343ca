"""The two sides as protocols, and the shapes they share.

A `Ledger` is an ERP that bills are posted to, a `Source` one whose supplier invoices go the other way, `Payables`
what the invoice system does, `Inbound` how invoices enter it. Flows speak to these and ask the capabilities, never
the name. Everything here raises `ConnectorError` (errors.py) and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from ml_connector.connectors.import_items import ImportItem, ImportOutcome, ImportReceipt
from ml_connector.connectors.manifest import (
    ErpCapabilities,
    LedgerCapabilities,
    Manifest,
    PayablesCapabilities,
    SourceCapabilities,
)
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import ApprovedInvoice, Attachment, Bill, LedgerBill, Settlement
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.reason import Finding
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, Standing, SupplierInvoice, Whereabouts

T = TypeVar("T")


# ------------------------------------------------------------------ shared shapes


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `mark` is the high-water mark once this page and all before it are stored."""

    records: tuple[T, ...]
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class PingStep:
    """One step of a connection test. `advice` says what to do where it failed."""

    name: str
    ok: bool
    detail: str
    seconds: float
    advice: str = ""


# ------------------------------------------------------------------ the ERP


class Erp(Protocol):
    """What every ERP does: it lets us in, and gives its master data."""

    @property
    def name(self) -> str:
        """The system's name for people."""
        ...

    @property
    def capabilities(self) -> ErpCapabilities: ...

    async def close(self) -> None:
        """Lets go of sessions and connections. Never raises."""
        ...

    def ping(self) -> AsyncIterator[PingStep]:
        """Reach, TLS, sign in, rights, company, version; stops after the first step that fails."""
        ...

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Master data page by page: changed since `since` (a mark of an earlier page), or all."""
        ...

    def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records that are there, page by page: what is not among them has left."""
        ...

    async def subscribe_changes(self, flows: frozenset[Flow], *, url: str, secret: str, now: datetime) -> None:
        """Sees to it that changes in these flows, and in no others, are told to `url`; the receiver must be running.

        Idempotent: makes what is missing, renews long before it ends, removes what is no longer wanted. Changes
        carry `secret`. What others subscribed to is left alone. Flows outside `capabilities.announces` are passed
        over. Raises where something of it failed, after having tried the rest.
        """
        ...


class Ledger(Erp, Protocol):
    """An ERP that bills are posted to."""

    @property
    def capabilities(self) -> LedgerCapabilities: ...

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """What speaks against posting, by the bill's key; all that is known, without writing."""
        ...

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Bills in the ledger with the same kind, vendor and supplier's number, by our bill's key."""
        ...

    async def read_bill(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by the ledger's id, None where it is gone."""
        ...

    async def create(self, bill: Bill) -> LedgerBill:
        """Writes the bill with its lines, taxes and dimensions. Posted already where posting is no separate step.

        Raises Refused where nothing was left behind, OutcomeUnknown where something may have been.
        """
        ...

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Brings a draft of ours to what `bill` says (lines or dimensions missing after a crash)."""
        ...

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Posts or releases a draft; the answer carries the lasting number.

        PENDING where the ledger's own approval has it now. One that was approved comes back from `read_bill` as
        POSTED, or as DRAFT where it still has to be posted; one that was turned down as CANCELLED.
        """
        ...

    async def discard(self, bill: Bill, draft: LedgerBill) -> None:
        """Removes a draft of ours that cannot be posted, or one that an approval turned down.

        A bill that was ever posted is never touched, cancelled or not: Refused (already posted).
        """
        ...

    async def attach(self, bill: Bill, posted: LedgerBill, *, name: str, content: bytes) -> None:
        """Puts a file to the bill, once: a file of that name that is there already stays."""
        ...

    def posted(self, *, since: date, until: date) -> AsyncIterator[Page[LedgerBill]]:
        """All posted bills and credit notes with a posting date from `since` to `until`, both included."""
        ...

    def settlements(
        self, *, since: str | None, ours: Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
    ) -> AsyncIterator[Page[Settlement]]:
        """How far bills are paid, for those that changed since the mark.

        `ours` tells which of some bill ids are of this connection (id to number): no others need be looked into.
        """
        ...


class Source(Erp, Protocol):
    """An ERP whose supplier invoices go into the payables system. Nothing is ever posted to it."""

    @property
    def capabilities(self) -> SourceCapabilities: ...

    def invoices(self, *, since: str | None) -> AsyncIterator[Page[SupplierInvoice]]:
        """Invoices and credit notes changed since `since` (a mark of an earlier page), or all; files by name."""
        ...

    async def read_invoice(self, key: str) -> SupplierInvoice | None:
        """One invoice as it is now, None where it is gone."""
        ...

    async def read_file(self, invoice: SupplierInvoice, file: Attachment) -> bytes: ...

    async def write_note(self, key: str, text: str) -> None:
        """Puts a sentence to the invoice's note, once: one that is there already stays. Changes nothing else."""
        ...


def ledger_of(erp: Erp) -> Ledger:
    """The ERP as one that bills are posted to. Raises TypeError where it gives its invoices instead."""
    if not isinstance(erp.capabilities, LedgerCapabilities):
        raise TypeError(f"Nothing is posted to {erp.name}.")
    return cast(Ledger, erp)


def source_of(erp: Erp) -> Source:
    """The ERP as one that gives its invoices. Raises TypeError where bills are posted to it instead."""
    if not isinstance(erp.capabilities, SourceCapabilities):
        raise TypeError(f"{erp.name} gives no invoices: bills are posted to it.")
    return cast(Source, erp)


# ------------------------------------------------------------------ the payables system


class Acknowledgement(StrEnum):
    """What became of an acknowledge."""

    DONE = "done"
    ALREADY = "already"
    """It was acknowledged before, by us as a rule: go on from the stored state."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TransferResponse:
    """What the payables system is told of a document's posting. `code` is new for each response and lasting."""

    code: str
    success: bool
    message: str
    bill_number: str = ""
    journal: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentResponse:
    """The whole current picture of a document's payment: what is left out is cleared on the other side."""

    code: str
    paid_total: Decimal
    currency: str
    paid_on: date | None
    discount: Decimal
    payment_number: str
    payment_term: str
    method: str
    message: str
    reversal_of: str = ""


class NotificationKind(StrEnum):
    """What a notification orders us to look at."""

    DOCUMENT = "document"
    IMPORT = "import"
    CONNECTION_TEST = "connection test"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Notification:
    """An order to look: it carries no data."""

    id: str
    kind: NotificationKind
    subject: str
    """The document's or request's id."""


class Payables(Protocol):
    """What the payables system does."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> PayablesCapabilities: ...

    @property
    def region_found(self) -> str | None:
        """The region that was found out from the credentials; None where it was given or is not known yet."""
        ...

    async def close(self) -> None: ...

    def ping(self) -> AsyncIterator[PingStep]: ...

    def offered(self) -> AsyncIterator[Page[ApprovedInvoice]]:
        """Documents approved and waiting for transfer."""
        ...

    def unfinished(self) -> AsyncIterator[Page[ApprovedInvoice]]:
        """Documents acknowledged by somebody whose transfer has not been answered."""
        ...

    def approved(self, *, since: datetime) -> AsyncIterator[Page[ApprovedInvoice]]:
        """Documents that are, or were, offered for posting and changed since then, whatever became of them."""
        ...

    async def read_document(self, document_id: str) -> ApprovedInvoice | None: ...

    def parse_document(self, payload: Mapping[str, Any]) -> ApprovedInvoice:
        """A document from the payload stored when it was read (`document_payload`)."""
        ...

    def document_payload(self, document: ApprovedInvoice) -> Mapping[str, Any]:
        """The payload a document was parsed from, bank details left out."""
        ...

    async def acknowledge(self, document_id: str) -> Acknowledgement: ...

    async def respond(self, document_id: str, response: TransferResponse) -> None:
        """Tells of a posting. After a lost reply, read the document and look for `code` before repeating."""
        ...

    async def respond_payment(self, document_id: str, response: PaymentResponse) -> None:
        """Tells of a payment. A response whose code is there already counts as done."""
        ...

    async def read_attachment(self, document_id: str, key: str) -> bytes: ...

    def import_items(self, flow: Flow, record: MasterRecord, *, active: bool) -> tuple[ImportItem, ...]:
        """A record as the items it is imported by. Empty where there is no list for it."""
        ...

    def deactivated(self, item: ImportItem) -> ImportItem | None:
        """The same item, switched off; None where it already is or cannot be."""
        ...

    def touched(self, item: ImportItem, token: str) -> ImportItem:
        """The same item made different on purpose, so that it is taken again."""
        ...

    async def send(self, items: Sequence[ImportItem]) -> ImportReceipt:
        """Imports records of one resource and stage, at most as many as the batch size."""
        ...

    async def outcome(self, request_id: str, items: Sequence[ImportItem]) -> ImportOutcome:
        """What became of an import."""
        ...

    async def feedback(self, item: ImportItem) -> str | None:
        """The newest words of refusal that are on record for an item, None where there are none."""
        ...

    async def settle_import(self, request_id: str) -> None:
        """Says that an import's outcome was read."""
        ...

    async def subscribe(self, *, url: str, token: str) -> None:
        """Sees to it that notifications come to `url`; the receiver must be running. Idempotent."""
        ...

    def missed_notifications(self, *, since: datetime) -> AsyncIterator[Sequence[Notification]]:
        """Notifications that never reached us."""
        ...


class Inbound(Protocol):
    """The way of supplier invoices into the payables system. One instance goes one of the routes there are."""

    async def close(self) -> None: ...

    def ping(self) -> AsyncIterator[PingStep]: ...

    def objection(self, invoice: SupplierInvoice) -> Finding | None:
        """What keeps this invoice from going this way: a file that is missing, a field that is too long. Pure."""
        ...

    async def admit(self, invoice: SupplierInvoice, *, key: str) -> Admission:
        """Under what the invoice will enter. Nothing enters by it; an admission that is never used is nothing.

        `key` is ours and lasting: where the id is ours to choose, the same key always gives the same one.
        """
        ...

    async def hand_in(self, invoice: SupplierInvoice, files: Sequence[InvoiceFile], admission: Admission) -> None:
        """Hands the invoice in. Repeating it under the same admission enters it once.

        Raises Refused where nothing entered, OutcomeUnknown where it may have.
        """
        ...

    async def look(self, admission: Admission) -> Whereabouts:
        """Whether an invoice entered under this admission."""
        ...

    def standings(self, *, since: str | None) -> AsyncIterator[Page[Standing]]:
        """What became of invoices that were handed in, for those that changed since the mark."""
        ...


class Verdict(StrEnum):
    """What became of checking a webhook call."""

    GENUINE = "genuine"
    WRONG_SIGNATURE = "wrong signature"
    STALE = "stale"


class WebhookVerifier(Protocol):
    """Checks a call to the webhook on its raw bytes, before anything is parsed, and reads it afterwards."""

    def verify(self, *, body: bytes, headers: Mapping[str, str], token: str, now: datetime) -> Verdict: ...

    def parse(self, body: bytes) -> Notification:
        """Raises ValueError with a sentence where the body is no notification."""
        ...


class Announcements(Protocol):
    """Reads a ledger's calls that something changed. Pure: nothing is looked up."""

    @property
    def body_limit(self) -> int:
        """Bytes that one call may have at most."""
        ...

    def answer_handshake(self, query: str) -> str | None:
        """The text to answer with, and 200, where the call only asks whether we listen; None for any other."""
        ...

    def parse(self, body: bytes, *, headers: Mapping[str, str], secret: str) -> frozenset[Flow]:
        """The flows in which something changed; none where it does not carry the secret, or is not signed with it.

        Raises ValueError with a sentence where the body cannot be read.
        """
        ...


# ------------------------------------------------------------------ what a folder exports


@dataclass(frozen=True, slots=True)
class LedgerConnector:
    """What a ledger's folder exports as `CONNECTOR`. `open` makes a ledger for the settings of one side."""

    manifest: Manifest
    capabilities: LedgerCapabilities
    open: Callable[[Side, Clock, Guard | None], Ledger]
    announcements: Announcements | None = None
    """Set where `capabilities.announces` names any flow."""


@dataclass(frozen=True, slots=True)
class SourceConnector:
    """What the folder of an ERP that gives its invoices exports as `CONNECTOR`."""

    manifest: Manifest
    capabilities: SourceCapabilities
    open: Callable[[Side, Clock, Guard | None], Source]
    announcements: Announcements | None = None


ErpConnector = LedgerConnector | SourceConnector
"""Any ERP's."""

INVOICE_ROUTE: Final = "invoice_route"
"""The setting of a source that names the route its invoices enter the payables system by."""
WRITE_BACK: Final = "write_back"
"""The setting of a source that says what is written of an invoice's standing into the ERP."""
AS_NOTE: Final = "note"
"""The value of `WRITE_BACK` that asks for a note on the invoice."""


@dataclass(frozen=True, slots=True)
class PayablesConnector:
    """What a payables system's folder exports as `CONNECTOR`."""

    manifest: Manifest
    capabilities: PayablesCapabilities
    open: Callable[[Side, Clock, Guard | None], Payables]
    webhook: WebhookVerifier
    webhook_for: Callable[[Mapping[str, Any]], WebhookVerifier] | None = None
    """The verifier by one connection's settings, where they have a say."""
    open_inbound: Callable[[Side, str, Clock, Guard | None], Inbound] | None = None
    """Opens the route of that name for invoices on their way in; `capabilities.inbound_routes` lists the names."""
