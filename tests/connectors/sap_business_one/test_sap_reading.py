"""Master data and the connection test against the simulated SAP Business One, over sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.connector import BusinessOne, open_ledger
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.master_data import Account, DimensionValue, MasterRecord, PurchaseOrder, TaxCode, Vendor
from ml_connector.sandbox import sap_business_one as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

TODAY = datetime.now(UTC).date()


@dataclass
class World:
    """A simulated SAP Business One and the ledger that talks to it."""

    company: TradingCompany
    base: str
    clock: Clock
    session: aiohttp.ClientSession
    ledger: BusinessOne

    async def hook(self, name: str, **body: Any) -> Any:
        async with self.session.post(f"{self.base}/_sandbox/{name}", json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    @property
    def layer(self) -> ServiceLayer:
        return self.ledger._client  # pyright: ignore[reportPrivateUsage]

    @property
    def calls(self) -> int:
        return self.layer.http.calls

    async def read(self, flow: Flow, since: str | None = None) -> tuple[list[MasterRecord], str | None]:
        records: list[MasterRecord] = []
        mark = since
        async for page in self.ledger.read(flow, since=since):
            records += page.records
            mark = page.mark or mark
        return records, mark

    async def keys(self, flow: Flow) -> list[str]:
        return [key async for page in self.ledger.keys(flow) for key in page]

    async def ping(self, **values: Any) -> list[PingStep]:
        ledger = open_ledger(side(self.base, **values), self.clock.now, None)
        try:
            return [step async for step in ledger.ping()]
        finally:
            await ledger.close()


def side(base: str, *, root: str = "/b1s/v2", password: str = simulated.PASSWORD, **values: Any) -> Side:
    settings = {
        "base_url": base + root, "company_db": simulated.company_db("2000"), "username": simulated.USERNAME, **values,
    }  # fmt: skip
    rules = tuple(DimensionRule("dimCode1", name) for name in ("1", "2", "project"))
    return Side("c", "2000", settings, {"password": password}, MappingRules(dimensions=rules))


@pytest.fixture(params=["/b1s/v2", "/b1s/v1"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    clock = Clock()
    company = found("2000", today=TODAY, invoices=1, vendors=230, orders=60)
    system = simulated.SapBusinessOne(clock=clock, companies=[company])
    runner = web.AppRunner(system.applications()[0])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    ledger = open_ledger(side(base, root=request.param), clock.now, None)
    async with aiohttp.ClientSession() as session:
        yield World(company, base, clock, session, ledger)
    await ledger.close()
    await runner.cleanup()


@pytest.mark.parametrize("flow", MASTER_DATA)
async def test_all_there_is_comes_once_and_is_among_the_keys(world: World, flow: Flow) -> None:
    records, _ = await world.read(flow)
    keys = [record.key for record in records]
    assert len(keys) == len(set(keys)) > 0
    assert sorted(await world.keys(flow)) == sorted(keys)


@pytest.mark.parametrize("flow", MASTER_DATA)
async def test_with_nothing_changed_two_calls_are_made_at_most(world: World, flow: Flow) -> None:
    _, mark = await world.read(flow)
    before = world.calls
    again, later = await world.read(flow, mark)
    assert world.calls - before <= 2
    assert later == mark
    if mark is not None:
        assert again == []


async def test_only_suppliers_are_read(world: World) -> None:
    records, _ = await world.read(Flow.VENDORS)
    assert {record.key for record in records} == {each.number for each in world.company.vendors}


async def test_a_vendor_comes_with_its_bank_and_address_and_whether_it_is_blocked(world: World) -> None:
    records, _ = await world.read(Flow.VENDORS)
    vendors = {record.key: record for record in records if isinstance(record, Vendor)}
    for each in world.company.vendors:
        vendor = vendors[each.number]
        assert (vendor.name, vendor.active) == (each.name, each.blocked != "All")
        assert vendor.payment_blocked == (each.blocked == "Payment")
        assert vendor.address.city
    assert all(each.iban or each.number for vendor in vendors.values() for each in vendor.bank_accounts)
    assert any(vendor.bank_accounts for vendor in vendors.values())


async def test_two_changes_of_one_day_are_both_told(world: World) -> None:
    _, mark = await world.read(Flow.VENDORS)
    number = next(each.number for each in world.company.vendors if not each.blocked)
    for name in ("First Oy", "Second Oy"):
        await world.hook("vendors", number=number, CardName=name)
        records, mark = await world.read(Flow.VENDORS, mark)
        assert [record.name for record in records if isinstance(record, Vendor)] == [name]


async def test_a_vendor_whose_time_is_over_is_inactive(world: World) -> None:
    number = next(each.number for each in world.company.vendors if not each.blocked)
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    await world.hook("vendors", number=number, Valid="tYES", ValidTo=yesterday)
    records, _ = await world.read(Flow.VENDORS)
    assert [record.active for record in records if isinstance(record, Vendor) and record.key == number] == [False]


async def test_a_vendor_that_was_deleted_is_missing_from_the_keys(world: World) -> None:
    await world.hook("vendors", number="GONE1", CardName="Gone Oy")
    assert "GONE1" in await world.keys(Flow.VENDORS)
    await world.hook("vendors", number="GONE1", delete=True)
    assert "GONE1" not in await world.keys(Flow.VENDORS)


async def test_titles_are_left_out_and_what_takes_no_bill_is_inactive(world: World) -> None:
    records, _ = await world.read(Flow.ACCOUNTS)
    accounts = {record.number: record for record in records if isinstance(record, Account)}
    assert accounts["6120"].active
    assert not accounts["6990"].active
    assert not [number for number in accounts if len(number) < 4]


async def test_in_a_segmented_chart_people_see_numbers_and_keys_are_codes(world: World) -> None:
    plain, _ = await world.read(Flow.ACCOUNTS)
    await world.hook("segments", enabled=True)
    segmented, _ = await world.read(Flow.ACCOUNTS)
    numbers = {record.number for record in segmented if isinstance(record, Account)}
    assert numbers == {record.number for record in plain if isinstance(record, Account)}
    assert all(record.key.startswith("_SYS") for record in segmented)
    orders, _ = await world.read(Flow.PURCHASE_ORDERS)
    coded = {line.account for order in orders if isinstance(order, PurchaseOrder) for line in order.lines} - {""}
    assert coded
    assert coded <= numbers


async def test_cost_centres_are_rules_of_the_wanted_dimensions_and_projects(world: World) -> None:
    records, _ = await world.read(Flow.DIMENSIONS)
    values = [record for record in records if isinstance(record, DimensionValue)]
    assert {value.dimension for value in values} == {"1", "2", "project"}
    departments = {each.code: each for each in world.company.dimension_values if each.dimension == "DEPARTMENT"}
    mine = {value.code: value for value in values if value.dimension == "1"}
    assert departments.keys() <= mine.keys()
    assert "Centr_z" not in mine
    assert all(mine[code].active != each.blocked for code, each in departments.items())


async def test_a_name_too_long_for_a_rule_is_its_cost_centres(world: World) -> None:
    name = "A cost centre with a name longer than a rule's"
    await world.hook("records", set="ProfitCenters", key="LONG", CenterName=name, InWhichDimension=1)
    await world.hook("records", set="DistributionRules", key="LONG", FactorDescription=name[:30], InWhichDimension=1,
                     Active="tYES")  # fmt: skip
    records, _ = await world.read(Flow.DIMENSIONS)
    assert [record.name for record in records if isinstance(record, DimensionValue) and record.code == "LONG"] == [name]


async def test_tax_codes_are_input_tax_at_the_rate_of_today(world: World) -> None:
    records, _ = await world.read(Flow.TAX_CODES)
    rates = {record.code: record.percent for record in records if isinstance(record, TaxCode)}
    assert rates == {each.code: each.percent for each in world.company.tax_groups}


async def test_where_sales_tax_is_used_its_codes_are_read(world: World) -> None:
    await world.hook("localisation", localisation="US")
    records, _ = await world.read(Flow.TAX_CODES)
    assert {record.key for record in records} == {each.code for each in world.company.tax_groups}


async def test_open_orders_come_with_their_lines_and_receipts(world: World) -> None:
    records, _ = await world.read(Flow.PURCHASE_ORDERS)
    orders = [record for record in records if isinstance(record, PurchaseOrder)]
    assert all(order.active and order.lines for order in orders)
    lines = [line for order in orders for line in order.lines]
    assert any(line.receipts for line in lines)
    for line in lines:
        assert line.number == str(int(line.key) + 1)
        assert line.received_quantity == sum(each.quantity for each in line.receipts)
        assert line.received_quantity <= line.quantity


async def ordered(world: World) -> tuple[PurchaseOrder, str | None]:
    """An open order of items of which nothing has come, and the mark after it."""
    records, mark = await world.read(Flow.PURCHASE_ORDERS)
    orders = [record for record in records if isinstance(record, PurchaseOrder)]
    untouched = (
        order for order in orders if all(line.product and not line.receipts and not line.closed for line in order.lines)
    )
    return next(untouched), mark


async def receive(world: World, order: PurchaseOrder) -> dict[str, Any]:
    """The whole order comes in."""
    lines = [
        {"BaseType": 22, "BaseEntry": int(order.key), "BaseLine": int(line.key), "Quantity": line.quantity}
        for line in order.lines
    ]
    return await world.layer.create("PurchaseDeliveryNotes", {"CardCode": order.vendor, "DocumentLines": lines})


async def changed(world: World, mark: str | None) -> tuple[PurchaseOrder, str | None]:
    """The one order that was told since the mark."""
    records, later = await world.read(Flow.PURCHASE_ORDERS, mark)
    (order,) = records
    assert isinstance(order, PurchaseOrder)
    return order, later


async def test_an_order_received_whole_waits_for_its_invoice_and_leaves_with_it(world: World) -> None:
    order, mark = await ordered(world)
    came = await receive(world, order)
    told, mark = await changed(world, mark)
    assert (told.key, told.active) == (order.key, True)
    assert [line.received_quantity for line in told.lines] == [line.quantity for line in order.lines]
    assert not any(line.closed for line in told.lines)
    assert order.key in await world.keys(Flow.PURCHASE_ORDERS)
    lines = [
        {"BaseType": 20, "BaseEntry": came["DocEntry"], "BaseLine": place, "Quantity": line.quantity}
        for place, line in enumerate(order.lines)
    ]
    invoice = {"CardCode": order.vendor, "NumAtCard": "R-1", "DocumentLines": lines}
    await world.layer.create("PurchaseInvoices", invoice)
    told, mark = await changed(world, mark)
    assert (told.key, told.active) == (order.key, False)
    assert all(line.closed and line.invoiced_quantity == line.quantity for line in told.lines)
    assert order.key not in await world.keys(Flow.PURCHASE_ORDERS)
    assert await world.read(Flow.PURCHASE_ORDERS, mark) == ([], mark)


async def test_a_receipt_that_is_cancelled_is_taken_back(world: World) -> None:
    order, mark = await ordered(world)
    came = await receive(world, order)
    _, mark = await changed(world, mark)
    await world.layer.act(f"PurchaseDeliveryNotes({came['DocEntry']})/Cancel")
    told, _ = await changed(world, mark)
    assert told.active
    for line in told.lines:
        assert [each.quantity for each in line.receipts] == [line.quantity, -line.quantity]
        assert line.received_quantity == 0
    records, _ = await world.read(Flow.PURCHASE_ORDERS)
    assert told in records


@pytest.mark.parametrize("root", ["/b1s/v2", "/b1s/v1", ""])
async def test_a_sound_connection_passes_each_step(world: World, root: str) -> None:
    steps = await world.ping(root=root)
    assert [step.name for step in steps] == ["reach", "TLS", "sign in", "company", "branch", "rights", "version"]
    assert all(step.ok and step.detail and not step.advice for step in steps), steps


async def test_branches_need_one_that_is_in_use(world: World) -> None:
    await world.hook("branches", enabled=True)
    for branch, said in (("", "not set"), ("99", "no branch 99"), ("x", "no number"), ("3", "disabled")):
        steps = await world.ping(branch=branch)
        assert (steps[-1].name, steps[-1].ok) == ("branch", False)
        assert said in steps[-1].detail
        assert "branch" in steps[-1].advice
    assert (await world.ping(branch="1"))[-1].ok


async def test_a_wrong_password_is_said_with_what_to_do_and_never_shown(world: World) -> None:
    steps = await world.ping(password="not-the-password")
    assert (steps[-1].name, steps[-1].ok) == ("sign in", False)
    assert "username and password" in steps[-1].advice
    assert "not-the-password" not in repr(steps)


async def test_an_unknown_company_is_said_with_what_to_check(world: World) -> None:
    steps = await world.ping(company_db="SBO_NONE")
    assert (steps[-1].name, steps[-1].ok) == ("sign in", False)
    assert "company_db" in steps[-1].advice


async def test_a_port_that_nobody_listens_on_is_not_reached(world: World) -> None:
    steps = await world.ping(base_url="http://127.0.0.1:9/b1s/v2")
    assert [(step.name, step.ok) for step in steps] == [("reach", False)]


async def test_a_server_without_tls_is_not_taken_for_one_with(world: World) -> None:
    steps = await world.ping(base_url=world.base.replace("http://", "https://"))
    assert [(step.name, step.ok) for step in steps] == [("reach", True), ("TLS", False)]


async def test_approvals_that_will_hold_our_bills_are_told(world: World) -> None:
    await world.hook("approval", enabled=True)
    company = next(step for step in await world.ping() if step.name == "company")
    assert "approval" in company.detail
