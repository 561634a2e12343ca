"""What is written down of a document: its steps, why it is held, what its findings come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused
from ml_connector.connectors.http import Exchange
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.coding import Coded, code_invoice
from ml_connector.flows.invoices.work import DISCARD, REJECT, Work
from ml_connector.flows.workplace import Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Policy, Reason, explain
from ml_connector.store.documents import Document, Documents, findings_to
from ml_connector.store.trail import Entry


class Notes:
    """Writes the state of documents, each change with its trail entry."""

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.place = place
        self.circuits = circuits
        self.documents: Documents = place.documents()

    async def write(self, document: Document, entry: Entry, **values: Any) -> None:
        await self.documents.change(document.key, entry, at=self.place.clock(), **values)

    def entry(
        self,
        document: Document,
        step: str,
        outcome: str,
        summary: str,
        exchanges: Sequence[Exchange] = (),
        **detail: str,
    ) -> Entry:
        return Entry(
            flow=Flow.INVOICES, record=document.document_id, step=step, outcome=outcome, summary=summary,
            detail={"transfer": document.attempt, **detail}, exchanges=tuple(exchanges),
        )  # fmt: skip

    async def hold(
        self, document: Document, findings: Sequence[Finding], exchanges: Sequence[Exchange] = (),
        *, step: str = "held", again: bool = False,
    ) -> None:  # fmt: skip
        due = self.place.back_off(8) if again else None
        entry = self.entry(document, step, "held", sentences(findings), exchanges)
        await self.write(
            document, entry, status=DocumentStatus.HELD, intent=None, acknowledged=document.acknowledged,
            reason=findings[0].reason, findings=findings_to(findings), next_due=due,
        )  # fmt: skip

    async def hold_duplicate(self, document: Document, what: str) -> Document:
        finding = Finding(Reason.POSSIBLE_DUPLICATE, f"{document.invoice_number} of {document.supplier} as {what}")
        await self.hold(document, (finding,))
        return replace(document, status=DocumentStatus.HELD)

    async def settle_findings(
        self, document: Document, findings: Iterable[Finding], exchanges: Sequence[Exchange] = (), step: str = "checked"
    ) -> Work | None:
        """Returned, held or tried again, by the policy of the gravest finding. The clerk is told of all of them."""
        findings = tuple(dict.fromkeys(findings))
        policy = _gravest(findings)
        if policy is Policy.RETURN:
            entry = self.entry(document, step, "failed", sentences(findings), exchanges)
            intent = DISCARD if document.bill_id else REJECT
            values: dict[str, Any] = {
                "intent": intent, "acknowledged": True, "reason": findings[0].reason,
                "findings": findings_to(findings), "next_due": self.place.clock(),
            }  # fmt: skip
            await self.write(document, entry, **values)
            return Work(replace(document, **{**values, "findings": findings}), None)
        await self.hold(document, findings, exchanges, step=step, again=policy is Policy.RETRY)
        return None

    async def put_down(self, document: Document, error: ConnectorError) -> None:
        """The side is out of reach: the document waits where it stands and burns no attempt."""
        if self.place.concerns_side(error):
            until = await self.circuits.trip(error)
        elif isinstance(error, OutcomeUnknown):
            until = self.place.back_off(document.attempts)
        else:
            await self.hold(document, error.findings)
            return
        entry = self.entry(document, "waits", "waits", str(error))
        await self.write(document, entry, next_due=until)

    async def meet(self, work: Work, error: ConnectorError) -> None:
        """An error of a read, or of a response, outside the writes to the ledger."""
        if isinstance(error, Refused) and not self.place.concerns_side(error):
            await self.hold(work.document, error.findings)
            return
        await self.put_down(work.document, error)

    def coded(self, document: Document) -> Coded:
        invoice = self.place.payables.parse_document(document.payload)
        return code_invoice(
            invoice, self.place.mapping, key=document.key,
            today=document.posting_date or self.place.clock().date(),
            number_length=self.place.ledger.capabilities.number_length,
        )  # fmt: skip


def sentences(findings: Sequence[Finding]) -> str:
    """What the clerk is told of all of them."""
    return " ".join(dict.fromkeys(each.sentence() for each in findings))


def _gravest(findings: Sequence[Finding]) -> Policy:
    policies = {explain(each.reason).policy for each in findings}
    for policy in (Policy.RETURN, Policy.HOLD):
        if policy in policies:
            return policy
    return Policy.RETRY
