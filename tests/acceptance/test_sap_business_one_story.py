"""The trading company's whole set with SAP Business One, and what happens there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import ClassVar

import pytest

from acceptance.afterwards import Afterwards
from acceptance.simulated import Simulated
from acceptance.story import REASONS, Expectations, Joined, Story, join, taxed_by_line
from simulation.ledgers import SAP_BUSINESS_ONE

pytestmark = pytest.mark.xdist_group("acceptance-sap")

CODES = [str(code) for code in range(2001, 2021)]

EXPECTATIONS = Expectations(
    code="2000",
    # It takes numbers of up to 100 characters.
    reasons={case: reason for case, reason in REASONS.items() if case != "number-too-long"},
    total=taxed_by_line,
    orders=frozenset({"Open"}),
    reads={
        "/(?:VatGroups|CompanyService_GetCompanyInfo)": "tax-codes",
        "/ChartOfAccounts": "accounts",
        "/(?:DistributionRules|ProfitCenters|Projects|Dimensions)": "dimensions",
        "/PaymentTermsTypes": "payment-terms",
        "/BusinessPartners": "vendors",
        "/Purchase(?:Orders|DeliveryNotes)": "purchase-orders",
        "/(?:PurchaseInvoices|PurchaseCreditNotes|VendorPayments)": "payments",
    },
    # Vendors and orders come with all that hangs on them, a hundred a page; receipts of vendors named, thirty a read.
    most_reads={"vendors": 4, "purchase-orders": 10},
)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """Basware and SAP Business One, simulated."""
    started = Simulated(tmp_path_factory.mktemp("systems") / "log", SAP_BUSINESS_ONE)
    yield started
    started.close()


@pytest.fixture(scope="module")
def joined(systems: Simulated, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """After the first run."""
    return join(systems, EXPECTATIONS, tmp_path_factory.mktemp("story") / "home", new_database())


class TestSapBusinessOne(Story):
    """All of it."""


class TestSapBusinessOneAfterwards(Afterwards):
    """All of it."""

    tells_parts = True
    tolerated = Decimal("0.02")
    refusal: ClassVar[Mapping[str, str]] = {
        "path": "/PurchaseInvoices$",
        "body": '{"error": {"code": "-1116", "message": "(200019) An extension says no."}}',
    }
