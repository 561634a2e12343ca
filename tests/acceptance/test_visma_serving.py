"""A connection to Visma.net that is set up wrongly is told so in words; the service follows webhooks as hints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from acceptance.product import Product, Serving, query
from acceptance.supplied import VENDORS, Sources, Supplied, failed_step, new_product
from ml_connector.sandbox.visma_net import CUSTOMER_TENANT
from simulation.sources import SECRETS, SMARTPDF
from simulation.systems import call, request, until

pytestmark = pytest.mark.xdist_group("acceptance-visma")

DIRECT = "{vendors: {enabled: false}, purchase-orders: {enabled: false}}"
ANNOUNCED = (
    "{vendors: {enabled: false}, purchase-orders: {enabled: false}, statuses: {every: 1h}, "
    "supplier-invoices: {every: 1h, webhook: true}}"
)
_CODES = count(5301)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """Basware and Visma.net, simulated."""
    started = Sources(tmp_path_factory.mktemp("systems") / "log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def product(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Product:
    return new_product(tmp_path_factory.mktemp("household") / "home", new_database())


def founded(product: Product, systems: Sources, **settings: Any) -> Supplied:
    """A company in both systems, joined."""
    code = str(next(_CODES))
    systems.found_in_source(systems.kind, [code], vendors=VENDORS)
    small = Supplied(product, systems, code)
    applied = joined(small, **settings)
    assert applied.code == 0, applied
    return small


def joined(small: Supplied, **settings: Any) -> Any:
    """Applies its part of the file in another way."""
    return small.product.apply(f"connections:\n{small.systems.connection(small.code, **settings)}")


# ------------------------------------------------------------------ its set-up


@pytest.mark.parametrize(
    ("settings", "side", "step", "words"),
    [
        ({"changes": {"client_secret": "not-it"}}, "Visma.net", "sign in", "client_id and client_secret"),
        ({"changes": {"tenant_id": CUSTOMER_TENANT}}, "Visma.net", "company", "the company tenant, which Visma App"),
        ({"changes": {"base_url": "http://127.0.0.1:1"}}, "Visma.net", "reach", "base_url"),
        (
            {"basware_changes": {"network_password": "not-it"}},
            "Basware, invoices in", "network", "network_username and network_password",
        ),
        (
            {"route": SMARTPDF, "basware_changes": {"smartpdf_receiver": "nobody@smartpdf.example"}},
            "Basware, invoices in", "SmartPDF", "smartpdf_receiver",
        ),
    ],
    ids=["secret", "customer tenant", "address", "network password", "receiver"],
)  # fmt: skip
def test_a_wrong_set_up_is_said_in_words(
    product: Product, systems: Sources, settings: dict[str, Any], side: str, step: str, words: str
) -> None:
    small = founded(product, systems, flows=DIRECT, **settings)
    failed = failed_step(product, small.name)
    assert (failed["side"], failed["step"]) == (side, step)
    assert words in failed["advice"]
    assert "not-it" not in str(failed)
    spoken = product.run("ping", small.name)
    assert "What to do:" in spoken.out


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"basware_changes": {"network_username": "", "buyer_endpoint": ""}}, "network_username and buyer_endpoint"),
        ({"route": SMARTPDF, "basware_changes": {"smartpdf_notify": ""}}, "smartpdf_notify"),
        ({"changes": {"company_id": ""}}, "erp.company_id: This is required."),
        ({"route": "pigeon"}, "erp.invoice_route: This has to be one of: network or smartpdf."),
    ],
    ids=["network", "smartpdf", "company", "route"],
)
def test_a_missing_setting_is_named_with_its_place_in_the_file(
    product: Product, systems: Sources, settings: dict[str, Any], words: str
) -> None:
    said = product.apply(f"connections:\n{systems.connection('5300', **settings)}")
    assert said.code == 2
    assert words in said.err
    assert re.search(r"\.yaml:\d+: connections\.acme-5300\.", said.err)


def test_notes_without_their_scope_are_found_out_by_the_test(product: Product, systems: Sources) -> None:
    small = founded(product, systems, write_back="note")
    scopes = f"{systems.erp}/_sandbox/scopes"
    call("POST", scopes, {"granted": ["read"]})
    try:
        failed = failed_step(product, small.name)
    finally:
        call("POST", scopes, {"granted": ["read", "create", "update", "delete"]})
    assert failed["step"] == "sign in"
    assert "A scope is missing" in failed["advice"]


def test_a_wrong_network_password_is_one_case_and_loses_nothing(product: Product, systems: Sources) -> None:
    small = founded(product, systems, flows=DIRECT, basware_changes={"network_password": "not-it"})
    bills = [small.bring() for _ in range(3)]
    said = small.run("supplier-invoices")
    assert said.code == 1
    assert "The sign-in to Basware was refused" in said.flow("supplier-invoices")["error"]
    assert small.entered() == []
    assert {row["status"] for row in small.rows().values()} == {"received"}
    (status,) = [each for each in product.well("status", "--json").json if each["connection"] == small.name]
    assert len(status["circuits"]) == 1
    assert not any(secret in str(status) for secret in SECRETS.values())

    assert joined(small, flows=DIRECT).code == 0
    assert small.run("supplier-invoices").code == 0
    assert {each["source"] for each in small.entered()} == {bill["key"] for bill in bills}


# ------------------------------------------------------------------ served


@pytest.fixture(scope="module")
def live(product: Product, systems: Sources) -> Supplied:
    """A company whose invoices go when Visma.net tells of them."""
    small = founded(product, systems, flows=ANNOUNCED, write_back="note")
    product.well("run", small.name)
    # What this test leaves behind is nobody's business: only this connection is worked.
    query(product.database_url or "", "DELETE FROM connection WHERE id <> %s", small.name)
    return small


@pytest.fixture(scope="module")
def serving(live: Supplied) -> Iterator[Serving]:
    """The service, subscribed to Basware's notifications and known to Visma.net."""
    with live.product.serving() as started:
        until(lambda: call("GET", f"{live.systems.basware}/_sandbox/state")["subscriptions"], "the subscription",
              seconds=10)  # fmt: skip
        url = f"{started.address}/webhooks/visma-net/{live.name}"
        _webhook(live, url=url, key=SECRETS["VISMA_WEBHOOK_KEY"], company=live.code)
        yield started


