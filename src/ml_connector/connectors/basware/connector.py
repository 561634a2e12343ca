"""Basware P2P as the payables system."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from ml_connector.connectors.base import (
    Acknowledgement,
    Notification,
    Page,
    PaymentResponse,
    PingStep,
    TransferResponse,
)
from ml_connector.connectors.basware import changes, outcomes, subscriptions
from ml_connector.connectors.basware.auth import SignIn
from ml_connector.connectors.basware.client import (
    HEADERS,
    REQUEST_ID_HEADERS,
    BaswareClient,
    members_of,
    segment,
)
from ml_connector.connectors.basware.codes import source_system
from ml_connector.connectors.basware.connection_test import ConnectionTest
from ml_connector.connectors.basware.documents import IN_PROGRESS, WAITING, Documents
from ml_connector.connectors.basware.errors import SYSTEM, error_of
from ml_connector.connectors.basware.imports import Importer, entity_type
from ml_connector.connectors.basware.manifest import CAPABILITIES, MANIFEST, limits_of
from ml_connector.connectors.basware.mapping import (
    SOURCE_LENGTH,
    BaswareInvoice,
    parse_invoice,
    payment_body,
    prebook_body,
    transfer_body,
)
from ml_connector.connectors.basware.outcomes import RequestStatus
from ml_connector.connectors.basware.regions import HOSTS, candidates
from ml_connector.connectors.basware.sending import SEPARATOR, Sending
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.http import HttpClient
from ml_connector.connectors.import_items import ImportItem, ImportOutcome, ImportReceipt
from ml_connector.connectors.manifest import PayablesCapabilities
from ml_connector.connectors.side import Clock, Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import ApprovedInvoice, TransferStage
from ml_connector.records.master_data import MasterRecord
from ml_connector.records.reason import Reason

FEEDBACK_GRACE: Final = timedelta(minutes=10)
"""How long an error may take to appear where only errors are told (Basware dossier 7.2)."""
_NO_STATUS: Final = frozenset({403, 501})
_LEFT_AS_IT_IS: Final = frozenset({400, 404, 405})
"""Answers to acknowledging a request that need nothing: it only tidies Basware's own list."""


