"""Items on their way: stored, sent, judged; a record that changes meanwhile is not taken for what was sent."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.store.database import Database
from ml_connector.store.imports import Imports, OpenRequest, Staged, StoredItem
from ml_connector.store.trail import Scribe

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.fixture
async def imports(database: Database) -> Imports:
    await database.execute(
        "INSERT INTO connection (id, company, system, settings, created_at, updated_at) "
        "VALUES ('acme', '1', 's', '{}', now(), now())"
    )
    await database.execute("INSERT INTO lease (connection_id, epoch) VALUES ('acme', 3)")
    return Imports(database, Scribe(b"k" * 32), connection="acme", flow="vendors", epoch=3)


def staged(code: str, text: str, *, active: bool = True) -> Staged:
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Staged("vendors", code, f"key-{code}", 0, text, digest, active)


async def stage(imports: Imports, *items: Staged, force: bool = False) -> set[str]:
    return {code for _, code in await imports.stage(items, run_id=1, at=NOW, force=force)}


async def pending(imports: Imports) -> list[StoredItem]:
    return await imports.pending(stage=0, limit=100, after=("", ""))


async def send(imports: Imports, *items: StoredItem, request: str | None = "r-1", **refused: str) -> OpenRequest | None:
    await imports.note_sent(items, request_id=request, refused=refused, run_id=1, at=NOW, next_check=NOW)
    found = [each for each in await imports.requests() if each.request_id == request]
    return found[0] if found else None


async def settle(imports: Imports, request: OpenRequest | None, *, done: bool = True, **fates: str) -> None:
    assert request is not None
    outcomes = {code: (fate, "" if fate == "accepted" else "No.") for code, fate in fates.items()}
    await imports.settle(request, outcomes, done=done, at=NOW, next_check=NOW)


async def fates(database: Database) -> dict[str, tuple[str, str | None]]:
    rows = await database.fetch(
        """SELECT code, CASE WHEN pending.code IS NULL THEN status ELSE 'pending' END AS status, message FROM imported
        LEFT JOIN import_pending pending USING (connection_id, flow, resource, code) ORDER BY code"""
    )
    return {row["code"]: (row["status"], row["message"]) for row in rows}


async def test_a_record_is_kept_letter_by_letter_as_it_is_sent(imports: Imports) -> None:
    text = '{"b":1.10,"a":"Å \\"quote\\" \\\\ O\'Brien","n":123456789012345678}'
    assert await stage(imports, staged("v", text)) == {"v"}
    assert [each.text for each in await pending(imports)] == [text]


async def test_only_what_differs_is_to_be_sent_again(imports: Imports) -> None:
    await stage(imports, staged("a", '{"n":1}'), staged("b", '{"n":1}'))
    await settle(imports, await send(imports, *await pending(imports)), a="accepted", b="accepted")
    assert await pending(imports) == []
    assert await stage(imports, staged("a", '{"n":1}'), staged("b", '{"n":2}')) == {"b"}
    assert [each.code for each in await pending(imports)] == ["b"]
    assert await stage(imports, staged("a", '{"n":1}'), force=True) == {"a"}


async def test_what_is_under_way_is_not_sent_again_until_its_fate_is_known(
    imports: Imports, database: Database
) -> None:
    await stage(imports, staged("a", '{"n":1}'), staged("b", '{"n":1}'))
    request = await send(imports, *await pending(imports))
    assert await pending(imports) == []
    await settle(imports, request, done=False, a="accepted")
    (still,) = await imports.requests()
    assert (set(still.items), still.checks) == ({"b"}, 1)
    await settle(imports, still, b="rejected")
    assert await imports.requests() == []
    assert await fates(database) == {"a": ("accepted", None), "b": ("rejected", "No.")}


async def test_a_record_that_changed_while_it_was_under_way_is_sent_as_it_is_now(
    imports: Imports, database: Database
) -> None:
    await stage(imports, staged("a", '{"n":1}'))
    request = await send(imports, *await pending(imports))
    assert await stage(imports, staged("a", '{"n":2}')) == {"a"}
    assert [each.text for each in await pending(imports)] == ['{"n":2}']
    await settle(imports, request, a="accepted")
    assert (await fates(database))["a"] == ("pending", None)
    assert [each.text for each in await pending(imports)] == ['{"n":2}']


async def test_a_refusal_at_once_is_of_the_version_that_was_sent(imports: Imports, database: Database) -> None:
    await stage(imports, staged("a", '{"n":1}'), staged("b", '{"n":1}'), staged("c", '{"n":1}'))
    sent = await pending(imports)
    await stage(imports, staged("b", '{"n":2}'))
    request = await send(imports, *sent, a="Too long.", b="Too long.")
    assert request is not None
    assert set(request.items) == {"c"}
    known = await fates(database)
    assert (known["a"], known["b"]) == (("rejected", "Too long."), ("pending", None))


async def test_where_nothing_can_be_asked_what_was_not_refused_was_taken(imports: Imports, database: Database) -> None:
    await stage(imports, staged("a", "{}"))
    assert await send(imports, *await pending(imports), request=None) is None
    assert await fates(database) == {"a": ("accepted", None)}


async def test_an_inactive_record_that_was_never_imported_is_left_out(imports: Imports, database: Database) -> None:
    assert await stage(imports, staged("a", '{"off":1}', active=False)) == set()
    await stage(imports, staged("a", '{"on":1}'))
    assert await stage(imports, staged("a", '{"off":1}', active=False)) == {"a"}
    assert await imports.missing([]) == ([], 0)
    assert list(await fates(database)) == ["a"]


class _Lingering(Imports):
    """Stays between the fence and the commit of what it stages until it is let go."""

    def __init__(self, like: Imports) -> None:
        super().__init__(like.database, like.scribe, connection=like.connection, flow=like.flow, epoch=like.epoch)
        self.fenced, self.go = asyncio.Event(), asyncio.Event()

    async def _fence(self, transaction: AsyncConnection) -> None:
        await super()._fence(transaction)
        self.fenced.set()
        await self.go.wait()


async def test_what_is_staged_while_its_connection_is_removed_goes_with_it(
    imports: Imports, database: Database
) -> None:
    await stage(imports, staged("a", '{"n":1}'))
    lingering = _Lingering(imports)
    staging = asyncio.create_task(stage(lingering, staged("b", '{"n":1}')))
    await lingering.fenced.wait()
    removing = asyncio.create_task(database.execute("DELETE FROM connection"))
    async with asyncio.timeout(20):
        while not await database.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    lingering.go.set()
    assert await staging == {"b"}
    await removing
    assert await database.fetch("SELECT code FROM imported UNION SELECT code FROM import_pending") == []
    with pytest.raises(DBAPIError, match="lease lost"):
        await stage(imports, staged("c", '{"n":1}'))
    assert await fates(database) == {}
