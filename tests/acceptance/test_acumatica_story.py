"""The trading company's whole set with Acumatica, and what happens there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from acceptance.afterwards import VENDORS, Afterwards, Household, Small, assert_said_in_words, connected, matched
from acceptance.product import query
from acceptance.simulated import Fields, Simulated, invoices_of
from acceptance.story import REASONS, Expectations, Joined, Story, failed_step, join, serve, taxed_by_code
from ml_connector.sandbox.acumatica import PASSWORD, SITE, USERNAME, client_id, tenant_of
from simulation.ledgers import ACUMATICA, CANCELLED, DRAFT, POSTED
from simulation.systems import call, request

pytestmark = pytest.mark.xdist_group("acceptance-acumatica")

CODES = [str(code) for code in range(3001, 3031)]
SERVED = "3101"
NOBODY = client_id("3000").replace("Acme3000", "Nobody")

EXPECTATIONS = Expectations(
    code="3000",
    reasons=REASONS,
    total=taxed_by_code,
    orders=frozenset({"Open"}),
    reads={
        "/Tax(?:Category|Zone)?[/?]": "tax-codes",
        r"/Account\?": "accounts",
        "/(?:Subaccount|Project|ProjectTask)[/?]": "dimensions",
        "/CreditTerms": "payment-terms",
        "/Vendor": "vendors",
        "/Purchase(?:Order|Receipt)": "purchase-orders",
        "/(?:Bill|Check)": "payments",
    },
    # Orders are told apart by their headers first; those that were billed a moment ago are read whole, some a read.
    most_reads={"purchase-orders": 6},
    tells_blocked_values=True,
)


class Hastened(Simulated):
    """Releases are over at once: the product waits a second for those that go on by themselves."""

    def __init__(self, log: Path) -> None:
        super().__init__(log, ACUMATICA)
        self.hasten()

    def reset(self) -> None:
        """Back to the first day, but for that."""
        super().reset()
        self.hasten()

    def hasten(self) -> None:
        """So from now on."""
        self.switch("actions", immediate=True)

    def switch(self, page: str, **asked: Any) -> Any:
        """Sets something of the whole instance."""
        return call("POST", f"{self.ledger}/_sandbox/{page}", asked)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hastened]:
    """Basware and Acumatica, simulated."""
    started = Hastened(tmp_path_factory.mktemp("systems") / "log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def joined(systems: Hastened, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """After the first run."""
    return join(systems, EXPECTATIONS, tmp_path_factory.mktemp("story") / "home", new_database())


class TestAcumatica(Story):
    """All of it."""


class TestAcumaticaAfterwards(Afterwards):
    """All of it."""

    tells_parts = True
    tolerated = Decimal(0)
    refusal: ClassVar[Fields] = {
        "method": "PUT",
        "path": r"/Bill\?",
        "status": 422,
        "body": '{"id": "0", "Vendor": {"value": "V1"}, "error": "An extension says no."}',
    }


# ------------------------------------------------------------------ its release


@pytest.fixture
def slowly(systems: Hastened) -> Iterator[None]:
    """Releases go on by themselves, as they do in an instance with work to do."""
    systems.switch("actions", immediate=False, polls=2, seconds=20)
    yield
    systems.hasten()


@pytest.mark.usefixtures("slowly")
def test_a_release_that_goes_on_by_itself_is_waited_for(small: Small) -> None:
    (document,) = small.approve(1)
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1)
    asked = [path for method, path in small.systems.calls() if method == "GET" and "/ReleaseBill/status/" in path]
    assert len(asked) >= 3
    (bill,) = small.bills()
    assert (bill["standing"], bill["number"]) == (POSTED, small.document(document["invoiceNumber"])["voucherNumber1"])


REFUSED = (
    '{"message": "An error has occurred.", "exceptionType": "PX.Data.PXException",'
    ' "exceptionMessage": "An extension says no."}'
)


def test_a_bill_that_cannot_be_released_stays_saved_and_is_the_one_that_is_posted_then(small: Small) -> None:
    (document,) = small.approve(1)
    small.systems.fault(
        small.systems.ledger, kind="status", method="POST", path="/ReleaseBill$", status=500, body=REFUSED,
        content_type="application/json", count=99,
    )  # fmt: skip
    held = small.run("invoices")
    assert (held.code, held.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert (row["status"], row["reason"]) == ("held", "not released")
    assert "could not be released" in row["message"]
    assert "An extension says no." in small.product.well("trail", document["invoiceId"], "--full", "--json").out
    (saved,) = small.bills()
    assert (saved["standing"], saved["released"]) == (DRAFT, False)
    assert small.document(document["invoiceNumber"])["transferResponses"] == []

    small.systems.mend()
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    (bill,) = small.bills()
    assert (bill["standing"], bill["id"], bill["number"]) == (POSTED, saved["id"], saved["number"])
    assert small.document(document["invoiceNumber"])["voucherNumber1"] == bill["number"]


def test_a_bill_that_somebody_released_meanwhile_is_told_and_made_no_second_time(small: Small) -> None:
    (document,) = small.approve(1)
    small.systems.fault(
        small.systems.ledger, kind="status", method="POST", path="/ReleaseBill$", status=500, body=REFUSED,
        content_type="application/json", count=99,
    )  # fmt: skip
    assert small.run("invoices").flow("invoices")["held"] == 1
    (saved,) = small.bills()
    small.systems.in_ledger("release-bill", small.code, id=saved["id"])
    small.systems.mend()
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    assert [(each["standing"], each["id"]) for each in small.bills()] == [(POSTED, saved["id"])]


def test_a_period_that_was_closed_is_said_and_posted_to_once_it_is_open(small: Small) -> None:
    (document,) = small.approve(1)
    today = small.systems.today
    small.systems.in_ledger(
        "period", small.code, **{"from": f"{today.year + 1}-01-01", "to": f"{today.year + 1}-12-31"}
    )
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (1, 0)
    row = small.rows()[document["invoiceNumber"]]
    assert row["reason"] == "period closed"
    assert small.bills() == []


# ------------------------------------------------------------------ its approval map


def waiting(small: Small) -> tuple[Fields, str]:
    """An invoice that an approval map has kept, and the bill's id."""
    (document,) = small.approve(1)
    small.systems.in_ledger("approval", small.code, enabled=True)
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert (row["status"], row["reason"]) == ("held", "awaits approval")
    assert "goes on by itself" in row["message"]
    assert small.document(document["invoiceNumber"])["transferResponses"] == []
    (draft,) = small.bills()
    assert (draft["standing"], draft["status"]) == (DRAFT, "Pending Approval")
    return document, draft["id"]


