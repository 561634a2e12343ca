"""Figures for Prometheus: counted here, or read from the database by cheap queries, at most every five seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from ml_connector.engine.process import Process

FRESH_FOR: Final = 5.0


class Counted(Collector):
    """The figures of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "ml_connector_http_calls", "Calls answered by this process.", ["status"], registry=self._registry
        )
        self._notifications = Counter(
            "ml_connector_notifications", "Notifications answered by this process.", ["answer"],
            registry=self._registry,
        )  # fmt: skip
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._read: list[Metric] = []
        self._read_at = 0.0
        self._turn = asyncio.Lock()
        self._registry.register(self)

    def call(self, status: int) -> None:
        """One call was answered."""
        self._calls.labels(f"{status // 100}xx").inc()

    def notification(self, answer: str) -> None:
        """One notification was answered."""
        self._notifications.labels(answer).inc()

    def collect(self) -> Iterable[Metric]:
        """What was read last."""
        return self._read

    async def exposition(self) -> bytes:
        """All figures as text."""
        async with self._turn:
            if not self._read_at or time.monotonic() - self._read_at > FRESH_FOR:
                self._read = await self._fresh()
                self._read_at = time.monotonic()
        return generate_latest(self._registry)

    async def _fresh(self) -> list[Metric]:
        fetch = self._process.database.fetch
        numbers = (await fetch(_NUMBERS, now=self._process.clock()))[0]
        return [
            _family("documents", "Documents by status.", ("status",), await fetch(_DOCUMENTS)),
            _family("runs_last_hour", "Runs finished in the last hour.", ("flow", "outcome"), await fetch(_RUNS)),
            _family("queue", "Connections in the queue.", ("state",), await fetch(_QUEUE)),
            _family("circuits_open", "Sides that do not work at the moment.", ("side",), await fetch(_CIRCUITS)),
            *(_single(name, help_, numbers[name]) for name, help_ in _SINGLE.items()),
        ]


def _family(name: str, help_: str, labels: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> Metric:
    family = GaugeMetricFamily(f"ml_connector_{name}", help_, labels=labels)
    for row in rows:
        family.add_metric([str(row[label]) for label in labels], row["number"])
    return family


def _single(name: str, help_: str, number: Any) -> Metric:
    return GaugeMetricFamily(f"ml_connector_{name}", help_, value=number or 0)


_DOCUMENTS: Final = "SELECT status, count(*) AS number FROM document GROUP BY status"
# The newest runs only: a scan of the whole history would cost more than the figure is worth.
_RUNS: Final = """
    SELECT flow, outcome, count(*) AS number FROM run
    WHERE id > (SELECT coalesce(max(id), 0) - 100000 FROM run) AND finished_at > now() - interval '1 hour'
    GROUP BY flow, outcome"""
_QUEUE: Final = """
    SELECT CAST(status AS text) AS state, count(*) AS number FROM procrastinate_jobs
    WHERE status IN ('todo', 'doing') GROUP BY status"""
_CIRCUITS: Final = "SELECT side, count(*) AS number FROM circuit GROUP BY side"
_SINGLE: Final = {
    "connections": "Connections that are switched on.",
    "schedule_lag_seconds": "By how much the most overdue flow is late.",
    "notifications_waiting": "Notifications taken in and not yet followed.",
    "processes": "Processes of the product that are alive.",
}
_NUMBERS: Final = """
    SELECT (SELECT count(*) FROM connection WHERE enabled) AS connections,
        (SELECT greatest(0, extract(epoch FROM cast(:now AS timestamptz) - min(s.next_due)))
            FROM schedule s JOIN connection c ON c.id = s.connection_id WHERE s.enabled AND c.enabled
        ) AS schedule_lag_seconds,
        (SELECT count(*) FROM notification WHERE handled_at IS NULL) AS notifications_waiting,
        (SELECT count(*) FROM process WHERE heartbeat_at > now() - interval '10 seconds') AS processes"""
