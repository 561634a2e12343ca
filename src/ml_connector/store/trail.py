"""The audit trail: append-only, each entry chained to the one before it in its connection.

An entry's digest is an HMAC over its content under a key kept in the vault, its hash covers the digest and the
hash before: altering, inserting or removing an entry breaks the chain, and cutting the tail breaks the seal.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.records.money import write_json
from ml_connector.store.database import Database

BODY_LIMIT: Final = 32_768
"""Bytes of a request or an answer that the trail keeps."""
_SIGNED_QUERY: Final = re.compile(r"(?i)(x-amz-|signature|token|secret|password)")
_GENESIS: Final = b"\x00"
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)

APPEND: Final = (
    "trail_append(:connection, :epoch, :at, cast(:t_told AS jsonb), cast(:t_exchanges AS bytea[]), "
    "cast(:t_digest AS bytea[]), :t_seal_key)"
)
"""The call that appends entries; its values come from `Scribe.values`."""


class SupportsExchange(Protocol):
    """A request and its answer as a connector records them."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def request(self) -> bytes | None: ...
    @property
    def status(self) -> int | None: ...
    @property
    def answer(self) -> bytes | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def request_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written of one step of one record."""

    flow: str
    record: str
    step: str
    outcome: str
    summary: str
    actor: str = "connector"
    detail: Mapping[str, Any] = field(default_factory=dict)
    exchanges: tuple[SupportsExchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it is read back."""

    connection: str
    seq: int
    at: datetime
    flow: str
    record: str
    actor: str
    step: str
    outcome: str
    summary: str
    detail: Mapping[str, Any]
    exchanges: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking a connection's chain came to. `fault` is None where it is whole."""

    connection: str
    entries: int
    dropped_through: int
    fault: str | None


class Scribe:
    """Writes the trail: redacts, compresses, digests."""

    def __init__(self, key: bytes, redacted: Iterable[str] = ()) -> None:
        self._key = key
        self._seal_key = hmac.digest(key, b"seal", "sha256")
        self._names = frozenset(name.lower() for name in redacted)
        named = b"|".join(re.escape(name.encode()) for name in sorted(self._names)) or rb"(?!)"
        self._named = re.compile(named)
        self._filled = re.compile(rb'"(?:%s)"\s*+:\s*+(?!null\b|"")' % named)

    def with_redacted(self, redacted: Iterable[str]) -> Scribe:
        """The same scribe, leaving out further names."""
        return Scribe(self._key, {*self._names, *redacted})

    def derived_secret(self, purpose: str, connection: str) -> str:
        """A secret for another purpose, in hex: lasting, one for each connection, betraying nothing of the key."""
        own_key = hmac.digest(self._key, b"secrets", "sha256")
        return hmac.digest(own_key, f"{purpose}\0{connection}".encode(), "sha256").hex()

    def values(self, connection: str, entries: Sequence[Entry], *, epoch: int | None, at: datetime) -> dict[str, Any]:
        """The values of `APPEND`."""
        details = _canonical(entries)
        place = _place(connection, at)
        packed = [self._pack(entry.exchanges) for entry in entries]
        digests = [
            _digest(self._key, place, entry, detail, exchanges)
            for entry, detail, exchanges in zip(entries, details, packed, strict=True)
        ]
        texts = [
            (each.flow, each.record, each.actor, each.step, each.outcome, each.summary, detail)
            for each, detail in zip(entries, details, strict=True)
        ]
        return {
            "connection": connection, "epoch": epoch, "at": at, "t_told": write_json(texts),
            "t_exchanges": _array(packed), "t_digest": _array(digests), "t_seal_key": self._seal_key,
        }  # fmt: skip

    async def append(
        self,
        transaction: AsyncConnection,
        connection: str,
        entries: Sequence[Entry],
        *,
        epoch: int | None,
        at: datetime,
    ) -> None:
        """Appends entries as the last thing of a transaction: from here to its commit the chain is locked."""
        if entries:
            await transaction.execute(text(f"SELECT {APPEND}"), self.values(connection, entries, epoch=epoch, at=at))

    def _pack(self, exchanges: Sequence[SupportsExchange]) -> bytes | None:
        if not exchanges:
            return None
        shown = [
            {
                "method": exchange.method, "url": _shown_url(exchange.url), "status": exchange.status,
                "seconds": exchange.seconds, "request_id": exchange.request_id,
                "request": self._shown(exchange.request), "answer": self._shown(exchange.answer),
            }
            for exchange in exchanges
        ]  # fmt: skip
        return zlib.compress(json.dumps(shown, separators=(",", ":")).encode(), 1)

    def _shown(self, body: bytes | None) -> str | None:
        if not body:
            return None
        if self._may_hold_secret(body):
            body = self._redacted(body)
        if len(body) > BODY_LIMIT:
            return body[:BODY_LIMIT].decode("utf-8", "replace") + f"… ({len(body)} bytes in all)"
        return body.decode("utf-8", "replace")

    def _may_hold_secret(self, body: bytes) -> bool:
        """True where one of the names is there, in JSON with a value: most large answers only carry it empty."""
        lowered = body.lower()
        is_json = lowered.lstrip().startswith((b"{", b"["))
        return (self._filled if is_json else self._named).search(lowered) is not None

    def _redacted(self, body: bytes) -> bytes:
        try:
            return json.dumps(self._without(json.loads(body, parse_float=str))).encode()
        except ValueError:
            return b"(withheld: it may hold a secret)"

    def _without(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: "(withheld)" if str(name).lower() in self._names else self._without(inner)
                for name, inner in value.items()
            }
        return [self._without(inner) for inner in value] if isinstance(value, list) else value


