from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.exc import DBAPIError

from ml_connector.records.invoice import DocumentStatus
from ml_connector.store.changes import Change, Pen
from ml_connector.store.database import Database
from ml_connector.store.documents import Documents
from ml_connector.store.trail import Entry, Scribe, verify_trail

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
KEY = b"k" * 32


def entry(record: str) -> Entry:
    return Entry("invoices", record, "posted", "ok", 'Said "posted" with a \\ and {braces}, 100 %.')


def change(number: int, **values: object) -> Change:
    return Change(f"acme/{number}/1", values, entry(str(number)))


@pytest.fixture
async def documents(database: Database) -> Documents:
    await database.execute(
        "INSERT INTO connection (id, company, system, settings, created_at, updated_at) "
        "VALUES ('acme', '1', 's', '{}', now(), now())"
    )
    await database.execute("INSERT INTO lease (connection_id, epoch) VALUES ('acme', 3)")
    opened = Documents(database, Scribe(KEY), connection="acme", epoch=3)
    rows = [
        {
            "key": f"acme/{number}/1", "connection_id": "acme", "document_id": str(number), "attempt": 1,
            "status": DocumentStatus.RECEIVED, "kind": "invoice", "invoice_number": f"Å'{number}", "supplier": "V",
            "supplier_name": "O'Brien", "net": Decimal("10.10"), "gross": None, "currency": "EUR",
            "payload": {"netSum": Decimal("10.10"), "text": 'a "quote" \\'}, "payload_hash": "x", "next_due": NOW,
            "created_at": NOW, "updated_at": NOW,
        }
        for number in range(6)
    ]  # fmt: skip
    assert await opened.receive(rows, [entry(str(number)) for number in range(6)], at=NOW) == 6
    return opened


async def test_a_document_comes_back_as_it_was_received(documents: Documents) -> None:
    stored = await documents.get("acme/2/1")
    assert stored is not None
    assert (stored.net, stored.gross, stored.next_due) == (Decimal("10.10"), None, NOW)
    assert stored.payload == {"netSum": "10.10", "text": 'a "quote" \\'}
    assert (stored.acknowledged, stored.findings, stored.attempts) == (False, (), 0)


async def test_steps_written_together_change_only_what_each_names(documents: Documents, database: Database) -> None:
    await asyncio.gather(
        documents.change("acme/0/1", entry("0"), at=NOW, status=DocumentStatus.POSTED, bill_gross=Decimal("12.5200")),
        documents.change("acme/1/1", entry("1"), at=NOW, next_due=None, findings=[{"reason": "refused"}]),
        documents.change("acme/2/1", entry("2"), at=NOW, payment_due={"paid": "1"}, attempts=3),
    )
    rows = await database.fetch("SELECT * FROM document ORDER BY key")
    assert [row["status"] for row in rows] == ["posted", *["received"] * 5]
    assert str(rows[0]["bill_gross"]) == "12.5200"
    assert [row["next_due"] for row in rows] == [NOW, None, NOW, NOW, NOW, NOW]
    assert rows[1]["findings"] == [{"reason": "refused"}]
    assert (rows[2]["payment_due"], rows[2]["attempts"]) == ({"paid": "1"}, 3)
    assert rows[0]["payment_due"] is None
    checked = [each async for each in verify_trail(database, KEY)]
    assert [(each.entries, each.fault) for each in checked] == [(9, None)]


async def test_a_column_is_emptied_by_none(documents: Documents) -> None:
    await documents.change("acme/0/1", entry("0"), at=NOW, payment_due={"paid": "1"}, bill_id="b")
    await documents.change("acme/0/1", entry("0"), at=NOW, payment_due=None, bill_id=None)
    stored = await documents.get("acme/0/1")
    assert stored is not None
    assert (stored.payment_due, stored.bill_id) == (None, None)


async def test_two_steps_of_one_document_follow_each_other(documents: Documents, database: Database) -> None:
    await asyncio.gather(*(documents.change("acme/0/1", entry("0"), at=NOW, attempts=count) for count in range(1, 6)))
    stored = await documents.get("acme/0/1")
    assert stored is not None
    assert stored.attempts == 5
    assert await database.fetch("SELECT count(*) AS n FROM trail WHERE record = '0'") == [{"n": 6}]


async def test_a_step_that_cannot_be_written_does_not_take_the_others_with_it(documents: Documents) -> None:
    results = await asyncio.gather(
        documents.change("acme/0/1", entry("0"), at=NOW, attempts=1),
        documents.change("acme/1/1", entry("1"), at=NOW, attempts="many"),
        documents.change("acme/2/1", entry("2"), at=NOW, attempts=1),
        return_exceptions=True,
    )
    assert [(each is None) for each in results] == [True, False, True]
    assert isinstance(results[1], DBAPIError)
    stored = [await documents.get(f"acme/{number}/1") for number in range(3)]
    assert [each.attempts for each in stored if each is not None] == [1, 0, 1]


async def test_under_an_old_epoch_every_step_is_refused(documents: Documents, database: Database) -> None:
    pen = Pen(database, Scribe(KEY), connection="acme", epoch=2)
    results = await asyncio.gather(
        *(pen.write(change(number, attempts=9), at=NOW) for number in range(3)), return_exceptions=True
    )
    assert [getattr(getattr(each, "orig", None), "sqlstate", "") for each in results] == ["ML001"] * 3
    assert await database.fetch("SELECT count(*) AS n FROM document WHERE attempts = 9") == [{"n": 0}]


async def test_a_caller_that_is_cancelled_leaves_the_others_their_answer(documents: Documents) -> None:
    leaving = asyncio.create_task(documents.change("acme/0/1", entry("0"), at=NOW, attempts=1))
    staying = asyncio.create_task(documents.change("acme/1/1", entry("1"), at=NOW, attempts=1))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait_for(staying, timeout=60)
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_what_cannot_be_told_as_json_is_an_error_and_no_hang(documents: Documents) -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        await asyncio.wait_for(documents.change("acme/0/1", entry("0"), at=NOW, findings=circle), timeout=60)
