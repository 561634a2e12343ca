"""Lists page by page: nothing is lost at a page's edge, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from visma_wire import Listed, Wire, running

from ml_connector.connectors.errors import Refused
from ml_connector.connectors.visma_net.client import VismaClient
from ml_connector.connectors.visma_net.paging import PASSES, Listing, pages


def listing(**changes: Any) -> Listing:
    settled: dict[str, Any] = {"path": "/v1/supplier", "options": {}, "key": lambda row: str(row["number"]), "size": 3}
    return Listing(**settled | changes)


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"number": number, "name": f"Supplier {number}"} for number in range(1, count + 1)]


async def read(wire: Wire, listed: Listed, **changes: Any) -> list[Any]:
    wire.answer = listed.page
    client = VismaClient(wire.side())
    try:
        return [row["number"] async for rows in pages(client, listing(**changes)) for row in rows]
    finally:
        await client.close()


@pytest.mark.parametrize("envelope", ["A", "B", "C"])
@pytest.mark.parametrize("most", [1, 2, 500])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 6, 7])
async def test_all_rows_come_once_whatever_the_envelope_and_the_size(
    wire: Wire, envelope: str, most: int, count: int
) -> None:
    found = await read(wire, Listed(numbered(count), most=most, envelope=envelope))
    assert found == list(range(1, count + 1))


async def test_a_list_that_tells_its_total_costs_no_call_too_many(wire: Wire) -> None:
    await read(wire, Listed(numbered(6)))
    assert len(wire.requests) == 2
    assert wire.queries[0] == {"pageNumber": "1", "pageSize": "3"}


async def test_an_empty_answer_is_an_empty_list(wire: Wire) -> None:
    from aiohttp import web

    wire.answer = lambda _: web.Response(status=200)
    client = VismaClient(wire.side())
    assert [rows async for rows in pages(client, listing())] == []
    await client.close()


@pytest.mark.parametrize("envelope", ["A", "C"])
async def test_a_page_number_that_is_ignored_is_an_error_and_no_loop(wire: Wire, envelope: str) -> None:
    listed = Listed(numbered(5), envelope=envelope)

    def always_first(request: Any) -> Any:
        return listed.page(request.clone(rel_url=request.rel_url.update_query(pageNumber="1")))

    wire.answer = always_first
    client = VismaClient(wire.side())
    with pytest.raises(Refused, match="page number is being ignored"):
        _ = [rows async for rows in pages(client, listing())]
    await client.close()
    assert len(wire.requests) == 2


async def test_rows_that_a_filter_should_have_left_out_are_an_error(wire: Wire) -> None:
    with pytest.raises(Refused, match="filter"):
        await read(wire, Listed(numbered(3)), options={"orderStatus": "Open"}, satisfies=lambda row: row["number"] != 2)


def once(change: Any) -> Any:
    done: list[int] = []

    def before(page: int) -> None:
        if page == 2 and not done:
            done.append(page)
            change()

    return before


async def test_a_row_that_leaves_between_two_pages_hides_none(wire: Wire) -> None:
    listed = Listed(numbered(7), most=3)
    listed.before = once(lambda: listed.rows.pop(0))
    assert set(await read(wire, listed)) == {1, 2, 3, 4, 5, 6, 7}


async def test_a_row_that_comes_in_between_two_pages_hides_none(wire: Wire) -> None:
    listed = Listed(numbered(7), most=3)
    listed.before = once(lambda: listed.rows.insert(0, {"number": 0}))
    assert sorted(await read(wire, listed)) == [0, 1, 2, 3, 4, 5, 6, 7]


async def test_a_row_that_changes_and_goes_to_the_end_hides_none_and_comes_again(wire: Wire) -> None:
    listed = Listed(numbered(7), most=3)

    def change() -> None:
        listed.rows.append({**listed.rows.pop(0), "name": "changed"})

    listed.before = once(change)
    found = await read(wire, listed)
    assert set(found) == {1, 2, 3, 4, 5, 6, 7}
    assert found.count(1) == 2


async def test_a_list_that_never_rests_is_left_at_last(wire: Wire) -> None:
    listed, added = Listed(numbered(4), most=3), iter(range(100, 200))

    def add(page: int) -> None:
        if page == 2:
            listed.rows.append({"number": next(added)})

    listed.before = add
    assert {1, 2, 3, 4} <= set(await read(wire, listed))
    assert sum(query["pageNumber"] == "1" for query in wire.queries) == PASSES


async def test_a_total_that_says_too_much_is_not_believed_for_ever(wire: Wire) -> None:
    from aiohttp import web

    def answer(request: web.Request) -> web.Response:
        rows = numbered(3) if request.query["pageNumber"] == "1" else []
        return web.json_response([{**row, "metadata": {"totalCount": 9}} for row in rows])

    wire.answer = answer
    client = VismaClient(wire.side())
    assert [row["number"] async for rows in pages(client, listing()) for row in rows] == [1, 2, 3]
    await client.close()
    assert len(wire.requests) == 4


@given(
    count=st.integers(0, 9), most=st.integers(1, 4), size=st.integers(1, 4),
    change=st.tuples(st.integers(1, 4), st.sampled_from(["none", "add", "drop", "move"]), st.integers(0, 8)),
)  # fmt: skip
async def test_what_was_there_from_first_to_last_always_comes(
    count: int, most: int, size: int, change: tuple[int, str, int]
) -> None:
    """One change at a time between pages; two that outweigh each other at one edge cannot be seen by anybody."""
    listed = Listed(numbered(count), most=most)
    waiting = {change[0]: change[1:]}

    def before(page: int) -> None:
        kind, place = waiting.pop(page, ("none", 0))
        if kind == "add":
            listed.rows.insert(min(place, len(listed.rows)), {"number": 100 + page})
        elif kind != "none" and listed.rows:
            row = listed.rows.pop(place % len(listed.rows))
            if kind == "move":
                listed.rows.append({**row, "name": "moved"})

    listed.before = before
    async with running() as wire:
        found = set(await read(wire, listed, size=size))
    assert {row["number"] for row in listed.rows} - found <= {100 + page for page in range(1, 5)}
