"""Secrets, encrypted so that each opens only in its own place."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.store.database import Database
from ml_connector.store.keys import Key, Keys

PRODUCT: Final = ""
"""The connection id of the product's own secrets."""
_NONCE_BYTES: Final = 12


class SecretUnreadable(RuntimeError):
    """A stored secret does not open where it is: it was altered or moved."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored."""

    key_id: str
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Vault:
    """Seals, opens and keeps secrets. `database` may also be a transaction that is under way."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def seal(self, connection: str, side: str, field: str, value: str) -> Sealed:
        """Encrypts under the newest key, bound to its place."""
        return self._seal_with(self.keys.newest, (connection, side, field), value)

    def open(self, connection: str, side: str, field: str, sealed: Sealed) -> str:
        """The secret. Raises `KeyProblem` for a key that is missing, `SecretUnreadable` for a row that was moved."""
        key = self.keys.find(sealed.key_id)
        bound = _place(connection, side, field, key_id=key.id)
        try:
            return AESGCM(key.secret).decrypt(sealed.nonce, sealed.ciphertext, bound).decode()
        except InvalidTag:
            place = ".".join(filter(None, (connection, side, field)))
            raise SecretUnreadable(
                f"The secret stored as {place} does not open there: its row was altered or moved from "
                "another place. Enter the secret again with `ml-connector apply`."
            ) from None

    async def put(
        self,
        database: Database | AsyncConnection,
        connection: str,
        side: str,
        field: str,
        value: str,
        *,
        now: datetime,
    ) -> None:
        """Stores a secret, replacing the one before."""
        async with _transaction(database) as transaction:
            await self._use_newest_key(transaction)
            sealed = self.seal(connection, side, field, value)
            await transaction.execute(_PUT, _row(connection, side, field, sealed) | {"now": now})

    async def get(self, database: Database | AsyncConnection, connection: str, side: str, field: str) -> str | None:
        """One secret, None where there is none."""
        async with _transaction(database) as transaction:
            found = await transaction.execute(_GET, {"connection": connection, "side": side, "field": field})
            row = found.mappings().first()
        return None if row is None else self.open(connection, side, field, _sealed(dict(row)))

    async def get_all(self, database: Database | AsyncConnection, connection: str) -> dict[str, dict[str, str]]:
        """All secrets of a connection: side to field to value."""
        async with _transaction(database) as transaction:
            found = await transaction.execute(_GET_ALL, {"connection": connection})
            rows = [dict(row) for row in found.mappings()]
        secrets: dict[str, dict[str, str]] = {}
        for row in rows:
            value = self.open(connection, row["side"], row["field"], _sealed(row))
            secrets.setdefault(row["side"], {})[row["field"]] = value
        return secrets

    async def delete(self, database: Database | AsyncConnection, connection: str, side: str, field: str) -> None:
        """Forgets a secret."""
        async with _transaction(database) as transaction:
            await transaction.execute(_DELETE, {"connection": connection, "side": side, "field": field})

    async def trail_key(self, database: Database) -> bytes:
        """The key that seals the trail's heads: 32 random bytes, created once."""
        place = (PRODUCT, "product", "trail")
        stored = await self.get(database, *place)
        if stored is None:
            fresh = base64.b64encode(os.urandom(32)).decode()
            async with database.transaction() as transaction:
                await self._use_newest_key(transaction)
                # Two processes may be here at once: the first one's key stays, both read that one.
                await transaction.execute(_PUT_FIRST, _row(*place, self.seal(*place, fresh)))
            stored = await self.get(database, *place)
            assert stored is not None
        return base64.b64decode(stored)

    async def reseal(self, transaction: AsyncConnection, *, batch: int, now: datetime) -> int:
        """Encrypts up to `batch` secrets of older keys again, under the newest one; how many there were."""
        newest = self.keys.newest
        found = await transaction.execute(_OUTDATED, {"newest": newest.id, "batch": batch})
        rows = [dict(row) for row in found.mappings()]
        for row in rows:
            place = (row["connection_id"], row["side"], row["field"])
            sealed = self._seal_with(newest, place, self.open(*place, _sealed(row)))
            await transaction.execute(_PUT, _row(*place, sealed) | {"now": now})
        return len(rows)

    async def _use_newest_key(self, transaction: AsyncConnection) -> None:
        """Reads the keys again while no rotation can be in its last step, so that no secret is sealed with a
        key that is about to be dropped: that step locks the table against this lock."""
        await transaction.execute(text("LOCK TABLE secret IN ROW EXCLUSIVE MODE"))
        self.keys.reload()

    def _seal_with(self, key: Key, place: tuple[str, str, str], value: str) -> Sealed:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = AESGCM(key.secret).encrypt(nonce, value.encode(), _place(*place, key_id=key.id))
        return Sealed(key_id=key.id, nonce=nonce, ciphertext=ciphertext)


_PUT_FIRST: Final = text("""
    INSERT INTO secret (connection_id, side, field, key_id, nonce, ciphertext, updated_at)
    VALUES (:connection, :side, :field, :key_id, :nonce, :ciphertext, now())
    ON CONFLICT DO NOTHING""")
_PUT: Final = text("""
    INSERT INTO secret (connection_id, side, field, key_id, nonce, ciphertext, updated_at)
    VALUES (:connection, :side, :field, :key_id, :nonce, :ciphertext, :now)
    ON CONFLICT (connection_id, side, field) DO UPDATE SET key_id = excluded.key_id,
        nonce = excluded.nonce, ciphertext = excluded.ciphertext, updated_at = excluded.updated_at""")
_GET: Final = text("""
    SELECT key_id, nonce, ciphertext FROM secret
    WHERE connection_id = :connection AND side = :side AND field = :field""")
_GET_ALL: Final = text("""
    SELECT side, field, key_id, nonce, ciphertext FROM secret
    WHERE connection_id = :connection ORDER BY side, field""")
_DELETE: Final = text("""
    DELETE FROM secret WHERE connection_id = :connection AND side = :side AND field = :field""")
_OUTDATED: Final = text("""
    SELECT connection_id, side, field, key_id, nonce, ciphertext FROM secret WHERE key_id <> :newest
    ORDER BY connection_id, side, field LIMIT :batch FOR UPDATE""")


@asynccontextmanager
async def _transaction(database: Database | AsyncConnection) -> AsyncGenerator[AsyncConnection]:
    if isinstance(database, AsyncConnection):
        yield database
    else:
        async with database.transaction() as transaction:
            yield transaction


def _place(connection: str, side: str, field: str, *, key_id: str) -> bytes:
    return json.dumps([connection, side, field, key_id]).encode()


def _row(connection: str, side: str, field: str, sealed: Sealed) -> dict[str, Any]:
    return {
        "connection": connection,
        "side": side,
        "field": field,
        "key_id": sealed.key_id,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
    }


def _sealed(row: dict[str, Any]) -> Sealed:
    return Sealed(key_id=row["key_id"], nonce=bytes(row["nonce"]), ciphertext=bytes(row["ciphertext"]))
