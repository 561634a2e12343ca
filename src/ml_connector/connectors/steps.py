"""The steps of a connection test: each timed, with what to do where it fails; the first failure ends it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.records.reason import Finding, Reason

Advice = Callable[[ConnectorError], str]
"""What to do about the error of a step."""
Step = tuple[str, Callable[[], Awaitable[str]], Advice]
"""Its name, what it does (the answer is what it found out; it raises ConnectorError), and the advice."""

_PATIENCE: Final = 10.0


async def walk(steps: Iterable[Step]) -> AsyncIterator[PingStep]:
    """Takes the steps in order; ends after the first that fails."""
    for name, test, advice in steps:
        started = time.monotonic()
        try:
            detail, ok, words = await test(), True, ""
        except ConnectorError as error:
            detail, ok, words = str(error), False, advice(error)
        yield PingStep(name=name, ok=ok, detail=detail, seconds=round(time.monotonic() - started, 4), advice=words)
        if not ok:
            return


@dataclass(frozen=True, slots=True)
class Host:
    """Where a system is to be reached. `system` is its name for people."""

    system: str
    name: str
    port: int
    is_secure: bool

    @classmethod
    def of(cls, address: str, *, system: str) -> Host:
        """From the address of the system."""
        parts = urlsplit(address)
        is_secure = parts.scheme == "https"
        return cls(system, parts.hostname or "", parts.port or (443 if is_secure else 80), is_secure)

    async def reach(self) -> str:
        """Whether anybody answers there."""
        await self._connect(None)
        return f"{self} answers"

    async def encrypt(self, *, ca_file: str | None = None) -> str:
        """Whether its certificate is trusted: by the system's own authorities, or by those of a file."""
        if not self.is_secure:
            return "not encrypted: fit for tests only"
        await self._connect(ssl.create_default_context(cafile=ca_file))
        return "the certificate is trusted"

    async def reach_as_it_is(self) -> str:
        """Both in one, for a public address that nobody has certificates of their own for."""
        await self._connect(ssl.create_default_context() if self.is_secure else None)
        return f"{self} answers{' with TLS' if self.is_secure else ', without TLS'}"

    async def _connect(self, context: ssl.SSLContext | None) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection(self.name, self.port, ssl=context)
        except ssl.SSLError as refused:
            finding = Finding(Reason.ADDRESS_WRONG, self.system, f"{self}: {refused}")
            raise Refused(system=self.system, findings=(finding,)) from refused
        except (OSError, TimeoutError) as lost:
            words = str(lost) or "no answer in time"
            finding = Finding(Reason.UNREACHABLE, self.system, words)
            raise Unavailable(system=self.system, findings=(finding,)) from lost
        writer.close()

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"
