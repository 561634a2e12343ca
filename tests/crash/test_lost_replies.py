"""Every write loses its answer, or is refused for the moment, in one run without a restart; the bills are counted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from crash_ledgers import BUSINESS_CENTRAL_WAY, IMPORT_VENDORS, PAYMENT_RESPONSE, WAYS, each, with_one_ledger
from crash_world import World, check_imported, check_paid, pay_all

from simulation.systems import until

pytestmark = pytest.mark.xdist_group("crash")

GOOD = 2
BAD = ("unknown vendor", "other totals")

PROXY_ERROR = "<html><head><title>502 Proxy Error</title></head><body>Error reading from remote server</body></html>"
TROUBLES: dict[str, dict[str, Any]] = {
    "done, answer lost": {"kind": "lost_reply"},
    "done, answered 500": {"kind": "status_after", "status": 500},
    "done, answered 502": {"kind": "status_after", "status": 502, "content_type": "text/html", "body": PROXY_ERROR},
    "done, answered 504": {"kind": "status_after", "status": 504},
    "cut before the work": {"kind": "cut"},
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429, "retry_after": "1"},
    "503": {"kind": "status", "status": 503},
}
SORTS = ("done, answer lost", "done, answered 500", "cut before the work", "429 with Retry-After")
"""One of each sort that is told apart on the way up; what is of one sort is told alike for every system."""


@pytest.mark.parametrize("trouble", SORTS)
@each(lambda way: way.invoice_writes)
def test_trouble_with_one_write_of_an_invoice(world: World, name: str, trouble: str) -> None:
    check_trouble(world, name, trouble)


@pytest.mark.parametrize("trouble", [trouble for trouble in TROUBLES if trouble not in SORTS])
@each(lambda way: way.invoice_writes, ways=[BUSINESS_CENTRAL_WAY])
def test_any_other_trouble_of_its_sort_with_one_write(world: World, name: str, trouble: str) -> None:
    check_trouble(world, name, trouble)


def check_trouble(world: World, name: str, trouble: str) -> None:
    offered = world.offer(world.companies[0], GOOD, *BAD)
    world.put(world.way.invoice_writes[name], **TROUBLES[trouble])
    world.ask_for_runs("invoices")
    world.settled()
    assert world.sandbox.to_come() == []
    world.check(offered[:GOOD], offered[GOOD:])


@pytest.mark.parametrize("trouble", ["done, answer lost", "done, answered 500", "cut before the work", "503"])
def test_trouble_with_every_third_write_of_an_invoice(world: World, trouble: str) -> None:
    offered = world.offer(world.companies[0], 8, *BAD)
    for write in world.way.invoice_writes.values():
        for turn in range(3):
            world.put(write, **TROUBLES[trouble], skip=2 * turn)
    world.ask_for_runs("invoices")
    world.settled()
    world.check(offered[:8], offered[8:])


@with_one_ledger
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_with_a_payment_response(world: World, trouble: str) -> None:
    offered = world.offer(world.companies[0], GOOD)
    world.ask_for_runs("invoices")
    world.settled()
    pay_all(world)
    world.put(PAYMENT_RESPONSE, **TROUBLES[trouble])
    world.ask_for_runs("payments")
    world.settled()
    assert world.sandbox.to_come() == []
    world.ask_for_runs("payments")
    world.settled()
    check_paid(world, offered)


@with_one_ledger
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_with_an_import(world: World, trouble: str) -> None:
    world.ask_for_runs("payment-terms")
    world.settled()
    world.put(IMPORT_VENDORS, **TROUBLES[trouble])
    world.ask_for_runs("vendors")
    world.settled()
    assert world.sandbox.to_come() == []
    world.ask_for_runs("vendors")
    world.settled()
    check_imported(world)


@pytest.mark.parametrize("way", [way for way in WAYS if way.expiring], indirect=True, ids=str)
def test_sessions_that_are_lost_again_and_again(world: World) -> None:
    offered = world.offer(world.companies[0], 30, *BAD)
    world.ask_for_runs("invoices")
    child = world.settle()
    for share in range(1, 7):
        # Refused twice in a row, the ledger is let alone for a minute.
        until(lambda share=share: len(world.bills()) >= 4 * share - 3 or not child.runs, "some are posted", seconds=150)
        world.sandbox.tell(world.way.ledger, world.way.expiring)
    assert child.ended(seconds=150) == 0, child.told()
    signed_in = [made for made in world.sandbox.calls(world.ledger) if re.search(world.way.sign_in.path, made["path"])]
    assert len(signed_in) > 2
    world.check(offered[:30], offered[30:])
