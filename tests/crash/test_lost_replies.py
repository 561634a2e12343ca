"""Every write loses its answer, or is refused for the moment, in one run without a restart; the bills are counted."""

from __future__ import annotations

from typing import Any

import pytest
from crash_world import Call, World, check_imported, check_paid, pay_all

pytestmark = pytest.mark.xdist_group("crash")

GOOD = 2
BAD = ("unknown vendor", "other totals")

TROUBLES: dict[str, dict[str, Any]] = {
    "done, answer lost": {"kind": "lost_reply"},
    "done, answered 500": {"kind": "status_after", "status": 500},
    "done, answered 504": {"kind": "status_after", "status": 504},
    "cut before the work": {"kind": "cut"},
    "429": {"kind": "status", "status": 429},
    "429 with Retry-After": {"kind": "status", "status": 429, "retry_after": "1"},
    "503": {"kind": "status", "status": 503},
}
INVOICE_WRITES = {
    "sign in to Basware": Call("POST", "/v1/tokens$", ledger=False),
    "acknowledge": Call("POST", "/acknowledge$", ledger=False),
    "sign in to the ledger": Call("POST", "/oauth2/v2.0/token$"),
    "create": Call("POST", r"/\$batch$", r'"vendorInvoiceNumber": ?"'),
    "write dimensions": Call("POST", r"/\$batch$", r'^(?!.*"vendorInvoiceNumber": ?").*"valueCode"'),
    "post": Call("POST", r"/\$batch$", r"Microsoft\.NAV\.post"),
    "transfer response": Call("POST", "/transferResponses$", '"success": ?true', ledger=False),
    "discard": Call("DELETE", r"/purchaseInvoices\("),
    "failure response": Call("POST", "/transferResponses$", '"success": ?false', ledger=False),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("write", INVOICE_WRITES)
def test_trouble_with_one_write_of_an_invoice(world: World, write: str, trouble: str) -> None:
    offered = world.offer(world.companies[0], GOOD, *BAD)
    INVOICE_WRITES[write].put(world.sandbox, **TROUBLES[trouble])
    world.ask_for_runs("invoices")
    world.settled()
    assert world.sandbox.to_come() == []
    world.check(offered[:GOOD], offered[GOOD:])


@pytest.mark.parametrize("trouble", ["done, answer lost", "done, answered 500", "cut before the work", "503"])
def test_trouble_with_every_third_write_of_an_invoice(world: World, trouble: str) -> None:
    offered = world.offer(world.companies[0], 8, *BAD)
    for write in INVOICE_WRITES.values():
        for turn in range(3):
            write.put(world.sandbox, **TROUBLES[trouble], skip=2 * turn)
    world.ask_for_runs("invoices")
    world.settled()
    world.check(offered[:8], offered[8:])


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_with_a_payment_response(world: World, trouble: str) -> None:
    offered = world.offer(world.companies[0], GOOD)
    world.ask_for_runs("invoices")
    world.settled()
    pay_all(world)
    Call("POST", "/paymentResponses$", ledger=False).put(world.sandbox, **TROUBLES[trouble])
    world.ask_for_runs("payments")
    world.settled()
    assert world.sandbox.to_come() == []
    world.ask_for_runs("payments")
    world.settled()
    check_paid(world, offered)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_with_an_import(world: World, trouble: str) -> None:
    world.ask_for_runs("payment-terms")
    world.settled()
    Call("POST", "/v1/vendors$", ledger=False).put(world.sandbox, **TROUBLES[trouble])
    world.ask_for_runs("vendors")
    world.settled()
    assert world.sandbox.to_come() == []
    world.ask_for_runs("vendors")
    world.settled()
    check_imported(world)