class Basware:
    """One company of one Basware tenant. `respond_prebook` goes beyond the protocol."""

    def __init__(
        self,
        side: Side,
        *,
        clock: Clock,
        guard: Guard | None = None,
        hosts: Mapping[str, Mapping[str, str]] = HOSTS,
    ) -> None:
        values = side.values
        limits = limits_of(values)
        self._clock = clock
        self._http = HttpClient(
            system=MANIFEST.name, limits=limits, headers=HEADERS, request_id_headers=REQUEST_ID_HEADERS,
            guard=guard,
        )  # fmt: skip
        self._sign_in = SignIn(
            http=self._http,
            addresses=candidates(values, hosts=hosts),
            client_id=str(values.get("client_id") or ""),
            secret=side.secrets.get("client_secret", ""),
        )
        self._client = BaswareClient(http=self._http, base=self._sign_in.base)
        self._documents = Documents(self._client, company=side.company, page_size=limits.page_size)
        self._importer = Importer(side.connection, side.company, side.mapping)
        self._source = source_system(side.connection, SOURCE_LENGTH)
        self._company = side.company
        self._asked_first: dict[str, datetime] = {}

    @property
    def name(self) -> str:
        return MANIFEST.name

    @property
    def capabilities(self) -> PayablesCapabilities:
        return CAPABILITIES

    @property
    def region_found(self) -> str | None:
        """The region these credentials belong to, once it is known."""
        return self._sign_in.region_found

    async def close(self) -> None:
        await self._http.close()

    def ping(self) -> AsyncIterator[PingStep]:
        test = ConnectionTest(
            client=self._client, sign_in=self._sign_in, documents=self._documents, company=self._company
        )
        return test.steps()

    # -------------------------------------------------------------- documents

    async def offered(self) -> AsyncIterator[Page[ApprovedInvoice]]:
        async for page in self._documents.listed(WAITING):
            yield Page(records=page)

    async def unfinished(self) -> AsyncIterator[Page[ApprovedInvoice]]:
        async for page in self._documents.listed(IN_PROGRESS):
            yield Page(records=page)

    async def approved(self, *, since: datetime) -> AsyncIterator[Page[ApprovedInvoice]]:
        async for page in self._documents.changed(since):
            yield Page(records=tuple(each for each in page if each.stage is not TransferStage.OTHER))

    async def read_document(self, document_id: str) -> ApprovedInvoice | None:
        return await self._documents.read(document_id)

    def parse_document(self, payload: Mapping[str, Any]) -> ApprovedInvoice:
        """Raises ValueError where the payload is no document's."""
        return parse_invoice(payload)

    def document_payload(self, document: ApprovedInvoice) -> Mapping[str, Any]:
        """Numbers are Decimal, as read. Raises TypeError for a document that was not read by this connector."""
        if not isinstance(document, BaswareInvoice):
            raise TypeError(f"Document {document.document_id} was not read from {SYSTEM}.")
        return document.payload

    async def acknowledge(self, document_id: str) -> Acknowledgement:
        return await self._documents.acknowledge(document_id)

    async def respond(self, document_id: str, response: TransferResponse) -> None:
        await self._documents.respond_transfer(document_id, transfer_body(response, source=self._source))

    async def respond_prebook(self, document_id: str, response: TransferResponse) -> None:
        """Tells of a prebooking, as `respond` tells of a posting."""
        await self._documents.respond_prebook(document_id, prebook_body(response, source=self._source))

    async def respond_payment(self, document_id: str, response: PaymentResponse) -> None:
        await self._documents.respond_payment(document_id, payment_body(response, source=self._source))

    async def read_attachment(self, document_id: str, key: str) -> bytes:
        return await self._documents.read_attachment(document_id, key)

    # -------------------------------------------------------------- imports

    def import_items(self, flow: Flow, record: MasterRecord, *, active: bool) -> tuple[ImportItem, ...]:
        """Raises Refused (RECORD_REFUSED) where what identifies the record is longer than Basware takes."""
        return self._importer.items(flow, record, active=active)

    def deactivated(self, item: ImportItem) -> ImportItem | None:
        return changes.deactivated(item)

    def touched(self, item: ImportItem, token: str) -> ImportItem:
        return changes.touched(item, token)

    async def send(self, items: Sequence[ImportItem]) -> ImportReceipt:
        """A record given twice goes once, as given last. The receipt's id may stand for several requests."""
        latest = {item.code: item for item in items}
        resources = {item.resource for item in items}
        if not latest:
            return ImportReceipt(request_id=None, refused={})
        if len(resources) > 1:
            raise ValueError(f"One import call carries one resource, not {', '.join(sorted(resources))}.")
        sending = Sending(self._client, resource=resources.pop())
        await sending.send(list(latest.values()))
        return sending.receipt()

    async def outcome(self, request_id: str, items: Sequence[ImportItem]) -> ImportOutcome:
        """A request that is not visible yet is pending (dossier U17); the caller decides for how long."""
        try:
            statuses = [await self._status(each) for each in request_id.split(SEPARATOR)]
        except Refused as error:
            if error.status not in _NO_STATUS:
                raise
            return await self._outcome_by_feedback(request_id, items)
        return outcomes.settle(statuses, items)

    async def feedback(self, item: ImportItem) -> str | None:
        found = await self._feedbacks(f"{entity_type(item.resource)}/{segment(item.code)}")
        return outcomes.newest_feedback(found)

    async def settle_import(self, request_id: str) -> None:
        """A request that is unknown, acknowledged before, or busy with another target system is left as it is."""
        for each in request_id.split(SEPARATOR):
            body = {"requestIds": [each]}
            reply = await self._client.post("/v1/requestStatus/acknowledge", body, idempotent=True)
            if not reply.ok and reply.status not in _LEFT_AS_IT_IS:
                raise error_of(reply, attempted=Reason.UNEXPECTED)

    async def _status(self, request_id: str) -> RequestStatus | None:
        answer = await self._client.get(f"/v1/requestStatus/{segment(request_id)}")
        return outcomes.parse_status(members_of(answer.reply, "requestStatus")) if answer.found else None

    async def _outcome_by_feedback(self, request_id: str, items: Sequence[ImportItem]) -> ImportOutcome:
        first = self._asked_first.setdefault(request_id, self._clock())
        found: list[Mapping[str, Any]] = []
        for each in request_id.split(SEPARATOR):
            found += await self._feedbacks(segment(each))
        waited = self._clock() - first >= FEEDBACK_GRACE
        outcome = outcomes.settle_by_feedback(found, items, waited=waited)
        if outcome.done:
            self._asked_first.pop(request_id, None)
        return outcome

    async def _feedbacks(self, path: str) -> Sequence[Mapping[str, Any]]:
        answer = await self._client.get(f"/v1/errorFeedbacks/{path}")
        return members_of(answer.reply, "errorList") if answer.found else ()

    # -------------------------------------------------------------- notifications

    async def subscribe(self, *, url: str, token: str) -> None:
        await subscriptions.subscribe(self._client, url=url, token=token)

    def missed_notifications(self, *, since: datetime) -> AsyncIterator[Sequence[Notification]]:
        return subscriptions.missed(self._client, since=since)


def open_basware(side: Side, clock: Clock, guard: Guard | None) -> Basware:
    """A Basware for the settings of one side; nothing is called yet."""
    return Basware(side, clock=clock, guard=guard)
