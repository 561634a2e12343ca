"""Acumatica: subaccounts whole and in segments, projects and tasks, dates and periods (dossier 9.1, 9.4, 9.11)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from conformance.acumatica import AcumaticaBench, bench_of
from conformance.reading import read_all
from conformance.settling import register_of
from conformance.stage import assert_stands_as_said, bill_of, draft_of, line_of, only, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.side import DimensionRule
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, BillStatus
from ml_connector.records.master_data import DimensionValue
from ml_connector.records.reason import Reason

RULES = (
    DimensionRule("costCenterCode", "Subaccount"), DimensionRule("dimCode1", "Subaccount.2"),
    DimensionRule("projectCode", "Project"), DimensionRule("dimCode2", "ProjectTask"),
)  # fmt: skip


@pytest.fixture
async def bench() -> AsyncIterator[AcumaticaBench]:
    async with bench_of() as made:
        made.rules = RULES
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


def coded(bench: AcumaticaBench, number: str = "C-1", **dimensions: str) -> Bill:
    """A bill of one line; `Subaccount_2` stands for its segment."""
    named = {name.replace("_", "."): value for name, value in dimensions.items()}
    return bill_of(bench, number, lines=(line_of(bench, dimensions=named),))


async def row_of(bench: AcumaticaBench) -> dict[str, Any]:
    """The one line of the one bill."""
    (bill,) = await bench.rows()
    (line,) = bill["rows"]
    return line


async def reasons_of(ledger: Ledger, bill: Bill) -> list[Reason]:
    return [each.reason for each in (await ledger.check([bill]))[bill.key]]


def project_of(bench: AcumaticaBench, *, blocked: bool = False) -> str:
    """A project that is active, or one that is not."""
    values = [each for each in bench.company.dimension_values if each.dimension == "PROJECT"]
    return next(each.code for each in values if bool(each.blocked) is blocked)


# ------------------------------------------------------------------ subaccounts


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ({"Subaccount": "D010-A01"}, "D010-A01"),
        ({"Subaccount": "d010a01"}, "D010-A01"),
        ({"Subaccount": "D010-000", "Subaccount.2": "A02"}, "D010-A02"),
        ({"Subaccount.2": "A02"}, "0000-A02"),
        ({}, "0000-000"),
    ],
    ids=["whole", "without separators", "whole and a segment", "a segment", "none"],
)
async def test_a_line_carries_the_subaccount_that_was_said(
    bench: AcumaticaBench, ledger: Ledger, said: Mapping[str, str], stored: str
) -> None:
    bill = bill_of(bench, "C-1", lines=(line_of(bench, dimensions=said),))
    assert await ledger.check([bill]) == {bill.key: ()}
    await posted_of(ledger, bill)
    assert (await row_of(bench))["subaccount"] == stored


@pytest.mark.parametrize("said", [{"Subaccount": "D010-A99"}, {"Subaccount": "NOPE"}, {"Subaccount.2": "A99"}])
async def test_a_subaccount_that_is_not_there_is_found_beforehand(
    bench: AcumaticaBench, ledger: Ledger, said: Mapping[str, str]
) -> None:
    bill = bill_of(bench, "C-1", lines=(line_of(bench, dimensions=said),))
    (finding,) = (await ledger.check([bill]))[bill.key]
    assert finding.reason is Reason.DIMENSION_UNKNOWN
    assert next(iter(said.values())) in finding.subject
    with pytest.raises(Refused):
        await ledger.create(bill)
    assert await bench.bills() == []


async def test_a_combination_that_is_new_is_taken_as_soon_as_it_is_there(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = coded(bench, Subaccount="D999-A01")
    assert await reasons_of(ledger, bill) == [Reason.DIMENSION_UNKNOWN]
    await bench.hook("dimension-values", dimension="Subaccount", code="D999-A01", name="New department")
    assert await reasons_of(ledger, bill) == []
    await posted_of(ledger, bill)
    assert (await row_of(bench))["subaccount"] == "D999-A01"


# ------------------------------------------------------------------ projects


async def test_a_project_and_its_task_are_carried(bench: AcumaticaBench, ledger: Ledger) -> None:
    project = project_of(bench)
    bill = coded(bench, Project=project.lower(), ProjectTask="01")
    await posted_of(ledger, bill)
    line = await row_of(bench)
    assert (line["project"], line["projectTask"]) == (project, "01")


async def test_a_project_without_a_task_takes_its_default_one(bench: AcumaticaBench, ledger: Ledger) -> None:
    project = project_of(bench)
    bill = coded(bench, Project=project)
    await posted_of(ledger, bill)
    line = await row_of(bench)
    assert (line["project"], line["projectTask"]) == (project, "01")  # the project's default one


@pytest.mark.parametrize(
    ("task", "reason"), [("99", Reason.DIMENSION_UNKNOWN), ("01", Reason.DIMENSION_BLOCKED)], ids=["no task", "blocked"]
)
async def test_a_project_that_takes_no_bills_is_found_beforehand(
    bench: AcumaticaBench, ledger: Ledger, task: str, reason: Reason
) -> None:
    project = project_of(bench, blocked=reason is Reason.DIMENSION_BLOCKED)
    bill = coded(bench, Project=project, ProjectTask=task)
    assert await reasons_of(ledger, bill) == [reason]
    assert await reasons_of(ledger, coded(bench, "C-2", Project="PX404")) == [Reason.DIMENSION_UNKNOWN]
    assert await reasons_of(ledger, coded(bench, "C-3", ProjectTask="01")) == [Reason.DIMENSION_MISSING]


async def test_every_value_that_is_offered_can_be_posted(bench: AcumaticaBench, ledger: Ledger) -> None:
    records, _ = await read_all(ledger, Flow.DIMENSIONS)
    values = [each for each in records if isinstance(each, DimensionValue)]
    assert {each.dimension for each in values} == {rule.erp for rule in RULES}
    assert len({each.key for each in values}) == len(values)
    usable = [each for each in values if each.dimension == "Subaccount.2" and each.active][:8]
    lines = tuple(line_of(bench, dimensions={each.dimension: each.code}) for each in usable)
    bill = bill_of(bench, "C-1", lines=lines)
    assert await ledger.check([bill]) == {bill.key: ()}
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)


# ------------------------------------------------------------------ dates, periods, sums


async def test_a_late_bill_keeps_its_own_date_and_goes_into_the_open_period(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    today = bench.facts.open_day
    bill = bill_of(bench, "C-1", invoice_date=bench.facts.closed_day, posting_date=today)
    assert await ledger.check([bill]) == {bill.key: ()}
    posted = await posted_of(ledger, bill)
    (row,) = await bench.rows()
    assert (row["invoiceDate"], row["period"]) == (bench.facts.closed_day.isoformat(), f"{today:%m%Y}")
    first = today.replace(day=1)
    assert {each.id for each in (await register_of(ledger, first, today)).values()} == {posted.id}
    assert await register_of(ledger, bench.facts.closed_day, first - timedelta(days=1)) == {}


async def test_a_bill_of_nothing_is_over_once_it_is_released(bench: AcumaticaBench, ledger: Ledger) -> None:
    lines = (line_of(bench), line_of(bench, net=Decimal("-100.00")))
    bill = bill_of(bench, "C-1", lines=lines)
    posted = await ledger.post(bill, await draft_of(ledger, bill))
    assert (posted.status, posted.gross) == (BillStatus.PAID, 0)
    assert (await ledger.post(bill, posted)).id == posted.id
    assert (await only(bench, bill)).is_posted


async def test_a_supplier_that_is_billed_in_one_currency_only_is_told_of(bench: AcumaticaBench, ledger: Ledger) -> None:
    await bench.hook("vendors", number=bench.facts.vendor, EnableCurrencyOverride=False)
    bill = bill_of(bench, "C-1", currency="USD")
    (finding,) = (await ledger.check([bill]))[bill.key]
    assert finding.reason is Reason.SETUP_INCOMPLETE
    assert bench.facts.vendor in finding.subject
    await posted_of(ledger, replace(bill, key="other", currency="EUR"))


async def test_a_supplier_whose_payments_are_on_hold_is_still_billed(bench: AcumaticaBench, ledger: Ledger) -> None:
    await bench.hook("vendors", number=bench.facts.vendor, Status="Hold Payments")
    bill = bill_of(bench, "C-1")
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)
