"""The trading company's whole set with Epicor Kinetic, and what happens there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from acceptance.afterwards import VENDORS, Afterwards, Household, Small, assert_said_in_words, connected, matched
from acceptance.simulated import Fields, Simulated, invoices_of
from acceptance.story import REASONS, Expectations, Joined, Story, failed_step, join, serve, taxed_by_code
from ml_connector.sandbox.epicor_kinetic import API_KEY, USERNAME, company_id
from simulation.ledgers import DRAFT, EPICOR_KINETIC, POSTED
from simulation.systems import call

pytestmark = pytest.mark.xdist_group("acceptance-epicor")

CODES = [str(code) for code in range(4001, 4036)]
SERVED = "4101"
BASIC = {"client_id": "", "client_secret": "", "token_url": "", "username": USERNAME}
"""Settings of a user with a password where there was a client of an identity provider."""

EXPECTATIONS = Expectations(
    code="4000",
    # It takes numbers of up to 50 characters.
    reasons={case: reason for case, reason in REASONS.items() if case != "number-too-long"},
    total=taxed_by_code,
    orders=frozenset({"Open"}),
    reads={
        r"/TaxCats\?": "tax-codes",
        r"/COASegValues\?.*SegmentNbr%20eq%201": "accounts",
        r"/COA(?:SegValues|s|Segments)\?": "dimensions",
        r"/PurTerms\?": "payment-terms",
        r"/Vend(?:or|Bank)s\?": "vendors",
        r"/(?:POes|RcvDtls)\?|POSvc/GetByID": "purchase-orders",
        r"/(?:APTranSearches|APInvoices|PaymentEntries)\?": "payments",
    },
    # Lists come by a hundred, suppliers with their bank accounts; bills that were just posted are looked into, some a
    # read; of orders and receipts what changed and what is left.
    most_reads={"vendors": 8, "accounts": 3, "dimensions": 3, "payments": 8, "purchase-orders": 4},
    tells_blocked_values=True,
)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """Basware and Epicor Kinetic, simulated."""
    started = Simulated(tmp_path_factory.mktemp("systems") / "log", EPICOR_KINETIC)
    yield started
    started.close()


@pytest.fixture(scope="module")
def joined(systems: Simulated, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """After the first run."""
    return join(systems, EXPECTATIONS, tmp_path_factory.mktemp("story") / "home", new_database())


class TestEpicorKinetic(Story):
    """All of it."""


class TestEpicorKineticAfterwards(Afterwards):
    """All of it."""

    tells_parts = True
    tolerated = Decimal(0)
    refusal: ClassVar[Fields] = {
        "path": "/UpdateMaster$",
        "body": '{"HttpStatus": 400, "ReasonPhrase": "REST API Exception", "ErrorMessage": "An extension says no.",'
        ' "ErrorType": "Ice.Common.BusinessObjectException"}',
    }


# ------------------------------------------------------------------ its groups and their posting


def kept_back(small: Small) -> tuple[Fields, Fields]:
    """An invoice whose posting broke down, and its bill."""
    (document,) = small.approve(1)
    small.systems.in_ledger("posting", small.code, task="Error")
    held = small.run("invoices")
    assert (held.code, held.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert (row["status"], row["reason"]) == ("held", "not released")
    assert "could not be released" in row["message"]
    assert "unexpected error" in small.product.well("trail", document["invoiceId"], "--full", "--json").out
    assert small.document(document["invoiceNumber"])["transferResponses"] == []
    (saved,) = small.bills()
    assert (saved["standing"], saved["status"], saved["posted"]) == (DRAFT, "held", False)
    (group,) = groups(small)
    assert (group["group"], group["user"], group["invoices"]) == (saved["group"], "", [document["invoiceNumber"]])
    small.systems.in_ledger("posting", small.code, task="Complete")
    return document, saved


def groups(small: Small) -> list[Fields]:
    """Those that are there: one that was posted is gone."""
    return small.systems.in_ledger("groups", small.code)["groups"]


def test_a_bill_that_cannot_be_posted_stays_entered_and_held_and_is_the_one_that_is_posted_then(small: Small) -> None:
    document, saved = kept_back(small)
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    (bill,) = small.bills()
    assert (bill["standing"], bill["id"], bill["held"]) == (POSTED, saved["id"], False)
    assert small.document(document["invoiceNumber"])["voucherNumber1"] == bill["number"]
    assert groups(small) == []


def test_a_bill_that_somebody_posted_meanwhile_is_told_and_made_no_second_time(small: Small) -> None:
    document, saved = kept_back(small)
    small.systems.in_ledger("bill", small.code, id=saved["id"], InvoiceHeld=False)
    small.systems.in_ledger("groups", small.code, post=saved["group"])
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    assert [(each["standing"], each["id"]) for each in small.bills()] == [(POSTED, saved["id"])]


def test_a_bill_that_somebody_coded_otherwise_meanwhile_is_put_right_before_it_is_posted(small: Small) -> None:
    document, saved = kept_back(small)
    small.systems.in_ledger("coded", small.code, id=saved["id"], account="")
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    (bill,) = small.bills()
    assert (bill["standing"], bill["id"]) == (POSTED, saved["id"])
    assert coded(bill) == [stored_form(row) for row in document["codingRows"]]


def coded(bill: Fields) -> list[str]:
    """The accounts of a bill's rows."""
    return [row["glAccount"] for row in bill["rows"]]