def _array(values: Iterable[bytes | None]) -> str:
    """A literal of `bytea[]`: much quicker than having the driver escape each value."""
    return "{" + ",".join("NULL" if value is None else rf'"\\x{value.hex()}"' for value in values) + "}"


def _place(connection: str, at: datetime) -> str:
    """Where and when, as a digest covers it."""
    return f"{connection}\x1f{at.astimezone(UTC).isoformat()}"


def _digest(key: bytes, place: str, entry: Entry, detail: str, exchanges: bytes | None) -> bytes:
    content = "\x1f".join((
        place, entry.flow, entry.record, entry.actor, entry.step, entry.outcome, entry.summary, detail,
    ))  # fmt: skip
    return hmac.digest(key, content.encode() + b"\x1f" + (exchanges or b""), "sha256")


def _canonical(entries: Sequence[Entry]) -> list[str]:
    """The details as they are written. Hundreds of records of one call share theirs: it is written once."""
    shared = {id(each.detail): each.detail for each in entries}
    written = {key: _CANONICAL.encode(detail) for key, detail in shared.items()}
    return [written[id(each.detail)] for each in entries]


def _shown_url(url: str) -> str:
    address, _, query = url.partition("?")
    return f"{address}?(withheld)" if _SIGNED_QUERY.search(query) else url


async def read_trail(database: Database, record: str) -> list[Written]:
    """All entries of a record, oldest first. `record` is a document's id, its key or an item's code."""
    rows = await database.fetch(
        """SELECT * FROM trail WHERE record = :record
           OR record IN (SELECT document_id FROM document WHERE key = :record OR bill_number = :record
                                                        OR invoice_number = :record)
           ORDER BY at, connection_id, seq""",
        record=record,
    )
    return [_written(row) for row in rows]


def _written(row: Mapping[str, Any]) -> Written:
    packed = row["exchanges"]
    return Written(
        connection=row["connection_id"], seq=row["seq"], at=row["at"], flow=row["flow"], record=row["record"],
        actor=row["actor"], step=row["step"], outcome=row["outcome"], summary=row["summary"],
        detail=json.loads(row["detail"]), exchanges=json.loads(zlib.decompress(packed)) if packed else [],
    )  # fmt: skip


async def verify_trail(database: Database, key: bytes) -> AsyncIterator[Verification]:
    """Checks every connection's chain from its oldest entry kept to its head, a page at a time."""
    for row in await database.fetch("SELECT connection_id FROM trail_head ORDER BY connection_id"):
        yield await _verify_chain(database, key, row["connection_id"])


