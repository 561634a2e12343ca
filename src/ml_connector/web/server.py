"""Serving: the web application, the workers and the subscriptions in one process, and a clean end of all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import Any

import structlog
import uvicorn

from ml_connector.engine.process import Process
from ml_connector.operations.webhooks import wake_unsubscribed
from ml_connector.web.app import create_app

log = structlog.get_logger(__name__)

GRACE_SECONDS = 10


class PortTaken(RuntimeError):
    """The address cannot be listened on; the text says why and what to do."""


class _Uvicorn(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Server:
    """The web side of one process."""

    def __init__(self, process: Process, *, host: str, port: int) -> None:
        self.process = process
        self._socket = _listen(host, port)
        bound = self._socket.getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self.address = f"http://{shown}:{bound[1]}"

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serves and works until `stop` is set; `ready` is called once calls are answered.

        Then no call is accepted any more, those under way are answered, and the work in hand is put down.
        """
        server = _Uvicorn(_config(self.process, stop))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._serve(server, stop), name="web"),
                group.create_task(self._work(server, stop, ready), name="workers"),
            ]
            await stop.wait()
            server.should_exit = True
            await asyncio.gather(*tasks)

    async def _serve(self, server: uvicorn.Server, stop: asyncio.Event) -> None:
        try:
            await server.serve(sockets=[self._socket])
        finally:
            stop.set()
            self._socket.close()

    async def _work(self, server: uvicorn.Server, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """The work subscribes to notifications, and the other side tries the webhook then: it must be served first."""
        try:
            while not server.started and not stop.is_set():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.02)
            if server.started:
                ready()
                await wake_unsubscribed(self.process)
                await self.process.run_workers(stop)
        finally:
            stop.set()


def _config(process: Process, stop: asyncio.Event) -> uvicorn.Config:
    application: Any = create_app(process, stopping=stop)
    return uvicorn.Config(
        application, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none",
        proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS, timeout_keep_alive=30, loop="none",
        limit_concurrency=1000,
    )  # fmt: skip


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise PortTaken(
            f"Cannot listen on {host} port {port}: {said}. Choose another with --host and --port."
        ) from None
