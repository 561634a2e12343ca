"""Conditions in both tongues of the server (Epicor dossier 5.2, 5.5)."""

from __future__ import annotations

from datetime import date, datetime
from urllib.parse import quote
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.where import all_of, any_of, eq, ge, gt, in_groups, lt, one_of
from ml_connector.sandbox.epicor_kinetic.filters import parse_filter
from ml_connector.sandbox.epicor_kinetic.where import parse_where

ID = UUID("3288bb53-900f-4bec-bc08-9f9d0117a043")


def test_literals_follow_the_type() -> None:
    where = all_of(eq("A", "O'Brien"), eq("B", 1042), eq("C", True), ge("D", date(2025, 1, 31)), eq("E", ID))
    assert where.odata() == f"A eq 'O''Brien' and B eq 1042 and C eq true and D ge 2025-01-31T00:00:00Z and E eq {ID}"
    assert where.dialect() == f"A = 'O''Brien' AND B = 1042 AND C = true AND D >= '2025-01-31' AND E = '{ID}'"


def test_a_time_of_the_server_goes_without_a_zone_of_ours() -> None:
    where = gt("ChangeDate", datetime(2025, 1, 31, 14, 3, 11))  # noqa: DTZ001 the server's own clock
    assert where.odata() == "ChangeDate gt 2025-01-31T14:03:11Z"
    assert where.dialect() == "ChangeDate > '2025-01-31T14:03:11'"


def test_alternatives_inside_a_condition_are_in_brackets() -> None:
    where = eq("COACode", "MAIN") & any_of(eq("SegmentNbr", 2), eq("SegmentNbr", 3))
    assert where.odata() == "COACode eq 'MAIN' and (SegmentNbr eq 2 or SegmentNbr eq 3)"


def test_a_column_that_sets_call_differently_has_its_own_name_in_clauses() -> None:
    where = eq("GLAccount1", "5100|D010")
    assert (where.odata(), where.dialect()) == ("GLAccount1 eq '5100|D010'", "GLAccount = '5100|D010'")


def test_parents_are_narrowed_by_what_they_have_in_common_with_their_children() -> None:
    place = all_of(eq("VendorNum", 1042), eq("PONum", 4211))
    assert place.within({"VendorNum"}) == eq("VendorNum", 1042)
    assert any_of(place, all_of(eq("VendorNum", 7), eq("PONum", 1))).within({"VendorNum"}) == one_of(
        "VendorNum", (1042, 7)
    )
    assert any_of(eq("VendorNum", 1042), eq("PONum", 4211)).within({"VendorNum"}) is None
    assert eq("PONum", 4211).within({"VendorNum"}) is None


@given(st.lists(st.text(max_size=20), min_size=1, max_size=60), st.integers(60, 2_000))
def test_groups_hold_every_part_once_and_fit_into_an_address(values: list[str], length: int) -> None:
    parts = [eq("InvoiceNum", each) for each in values]
    groups = list(in_groups(parts, length=length))
    assert [part for group in groups for part in (group.parts or (group,))] == parts
    for group in groups:
        assert not group.parts or len(quote(group.odata(), safe="()")) <= length


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=30), st.integers(0, 2**60), st.booleans())
def test_the_server_understands_both_tongues_alike(word: str, version: int, flag: bool) -> None:
    where = any_of(
        all_of(eq("VendorID", word), gt("SysRevID", version)), all_of(eq("Inactive", flag), lt("VendorNum", 7))
    )
    odata, clause = parse_filter("Vendor", where.odata()), parse_where("Vendor", where.dialect()).condition
    for row in (
        {"VendorID": word, "SysRevID": version + 1, "Inactive": not flag, "VendorNum": 8},
        {"VendorID": word, "SysRevID": version, "Inactive": flag, "VendorNum": 6},
        {"VendorID": f"{word}x", "SysRevID": version + 1, "Inactive": flag, "VendorNum": 8},
    ):
        assert odata.test(row) == clause.test(row)
