"""The trail shows what was done, leaves out what is secret, and shows when somebody touched it."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from ml_connector.connectors.http import Exchange
from ml_connector.store.database import Database
from ml_connector.store.trail import (
    Entry,
    Scribe,
    Verification,
    drop_old_partitions,
    prepare_partitions,
    read_trail,
    verify_trail,
)

KEY = b"k" * 32
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def scribe() -> Scribe:
    return Scribe(KEY, redacted={"client_secret", "supplierBankIBAN"})


async def write(
    database: Database, scribe: Scribe, count: int, *, at: datetime = NOW, connection: str = "acme"
) -> None:
    entries = [
        Entry("invoices", f"doc-{number}", "posted", "ok", "Posted.", detail={"n": number}) for number in range(count)
    ]
    async with database.transaction() as transaction:
        await scribe.append(transaction, connection, entries, epoch=None, at=at)


async def verified(database: Database) -> dict[str, Verification]:
    return {each.connection: each async for each in verify_trail(database, KEY)}


async def tamper(database: Database, statement: str) -> None:
    """What somebody with all rights on the database could do."""
    async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        await connection.execute("ALTER TABLE trail DISABLE TRIGGER USER")
        for row in await (
            await connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'trail'::regclass"
            )
        ).fetchall():
            await connection.execute(f"ALTER TABLE {row[0]} DISABLE TRIGGER USER")  # type: ignore[arg-type]
        await connection.execute(statement)  # type: ignore[arg-type]


async def test_an_untouched_trail_verifies(database: Database, scribe: Scribe) -> None:
    await write(database, scribe, 5)
    await write(database, scribe, 3)
    await write(database, scribe, 2, connection="other")
    result = await verified(database)
    assert {name: (each.entries, each.fault) for name, each in result.items()} == {
        "acme": (8, None),
        "other": (2, None),
    }


async def test_entries_come_back_as_they_were_written(database: Database, scribe: Scribe) -> None:
    exchange = Exchange("POST", "https://erp/bills", b'{"a": 1.10}', 201, b'{"id": 7}', 0.2, "req-1")
    entry = Entry(
        "invoices", "doc-ö", "created", "ok", "Made.", actor="cli:eva", detail={"b": 2}, exchanges=(exchange,)
    )
    async with database.transaction() as transaction:
        await scribe.append(transaction, "acme", [entry], epoch=None, at=NOW)
    (written,) = await read_trail(database, "doc-ö")
    assert (written.actor, written.step, written.summary, dict(written.detail)) == (
        "cli:eva",
        "created",
        "Made.",
        {"b": 2},
    )
    assert written.exchanges[0]["request"] == '{"a": 1.10}'
    assert written.exchanges[0]["request_id"] == "req-1"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail SET summary = 'Nothing happened.' WHERE seq = 3",
        "UPDATE trail SET detail = '{\"n\":9}' WHERE seq = 3",
        "UPDATE trail SET at = at + interval '1 second' WHERE seq = 3",
        "DELETE FROM trail WHERE seq = 3",
        "DELETE FROM trail WHERE seq = 8",
        "DELETE FROM trail WHERE seq = 1",
        "WITH cut AS (DELETE FROM trail WHERE seq = 8) UPDATE trail_head SET seq = 7, "
        "hash = (SELECT hash FROM trail WHERE seq = 7)",
        "UPDATE trail SET digest = sha256('x') WHERE seq = 3",
        "UPDATE trail SET record = 'doc-99' WHERE seq = 8",
    ],
)
async def test_whatever_is_altered_shows(database: Database, scribe: Scribe, statement: str) -> None:
    await write(database, scribe, 8)
    await tamper(database, statement)
    assert (await verified(database))["acme"].fault is not None


async def test_the_database_itself_refuses_to_alter_entries(database: Database, scribe: Scribe) -> None:
    await write(database, scribe, 1)
    with pytest.raises(DBAPIError, match="append-only"):
        await database.execute("UPDATE trail SET summary = 'x'")
    with pytest.raises(DBAPIError, match="append-only"):
        await database.execute("DELETE FROM trail")


async def test_a_dropped_month_is_recorded_and_the_rest_still_verifies(database: Database, scribe: Scribe) -> None:
    for month in (7, 8, 9, 10, 11):
        then = datetime(2026, month, 15, tzinfo=UTC)
        await prepare_partitions(database, now=then)
        await write(database, scribe, 4, at=then)
    dropped = await drop_old_partitions(database, now=NOW, months=2)
    assert dropped == ["trail_2026_07", "trail_2026_08"]
    result = (await verified(database))["acme"]
    assert (result.dropped_through, result.entries, result.fault) == (8, 12, None)
    await tamper(database, "UPDATE trail SET summary = 'x' WHERE seq = 10")
    assert (await verified(database))["acme"].fault is not None


async def test_nothing_is_dropped_unless_asked(database: Database, scribe: Scribe) -> None:
    await prepare_partitions(database, now=datetime(2020, 1, 1, tzinfo=UTC))
    assert await drop_old_partitions(database, now=NOW, months=0) == []


def packed(scribe: Scribe, request: bytes, url: str = "https://x/y") -> dict[str, Any]:
    exchange = Exchange("POST", url, request, 200, None, 0.1)
    entry = Entry("f", "r", "s", "ok", "t", exchanges=(exchange,))
    values = scribe.values("acme", [entry], epoch=None, at=NOW)
    literal: str = values["t_exchanges"]
    return json.loads(zlib.decompress(bytes.fromhex(literal.removeprefix('{"\\\\x').removesuffix('"}'))))[0]


names = st.sampled_from(["client_secret", "CLIENT_SECRET", "supplierBankIBAN"])
plain = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(names, plain, st.integers(min_value=0, max_value=3))
def test_a_secret_never_reaches_the_trail_however_deep_it_lies(name: str, value: Any, depth: int) -> None:
    body: Any = {name: ["hush-hush", value], "other": value}
    for _ in range(depth):
        body = {"in": [body]}
    shown = packed(Scribe(KEY, redacted={"client_secret", "supplierBankIBAN"}), json.dumps(body).encode())
    assert "hush-hush" not in json.dumps(shown)


@given(
    names, st.sampled_from([":", " :", ": ", " : \n "]), st.sampled_from(['"hush-hush"', '{"x": "hush-hush"}', "4711"])
)
def test_a_secret_is_found_however_it_is_set_off_and_beside_empty_ones(name: str, colon: str, value: str) -> None:
    body = f'{{"a": {{"{name}"{colon}null, "{name}x"{colon}""}}, "b": [{{"{name}"{colon}{value}}}]}}'
    shown = packed(Scribe(KEY, redacted={"client_secret", "supplierBankIBAN"}), body.encode())
    assert "hush-hush" not in json.dumps(shown)
    assert "4711" not in json.dumps(shown)


def test_a_body_whose_secrets_are_all_empty_is_kept_as_it_came(scribe: Scribe) -> None:
    body = b'{"client_secret" : null, "supplierBankIBAN":"", "my_client_secret": "shown", "sum": 1.50}'
    assert packed(scribe, body)["request"] == body.decode()


def test_a_form_with_a_secret_is_withheld_whole(scribe: Scribe) -> None:
    shown = packed(scribe, b"grant_type=client_credentials&client_secret=hush-hush")
    assert "hush-hush" not in json.dumps(shown)


def test_a_signed_address_is_kept_without_its_signature(scribe: Scribe) -> None:
    shown = packed(scribe, b"", url="https://bucket/file?X-Amz-Signature=hush-hush&X-Amz-Expires=900")
    assert shown["url"] == "https://bucket/file?(withheld)"


def test_a_long_body_is_cut_and_says_so(scribe: Scribe) -> None:
    shown = packed(scribe, b"a" * 100_000)
    assert len(shown["request"]) < 40_000
    assert "100000 bytes in all" in shown["request"]


async def test_a_server_in_another_time_zone_makes_no_difference(database: Database, scribe: Scribe) -> None:
    await write(database, scribe, 2)
    await database.execute("ALTER ROLE CURRENT_USER SET timezone = 'Asia/Kathmandu'")
    await database.close()
    try:
        assert (await verified(database))["acme"].fault is None
    finally:
        await database.execute("ALTER ROLE CURRENT_USER RESET timezone")