def _webhook(small: Supplied, **asked: Any) -> Any:
    return call("POST", f"{small.systems.erp}/_sandbox/webhook", asked)


def _has_entered(small: Supplied, bill: dict[str, Any]) -> bool:
    return any(each["source"] == bill["key"] for each in small.entered())


def _runs_by_webhook(small: Supplied) -> int:
    sql = "SELECT count(*) AS n FROM run WHERE trigger = 'webhook' AND connection_id = %s"
    return query(small.product.database_url or "", sql, small.name)[0]["n"]


def test_an_invoice_that_visma_tells_of_enters_within_seconds(live: Supplied, serving: Serving) -> None:
    _webhook(live, duplicate=True, array=True)
    bill = live.bring()
    # The schedule comes every hour only.
    until(lambda: _has_entered(live, bill), "the invoice has entered", seconds=10)
    _webhook(live, duplicate=False, array=False)
    assert [each["times"] for each in live.entered() if each["source"] == bill["key"]] == [1]


def test_a_call_with_another_signature_starts_nothing(live: Supplied, serving: Serving) -> None:
    before = _runs_by_webhook(live)
    told = len(_webhook(live, wrong_signature=True)["deliveries"])
    bill = live.bring()
    until(lambda: len(_webhook(live)["deliveries"]) > told, "the call was answered", seconds=10)
    assert _runs_by_webhook(live) == before
    assert not _has_entered(live, bill)
    _webhook(live, wrong_signature=False)
    live.in_erp("release-invoice", key=bill["key"])  # its status changes, which is told
    until(lambda: _has_entered(live, bill), "the invoice has entered", seconds=10)


def test_what_basware_notifies_comes_back_within_seconds(live: Supplied, serving: Serving) -> None:
    bill = live.bring()
    until(lambda: _has_entered(live, bill), "the invoice has entered", seconds=10)
    (arrived,) = [each for each in live.entered() if each["source"] == bill["key"]]
    live.move(arrived["bumId"], status="WaitingForTransfer")
    assert _notified(live, "wrong-signature", arrived["invoiceId"]) == [401]
    assert live.notes(bill["key"]) == []
    assert _notified(live, "plain", arrived["invoiceId"]) == [200]
    until(lambda: live.notes(bill["key"]), "the note is written", seconds=10)
    assert "Basware: approved (WaitingForTransfer)" in live.notes(bill["key"])[0]


def _notified(small: Supplied, kind: str, document: str) -> list[int]:
    """What the product answered to Basware's calls."""
    asked = {"kind": kind, "invoiceId": document}
    sent = call("POST", f"{small.systems.basware}/_sandbox/notify", asked)["sent"]
    return [each["status"] for each in sent]


def test_the_api_tells_of_them_and_a_clean_end_loses_nothing(live: Supplied, serving: Serving) -> None:
    token = live.product.well("token", "create", "a viewer", "--role", "viewer", "--json").json["token"]
    headers = {"Authorization": f"Bearer {token}"}
    status, told = request("GET", f"{serving.address}/api/v1/invoices?limit=50", headers=headers)
    assert status == 200
    assert {each["document_id"] for each in told["items"]} == live.bills().keys()
    assert {each["status"] for each in told["items"]} == {"transferred"}
    last = live.bring()
    assert serving.end() == 0, serving.told()
    assert "Traceback" not in serving.told()
    assert live.run().code == 0
    assert [each["times"] for each in live.entered() if each["source"] == last["key"]] == [1]
