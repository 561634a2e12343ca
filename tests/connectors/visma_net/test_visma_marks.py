"""Marks: the server's greatest stamp, read again two hours back, known rows passed over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.errors import Refused
from ml_connector.connectors.visma_net.marks import MOST_REMEMBERED, Progress
from ml_connector.connectors.visma_net.values import moment


def row(key: str, stamp: str | None, **changes: Any) -> dict[str, Any]:
    found = {"number": key, **changes}
    return found if stamp is None else {**found, "lastModifiedDateTime": stamp}


def read(rows: list[dict[str, Any]], since: str | None) -> tuple[list[str], str | None]:
    """What a read of these rows tells, and the mark it leaves."""
    progress = Progress(since)
    told = [each["number"] for each in progress.fresh(rows, of="/v1/supplier")]
    return told, progress.mark()


def test_the_next_read_begins_two_hours_before_the_mark_without_zone() -> None:
    assert Progress(None).filter == {}
    assert Progress("2026-08-20T10:00:00").filter == {
        "lastModifiedDateTime": "2026-08-20T08:00:00.000",
        "lastModifiedDateTimeCondition": ">=",
    }
    assert Progress("2026-08-20T10:00:00.123456").filter["lastModifiedDateTime"] == "2026-08-20T08:00:00.123"


@pytest.mark.parametrize(
    ("stamp", "read_as"),
    [
        ("2026-08-05T15:13:15.643", "2026-08-05T15:13:15.643000"),
        ("2026-08-05T15:13:15.6", "2026-08-05T15:13:15.600000"),
        ("2026-08-05T15:13:15.6431234", "2026-08-05T15:13:15.643123"),
        ("2026-08-05T15:13:15", "2026-08-05T15:13:15"),
        ("2026-08-05T15:13:15+02:00", "2026-08-05T15:13:15"),
        ("2026-08-05T15:13:15Z", "2026-08-05T15:13:15"),
        ("2026-08-05", "2026-08-05T00:00:00"),
    ],
)
def test_stamps_of_any_length_are_read(stamp: str, read_as: str) -> None:
    _, mark = read([row("A", stamp)], None)
    assert mark is not None
    assert mark.partition(" ")[0] == read_as


@pytest.mark.parametrize("stamp", [None, "", "yesterday"])
def test_a_row_without_a_stamp_is_told_and_then_known_by_its_content(stamp: str | None) -> None:
    others = [row("A", "2026-08-05T15:00:00")]
    told, mark = read([row("B", stamp), *others], None)
    assert sorted(told) == ["A", "B"]
    assert read([row("B", stamp), *others], mark) == ([], mark)
    assert read([row("B", stamp, name="new"), *others], mark)[0] == ["B"]


def test_without_any_stamp_there_is_no_mark() -> None:
    assert read([row("A", None)], None) == (["A"], None)
    assert read([], None) == ([], None)


def test_rows_come_oldest_first() -> None:
    rows = [row("B", "2026-08-05T15:00:00.5"), row("C", "2026-08-05T15:00:00.64"), row("A", "2026-08-05T15:00:00")]
    assert read(rows, None)[0] == ["A", "B", "C"]


def test_nothing_new_leaves_the_mark_as_it_is() -> None:
    rows = [row("A", "2026-08-05T15:00:00"), row("B", "2026-08-05T15:00:00"), row("C", "2026-08-05T11:00:00")]
    _, mark = read(rows, None)
    assert read(rows[:2], mark) == ([], mark)
    assert read([], mark)[1] == (mark or "").partition(" ")[0]


def test_what_lies_within_the_first_millisecond_of_the_overlap_is_known_too() -> None:
    rows = [row("A", "2026-08-05T13:00:00.1231"), row("B", "2026-08-05T15:00:00.1234567")]
    _, mark = read(rows, None)
    assert read(rows, mark) == ([], mark)


def test_a_change_under_the_same_stamp_is_told() -> None:
    _, mark = read([row("A", "2026-08-05T15:00:00", name="old")], None)
    assert read([row("A", "2026-08-05T15:00:00", name="new")], mark)[0] == ["A"]


def test_totals_of_the_list_are_no_change() -> None:
    _, mark = read([row("A", "2026-08-05T15:00:00", metadata={"totalCount": 1})], None)
    assert read([row("A", "2026-08-05T15:00:00", metadata={"totalCount": 2})], mark)[0] == []


def test_a_row_that_the_filter_should_have_left_out_is_noticed() -> None:
    progress = Progress("2026-08-20T10:00:00")
    assert not progress.satisfies(row("A", "2026-08-20T07:59:59"))
    assert progress.satisfies(row("A", "2026-08-20T08:00:00"))
    assert progress.satisfies(row("A", None))
    assert Progress(None).satisfies(row("A", "2001-01-01T00:00:00"))


def test_a_mark_that_is_no_time_is_an_error() -> None:
    with pytest.raises(Refused):
        Progress("recently")


def test_a_mark_remembers_so_many_rows_and_no_more() -> None:
    _, mark = read([row(str(number), "2026-08-05T15:00:00") for number in range(MOST_REMEMBERED + 10)], None)
    assert mark is not None
    assert mark.count(".") == MOST_REMEMBERED - 1


START = datetime.fromisoformat("2026-08-05T00:00:00")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400)), max_size=12), st.integers(0, 12))
def test_reading_in_two_parts_tells_everything_and_nothing_twice(changes: list[tuple[int, int]], split: int) -> None:
    """Each change puts a row to its newest state; the clock of the server never goes back."""
    states: dict[int, dict[str, Any]] = {}
    told: list[tuple[str, int]] = []
    mark: str | None = None
    minutes = 0

    def look() -> None:
        nonlocal mark
        progress = Progress(mark)
        begin = moment(progress.filter.get("lastModifiedDateTime"))
        rows = [
            each for each in states.values()
            if begin is None or (moment(each["lastModifiedDateTime"]) or begin) >= begin
        ]  # fmt: skip
        told.extend((each["number"], each["version"]) for each in progress.fresh(rows, of="x"))
        mark = progress.mark()

    for index, (key, later) in enumerate(changes):
        if index == split:
            look()
        minutes += later
        stamp = (START + timedelta(minutes=minutes)).isoformat()
        states[key] = row(str(key), stamp, version=index)
    look()
    look()
    assert len(told) == len(set(told))
    assert {(each["number"], each["version"]) for each in states.values()} <= set(told)
