"""What is written down of a supplier invoice on its way into the payables system."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.connectors.http import Exchange
from ml_connector.flows.notes import DocumentNotes, said_of, sentences
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Policy, explain
from ml_connector.records.supplier_invoice import Admission, InvoiceFile
from ml_connector.store.documents import Document, findings_to
from ml_connector.store.trail import Entry

HAND_IN: Final = "hand in"
"""The intent: the invoice may be entering the payables system, or have entered it."""
ADDRESSES: Final = "admission"
"""Among the secrets: the side under which the addresses of admissions are kept."""


class SupplierNotes(DocumentNotes):
    """Writes the state of supplier invoices."""

    flow = Flow.SUPPLIER_INVOICES

    async def hold_for(
        self, document: Document, findings: Sequence[Finding], exchanges: Sequence[Exchange] = (), *,
        step: str = "checked", **values: Any,
    ) -> None:  # fmt: skip
        """Held before anything was handed in; tried again by itself where each reason may pass."""
        passes = all(explain(each.reason).policy is Policy.RETRY for each in findings)
        entry = self.entry(document, step, "held", sentences(findings), exchanges, **said_of(findings))
        await self.write(
            document, entry, **{
                **values, "status": DocumentStatus.HELD, "intent": None, "reason": findings[0].reason,
                "findings": findings_to(findings), "next_due": self.place.back_off(8) if passes else None,
            },
        )  # fmt: skip

    async def hold_uncertain(
        self, document: Document, finding: Finding, exchanges: Sequence[Exchange] = (), *, again: bool = True
    ) -> None:
        """Held while it may have entered: the intent stays, so that whatever comes next begins with a look."""
        entry = self.entry(document, "looked", "held", finding.sentence(), exchanges, **said_of((finding,)))
        await self.write(
            document, entry, status=DocumentStatus.HELD, reason=finding.reason, findings=findings_to([finding]),
            next_due=self.place.back_off(8) if again else None,
        )  # fmt: skip

    async def cancel(self, document: Document, finding: Finding, **values: Any) -> None:
        """There is nothing to hand in any more."""
        entry = self.entry(document, "cancelled", "cancelled", finding.sentence())
        await self.write_and_forget(
            document, entry, **{
                **values, "status": DocumentStatus.CANCELLED, "intent": None, "reason": finding.reason,
                "findings": findings_to([finding]), "next_due": None,
            },
        )  # fmt: skip

    # ------------------------------------------------------------------ the admission

    async def keep_admission(self, document: Document, entry: Entry, admission: Admission, **values: Any) -> None:
        """Keeps what the invoice enters under, its address encrypted, together with the intent to hand it in."""
        kept = {
            **values, "admission_id": admission.id, "admission_token": admission.token or None,
            "admission_expires": admission.expires,
        }  # fmt: skip

        async def keep_address(transaction: AsyncConnection) -> None:
            vault = self.place.vault
            assert vault is not None, "where invoices go in, there is a vault"
            await vault.put(
                transaction, document.connection_id, ADDRESSES, document.key, admission.address, now=self.place.clock()
            )

        if admission.address:
            await self.documents.change_beside(document.key, entry, keep_address, at=self.place.clock(), **kept)
        else:
            await self.write(document, entry, **kept)

    async def admission_of(self, document: Document) -> Admission | None:
        """What was kept, None where nothing was."""
        if document.admission_id is None:
            return None
        address = None
        if document.admission_expires is not None and self.place.vault is not None:
            address = await self.place.vault.get(
                self.place.database, document.connection_id, ADDRESSES, document.key
            )  # fmt: skip
        return Admission(
            document.admission_id, document.admission_token or "", address or "", document.admission_expires
        )

    async def write_and_forget(self, document: Document, entry: Entry, **values: Any) -> None:
        """A step after which the address is of no use any more."""

        async def forget(transaction: AsyncConnection) -> None:
            vault = self.place.vault
            assert vault is not None, "where invoices go in, there is a vault"
            await vault.delete(transaction, document.connection_id, ADDRESSES, document.key)

        if document.admission_expires is None:
            await self.write(document, entry, **values)
        else:
            await self.documents.change_beside(document.key, entry, forget, at=self.place.clock(), **values)


def without_files(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The exchanges as the trail may have them: what a file holds does not belong there."""
    return [
        each if each.request is None or each.request.lstrip()[:1] in (b"{", b"[") else replace(each, request=None)
        for each in exchanges
    ]


def told_of(files: Sequence[InvoiceFile]) -> list[str]:
    """The files as the trail names them."""
    return [f"{each.name} (sha256 {hashlib.sha256(each.content).hexdigest()})" for each in files]
