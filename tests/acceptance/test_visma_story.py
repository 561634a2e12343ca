"""The trading company's whole set with Visma.net, from an empty machine to a second run that changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import pytest

from acceptance.product import Product, Said
from acceptance.supplied import Fields, Sources, Supplied, new_product
from ml_connector.records.flow import MASTER_DATA
from ml_connector.sandbox.company import TradingCompany, found
from ml_connector.sandbox.visma_net import CLIENT_ID, CLIENT_SECRET, tenant_of
from simulation.sources import SECRETS
from simulation.systems import call

pytestmark = pytest.mark.xdist_group("acceptance-visma")

CODE, NAME = "5000", "acme-5000"
FLOWS = (*map(str, MASTER_DATA), "supplier-invoices", "statuses")
KINDS = {"Invoice", "DebitAdj"}
READS = {
    "/vatCategory": "tax-codes",
    "/account": "accounts",
    "/dimension": "dimensions",
    "/project": "dimensions",
    "/creditTerm": "payment-terms",
    r"/supplier(?:\?|/)": "vendors",
    "/(?:PurchaseReceipt|purchaseorder)": "purchase-orders",
    "/supplierInvoice": "supplier-invoices",
    "/(?:v1/accountingDocuments|v2/notifications)": "statuses",
}
"""Pattern of a read's address, to the flow it belongs to; the first that fits counts."""


