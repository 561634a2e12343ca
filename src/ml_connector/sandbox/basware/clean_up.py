"""DELETE: clearing the API layer, one record at once or many as a task; P2P keeps its data (dossier 5.4)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from aiohttp import web

from ml_connector.sandbox.basware import schema
from ml_connector.sandbox.basware.errors import Problem, Refused, refused
from ml_connector.sandbox.basware.shelf import Shelf, just_after
from ml_connector.sandbox.basware.wire import Fields, answer, nothing, read_object
from ml_connector.sandbox.basware.wire import moment_of as moment


class Clearable(Protocol):
    """Something kept on a shelf that records can be removed from."""

    @property
    def shelf(self) -> Shelf:
        """Where the records stand by time."""
        ...

    def remove(self, code: str, /) -> bool:
        """True when there was such a record."""
        ...


class CleanUp:
    """The delete calls of all resources and the tasks they start."""

    def __init__(self, delay: Callable[[], float]) -> None:
        self._delay = delay
        self._tasks: dict[str, Fields] = {}
        self._running: set[str] = set()

    def clear(self) -> None:
        """Forgets all tasks."""
        self._tasks.clear()
        self._running.clear()

    async def delete(self, request: web.Request, name: str, store: Clearable, groups: Iterable[object]) -> web.Response:
        """DELETE by externalCode (200, done) or by lastUpdated (202, a task)."""
        asked = await read_object(request)
        wrong = schema.problems("DeleteRequest", asked)
        if not wrong and not asked.get("externalCode") and not asked.get("lastUpdated"):
            wrong = ["The externalCode or lastUpdated field is required."]
        if wrong:
            raise Refused(400, problems=[Problem("SCHEMA_VALIDATION_ERROR", text) for text in wrong])
        if asked.get("externalCode"):
            return _delete_one(name, store, asked["externalCode"])
        if name in self._running:
            raise refused(400, "METHOD_NOT_ALLOWED", f"A delete of {name} is still running.")
        task_id = self._start(name, store, list(groups), moment(asked["lastUpdated"]))
        link = f"{request.url.origin()}/v1/taskStatus/{task_id}"
        body = {"statusApiLink": link, "taskName": f"Delete {name}", "taskStatus": "InProgress"}
        return answer(body, 202)

    async def status(self, request: web.Request) -> web.Response:
        """GET /v1/taskStatus/{id} (U16)."""
        task = self._tasks.get(request.match_info["taskId"])
        return nothing() if task is None else answer(task)

    def _start(self, name: str, store: Clearable, groups: list[object], after: datetime) -> str:
        task_id = str(uuid.uuid4())
        task: Fields = {"taskName": f"Delete {name}", "taskStatus": "InProgress", "recordCount": 0}
        self._tasks[task_id] = task
        self._running.add(name)

        def finish() -> None:
            codes = [code for _, _, code in store.shelf.entries(groups, just_after(after))]
            removed = sum(store.remove(code) for code in codes)
            task.update(taskStatus="Completed", recordCount=removed)
            self._running.discard(name)

        asyncio.get_running_loop().call_later(self._delay(), finish)
        return task_id


def _delete_one(name: str, store: Clearable, code: str) -> web.Response:
    if not store.remove(code):
        raise refused(400, "ENTITY_NOT_FOUND", f"There is no such record: {code}.", external_code=code)
    return answer({"taskName": f"Delete {name}", "taskStatus": "Completed"})
