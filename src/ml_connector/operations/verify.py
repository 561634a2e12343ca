"""Whether the trail is as it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ml_connector.engine.process import Process
from ml_connector.store.trail import Verification, verify_trail


async def verify(process: Process) -> AsyncIterator[Verification]:
    """Each connection's chain, from its oldest entry kept to its head."""
    key = await process.vault.trail_key(process.database)
    async for each in verify_trail(process.database, key):
        yield each


def verification_as_json(verification: Verification) -> dict[str, Any]:
    """For machines."""
    return {
        "connection": verification.connection, "ok": verification.fault is None, "entries": verification.entries,
        "dropped_through": verification.dropped_through, "fault": verification.fault,
    }  # fmt: skip
