"""API tokens: made once, shown once; only their digest is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from ml_connector.store.database import Database

PREFIX: Final = "mlc_"
_SHAPE: Final = re.compile(r"mlc_[A-Za-z0-9_-]{43}")
_NOTED_EVERY: Final = timedelta(minutes=1)


class Role(StrEnum):
    """What a token's owner may do."""

    VIEWER = "viewer"
    """Reads only."""
    OPERATOR = "operator"
    """Everything."""


class UnknownToken(LookupError):
    """There is no such token."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: never the token itself."""

    id: str
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "id": self.id, "name": self.name, "role": str(self.role), "created": self.created_at.isoformat(),
            "last_used": self.last_used_at.isoformat() if self.last_used_at else None,
            "revoked": self.revoked_at.isoformat() if self.revoked_at else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Created:
    """A fresh token with its one and only showing."""

    token: Token
    secret: str = field(repr=False)


async def create_token(database: Database, name: str, *, role: Role, now: datetime) -> Created:
    """A new token. Raises ValueError for a name that is no name."""
    if not re.fullmatch(r"[^\s\x00-\x1f][^\x00-\x1f]{0,99}", name):
        raise ValueError("A token's name is 1 to 100 printable characters: who or what it is for.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(secrets.token_hex(4), name, role, now, None, None)
    await database.execute(
        "INSERT INTO api_token (id, name, role, digest, created_at) VALUES (:id, :name, :role, :digest, :now)",
        id=token.id, name=name, role=str(role), digest=_digest(secret), now=now,
    )  # fmt: skip
    return Created(token, secret)


async def list_tokens(database: Database) -> list[Token]:
    """All tokens, newest first."""
    return [_token(row) for row in await database.fetch("SELECT * FROM api_token ORDER BY created_at DESC, id")]


async def revoke_token(database: Database, name: str, *, now: datetime) -> Token:
    """Takes a token back, by its id or by a name that only one has. Raises `UnknownToken`."""
    rows = await database.fetch(
        "SELECT * FROM api_token WHERE revoked_at IS NULL AND (id = :name OR name = :name) ORDER BY id", name=name
    )
    if not rows:
        raise UnknownToken(f"There is no valid token {name}. `ml-connector token list` shows those there are.")
    if len(rows) > 1:
        ids = ", ".join(row["id"] for row in rows)
        raise UnknownToken(f"{len(rows)} tokens are named {name}. Revoke one by its id: {ids}.")
    await database.execute("UPDATE api_token SET revoked_at = :now WHERE id = :id", now=now, id=rows[0]["id"])
    return _token({**rows[0], "revoked_at": now})


async def check_token(database: Database, secret: str, *, now: datetime) -> Token | None:
    """The token this is, None where it is none or was revoked."""
    if not _SHAPE.fullmatch(secret):
        return None
    row = await database.fetch_one(
        "SELECT * FROM api_token WHERE digest = :digest AND revoked_at IS NULL", digest=_digest(secret)
    )
    if row is None:
        return None
    if row["last_used_at"] is None or now - row["last_used_at"] > _NOTED_EVERY:
        await database.execute("UPDATE api_token SET last_used_at = :now WHERE id = :id", now=now, id=row["id"])
    return _token(row)


def _digest(secret: str) -> bytes:
    # The secret is 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(secret.encode()).digest()


def _token(row: dict[str, Any]) -> Token:
    return Token(
        row["id"], row["name"], Role(row["role"]), row["created_at"], row["last_used_at"], row["revoked_at"]
    )  # fmt: skip
