"""Connections made and changed from the configuration file, and written back as one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.engine.schedules import FlowSchedule
from ml_connector.engine.sides import unknown_connection
from ml_connector.operations.configuration import (
    Configuration,
    ConfigurationError,
    ConnectionConfiguration,
    Fault,
)
from ml_connector.operations.connection_settings import settings_of
from ml_connector.operations.references import escape
from ml_connector.records.flow import Flow
from ml_connector.store.database import Database
from ml_connector.store.keys import KeyProblem
from ml_connector.store.vault import SecretUnreadable, Vault

Record = Callable[..., Awaitable[None]]
"""Writes the trail: called as `record(transaction, change=…, actor=…, now=…)` inside the change's transaction."""


class ChangeKind(StrEnum):
    """What becomes of a connection."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One setting before and after, None where it is not there. Of a secret only that it changed."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What applying a file does to one connection."""

    connection: str
    kind: ChangeKind
    fields: tuple[FieldChange, ...] = ()


_SIDES: Final = ("basware", "erp")
"""Of the settings' secrets."""


@dataclass(frozen=True, slots=True)
class _Difference:
    """A change with what has to be written for it."""

    change: Change
    schedules: Mapping[Flow, FlowSchedule]
    """New and changed ones."""
    secrets: Mapping[tuple[str, str], str | None]
    """By side and field: the new value, None for one that goes."""


async def plan(database: Database, vault: Vault, configuration: Configuration) -> tuple[Change, ...]:
    """What `apply` would do. Writes nothing. Raises `ConfigurationError` for what cannot be done."""
    changes: list[Change] = []
    faults: list[Fault] = []
    for wanted in configuration.connections:
        async with database.transaction() as transaction:
            row = await _stored(transaction, wanted.name)
            faults += await _faults(transaction, row, wanted, file=configuration.file)
            changes.append((await _compare(transaction, vault, row, wanted)).change)
    if faults:
        raise ConfigurationError(faults)
    return tuple(changes)


async def apply(
    database: Database,
    vault: Vault,
    configuration: Configuration,
    *,
    actor: str,
    now: datetime,
    dry_run: bool = False,
    record: Record | None = None,
) -> tuple[Change, ...]:
    """Brings the connections of the file to what it says, each in one transaction; others are left alone.

    Idempotent: what is so already is not written. Raises `ConfigurationError` before anything is written.
    """
    changes = await plan(database, vault, configuration)
    if dry_run:
        return changes
    return tuple(
        [
            await _apply_one(database, vault, wanted, file=configuration.file, actor=actor, now=now, record=record)
            for wanted in configuration.connections
        ]
    )


async def export(database: Database, names: Sequence[str] | None = None) -> str:
    """The file that makes these connections (all, where none is named), with references in place of secrets.

    Raises `UnknownConnection`.
    """
    rows = await database.fetch("SELECT id, settings FROM connection ORDER BY id")
    stored = {row["id"]: row["settings"] for row in rows}
    for name in names or ():
        if name not in stored:
            raise await unknown_connection(database, name)
    secrets = await database.fetch(
        "SELECT connection_id, side, field FROM secret WHERE side = ANY(:sides) ORDER BY 1, 2, 3", sides=list(_SIDES)
    )
    file = {name: _exported(settings) for name, settings in stored.items() if not names or name in names}
    for row in secrets:
        if row["connection_id"] in file:
            file[row["connection_id"]][row["side"]][row["field"]] = f"${{env:{_variable(*row.values())}}}"
    return yaml.safe_dump({"connections": file}, sort_keys=False, allow_unicode=True, width=110)


# ------------------------------------------------------------------ one connection


async def _apply_one(
    database: Database,
    vault: Vault,
    wanted: ConnectionConfiguration,
    *,
    file: str,
    actor: str,
    now: datetime,
    record: Record | None,
) -> Change:
    async with database.transaction() as transaction:
        # Two may apply at once: the second one compares with what the first one wrote.
        await transaction.execute(_LOCK, {"id": wanted.name})
        row = await _stored(transaction, wanted.name)
        if faults := await _faults(transaction, row, wanted, file=file):
            raise ConfigurationError(faults)
        difference = await _compare(transaction, vault, row, wanted)
        change = difference.change
        if change.kind is ChangeKind.UNCHANGED:
            return change
        await _write_connection(transaction, wanted, now=now)
        await _write_schedules(transaction, wanted, difference.schedules, new=row is None, now=now)
        await _write_secrets(transaction, vault, wanted.name, difference.secrets, now=now)
        await transaction.execute(_END_WAITS, {"id": wanted.name, "now": now})
        await transaction.execute(_FORGET_CIRCUITS, {"id": wanted.name})
        if record is not None:
            await record(transaction, change=change, actor=actor, now=now)
    return change


