"""What is written down of an approved invoice: what its findings come to, and how it is coded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ml_connector.connectors.http import Exchange
from ml_connector.flows.coding import Coded, code_invoice
from ml_connector.flows.invoices.work import DISCARD, REJECT, Work
from ml_connector.flows.notes import DocumentNotes, said_of, sentences
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Policy, Reason, explain
from ml_connector.store.documents import Document, findings_to

__all__ = ["Notes", "sentences"]


class Notes(DocumentNotes):
    """Writes the state of approved invoices."""

    flow = Flow.INVOICES

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
            entry = self.entry(document, step, "failed", sentences(findings), exchanges, **said_of(findings))
            intent = DISCARD if document.bill_id else REJECT
            values: dict[str, Any] = {
                "intent": intent, "acknowledged": True, "reason": findings[0].reason,
                "findings": findings_to(findings), "next_due": self.place.clock(),
            }  # fmt: skip
            await self.write(document, entry, **values)
            return Work(replace(document, **{**values, "findings": findings}), None)
        await self.hold(document, findings, exchanges, step=step, again=policy is Policy.RETRY)
        return None

    def coded(self, document: Document) -> Coded:
        invoice = self.place.payables.parse_document(document.payload)
        return code_invoice(
            invoice, self.place.mapping, key=document.key,
            today=document.posting_date or self.place.clock().date(),
            number_length=self.place.ledger.capabilities.number_length,
        )  # fmt: skip


def _gravest(findings: Sequence[Finding]) -> Policy:
    policies = {explain(each.reason).policy for each in findings}
    for policy in (Policy.RETURN, Policy.HOLD):
        if policy in policies:
            return policy
    return Policy.RETRY
