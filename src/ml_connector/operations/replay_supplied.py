"""What a person does about an invoice on its way into the payables system: tries it again, links it, leaves it out."""

from __future__ import annotations

import json
from typing import Any

from ml_connector.engine.process import Process
from ml_connector.operations.moves import Move, NotPossible, Step, change
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Finding, Reason
from ml_connector.store.documents import ACTIVE, Document, findings_to


async def send_back(process: Process, document: Document, *, step: Step, actor: str) -> str | None:
    """Sends it back to work, under the admission that it has: it enters once. A sentence where that cannot be."""

    def move(now: Document) -> Move:
        return _again(now, step)

    try:
        await change(process, document.key, move, step="replayed", actor=actor)
    except NotPossible as refused:
        return str(refused)
    return None


def _again(document: Document, step: Step) -> Move:
    if document.posted_at is not None:
        raise NotPossible(f"It has entered the payables system as {_known_as(document)}: there is nothing to replay.")
    if document.status is DocumentStatus.CANCELLED:
        raise NotPossible(_cancelled_sentence(document))
    if step is Step.RESPOND:
        raise NotPossible("Nobody has to be told of it: the statuses flow tells what became of it. Use --from start.")
    if document.intent is not None:
        if step is Step.POST and document.status is DocumentStatus.HELD:
            return Move(
                {**_new_admission(document), "status": DocumentStatus.RECEIVED, "intent": None},
                "A person says that it did not enter: it is handed in anew, under another admission.",
            )
        return Move({}, "Looked for again at once.")
    if document.status in ACTIVE:
        return Move({}, "Tried again at once.")
    values: dict[str, Any] = {"status": DocumentStatus.RECEIVED}
    if document.reason is Reason.TURNED_AWAY:
        # It never became a document, and its id is spent: the same one would only be taken for the first time.
        values |= _new_admission(document)
    return Move(values, "Read from the ERP and tried again.")


def _new_admission(document: Document) -> dict[str, Any]:
    return {
        "admission_id": None, "admission_token": None, "admission_expires": None, "standing": None,
        "payables_id": None, "admissions": document.admissions + 1,
    }  # fmt: skip


def _known_as(document: Document) -> str:
    return document.payables_id or document.admission_id or "a document"


def _cancelled_sentence(document: Document) -> str:
    if document.reason is Reason.REMOVED:
        return "It was removed in the payables system by a person: it is not handed in again."
    return "It was settled or voided in the ERP before it was handed in: there is nothing to hand in."


async def link(process: Process, document: Document, name: str, *, actor: str) -> Document:
    """A person says: that document of the payables system, by its id there, is this invoice. Raises `NotPossible`."""
    _require_open(document)
    sides = await process.open_sides(document.connection_id)
    try:
        found = await sides.payables.read_document(name)
    finally:
        await sides.close()
    if found is None or found.company != sides.company:
        raise NotPossible(f"The payables system has no document {name} of company {sides.company}.")

    def move(now: Document) -> Move:
        _require_open(now)
        values: dict[str, Any] = {
            "status": DocumentStatus.TRANSFERRED, "intent": None, "posted_at": process.clock(), "linked_by": actor,
            "reason": None, "findings": "[]", "next_due": None, "payables_id": found.document_id,
            "response_message": f"Linked to {found.document_id}.",
        }  # fmt: skip
        return Move(values, f"Linked by a person to the document {found.document_id}; it is not handed in.")

    return await change(process, document.key, move, step="linked", actor=actor, document=found.document_id)


async def leave_out(process: Process, document: Document, words: str, *, actor: str) -> Document:
    """A person says that it is not to be handed in. Raises `NotPossible`."""

    def move(now: Document) -> Move:
        _require_open(now)
        if now.intent is not None:
            raise NotPossible("It may have entered the payables system: look for it there first, and link it if so.")
        finding = Finding(Reason.RETURNED, words)
        values: dict[str, Any] = {
            "status": DocumentStatus.REJECTED, "reason": str(finding.reason), "next_due": None,
            "findings": json.dumps(findings_to([finding])), "response_message": words,
        }  # fmt: skip
        return Move(values, f"Left out by a person: {words}")

    return await change(process, document.key, move, step="left out", actor=actor)


def _require_open(document: Document) -> None:
    if document.posted_at is not None:
        raise NotPossible(f"It has entered the payables system already, as {_known_as(document)}.")
    if document.status is not DocumentStatus.HELD:
        raise NotPossible(f"Only a held document can be decided on; this one is {document.status}.")