async def _verify_chain(database: Database, key: bytes, connection: str) -> Verification:
    anchor = await database.fetch_one(
        "SELECT last_seq, last_hash FROM trail_dropped WHERE connection_id = :c ORDER BY last_seq DESC LIMIT 1",
        c=connection,
    )
    start = anchor["last_seq"] if anchor else 0
    seq, before = start, (bytes(anchor["last_hash"]) if anchor else _GENESIS)
    head = await database.fetch_one("SELECT * FROM trail_head WHERE connection_id = :c", c=connection)
    assert head is not None, "the caller read its id from this table"

    def result(fault: str | None) -> Verification:
        return Verification(connection=connection, entries=seq - start, dropped_through=start, fault=fault)

    while seq < head["seq"]:
        rows = await database.fetch(
            "SELECT * FROM trail WHERE connection_id = :c AND seq > :seq AND seq <= :head ORDER BY seq LIMIT 2000",
            c=connection, seq=seq, head=head["seq"],
        )  # fmt: skip
        if not rows:
            return result(f"Entries {seq + 1} to {head['seq']} are missing.")
        for row in rows:
            if row["seq"] != seq + 1:
                return result(f"Entry {seq + 1} is missing.")
            if _recomputed(key, row) != bytes(row["digest"]):
                return result(f"Entry {row['seq']} was altered: its content does not match its digest.")
            if hashlib.sha256(before + bytes(row["digest"])).digest() != bytes(row["hash"]):
                return result(f"Entry {row['seq']} was altered: it does not follow from the one before.")
            seq, before = row["seq"], bytes(row["hash"])
    seal_key = hmac.digest(key, b"seal", "sha256")
    sealed = hashlib.sha256(seal_key + before + seq.to_bytes(8, "big", signed=True)).digest()
    if before != bytes(head["hash"]) or sealed != bytes(head["seal"]):
        return result(f"The chain does not end where it should, at entry {head['seq']}: its tail was altered.")
    return result(None)


def _recomputed(key: bytes, row: Mapping[str, Any]) -> bytes:
    entry = Entry(
        flow=row["flow"], record=row["record"], step=row["step"], outcome=row["outcome"],
        summary=row["summary"], actor=row["actor"],
    )  # fmt: skip
    packed = bytes(row["exchanges"]) if row["exchanges"] is not None else None
    return _digest(key, _place(row["connection_id"], row["at"]), entry, row["detail"], packed)


# -------------------------------------------------------------------------------------------- partitions by month


async def prepare_partitions(database: Database, *, now: datetime) -> None:
    """Sees to it that this month and the next have their partition. Idempotent."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(2):
        following = (month + timedelta(days=32)).replace(day=1)
        name = f"trail_{month:%Y_%m}"
        async with database.transaction() as transaction:
            await transaction.execute(text("SELECT pg_advisory_xact_lock(hashtext('trail partitions'))"))
            there = (await transaction.execute(text("SELECT to_regclass(:n)"), {"n": name})).scalar()
            taken = (
                await transaction.execute(
                    text("SELECT EXISTS (SELECT 1 FROM trail_rest WHERE at >= :a AND at < :b)"),
                    {"a": month, "b": following},
                )
            ).scalar()
            if there is None and not taken:
                bounds = f"FROM ('{month.isoformat()}') TO ('{following.isoformat()}')"
                await transaction.execute(text(f"CREATE TABLE {name} PARTITION OF trail FOR VALUES {bounds}"))
        month = following


async def drop_old_partitions(database: Database, *, now: datetime, months: int) -> list[str]:
    """Drops whole months older than `months`, and records where each chain now begins. 0 keeps everything."""
    if months <= 0:
        return []
    limit = now.replace(day=1)
    for _ in range(months):
        limit = (limit - timedelta(days=1)).replace(day=1)
    names = await database.fetch(
        "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'trail'::regclass AND c.relname < :limit AND c.relname ~ '^trail_[0-9]{4}_[0-9]{2}$' "
        "ORDER BY c.relname",
        limit=f"trail_{limit:%Y_%m}",
    )
    for row in names:
        await _drop_partition(database, row["name"], now)
    return [row["name"] for row in names]


async def _drop_partition(database: Database, name: str, now: datetime) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            text(
                f"""INSERT INTO trail_dropped (partition, connection_id, first_seq, last_seq, last_hash, dropped_at)
                SELECT :name, connection_id, min(seq), max(seq), (array_agg(hash ORDER BY seq DESC))[1], :now
                FROM {name} GROUP BY connection_id"""
            ),
            {"name": name, "now": now},
        )
        await transaction.execute(text(f"DROP TABLE {name}"))
