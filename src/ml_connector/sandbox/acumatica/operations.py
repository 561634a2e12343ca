"""Long operations: 202, the status address and the form that is busy meanwhile (Acumatica dossier 6)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ml_connector.sandbox.acumatica.errors import Refusal, failed, not_found
from ml_connector.sandbox.acumatica.plugs import LongRun
from ml_connector.sandbox.acumatica.sessions import Session
from ml_connector.sandbox.clock import Clock

_REMEMBERED = 5_000
"""Operations whose status can still be asked for."""


@dataclass(slots=True)
class Operation:
    """One long operation; done after a number of polls or by itself after a while, whichever is first."""

    id: str
    session: str
    address: str
    """`Bill/ReleaseBill`: what stands before `/status/` in its address."""
    polls: int
    ends: datetime
    failure: Refusal | None


@dataclass(slots=True)
class Operations:
    """How actions answer, and the operations under way."""

    clock: Clock
    polls: int = 2
    """Status reads that say 202 before the operation is done."""
    seconds: float = 5.0
    """After which it is done though nobody asks."""
    immediate: bool = False
    """204 at once instead of 202."""
    location: bool = False
    """An immediate 204 names an address that leads nowhere."""
    slow: float = 0.0
    """Seconds an action takes to answer although it is done at once."""
    known: dict[str, Operation] = field(default_factory=dict)

    def start(self, session: Session, entity: str, action: str, run: LongRun) -> str:
        """Begins an operation; returns the part of its address below the endpoint."""
        now = self.clock.now()
        operation = Operation(
            id=str(uuid.uuid4()),
            session=session.id,
            address=f"{entity}/{action}",
            polls=self.polls,
            ends=now + timedelta(seconds=self.seconds),
            failure=run.failure,
        )
        self.known[operation.id] = operation
        if len(self.known) > _REMEMBERED:
            del self.known[next(iter(self.known))]
        session.running[entity] = operation.id
        return f"{operation.address}/status/{operation.id}"

    def poll(self, session: Session, address: str, operation_id: str) -> bool:
        """True when it is done; raises Refusal where it failed (dossier U7) or is not of this session."""
        operation = self.known.get(operation_id)
        if operation is None or operation.session != session.id or operation.address != address:
            raise not_found("No long operation of that id runs in this session.")
        if operation.polls > 0 and self.clock.now() < operation.ends:
            operation.polls -= 1
            return False
        operation.polls = 0
        self._finish(session, operation)
        if operation.failure is not None:
            raise operation.failure
        return True

    def require_idle(self, session: Session, entity: str) -> None:
        """Raises Refusal while an operation runs on the entity's form in this session (Acumatica dossier 15.41)."""
        running = self.known.get(session.running.get(entity, ""))
        if running is None:
            return
        if running.polls > 0 and self.clock.now() < running.ends:
            message = "The previous operation has not been completed yet."
            raise failed(message, "PX.Data.PXException")
        self._finish(session, running)

    def _finish(self, session: Session, operation: Operation) -> None:
        entity = operation.address.partition("/")[0]
        if session.running.get(entity) == operation.id:
            del session.running[entity]
