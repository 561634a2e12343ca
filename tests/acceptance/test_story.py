"""The trading company's whole set with Business Central, on the embedded PostgreSQL and on one given by its address."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acceptance.simulated import Simulated
from acceptance.story import REASONS, Expectations, Joined, Story, join, taxed_by_code

pytestmark = pytest.mark.xdist_group("acceptance-story")

EXPECTATIONS = Expectations(
    code="1000",
    reasons=REASONS,
    total=taxed_by_code,
    orders=frozenset({"Open", "Draft", "In Review"}),
    reads={
        "/taxGroups": "tax-codes",
        r"/accounts\?": "accounts",
        "/dimensions": "dimensions",
        r"/paymentTerms\?\$select=id,code,displayName": "payment-terms",
        "/paymentTerms": "vendors",
        "/vendors": "vendors",
        "/purchaseOrders": "purchase-orders",
        "/purchaseInvoices": "payments",
        "/purchaseCreditMemos": "payments",
    },
    most_reads={},
)


@pytest.fixture(scope="module", params=["embedded", "given"])
def joined(
    request: pytest.FixtureRequest,
    systems: Simulated,
    new_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Joined:
    """After the first run."""
    home = tmp_path_factory.mktemp(request.param) / "home"
    url = new_database() if request.param == "given" else None
    return join(systems, EXPECTATIONS, home, url, starts_anew=True)


class TestBusinessCentral(Story):
    """All of it."""
