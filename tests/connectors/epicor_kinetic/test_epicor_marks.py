"""High-water marks of row versions and of days of change (Epicor dossier 7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.marks import MARGIN, OVERLAP, Marks, Revisions, Stamps, written
from ml_connector.connectors.errors import Refused


def rows(*versions: int) -> list[dict[str, Any]]:
    return [{"SysRevID": each} for each in versions]


def after(mark: str | None) -> Revisions:
    return Revisions("Vendors", Marks.of(mark))


def read(mark: str | None, *versions: int) -> tuple[list[int], str | None]:
    """What a read tells of the rows that are there, and its mark."""
    progress = after(mark)
    told = [row["SysRevID"] for row in progress.fresh(rows(*(each for each in versions if each > progress.after)))]
    return told, written(progress)


def test_what_was_told_is_not_told_again() -> None:
    first, mark = read(None, 5_000, 5_001, 9_000)
    assert first == [5_000, 5_001, 9_000]
    assert read(mark, 5_000, 5_001, 9_000)[0] == []


def test_a_row_that_was_committed_late_is_told() -> None:
    _, mark = read(None, 5_000, 9_000)
    assert read(mark, 5_000, 8_500, 9_000)[0] == [8_500]


def test_versions_beyond_what_a_float_holds_stay_apart() -> None:
    _, mark = read(None, 2**53)
    assert read(mark, 2**53, 2**53 + 1)[0] == [2**53 + 1]


def test_a_database_that_was_set_back_is_noticed() -> None:
    _, mark = read(None, 9_000)
    progress = after(mark)
    progress.fresh(rows(8_100))
    assert progress.is_behind


def test_nothing_read_means_no_mark() -> None:
    assert read(None) == ([], None)


def test_a_read_that_was_passed_over_leaves_the_mark_as_it_was() -> None:
    _, mark = read(None, 5_000, 5_500)
    progress = after(mark)
    progress.skip()
    assert not progress.is_behind
    assert written(progress) == mark


@given(st.lists(st.integers(1, 5_000), min_size=1, unique=True), st.data())
def test_whatever_comes_late_within_the_margin_is_told_once(versions: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(versions)))
    early = versions[:cut]
    late = [each for each in versions[cut:] if not early or each > max(early) - MARGIN]
    told_first, mark = read(None, *early)
    told_then, _ = read(mark, *early, *late)
    assert sorted(told_first + told_then) == sorted({*early, *late})


@pytest.mark.parametrize("mark", ["", "88", "[]", '{"Vendors":1}', '{"day":"x"}'])
def test_a_mark_that_is_none_is_refused(mark: str) -> None:
    with pytest.raises(Refused):
        Revisions("Vendors", Marks.of(mark))


# ------------------------------------------------------------------ days of change

NOON = datetime(2026, 11, 20, 12)  # noqa: DTZ001 the server's own clock


def stamped(version: int, when: datetime) -> dict[str, Any]:
    return {"SysRevID": version, "ChangeDate": when.isoformat()}


def test_a_read_by_day_of_change_begins_a_day_before_the_mark() -> None:
    progress = Stamps("POes", Marks.of(None))
    assert progress.since is None
    progress.fresh([stamped(1, NOON)])
    assert Stamps("POes", Marks.of(written(progress))).since == NOON - OVERLAP


def test_a_row_of_the_overlap_is_told_again_only_once_it_changed() -> None:
    progress = Stamps("POes", Marks.of(None))
    progress.fresh([stamped(1, NOON - timedelta(hours=2)), stamped(2, NOON)])
    then = Stamps("POes", Marks.of(written(progress)))
    found = then.fresh([stamped(3, NOON - timedelta(hours=2)), stamped(2, NOON)])
    assert [row["SysRevID"] for row in found] == [3]


def test_a_mark_remembers_no_more_than_its_overlap() -> None:
    progress = Stamps("POes", Marks.of(None))
    progress.fresh([stamped(1, NOON - timedelta(days=3)), stamped(2, NOON)])
    part = progress.part()
    assert part is not None
    assert part["seen"] == [2]