@pytest.mark.parametrize("release", [True, False], ids=["and released", "only"])
def test_a_bill_that_was_approved_is_posted_once_and_told(small: Small, release: bool) -> None:
    document, draft = waiting(small)
    small.make_due()
    assert small.run("invoices").flow("invoices")["posted"] == 0
    assert [each["standing"] for each in small.bills()] == [DRAFT]
    small.systems.in_ledger("approve", small.code, id=draft, release=release)
    small.make_due()
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1)
    (bill,) = small.bills()
    there = small.document(document["invoiceNumber"])
    assert (bill["standing"], bill["id"], there["processingStatus"]) == (POSTED, draft, "Transferred")
    assert there["voucherNumber1"] == bill["number"] == small.rows()[document["invoiceNumber"]]["erp_number"]
    assert [each["success"] for each in there["transferResponses"]] == [True]


def test_a_bill_that_was_rejected_goes_back_with_its_reason_and_can_come_again(small: Small) -> None:
    document, draft = waiting(small)
    small.systems.in_ledger("reject", small.code, id=draft)
    small.make_due()
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["rejected"]) == (1, 1)
    there = small.document(document["invoiceNumber"])
    (answer,) = there["transferResponses"]
    assert (answer["success"], there["processingStatus"]) == (False, "TransferFailed")
    assert "turned down in the ledger's own approval" in answer["responseMessage"]
    assert small.rows()[document["invoiceNumber"]]["reason"] == "approval refused"
    assert [each for each in small.bills() if each["standing"] != CANCELLED] == []

    small.systems.in_ledger("approval", small.code, enabled=False)
    small.systems.transfer_again(document["invoiceId"])
    assert small.run("invoices").code == 0
    assert [each["standing"] for each in small.bills() if each["standing"] != CANCELLED] == [POSTED]
    answers = small.document(document["invoiceNumber"])["transferResponses"]
    assert [each["success"] for each in answers] == [False, True]