async def _stored(transaction: AsyncConnection, name: str) -> dict[str, Any] | None:
    found = await transaction.execute(text("SELECT * FROM connection WHERE id = :id"), {"id": name})
    row = found.mappings().first()
    return None if row is None else dict(row)


async def _faults(
    transaction: AsyncConnection, row: dict[str, Any] | None, wanted: ConnectionConfiguration, *, file: str
) -> list[Fault]:
    """Documents posted to one ERP must not be looked for in another."""
    if row is None or (row["system"], row["company"]) == (wanted.system, wanted.company):
        return []
    used = await transaction.execute(_IS_USED, {"id": wanted.name})
    if not used.scalar():
        return []
    sentence = (
        "This connection has records of another ERP or company already. "
        "Make a new connection, under another name, for the new one."
    )
    return [Fault(file, wanted.line, f"connections.{wanted.name}", sentence)]


async def _compare(
    transaction: AsyncConnection, vault: Vault, row: dict[str, Any] | None, wanted: ConnectionConfiguration
) -> _Difference:
    before = {} if row is None else row["settings"]
    after = settings_of(wanted)
    secrets = await _changed_secrets(transaction, vault, wanted)
    fields = [*_field_changes(before, after), *_secret_changes(secrets)]
    kind = ChangeKind.CREATED if row is None else ChangeKind.CHANGED if fields else ChangeKind.UNCHANGED
    flows_before = before.get("flows", {})
    return _Difference(
        change=Change(wanted.name, kind, tuple(fields)),
        schedules={
            flow: schedule
            for flow, schedule in wanted.flows.items()
            if flows_before.get(flow.value) != after["flows"][flow.value]
        },
        secrets=secrets,
    )


async def _changed_secrets(
    transaction: AsyncConnection, vault: Vault, wanted: ConnectionConfiguration
) -> dict[tuple[str, str], str | None]:
    given = {
        (side, field): value
        for side, settings in (("basware", wanted.basware), ("erp", wanted.erp))
        for field, value in settings.secrets.items()
    }
    found = await transaction.execute(_SECRET_PLACES, {"id": wanted.name})
    stored = {(row.side, row.field) for row in found}
    gone = [place for place in sorted(stored - given.keys()) if place[0] in _SIDES]
    # What a side gave us to keep is no part of the file; it goes where it cannot be opened any more.
    kept = [place for place in sorted(stored - given.keys()) if place[0] not in _SIDES]
    gone += [place for place in kept if await _open(transaction, vault, wanted.name, place) is None]
    changed: dict[tuple[str, str], str | None] = dict.fromkeys(gone)
    for place, value in given.items():
        if place not in stored or await _open(transaction, vault, wanted.name, place) != value:
            changed[place] = value
    return changed


async def _open(transaction: AsyncConnection, vault: Vault, name: str, place: tuple[str, str]) -> str | None:
    """A stored secret; None where it cannot be opened: applying the file again is how that is mended."""
    try:
        return await vault.get(transaction, name, *place)
    except (KeyProblem, SecretUnreadable):
        return None


# ------------------------------------------------------------------ what changed


def _field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[FieldChange]:
    old, new = _flat(before), _flat(after)
    for path in [*new, *(path for path in old if path not in new)]:
        if old.get(path) != new.get(path):
            yield FieldChange(path, before=old.get(path), after=new.get(path))


