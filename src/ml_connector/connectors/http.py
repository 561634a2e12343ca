"""HTTP as every connector speaks it: pooled, within the vendor's limits, signed in once for all who wait.

Reads are retried here. A write is repeated only where the answer proves that nothing was done (401, 429);
a write with no clear answer becomes `OutcomeUnknown` and is never repeated here.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
import stamina

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, SessionLost, Unavailable
from ml_connector.connectors.manifest import Limits
from ml_connector.connectors.pace import Pace
from ml_connector.connectors.side import Guard
from ml_connector.records.money import write_json
from ml_connector.records.reason import Finding, Reason

READ_ATTEMPTS: Final = 4
MAX_WAIT: Final = 60.0
"""The longest we wait inside a call; beyond that the work is put down and taken up later."""
_DONE_NOTHING: Final = frozenset({429})
_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str = ""

    def json(self) -> Any:
        """The body with numbers as Decimal. Raises ValueError where it is no JSON."""
        return json.loads(self.body, parse_float=Decimal)

    def text(self, limit: int = 2_000) -> str:
        """The beginning of the body as text, for people."""
        return self.body[: limit * 4].decode("utf-8", errors="replace")[:limit]

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer as the trail keeps them, before redaction."""

    method: str
    url: str
    request: bytes | None
    status: int | None
    answer: bytes | None
    seconds: float
    request_id: str = ""


_recorder: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@asynccontextmanager
async def recording() -> AsyncGenerator[list[Exchange]]:
    """Collects the exchanges made inside the block by this task."""
    exchanges: list[Exchange] = []
    token = _recorder.set(exchanges)
    try:
        yield exchanges
    finally:
        _recorder.reset(token)


class Authorizer(Protocol):
    """How calls are signed in: renewed once for all who wait."""

    async def headers(self) -> Mapping[str, str]:
        """Headers of a valid session; gets one where there is none."""
        ...

    async def renew(self, rejected: Mapping[str, str]) -> None:
        """The session of `rejected` was refused: gets another unless somebody already did."""
        ...


