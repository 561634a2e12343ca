"""When a flow is due next: right on both clock changes, catching up once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.engine.schedules import FlowSchedule, duration, seconds

HELSINKI = FlowSchedule(cron="30 3 * * *", timezone="Europe/Helsinki")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def test_a_cron_line_is_read_in_its_own_zone() -> None:
    assert HELSINKI.next_after(utc(2026, 1, 10, 0, 0)) == utc(2026, 1, 10, 1, 30)
    assert HELSINKI.next_after(utc(2026, 7, 10, 0, 0)) == utc(2026, 7, 10, 0, 30)


def test_a_time_that_the_spring_skips_still_runs_once_that_day() -> None:
    # On 2026-03-29 the clocks go from 03:00 to 04:00: there is no 03:30.
    runs = [HELSINKI.next_after(utc(2026, 3, 28, 12, 0))]
    while len(runs) < 3:
        assert runs[-1] is not None
        runs.append(HELSINKI.next_after(runs[-1]))
    days = [run.date().isoformat() for run in runs if run is not None]
    assert days == ["2026-03-29", "2026-03-30", "2026-03-31"]


def test_a_time_that_the_autumn_repeats_runs_once() -> None:
    # On 2026-10-25 the clocks go from 04:00 back to 03:00: 03:30 comes twice.
    first = HELSINKI.next_after(utc(2026, 10, 24, 12, 0))
    assert first is not None
    following = HELSINKI.next_after(first)
    assert following is not None
    assert following.date().isoformat() == "2026-10-26"


def test_a_flow_that_is_switched_off_is_never_due() -> None:
    assert FlowSchedule(enabled=False, every=60).next_after(utc(2026, 1, 1)) is None


@given(st.integers(min_value=1, max_value=999_999))
def test_durations_are_written_as_they_are_read(count: int) -> None:
    assert seconds(duration(count)) == count


@pytest.mark.parametrize("every", [1, 300, 86_400])
def test_an_interval_counts_from_the_moment_it_is_asked(every: int) -> None:
    now = utc(2026, 5, 1, 12, 0)
    assert FlowSchedule(every=every).next_after(now) == now + timedelta(seconds=every)
