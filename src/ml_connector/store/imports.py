"""Imported master data: one row an item, as the payables system takes it, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.records.money import write_json
from ml_connector.store.database import Database
from ml_connector.store.trail import Entry, Scribe


@dataclass(frozen=True, slots=True)
class Staged:
    """An item as it was read: what to send, and the hash of what it says without a touch."""

    resource: str
    code: str
    erp_key: str
    stage: int
    text: str
    """The record in JSON, as it is to be sent."""
    hash: str
    active: bool
    number: str = ""
    """What other records name it by; empty where none does."""
    needs: str = ""
    """The number of the vendor that has to be accepted before it is sent; empty where it needs none."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Records that wait for one vendor."""

    vendor: str
    """Its number."""
    records: tuple[str, ...]
    """Their keys in the ledger, of those that had not been told of before."""
    count: int


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it is stored."""

    resource: str
    code: str
    erp_key: str
    stage: int
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """An import whose outcome is not known yet."""

    request_id: str
    flow: str
    resource: str
    sent_at: datetime
    checks: int
    items: Mapping[str, str]
    """Code to hash of each record whose fate is open."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an item as it was sent: `hash` says of which of its versions this is."""

    code: str
    hash: str
    status: str
    words: str


class Imports:
    """The items of one flow of one connection, written under its lease."""

    def __init__(self, database: Database, scribe: Scribe, *, connection: str, flow: str, epoch: int) -> None:
        self.database = database
        self.scribe = scribe
        self.connection = connection
        self.flow = flow
        self.epoch = epoch

    async def stage(self, items: Sequence[Staged], *, run_id: int, at: datetime, force: bool) -> set[tuple[str, str]]:
        """Stores what differs from what was sent last and makes it pending; resource and code of the items that do.

        An item that is inactive and was never imported is left out: there is nothing to switch off.
        """
        changed: set[tuple[str, str]] = set()
        async with self._transaction() as transaction:
            for active in (True, False):
                chosen = [each for each in items if each.active is active]
                if chosen:
                    statement = _STAGE if active else _SWITCH_OFF
                    values = self._rows(chosen) | {"run": run_id, "at": at, "force": force}
                    rows = await transaction.execute(statement, values | ({} if active else _keys(chosen)))
                    changed.update((row.resource, row.code) for row in rows)
            if changed:
                await self._fence(transaction)
        return changed

    def _rows(self, items: Sequence[Staged]) -> dict[str, Any]:
        return {"c": self.connection, "flow": self.flow, "rows": f"[{','.join(map(_row, items))}]"}

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[AsyncConnection]:
        """For statements about many items: planned for the table as it is now, which may have grown a thousandfold
        since a plan was kept."""
        async with self.database.transaction() as transaction:
            await transaction.execute(_PLAN_ANEW)
            yield transaction

    async def _fetch(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        async with self._transaction() as transaction:
            rows = await transaction.execute(text(sql), values)
            return [dict(row) for row in rows.mappings()]

    async def refuse(self, erp_key: str, *, message: str, run_id: int, at: datetime) -> None:
        """Keeps a record that cannot be imported as it is, with the reason why."""
        entry = Entry(self.flow, erp_key, "mapped", "rejected", message)
        async with self.database.transaction() as transaction:
            row = await transaction.execute(
                text(
                    """INSERT INTO imported (connection_id, flow, resource, code, erp_key, payload, hash, status,
                        message, unknown, run_id, active, updated_at)
                    VALUES (:c, :flow, '-', :key, :key, '{}', md5(:message), 'rejected', :message, true, :run, false,
                        :at)
                    ON CONFLICT (connection_id, flow, resource, code) DO UPDATE
                    SET message = :message, hash = md5(:message), run_id = :run, updated_at = :at
                    WHERE imported.hash <> md5(:message) RETURNING code"""
                ),
                {
                    "c": self.connection,
                    "flow": self.flow,
                    "key": erp_key,
                    "message": message,
                    "run": run_id,
                    "at": at,
                },
            )
            if row.first() is not None:
                await self.scribe.append(transaction, self.connection, [entry], epoch=self.epoch, at=at)

    async def missing(self, seen: Sequence[str]) -> tuple[list[str], int]:
        """Keys of active items that are not among `seen`, and how many keys are active in all."""
        rows = await self._fetch(
            """WITH known AS (SELECT DISTINCT erp_key FROM imported
                              WHERE connection_id = :c AND flow = :flow AND active)
            SELECT known.erp_key AS key, (SELECT count(*) FROM known) AS total FROM known
            LEFT JOIN unnest(cast(:seen AS text[])) AS here(key) ON here.key = known.erp_key
            WHERE here.key IS NULL ORDER BY 1""",
            c=self.connection, flow=self.flow, seen=list(seen),
        )  # fmt: skip
        return [row["key"] for row in rows], rows[0]["total"] if rows else 0

    async def count_keys(self, *, at_most: int) -> int:
        """How many of the ledger's records are active here, counted no further than `at_most`."""
        row = await self.database.fetch_one(
            "SELECT count(*) AS n FROM (SELECT DISTINCT erp_key FROM imported "
            "WHERE connection_id = :c AND flow = :flow AND active LIMIT :most) AS counted",
            c=self.connection, flow=self.flow, most=at_most,
        )  # fmt: skip
        return row["n"] if row else 0

    async def items_of(self, erp_keys: Sequence[str]) -> list[StoredItem]:
        """The active items of some of the ledger's records."""
        rows = await self._fetch(
            "SELECT resource, code, erp_key, stage, cast(payload AS text) AS text, hash FROM imported "
            "WHERE connection_id = :c AND flow = :flow AND erp_key = ANY(:keys) AND active",
            c=self.connection, flow=self.flow, keys=list(erp_keys),
        )  # fmt: skip
        return [StoredItem(**row) for row in rows]

    async def accepted_vendors(self, numbers: Collection[str]) -> set[str]:
        """Those among these vendors' numbers that the payables system has accepted, in whatever version."""
        rows = await self._fetch(
            f"SELECT DISTINCT number FROM imported WHERE connection_id = :c AND flow = 'vendors' "
            f"AND number IS NOT NULL AND number = ANY(:numbers) AND {is_accepted('imported')}",
            c=self.connection, numbers=list(numbers),
        )  # fmt: skip
        return {row["number"] for row in rows}

    async def has_released(self) -> bool:
        """True where something is pending that waited for a vendor which has been accepted meanwhile."""
        return bool(await self._fetch(_RELEASED, c=self.connection, flow=self.flow))

    async def waiting(self, *, at: datetime) -> list[Waiting]:
        """What is pending and waits for a vendor, by vendor. What had not been told of before is noted as waiting."""
        rows = await self._fetch(_WAITING, c=self.connection, flow=self.flow)
        told = [Waiting(row["needs"], tuple(row["fresh"] or ()), row["records"]) for row in rows]
        entries = [
            Entry(self.flow, record, "waits", "waits", waiting_sentence(each.vendor))
            for each in told for record in each.records
        ]  # fmt: skip
        if entries:
            async with self._transaction() as transaction:
                values = {"c": self.connection, "flow": self.flow, "keys": [each.record for each in entries]}
                await transaction.execute(_NOTE_WAITING, values)
                await self.scribe.append(transaction, self.connection, entries, epoch=self.epoch, at=at)
        return told

    async def pending(
        self, *, stage: int, limit: int, after: tuple[str, str], without_vendor: bool = False
    ) -> list[StoredItem]:
        """Items to be sent, in order of resource and code; those that are under way as they stand are left out.

        So are those whose vendor has not been accepted, unless they are to go `without_vendor`.
        """
        values: dict[str, Any] = {
            "c": self.connection, "flow": self.flow, "stage": stage, "resource": after[0], "code": after[1],
            "limit": limit, "without": without_vendor,
        }  # fmt: skip
        async with self._transaction() as transaction:
            # Their order is found in the narrow table, however many there are; the records by their keys.
            chosen = (await transaction.execute(_PENDING, values)).all()
            if not chosen:
                return []
            values = {"c": self.connection, "flow": self.flow}
            values |= {"resources": sorted({row.resource for row in chosen}), "codes": [row.code for row in chosen]}
            rows = (await transaction.execute(_RECORDS, values)).mappings().all()
        found = {(row["resource"], row["code"]): StoredItem(**row) for row in rows}
        return [found[row.resource, row.code] for row in chosen]

    async def stages(self) -> list[int]:
        """The stages that have something to send, in order."""
        rows = await self.database.fetch(
            "SELECT DISTINCT stage FROM import_pending WHERE connection_id = :c AND flow = :flow ORDER BY stage",
            c=self.connection, flow=self.flow,
        )  # fmt: skip
        return [row["stage"] for row in rows]

    async def note_sent(
        self, items: Sequence[StoredItem], *, request_id: str | None, refused: Mapping[str, str], run_id: int,
        at: datetime, next_check: datetime,
    ) -> None:  # fmt: skip
        """What an import call came to, in one transaction. Its items stay pending until their fate is known."""
        sent = {each.code: each.hash for each in items if each.code not in refused}
        # What was sent is told once for the call; of each record the trail tells what became of it.
        told = Entry(
            self.flow, request_id or f"run/{run_id}", "sent", "ok", f"{len(sent)} records sent to the payables system.",
            detail={"resource": items[0].resource, "codes": list(sent)},
        )  # fmt: skip
        entries = [told] if sent else []
        entries += [Entry(self.flow, code, "sent", "rejected", words) for code, words in refused.items()]
        known = [
            Verdict(each.code, each.hash, "rejected", refused[each.code]) for each in items if each.code in refused
        ]
        if request_id is None:  # nothing can be asked: what was not refused was taken
            known += [Verdict(code, digest, "accepted", "") for code, digest in sent.items()]
        async with self._transaction() as transaction:
            if sent and request_id is not None:
                values = {
                    "c": self.connection, "id": request_id, "flow": self.flow, "resource": items[0].resource, "at": at,
                    "next": next_check, "run": run_id, "items": write_json(sent),
                }  # fmt: skip
                await transaction.execute(_REQUEST, values)
            if known:
                await self._judge(transaction, known, resource=items[0].resource, at=at)
            await self.scribe.append(transaction, self.connection, entries, epoch=self.epoch, at=at)

    async def _judge(
        self, transaction: AsyncConnection, verdicts: Sequence[Verdict], *, resource: str, at: datetime
    ) -> None:
        """Items of one resource. What was changed since it was sent stays pending: the verdict is not about it."""
        alike: defaultdict[tuple[str, str], list[Verdict]] = defaultdict(list)
        for each in verdicts:
            alike[each.status, each.words].append(each)
        for (status, words), those in alike.items():
            values: dict[str, Any] = {
                "c": self.connection, "flow": self.flow, "resource": resource, "codes": [each.code for each in those],
                "hashes": [each.hash for each in those],
            }  # fmt: skip
            judged = (await transaction.execute(_JUDGED, values)).all()
            # A record that was accepted without a word needs no other one: that is the usual end of it.
            tells = status == "rejected" or bool(words)
            codes = [row.code for row in judged if tells or row.refused]
            if codes:
                values |= {"at": at, "status": status, "words": words or None, "codes": codes}
                values["unknown"] = [row.code for row in judged if row.first and status == "rejected"]
                await transaction.execute(_NOTE_FATE, values)

    async def requests(self, *, due_by: datetime | None = None) -> list[OpenRequest]:
        """Imports whose outcome is to be asked for, by `due_by` or all."""
        rows = await self.database.fetch(
            """SELECT request_id, flow, resource, sent_at, checks, items FROM import_request
            WHERE connection_id = :c AND flow = :flow
                AND (cast(:by AS timestamptz) IS NULL OR next_check <= :by) ORDER BY sent_at""",
            c=self.connection, flow=self.flow, by=due_by,
        )  # fmt: skip
        return [OpenRequest(**row) for row in rows]

    async def settle(
        self, request: OpenRequest, outcomes: Mapping[str, tuple[str, str]], *, done: bool, at: datetime,
        next_check: datetime | None,
    ) -> None:  # fmt: skip
        """Writes what became of an import's items: code to (status, words)."""
        detail = {"request": request.request_id}
        entries = [
            Entry(self.flow, code, "imported", status, words or "Taken by the payables system.", detail=detail)
            for code, (status, words) in outcomes.items()
        ]
        verdicts = [Verdict(code, request.items[code], *outcome) for code, outcome in outcomes.items()]
        left = {code: digest for code, digest in request.items.items() if code not in outcomes}
        values: dict[str, Any] = {"c": self.connection, "id": request.request_id}
        async with self._transaction() as transaction:
            if verdicts:
                await self._judge(transaction, verdicts, resource=request.resource, at=at)
            if done:
                await transaction.execute(_FINISH, values)
            else:
                await transaction.execute(_AGAIN, values | {"next": next_check, "items": write_json(left)})
            await self.scribe.append(transaction, self.connection, entries, epoch=self.epoch, at=at)

    async def _fence(self, transaction: AsyncConnection) -> None:
        await transaction.execute(text("SELECT fence(:c, :epoch)"), {"c": self.connection, "epoch": self.epoch})


def is_accepted(table: str) -> str:
    """SQL for an item that the payables system has taken once, whatever became of later versions."""
    return f"""(NOT {table}.unknown AND NOT EXISTS (
        SELECT 1 FROM import_pending newer WHERE newer.connection_id = {table}.connection_id
            AND newer.flow = {table}.flow AND newer.resource = {table}.resource AND newer.code = {table}.code
            AND newer.first))"""


_PLAN_ANEW = text("SET LOCAL plan_cache_mode = force_custom_plan")
_READ: Final = """json_to_recordset(cast(:rows AS json))
    AS read(resource text, code text, key text, stage smallint, payload json, hash text, number text,
        needs text)"""
_VENDOR_ACCEPTED: Final = f"""EXISTS (
    SELECT 1 FROM imported vendor WHERE vendor.connection_id = :c AND vendor.flow = 'vendors'
        AND vendor.number IS NOT NULL AND vendor.number = pending.needs AND {is_accepted("vendor")})"""
_PENDING: Final = text(
    f"""SELECT resource, code FROM import_pending pending
    WHERE connection_id = :c AND flow = :flow AND stage = :stage AND (resource, code) > (:resource, :code)
        AND (needs IS NULL OR cast(:without AS boolean) OR {_VENDOR_ACCEPTED})
        AND hash NOT IN (SELECT sent.value FROM import_request, json_each_text(items) AS sent
                         WHERE connection_id = :c AND flow = :flow)
    ORDER BY resource, code LIMIT :limit"""
)
_RECORDS: Final = text(
    """SELECT resource, code, erp_key, stage, cast(payload AS text) AS text, hash FROM imported
    WHERE connection_id = :c AND flow = :flow AND resource = ANY(cast(:resources AS text[]))
        AND code = ANY(cast(:codes AS text[]))"""
)
_WAITING: Final = f"""
    SELECT needs, count(DISTINCT erp_key) AS records, array_agg(DISTINCT erp_key) FILTER (WHERE NOT told) AS fresh
    FROM import_pending pending JOIN imported USING (connection_id, flow, resource, code)
    WHERE connection_id = :c AND flow = :flow AND needs IS NOT NULL AND NOT {_VENDOR_ACCEPTED}
    GROUP BY needs ORDER BY needs"""
_RELEASED: Final = f"""
    SELECT 1 AS there FROM import_pending pending WHERE connection_id = :c AND flow = :flow
        AND needs IS NOT NULL AND {_VENDOR_ACCEPTED} LIMIT 1"""
_NOTE_WAITING: Final = text(
    """UPDATE import_pending pending SET told = true FROM imported
    WHERE pending.connection_id = :c AND pending.flow = :flow AND imported.connection_id = :c
        AND imported.flow = :flow AND imported.resource = pending.resource AND imported.code = pending.code
        AND erp_key = ANY(cast(:keys AS text[]))"""
)
_REQUEST: Final = text(
    """INSERT INTO import_request (connection_id, request_id, flow, resource, sent_at, next_check, run_id, items)
    VALUES (:c, :id, :flow, :resource, :at, :next, :run, cast(:items AS json)) ON CONFLICT DO NOTHING"""
)
_FINISH: Final = text("DELETE FROM import_request WHERE connection_id = :c AND request_id = :id")
_AGAIN: Final = text(
    """UPDATE import_request SET checks = checks + 1, next_check = :next, items = cast(:items AS json)
    WHERE connection_id = :c AND request_id = :id"""
)
_JUDGED: Final = text(
    """DELETE FROM import_pending WHERE connection_id = :c AND flow = :flow AND resource = :resource
        AND code = ANY(cast(:codes AS text[])) AND hash = ANY(cast(:hashes AS text[]))
    RETURNING code, first, refused"""
)
_NOTE_FATE: Final = text(
    """UPDATE imported SET status = :status, message = :words, updated_at = :at,
        unknown = code = ANY(cast(:unknown AS text[]))
    WHERE connection_id = :c AND flow = :flow AND resource = :resource AND code = ANY(cast(:codes AS text[]))"""
)
_MAKE_PENDING: Final = """
    INSERT INTO import_pending AS pending (connection_id, flow, resource, code, stage, hash, needs, first, refused)
    SELECT :c, :flow, resource, code, made.stage, made.hash, read.needs, made.fresh OR made.unknown, made.unknown
    FROM made JOIN read USING (resource, code)
    ON CONFLICT (connection_id, flow, resource, code) DO UPDATE
    SET stage = excluded.stage, hash = excluded.hash, needs = excluded.needs, told = false,
        first = pending.first OR excluded.first
    RETURNING resource, code"""
_STAGE = text(
    f"""WITH read AS (SELECT * FROM {_READ}), made AS (
        INSERT INTO imported (connection_id, flow, resource, code, erp_key, stage, payload, hash, active, status,
            run_id, updated_at, number)
        SELECT :c, :flow, resource, code, key, stage, payload, hash, true, 'accepted', :run, :at, number FROM read
        ON CONFLICT (connection_id, flow, resource, code) DO UPDATE
        SET payload = excluded.payload, hash = excluded.hash, erp_key = excluded.erp_key, stage = excluded.stage,
            active = true, status = 'accepted', message = NULL, run_id = excluded.run_id,
            updated_at = excluded.updated_at, number = excluded.number
        WHERE imported.hash <> excluded.hash OR cast(:force AS boolean)
        RETURNING resource, code, stage, hash, unknown, xmax = 0 AS fresh
    ) {_MAKE_PENDING}"""
)
_SWITCH_OFF = text(
    f"""WITH read AS (SELECT * FROM {_READ}), made AS (
        UPDATE imported SET payload = read.payload, hash = read.hash, active = false, status = 'accepted',
            message = NULL, run_id = :run, updated_at = :at FROM read
        WHERE connection_id = :c AND flow = :flow AND imported.resource = read.resource
            AND imported.code = read.code
            AND imported.resource = ANY(cast(:resources AS text[])) AND imported.code = ANY(cast(:codes AS text[]))
            AND (imported.hash <> read.hash OR cast(:force AS boolean))
        RETURNING imported.resource, imported.code, imported.stage, imported.hash, unknown, false AS fresh
    ) {_MAKE_PENDING}"""
)


def waiting_sentence(vendor: str) -> str:
    """Why a record is not sent, for people."""
    return f"It waits until the payables system has accepted the supplier {vendor}; then it goes by itself."


def _row(item: Staged) -> str:
    """The record's own text goes in as it is: a hundred thousand of them are not written twice."""
    rest = {
        "resource": item.resource, "code": item.code, "key": item.erp_key, "stage": item.stage, "hash": item.hash,
        "number": item.number or None, "needs": item.needs or None,
    }  # fmt: skip
    return f'{write_json(rest)[:-1]},"payload":{item.text}}}'


def _keys(items: Sequence[Staged]) -> dict[str, Any]:
    """What is looked for, said a second time so that the index serves however many items there are."""
    return {"resources": sorted({each.resource for each in items}), "codes": [each.code for each in items]}
