"""Master data from a simulated instance: page by page, since a mark, past the traps of lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from acumatica_instance import Instance, running

from ml_connector.connectors.acumatica import reading
from ml_connector.connectors.acumatica.reading import Reader
from ml_connector.connectors.acumatica.values import parse_instant
from ml_connector.connectors.errors import Refused
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import Account, DimensionValue, PaymentTerm, PurchaseOrder, TaxCode, Vendor
from ml_connector.records.reason import Reason


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    async with running() as instance:
        yield instance


# ------------------------------------------------------------------ what there is


async def test_vendors_come_with_address_and_bank_in_one_call_a_page(instance: Instance) -> None:
    await instance.hook("vendors", number="V000002", Status="Hold Payments")
    await instance.hook("vendors", number="V000003", Status="Inactive")
    vendors, mark, calls = await instance.read(Flow.VENDORS)
    assert len(vendors) == 40
    assert calls == 1
    assert mark is not None
    first = vendors["V000001"]
    assert isinstance(first, Vendor)
    assert first.number == "V000001"
    assert first.address.city
    assert len(first.address.country) == 2
    assert first.email.endswith("vendor.example")
    assert first.payment_term
    assert first.bank_accounts[0].iban.startswith(first.address.country)
    assert first.bank_accounts[0].bic.startswith("NDEA")
    assert [(each.active, each.payment_blocked) for each in (vendors["V000002"], vendors["V000003"])] == [
        (True, True), (False, False),
    ]  # fmt: skip


async def test_vendors_over_more_than_a_page(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RECORDS_PER_PAGE", 7)
    vendors, _, _ = await instance.read(Flow.VENDORS)
    assert len(vendors) == 40
    assert sorted(vendors) == sorted(await instance.keys(Flow.VENDORS))


async def test_vendors_whose_bank_no_list_brings_are_read_one_by_one(instance: Instance) -> None:
    whole, _, _ = await instance.read(Flow.VENDORS)
    await instance.hook("optimizer", entity="Vendor", field="PaymentInstructions", fails=True)
    again, _, calls = await instance.read(Flow.VENDORS)
    assert again == whole
    assert calls == 40 + 2
    _, _, calls = await instance.read(Flow.VENDORS)
    assert calls == 40 + 1, "what cannot be done is asked for once"


async def test_accounts(instance: Instance) -> None:
    await instance.hook("accounts", number="1010", Active=False)
    accounts, mark, calls = await instance.read(Flow.ACCOUNTS)
    assert mark is None
    assert calls == 1
    chosen = accounts["1010"]
    assert isinstance(chosen, Account)
    assert (chosen.number, chosen.active) == ("1010", False)
    assert sum(account.active for account in accounts.values() if isinstance(account, Account)) > 100


async def test_tax_codes_with_the_rate_that_is_in_effect(instance: Instance) -> None:
    codes, _, calls = await instance.read(Flow.TAX_CODES)
    assert calls == 2
    assert {code: each.percent for code, each in codes.items() if isinstance(each, TaxCode)}["VAT24"] == Decimal(24)


async def test_terms_from_the_customers_own_endpoint(instance: Instance) -> None:
    terms, _, _ = await instance.read(Flow.PAYMENT_TERMS)
    assert {key: each.due_days for key, each in terms.items() if isinstance(each, PaymentTerm)}["14D"] == 14


async def test_terms_without_such_an_endpoint_are_those_that_vendors_have(instance: Instance) -> None:
    vendors, _, _ = await instance.read(Flow.VENDORS)
    plain = instance.open(terms_endpoint="")
    reader = Reader(plain, dimensions=(), today=lambda: datetime.now(UTC).date())
    terms = [each async for page in reader.read(Flow.PAYMENT_TERMS, since=None) for each in page.records]
    assert {each.key for each in terms} == {each.payment_term for each in vendors.values() if isinstance(each, Vendor)}
    assert all(isinstance(each, PaymentTerm) and each.due_days is None for each in terms)
    await plain.close()


async def test_subaccounts_whole_and_by_segment_and_projects(instance: Instance) -> None:
    values, _, _ = await instance.read(Flow.DIMENSIONS)
    whole, department, area = values["Subaccount/D010-A01"], values["Subaccount.1/D010"], values["Subaccount.2/A01"]
    assert [each.dimension for each in (whole, department, area) if isinstance(each, DimensionValue)] == [
        "Subaccount", "Subaccount.1", "subaccount.2",
    ]  # fmt: skip
    assert isinstance(department, DimensionValue)
    assert isinstance(whole, DimensionValue)
    assert whole.name == f"{department.name}, Area 1"
    assert "Subaccount.1/0000" not in values
    assert any(key.startswith("Project/") for key in values)
    assert "ProjectTask/01" in values
    assert sorted(values) == sorted(await instance.keys(Flow.DIMENSIONS))


async def test_a_segment_is_active_while_any_subaccount_with_it_is(instance: Instance) -> None:
    values, _, _ = await instance.read(Flow.DIMENSIONS)
    codes = [
        each.code for each in values.values() if isinstance(each, DimensionValue) and each.code.startswith("D010-")
    ]
    for code in codes[1:]:
        await instance.hook("dimension-values", dimension="Subaccount", code=code, active=False)
    values, _, _ = await instance.read(Flow.DIMENSIONS)
    assert values["Subaccount.1/D010"].active
    await instance.hook("dimension-values", dimension="Subaccount", code=codes[0], active=False)
    values, _, _ = await instance.read(Flow.DIMENSIONS)
    assert not values["Subaccount.1/D010"].active


async def test_a_segment_that_no_code_has_is_told() -> None:
    async with running(dimensions=("Subaccount.3",)) as instance:
        with pytest.raises(Refused) as refused:
            await instance.read(Flow.DIMENSIONS)
        assert refused.value.reason is Reason.SETUP_INCOMPLETE
        assert "2 segments" in str(refused.value)


async def test_subaccounts_that_are_switched_off_are_told_and_not_taken_for_none(instance: Instance) -> None:
    await instance.hook("features", subaccounts=False)
    with pytest.raises(Refused) as refused:
        await instance.read(Flow.DIMENSIONS)
    assert refused.value.reason is Reason.RIGHTS_MISSING


async def test_no_dimension_is_read_that_no_rule_names() -> None:
    async with running(dimensions=("DEPARTMENT",)) as instance:
        assert await instance.read(Flow.DIMENSIONS) == ({}, None, 0)


# ------------------------------------------------------------------ since a mark


async def test_after_a_mark_only_what_changed_comes(instance: Instance) -> None:
    _, mark, _ = await instance.read(Flow.VENDORS)
    await instance.hook("clock", seconds=3600)
    await instance.hook("vendors", number="V000007", VendorName="Renamed Oy")
    changed, later_mark, calls = await instance.read(Flow.VENDORS, mark)
    assert "V000007" in changed
    assert later_mark is not None
    assert mark is not None
    assert later_mark > mark
    assert calls <= 2
    again, same, _ = await instance.read(Flow.VENDORS, later_mark)
    assert set(again) == {"V000007"}, "the overlap: it comes again, and nothing else"
    assert same == later_mark


async def test_two_changes_of_one_instant_both_come(instance: Instance) -> None:
    await instance.hook("clock", seconds=3600)
    await instance.hook("vendors", number="V000007", VendorName="Renamed Oy")
    _, mark, _ = await instance.read(Flow.VENDORS)
    await instance.hook("vendors", number="V000008", VendorName="Renamed in the same moment Oy")
    changed, _, _ = await instance.read(Flow.VENDORS, mark)
    assert {"V000007", "V000008"} <= set(changed)


async def test_what_bears_an_earlier_stamp_than_the_mark_still_comes(instance: Instance) -> None:
    """A record that was stamped before the newest one, and could be seen after it only."""
    await instance.hook("clock", seconds=3600)
    await instance.hook("vendors", number="V000007", VendorName="Slow to be saved Oy")
    vendors, mark, _ = await instance.read(Flow.VENDORS)
    assert mark is not None
    later_mark = reading._mark_of((parse_instant(mark) or datetime.now(UTC)) + timedelta(minutes=4))
    changed, _, _ = await instance.read(Flow.VENDORS, later_mark)
    assert "V000007" in changed
    assert len(vendors) == 40


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe"])
async def test_the_zone_that_stamps_are_told_in_does_not_matter(instance: Instance, zone: str) -> None:
    await instance.hook("preferences", time_zone=zone)
    _, mark, _ = await instance.read(Flow.VENDORS)
    await instance.hook("clock", seconds=3600)
    await instance.hook("vendors", number="V000007", VendorName="Renamed Oy")
    changed, _, _ = await instance.read(Flow.VENDORS, mark)
    assert "V000007" in changed
    assert mark is not None
    assert mark.endswith("Z")


async def test_the_mark_is_what_was_seen_and_not_the_time_now(instance: Instance) -> None:
    _, mark, _ = await instance.read(Flow.VENDORS)
    assert mark is not None
    assert (parse_instant(mark) or datetime.now(UTC)) < datetime.now(UTC) - timedelta(days=1)


async def test_what_changes_behind_a_long_read_comes_with_the_next(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was read early changes, and another that is read late bears a later stamp than that."""
    monkeypatch.setattr(reading, "RECORDS_PER_PAGE", 7)
    ticks = iter([0.0, 600.0])
    slow = Reader(instance.client, dimensions=(), today=lambda: datetime.now(UTC).date(), seconds=lambda: next(ticks))
    names, marks = dict[str, str](), list[str]()
    async for page in slow.read(Flow.VENDORS, since=None):
        if not names:
            await instance.hook("vendors", number="V000001", VendorName="Changed behind the read Oy")
            await instance.hook("clock", seconds=590)
            await instance.hook("vendors", number="V000040", VendorName="Read after it Oy")
        names |= {each.key: each.name for each in page.records if isinstance(each, Vendor)}
        marks += [page.mark] if page.mark else []
    assert (names["V000001"], names["V000040"]) == ("Baltic Print Oy", "Read after it Oy")
    changed, _, _ = await instance.read(Flow.VENDORS, marks[-1])
    assert {"V000001", "V000040"} <= set(changed)


