"""What a person decides about a document stands, or is refused with the reason why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from ml_connector.engine.process import Process
from ml_connector.operations.replay import NotPossible, Replayed, Step, reject, replay
from ml_connector.store.database import Database
from ml_connector.store.documents import Document, document_from
from ml_connector.store.keys import create_key
from ml_connector.store.settings import Settings
from ml_connector.store.trail import Scribe
from ml_connector.store.vault import Vault

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
async def process(database: Database, tmp_path: Path) -> Process:
    await database.execute(
        "INSERT INTO connection (id, company, system, settings, created_at, updated_at) "
        "VALUES ('acme', '1', 'x', '{}', now(), now())"
    )
    settings = Settings(home=tmp_path)
    return Process(settings, database, Vault(create_key(settings)), Scribe(b"k" * 32), lambda: NOW)


async def stored(process: Process, *, attempt: int = 1, **values: Any) -> Document:
    """A held document, or as told."""
    row = {
        "key": f"acme/doc/{attempt}", "connection_id": "acme", "document_id": "doc", "attempt": attempt,
        "status": "held", "kind": "invoice", "invoice_number": "I-1", "supplier": "V1", "supplier_name": "V",
        "currency": "EUR", "payload": "{}", "payload_hash": "x", "acknowledged": True, "created_at": NOW,
        "updated_at": NOW, **values,
    }  # fmt: skip
    columns, bound = ", ".join(row), ", ".join(f":{name}" for name in row)
    await process.database.execute(f"INSERT INTO document ({columns}) VALUES ({bound})", **row)
    return await again(process, str(row["key"]))


async def again(process: Process, key: str) -> Document:
    row = await process.database.fetch_one("SELECT * FROM document WHERE key = :key", key=key)
    assert row is not None
    return document_from(row)


async def test_a_document_a_worker_may_have_in_hand_is_not_decided_on(process: Process) -> None:
    document = await stored(process, next_due=NOW - timedelta(minutes=1))
    with pytest.raises(NotPossible, match="tried again by itself"):
        await reject(process, document, "Not ours.", actor="eva")
    assert await again(process, document.key) == document


@pytest.mark.parametrize("due", [None, NOW + timedelta(minutes=10)])
async def test_a_document_at_rest_is_returned_with_the_persons_words(process: Process, due: datetime | None) -> None:
    document = await stored(process, next_due=due)
    after = await reject(process, document, "Not   ours.", actor="eva")
    assert (after.intent, after.next_due, after.attempts) == ("reject", NOW, 1)
    assert [each.subject for each in after.findings] == ["Not ours."]


async def test_a_draft_is_removed_before_the_document_goes_back(process: Process) -> None:
    document = await stored(process, bill_id="b-1")
    assert (await reject(process, document, "Twice.", actor="eva")).intent == "discard"


async def test_an_older_transfer_is_not_taken_up_beside_a_newer_one(process: Process) -> None:
    older = await stored(process)
    await stored(process, attempt=2, status="posting")
    (told,) = await replay(process, [older], step=Step.CHECK, actor="eva")
    assert isinstance(told, Replayed)
    assert told.refusal is not None
    assert "later transfer" in told.refusal
    assert await again(process, older.key) == older


@pytest.mark.parametrize("status", ["received", "checked", "posting", "unconfirmed", "posted"])
async def test_the_database_lets_one_transfer_of_a_document_be_worked(process: Process, status: str) -> None:
    await stored(process, status=status)
    await stored(process, attempt=2, status="rejected")
    with pytest.raises(IntegrityError, match="document_in_work"):
        await stored(process, attempt=3, status="received")
