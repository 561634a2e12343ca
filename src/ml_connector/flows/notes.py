"""What is written down of a document, whichever way it goes: its steps, why it is held, that it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused
from ml_connector.connectors.http import Exchange
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.workplace import Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding
from ml_connector.store.documents import Document, Documents, findings_to
from ml_connector.store.trail import Entry


class DocumentNotes:
    """Writes the state of documents, each change with its trail entry."""

    flow: ClassVar[Flow]

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.place = place
        self.circuits = circuits
        self.documents: Documents = place.documents()

    async def write(self, document: Document, entry: Entry, **values: Any) -> None:
        """One step of a document, committed when it returns."""
        await self.documents.change(document.key, entry, at=self.place.clock(), **values)

    def entry(
        self,
        document: Document,
        step: str,
        outcome: str,
        summary: str,
        exchanges: Sequence[Exchange] = (),
        **detail: Any,
    ) -> Entry:
        """What the trail is told of a step."""
        return Entry(
            flow=self.flow, record=document.document_id, step=step, outcome=outcome, summary=summary,
            detail={"transfer": document.attempt, **detail}, exchanges=tuple(exchanges),
        )  # fmt: skip

    async def hold(
        self, document: Document, findings: Sequence[Finding], exchanges: Sequence[Exchange] = (),
        *, step: str = "held", again: bool = False,
    ) -> None:  # fmt: skip
        """Held for these reasons; looked at again by itself from time to time where `again`."""
        due = self.place.back_off(8) if again else None
        entry = self.entry(document, step, "held", sentences(findings), exchanges, **said_of(findings))
        await self.write(
            document, entry, status=DocumentStatus.HELD, intent=None, acknowledged=document.acknowledged,
            reason=findings[0].reason, findings=findings_to(findings), next_due=due,
        )  # fmt: skip

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

    async def meet(self, document: Document, error: ConnectorError) -> None:
        """An error outside the writes that must not be made twice."""
        if isinstance(error, Refused) and not self.place.concerns_side(error):
            await self.hold(document, error.findings)
            return
        await self.put_down(document, error)


def sentences(findings: Sequence[Finding]) -> str:
    """What a person is told of all of them."""
    return " ".join(dict.fromkeys(each.sentence() for each in findings))


def said_of(findings: Sequence[Finding]) -> dict[str, str]:
    """The other side's own words, for the trail: beside the sentence, never instead of it."""
    words = "; ".join(dict.fromkeys(each.vendor_text for each in findings if each.vendor_text))
    return {"said": words} if words else {}