def test_a_mark_never_goes_back_before_the_one_it_began_with() -> None:
    begin = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
    assert reading._mark_of(begin, begin, took=timedelta(hours=1)) == "2026-11-18T12:00:00.000Z"
    assert reading._mark_of(begin, None, took=timedelta(seconds=30)) == "2026-11-18T12:00:00.000Z"
    assert reading._mark_of(None, None) is None


async def test_a_mark_that_is_none_is_refused(instance: Instance) -> None:
    with pytest.raises(Refused):
        await instance.read(Flow.VENDORS, "yesterday")


# ------------------------------------------------------------------ orders


async def test_orders_with_their_lines_and_dimensions(instance: Instance) -> None:
    orders, mark, calls = await instance.read(Flow.PURCHASE_ORDERS)
    assert mark is not None
    assert calls <= 8
    assert sorted(orders) == sorted(await instance.keys(Flow.PURCHASE_ORDERS))
    first = next(iter(orders.values()))
    assert isinstance(first, PurchaseOrder)
    assert first.key == f"Normal/{first.number}"
    assert first.active
    assert first.vendor
    line = first.lines[0]
    assert line.quantity * line.unit_price == pytest.approx(line.net)
    assert line.account
    assert line.dimensions["Subaccount"] == f"{line.dimensions['Subaccount.1']}-{line.dimensions['subaccount.2']}"


