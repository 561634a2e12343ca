"""What happens afterwards with Visma.net: what waits and goes, what comes back, people's decisions. A company each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from acceptance.product import Product
from acceptance.supplied import OTHER_SUPPLIER, SUPPLIER, VENDORS, Founding, Sources, Supplied, new_product
from ml_connector.records.flow import MASTER_DATA
from simulation.sources import ROUTES, SMARTPDF
from simulation.systems import call

pytestmark = pytest.mark.xdist_group("acceptance-visma")

DIRECT = "{vendors: {enabled: false}, purchase-orders: {enabled: false}}"
"""Flows of a connection whose invoices wait for nothing."""
_CODES = count(5101)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """Basware and Visma.net, simulated."""
    started = Sources(tmp_path_factory.mktemp("systems") / "log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def product(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Product:
    return new_product(tmp_path_factory.mktemp("household") / "home", new_database())


@pytest.fixture
def founded(product: Product, systems: Sources) -> Iterator[Founding]:
    """Founds a company in both systems and joins it."""

    def found(**settings: Any) -> Supplied:
        code = str(next(_CODES))
        systems.found_in_source(systems.kind, [code], vendors=VENDORS)
        applied = product.apply(f"connections:\n{systems.connection(code, **settings)}", "--json")
        assert applied.code == 0, applied
        systems.forget_calls()
        return Supplied(product, systems, code)

    yield found
    systems.mend()


# ------------------------------------------------------------------ suppliers, orders, invoices


def test_an_invoice_whose_supplier_is_refused_waits_and_goes_by_itself(founded: Founding) -> None:
    small = founded()
    assert small.run(*map(str, MASTER_DATA)).code == 0
    known = sorted(small.held("vendors"))
    small.in_erp("vendors", number="V-NEW", name="New Supplier AS")
    bill = small.bring(supplier="V-NEW")
    other = small.bring(supplier=SUPPLIER)
    code = known[0].replace(known[0].rpartition(".")[2], str(bill["supplierId"]))
    _reject(small, "vendors", code, "The supplier's VAT number is not known to us.")
    first = small.run()
    assert first.code == 1
    assert (first.flow("vendors")["rejected"], first.flow("supplier-invoices")["held"]) == (1, 1)
    row = small.rows()[bill["key"]]
    assert (row["status"], row["reason"]) == ("held", "supplier awaited")
    assert row["message"] == (
        "The payables system has not accepted the supplier V-NEW New Supplier AS yet. "
        "The invoice goes by itself afterwards."
    )
    assert [each["source"] for each in small.entered()] == [other["key"]]
    assert code not in known

    small.in_erp("vendors", number="V-NEW", name="New Supplier and Sons AS")
    second = small.run()
    assert (second.code, second.flow("supplier-invoices")["sent"]) == (0, 1), second
    (arrived,) = [each for each in small.entered() if each["source"] == bill["key"]]
    assert (arrived["supplier"], arrived["unknown"], arrived["times"]) == ("V-NEW", [], 1)
    steps = [each["step"] for each in small.trail(bill["key"])]
    assert steps == ["received", "checked", "to hand in", "entered", "status"]


def test_an_invoice_waits_for_its_order_and_a_closed_order_closes(founded: Founding) -> None:
    small = founded()
    assert small.run(*map(str, MASTER_DATA)).code == 0
    order = small.in_erp("orders", supplier=SUPPLIER, lines=[{"text": "Goods", "quantity": 4, "unit_cost": "25.00"}])
    small.in_erp("receipts", order=order["number"], lines={"1": 4})
    bill = small.bring(lines=[{"text": "Goods", "net": "100.00", "order": order["number"], "order_line": 1}])
    held = small.run("supplier-invoices")
    assert (held.code, held.flow("supplier-invoices")["held"]) == (1, 1)
    row = small.rows()[bill["key"]]
    assert row["reason"] == "order awaited"
    assert order["number"] in row["message"]
    assert small.run("purchase-orders", "supplier-invoices").code == 0
    (arrived,) = small.entered()
    assert (arrived["orders"], arrived["unknown"]) == ([order["number"]], [])
    (line,) = [each["record"] for each in small.systems.held_in_basware("matchingOrderLines", small.code)]
    assert (line["quantity"], line["isClosed"]) == (4, False)

    small.in_erp("orders", number=order["number"], status="Closed")
    assert small.run("purchase-orders").code == 0
    (closed,) = [
        each["record"]
        for each in small.systems.held_in_basware("matchingOrders", small.code)
        if each["record"]["orderNumber"] == order["number"]
    ]
    assert closed["isClosed"] is True


def test_a_supplier_that_is_deactivated_is_switched_off_and_stays_known(founded: Founding) -> None:
    small = founded()
    first = small.bring(supplier=OTHER_SUPPLIER)
    assert small.run().code == 0
    before = sum(small.held("vendors").values())
    small.in_erp("vendors", number=OTHER_SUPPLIER, status="Inactive")
    assert small.run("vendors").code == 0
    assert sum(small.held("vendors").values()) == before - 1
    second = small.bring(supplier=OTHER_SUPPLIER)
    assert small.run("supplier-invoices").code == 0
    assert {each["source"]: each["unknown"] for each in small.entered()} == {first["key"]: [], second["key"]: []}
    small.in_erp("vendors", number=OTHER_SUPPLIER, status="Active")
    assert small.run("vendors").code == 0
    assert sum(small.held("vendors").values()) == before


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_on_hold_stays_and_goes_when_it_is_taken_off(founded: Founding, route: str) -> None:
    small = founded(route=route, flows=DIRECT)
    held, gone, ready = small.bring(hold=True), small.bring(hold=True), small.bring(type="DebitAdj", currency="USD")
    first = small.run()
    assert (first.code, first.flow("supplier-invoices")["held"], first.flow("supplier-invoices")["sent"]) == (1, 2, 1)
    assert small.rows()[held["key"]]["message"] == (
        f"The invoice {held['number']} is on hold in the ERP. It goes by itself once it is taken off hold there."
    )
    assert [each["files"][0]["sha256"] for each in small.entered()] == [ready["sha256"]]
    small.in_erp("hold", key=held["key"], on=False)
    small.in_erp("hold", key=gone["key"], on=False)
    small.in_erp("void", key=gone["key"])
    second = small.run()
    assert (second.code, second.flow("supplier-invoices")["sent"]) == (0, 1)
    assert {key: row["status"] for key, row in small.rows().items()} == {
        held["key"]: "transferred", gone["key"]: "cancelled", ready["key"]: "transferred",
    }  # fmt: skip
    assert {each["files"][0]["sha256"] for each in small.entered()} == {ready["sha256"], held["sha256"]}
    assert small.systems.written_to_the_erp() == []


def test_a_credit_note_in_another_currency_enters_with_its_sign(founded: Founding) -> None:
    small = founded(flows=DIRECT)
    bill = small.bring(type="DebitAdj", currency="USD", net="250.50")
    assert small.run().code == 0
    (arrived,) = small.entered()
    assert (arrived["currency"], arrived["net"], arrived["gross"]) == ("USD", Decimal("-250.5"), -bill["total"])


def test_by_smartpdf_an_invoice_without_its_pdf_waits_for_the_file(founded: Founding) -> None:
    small = founded(route=SMARTPDF, flows=DIRECT)
    bill = small.bring(pdf=False)
    assert small.run().code == 1
    row = small.rows()[bill["key"]]
    assert (row["status"], row["reason"]) == ("held", "file missing")
    assert bill["key"] in row["message"]
    small.in_erp("invoices", key=bill["key"], files=["scan.pdf"])
    assert small.run().code == 0
    (arrived,) = small.entered()
    assert (arrived["route"], len(arrived["files"])) == (SMARTPDF, 1)


# ------------------------------------------------------------------ what comes back


@pytest.mark.parametrize("write_back", ["none", "note"])
def test_what_becomes_of_invoices_comes_back(founded: Founding, write_back: str) -> None:
    small = founded(flows=DIRECT, write_back=write_back)
    bills = [small.bring() for _ in range(5)]
    for each in bills[:1]:
        small.in_erp("invoices", key=each["key"], note="Keep this.")
    assert small.run().code == 0
    before = small.bills()
    ids = {each["source"]: each["bumId"] for each in small.entered()}
    approved, paid, removed, disputed, refused = (each["key"] for each in bills)
    small.move(ids[approved], status="WaitingForTransfer")
    small.move(ids[paid], status="Paid", paidTotal=124.0, paidOn=small.systems.today.isoformat())
    small.move(ids[removed], status="Removed", reason="Duplicate", comment="Sent twice")
    small.move(ids[disputed], disputed=True, reason="PriceDifference")
    small.move(ids[refused], status="TechnicalReject")
    said = small.run("statuses")
    assert said.flow("statuses")["read"] == 5
    rows = small.rows()
    assert {key: (rows[key]["status"], rows[key]["reason"]) for key in rows} == {
        approved: ("transferred", None), paid: ("paid", None), removed: ("cancelled", "removed"),
        disputed: ("transferred", None), refused: ("rejected", "turned away"),
    }  # fmt: skip
    told = {key: small.statuses(key)[-1] for key in rows}
    words = {
        approved: "Basware: approved (WaitingForTransfer)",
        paid: f"Basware: paid, 124.00 EUR on {small.systems.today.isoformat()} (Paid)",
        removed: "Basware: removed (Removed): Duplicate: Sent twice",
        disputed: "Basware: disputed (New): PriceDifference",
        refused: "Basware: turned away on its way in (TechnicalReject",
    }
    assert all(words[key] in told[key] for key in rows), told
    noted = {key: [line for line in small.notes(key) if "Basware: " in line] for key in rows}
    assert noted == {key: [told[key]] if write_back == "note" else [] for key in rows}
    assert "Keep this." in small.bills()[approved]["note"]
    _assert_only_the_note_differs(before, small.bills())

    small.systems.forget_calls()
    assert small.run("statuses").flow("statuses")["read"] == 0
    assert small.systems.written_to_the_erp() == []
    assert noted == {key: [line for line in small.notes(key) if "Basware: " in line] for key in rows}


def test_a_note_that_is_refused_is_told_and_harms_nothing(founded: Founding) -> None:
    small = founded(flows=DIRECT, write_back="note")
    bill = small.bring()
    assert small.run().code == 0
    (arrived,) = small.entered()
    small.move(arrived["bumId"], status="Paid", paidTotal=124.0, paidOn=small.systems.today.isoformat())
    refusal = {"kind": "status", "method": "PUT", "path": "/supplierInvoice/", "status": 400, "body": "{}"}
    small.systems.fault(small.systems.erp, **refusal, content_type="application/json", count=9)
    said = small.run("statuses")
    assert (said.code, said.flow("statuses")["failed"]) == (1, 1)
    assert small.rows()[bill["key"]]["status"] == "paid"
    (failed,) = [each for each in small.trail(bill["key"]) if each["outcome"] == "failed"]
    assert failed["summary"].startswith("The note could not be written. It is tried again with the next run.")
    small.systems.mend()
    assert small.run("statuses").code == 0
    assert len(small.notes(bill["key"])) == 1


# ------------------------------------------------------------------ people's decisions


def test_a_refused_invoice_can_be_replayed_and_enters_once(founded: Founding) -> None:
    small = founded(flows=DIRECT)
    bill = small.bring()
    refusal = {"kind": "status", "method": "POST", "path": "/v1/invoices/", "status": 400}
    small.systems.fault(small.systems.basware, **refusal, body='{"errors": {"message": "No such buyer."}}', count=1)
    said = small.run()
    assert (said.code, said.flow("supplier-invoices")["rejected"]) == (1, 1)
    row = small.rows()[bill["key"]]
    assert row["status"] == "rejected"
    assert row["message"] == f"The payables system refused the record {bill['reference']} (400 No such buyer)."
    assert small.entered() == []
    replayed = small.product.run("replay", small.key(bill["key"]), "--json")
    assert (replayed.code, [each["status"] for each in replayed.json["replayed"]]) == (0, ["transferred"]), replayed
    assert [each["times"] for each in small.entered()] == [1]
    again = small.product.run("replay", small.key(bill["key"]), "--json")
    assert again.code == 1
    assert "there is nothing to replay" in again.out + again.err
    assert [each["times"] for each in small.entered()] == [1]


def test_one_that_was_turned_away_later_is_replayed_under_another_id(founded: Founding) -> None:
    small = founded(flows=DIRECT)
    bill = small.bring()
    assert small.run().code == 0
    (first,) = small.entered()
    small.move(first["bumId"], status="BusinessReject")
    small.run("statuses")
    assert small.rows()[bill["key"]]["reason"] == "turned away"
    assert small.run().flow("supplier-invoices")["sent"] == 0
    assert small.product.run("replay", small.key(bill["key"]), "--json").code == 0
    there = {each["bumId"]: each["status"] for each in small.entered()}
    assert there.pop(first["bumId"]) == "turned away"
    assert list(there.values()) == ["New"]
    assert small.run("statuses").code == 0
    assert small.rows()[bill["key"]]["status"] == "transferred"


def test_one_that_was_removed_is_not_replayed(founded: Founding) -> None:
    small = founded(flows=DIRECT)
    bill = small.bring()
    assert small.run().code == 0
    (arrived,) = small.entered()
    small.move(arrived["bumId"], status="Removed", reason="Duplicate")
    small.run("statuses")
    said = small.product.run("replay", small.key(bill["key"]))
    assert said.code == 1
    assert "removed in the payables system by a person" in said.out + said.err
    assert len(small.entered()) == 1


def test_a_held_invoice_is_left_out_by_a_person(founded: Founding) -> None:
    small = founded(flows=DIRECT)
    bill = small.bring(hold=True)
    assert small.run().code == 1
    said = small.product.run("reject", small.key(bill["key"]), "--message", "Handled on paper.", "--json")
    assert (said.code, said.json["status"]) == (0, "rejected")
    small.in_erp("hold", key=bill["key"], on=False)
    small.run()
    assert small.entered() == []
    assert small.rows()[bill["key"]]["reason"] == "returned by a person"


@pytest.mark.parametrize("decision", ["replay", "link"])
def test_whether_a_pdf_entered_is_decided_by_a_person_where_nobody_can_tell(founded: Founding, decision: str) -> None:
    small = founded(route=SMARTPDF, flows=DIRECT)
    bill = small.bring()
    delay = f"{small.systems.basware}/_sandbox/inbound-delay"
    call("POST", delay, {"tickets": 2})  # over before anything can be put there
    try:
        said = small.run("supplier-invoices")
    finally:
        call("POST", delay, {"tickets": 3600})
    assert (said.code, said.flow("supplier-invoices")["held"]) == (1, 1)
    row = small.rows()[bill["key"]]
    assert row["reason"] == "entry uncertain"
    assert "if it is there, link it here; if not, replay it with --from post" in row["message"]
    assert small.entered() == []
    if decision == "replay":
        again = small.product.run("replay", small.key(bill["key"]), "--from", "post", "--json")
        assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
        assert [each["times"] for each in small.entered()] == [1]
    else:
        other = small.bring()
        assert small.run("supplier-invoices").code == 0
        (arrived,) = small.entered()  # somebody scanned it meanwhile, as it were
        linked = small.product.run("link", small.key(bill["key"]), arrived["invoiceId"], "--json")
        assert (linked.code, linked.json["status"]) == (0, "transferred")
        assert small.run().code == 0
        assert [each["files"][0]["sha256"] for each in small.entered()] == [other["sha256"]]


def test_reconcile_agrees_and_names_what_somebody_changed(founded: Founding) -> None:
    small = founded(flows=DIRECT)
    voided, changed, plain = (small.bring() for _ in range(3))
    assert small.run().code == 0
    month = f"{small.systems.today:%Y-%m}"
    said = small.product.well("reconcile", small.name, "--period", month, "--json").json
    (balance,) = said["currencies"]
    assert (balance["approved"]["count"], balance["posted"]["count"], said["differences"]) == (3, 3, [])

    unread = small.bring()
    small.in_erp("void", key=voided["key"])
    small.in_erp("invoices", key=changed["key"], lines=[{"text": "Goods", "net": "999.00"}])
    told = small.product.run("reconcile", small.name, "--period", month, "--json")
    assert told.code == 1
    kinds = {each["document_id"]: each["kind"] for each in told.json["differences"]}
    assert kinds == {
        voided["key"]: "entered, voided in the ERP afterwards",
        changed["key"]: "entered, another amount in the ERP now",
        unread["key"]: "in the ERP, unknown here",
    }
    assert all(each["words"].endswith(".") for each in told.json["differences"])
    spoken = small.product.run("reconcile", small.name, "--period", month)
    assert "have it removed" in " ".join(spoken.out.split())
    # What differs is not sent again, and what is new goes.
    assert small.run().flow("supplier-invoices")["sent"] == 1
    assert sorted(each["source"] for each in small.entered()) == sorted(
        each["key"] for each in (voided, changed, plain, unread)
    )


def _reject(small: Supplied, entity: str, code: str, message: str) -> None:
    asked = {"entity": entity, "externalCode": code, "message": message}
    call("POST", f"{small.systems.basware}/_sandbox/reject", asked)


def _assert_only_the_note_differs(before: dict[str, Any], after: dict[str, Any]) -> None:
    for key, bill in before.items():
        changed = {name for name in bill if bill[name] != after[key][name]}
        assert changed <= {"note", "stamp", "version"}, changed