@dataclass
class Joined:
    """The product after its first run of everything."""

    supplied: Supplied
    applied: Said
    first: Said

    @property
    def product(self) -> Product:
        return self.supplied.product

    @property
    def systems(self) -> Sources:
        return self.supplied.systems

    @property
    def text(self) -> str:
        return f"connections:\n{self.systems.connection(CODE, write_back='note')}"

    @cached_property
    def company(self) -> TradingCompany:
        return found(CODE, today=self.systems.today)

    @cached_property
    def rows(self) -> dict[str, Fields]:
        """As they were after the first run."""
        return self.supplied.rows()

    @cached_property
    def bills(self) -> dict[str, Fields]:
        """Visma's invoices of the kinds that go."""
        return {key: bill for key, bill in self.supplied.bills().items() if bill["type"] in KINDS}

    @cached_property
    def entered(self) -> dict[str, Fields]:
        """What entered, by the ERP's key."""
        return {each["source"]: each for each in self.supplied.entered()}

    def active_suppliers(self) -> set[str]:
        """Numbers of those that Basware may use."""
        held = self.systems.held_in_basware("vendors", CODE)
        return {each["record"]["vendorCode"] for each in held if each["active"]}

    def expected(self, bill: Fields) -> tuple[str, str | None]:
        """Status and reason a bill must end with."""
        aside = {
            "Hold": ("held", "on hold in the ERP"),
            "Closed": ("cancelled", "settled in the ERP"),
            "Voided": ("cancelled", "voided in the ERP"),
        }
        if bill["status"] in aside:
            return aside[bill["status"]]
        if bill["case"] == "vendor-blocked":
            return "held", "supplier awaited"
        return ("held", "cannot enter") if bill["case"] == "number-missing" else ("transferred", None)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """Basware and Visma.net, simulated."""
    started = Sources(tmp_path_factory.mktemp("systems") / "log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def joined(systems: Sources, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """After the first run."""
    product = new_product(tmp_path_factory.mktemp("story") / "home", new_database())
    supplied = Supplied(product, systems, CODE)
    text = f"connections:\n{systems.connection(CODE, write_back='note')}"
    applied = product.apply(text, "--json")
    return Joined(supplied, applied, supplied.run())


def test_apply_says_what_changes_and_changes_nothing_twice(joined: Joined) -> None:
    assert joined.applied.code == 0
    assert [each["kind"] for each in joined.applied.json["changes"]] == ["created"]
    again = joined.product.apply(joined.text, "--json").json
    assert again == {"dry_run": False, "changes": [{"connection": NAME, "kind": "unchanged", "fields": []}]}
    said = joined.product.apply(joined.text.replace("DEPT-310", "DEPT-999"), "--dry-run", "--json").json
    assert [(each["path"], each["after"]) for each in said["changes"][0]["fields"]] == [
        ("basware.buyer_reference", "DEPT-999")
    ]


def test_ping_tells_every_step_of_both_sides_and_of_the_way_in(joined: Joined) -> None:
    steps = joined.product.well("ping", NAME, "--json").json
    assert {each["side"] for each in steps} == {"Basware", "Basware, invoices in", "Visma.net"}
    assert all(each["ok"] and each["detail"] and not each["advice"] for each in steps)
    assert not any(secret in str(steps) for secret in SECRETS.values())


def test_the_first_run_runs_every_flow_in_order(joined: Joined) -> None:
    assert joined.first.code == 1  # some invoices are held
    assert [each["flow"] for each in joined.first.lines] == list(FLOWS)
    outcomes = {each["flow"]: each["outcome"] for each in joined.first.lines}
    assert outcomes == dict.fromkeys(FLOWS, "ok") | {"supplier-invoices": "partial"}
    ends = Counter(joined.expected(bill)[0] for bill in joined.bills.values())
    told = joined.first.flow("supplier-invoices")
    assert (told["read"], told["sent"], told["held"], told["rejected"], told["failed"]) == (
        len(joined.bills), ends["transferred"], ends["held"], 0, 0,
    )  # fmt: skip
    assert joined.first.flow("vendors")["read"] == len(joined.company.vendors)


def test_every_invoice_ends_as_it_should_with_a_sentence_where_it_waits(joined: Joined) -> None:
    assert joined.rows.keys() == joined.bills.keys()
    for key, bill in joined.bills.items():
        row = joined.rows[key]
        assert (row["status"], row["reason"]) == joined.expected(bill), (bill, row["message"])
        assert Decimal(row["gross"]) == bill["total"]
        assert (row["currency"], row["supplier"], row["erp_number"]) == (
            bill["currency"], bill["supplier"], bill["number"],
        )  # fmt: skip
        assert row["message"].endswith(".") == (row["status"] != "transferred")
        assert not re.search(r"[{}]|None|Traceback|HTTP", row["message"])
    assert {row["reason"] for row in joined.rows.values()} >= {"on hold in the ERP", "supplier awaited", "cannot enter"}


def test_what_entered_are_the_invoices_that_are_ready_each_once(joined: Joined) -> None:
    ready = {key for key, row in joined.rows.items() if row["status"] == "transferred"}
    assert joined.entered.keys() == ready
    for key, arrived in joined.entered.items():
        bill = joined.bills[key]
        sign = -1 if bill["type"] == "DebitAdj" else 1
        assert (arrived["number"], arrived["supplier"], arrived["currency"]) == (
            bill["reference"], bill["supplier"], bill["currency"],
        )  # fmt: skip
        assert (arrived["gross"], arrived["net"], arrived["tax"]) == (
            sign * bill["total"], sign * bill["net"], sign * bill["tax"],
        )  # fmt: skip
        assert arrived["lines"] == len(bill["lines"])
        assert sorted(arrived["orders"]) == sorted(bill["orders"])
        assert [each["bytes"] for each in arrived["files"]] == [each["size"] for each in bill["files"]]
        assert (arrived["times"], arrived["status"]) == (1, "New")
    assert len({arrived["currency"] for arrived in joined.entered.values()}) > 2
    assert any(arrived["gross"] < 0 for arrived in joined.entered.values())
    assert any(arrived["orders"] for arrived in joined.entered.values())


def test_files_come_byte_for_byte(joined: Joined) -> None:
    token = _token(joined.systems)
    for key, arrived in list(joined.entered.items())[::20]:
        addresses = [f"{joined.systems.erp}/v1/attachment/{each['id']}" for each in joined.bills[key]["files"]]
        there = [hashlib.sha256(_read(address, token)).hexdigest() for address in addresses]
        assert [each["sha256"] for each in arrived["files"]] == there


def test_suppliers_and_orders_were_there_before_the_invoices(joined: Joined) -> None:
    assert {name for arrived in joined.entered.values() for name in arrived["unknown"]} == set()
    there = joined.active_suppliers()
    assert {arrived["supplier"] for arrived in joined.entered.values()} <= there
    assert {row["supplier"] for row in joined.rows.values() if row["reason"] == "supplier awaited"} & there == set()


def test_master_data_is_in_basware(joined: Joined) -> None:
    blocked = {vendor.number for vendor in joined.company.vendors if vendor.blocked == "All"}
    assert joined.active_suppliers() == {vendor.number for vendor in joined.company.vendors} - blocked
    orders = {each["record"]["orderNumber"] for each in joined.systems.held_in_basware("matchingOrders", CODE)}
    assert orders
    named = {number for arrived in joined.entered.values() for number in arrived["orders"]}
    assert named & orders


def test_status_tells_where_everything_stands(joined: Joined) -> None:
    (status,) = joined.product.well("status", "--json").json
    assert (status["connection"], status["simulated"], status["health"]) == (NAME, True, "attention")
    assert status["documents"] == dict(Counter(row["status"] for row in joined.rows.values()))
    flows = {each["flow"]: each for each in status["flows"]}
    assert flows.keys() == set(FLOWS)
    assert all(each["last_run"] and each["next_run"] for each in flows.values())
    assert status["circuits"] == []


def test_invoices_can_be_narrowed(joined: Joined) -> None:
    held = joined.product.well("invoices", NAME, "--status", "held", "--json").json
    assert {each["status"] for each in held} == {"held"}
    awaited = joined.product.well("invoices", "--reason", "supplier awaited", "--json").json
    assert {each["reason"] for each in awaited} == {"supplier awaited"}


def test_a_trail_tells_one_invoice_from_beginning_to_end(joined: Joined) -> None:
    key, arrived = next(iter(joined.entered.items()))
    entries = joined.product.well("trail", key, "--json").json
    assert [each["step"] for each in entries] == ["received", "to hand in", "entered", "status"]
    assert arrived["bumId"] in entries[2]["summary"]
    assert "Basware: in process" in entries[3]["summary"]


def test_no_secret_and_no_bank_account_is_in_what_is_kept_or_shown(joined: Joined) -> None:
    shown, accounts, token = joined.product.well("export").out, set[str](), _token(joined.systems)
    for key in list(joined.entered)[::15]:
        shown += joined.product.well("trail", key, "--full", "--json").out
        supplier = json.loads(_read(f"{joined.systems.erp}/v1/supplier/{joined.bills[key]['supplier']}", token))
        accounts |= {each["paymentMethodDetailValue"] for each in supplier["supplierPaymentMethodDetails"]}
    for secret in (*SECRETS.values(), *accounts - {None, ""}, "Bearer ", "Basic ", "%PDF-"):
        assert secret not in shown
    assert len(accounts) > 3


def test_the_months_agree_in_count_and_money(joined: Joined) -> None:
    months = Counter(bill["date"][:7] for bill in joined.bills.values())
    for month, number in months.items():
        said = joined.product.well("reconcile", NAME, "--period", month, "--json").json
        assert said["differences"] == []
        told = {each["currency"]: each for each in said["currencies"]}
        assert sum(each["approved"]["count"] for each in told.values()) == number
        for currency, balance in told.items():
            mine = [bill for bill in joined.bills.values() if (bill["date"][:7], bill["currency"]) == (month, currency)]
            money = sum((-bill["total"] if bill["type"] == "DebitAdj" else bill["total"] for bill in mine), Decimal(0))
            assert Decimal(balance["approved"]["money"]) == money
            places = ("posted", "held", "in_flight", "rejected", "cancelled")
            assert sum(Decimal(balance[place]["money"]) for place in places) == money


def test_verify_finds_the_trail_whole(joined: Joined) -> None:
    checked = joined.product.well("verify", "--json").json
    assert checked["ok"]
    assert sum(each["entries"] for each in checked["chains"]) > 3 * len(joined.entered)


def test_a_second_run_sends_nothing_and_costs_a_few_reads_a_flow(joined: Joined) -> None:
    bills, entered = joined.supplied.bills(), joined.supplied.entered()
    joined.systems.forget_calls()
    again = joined.product.well("run", NAME, "--json")
    assert [each["outcome"] for each in again.lines] == ["ok"] * len(FLOWS)
    for name in ("sent", "posted", "held", "rejected", "failed"):
        assert [each[name] for each in again.lines] == [0] * len(FLOWS), name
    assert joined.supplied.bills() == bills
    assert joined.supplied.entered() == entered
    made = [*joined.systems.calls(joined.systems.erp), *joined.systems.calls(joined.systems.basware)]
    assert {method for method, _ in made} == {"GET"}
    counts = Counter(_flow_of(path) for _, path in made)
    assert counts.keys() == set(FLOWS), counts
    assert max(counts.values()) <= 2, (counts, made)


def test_every_call_to_visma_names_the_company(joined: Joined) -> None:
    made = call("GET", f"{joined.systems.erp}/_sandbox/calls")["calls"]
    named = [each["headers"] for each in made if "token" not in each["path"]]
    assert named
    assert all(each.get("ipp-company-id") == "5000001" for each in named)


def _flow_of(path: str) -> str:
    return next((flow for pattern, flow in READS.items() if re.search(pattern, path)), path)


def _token(systems: Sources) -> str:
    """One that may read everything of the company in the ERP."""
    form = "&".join((
        "grant_type=client_credentials", f"client_id={CLIENT_ID}", f"client_secret={CLIENT_SECRET}",
        "scope=vismanet_erp_service_api:read", f"tenant_id={tenant_of(CODE)}",
    ))  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = urllib.request.Request(f"{systems.erp}/connect/token", data=form.encode(), method="POST", headers=headers)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.loads(answer.read())["access_token"]


def _read(address: str, token: str) -> bytes:
    asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read()
