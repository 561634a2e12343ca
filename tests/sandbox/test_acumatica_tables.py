"""The simulated Acumatica's tables: indexes find what a scan finds, and what is taken back is as if it never was."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ml_connector.sandbox.acumatica.query import read_query, run_query
from ml_connector.sandbox.acumatica.schema import ENTITIES, VERSIONS, Row
from ml_connector.sandbox.acumatica.table import Store, Table
from ml_connector.sandbox.clock import Clock

BILL = ENTITIES["Bill"]
START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
HELSINKI = ZoneInfo("Europe/Helsinki")

vendors = st.sampled_from(["V1", "V2", "v1", "O'Brien"])
references = st.sampled_from(["A-1", "a-1", "B-2", None])
rows = st.lists(st.tuples(st.sampled_from(["Bill", "Debit Adj."]), vendors, references, st.integers(0, 9)), max_size=30)


def table_of(given: list[tuple[str, str, str | None, int]]) -> Table:
    table = Table(Store(Clock()), BILL, indexed=("Vendor", "VendorRef"))
    table.load(_row(number, each) for number, each in enumerate(given))
    return table


def _row(number: int, given: tuple[str, str, str | None, int]) -> Row:
    kind, vendor, reference, hours = given
    return {
        "Type": kind,
        "ReferenceNbr": f"{number:06d}",
        "Vendor": vendor,
        "VendorRef": reference,
        "Hold": hours % 2 == 0,
        "LastModifiedDateTime": START + timedelta(hours=hours),
    }


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


leaves = st.one_of(
    vendors.map(lambda each: f"Vendor eq {quoted(each)}"),
    vendors.map(lambda each: f"Vendor ne {quoted(each)}"),
    st.sampled_from(["VendorRef eq 'A-1'", "VendorRef eq null", "substringof('2',VendorRef)", "Hold eq true"]),
    st.sampled_from(["ReferenceNbr eq '000003'", "ReferenceNbr gt '000010'", "Type eq 'Bill'"]),
    st.integers(0, 9).map(
        lambda hours: f"LastModifiedDateTime ge datetimeoffset'{(START + timedelta(hours=hours)):%Y-%m-%dT%H:%M:%SZ}'"
    ),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda each: f"({' '.join(each)})"),
    max_leaves=6,
)


@given(given=rows, condition=conditions)
def test_an_index_finds_what_a_scan_finds(given: list[Any], condition: str) -> None:
    table = table_of(given)
    query = read_query("Bill", VERSIONS[-1], {"$filter": condition}, HELSINKI)
    assert run_query(table, query) == [row for row in table.all() if query.filter.test(row)]


@given(
    given=rows,
    changes=st.lists(st.tuples(st.integers(0, 40), vendors, references, st.booleans()), max_size=20),
)
def test_what_is_taken_back_is_as_if_it_had_never_been(given: list[Any], changes: list[Any]) -> None:
    table = table_of(given)
    store = table._store  # pyright: ignore[reportPrivateUsage]
    before = deepcopy((table.rows, table.order))
    known = [sorted(row["ReferenceNbr"] for row in table.find("Vendor", each)) for each in ("V1", "V2", "O'Brien")]
    for number, vendor, reference, drop in changes:
        fresh = _row(number, ("Bill", vendor, reference, 0))
        found = table.get("Bill", fresh["ReferenceNbr"])
        if drop and found is not None:
            table.drop(found)
        else:
            table.put({**(found or {}), **fresh})
    store.rollback()
    assert (table.rows, table.order) == before
    assert [
        sorted(row["ReferenceNbr"] for row in table.find("Vendor", each)) for each in ("V1", "V2", "O'Brien")
    ] == known
    assert all(table.by_id(row["id"]) == row for row in table.all())
    since = table.keys_since(START + timedelta(hours=3))
    assert since == [
        key for key in table.order if table.rows[key]["LastModifiedDateTime"] >= START + timedelta(hours=3)
    ]
