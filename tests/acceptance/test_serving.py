"""The service: notifications become posted bills, forged ones do not, and a clean end loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from acceptance.product import Product, Serving, connections
from acceptance.simulated import Fields, Simulated, invoices_of
from simulation.ledgers import POSTED
from simulation.systems import call, free_port, request, until

pytestmark = pytest.mark.xdist_group("acceptance-serving")

CODE = "2101"
VENDORS = 20


@dataclass
class Live:
    """A company, the product, and whatever serves it now."""

    product: Product
    systems: Simulated
    offered: Iterator[Fields]
    port: int
    """Where it is served, each time: Basware goes on calling where it was told to."""

    def approve(self, number: int, *, notify: bool) -> list[Fields]:
        """Invoices nobody has seen."""
        documents = [next(self.offered) for _ in range(number)]
        self.systems.approve(documents, notify=notify)
        return documents

    def posted(self, documents: list[Fields]) -> bool:
        """True once each has its bill and Basware knows it."""
        there = {each["invoiceId"]: each for each in self.systems.documents(CODE)}
        return all(there[each["invoiceId"]]["processingStatus"] == "Transferred" for each in documents)

    def notify(self, kind: str, document: Fields) -> list[int]:
        """What the product answered to Basware's calls."""
        asked = {"kind": kind, "invoiceId": document["invoiceId"]}
        sent = call("POST", f"{self.systems.basware}/_sandbox/notify", asked)["sent"]
        return [each["status"] for each in sent]

    def assert_once(self) -> None:
        """No bill twice, no draft, one answer each."""
        bills = Counter((each["vendorInvoiceNumber"], each["standing"]) for each in self.systems.bills(CODE))
        told = {each["invoiceNumber"]: each["transferResponses"] for each in self.systems.documents(CODE)}
        answered = {number for number, responses in told.items() if responses}
        assert bills == {(number, POSTED): 1 for number in answered}
        assert all(len(responses) == 1 for responses in told.values() if responses)


@pytest.fixture(scope="module")
def live(systems: Simulated, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Everything is imported before the first test."""
    systems.found([CODE], vendors=VENDORS)
    product = Product(tmp_path_factory.mktemp("live") / "home", new_database())
    product.well("init")
    assert product.apply(connections(systems, [CODE])).code == 0
    product.well("run", f"acme-{CODE}")
    return Live(product, systems, iter(invoices_of(CODE, 60, vendors=VENDORS)), free_port())


@pytest.fixture(scope="module")
def serving(live: Live) -> Iterator[Serving]:
    """The service, subscribed to Basware's notifications."""
    with live.product.serving(port=live.port) as started:
        until(lambda: _subscriptions(live), "the subscription")
        yield started


def _subscriptions(live: Live) -> int:
    return call("GET", f"{live.systems.basware}/_sandbox/state")["subscriptions"]


def token_of(live: Live, role: str) -> dict[str, str]:
    """A header that signs in."""
    made = live.product.well("token", "create", f"a {role}", "--role", role, "--json").json
    return {"Authorization": f"Bearer {made['token']}"}


def test_a_signed_notification_becomes_a_posted_bill_within_seconds(live: Live, serving: Serving) -> None:
    documents = live.approve(3, notify=True)
    # The poll comes every five minutes only.
    until(lambda: live.posted(documents), "the bills", seconds=20)
    live.assert_once()


def test_a_forged_or_stale_notification_is_refused(live: Live, serving: Serving) -> None:
    (document,) = live.approve(1, notify=False)
    before = live.systems.bills(CODE)
    assert live.notify("wrong-signature", document) == [401]
    assert live.notify("stale", document) == [401]
    assert live.systems.bills(CODE) == before
    assert live.notify("plain", document) == [200]
    until(lambda: live.posted([document]), "the bill", seconds=20)


def test_a_notification_that_comes_twice_makes_one_bill(live: Live, serving: Serving) -> None:
    first, second = live.approve(2, notify=False)
    assert live.notify("duplicate", first) == [200, 200]
    assert live.notify("out-of-order", second) == [200, 200]
    until(lambda: live.posted([first, second]), "the bills", seconds=20)
    live.assert_once()


def test_a_command_beside_the_service_shares_its_work(live: Live, serving: Serving) -> None:
    documents = live.approve(5, notify=True)
    said = live.product.run("run", f"acme-{CODE}", "invoices", "--json")
    assert said.code == 0, said
    until(lambda: live.posted(documents), "the bills", seconds=20)
    live.assert_once()


def test_health_is_for_everybody_and_the_rest_is_not(live: Live, serving: Serving) -> None:
    assert request("GET", f"{serving.address}/health")[0] == 200
    assert request("GET", f"{serving.address}/ready")[0] == 200
    for path in ("/", "/metrics", "/api/v1/status", "/api/v1/invoices"):
        assert request("GET", f"{serving.address}{path}")[0] == 401, path


def test_the_api_tells_and_does_what_the_commands_do(live: Live, serving: Serving) -> None:
    viewer, operator = token_of(live, "viewer"), token_of(live, "operator")
    status, listed = request("GET", f"{serving.address}/api/v1/invoices?limit=1000", headers=viewer)
    assert status == 200
    assert {each["document_id"] for each in listed["items"]} == {
        each["document_id"] for each in live.product.well("invoices", "--json").json
    }
    asked = {"connection": f"acme-{CODE}", "flows": ["tax-codes"]}
    assert request("POST", f"{serving.address}/api/v1/runs", asked, headers=viewer)[0] == 403
    status, begun = request("POST", f"{serving.address}/api/v1/runs", asked, headers=operator)
    assert status in (200, 201, 202), begun


def test_a_clean_end_loses_nothing(live: Live, serving: Serving) -> None:
    documents = live.approve(20, notify=True)
    until(lambda: any(each["transferResponses"] for each in _there(live, documents)), "the first bill", seconds=20)
    assert serving.end() == 0, serving.told()
    assert "Traceback" not in serving.told()
    with live.product.serving(port=live.port) as second:
        until(lambda: live.posted(documents), "the rest of the bills")
        assert second.end() == 0, second.told()
    live.assert_once()
    assert live.product.well("verify", "--json").json["ok"]


def _there(live: Live, documents: list[Fields]) -> list[Fields]:
    wanted = {each["invoiceId"] for each in documents}
    return [each for each in live.systems.documents(CODE) if each["invoiceId"] in wanted]