def stored_form(row: Fields) -> str:
    """The account that Basware's coding row means."""
    return "|".join((row["accountCode"], row["costCenterCode"] or "", row.get("dimCode1") or "")).rstrip("|")


@pytest.mark.parametrize("coding", ["lost", "kept"])
def test_every_row_has_its_account_whatever_the_server_makes_of_the_first_save(small: Small, coding: str) -> None:
    small.systems.in_ledger("coding", small.code, coding=coding, default_account="")
    documents = {each["invoiceNumber"]: each for each in small.approve(4)}
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 4), said
    saves = [path for method, path in small.systems.calls() if method == "POST" and path.endswith("/UpdateMaster")]
    assert len([path for path in saves if company_id(small.code) in path]) == 4 * (3 if coding == "lost" else 2)
    for bill in small.bills():
        rows = documents[bill["vendorInvoiceNumber"]]["codingRows"]
        assert coded(bill) == [stored_form(row) for row in rows]


def test_invoices_of_a_run_share_a_group_of_the_day_where_that_is_wanted(small: Small, tmp_path: Path) -> None:
    with connected(small.household, small.code, tmp_path, name=small.name, invoice_groups="run"):
        small.approve(6)
        said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 6), said
    bills = small.bills()
    assert {each["standing"] for each in bills} == {POSTED}
    # While one of the day's groups is being posted the next one is written into.
    day = f"{small.systems.today:%y%m%d}"
    assert {each["group"] for each in bills} <= {f"M{first}{day}" for first in "L23456789"}
    assert len({each["group"] for each in bills}) < len(bills)
    assert groups(small) == []


def test_a_period_that_is_closed_is_said_and_posted_to_once_it_is_open(small: Small) -> None:
    (document,) = small.approve(1)
    year = small.systems.today.year
    small.systems.in_ledger("period", small.code, **{"from": f"{year + 1}-01-01", "to": f"{year + 1}-12-31"})
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (1, 0)
    assert small.rows()[document["invoiceNumber"]]["reason"] == "period closed"
    assert (small.bills(), groups(small)) == ([], [])

    small.systems.in_ledger("period", small.code, **{"from": f"{year - 1}-01-01", "to": f"{year + 1}-12-31"})
    small.systems.transfer_again(document["invoiceId"])
    again = small.run("invoices")
    assert (again.code, again.flow("invoices")["posted"]) == (0, 1), again
    assert [each["standing"] for each in small.bills()] == [POSTED]


# ------------------------------------------------------------------ its orders and suppliers


def test_an_invoice_that_was_matched_is_taken_from_the_receipt_and_the_order(small: Small) -> None:
    first, second = invoices_of(small.code, 2, vendors=VENDORS)
    line = {"line": 1, "quantity": 10, "price": 12.5, "tax": "VAT24", "account": "5045|D010|A01"}
    order = small.systems.in_ledger(
        "orders", small.code, vendor=first["supplierCode"], currency=first["currencyCode"], lines=[line],
        receive={"1/1": 4},
    )  # fmt: skip
    supplier = {name: first[name] for name in ("supplierCode", "supplierName", "currencyCode")}
    number = str(order["number"])
    small.systems.approve([matched(first, number, quantity=4, net="50.00")])
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1), said
    (bill,) = small.bills()
    assert (Decimal(str(bill["net"])), Decimal(str(bill["total"]))) == (Decimal(50), Decimal(62))
    (row,) = bill["rows"]
    assert (row["type"], row["order"], Decimal(str(row["quantity"]))) == ("R", f"{number}/1/1", Decimal(4))

    small.systems.approve([{**matched(second, number, quantity=9, net="112.50"), **supplier}])
    too_many = small.run("invoices")
    assert (too_many.code, too_many.flow("invoices")["posted"]) == (1, 0)
    row = small.rows()[second["invoiceNumber"]]
    assert row["reason"] == "order differs"
    assert "9 are invoiced" in row["message"]
    assert small.bills() == [bill]


def test_a_supplier_that_was_deactivated_is_said_in_plain_words_until_it_is_active_again(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    (document,) = small.approve(1)
    vendor = document["supplierCode"]
    small.systems.in_ledger("vendors", small.code, number=vendor, Inactive=True)
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["rejected"]) == (1, 1)
    (answer,) = small.document(document["invoiceNumber"])["transferResponses"]
    assert (answer["success"], vendor in answer["responseMessage"]) == (False, True)
    assert small.rows()[document["invoiceNumber"]]["reason"] == "vendor blocked"
    assert small.bills() == []

    small.systems.in_ledger("vendors", small.code, number=vendor, Inactive=False)
    small.systems.transfer_again(document["invoiceId"])
    assert small.run("invoices").code == 0
    assert [each["standing"] for each in small.bills()] == [POSTED]


