"""Acumatica: refresh tokens that rotate, one session and one seat, limits, and versions of the endpoint (dossier 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from conformance.acumatica import CODE, AcumaticaBench, Drawer, bench_of, client_of
from conformance.bench import Harm, Site
from conformance.reading import read_all
from conformance.signing_in import steps_of
from conformance.stage import assert_stands_as_said, bill_of, found_of, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import BillStatus
from ml_connector.records.reason import Reason
from ml_connector.sandbox import acumatica as simulated

TOKEN = Site(r"/identity/connect/token$", "POST")


@pytest.fixture
async def bench() -> AsyncIterator[AcumaticaBench]:
    async with bench_of() as made:
        yield made


@pytest.fixture
async def ledgers(bench: AcumaticaBench) -> AsyncIterator[list[Ledger]]:
    """Two processes that work for one connection."""
    opened = [bench.open(bench.side()) for _ in range(2)]
    yield opened
    for each in opened:
        await each.close()


def grants_of(*ledgers: Ledger) -> int:
    """How many times they signed in with the password."""
    return sum(client_of(each).session.grants for each in ledgers)


async def sessions_of(bench: AcumaticaBench) -> tuple[int, int]:
    """How many sessions are open, and how many ever were."""
    state = await bench.show("state")
    return state["sessions"], state["opened"]


# ------------------------------------------------------------------ refresh tokens


async def test_two_processes_never_lose_the_chain_of_refresh_tokens(
    bench: AcumaticaBench, ledgers: list[Ledger]
) -> None:
    for turn in range(6):
        await asyncio.gather(*(found_of(each, bill_of(bench, f"T-{turn}")) for each in ledgers for _ in range(4)))
        await bench.expire_sessions()
    assert grants_of(*ledgers) == 1
    assert len(set(bench.drawer.written)) == len(bench.drawer.written)
    assert (await sessions_of(bench))[0] <= 1


async def test_the_next_process_needs_no_password(bench: AcumaticaBench, ledgers: list[Ledger]) -> None:
    await found_of(ledgers[0], bill_of(bench, "T-1"))
    await ledgers[0].close()
    await found_of(ledgers[1], bill_of(bench, "T-1"))
    assert (grants_of(ledgers[0]), grants_of(ledgers[1])) == (1, 0)


async def test_a_dead_refresh_token_leads_to_one_sign_in_with_the_password(
    bench: AcumaticaBench, ledgers: list[Ledger]
) -> None:
    await found_of(ledgers[0], bill_of(bench, "T-1"))
    await bench.hook("expire-tokens", refresh=True)
    await bench.forget_calls()
    await asyncio.gather(*(found_of(each, bill_of(bench, "T-1")) for each in ledgers for _ in range(4)))
    assert grants_of(*ledgers) == 2  # the first of all, and one of the two since
    assert [call.status for call in await bench.calls() if call.path.endswith("/token")] == [400, 200, 200]


@pytest.mark.parametrize("kind", ["lost_reply", "cut"])
async def test_a_refresh_whose_answer_is_lost_costs_no_bill(
    bench: AcumaticaBench, ledgers: list[Ledger], kind: str
) -> None:
    ledger, bill = ledgers[0], bill_of(bench, "T-1")
    await ledger.check([bill])
    await bench.expire_sessions()
    # The server may have spent the token by then: what was kept is dead.
    await bench.strike(Harm(kind), TOKEN)
    with pytest.raises(Unavailable):
        await ledger.create(bill)
    assert await standing(bench, bill) == []
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)
    await found_of(ledgers[1], bill)
    assert grants_of(*ledgers) == (2 if kind == "lost_reply" else 1)


async def test_where_nothing_can_be_kept_a_process_keeps_its_own(bench: AcumaticaBench) -> None:
    bench.drawer = Drawer()
    ledger = bench.open(bench.side())
    for turn in range(3):
        await found_of(ledger, bill_of(bench, f"T-{turn}"))
        await bench.expire_sessions()
    assert grants_of(ledger) == 1
    await ledger.close()


# ------------------------------------------------------------------ seats


async def test_seats_do_not_pile_up(bench: AcumaticaBench) -> None:
    await bench.hook("seats", limit=1)
    for turn in range(8):
        ledger = bench.open(bench.side())
        await posted_of(ledger, bill_of(bench, f"S-{turn}"))
        await ledger.close()
        assert (await sessions_of(bench))[0] == 0


async def test_one_that_closes_leaves_the_other_at_work(bench: AcumaticaBench, ledgers: list[Ledger]) -> None:
    await bench.hook("seats", limit=1)
    await asyncio.gather(*(found_of(each, bill_of(bench, "S-1")) for each in ledgers))
    await ledgers[0].close()
    bill = bill_of(bench, "S-1")
    await posted_of(ledgers[1], bill)
    await assert_stands_as_said(bench, bill)
    assert (await sessions_of(bench))[0] == 1
    assert grants_of(*ledgers) == 1


@pytest.mark.parametrize("plain_text", [True, False])
async def test_without_a_free_seat_nothing_is_done_and_it_is_a_matter_of_waiting(
    bench: AcumaticaBench, ledgers: list[Ledger], plain_text: bool
) -> None:
    ledger, bill = ledgers[0], bill_of(bench, "S-1")
    await ledger.check([bill])
    await bench.hook("seats", free=True, limit=1, plain_text=plain_text)
    login = {"name": "basware", "password": simulated.PASSWORD, "tenant": simulated.tenant_of(CODE)}
    async with bench.session.post(f"{bench.base}/acme/entity/auth/login", json=login) as reply:
        assert reply.status == 204
    for call in (ledger.create(bill), found_of(ledger, bill)):
        with pytest.raises(Unavailable) as later:
            await call
        assert later.value.reason is Reason.RATE_LIMITED
    assert await bench.bills() == []
    await bench.hook("seats", free=True)
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize("body", ["The custom error module does not recognize this error.", "", '{"message":"busy"}'])
async def test_a_limit_that_is_met_in_any_words_did_nothing(
    bench: AcumaticaBench, ledgers: list[Ledger], body: str
) -> None:
    ledger, bill = ledgers[0], bill_of(bench, "S-1")
    draft = await ledger.create(bill)
    said = {"kind": "status", "status": 429, "body": body, "content_type": "text/plain"}
    for method, path in (("PUT", r"/Bill\?"), ("POST", r"/Bill/ReleaseBill$")):
        await bench.hook("faults", method=method, path=path, **said)
        with pytest.raises(Unavailable) as later:
            await ledger.post(bill, draft)
        assert later.value.reason is Reason.RATE_LIMITED
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_an_account_that_is_locked_is_asked_once(bench: AcumaticaBench) -> None:
    await bench.hook("lock", locked=True)
    ledger = bench.open(bench.side())
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await found_of(ledger, bill_of(bench, "S-1"))
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
    await ledger.close()
    assert len([call for call in await bench.calls() if call.is_sign_in]) == 1


# ------------------------------------------------------------------ versions and addresses


@pytest.mark.parametrize("version", ["23.200.001", "22.200.001"])
async def test_a_version_that_went_away_is_explained(bench: AcumaticaBench, version: str) -> None:
    ledger = bench.open(bench.side(values={"version": version}))
    await posted_of(ledger, bill_of(bench, "V-1"))
    await bench.hook("versions", versions=["24.200.001"])
    with pytest.raises(Refused) as refused:
        await found_of(ledger, bill_of(bench, "V-1"))
    assert refused.value.reason is Reason.ADDRESS_WRONG
    steps = await steps_of(ledger)
    assert (steps[-1].name, steps[-1].ok) == ("endpoint", False)
    assert version in steps[-1].detail
    assert "24.200.001" in steps[-1].detail
    await ledger.close()


@pytest.mark.parametrize("suffix", ["/", "/entity", "/Main", "/Main?ScreenId=AP301000"])
async def test_the_address_may_be_copied_from_the_browser(bench: AcumaticaBench, suffix: str) -> None:
    ledger = bench.open(bench.side(values={"base_url": f"{{base}}/{simulated.SITE}{suffix}"}))
    bill = bill_of(bench, "V-1")
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)
    await ledger.close()


async def test_rows_of_another_tenant_are_never_seen(bench: AcumaticaBench) -> None:
    await bench.hook("companies", codes=["3001"], vendors=5, invoices=0, orders=0)
    ours, theirs = simulated.tenant_of(CODE), simulated.tenant_of("3001")
    other = bench.side(values={"tenant": theirs, "client_id": simulated.client_id("3001")})
    wrong = bench.side(values={"tenant": ours, "client_id": simulated.client_id("3001")})
    bench.drawer = Drawer()
    ledger = bench.open(bench.side(values=other.values))
    records, _ = await read_all(ledger, Flow.VENDORS)
    assert len(records) == 5
    await ledger.close()
    mistaken = bench.open(wrong)
    with pytest.raises(Refused) as refused:
        await found_of(mistaken, bill_of(bench, "V-1"))
    assert refused.value.reason is Reason.ADDRESS_WRONG
    await mistaken.close()


async def test_an_application_that_may_not_use_passwords_is_told_what_to_change(bench: AcumaticaBench) -> None:
    await bench.hook(
        "faults", kind="status", status=400, body='{"error":"unauthorized_client"}', content_type="application/json",
        method=TOKEN.method, path=TOKEN.path,
    )  # fmt: skip
    ledger = bench.open(bench.side())
    steps = await steps_of(ledger)
    assert (steps[-1].name, steps[-1].ok) == ("sign in", False)
    assert "Resource Owner Password" in steps[-1].advice
    await ledger.close()
