"""Calls that are answered later (Visma dossier 7, 17.43)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.visma_net.errors import Refusal, bad_request, no_record

HEADER = "erp-api-background"
_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to: JSON, bytes or nothing."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One call under way or done."""

    id: str
    tenant: str
    address: str
    received: datetime
    answer: Answer
    refusal: Refusal | None


@dataclass(slots=True)
class Background:
    """The queue. The work is done when the call comes; its state says so a moment later."""

    clock: Clock
    seconds: float = 0.2
    """How long an operation says `Started`."""
    operations: dict[str, Operation] = field(default_factory=dict)

    def accept(self, tenant: str, address: str, answer: Answer, refusal: Refusal | None) -> Operation:
        """Keeps what a call came to."""
        operation = Operation(str(uuid.uuid4()), tenant, address, self.clock.now(), answer, refusal)
        self.operations[operation.id] = operation
        return operation

    def accepted(self, operation: Operation, root: str) -> Answer:
        """The immediate answer."""
        location = f"{root}/v1/background/{operation.id}"
        return Answer(202, {"id": operation.id, "stateLocation": location}, {"Location": location})

    def state(self, tenant: str, key: str, root: str) -> Answer:
        """`GET /v1/background/{id}`; raises Refusal."""
        operation = self._find(tenant, key)
        finished = operation.received + timedelta(seconds=self.seconds)
        done = self.clock.now() >= finished
        location = f"{root}/v1/background/{key}"
        has_content = _content(operation) is not None
        return Answer(
            200,
            {
                "id": key,
                "status": "Finished" if done else "Started",
                "statusCode": _status(operation) if done else 0,
                "receivedUtc": operation.received.isoformat(),
                "startedUtc": operation.received.isoformat(),
                "finishedUtc": finished.isoformat() if done else None,
                "errorMessage": "",
                "reference": "",
                "originalUri": operation.address,
                "hasResponseContent": done and has_content,
                "hasRequestContent": False,
                "contentLocation": f"{location}/content" if done and has_content else None,
                "responseHeaders": dict(operation.answer.headers) if done else {},
            },
        )

    def content(self, tenant: str, key: str) -> Answer:
        """`GET /v1/background/{id}/content`; raises Refusal: 410 after a day."""
        operation = self._find(tenant, key)
        now = self.clock.now()
        if now - operation.received > _LIFE:
            raise Refusal(410)
        body = _content(operation)
        if body is None or now < operation.received + timedelta(seconds=self.seconds):
            raise no_record("content of the operation", key)
        return Answer(200, body)

    def _find(self, tenant: str, key: str) -> Operation:
        operation = self.operations.get(key.lower())
        if operation is None:
            raise no_record("operation", key)
        if operation.tenant != tenant:
            raise Refusal(403)
        return operation


def wants_background(value: str | None) -> bool:
    """True where the header asks for it; raises Refusal (400) for an address, which is not taken any more."""
    if not value:
        return False
    word = value.split(":", 1)[0].strip().lower()
    if word not in ("none", "subscription"):
        raise bad_request(f"The value '{value}' of {HEADER} is not supported.")
    return True


def _status(operation: Operation) -> int:
    return operation.refusal.status if operation.refusal is not None else operation.answer.status


def _content(operation: Operation) -> Any:
    return operation.refusal.body if operation.refusal is not None else operation.answer.body
