"""Value objects on and off the wire, and what is read from plain rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.acumatica.values import instant, instant_text, moment, parse_instant, unwrap, wrap
from ml_connector.connectors.rows import amount, day, is_set, part, parts, text

_NAMES = st.text("ABCDEFGHxyz", min_size=3, max_size=8)
_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab 1", max_size=5).map(str.strip)
_RECORDS = st.recursive(
    st.dictionaries(_NAMES, _SCALARS, min_size=1, max_size=4),
    lambda inner: st.dictionaries(_NAMES, _SCALARS | inner | st.lists(inner, min_size=1, max_size=3), min_size=1),
    max_leaves=12,
)


def test_every_value_is_wrapped_nested_and_repeated_ones_too() -> None:
    sent = wrap({
        "id": "b6410d82", "Type": "Bill", "Amount": Decimal("1120.00"), "Hold": False, "Terms": None,
        "Date": date(2026, 11, 18), "note": "from Basware",
        "Details": [{"Qty": 10, "TransactionDescription": "Paper"}, {"id": "e21d", "delete": True}],
        "MainContact": {"Email": "a@b.c", "Address": {"City": "Oslo"}},
    })  # fmt: skip
    assert sent == {
        "id": "b6410d82", "Type": {"value": "Bill"}, "Amount": {"value": Decimal("1120.00")}, "Hold": {"value": False},
        "Terms": {"value": None}, "Date": {"value": "2026-11-18"}, "note": {"value": "from Basware"},
        "Details": [
            {"Qty": {"value": 10}, "TransactionDescription": {"value": "Paper"}}, {"id": "e21d", "delete": True},
        ],
        "MainContact": {"Email": {"value": "a@b.c"}, "Address": {"City": {"value": "Oslo"}}},
    }  # fmt: skip


def test_custom_fields_go_by_view_with_their_type() -> None:
    sent = wrap({"custom": {"CurrentDocument": {"TaxZoneID": ("CustomStringField", "CANADABC")}}})
    assert sent == {"custom": {"CurrentDocument": {"TaxZoneID": {"type": "CustomStringField", "value": "CANADABC"}}}}


def test_a_record_is_told_plain() -> None:
    told = unwrap({
        "id": "d11d", "rowNumber": 1, "note": {"value": ""}, "CashAccount": {}, "Vendor": {"value": "V000001   "},
        "Amount": {"value": Decimal("1120.0000")}, "Applications": None, "custom": {},
        "Project": {"value": "TES", "error": "cannot be found"},
        "Details": [{"id": "e21d", "InventoryID": {}, "Account": {"value": "62000"}}],
        "MainContact": {"Email": {}, "Address": {"City": {"value": "Oslo"}}},
        "_links": {"self": "/acme/x", "files:put": "/acme/files/{filename}"},
        "files": [{"id": "f1", "filename": "Bills (INV 1)\\invoice.pdf"}],
    })  # fmt: skip
    assert told["Vendor"] == "V000001"
    assert told["CashAccount"] is None
    assert told["Applications"] is None
    assert told["Project"] == "TES"
    assert parts(told, "Details") == [{"id": "e21d", "InventoryID": None, "Account": "62000"}]
    assert part(told, "MainContact") == {"Email": None, "Address": {"City": "Oslo"}}
    assert told["_links"]["files:put"] == "/acme/files/{filename}"
    assert told["files"][0]["filename"].endswith("invoice.pdf")


@given(_RECORDS)
def test_what_is_sent_reads_back_as_it_was(record: dict[str, Any]) -> None:
    assert unwrap(wrap(record)) == record


@given(_RECORDS)
def test_no_plain_value_ever_leaves(record: dict[str, Any]) -> None:
    def is_wrapped(value: Any) -> bool:
        if isinstance(value, list):
            return all(is_wrapped(each) for each in value)
        assert isinstance(value, dict)
        return value.keys() == {"value"} or all(is_wrapped(each) for each in value.values())

    assert is_wrapped(json.loads(json.dumps(wrap(record))))


def test_empty_is_unknown_and_not_zero() -> None:
    row = unwrap({"Qty": {}, "Amount": {"value": 0}})
    assert amount(row, "Qty") is None
    assert amount(row, "Amount") == Decimal(0)
    assert amount(row, "Balance") is None


@pytest.mark.parametrize(
    "told", ["2026-02-11T00:00:00-05:00", "2026-03-13T00:00:00-04:00", "2026-03-13T00:00:00+13:00", "2026-03-13"]
)
def test_a_date_is_never_moved_by_its_offset(told: str) -> None:
    assert day({"Date": told}, "Date") == date.fromisoformat(told[:10])


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2026-11-18T14:15:14.04-05:00", datetime(2026, 11, 18, 19, 15, 14, 40_000, UTC)),
        ("2026-07-18T10:47:41.17-04:00", datetime(2026, 7, 18, 14, 47, 41, 170_000, UTC)),
        ("2026-07-18T17:07:45.433+00:00", datetime(2026, 7, 18, 17, 7, 45, 433_000, UTC)),
        ("2026-07-18T17:07:45+05:30", datetime(2026, 7, 18, 11, 37, 45, 0, UTC)),
        # The hour that comes twice when summer time ends: the offset tells them apart.
        ("2026-11-01T01:30:00-04:00", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-11-01T01:30:00-05:00", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_stamp_is_an_instant_whatever_its_offset(told: str, meant: datetime) -> None:
    assert instant({"At": told}, "At") == meant


@pytest.mark.parametrize("told", ["", "yesterday", "2026-11-18T14:15:14", "2026-11-18"])
def test_a_stamp_without_an_offset_is_no_instant(told: str) -> None:
    assert parse_instant(told) is None


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001 the zone comes next
        lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=timezone(timedelta(hours=-5)))
    )
)
def test_a_mark_reads_back_as_the_instant_it_was(when: datetime) -> None:
    assert parse_instant(instant_text(when)) == when


def test_a_filter_says_an_instant_without_a_plus() -> None:
    when = datetime(2026, 11, 20, 22, 15, tzinfo=timezone(timedelta(hours=2)))
    assert moment(when) == "datetimeoffset'2026-11-20T20:15:00.000Z'"


def test_texts_and_check_boxes() -> None:
    assert text({"A": None}, "A") == ""
    assert text({"A": 7}, "A") == "7"
    assert is_set({"A": True}, "A")
    assert not is_set({"A": None}, "A")
    assert not is_set({"A": False}, "A")
