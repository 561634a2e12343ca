"""Push notifications: signed, sent by workers in the background, retried, kept as history (dossier 8)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp

from ml_connector.sandbox.basware.shelf import Shelf
from ml_connector.sandbox.basware.wire import Fields, stamp, whole
from ml_connector.sandbox.clock import Clock

WORKERS = 32
TIMEOUT = aiohttp.ClientTimeout(total=10)
PAUSES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Seconds before each further attempt; after the last the task has Failed (U21)."""
_TASK_LIFE = timedelta(days=30)


@dataclass(slots=True)
class Scheme:
    """How a notification is signed. The default is the HMAC-SHA256 of the body alone, in hex."""

    scheme: str = "body"
    """body, ts+body or ts.body."""
    encoding: str = "hex"
    """hex or base64."""
    prefix: str = ""

    def sign(self, secret: str, timestamp: str, body: bytes) -> str:
        """The value of X-BWAPI-Signature-256."""
        before = {"body": "", "ts+body": timestamp, "ts.body": f"{timestamp}."}[self.scheme]
        digest = hmac.new(secret.encode(), before.encode() + body, hashlib.sha256).digest()
        text = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
        return self.prefix + text


@dataclass(slots=True)
class Subscription:
    """Who wants to hear of what."""

    fields: Fields
    updated: datetime

    @property
    def url(self) -> str:
        """Where notifications go."""
        return self.fields["notificationWebhookURL"]

    @property
    def secret(self) -> str:
        """What they are signed with."""
        return self.fields["webhookAuthenticationToken"]

    def as_json(self) -> Fields:
        """As the list shows it, secret included like the real one."""
        return {**self.fields, "lastUpdated": stamp(self.updated)}


@dataclass(slots=True)
class Task:
    """One notification and what became of it."""

    task_id: str
    kind: str
    sub_kind: str
    document_id: str
    expires: datetime
    updated: datetime
    status: str = "New"
    history: list[Fields] = field(default_factory=list)

    def payload(self) -> bytes:
        """What is sent."""
        return json.dumps(
            {
                "taskId": self.task_id,
                "taskStatus": "New",
                "taskType": self.kind,
                "taskSubType": self.sub_kind,
                "documentId": self.document_id,
                "expirationTime": stamp(self.expires),
            }
        ).encode()

    def as_json(self) -> Fields:
        """As the history shows it."""
        return {
            "taskId": self.task_id,
            "taskStatus": self.status,
            "taskType": self.kind,
            "taskSubType": self.sub_kind,
            "documentId": self.document_id,
            "expirationTime": stamp(self.expires),
            "isSimulatedTask": False,
            "lastUpdated": stamp(self.updated),
            "taskHistory": self.history,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task on its way to a subscriber."""

    task: Task
    subscription: Subscription
    attempt: int = 0


class Notifier:
    """The subscriptions, the tasks and the workers that send them."""

    def __init__(self, clock: Clock, delay: float) -> None:
        self._clock = clock
        self.delay = delay
        self._session: aiohttp.ClientSession | None = None
        self._workers: list[asyncio.Task[None]] = []
        self.clear()

    def clear(self) -> None:
        """Forgets subscriptions, tasks and whatever was still to be sent."""
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self.scheme = Scheme()
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        self.tasks: dict[str, Task] = {}
        self.shelf = Shelf()
        self.restart()

    def start(self) -> None:
        """Opens the session and puts the workers to work."""
        connector = aiohttp.TCPConnector(limit=WORKERS * 2)
        self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT)
        self._workers = [asyncio.create_task(self._work(self._queue)) for _ in range(WORKERS)]

    def restart(self) -> None:
        """Puts the workers on the present queue, if they were at work."""
        if self._workers:
            for worker in self._workers:
                worker.cancel()
            self._workers = [asyncio.create_task(self._work(self._queue)) for _ in range(WORKERS)]

    async def close(self) -> None:
        """Lets the workers go."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers = []
        if self._session is not None:
            await self._session.close()

    def subscribers(self, kind: str, sub_kind: str) -> list[Subscription]:
        """Who is told of such a thing."""
        keys = dict.fromkeys([(kind, sub_kind), (kind, "All"), ("All", "All")])
        return [self.subscriptions[key] for key in keys if key in self.subscriptions]

    def announce(self, kind: str, sub_kind: str, document_id: str) -> None:
        """Notifies every subscriber, in the background."""
        for subscription in self.subscribers(kind, sub_kind):
            self._enqueue(Delivery(self.task(kind, sub_kind, document_id), subscription), self.delay)

    def task(self, kind: str, sub_kind: str, document_id: str) -> Task:
        """A new notification, kept in the history."""
        now = whole(self._clock.now())
        task = Task(str(uuid.uuid4()), kind, sub_kind, document_id, now + _TASK_LIFE, now)
        self.tasks[task.task_id] = task
        self._note(task, "New")
        return task

    async def send(
        self,
        task: Task,
        subscription: Subscription,
        *,
        secret: str | None = None,
        age: timedelta = timedelta(),
    ) -> tuple[int, str]:
        """Posts the notification once; the answer's status, 0 when there was none, and what went wrong.

        `secret` signs with another key and `age` dates it back, for tests of what a receiver must refuse.
        """
        assert self._session is not None
        body = task.payload()
        timestamp = (self._clock.now() - age).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers = {
            "Content-Type": "application/json",
            "X-BWAPI-Timestamp": timestamp,
            "X-BWAPI-Signature-256": self.scheme.sign(secret or subscription.secret, timestamp, body),
        }
        try:
            async with self._session.post(subscription.url, data=body, headers=headers) as response:
                await response.read()
                return response.status, f"The receiver answered {response.status}."
        except (TimeoutError, aiohttp.ClientError, ValueError) as failed:
            return 0, f"The receiver could not be reached: {type(failed).__name__}."

    def settle(self, task: Task, status: int, message: str, *, last: bool) -> None:
        """Notes in the history how sending went."""
        if status == 200:
            task.status = "Completed"
            self._note(task, "Completed")
            return
        if last:
            task.status = "Failed"
        self._note(task, "Failed" if last else "Retry", message)

    def _note(self, task: Task, action: str, *messages: str) -> None:
        task.updated = whole(self._clock.now())
        entry = {"action": action, "timeStamp": stamp(task.updated), "messages": list(messages)}
        task.history.append(entry)
        groups = [(task.kind, task.status), ("document", task.document_id)]
        self.shelf.put(task.task_id, task.updated, groups)

    def _enqueue(self, delivery: Delivery, seconds: float) -> None:
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._queue.put_nowait, delivery)
        else:
            self._queue.put_nowait(delivery)

    async def _work(self, queue: asyncio.Queue[Delivery]) -> None:
        while True:
            delivery = await queue.get()
            with contextlib.suppress(KeyError):  # forgotten meanwhile
                await self._deliver(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        task = self.tasks[delivery.task.task_id]
        status, message = await self.send(task, delivery.subscription)
        last = delivery.attempt >= len(PAUSES)
        self.settle(task, status, message, last=last)
        if status != 200 and not last:
            again = Delivery(task, delivery.subscription, delivery.attempt + 1)
            self._enqueue(again, PAUSES[delivery.attempt])
