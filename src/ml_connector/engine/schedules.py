"""When flows run: durations, cron lines, time zones, and what holds where the file is silent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from ml_connector.connectors.manifest import ErpCapabilities, PayablesCapabilities, SourceCapabilities
from ml_connector.records.flow import MASTER_DATA, Flow

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION: Final = r"[1-9][0-9]{0,5}[smhd]"
_LONGEST: Final = 366 * 86400


@dataclass(frozen=True, slots=True)
class FlowSchedule:
    """When a flow runs: every so many seconds, or at a cron line's times in a zone."""

    enabled: bool = True
    every: int | None = None
    """Seconds."""
    cron: str | None = None
    timezone: str = "UTC"
    webhook: bool = False
    """Whether notifications start it too: of the payables system for `BY_PAYABLES`, of the ERP for all else."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The next time it is due after `moment`, in UTC; None where it is switched off."""
        if not self.enabled:
            return None
        if self.cron is not None:
            return next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.timezone)))).astimezone(UTC)
        assert self.every is not None
        return moment + timedelta(seconds=self.every)


BY_PAYABLES: Final = frozenset({Flow.INVOICES, Flow.STATUSES})
"""Flows that the payables system's notifications start."""
DEFAULTS: Final[Mapping[Flow, FlowSchedule]] = {
    **dict.fromkeys(MASTER_DATA, FlowSchedule(every=3600)),
    Flow.VENDORS: FlowSchedule(every=1800),
    Flow.PURCHASE_ORDERS: FlowSchedule(every=900),
    Flow.INVOICES: FlowSchedule(every=300, webhook=True),
    Flow.PAYMENTS: FlowSchedule(every=1800),
    Flow.SUPPLIER_INVOICES: FlowSchedule(every=900),
    Flow.STATUSES: FlowSchedule(every=900, webhook=True),
}
"""How flows run where the file does not say."""


def flows_of(erp: ErpCapabilities, payables: PayablesCapabilities) -> tuple[Flow, ...]:
    """The flows a pair of systems has, in the order they run."""
    taken = {flow for flow in MASTER_DATA if flow in erp.reads and flow in payables.imports}
    gives = isinstance(erp, SourceCapabilities)
    documents = {Flow.SUPPLIER_INVOICES, Flow.STATUSES} if gives else {Flow.INVOICES, Flow.PAYMENTS}
    return tuple(flow for flow in Flow if flow in taken | documents)


def schedule_from(settings: Mapping[str, Any]) -> FlowSchedule:
    """A schedule as `schedule_settings` wrote it."""
    every = settings.get("every")
    return FlowSchedule(
        enabled=settings["enabled"],
        every=None if every is None else seconds(every),
        cron=settings.get("cron"),
        timezone=settings.get("timezone", "UTC"),
        webhook=settings.get("webhook", False),
    )


def schedule_settings(schedule: FlowSchedule, flow: Flow) -> dict[str, Any]:
    """A schedule as the file writes it."""
    settings: dict[str, Any] = {"enabled": schedule.enabled}
    if schedule.cron is not None:
        settings |= {"cron": schedule.cron, "timezone": schedule.timezone}
    elif schedule.every is not None:
        settings["every"] = duration(schedule.every)
    if flow in BY_PAYABLES or schedule.webhook:
        settings["webhook"] = schedule.webhook
    return settings


def seconds(text: str) -> int:
    """`5m` as 300. Raises ValueError with a sentence."""
    if re.fullmatch(DURATION, text) is None:
        raise ValueError("A duration is a whole number and a unit: 30s, 5m, 2h or 1d.")
    count = int(text[:-1]) * _UNITS[text[-1]]
    if count > _LONGEST:
        raise ValueError("A duration is at most 366d.")
    return count


def duration(count: int) -> str:
    """300 as `5m`: the largest unit that fits."""
    unit = next(unit for unit in "dhms" if count % _UNITS[unit] == 0)
    return f"{count // _UNITS[unit]}{unit}"


def check_cron(line: str) -> str:
    """The line itself. Raises ValueError with a sentence where it is none or never comes due."""
    if len(line.split()) != 5:
        raise ValueError("A cron line has five fields: minute, hour, day of month, month, day of week.")
    try:
        next(CronSim(line, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"This is no cron line: {error}.") from None
    except StopIteration:
        raise ValueError("This cron line never comes due.") from None
    return line


def check_timezone(name: str) -> str:
    """The name itself. Raises ValueError with a sentence where there is no such zone."""
    if name not in available_timezones():
        close = get_close_matches(name, available_timezones(), n=1)
        hint = f"Did you mean {close[0]}?" if close else "Name one of the IANA list, such as Europe/Helsinki."
        raise ValueError(f"There is no such time zone. {hint}")
    return name