# ------------------------------------------------------------------ its orders and vendors


def test_an_invoice_that_was_matched_is_taken_from_the_order(small: Small) -> None:
    first, second = invoices_of(small.code, 2, vendors=VENDORS)
    line = {"InventoryID": "I0001", "OrderQty": 10, "UnitCost": 12.5, "TaxCategory": "VAT24"}
    order = small.systems.in_ledger("orders", small.code, VendorID=first["supplierCode"], Details=[line])
    supplier = {name: first[name] for name in ("supplierCode", "supplierName", "currencyCode")}
    small.systems.approve([matched(first, order["number"], quantity=6, net="75.00")])
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1), said
    (bill,) = small.bills()
    assert (Decimal(str(bill["net"])), Decimal(str(bill["total"]))) == (Decimal(75), Decimal(93))
    rows = [(each["order"], each["item"], Decimal(str(each["quantity"]))) for each in bill["rows"]]
    assert rows == [(f"Normal/{order['number']}/1", "I0001", Decimal(6))]

    small.systems.approve([{**matched(second, order["number"], quantity=11, net="137.50"), **supplier}])
    too_many = small.run("invoices")
    assert (too_many.code, too_many.flow("invoices")["posted"]) == (1, 0)
    row = small.rows()[second["invoiceNumber"]]
    assert row["reason"] == "order differs"
    assert "11 are invoiced" in row["message"]
    assert "10 are ordered" in row["message"]
    assert small.bills() == [bill]


def test_a_vendor_that_was_deactivated_is_said_in_plain_words_until_it_is_active_again(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    (document,) = small.approve(1)
    vendor = document["supplierCode"]
    small.systems.in_ledger("vendors", small.code, number=vendor, Status="Inactive")
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["rejected"]) == (1, 1)
    (answer,) = small.document(document["invoiceNumber"])["transferResponses"]
    assert (answer["success"], vendor in answer["responseMessage"]) == (False, True)
    assert small.rows()[document["invoiceNumber"]]["reason"] == "vendor blocked"
    assert small.bills() == []

    small.systems.in_ledger("vendors", small.code, number=vendor, Status="Active")
    small.systems.transfer_again(document["invoiceId"])
    assert small.run("invoices").code == 0
    assert [each["standing"] for each in small.bills()] == [POSTED]


# ------------------------------------------------------------------ its set-up


@pytest.fixture
def unlocked(systems: Hastened) -> Iterator[None]:
    """Wrong passwords are forgotten at the end: five lock the user for everybody."""
    yield
    systems.switch("lock", locked=False)


@pytest.mark.usefixtures("unlocked")
@pytest.mark.parametrize(
    ("name", "changes", "step", "words"),
    [
        ("wrong-password", {"password": "not-the-secret"}, "sign in", "User or password is wrong"),
        ("wrong-secret", {"client_secret": "not-the-secret"}, "sign in", "Client id or secret is wrong"),
        ("wrong-user", {"username": "nobody"}, "sign in", "User or password is wrong"),
        ("wrong-tenant", {"tenant": "Acme3001"}, "tenant", "SM303010"),
        (
            "no-tenant",
            {"tenant": "Nobody", "client_id": NOBODY},
            "sign in",
            "the id ends in @",
        ),
        ("wrong-version", {"version": "23.100.001"}, "endpoint", "SM207060"),
        ("wrong-endpoint", {"endpoint": "Defualt"}, "endpoint", "SM207060"),
        ("no-host", {"base_url": "http://127.0.0.1:1/acme"}, "reach", "base_url"),
    ],
)
def test_a_wrong_set_up_is_said_in_words(
    household: Household, tmp_path: Path, name: str, changes: dict[str, str], step: str, words: str
) -> None:
    with connected(household, CODES[-1], tmp_path, name=name, **changes) as product:
        error = assert_said_in_words(product, name, side=ACUMATICA.name, step=step, advice=words)
        assert ACUMATICA.name in error


