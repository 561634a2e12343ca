"""Secrets that the other side gives and takes back: kept in the vault, by one process at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import psycopg

from ml_connector.store.database import Database
from ml_connector.store.vault import Vault

_PATIENCE: Final = "SET lock_timeout = '150s'"
"""Longer than a sign-in takes at most."""


class VaultKeepsake:
    """What one side of a connection has to keep. Beside its settings' secrets, and never among them."""

    def __init__(
        self, database: Database, vault: Vault, *, connection: str, side: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._database = database
        self._vault = vault
        self._connection = connection
        self._side = f"{side}, kept"
        self._clock = clock

    @asynccontextmanager
    async def open(self, name: str) -> AsyncGenerator[KeptSecret]:
        """Waits until nobody else has it. The lock goes with the session of a process that dies."""
        place = f"kept {self._connection} {self._side} {name}"
        # A session of its own: many sign in at once when the other side is slow, and would take the whole pool. Not
        # in a transaction: the server ends those that stay idle, and a sign-in takes as long as it takes.
        async with await psycopg.AsyncConnection.connect(self._database.dsn, autocommit=True) as session:
            await session.execute(_PATIENCE)
            # Whoever has it that long has stopped and may never go on; two who use it at once sign in anew.
            with suppress(psycopg.errors.LockNotAvailable):
                await session.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (place,))
            value = await self._vault.get(self._database, self._connection, self._side, name)
            yield KeptSecret(self, name, value)

    async def store(self, name: str, value: str | None) -> None:
        """Keeps or forgets; committed when it returns."""
        if value is None:
            await self._vault.delete(self._database, self._connection, self._side, name)
        else:
            await self._vault.put(
                self._database, self._connection, self._side, name, value, now=self._clock()
            )  # fmt: skip


class KeptSecret:
    """A kept secret in the hands of whoever opened it."""

    def __init__(self, keepsake: VaultKeepsake, name: str, value: str | None) -> None:
        self._keepsake = keepsake
        self._name = name
        self.value = value

    async def replace(self, value: str | None) -> None:
        """Keeps another value in its place, for good before it returns."""
        await self._keepsake.store(self._name, value)
        self.value = value
