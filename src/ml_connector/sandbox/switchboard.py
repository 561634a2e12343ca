"""Faults on demand and a log of every call: the part all simulated systems share.

A fault is put on a method and a path and is used up after `count` requests:

    POST /_sandbox/faults   {"kind": "lost_reply", "method": "POST", "path": "/purchaseInvoices$", "count": 1}
    GET /_sandbox/faults    what is still to come
    DELETE /_sandbox/faults
    GET /_sandbox/held      {"held": [{"kind", "asks", "method", "path"}...]}: what `hold` and `hold_after` keep waiting
    POST /_sandbox/release  {"drop": bool}: they go on; `drop` cuts them off instead, a `hold` with nothing done
    GET /_sandbox/calls     {"total": n, "calls": [{"method", "path", "status", "seconds", "at"}...]}, oldest first;
                            with the `headers` that the system shows
    DELETE /_sandbox/calls
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FaultKind(StrEnum):
    """What goes wrong. `status_after`, `lost_reply` and `hold_after` once the work is done, the others before."""

    STATUS = "status"
    STATUS_AFTER = "status_after"
    LOST_REPLY = "lost_reply"
    CUT = "cut"
    SLOW = "slow"
    HOLD = "hold"
    HOLD_AFTER = "hold_after"


@dataclass(slots=True)
class Fault:
    """One fault: where it strikes, how, and how many more times."""

    kind: FaultKind
    path: str = ".*"
    method: str | None = None
    asks: str = ""
    """Found in the request's body: tells the calls apart that share an address, as batches do."""
    count: int = 1
    skip: int = 0
    """Requests to let through before the first one it strikes."""
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    body: str = ""
    content_type: str = "text/plain"

    def strikes(self, request: web.Request, body: str) -> bool:
        """True when this request is one of those the fault is for; counts it down."""
        if self.method not in (None, request.method) or not re.search(self.path, request.path_qs):
            return False
        if self.asks and not re.search(self.asks, body):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.count <= 0:
            return False
        self.count -= 1
        return True

    def response(self) -> web.Response:
        """The answer it gives in place of the real one."""
        headers = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
        return web.Response(status=self.status, text=self.body, content_type=self.content_type, headers=headers)


@dataclass(slots=True)
class Held:
    """A request that waits to be released; what it waits for tells whether it is dropped."""

    fault: Fault
    method: str
    path: str
    released: asyncio.Future[bool]


@dataclass(slots=True)
class Switchboard:
    """The faults to come and the calls that came, of one simulated system."""

    faults: list[Fault] = field(default_factory=list)
    calls: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=20_000))
    total: int = 0
    held: list[Held] = field(default_factory=list)
    shows: tuple[str, ...] = ()
    """Names of request headers that the log of calls tells, where they came."""

    def install(self, app: web.Application) -> None:
        """Puts the switchboard before every handler of `app` and adds its own pages."""
        app.middlewares.append(self._middleware())
        app.router.add_get("/_sandbox/faults", self._list)
        app.router.add_post("/_sandbox/faults", self._add)
        app.router.add_delete("/_sandbox/faults", self._clear)
        app.router.add_get("/_sandbox/held", self._held)
        app.router.add_post("/_sandbox/release", self._release)
        app.router.add_get("/_sandbox/calls", self._calls)
        app.router.add_delete("/_sandbox/calls", self._forget)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def strike(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_sandbox"):
                return await handler(request)
            started = time.perf_counter()
            status = 0
            try:
                response = await self._answer(request, handler)
                status = response.status
            except web.HTTPException as refused:
                status = refused.status
                raise
            else:
                return response
            finally:
                self.total += 1
                self.calls.append(
                    {
                        "method": request.method,
                        "path": request.path_qs,
                        "status": status,
                        "seconds": round(time.perf_counter() - started, 6),
                        "at": round(time.time(), 6),
                        **self._shown(request),
                    }
                )

        return strike

    def _shown(self, request: web.Request) -> dict[str, dict[str, str]]:
        if not self.shows:
            return {}
        return {"headers": {name: request.headers[name] for name in self.shows if name in request.headers}}

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = (await request.read()).decode("utf-8", "replace") if any(fault.asks for fault in self.faults) else ""
        fault = next((fault for fault in self.faults if fault.strikes(request, asked)), None)
        if fault is None:
            return await handler(request)
        if fault.kind is FaultKind.STATUS:
            return fault.response()
        if fault.kind is FaultKind.SLOW:
            # What has arrived is worked on even when the caller hangs up meanwhile.
            await request.read()
            await asyncio.sleep(fault.seconds)
            return await handler(request)
        if fault.kind in (FaultKind.CUT, FaultKind.HOLD):
            dropped = fault.kind is FaultKind.CUT or await self._hold(fault, request)
            return _cut(request) if dropped else await handler(request)
        await request.read()
        # The work goes on even when the caller has hung up by then.
        done = await asyncio.shield(asyncio.ensure_future(_settled(handler, request)))
        if fault.kind is FaultKind.HOLD_AFTER:
            return _cut(request) if await self._hold(fault, request) else done
        return _cut(request) if fault.kind is FaultKind.LOST_REPLY else fault.response()

    async def _hold(self, fault: Fault, request: web.Request) -> bool:
        """Waits for the release; True where the request is to be dropped. Read first: its caller may be gone then."""
        await request.read()
        held = Held(fault, request.method, request.path_qs, asyncio.get_running_loop().create_future())
        self.held.append(held)
        try:
            return await held.released
        finally:
            self.held.remove(held)

    async def _held(self, _: web.Request) -> web.Response:
        shown = [
            {"kind": each.fault.kind, "asks": each.fault.asks, "method": each.method, "path": each.path}
            for each in self.held
        ]
        return web.json_response({"held": shown})

    async def _release(self, request: web.Request) -> web.Response:
        drop = bool((await request.json()).get("drop", False))
        waiting = [each for each in self.held if not each.released.done()]
        for each in waiting:
            each.released.set_result(drop)
        return web.json_response({"released": len(waiting)})

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [_as_json(fault) for fault in self.faults if fault.count > 0]})

    async def _add(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            asked["kind"] = FaultKind(asked["kind"])
            fault = Fault(**asked)
        except (KeyError, TypeError, ValueError) as wrong:
            return web.json_response({"error": f"That is no fault: {wrong}"}, status=400)
        self.faults.append(fault)
        return web.json_response(_as_json(fault), status=201)

    async def _clear(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response({"faults": []})

    async def _calls(self, _: web.Request) -> web.Response:
        return web.json_response({"total": self.total, "calls": list(self.calls)})

    async def _forget(self, _: web.Request) -> web.Response:
        self.calls.clear()
        self.total = 0
        return web.json_response({"total": 0, "calls": []})


async def _settled(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refused:
        return refused


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


def _as_json(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__slots__}
