"""Master data of a simulated company (Epicor dossier 7, 8, 12 to 14, 17.12 to 17.21)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from epicor_company import MAPPING, Office, office
from epicor_papers import TODAY

from ml_connector.connectors.epicor_kinetic.books import Books
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.epicor_kinetic.contract import VENDORS
from ml_connector.connectors.epicor_kinetic.options import Options
from ml_connector.connectors.epicor_kinetic.reading import Reader
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import MasterRecord, PurchaseOrder, Vendor
from ml_connector.records.reason import Reason
from ml_connector.sandbox import epicor_kinetic as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found

FLOWS = (
    Flow.TAX_CODES, Flow.ACCOUNTS, Flow.DIMENSIONS, Flow.PAYMENT_TERMS, Flow.VENDORS, Flow.PURCHASE_ORDERS,
)  # fmt: skip
SERVICES = (
    "Erp.BO.VendorSvc", "Erp.BO.COASvc", "Erp.BO.COASegValuesSvc", "Erp.BO.PurTermsSvc", "Erp.BO.TaxCatSvc",
    "Erp.BO.POSvc", "Erp.BO.ReceiptSvc",
)  # fmt: skip


@pytest.fixture
async def there() -> AsyncIterator[Office]:
    async with office() as found:
        yield found


@pytest.fixture
def ledger(there: Office) -> KineticLedger:
    return there.open()


class Reading:
    """What a read told, with its mark and what it cost."""

    def __init__(self, records: Sequence[Any], mark: str | None, calls: int) -> None:
        self.records = records
        self.mark = mark
        self.calls = calls

    def by_number(self) -> dict[str, Any]:
        return {getattr(each, "number", getattr(each, "code", "")): each for each in self.records}


async def read(ledger: KineticLedger | Reader, flow: Flow, since: str | None = None) -> Reading:
    client: Kinetic = ledger._client  # pyright: ignore[reportPrivateUsage]
    before, mark = client.http.calls, since
    records: list[MasterRecord] = []
    async for page in ledger.read(flow, since=since):
        records += page.records
        mark = page.mark or mark
    return Reading(records, mark, client.http.calls - before)


async def keys(ledger: KineticLedger, flow: Flow) -> list[str]:
    return [key async for page in ledger.keys(flow) for key in page]


# ------------------------------------------------------------------ what holds of every flow


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_first_read_tells_each_record_once_and_the_sweep_knows_them_all(
    ledger: KineticLedger, flow: Flow
) -> None:
    told = (await read(ledger, flow)).records
    assert told
    assert len({each.key for each in told}) == len(told)
    assert {each.key for each in told} == set(await keys(ledger, flow))


@pytest.mark.parametrize("flow", FLOWS)
async def test_where_nothing_changed_two_reads_say_so(ledger: KineticLedger, flow: Flow) -> None:
    mark = (await read(ledger, flow)).mark
    again = await read(ledger, flow, mark)
    assert (again.records, again.mark) == ([], mark)
    assert again.calls <= 2


@pytest.mark.parametrize("flow", FLOWS)
async def test_a_server_whose_sets_fail_is_read_by_its_methods_alike(there: Office, flow: Flow) -> None:
    usual = await read(there.open(), flow)
    for service in SERVICES:
        await there.hook("heavy", service=service, fails=True)
    other = await read(there.open(), flow)
    assert sorted(other.records, key=lambda each: each.key) == sorted(usual.records, key=lambda each: each.key)
    again = await read(there.open(), flow, other.mark)
    assert again.records == []


@pytest.mark.parametrize("flow", [each for each in FLOWS if each is not Flow.PURCHASE_ORDERS])
async def test_a_server_that_takes_no_filter_on_versions_is_read_alike(there: Office, flow: Flow) -> None:
    usual = await read(there.open(), flow)
    await there.hook("odata", sysrevid=False)
    ledger = there.open()
    assert len((await read(ledger, flow)).records) == len(usual.records)
    assert (await read(ledger, flow, usual.mark)).records == []


@pytest.mark.parametrize("flow", FLOWS)
async def test_pages_that_are_capped_without_a_word_hide_nothing(there: Office, flow: Flow) -> None:
    usual = await read(there.open(), flow)
    await there.hook("odata", cap=3)
    ledger = there.open()
    assert len((await read(ledger, flow)).records) == len(usual.records)
    assert len(await keys(ledger, flow)) == len(usual.records)


@pytest.mark.parametrize("flow", [each for each in FLOWS if each is not Flow.PURCHASE_ORDERS])
async def test_a_database_that_was_set_back_is_read_whole(there: Office, ledger: KineticLedger, flow: Flow) -> None:
    first = await read(ledger, flow)
    await there.hook("restore", revision=1_000_000)
    then = await read(ledger, flow, first.mark)
    assert {each.key for each in then.records} == {each.key for each in first.records}
    assert (await read(ledger, flow, then.mark)).records == []


# ------------------------------------------------------------------ suppliers


async def test_a_supplier_that_was_renamed_is_an_update_of_the_same(there: Office, ledger: KineticLedger) -> None:
    first = await read(ledger, Flow.VENDORS)
    before = first.by_number()[there.vendor]
    await there.hook("vendors", number=there.vendor, rename="ACME-NEW")
    (told,) = (await read(ledger, Flow.VENDORS, first.mark)).records
    assert told == replace(before, number="ACME-NEW")


async def test_a_bank_account_that_changed_tells_its_supplier_again(there: Office, ledger: KineticLedger) -> None:
    first = await read(ledger, Flow.VENDORS)
    vendor = first.by_number()[there.vendor]
    await there.hook("records", set="VendBank", key=[int(vendor.key), "NEW"], IBANCode="FI9900000000000001")
    then = await read(ledger, Flow.VENDORS, first.mark)
    (told,) = then.records
    assert isinstance(told, Vendor)
    assert told.key == vendor.key
    assert "FI9900000000000001" in [each.iban for each in told.bank_accounts]
    assert (await read(ledger, Flow.VENDORS, then.mark)).records == []


async def test_a_supplier_that_is_blocked_is_told_so(there: Office, ledger: KineticLedger) -> None:
    mark = (await read(ledger, Flow.VENDORS)).mark
    await there.hook("vendors", number=there.vendor, Inactive=True)
    then = await read(ledger, Flow.VENDORS, mark)
    assert [each.active for each in then.records] == [False]
    await there.hook("vendors", number=there.vendor, Inactive=False, PayHold=True)
    (held,) = (await read(ledger, Flow.VENDORS, then.mark)).records
    assert (held.active, held.payment_blocked) == (True, True)


async def test_what_was_deleted_is_missing_from_the_sweep(there: Office, ledger: KineticLedger) -> None:
    gone = (await read(ledger, Flow.VENDORS)).by_number()[there.vendor].key
    await there.hook("vendors", number=there.vendor, delete=True)
    assert gone not in await keys(ledger, Flow.VENDORS)


async def test_versions_beyond_what_a_float_holds_are_kept_apart(there: Office, ledger: KineticLedger) -> None:
    await there.hook("revisions", next=2**53)
    first = await read(ledger, Flow.VENDORS)
    await there.hook("vendors", number=there.vendor, name="One")
    then = await read(ledger, Flow.VENDORS, first.mark)
    assert [each.name for each in then.records] == ["One"]
    await there.hook("vendors", number=there.vendor, name="Two")
    assert [each.name for each in (await read(ledger, Flow.VENDORS, then.mark)).records] == ["Two"]


# ------------------------------------------------------------------ accounts and dimensions


def reader(there: Office, today: Callable[[], date], *rules: DimensionRule) -> Reader:
    ledger = there.open()
    client: Kinetic = ledger._client  # pyright: ignore[reportPrivateUsage]
    options = Options(dimensions=tuple(each.erp for each in rules or MAPPING.dimensions))
    return Reader(client, options, chart=Books(client).chart.get, today=today)


async def test_an_account_that_was_closed_is_told_so(there: Office, ledger: KineticLedger) -> None:
    first = await read(ledger, Flow.ACCOUNTS)
    open_one = next(each for each in first.records if each.active)
    await there.hook("accounts", number=open_one.number, active=False)
    (told,) = (await read(ledger, Flow.ACCOUNTS, first.mark)).records
    assert told == replace(open_one, active=False)


async def test_a_value_whose_time_ends_or_begins_is_told_that_day_though_nobody_touched_it(there: Office) -> None:
    ends, begins = TODAY, TODAY + timedelta(days=1)
    await there.hook("dimension-values", dimension=2, code="D900", EffectiveTo=f"{ends}T00:00:00")
    await there.hook("dimension-values", dimension=2, code="D901", EffectiveFrom=f"{begins}T00:00:00")
    now = [TODAY]
    reading = reader(there, lambda: now[0])
    first = await read(reading, Flow.DIMENSIONS)
    told = first.by_number()
    assert (told["D900"].active, told["D901"].active) == (True, False)
    now[0] = TODAY + timedelta(days=3)
    then = await read(reading, Flow.DIMENSIONS, first.mark)
    assert {each.code: each.active for each in then.records} == {"D900": False, "D901": True}
    assert (await read(reading, Flow.DIMENSIONS, then.mark)).records == []


async def test_dimensions_are_named_by_number_or_by_name_in_any_case_and_told_as_spelt(there: Office) -> None:
    rules = (DimensionRule("a", "2"), DimensionRule("b", "aREA"), DimensionRule("c", "Project"))
    reading = reader(there, lambda: TODAY, *rules)
    told = (await read(reading, Flow.DIMENSIONS)).records
    assert {each.dimension for each in told} == {"2", "aREA", "Project"}
    assert {each.key.partition("/")[0] for each in told} == {"2", "3", "4"}


async def test_a_dimension_that_the_chart_has_not_is_a_sentence(there: Office) -> None:
    with pytest.raises(Refused, match="Department") as refused:
        await read(reader(there, lambda: TODAY, DimensionRule("a", "Campaign")), Flow.DIMENSIONS)
    assert refused.value.reason is Reason.SETUP_INCOMPLETE


async def test_a_mark_of_other_segments_is_no_mark(there: Office) -> None:
    one = await read(reader(there, lambda: TODAY, DimensionRule("a", "2")), Flow.DIMENSIONS)
    both = reader(there, lambda: TODAY, DimensionRule("a", "2"), DimensionRule("b", "3"))
    assert len((await read(both, Flow.DIMENSIONS, one.mark)).records) == len(
        (await read(both, Flow.DIMENSIONS)).records
    )


async def test_without_mapped_dimensions_there_is_nothing_to_tell(there: Office) -> None:
    values = {"base_url": f"{there.base}/{simulated.INSTANCE}", "company": "EPIC4000", "username": simulated.USERNAME}
    secrets = {"password": simulated.PASSWORD, "api_key": simulated.API_KEY}
    ledger = KineticLedger(Side("c", "4000", values, secrets, MappingRules()), Clock().now)
    there.opened.append(ledger)
    assert (await read(ledger, Flow.DIMENSIONS)).records == []
    assert await keys(ledger, Flow.DIMENSIONS) == []


# ------------------------------------------------------------------ orders


async def placed(there: Office, **changes: Any) -> str:
    told = await there.hook(
        "orders",
        vendor=there.vendor,
        lines=[{"line": 1, "description": "Bolts", "quantity": 10, "price": 5}],
        **changes,
    )
    return str(told["number"])


async def test_a_receipt_tells_its_order_again_though_the_orders_own_date_stays(
    there: Office, ledger: KineticLedger
) -> None:
    number = await placed(there)
    first = await read(ledger, Flow.PURCHASE_ORDERS)
    assert first.by_number()[number].lines[0].received_quantity == 0
    await there.hook("receipts", order=int(number), quantities={"1": 4}, pack_slip="L-77")
    then = await read(ledger, Flow.PURCHASE_ORDERS, first.mark)
    (told,) = then.records
    assert isinstance(told, PurchaseOrder)
    (line,) = told.lines
    assert (told.number, line.received_quantity, line.quantity) == (number, Decimal(4), Decimal(10))
    assert [(each.number, each.quantity) for each in line.receipts] == [("L-77", Decimal(4))]
    assert (await read(ledger, Flow.PURCHASE_ORDERS, then.mark)).records == []


async def test_an_order_is_told_with_its_lines_its_supplier_and_its_coding(
    there: Office, ledger: KineticLedger
) -> None:
    number = await placed(there)
    order = (await read(ledger, Flow.PURCHASE_ORDERS)).by_number()[number]
    (line,) = order.lines
    assert (order.key, order.vendor, order.active) == (number, there.vendor, True)
    assert (line.key, line.description, line.unit_price, line.net) == ("1", "Bolts", Decimal(5), Decimal(50))


async def test_a_first_read_passes_over_what_can_no_longer_be_invoiced(there: Office, ledger: KineticLedger) -> None:
    number = await placed(there)
    await there.hook("orders", number=int(number), VoidOrder=True)
    assert number not in (await read(ledger, Flow.PURCHASE_ORDERS)).by_number()
    assert number not in await keys(ledger, Flow.PURCHASE_ORDERS)


async def test_an_order_that_was_cancelled_since_is_told_so(there: Office, ledger: KineticLedger) -> None:
    number = await placed(there)
    mark = (await read(ledger, Flow.PURCHASE_ORDERS)).mark
    await there.hook("orders", number=int(number), VoidOrder=True)
    told = (await read(ledger, Flow.PURCHASE_ORDERS, mark)).by_number()
    assert told[number].active is False


async def test_an_order_that_waits_for_approval_is_not_told_until_it_has_it(
    there: Office, ledger: KineticLedger
) -> None:
    number = await placed(there, approval="P")
    first = await read(ledger, Flow.PURCHASE_ORDERS)
    assert number not in first.by_number()
    await there.hook("orders", number=int(number), approval="A")
    assert (await read(ledger, Flow.PURCHASE_ORDERS, first.mark)).by_number()[number].active is True


# ------------------------------------------------------------------ a company with more rows than a page


@pytest.fixture
async def large() -> AsyncIterator[Callable[[], KineticLedger]]:
    system = simulated.EpicorKinetic(clock=Clock(), companies=[found("4000", today=TODAY, invoices=0, vendors=250)])
    runner = web.AppRunner(system.applications()[0], access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base, opened = f"http://127.0.0.1:{runner.addresses[0][1]}", list[KineticLedger]()

    def open_one() -> KineticLedger:
        values = {"base_url": f"{base}/{simulated.INSTANCE}", "company": "EPIC4000", "username": simulated.USERNAME}
        secrets = {"password": simulated.PASSWORD, "api_key": simulated.API_KEY}
        ledger = KineticLedger(Side("c", "4000", values, secrets, MAPPING), Clock().now)
        opened.append(ledger)
        return ledger

    yield open_one
    for ledger in opened:
        await ledger.close()
    await runner.cleanup()


async def test_rows_that_lie_close_before_the_mark_cost_no_more_than_a_read_of_their_versions(
    large: Callable[[], KineticLedger],
) -> None:
    ledger = large()
    first = await read(ledger, Flow.VENDORS)
    assert len(first.records) == 250
    again = await read(ledger, Flow.VENDORS, first.mark)
    assert (again.records, again.mark) == ([], first.mark)
    assert again.calls == 2


async def test_among_many_rows_close_before_the_mark_one_that_came_late_is_told(
    large: Callable[[], KineticLedger],
) -> None:
    ledger = large()
    first = await read(ledger, Flow.VENDORS)
    assert first.mark is not None
    mark = json.loads(first.mark)
    forgotten = mark[VENDORS.name]["seen"].pop(120)  # as if it had been committed after the read
    then = await read(ledger, Flow.VENDORS, json.dumps(mark))
    assert len(then.records) == 1
    assert json.loads(then.mark or "")[VENDORS.name]["seen"][120] == forgotten
