"""Master data, read from the simulated Visma.net over sockets."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from visma_world import COMPANY, World, simulation

from ml_connector.connectors.errors import Refused
from ml_connector.connectors.manifest import ReadMode
from ml_connector.connectors.side import Side
from ml_connector.connectors.visma_net.connector import open_source
from ml_connector.connectors.visma_net.manifest import CAPABILITIES
from ml_connector.records.flow import Flow
from ml_connector.records.reason import Reason
from ml_connector.sandbox import visma_net as simulated

CHANGING = (Flow.VENDORS, Flow.PURCHASE_ORDERS)


async def order(world: World, number: str, *, quantity: int = 10, **changes: Any) -> None:
    line = {"text": "Chair", "quantity": quantity, "unit_cost": 25, "item": "I0005"}
    await world.do("orders", number=number, supplier="V000001", lines=[line], **changes)


async def test_each_flow_is_read_whole_and_its_keys_are_all_there(world: World) -> None:
    for flow in CAPABILITIES.reads:
        records = await world.changed(flow)
        assert records, flow
        keys = {record.key for record in records}
        assert keys == set(await world.keys(flow)), flow
        assert len(keys) == len(records), flow


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_lowered_page_size_loses_nobody(world: World, size: int) -> None:
    await world.do("page-size", size=size)
    assert len(await world.changed(Flow.VENDORS)) == 20
    assert {each.key for each in await world.changed(Flow.PURCHASE_ORDERS)} == set(
        await world.keys(Flow.PURCHASE_ORDERS)
    )
    assert len(await world.changed(Flow.PAYMENT_TERMS)) == len(set(await world.keys(Flow.PAYMENT_TERMS)))


@pytest.mark.parametrize("flow", CAPABILITIES.reads)
async def test_nothing_changed_costs_two_reads_at_most_and_tells_nothing(world: World, flow: Flow) -> None:
    await world.changed(flow)
    mark = world.marks[flow]
    await world.calls()
    again = await world.changed(flow)
    assert len(await world.calls()) <= 2
    if CAPABILITIES.reads[flow] is ReadMode.CHANGES:
        assert again == []
        assert world.marks[flow] == mark


@pytest.mark.parametrize("flow", CHANGING)
async def test_nothing_changed_for_long_leaves_the_mark(world: World, flow: Flow) -> None:
    await world.changed(flow)
    mark = world.marks[flow]
    world.clock.move(timedelta(days=40))
    assert await world.changed(flow) == []
    assert world.marks[flow] == mark


@pytest.mark.parametrize("digits", [0, 1, 3, 7])
@pytest.mark.parametrize("ahead", [-5, 0, 2])
async def test_the_servers_own_time_is_all_that_counts(world: World, digits: int, ahead: int) -> None:
    await world.do("habits", digits=digits, hours_ahead=ahead)
    await world.do("suppliers", number="V000001", name="Before")
    await world.changed(Flow.VENDORS)
    await world.do("suppliers", number="V000002", name="Renamed")
    assert [each.name for each in await world.changed(Flow.VENDORS)] == ["Renamed"]
    assert await world.changed(Flow.VENDORS) == []


async def test_a_clock_that_is_set_back_an_hour_hides_nothing(world: World) -> None:
    await world.do("habits", hours_ahead=2)
    await world.do("suppliers", number="V000001", name="Before")
    await world.changed(Flow.VENDORS)
    await world.do("habits", hours_ahead=1)
    await world.do("suppliers", number="V000002", name="After")
    assert [each.name for each in await world.changed(Flow.VENDORS)] == ["After"]


async def test_equal_stamps_at_a_page_edge_lose_nobody(world: World) -> None:
    await world.do("page-size", resource="supplier", size=2)
    await world.changed(Flow.VENDORS)
    world.clock.move(timedelta(days=1))
    await world.do("touch", table="supplier", change={"name": "Touched"})
    assert len(await world.changed(Flow.VENDORS)) == 20
    assert await world.changed(Flow.VENDORS) == []


async def test_a_new_stamp_without_a_change_is_read_and_is_the_same_record(world: World) -> None:
    before = {each.key: each for each in await world.changed(Flow.VENDORS)}
    await world.do("touch", table="supplier", key="V000003")
    again = await world.changed(Flow.VENDORS)
    assert [before[each.key] for each in again] == again
    assert len(again) == 1


@pytest.mark.parametrize("number", ["V000001", "V000019"])
async def test_a_change_during_paging_is_not_lost(world: World, number: str) -> None:
    await world.do("page-size", resource="supplier", size=5)
    body = {"number": number, "name": "Meanwhile", "company": COMPANY}
    await world.do("during-paging", resource="supplier", after_page=2, action="suppliers", body=body)
    first = {each.number: each.name for each in await world.changed(Flow.VENDORS)}
    assert len(first) == 20
    later = {each.number: each.name for each in await world.changed(Flow.VENDORS)}
    assert (first | later)[number] == "Meanwhile"


@pytest.mark.parametrize("change", [{"delete": True}, {}])
async def test_a_supplier_that_comes_or_goes_during_paging_hides_no_other(world: World, change: dict[str, Any]) -> None:
    await world.do("page-size", resource="supplier", size=5)
    number = "V000001" if change else "A000000"
    body = {"number": number, "company": COMPANY, **change}
    await world.do("during-paging", resource="supplier", after_page=2, action="suppliers", body=body)
    found = {each.number for each in await world.changed(Flow.VENDORS)}
    assert {f"V{place:06}" for place in range(1, 21)} <= found


@pytest.mark.parametrize(("status", "active"), [("OnHold", False), ("Inactive", False), ("HoldPayments", True)])
async def test_a_supplier_that_is_put_on_hold_is_told(world: World, status: str, active: bool) -> None:
    await world.changed(Flow.VENDORS)
    await world.do("suppliers", number="V000002", status=status)
    found = await world.changed(Flow.VENDORS)
    assert [(each.number, each.active, each.payment_blocked) for each in found] == [("V000002", active, active)]


async def test_empty_lists_may_come_without_a_body(world: World) -> None:
    await world.do("habits", empty_lists=True)
    await world.changed(Flow.VENDORS)
    world.clock.move(timedelta(days=1))
    assert await world.changed(Flow.VENDORS) == []


async def test_the_wanted_segments_and_projects_are_told_as_the_settings_spell_them(world: World) -> None:
    found = await world.changed(Flow.DIMENSIONS)
    assert {each.dimension for each in found} == {"1", "project"}
    assert "X" not in {each.code for each in found}


async def test_without_dimensions_nothing_is_asked() -> None:
    async with simulation() as world:
        assert await world.changed(Flow.DIMENSIONS) == []
        assert await world.calls() == []


# ------------------------------------------------------------------ orders


async def test_a_receipt_brings_its_order_on_though_its_stamp_does_not_move(world: World) -> None:
    await world.do("preferences", receipt_touches_order=False)
    await order(world, "PO900")
    await world.changed(Flow.PURCHASE_ORDERS)
    await world.do("receipts", number="RC900", order="PO900", lines={"1": 4})
    (found,) = await world.changed(Flow.PURCHASE_ORDERS)
    assert found.key == "PO900"
    assert [(each.key, each.quantity) for each in found.lines[0].receipts] == [("RC900/1", Decimal(4))]
    assert await world.changed(Flow.PURCHASE_ORDERS) == []


async def test_earlier_receipts_come_along_and_returns_take_away(world: World) -> None:
    await order(world, "PO900")
    await world.do("receipts", number="RC900", order="PO900", lines={"1": 7})
    await world.changed(Flow.PURCHASE_ORDERS)
    world.clock.move(timedelta(days=3))
    await world.do("receipts", number="RC901", order="PO900", type="PoReturn", lines={"1": 2})
    (found,) = await world.changed(Flow.PURCHASE_ORDERS)
    assert {each.quantity for each in found.lines[0].receipts} == {Decimal(7), Decimal(-2)}
    assert found.lines[0].received_quantity == 5


async def test_a_receipt_counts_once_it_is_released(world: World) -> None:
    await order(world, "PO900")
    await world.do("receipts", number="RC900", order="PO900", status="Balanced", lines={"1": 7})
    first = {each.key: each for each in await world.changed(Flow.PURCHASE_ORDERS)}
    assert first["PO900"].lines[0].receipts == ()
    await world.do("receipts", number="RC900", status="Released")
    (found,) = await world.changed(Flow.PURCHASE_ORDERS)
    assert found.lines[0].received_quantity == 7


async def test_many_received_orders_are_read_in_few_calls(world: World) -> None:
    for number in range(40):
        await order(world, f"PO9{number:02}")
    await world.changed(Flow.PURCHASE_ORDERS)
    for number in range(40):
        await world.do("receipts", order=f"PO9{number:02}", lines={"1": 1})
    await world.calls()
    found = await world.changed(Flow.PURCHASE_ORDERS)
    assert sum(each.lines[0].received_quantity == 1 for each in found if each.key.startswith("PO9")) == 40
    assert len(await world.calls()) <= 5


@pytest.mark.parametrize("status", ["Closed", "Cancelled"])
async def test_an_order_that_is_over_is_told_as_such_and_has_left_the_keys(world: World, status: str) -> None:
    await order(world, "PO900")
    await world.changed(Flow.PURCHASE_ORDERS)
    assert "PO900" in await world.keys(Flow.PURCHASE_ORDERS)
    await world.do("orders", number="PO900", status=status)
    (found,) = await world.changed(Flow.PURCHASE_ORDERS)
    assert (found.key, found.active) == ("PO900", False)
    assert "PO900" not in await world.keys(Flow.PURCHASE_ORDERS)


async def test_an_order_on_hold_is_told_once_it_is_taken_off(world: World) -> None:
    await order(world, "PO900", status="Hold")
    assert "PO900" not in {each.key for each in await world.changed(Flow.PURCHASE_ORDERS)}
    assert "PO900" not in await world.keys(Flow.PURCHASE_ORDERS)
    await world.do("orders", number="PO900", status="Open")
    assert [each.key for each in await world.changed(Flow.PURCHASE_ORDERS)] == ["PO900"]


async def test_a_line_that_is_completed_short_is_closed(world: World) -> None:
    await order(world, "PO900")
    await world.do("receipts", number="RC900", order="PO900", lines={"1": 4})
    await world.changed(Flow.PURCHASE_ORDERS)
    await world.do("orders", number="PO900", lines=[{"line": 1, "completed": True}])
    (found,) = await world.changed(Flow.PURCHASE_ORDERS)
    assert found.lines[0].closed
    assert found.lines[0].received_quantity == 4


# ------------------------------------------------------------------ what goes wrong


async def test_a_filter_that_is_ignored_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.changed(Flow.VENDORS)
    world.clock.move(timedelta(days=1))
    await world.do("suppliers", number="V000002", name="Newest")
    await world.changed(Flow.VENDORS)
    from ml_connector.connectors.visma_net import marks

    misspelt = property(lambda self: {"lastModified": "2026-01-01", "lastModifiedCondition": ">="})
    monkeypatch.setattr(marks.Progress, "filter", misspelt)
    with pytest.raises(Refused, match="filter") as caught:
        await world.changed(Flow.VENDORS)
    assert caught.value.reason is Reason.UNEXPECTED


async def test_an_expired_token_is_replaced_on_the_way(world: World) -> None:
    await world.changed(Flow.VENDORS)
    await world.do("tokens", expire=True)
    assert len(await world.changed(Flow.ACCOUNTS)) > 100


async def refused(world: World, side: Side) -> Refused:
    source = open_source(side, world.clock.now, None)
    try:
        with pytest.raises(Refused) as caught:
            _ = [page async for page in source.read(Flow.TAX_CODES, since=None)]
    finally:
        await source.close()
    return caught.value


async def test_a_customer_tenant_is_explained(world: World) -> None:
    await world.do("customer-tenant", tenant=simulated.CUSTOMER_TENANT)
    error = await refused(world, world.side(tenant_id=simulated.CUSTOMER_TENANT))
    assert error.reason is Reason.SIGN_IN_REFUSED
    assert "customer tenant" in str(error)


@pytest.mark.parametrize("status", [400, 401])
async def test_a_wrong_secret_is_a_refused_sign_in(world: World, status: int) -> None:
    await world.do("tokens", wrong_secret=status)
    side = world.side()
    wrong = Side(side.connection, side.company, side.values, {"client_secret": "wrong"}, side.mapping)
    error = await refused(world, wrong)
    assert (error.reason, error.code) == (Reason.SIGN_IN_REFUSED, "invalid_client")


async def test_a_company_that_has_not_approved_is_a_refused_sign_in(world: World) -> None:
    await world.do("scopes", approved=False)
    assert (await refused(world, world.side())).code == "invalid_tenant"


async def test_the_old_address_answers_too(world: World) -> None:
    side = world.side(base_url=f"{world.base}/API/controller/api")
    source = open_source(side, world.clock.now, None)
    records = [record async for page in source.read(Flow.VENDORS, since=None) for record in page.records]
    steps = [step async for step in source.ping()]
    await source.close()
    assert len(records) == 20
    assert "old address" in steps[-1].detail


async def test_every_call_tells_company_and_application(world: World) -> None:
    await world.changed(Flow.VENDORS)
    (call,) = await world.calls()
    assert call["headers"]["ipp-company-id"] == simulated.company_id(COMPANY)
    assert call["headers"]["ipp-application-type"] == "Visma.net Financials"
