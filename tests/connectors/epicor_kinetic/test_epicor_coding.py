"""From a coding to an account of the chart, and back to the row that holds it (Epicor dossier 9.5.3, 13)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from epicor_papers import CHART, TODAY, coded, values_of
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.coding import (
    Account,
    Chart,
    Segment,
    ValueFacts,
    account_for,
    coding_row,
    stored_form,
)
from ml_connector.records.reason import Reason

KNOWN = values_of("1/6120", "2/D010", "3/A01", "4/P1")
VALUES = st.dictionaries(st.integers(1, 4), st.text("ABC019", min_size=1, max_size=4))


@given(chosen=VALUES)
def test_a_stored_form_keeps_empty_segments_in_the_middle_and_none_at_the_end(chosen: dict[int, str]) -> None:
    stored = stored_form(chosen, CHART.segments)
    parts = stored.split("|") if stored else []
    assert {place: part for place, part in enumerate(parts, 1) if part} == {
        place: value for place, value in chosen.items() if place != 4
    }
    assert not parts or parts[-1]


def test_a_line_is_coded_by_number_or_name_of_the_segment_as_the_ledger_spells_it() -> None:
    line = coded(account=" 6120 ", dimensions={"department": "d010", "3": "a01", "PROJECT": "p1", "2 ": ""})
    account = account_for(line, CHART, KNOWN, when=TODAY)
    assert isinstance(account, Account)
    assert (account.stored, account.segments) == ("6120|D010|A01", {1: "6120", 2: "D010", 3: "A01", 4: "P1"})
    columns = account.columns()
    assert (columns["COACode"], columns["GLAccount"], columns["SegValue4"], columns["SegValue5"]) == (
        "MAIN", "6120|D010|A01", "P1", "",
    )  # fmt: skip


def test_all_that_is_wrong_with_a_coding_is_said_at_once() -> None:
    chart = Chart("MAIN", (*CHART.segments, Segment(5, "Site", is_dynamic=False, is_mandatory=True)))
    known = values_of("1/6120", "2/D010", inactive=("1/6120", "2/D010"))
    line = coded(dimensions={"2": "D010", "3": "NOPE", "Colour": "red"})
    found = account_for(line, chart, known, when=TODAY)
    assert isinstance(found, tuple)
    assert [(each.reason, each.subject) for each in found] == [
        (Reason.ACCOUNT_BLOCKED, "6120"),
        (Reason.DIMENSION_BLOCKED, "Department D010"),
        (Reason.DIMENSION_UNKNOWN, "Area NOPE"),
        (Reason.DIMENSION_UNKNOWN, "The dimension Colour"),
        (Reason.DIMENSION_MISSING, "Site"),
    ]


@pytest.mark.parametrize(("first", "last", "is_active"), [(-1, 1, True), (0, 0, True), (1, 9, False), (-9, -1, False)])
def test_a_value_is_active_within_its_days(first: int, last: int, is_active: bool) -> None:
    window = [f"{TODAY + timedelta(days=days)}T00:00:00" for days in (first, last)]
    facts = ValueFacts({"ActiveFlag": True, "EffectiveFrom": window[0], "EffectiveTo": window[1]})
    assert facts.is_active_on(TODAY) is is_active


def row(line: int, **columns: object) -> dict[str, object]:
    """A coding row of the main book that may be written."""
    usual = {"InvoiceLine": line, "InvExpSeq": 1, "RecordType": "A", "BookID": "", "UserCanModify": True,
             "COACode": "MAIN"}  # fmt: skip
    return {**usual, **columns}


def test_the_row_of_the_lines_own_account_is_picked_not_the_last_one() -> None:
    rows = [
        row(2), row(1, RecordType="R"), row(1, BookID="LOCAL"), row(1, IsExternalCompany=True),
        row(1, UserCanModify=False), row(1, InvExpSeq=2), wanted := row(1), row(3),
    ]  # fmt: skip
    assert coding_row(rows, 1, chart="MAIN") is wanted
    assert coding_row(rows, 4, chart="MAIN") is None


def test_an_account_is_in_a_row_only_with_all_of_its_segments() -> None:
    account = Account("MAIN", "6120|D010", {1: "6120", 2: "D010", 4: "P1"})
    good = {"GLAccount": "6120|D010", "SegValue1": "6120", "SegValue2": "D010", "SegValue4": "P1"}
    assert account.is_in(good)
    for changed in ({"GLAccount": ""}, {"GLAccount": "6120-D010"}, {"SegValue4": ""}, {"SegValue2": "D040"}):
        assert not account.is_in({**good, **changed})