def _secret_changes(secrets: Mapping[tuple[str, str], str | None]) -> Iterable[FieldChange]:
    for (side, field), value in secrets.items():
        yield FieldChange(f"{side}.{field}", before=None, after="removed" if value is None else "changed")


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Nested settings as paths and texts."""
    if isinstance(value, Mapping):
        parts = [_flat(each, f"{path}.{key}" if path else str(key)) for key, each in value.items()]
    elif isinstance(value, list):
        parts = [_flat(each, f"{path}[{index}]") for index, each in enumerate(value)]
    else:
        return {path: value if isinstance(value, str) else json.dumps(value)}
    return {key: each for part in parts for key, each in part.items()}


def _variable(*parts: str) -> str:
    name = "_".join(parts).replace("-", "_").upper()
    return f"_{name}" if name[0].isdigit() else name


def _exported(settings: Any) -> Any:
    if isinstance(settings, dict):
        return {key: _exported(value) for key, value in settings.items()}
    if isinstance(settings, list):
        return [_exported(value) for value in settings]
    return escape(settings) if isinstance(settings, str) else settings


# ------------------------------------------------------------------ writing


async def _write_connection(transaction: AsyncConnection, wanted: ConnectionConfiguration, *, now: datetime) -> None:
    values = {
        "id": wanted.name,
        "company": wanted.company,
        "system": wanted.system,
        "settings": json.dumps(settings_of(wanted)),
        "now": now,
    }
    await transaction.execute(_PUT_CONNECTION, values)
    await transaction.execute(_PUT_LEASE, {"id": wanted.name})


async def _write_schedules(
    transaction: AsyncConnection,
    wanted: ConnectionConfiguration,
    changed: Mapping[Flow, FlowSchedule],
    *,
    new: bool,
    now: datetime,
) -> None:
    """A new flow is due at once, one whose rhythm changed when the new rhythm says; others keep their time."""
    flows = [flow.value for flow in wanted.flows]
    await transaction.execute(_DROP_SCHEDULES, {"id": wanted.name, "flows": flows})
    found = await transaction.execute(_SCHEDULES, {"id": wanted.name})
    known = {row.flow: row.next_due for row in found}
    for flow, schedule in changed.items():
        due = now if new or flow.value not in known else _due_after_change(schedule, known[flow.value], now=now)
        values = {
            "id": wanted.name,
            "flow": flow.value,
            "enabled": schedule.enabled,
            "cron": schedule.cron,
            "every": schedule.every,
            "timezone": schedule.timezone,
            "webhook": schedule.webhook,
            "due": due if schedule.enabled else None,
        }
        await transaction.execute(_PUT_SCHEDULE, values)
    await transaction.execute(_WAKE, {"id": wanted.name, "now": now})


def _due_after_change(schedule: FlowSchedule, due: datetime | None, *, now: datetime) -> datetime | None:
    if due is None:  # it was switched off
        return now
    by_rhythm = schedule.next_after(now)
    return due if by_rhythm is None or due <= now else by_rhythm


async def _write_secrets(
    transaction: AsyncConnection,
    vault: Vault,
    name: str,
    secrets: Mapping[tuple[str, str], str | None],
    *,
    now: datetime,
) -> None:
    for (side, field), value in secrets.items():
        if value is None:
            await vault.delete(transaction, name, side, field)
        else:
            await vault.put(transaction, name, side, field, value, now=now)


_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('apply ' || :id, 0))")
_IS_USED: Final = text("""
    SELECT EXISTS (SELECT 1 FROM document WHERE connection_id = :id)
        OR EXISTS (SELECT 1 FROM imported WHERE connection_id = :id)""")
_SECRET_PLACES: Final = text("SELECT side, field FROM secret WHERE connection_id = :id")
# The region found from the credentials is looked for anew.
_PUT_CONNECTION: Final = text("""
    INSERT INTO connection (id, company, system, settings, created_at, updated_at)
    VALUES (:id, :company, :system, cast(:settings AS json), :now, :now)
    ON CONFLICT (id) DO UPDATE SET company = excluded.company, system = excluded.system,
        settings = excluded.settings, updated_at = excluded.updated_at, version = connection.version + 1,
        region = NULL""")
_PUT_LEASE: Final = text("INSERT INTO lease (connection_id) VALUES (:id) ON CONFLICT DO NOTHING")
_SCHEDULES: Final = text("SELECT flow, next_due FROM schedule WHERE connection_id = :id FOR UPDATE")
_DROP_SCHEDULES: Final = text("DELETE FROM schedule WHERE connection_id = :id AND flow <> ALL(:flows)")
_PUT_SCHEDULE: Final = text("""
    INSERT INTO schedule (connection_id, flow, enabled, cron, every_seconds, timezone, webhook, next_due)
    VALUES (:id, :flow, :enabled, :cron, :every, :timezone, :webhook, :due)
    ON CONFLICT (connection_id, flow) DO UPDATE SET enabled = excluded.enabled, cron = excluded.cron,
        every_seconds = excluded.every_seconds, timezone = excluded.timezone, webhook = excluded.webhook,
        next_due = excluded.next_due""")
# A side that let us not in may do so with what was corrected: it is tried at once, and so is what waited for it.
_END_WAITS: Final = text("""
    UPDATE document SET next_due = :now FROM circuit
    WHERE document.connection_id = :id AND circuit.connection_id = :id
        AND document.next_due > :now AND document.next_due <= circuit.open_until""")
_FORGET_CIRCUITS: Final = text("DELETE FROM circuit WHERE connection_id = :id")
# Whoever works it sees to its subscriptions. It may be due earlier already, for its documents.
_WAKE: Final = text("UPDATE connection SET next_due = least(next_due, :now) WHERE id = :id")
