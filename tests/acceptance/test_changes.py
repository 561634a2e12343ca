"""What happens afterwards: payments, corrections, people's decisions, and things that go wrong. A company each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from acceptance.product import Product, Said, connection, connections, query
from acceptance.simulated import Fields, Simulated, company_of, invoices_of

pytestmark = pytest.mark.xdist_group("acceptance-changes")

VENDORS = 20
CODES = [str(code) for code in range(2001, 2017)]


@dataclass
class Household:
    """One product with a connection to each of many small companies."""

    product: Product
    systems: Simulated


@dataclass
class Small:
    """One of the companies, and the connection to it."""

    household: Household
    code: str

    @property
    def product(self) -> Product:
        return self.household.product

    @property
    def systems(self) -> Simulated:
        return self.household.systems

    @property
    def name(self) -> str:
        return f"acme-{self.code}"

    def approve(self, number: int) -> list[Fields]:
        """Invoices that can be posted, approved."""
        documents = invoices_of(self.code, number, vendors=VENDORS)
        self.systems.approve(documents)
        return documents

    def run(self, *words: str) -> Said:
        return self.product.run("run", self.name, *words, "--json")

    def rows(self) -> dict[str, Fields]:
        """The product's documents by invoice number, the newest transfer of each."""
        found = self.product.well("invoices", self.name, "--json").json
        return {each["invoice_number"]: each for each in reversed(found)}

    def bills(self) -> list[Fields]:
        return self.systems.bills(self.code)

    def document(self, number: str) -> Fields:
        return self.systems.document(self.code, number)


