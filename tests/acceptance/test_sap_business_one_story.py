"""The trading company's whole set with SAP Business One, and what happens there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from acceptance.afterwards import VENDORS, Afterwards, Household, Small, assert_said_in_words, connected, matched
from acceptance.simulated import Fields, Simulated, invoices_of
from acceptance.story import REASONS, Expectations, Joined, Story, failed_step, join, serve, taxed_by_line
from ml_connector.sandbox.sap_business_one import USERNAME, company_db
from simulation.ledgers import DRAFT, POSTED, SAP_BUSINESS_ONE
from simulation.systems import request

pytestmark = pytest.mark.xdist_group("acceptance-sap")

CODES = [str(code) for code in range(2001, 2023)]
SERVED = "2101"

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
    refusal: ClassVar[Fields] = {
        "path": "/PurchaseInvoices$",
        "body": '{"error": {"code": "-1116", "message": "(200019) An extension says no."}}',
    }


# ------------------------------------------------------------------ its approval procedure


def waiting(small: Small) -> tuple[Fields, str]:
    """An invoice that an approval procedure has kept, and the draft's id."""
    (document,) = small.approve(1)
    small.systems.in_ledger("approval", small.code, enabled=True)
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert (row["status"], row["reason"], row["erp_number"]) == ("held", "awaits approval", None)
    assert "goes on by itself" in row["message"]
    assert small.document(document["invoiceNumber"])["transferResponses"] == []
    (draft,) = small.bills()
    assert draft["standing"] == DRAFT
    return document, draft["id"]


def test_a_bill_that_was_approved_is_posted_once_and_told(small: Small) -> None:
    document, draft = waiting(small)
    small.make_due()
    still = small.run("invoices")
    assert still.flow("invoices")["posted"] == 0
    assert [each["standing"] for each in small.bills()] == [DRAFT]
    small.systems.in_ledger("approve", small.code, draft=draft)
    small.make_due()
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1)
    (bill,) = small.bills()
    there = small.document(document["invoiceNumber"])
    assert (bill["standing"], there["processingStatus"]) == (POSTED, "Transferred")
    assert there["voucherNumber1"] == bill["number"] == small.rows()[document["invoiceNumber"]]["erp_number"]
    assert [each["success"] for each in there["transferResponses"]] == [True]


def test_a_person_need_not_wait_for_the_next_look_at_an_approval(small: Small) -> None:
    document, draft = waiting(small)
    small.systems.in_ledger("approve", small.code, draft=draft)
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    assert [each["standing"] for each in small.bills()] == [POSTED]


def test_a_bill_that_was_rejected_goes_back_with_its_reason_and_can_come_again(small: Small) -> None:
    document, draft = waiting(small)
    small.systems.in_ledger("reject", small.code, draft=draft)
    small.make_due()
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["rejected"]) == (1, 1)
    there = small.document(document["invoiceNumber"])
    (answer,) = there["transferResponses"]
    assert (answer["success"], there["processingStatus"]) == (False, "TransferFailed")
    assert "turned down in the ledger's own approval" in answer["responseMessage"]
    assert small.rows()[document["invoiceNumber"]]["reason"] == "approval refused"
    assert [each for each in small.bills() if each["standing"] == POSTED] == []

    small.systems.in_ledger("approval", small.code, enabled=False)
    small.systems.transfer_again(document["invoiceId"])
    assert small.run("invoices").code == 0
    assert [each["standing"] for each in small.bills()] == [POSTED]
    answers = small.document(document["invoiceNumber"])["transferResponses"]
    assert [each["success"] for each in answers] == [False, True]


def test_another_total_after_posting_is_held_for_a_person_who_links_it(small: Small) -> None:
    document, draft = waiting(small)
    # Meanwhile the law changes, and what is added is taxed anew.
    rate = [{"Effectivefrom": small.systems.today.replace(day=1, month=1).isoformat(), "Rate": 25.5}]
    for code in ("VAT24", "VAT14", "VAT10", "VAT0"):
        small.systems.in_ledger("records", small.code, set="VatGroups", key=code, VatGroups_Lines=rate)
    small.systems.in_ledger("approve", small.code, draft=draft)
    small.make_due()
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert (row["status"], row["reason"]) == ("held", "posted otherwise")
    (bill,) = small.bills()
    assert bill["number"] in row["message"]
    assert small.document(document["invoiceNumber"])["transferResponses"] == []

    linked = small.product.run("link", document["invoiceId"], bill["number"], "--json")
    assert (linked.code, linked.json["status"], linked.json["erp_number"]) == (0, "transferred", bill["number"])
    assert small.bills() == [bill]
    assert small.document(document["invoiceNumber"])["voucherNumber1"] == bill["number"]