# ------------------------------------------------------------------ its set-up


@pytest.mark.parametrize(
    ("name", "changes", "step", "words"),
    [
        ("wrong-secret", {"client_secret": "not-the-secret"}, "sign in", "Client id or secret is wrong"),
        ("wrong-scope", {"scope": "everything"}, "sign in", "may not ask for this scope"),
        ("wrong-password", {**BASIC, "password": "not-the-secret"}, "sign in", "User or password is wrong"),
        ("wrong-key", {"api_key": "not-the-secret"}, "sign in", "API Key Maintenance"),
        ("wrong-company", {"company": "EPIC9999"}, "company", "exact spelling"),
        ("no-host", {"base_url": "http://127.0.0.1:1/KineticLive"}, "reach", "base_url"),
    ],
)
def test_a_wrong_set_up_is_said_in_words(
    household: Household, tmp_path: Path, name: str, changes: dict[str, str], step: str, words: str
) -> None:
    with connected(household, CODES[-1], tmp_path, name=name, **changes) as product:
        error = assert_said_in_words(product, name, side=EPICOR_KINETIC.name, step=step, advice=words)
        assert EPICOR_KINETIC.name in error
        assert API_KEY not in error


@pytest.mark.parametrize(
    ("setting", "step", "words"),
    [("site", "site", "Set site to one of the IDs"), ("chart", "chart", "Set chart to one of the codes")],
)
def test_a_site_or_a_chart_that_is_none_is_found_by_the_connection_test(
    household: Household, tmp_path: Path, setting: str, step: str, words: str
) -> None:
    with connected(household, CODES[-1], tmp_path, name=f"wrong-{setting}", **{setting: "NOWHERE"}) as product:
        told = failed_step(product, f"wrong-{setting}")
        assert (told["step"], words in told["advice"], "NOWHERE" in told["detail"]) == (step, True, True)


def test_a_user_with_a_password_posts_as_well(small: Small, tmp_path: Path) -> None:
    small.approve(1)
    with connected(small.household, small.code, tmp_path, name=small.name, **BASIC, password="${env:EPICOR_PASSWORD}"):
        assert small.run("invoices").code == 0
    assert [(each["standing"], each["enteredBy"]) for each in small.bills()] == [(POSTED, USERNAME)]


def test_rights_that_are_missing_are_named_with_their_methods_and_cost_nothing(
    small: Small, systems: Simulated
) -> None:
    (document,) = small.approve(1)
    try:
        _permit(systems, "Erp.BO.APInvoice", allowed=False)
        told = failed_step(small.product, small.name)
        assert told["step"] == "rights"
        assert "Erp.BO.APInvoice" in told["detail"]
        assert "Method Security Maintenance" in told["advice"]
        said = small.run("invoices")
        assert (said.code, said.flow("invoices")["posted"]) == (1, 0)
        assert API_KEY not in str(said)
        assert small.bills() == []
    finally:
        _permit(systems, "Erp.BO.APInvoice", allowed=True)
    small.make_due()
    again = small.run("invoices")
    assert (again.code, again.flow("invoices")["posted"]) == (0, 1), again
    assert [each["vendorInvoiceNumber"] for each in small.bills()] == [document["invoiceNumber"]]


def _permit(systems: Simulated, what: str, *, allowed: bool) -> None:
    call("POST", f"{systems.ledger}/_sandbox/rights", {"object": what, "allowed": allowed})


def test_a_key_whose_access_scope_is_too_narrow_is_told(small: Small, systems: Simulated) -> None:
    narrow = ["Erp.BO.CompanySvc", "Erp.BO.COASvc", "Erp.BO.VendorSvc"]
    told = _with_key(small, systems, "scope", services=narrow, back={"services": None})
    assert told["step"] == "rights"
    assert "Erp.BO.APInvoiceSvc" in told["detail"]
    assert "Access Scope Maintenance" in told["advice"]


def test_a_key_that_ran_out_is_told_and_repeated_nowhere(small: Small, systems: Simulated) -> None:
    told = _with_key(small, systems, "key", expires="2020-01-01", back={})
    assert (told["step"], "API Key Maintenance" in told["advice"]) == ("sign in", True)
    assert API_KEY not in str(told)


def _with_key(small: Small, systems: Simulated, page: str, *, back: Fields, **asked: Any) -> Fields:
    """What a connection test says while the API key is so."""
    try:
        call("POST", f"{systems.ledger}/_sandbox/{page}", asked)
        return failed_step(small.product, small.name)
    finally:
        call("POST", f"{systems.ledger}/_sandbox/{page}", back)


# ------------------------------------------------------------------ served


def test_the_service_posts_what_is_notified_and_tells_of_it(
    systems: Simulated, new_database: Callable[[], str], tmp_path: Path
) -> None:
    def expire() -> None:
        call("POST", f"{systems.ledger}/_sandbox/expire-tokens", {})

    serve(systems, tmp_path / "home", new_database(), SERVED, between=expire)