async def test_nothing_changed_costs_two_calls(instance: Instance) -> None:
    for flow in (Flow.VENDORS, Flow.PURCHASE_ORDERS):
        _, mark, _ = await instance.read(flow)
        _, _, calls = await instance.read(flow, mark)
        assert calls <= 2


async def test_an_order_that_was_closed_comes_as_inactive(instance: Instance) -> None:
    orders, mark, _ = await instance.read(Flow.PURCHASE_ORDERS)
    key, order = next(iter(orders.items()))
    await instance.hook("clock", seconds=3600)
    await instance.hook("orders", number=order.number, status="closed")  # type: ignore[union-attr]
    changed, _, _ = await instance.read(Flow.PURCHASE_ORDERS, mark)
    assert not changed[key].active
    assert key not in await instance.keys(Flow.PURCHASE_ORDERS)


async def test_a_filter_that_answers_nothing_without_a_word_hides_no_order(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, mark, _ = await instance.read(Flow.PURCHASE_ORDERS)
    key, order = next(iter(orders.items()))
    await instance.hook("clock", seconds=3600)
    await instance.hook("orders", number=order.number, Description="Changed")  # type: ignore[union-attr]
    # As if the server did not apply the filter: rows exist, none comes.
    monkeypatch.setattr(reading, "_since", lambda begin: "OrderNbr eq 'none such'" if begin else "")
    changed, _, calls = await instance.read(Flow.PURCHASE_ORDERS, mark)
    assert key in changed
    assert calls > 2


async def test_orders_whose_lines_no_list_brings_are_read_one_by_one(instance: Instance) -> None:
    whole, _, _ = await instance.read(Flow.PURCHASE_ORDERS)
    await instance.hook("optimizer", entity="PurchaseOrder", field="Details", fails=True)
    again, _, _ = await instance.read(Flow.PURCHASE_ORDERS)
    assert again == whole


async def test_a_flow_that_it_does_not_have_is_told(instance: Instance) -> None:
    with pytest.raises(Refused):
        await instance.read(Flow.STATUSES)