# ------------------------------------------------------------------ its orders


def test_an_invoice_that_was_matched_is_based_on_the_receipt_and_the_order(small: Small) -> None:
    first, second = invoices_of(small.code, 2, vendors=VENDORS)
    order = small.systems.in_ledger(
        "orders", small.code, CardCode=first["supplierCode"], DocType="dDocument_Items", receive={"0": 4},
        DocumentLines=[{"ItemCode": "I0001", "Quantity": 10, "UnitPrice": 12.5, "VatGroup": "VAT24"}],
    )  # fmt: skip
    supplier = {name: first[name] for name in ("supplierCode", "supplierName")}
    small.systems.approve([matched(first, order["number"], quantity=6, net="75.00")])
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1), said
    (bill,) = small.bills()
    assert (Decimal(str(bill["net"])), Decimal(str(bill["total"]))) == (Decimal(75), Decimal(93))
    bases = [(row["base"].partition(":")[0], Decimal(str(row["quantity"]))) for row in bill["rows"]]
    assert bases == [("20", Decimal(4)), ("22", Decimal(2))]
    assert [row["item"] for row in bill["rows"]] == ["I0001", "I0001"]

    small.systems.approve([{**matched(second, order["number"], quantity=5, net="62.50"), **supplier}])
    too_many = small.run("invoices")
    assert (too_many.code, too_many.flow("invoices")["posted"]) == (1, 0)
    row = small.rows()[second["invoiceNumber"]]
    assert "5 are invoiced" in row["message"]
    assert "4 are open" in row["message"]
    assert small.bills() == [bill]


# ------------------------------------------------------------------ its set-up


@pytest.fixture
def unlocked(systems: Simulated) -> Iterator[None]:
    """Wrong passwords are forgotten at the end: three lock the user for everybody."""
    yield
    systems.in_ledger("login", "2000")


@pytest.mark.usefixtures("unlocked")
@pytest.mark.parametrize(
    ("name", "changes", "step", "words"),
    [
        ("wrong-password", {"password": "not-the-secret"}, "sign in", "User or password is wrong"),
        ("wrong-company", {"company_db": "SBO_NOBODY"}, "sign in", "company_db"),
        ("wrong-user", {"username": "nobody"}, "sign in", "both are case sensitive"),
        ("no-host", {"base_url": "http://127.0.0.1:1/b1s/v2"}, "reach", "base_url"),
    ],
)
def test_a_wrong_set_up_is_said_in_words(
    household: Household, tmp_path: Path, name: str, changes: dict[str, str], step: str, words: str
) -> None:
    with connected(household, CODES[-1], tmp_path, name=name, **changes) as product:
        error = assert_said_in_words(product, name, side=SAP_BUSINESS_ONE.name, step=step, advice=words)
        assert SAP_BUSINESS_ONE.name in error


@pytest.mark.usefixtures("unlocked")
def test_a_user_that_wrong_passwords_have_locked_is_said_to_be_locked(household: Household) -> None:
    wrong = {"CompanyDB": company_db(CODES[0]), "UserName": USERNAME, "Password": "a guess"}
    for _ in range(3):
        assert request("POST", f"{household.systems.ledger}/b1s/v2/Login", wrong)[0] == 401
    told = failed_step(household.product, f"acme-{CODES[0]}")
    assert (told["step"], "unlocked" in told["advice"]) == ("sign in", True)


def test_a_company_with_branches_wants_one_named(small: Small, tmp_path: Path) -> None:
    small.systems.in_ledger("branches", small.code, enabled=True)
    (document,) = small.approve(1)
    failed = failed_step(small.product, small.name)
    assert failed["step"] == "branch"
    assert "Set branch to the number" in failed["advice"]
    held = small.run("invoices")
    assert (held.code, held.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert row["reason"] == "set-up incomplete"
    assert "the company has branches, and the connection names none" in row["message"]
    assert small.bills() == []
    with connected(small.household, small.code, tmp_path, name=small.name, branch="77") as product:
        unknown = failed_step(product, small.name)
        assert (unknown["step"], "no branch 77" in unknown["detail"]) == ("branch", True)
    with connected(small.household, small.code, tmp_path, name=small.name, branch="1") as product:
        again = product.run("replay", document["invoiceNumber"], "--json")
        assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    assert [each["branch"] for each in small.bills()] == [1]


# ------------------------------------------------------------------ served


def test_the_service_posts_what_is_notified_and_tells_of_it(
    systems: Simulated, new_database: Callable[[], str], tmp_path: Path
) -> None:
    serve(systems, tmp_path / "home", new_database(), SERVED)