@pytest.fixture(scope="module")
def household(
    systems: Simulated, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Household:
    """All connections applied at once."""
    systems.found(CODES, vendors=VENDORS)
    product = Product(tmp_path_factory.mktemp("household") / "home", new_database())
    product.well("init")
    assert product.apply(connections(systems, CODES)).code == 0
    return Household(product, systems)


@pytest.fixture(scope="module")
def codes() -> Iterator[str]:
    return iter(CODES)


@pytest.fixture
def small(household: Household, codes: Iterator[str]) -> Iterator[Small]:
    """A company nobody has touched."""
    yield Small(household, next(codes))
    household.systems.mend()


@contextmanager
def connected(household: Household, tmp_path: Path, *, name: str, **changes: str) -> Iterator[Product]:
    """One more connection of the household, set up in another way."""
    product = household.product
    file = tmp_path / "more.yaml"
    code = CODES[-1]
    file.write_text("connections:\n" + connection(household.systems, code, name=name, **changes), encoding="utf-8")
    product.well("apply", str(file))
    yield product


# ------------------------------------------------------------------ payments


def test_payments_close_the_loop(small: Small) -> None:
    whole, part, taken_back = (each["invoiceNumber"] for each in small.approve(3))
    assert small.run("invoices").code == 0
    numbers = {number: row["erp_number"] for number, row in small.rows().items()}
    day = small.systems.today.isoformat()
    for number in (whole, taken_back):
        small.systems.in_ledger("pay", small.code, number=numbers[number], date=day)
    small.systems.in_ledger("pay", small.code, number=numbers[part], date=day, amount="1.00")

    first = small.run("payments")
    assert (first.code, first.flow("payments")["sent"]) == (0, 2)
    paid = small.document(whole)
    assert paid["processingStatus"] == "Paid"
    (response,) = paid["paymentResponses"]
    assert Decimal(
        str(response["grossPaidTotalCompany"] if "grossPaidTotalCompany" in response else _paid(response))
    ) == (Decimal(str(paid["grossSum"])))
    assert small.document(part)["paymentResponses"] == []
    assert {number: row["status"] for number, row in small.rows().items()} == {
        whole: "paid", part: "transferred", taken_back: "paid",
    }  # fmt: skip

    small.systems.in_ledger("unpay", small.code, number=numbers[taken_back], date=day)
    small.systems.in_ledger("pay", small.code, number=numbers[part], date=day)
    second = small.run("payments")
    assert (second.code, second.flow("payments")["sent"]) == (0, 2)
    assert _paid(small.document(taken_back)["paymentResponses"][-1]) == 0
    assert _paid(small.document(part)["paymentResponses"][-1]) == Decimal(str(small.document(part)["grossSum"]))
    assert small.rows()[taken_back]["status"] == "transferred"

    third = small.run("payments")
    assert (third.code, third.flow("payments")["sent"]) == (0, 0)
    codes = [each["externalCode"] for number in numbers for each in small.document(number)["paymentResponses"]]
    assert len(set(codes)) == len(codes) == 4


def _paid(response: Fields) -> Decimal:
    """How much a payment response says is paid."""
    (name,) = [
        name for name in response if re.fullmatch(r"(?i)(?:gross)?paid(?:total|sum|amount)\w*|paymentSum\w*", name)
    ]
    return Decimal(str(response[name]))


# ------------------------------------------------------------------ transferred again


def test_a_corrected_invoice_that_is_transferred_again_makes_one_bill(small: Small) -> None:
    (document,) = invoices_of(small.code, 1, vendors=VENDORS)
    small.systems.approve([{**document, "supplierCode": "V-NEW"}])
    first = small.run("invoices")
    assert (first.code, first.flow("invoices")["rejected"]) == (1, 1)
    number = document["invoiceNumber"]
    assert small.bills() == []
    assert "V-NEW does not exist" in small.document(number)["transferResponses"][0]["responseMessage"]

    small.systems.in_ledger("vendors", small.code, number="V-NEW", displayName="New Oy")
    small.systems.transfer_again(document["invoiceId"])
    second = small.run("invoices")
    assert (second.code, second.flow("invoices")["posted"]) == (0, 1)
    (bill,) = small.bills()
    there = small.document(number)
    assert (there["processingStatus"], there["voucherNumber1"]) == ("Transferred", bill["number"])
    assert [each["success"] for each in there["transferResponses"]] == [False, True]
    assert small.rows()[number]["transfer"] == 2


def test_a_posted_invoice_that_is_transferred_again_makes_no_second_bill(small: Small) -> None:
    (document,) = small.approve(1)
    assert small.run("invoices").code == 0
    before = small.bills()
    small.systems.transfer_again(document["invoiceId"])
    small.run("invoices")
    assert small.bills() == before
    row = small.rows()[document["invoiceNumber"]]
    assert row["status"] in ("transferred", "held")
    if row["status"] == "held":
        assert row["reason"] == "already posted"
        assert before[0]["number"] in row["message"]


def test_the_same_number_from_somebody_else_is_held_linked_or_returned(small: Small) -> None:
    original, twin, other = invoices_of(small.code, 3, vendors=VENDORS)
    same = {name: original[name] for name in ("invoiceNumber", "supplierCode")}
    small.systems.approve([original])
    assert small.run("invoices").code == 0
    (bill,) = small.bills()
    small.systems.approve([{**twin, **same}, {**other, **same}])
    held = small.run("invoices")
    assert (held.code, held.flow("invoices")["held"]) == (1, 2)
    assert small.bills() == [bill]

    stays = small.product.run("replay", "--held", "--connection", small.name, "--json")
    assert (stays.code, [each["status"] for each in stays.json["replayed"]]) == (1, ["held", "held"])
    unknown = small.product.run("link", twin["invoiceId"], "PPI-NOWHERE")
    assert unknown.code == 1
    assert "PPI-NOWHERE" in unknown.err
    returned = small.product.run("reject", other["invoiceId"], "--message", "Sent twice by the supplier.", "--json")
    assert (returned.code, returned.json["status"]) == (0, "rejected")
    (answer,) = [
        each for document in small.systems.documents(small.code) if document["invoiceId"] == other["invoiceId"]
        for each in document["transferResponses"]
    ]  # fmt: skip
    assert (answer["success"], "Sent twice by the supplier." in answer["responseMessage"]) == (False, True)
    assert small.bills() == [bill]


def test_an_invoice_that_somebody_keyed_in_can_be_linked_to_that_bill(small: Small) -> None:
    (document,) = small.approve(1)
    assert small.run("invoices").code == 0
    (bill,) = small.bills()
    # The product forgets that the bill is its own: to it, somebody keyed it in.
    url = small.product.database_url or ""
    query(url, "DELETE FROM document WHERE connection_id = %s", small.name)
    small.systems.transfer_again(document["invoiceId"])
    held = small.run("invoices")
    assert (held.code, held.flow("invoices")["held"]) == (1, 1)
    linked = small.product.run("link", document["invoiceId"], bill["number"], "--json")
    assert (linked.code, linked.json["status"], linked.json["erp_number"]) == (0, "transferred", bill["number"]), linked
    assert small.bills() == [bill]
    assert small.document(document["invoiceNumber"])["voucherNumber1"] == bill["number"]


def test_a_held_invoice_can_be_replayed_once_its_cause_is_gone(small: Small) -> None:
    (document,) = small.approve(1)
    words = '{"error": {"code": "Application_DialogException", "message": "An extension says no."}}'
    small.systems.fault(
        small.systems.ledger, kind="status", method="POST", path=r"\$batch", status=400, body=words,
        content_type="application/json", count=99,
    )  # fmt: skip
    held = small.run("invoices")
    assert (held.code, held.flow("invoices")["held"]) == (1, 1)
    row = small.rows()[document["invoiceNumber"]]
    assert (row["status"], row["reason"]) == ("held", "refused by the ledger")
    assert "An extension says no." in row["message"]
    small.systems.mend()
    again = small.product.run("replay", document["invoiceNumber"], "--json")
    assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
    assert len(small.bills()) == 1
    once_more = small.product.run("replay", document["invoiceNumber"], "--json")
    assert once_more.code == 1
    assert len(small.bills()) == 1


# ------------------------------------------------------------------ master data


def test_what_has_not_changed_is_sent_again_only_when_touched(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    before = small.systems.held_in_basware("vendors", small.code)
    small.systems.forget_calls()
    again = small.run("vendors")
    assert (again.code, again.flow("vendors")["sent"]) == (0, 0)
    assert not [path for method, path in small.systems.calls() if method == "POST"]
    touched = small.run("vendors", "--touch")
    assert (touched.code, touched.flow("vendors")["sent"]) == (0, len(before))
    assert [path for method, path in small.systems.calls() if method == "POST"]
    assert len(small.systems.held_in_basware("vendors", small.code)) == len(before)


def test_a_vendor_that_is_blocked_or_deleted_is_switched_off(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    company = company_of(small.code, small.systems.today, vendors=VENDORS, invoices=0)
    blocked, deleted, *_ = [each.number for each in company.vendors if not each.blocked]
    before = _active(small)
    small.systems.in_ledger("vendors", small.code, number=blocked, blocked="All")
    small.systems.in_ledger("vendors", small.code, number=deleted, delete=True)
    said = small.run("vendors")
    assert (said.code, said.flow("vendors")["outcome"]) == (0, "ok")
    assert len(before - _active(small)) == 2
    assert len(small.systems.held_in_basware("vendors", small.code)) >= len(before)  # switched off, not deleted


def test_a_mass_deactivation_stops_and_asks(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    before = _active(small)
    company = company_of(small.code, small.systems.today, vendors=VENDORS, invoices=0)
    leaving = [each.number for each in company.vendors if not each.blocked][:8]
    for number in leaving:
        small.systems.in_ledger("vendors", small.code, number=number, delete=True)
    braked = small.run("vendors")
    assert (braked.code, braked.flow("vendors")["outcome"]) == (1, "failed")
    assert "--allow-deactivations" in braked.flow("vendors")["error"]
    assert _active(small) == before
    lifted = small.run("vendors", "--allow-deactivations")
    assert (lifted.code, lifted.flow("vendors")["outcome"]) == (0, "ok")
    assert len(before - _active(small)) == len(leaving)


def _active(small: Small) -> set[str]:
    return {each["externalCode"] for each in small.systems.held_in_basware("vendors", small.code) if each["active"]}


# ------------------------------------------------------------------ the books


def test_reconcile_agrees_until_somebody_cancels_a_bill(small: Small) -> None:
    documents = small.approve(3)
    assert small.run("invoices").code == 0
    months = sorted({each["postingDate"][:7] for each in small.bills()})
    found = [small.product.well("reconcile", small.name, "--period", month, "--json").json for month in months]
    counted = [balance for each in found for balance in each["currencies"]]
    assert sum(each["approved"]["count"] for each in counted) == len(documents)
    assert sum(each["posted"]["count"] for each in counted) == len(documents)
    money = sum((Decimal(each["posted"]["money"]) for each in counted), Decimal(0))
    assert money == sum((Decimal(str(each["total"])) for each in small.bills()), Decimal(0))

    bill = small.bills()[0]
    small.systems.in_ledger("cancel", small.code, number=bill["number"])
    said = small.product.run("reconcile", small.name, "--period", bill["postingDate"][:7], "--json")
    assert said.code == 1
    assert [each["invoice_number"] for each in said.json["differences"]] == [bill["vendorInvoiceNumber"]]


TAMPERINGS = (
    "UPDATE trail SET summary = 'Nothing happened.' WHERE connection_id = %s AND seq = 2",
    "DELETE FROM trail WHERE connection_id = %s AND seq = 2",
    "DELETE FROM trail WHERE connection_id = %s AND seq = (SELECT max(seq) FROM trail t"
    " WHERE t.connection_id = trail.connection_id)",
)


def test_verify_finds_what_somebody_did_to_the_trail(small: Small) -> None:
    small.approve(1)
    assert small.run("invoices").code == 0
    url = small.product.database_url or ""
    query(url, "CREATE TABLE kept AS SELECT * FROM trail WHERE connection_id = %s", small.name)
    for tampering in TAMPERINGS:
        with pytest.raises(psycopg.Error, match="append"):
            query(url, tampering, small.name)
        _past_the_trigger(url, tampering, small.name)
        said = small.product.run("verify", "--json")
        assert (said.code, said.json["ok"]) == (1, False)
        broken = [each for each in said.json["chains"] if not each["ok"]]
        assert [each["connection"] for each in broken] == [small.name]
        assert broken[0]["fault"].endswith(".")
        _past_the_trigger(url, "DELETE FROM trail WHERE connection_id = %s", small.name)
        query(url, "INSERT INTO trail SELECT * FROM kept")
    assert small.product.well("verify", "--json").json["ok"]


def _past_the_trigger(url: str, sql: str, *values: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("SET session_replication_role = replica")
        database.execute(sql, values)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_after_a_rotation_of_the_key_everything_works_with_the_new_one(small: Small) -> None:
    key = small.product.home / "key"
    before = key.read_text()
    rotated = small.product.well("key", "rotate", "--json").json
    assert rotated["resealed"] >= 3 * len(CODES)
    assert key.read_text() != before
    assert before.strip() not in key.read_text()
    assert small.product.well("ping", small.name, "--json").json
    assert small.product.well("verify", "--json").json["ok"]


def test_export_writes_a_file_that_changes_nothing(small: Small, tmp_path: Path) -> None:
    written = small.product.well("export").out
    assert "bc-secret" not in written
    places = dict(re.findall(r"(\w+): [\"']?\$\{env:(\w+)\}", written))
    values = {"basware_client_secret": "basware-secret"}
    file = tmp_path / "exported.yaml"
    file.write_text(written, encoding="utf-8")
    names = set(re.findall(r"\$\{env:(\w+)\}", written))
    assert names
    assert places
    env = {name: _secret_for(name) for name in names} | values
    said = small.product.run("apply", str(file), "--json", env=env)
    assert said.code == 0, said
    assert {each["kind"] for each in said.json["changes"]} == {"unchanged"}, said


def _secret_for(name: str) -> str:
    if "TOKEN" in name:
        return "webhook-token-123456"
    return "basware-secret" if "BASWARE" in name else "bc-secret"


# ------------------------------------------------------------------ wrong set-ups


@pytest.mark.parametrize(
    ("name", "changes", "step", "words"),
    [
        ("wrong-basware", {"basware_secret": "not-the-secret"}, "sign in", "secret"),
        ("wrong-secret", {"client_secret": "not-the-secret"}, "sign in", "client secret"),
        ("no-host", {"base_url": "http://127.0.0.1:1"}, "reach", "base_url"),
        ("no-company", {"company_id": "", "company_name": "Nobody Oy"}, "company", "company_name"),
    ],
)
def test_a_wrong_set_up_is_said_in_words(
    household: Household, tmp_path: Path, name: str, changes: dict[str, str], step: str, words: str
) -> None:
    with connected(household, tmp_path, name=name, **changes) as product:
        tested = product.run("ping", name, "--json")
        assert tested.code == 1
        (failed,) = [each for each in tested.json if not each["ok"]]
        side = "Basware" if "basware_secret" in changes else "Business Central"
        assert (failed["side"], failed["step"]) == (side, step)
        assert words in failed["advice"]
        spoken = product.run("ping", name)
        assert spoken.code == 1
        assert "What to do:" in spoken.out
        run = product.run("run", name, "tax-codes", "--json")
        assert run.code == 1
        assert run.flow("tax-codes")["outcome"] == "failed"
        assert any(each in run.flow("tax-codes")["error"] for each in (side, "Microsoft Entra ID"))
        for said in (tested, spoken, run):
            assert "not-the-secret" not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "acme2001"), "acme-2001"),
        (("run", "acme-2001", "vendor"), "vendors"),
        (("invoices", "--status", "hold"), "held"),
        (("replay",), "--held"),
        (("trail", "NOBODY"), "invoices"),
        (("reconcile", "acme-2001", "--period", "October"), "2026-10"),
        (("fly",), "--help"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_right(
    household: Household, words: tuple[str, ...], told: str
) -> None:
    said = household.product.run(*words)
    assert said.code == 2, said
    assert told in said.err
    assert said.out == ""


def test_a_fault_in_the_file_is_told_with_its_line_and_key(household: Household, tmp_path: Path) -> None:
    file = tmp_path / "faulty.yaml"
    text = connections(household.systems, ["2001"]).replace("company_id:", "companyid:")
    file.write_text(text, encoding="utf-8")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "companyid" in each)
    said = household.product.run("apply", str(file), "--json")
    assert said.code == 2
    faults = {each["key"].rsplit(".", 1)[-1]: each for each in said.json["faults"]}
    assert faults["companyid"]["line"] == line
    assert "company_id" in faults["companyid"]["message"]
    assert f"faulty.yaml:{line}:" in said.err


def test_without_init_a_command_says_what_to_do(tmp_path: Path) -> None:
    said = Product(tmp_path / "nothing").run("status")
    assert said.code == 2
    assert "ml-connector init" in said.err
