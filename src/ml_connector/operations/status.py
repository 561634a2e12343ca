"""How everything stands: each connection and flow, its last and next run, lag, counts and health."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ml_connector.operations.finding import require_connection
from ml_connector.records.flow import Flow, in_order
from ml_connector.store.database import Database


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """A flow of one connection. `lag` is how many seconds its next run is overdue."""

    flow: Flow
    enabled: bool
    next_run: datetime | None
    last_run: datetime | None
    last_success: datetime | None
    outcome: str | None
    running: bool
    counts: Mapping[str, int]
    error: str | None
    lag: float

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "flow": str(self.flow), "enabled": self.enabled, "running": self.running,
            "last_run": _time(self.last_run), "last_success": _time(self.last_success), "outcome": self.outcome,
            "next_run": _time(self.next_run), "lag_seconds": round(self.lag, 1), "counts": dict(self.counts),
            "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Circuit:
    """A side that does not work at the moment."""

    side: str
    since: datetime
    tried_again: datetime
    failures: int
    reason: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "side": self.side, "since": _time(self.since), "tried_again": _time(self.tried_again),
            "failures": self.failures, "reason": self.reason, "detail": self.detail,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """A connection as it stands."""

    connection: str
    company: str
    system: str
    enabled: bool
    simulated: bool
    """True where a side's address is this machine: what is seen is not real."""
    documents: Mapping[str, int]
    waiting_imports: int
    flows: tuple[FlowStatus, ...]
    circuits: tuple[Circuit, ...]

    @property
    def health(self) -> str:
        """`down` while a side does not work, `attention` where a person is needed, else `ok`."""
        if self.circuits:
            return "down"
        failed = any(flow.enabled and flow.outcome == "failed" for flow in self.flows)
        return "attention" if failed or self.documents.get("held") else "ok"

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "connection": self.connection, "company": self.company, "system": self.system,
            "enabled": self.enabled, "simulated": self.simulated, "health": self.health,
            "documents": dict(self.documents), "waiting_imports": self.waiting_imports,
            "flows": [flow.as_json() for flow in self.flows],
            "circuits": [circuit.as_json() for circuit in self.circuits],
        }  # fmt: skip


async def read_status(database: Database, *, now: datetime, connection: str | None = None) -> list[ConnectionStatus]:
    """Every connection, or one, by name. Raises `UnknownConnection`."""
    if connection is not None:
        await require_connection(database, connection)
    one = {"c": connection}
    flows = await _flows(database, one, now=now)
    circuits = await _circuits(database, one)
    documents = await _counted(database, _DOCUMENTS, one)
    imports = await _counted(database, _IMPORTS, one)
    rows = await database.fetch(
        "SELECT id, company, system, enabled, settings FROM connection "
        "WHERE (cast(:c AS text) IS NULL OR id = :c) ORDER BY id", **one,
    )  # fmt: skip
    return [
        ConnectionStatus(
            connection=row["id"], company=row["company"], system=row["system"], enabled=row["enabled"],
            simulated=is_simulated(row["settings"]), documents=documents.get(row["id"], {}),
            waiting_imports=sum(imports.get(row["id"], {}).values()), flows=tuple(flows.get(row["id"], ())),
            circuits=tuple(circuits.get(row["id"], ())),
        )
        for row in rows
    ]  # fmt: skip


def is_simulated(settings: Mapping[str, Any]) -> bool:
    """True where a side is reached on this machine itself: no vendor lives there."""
    sides = [each for each in settings.values() if isinstance(each, Mapping)]
    return any(_is_loopback(str(side.get("base_url") or "")) for side in sides)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _flows(database: Database, one: Mapping[str, Any], *, now: datetime) -> dict[str, list[FlowStatus]]:
    found: dict[str, dict[Flow, FlowStatus]] = defaultdict(dict)
    for row in await database.fetch(_FLOWS, **one):
        due = row["next_due"]
        late = (now - due).total_seconds() if due is not None and row["enabled"] and not row["running"] else 0.0
        flow = Flow(row["flow"])
        found[row["connection_id"]][flow] = FlowStatus(
            flow=flow, enabled=row["enabled"], next_run=due, last_run=row["finished_at"],
            last_success=row["last_success"], outcome=row["outcome"], running=bool(row["running"]),
            counts=row["counts"] or {}, error=row["error"], lag=max(0.0, late),
        )  # fmt: skip
    return {name: [flows[flow] for flow in in_order(set(flows))] for name, flows in found.items()}


async def _circuits(database: Database, one: Mapping[str, Any]) -> dict[str, list[Circuit]]:
    found: dict[str, list[Circuit]] = defaultdict(list)
    rows = await database.fetch(
        "SELECT * FROM circuit WHERE (cast(:c AS text) IS NULL OR connection_id = :c) ORDER BY since", **one
    )
    for row in rows:
        circuit = Circuit(row["side"], row["since"], row["open_until"], row["failures"], row["reason"], row["detail"])
        found[row["connection_id"]].append(circuit)
    return found


async def _counted(database: Database, sql: str, one: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await database.fetch(sql, **one):
        found[row["connection_id"]][row["status"]] = row["number"]
    return found


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


_DOCUMENTS = """
    SELECT connection_id, status, count(*) AS number FROM document
    WHERE (cast(:c AS text) IS NULL OR connection_id = :c) GROUP BY connection_id, status"""
_IMPORTS = """
    SELECT connection_id, flow AS status, count(*) AS number FROM import_pending
    WHERE (cast(:c AS text) IS NULL OR connection_id = :c)
    GROUP BY connection_id, flow"""
_FLOWS = """
    SELECT s.connection_id, s.flow, s.enabled, s.next_due, last.finished_at, last.outcome, last.counts, last.error,
        good.finished_at AS last_success, open.id AS running
    FROM schedule s
    LEFT JOIN LATERAL (SELECT finished_at, outcome, counts, error FROM run
        WHERE connection_id = s.connection_id AND flow = s.flow AND status = 'finished'
        ORDER BY id DESC LIMIT 1) last ON true
    LEFT JOIN LATERAL (SELECT finished_at FROM run
        WHERE connection_id = s.connection_id AND flow = s.flow AND status = 'finished' AND outcome <> 'failed'
        ORDER BY id DESC LIMIT 1) good ON true
    LEFT JOIN LATERAL (SELECT id FROM run
        WHERE connection_id = s.connection_id AND flow = s.flow AND status <> 'finished' LIMIT 1) open ON true
    WHERE (cast(:c AS text) IS NULL OR s.connection_id = :c)"""
