"""Marks of sets that are stamped by the day."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.errors import Refused
from ml_connector.connectors.sap_business_one.marks import MOST_REMEMBERED, Progress


def row(key: str, day: str | None, **changes: Any) -> dict[str, Any]:
    return {"CardCode": key, "UpdateDate": day, "CreateDate": None, **changes}


def read(rows: list[dict[str, Any]], since: str | None) -> tuple[list[str], str | None]:
    """What a read of these rows tells, and the mark it leaves."""
    progress = Progress(since, "UpdateDate", "CreateDate")
    told = [each["CardCode"] for each in progress.fresh(rows, of="BusinessPartners")]
    return told, progress.mark()


def test_the_next_read_begins_a_day_before_the_mark() -> None:
    assert Progress(None, "UpdateDate").filter == ""
    assert Progress("2026-03-01", "UpdateDate").filter == "UpdateDate ge '2026-02-28'"
    both = Progress("2026-03-01", "UpdateDate", "CreateDate").filter
    assert both == "(UpdateDate ge '2026-02-28' or CreateDate ge '2026-02-28')"


def test_the_day_is_the_latest_seen_of_all_stamps_and_never_goes_back() -> None:
    rows = [row("A", "2026-03-30T00:00:00Z"), row("B", None, CreateDate="2026-04-02")]
    _, mark = read(rows, None)
    assert mark is not None
    assert mark.startswith("2026-04-02 ")
    assert read(rows, "2026-05-01")[1] == "2026-05-01"
    assert read([row("A", None)], None) == (["A"], None)


def test_what_comes_again_unchanged_is_passed_over() -> None:
    rows = [row("A", "2026-03-30"), row("B", "2026-03-31"), row("C", "2026-03-01")]
    told, mark = read(rows, None)
    assert told == ["A", "B", "C"]
    assert read(rows[:2], mark) == ([], mark)


def test_a_second_change_on_the_same_day_is_told() -> None:
    _, mark = read([row("A", "2026-03-31", CardName="First Oy")], None)
    assert read([row("A", "2026-03-31", CardName="Second Oy")], mark)[0] == ["A"]


def test_what_is_known_is_passed_over_even_behind_a_row_of_a_much_later_day() -> None:
    rows = [row("A", "2026-03-30"), row("B", "2026-03-31")]
    _, mark = read(rows, None)
    assert read([row("0", "2026-06-01"), *rows], mark)[0] == ["0"]


def test_a_row_of_another_set_is_another_row() -> None:
    progress = Progress(None, "UpdateDate")
    progress.fresh([{"DocEntry": 1, "UpdateDate": "2026-03-31"}], of="PurchaseOrders")
    later = Progress(progress.mark(), "UpdateDate")
    again = [{"DocEntry": 1, "UpdateDate": "2026-03-31"}]
    assert later.fresh(again, of="PurchaseDeliveryNotes") == again


def test_an_annotation_is_no_change() -> None:
    _, mark = read([row("A", "2026-03-31", **{"@odata.etag": 'W/"1"'})], None)
    assert read([row("A", "2026-03-31", **{"@odata.etag": 'W/"2"'})], mark)[0] == []


def test_a_mark_does_not_grow_without_end() -> None:
    rows = [row(f"V{number}", "2026-03-31") for number in range(MOST_REMEMBERED + 500)]
    _, mark = read(rows, None)
    again, later = read(rows, mark)
    assert (len(again), later) == (500, mark)


@pytest.mark.parametrize("mark", ["2026-3", "yesterday", "{}"])
def test_a_mark_that_is_none_is_refused(mark: str) -> None:
    with pytest.raises(Refused):
        Progress(mark, "UpdateDate")


@given(
    st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(1, 9), st.integers(0, 3)), max_size=12),
    st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(1, 9), st.integers(0, 3)), max_size=12),
)
def test_no_change_after_a_read_is_ever_passed_over(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    """Rows as the server has them at two moments: whatever differs on a day within reach is told."""
    first = {key: row(key, f"2026-03-0{day}", CardName=str(name)) for key, day, name in before}
    _, mark = read(list(first.values()), None)
    latest = max((each["UpdateDate"] for each in first.values()), default="")
    second = first | {
        key: row(key, f"2026-03-0{day}", CardName=str(name)) for key, day, name in after if f"2026-03-0{day}" >= latest
    }
    told, _ = read(list(second.values()), mark)
    assert {key for key in second if second[key] != first.get(key)} <= set(told)