class HttpClient:
    """One pooled session to one system of one connection."""

    def __init__(
        self,
        *,
        system: str,
        limits: Limits,
        authorizer: Authorizer | None = None,
        headers: Mapping[str, str] | None = None,
        ca_bundle: Path | None = None,
        request_id_headers: tuple[str, ...] = (),
        guard: Guard | None = None,
    ) -> None:
        self.system = system
        self.limits = limits
        self.authorizer = authorizer
        self.guard = guard
        self._headers = dict(headers or {})
        self._request_id_headers = request_id_headers
        self._ca_bundle = ca_bundle
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(limits.parallel_calls)
        self._pace = Pace(limits.calls, limits.per_seconds)
        self.calls = 0

    async def close(self) -> None:
        """Closes the pooled connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        authorized: bool = True, follow: bool = True,
    ) -> Reply:  # fmt: skip
        """A GET, retried while the other side is merely busy or out of order."""

        async def attempt() -> Reply:
            reply = await self._signed_in(
                "GET", url, params=params, headers=headers, authorized=authorized, follow=follow,
                seconds=self.limits.read_timeout,
            )  # fmt: skip
            if reply.status in _TRANSIENT:
                raise self.unavailable(reply)
            return reply

        async for turn in stamina.retry_context(on=_worth_another_try, attempts=READ_ATTEMPTS, timeout=None,
                                                wait_initial=0.2, wait_max=5.0, wait_jitter=0.5):  # fmt: skip
            with turn:
                try:
                    return await attempt()
                except (aiohttp.ClientError, TimeoutError) as lost:
                    raise self._unreachable(lost) from lost
        raise AssertionError("stamina either returns or raises")

    async def write(
        self, method: str, url: str, *, body: Any = None, content: bytes | None = None,
        params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        authorized: bool = True, idempotent: bool = False, replays: bool = True,
    ) -> Reply:  # fmt: skip
        """A call that changes something, sent once.

        Returns any answer that is clear, refusals too. Raises `Unavailable` where nothing was done and
        `OutcomeUnknown` where it may have been. `idempotent` is for calls that may be sent twice without
        harm: theirs is never unknown, only unavailable. `replays` False is for a system whose 401 is no proof that
        nothing was done: the session is renewed, and `SessionLost` raised instead of sending once more.
        """
        payload = content if body is None else write_json(body).encode()
        sent = dict(headers or {})
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            reply = await self._signed_in(
                method, url, params=params, headers=sent, content=payload, authorized=authorized,
                follow=False, seconds=self.limits.write_timeout, replays=replays,
            )  # fmt: skip
        except aiohttp.ClientConnectorError as never_left:
            raise self._unreachable(never_left) from never_left
        except (aiohttp.ClientError, TimeoutError) as lost:
            if idempotent:
                raise self._unreachable(lost) from lost
            raise OutcomeUnknown(system=self.system, detail=f"{method} {_path(url)}: {_words(lost)}") from lost
        return self._clear(reply, method=method, url=url, idempotent=idempotent)

    def _clear(self, reply: Reply, *, method: str, url: str, idempotent: bool) -> Reply:
        if reply.status in _DONE_NOTHING or (idempotent and reply.status in _TRANSIENT):
            raise self.unavailable(reply)
        if reply.status in _TRANSIENT:
            detail = f"{method} {_path(url)} answered {reply.status}"
            raise OutcomeUnknown(
                system=self.system,
                detail=detail,
                status=reply.status,
                request_id=self._request_id(reply.headers),
            )
        return reply

    async def _signed_in(
        self, method: str, url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str] | None,
        seconds: float, authorized: bool, follow: bool, content: bytes | None = None, replays: bool = True,
    ) -> Reply:  # fmt: skip
        """Sends with the session's headers; a 401 renews the session and sends once more: it did nothing."""
        attempt = 0
        while True:
            session = await self.authorizer.headers() if authorized and self.authorizer else {}
            merged = {**self._headers, **(headers or {}), **session}
            reply = await self._send(
                method, url, params=params, headers=merged, content=content, seconds=seconds, follow=follow
            )
            attempt += 1
            if reply.status != 401 or not authorized or self.authorizer is None or attempt > 1:
                return reply
            await self.authorizer.renew(session)
            if not replays:
                detail = f"{method} {_path(url)} answered 401"
                raise SessionLost(system=self.system, detail=detail, request_id=self._request_id(reply.headers))

    async def _send(
        self, method: str, url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str],
        content: bytes | None, seconds: float, follow: bool,
    ) -> Reply:  # fmt: skip
        async with self._slots:
            await self._pace.wait()
            started = time.monotonic()
            status: int | None = None
            answer: bytes | None = None
            request_id = ""
            if method != "GET" and self.guard is not None:
                self.guard()
            try:
                self.calls += 1
                async with self._pool().request(
                    method, url, params=params, headers=headers, data=content,
                    timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=10), allow_redirects=follow,
                ) as response:  # fmt: skip
                    status = response.status
                    answer = self.without_secrets(status, await response.read())
                    request_id = self._request_id(response.headers)
                    return Reply(status=status, headers=response.headers, body=answer, url=str(response.url))
            finally:
                exchanges = _recorder.get()
                if exchanges is not None:
                    exchanges.append(Exchange(
                        method=method, url=url, request=content, status=status, answer=answer,
                        seconds=round(time.monotonic() - started, 4), request_id=request_id,
                    ))  # fmt: skip

    def without_secrets(self, status: int, answer: bytes) -> bytes:
        """An answer as callers, errors and the trail get it: a system may repeat what it was signed in with."""
        del status
        return answer

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            context: ssl.SSLContext | bool = True
            if self._ca_bundle is not None:
                context = ssl.create_default_context(cafile=str(self._ca_bundle))
            connector = aiohttp.TCPConnector(limit=self.limits.parallel_calls, ssl=context, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)
            # The pool would send a PUT or DELETE again by itself when a kept connection breaks under it: whether
            # a lost write may be repeated is decided here, after a look.
            self._session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        return self._session

    def _request_id(self, headers: Mapping[str, str]) -> str:
        return next((headers[name] for name in self._request_id_headers if name in headers), "")

    def unavailable(self, reply: Reply) -> Unavailable:
        """The error for an answer that says: not now."""
        reason = Reason.RATE_LIMITED if reply.status == 429 else Reason.OUT_OF_ORDER
        return Unavailable(
            system=self.system,
            findings=(Finding(reason, self.system, f"{reply.status} {reply.text(300)}".strip()),),
            status=reply.status,
            request_id=self._request_id(reply.headers),
            retry_after=parse_retry_after(reply.headers.get("Retry-After"), now=datetime.now(UTC)),
        )

    def _unreachable(self, cause: BaseException) -> ConnectorError:
        if isinstance(cause, aiohttp.ClientConnectorDNSError | aiohttp.InvalidURL):
            return Refused(system=self.system, findings=(Finding(Reason.ADDRESS_WRONG, self.system, _words(cause)),))
        return Unavailable(system=self.system, findings=(Finding(Reason.UNREACHABLE, self.system, _words(cause)),))


def _worth_another_try(error: Exception) -> bool | float:
    """Reads: again with back-off, after the wait the other side asked for, or not at all if that is long."""
    if not isinstance(error, Unavailable):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_WAIT else False


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds to wait, from either form of Retry-After, seconds or an HTTP date; None where it is neither."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


class TokenAuthorizer:
    """A bearer token got by `fetch` (token, lifetime in seconds), renewed early, and once for all who wait."""

    def __init__(self, fetch: Callable[[], Awaitable[tuple[str, float]]], *, early: float = 0.1) -> None:
        self._fetch = fetch
        self._early = early
        self._token: str | None = None
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """The Authorization header of a token that is valid for a while yet."""
        if self._token is None or time.monotonic() >= self._renew_at:
            async with self._lock:
                if self._token is None or time.monotonic() >= self._renew_at:
                    await self._get()
        return {"Authorization": f"Bearer {self._token}"}

    async def renew(self, rejected: Mapping[str, str]) -> None:
        """Another token, unless the rejected one has been replaced meanwhile."""
        async with self._lock:
            if rejected.get("Authorization") == f"Bearer {self._token}":
                await self._get()

    async def _get(self) -> None:
        started = time.monotonic()
        token, lifetime = await self._fetch()
        self._token = token
        self._renew_at = started + lifetime - min(60.0, lifetime * self._early)


def _path(url: str) -> str:
    return "/" + url.split("://", 1)[-1].split("/", 1)[-1].split("?", 1)[0]


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