def test_a_branch_that_is_none_is_told_and_nothing_is_posted(small: Small, tmp_path: Path) -> None:
    (document,) = small.approve(1)
    with connected(small.household, small.code, tmp_path, name=small.name, branch="NOWHERE") as product:
        told = failed_step(product, small.name)
        assert (told["step"], "CS102000" in told["advice"]) == ("branch", True)
        assert all(branch in told["detail"] for branch in ("NOWHERE", "HEADOFFICE", "WAREHOUSE"))
        said = small.run("invoices")
        assert (said.code, said.flow("invoices")["posted"], small.bills()) == (1, 0, [])
    with connected(small.household, small.code, tmp_path, name=small.name, branch="WAREHOUSE") as product:
        product.run("replay", document["invoiceNumber"])
    assert [(each["standing"], each["branch"]) for each in small.bills()] == [(POSTED, "WAREHOUSE")]


@pytest.mark.usefixtures("unlocked")
def test_a_user_that_wrong_passwords_have_locked_is_said_to_be_locked(household: Household) -> None:
    wrong = {"tenant": tenant_of(CODES[0]), "name": USERNAME, "password": "a guess"}
    for _ in range(5):
        assert request("POST", f"{household.systems.ledger}/{SITE}/entity/auth/login", wrong)[0] == 500
    query(household.product.database_url or "", "DELETE FROM secret WHERE side = 'erp, kept'")
    told = failed_step(household.product, f"acme-{CODES[0]}")
    assert (told["step"], "unlocked" in told["advice"]) == ("sign in", True)


def test_rights_that_are_missing_are_named_with_their_forms_and_cost_nothing(small: Small) -> None:
    (document,) = small.approve(1)
    for entity in ("Bill", "Check"):
        small.systems.in_ledger("rights", small.code, entity=entity, allowed=False)
    told = failed_step(small.product, small.name)
    assert told["step"] == "rights"
    assert all(form in told["detail"] for form in ("AP301000", "AP302000"))
    assert "SM201025" in told["advice"]
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (1, 0)
    assert "AP301000" in str(said) or "rights" in str(said).lower()
    assert small.bills() == []

    for entity in ("Bill", "Check"):
        small.systems.in_ledger("rights", small.code, entity=entity, allowed=True)
    small.make_due()
    again = small.run("invoices")
    assert (again.code, again.flow("invoices")["posted"]) == (0, 1), again
    assert [each["vendorInvoiceNumber"] for each in small.bills()] == [document["invoiceNumber"]]


def test_when_every_seat_is_taken_the_run_waits_and_nothing_is_lost(small: Small, systems: Hastened) -> None:
    (document,) = small.approve(1)
    systems.switch("seats", limit=1, free=True)
    login = {"tenant": tenant_of(small.code), "name": USERNAME, "password": PASSWORD}
    try:
        assert request("POST", f"{systems.ledger}/{SITE}/entity/auth/login", login)[0] == 204
        told = failed_step(small.product, small.name)
        assert "sign out" in told["advice"]
        assert small.run("invoices").flow("invoices")["posted"] == 0
    finally:
        systems.switch("seats", limit=2, free=True)
    small.make_due()
    query(small.product.database_url or "", "DELETE FROM circuit WHERE connection_id = %s", small.name)
    said = small.run("invoices")
    assert (said.code, said.flow("invoices")["posted"]) == (0, 1), said
    assert [each["vendorInvoiceNumber"] for each in small.bills()] == [document["invoiceNumber"]]


# ------------------------------------------------------------------ served


def test_the_service_posts_what_is_notified_and_tells_of_it(
    systems: Hastened, new_database: Callable[[], str], tmp_path: Path
) -> None:
    # An hour is over, and the refresh token with it: the password signs in again.
    serve(systems, tmp_path / "home", new_database(), SERVED,
          between=lambda: systems.switch("expire-tokens", refresh=True))  # fmt: skip
    # Its seat is free again.
    assert call("GET", f"{systems.ledger}/_sandbox/state")["sessions"] <= 1
