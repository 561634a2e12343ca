"""Epicor Kinetic: keys, logins, rights, scopes, licences, and answers in every form (dossier 3, 4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conformance.bench import Harm, Site
from conformance.enduring import settle
from conformance.epicor_kinetic import SIGN_INS, EpicorKineticBench, bench_of
from conformance.stage import assert_stands_as_said, bill_of, draft_of, found_of, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.records.invoice import BillStatus
from ml_connector.records.reason import Reason
from ml_connector.sandbox import epicor_kinetic as simulated

VARIANTS = ("plain", "spelling", "odata", "bare", "html", "empty", "xml")
"""The forms in which errors come (dossier 4.1)."""


@pytest.fixture(params=list(SIGN_INS))
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[EpicorKineticBench]:
    """Each way to sign in."""
    async with bench_of(sign_in=request.param) as made:
        yield made


@pytest.fixture
async def usual() -> AsyncIterator[EpicorKineticBench]:
    async with bench_of() as made:
        yield made


async def opened(bench: EpicorKineticBench, **secrets: str) -> AsyncIterator[Ledger]:
    ledger = bench.open(bench.side(secrets=secrets))
    yield ledger
    await ledger.close()


@pytest.fixture
async def ledger(usual: EpicorKineticBench) -> AsyncIterator[Ledger]:
    async for each in opened(usual):
        yield each


# ------------------------------------------------------------------ the three refusals of one status


async def test_key_login_and_right_are_told_apart_though_they_share_a_status(bench: EpicorKineticBench) -> None:
    ledger = bench.open(bench.side())
    bill = bill_of(bench, "S-1")
    await bench.hook("rights", object="Erp.BO.APInvoice.GetRows", allowed=False)
    with pytest.raises(Refused) as no_right:
        await found_of(ledger, bill)
    await bench.hook("rights", object="Erp.BO.APInvoice.GetRows", allowed=True)
    await bench.hook("key", value="a-new-key")
    with pytest.raises(Refused) as no_key:
        await found_of(ledger, bill)
    await bench.hook("key")
    await bench.hook("users", password="changed", mapped=False)
    await bench.expire_sessions()
    with pytest.raises(Refused) as no_login:
        await found_of(bench.open(bench.side()), bill_of(bench, "S-2"))
    told = [each.value for each in (no_right, no_key, no_login)]
    assert [each.reason for each in told] == [Reason.RIGHTS_MISSING, Reason.SIGN_IN_REFUSED, Reason.SIGN_IN_REFUSED]
    assert "Erp.BO.APInvoice.GetRows" in str(told[0])
    assert "API key" in str(told[1])
    assert "API key" not in str(told[2])
    await ledger.close()


async def test_a_key_that_is_repeated_in_a_refusal_is_nowhere_to_be_read(
    bench: EpicorKineticBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ledger = bench.open(bench.side())
    draft = await draft_of(ledger, bill_of(bench, "S-1"))
    await bench.hook("key", value="another")
    errors: list[ConnectorError] = []
    async with recording() as exchanges:
        for act in (
            found_of(ledger, bill_of(bench, "S-2")),
            ledger.create(bill_of(bench, "S-3")),
            ledger.post(bill_of(bench, "S-1"), draft),
            ledger.attach(bill_of(bench, "S-1"), draft, name="image.pdf", content=b"%PDF"),
        ):
            with pytest.raises(ConnectorError) as refused:
                await act
            errors.append(refused.value)
        steps = [step async for step in ledger.ping()]
    await ledger.close()
    kept = [part for each in exchanges for part in (each.request, each.answer) if part]
    assert any(b"Invalid API Key" in part for part in kept)
    assert not [part for part in kept if simulated.API_KEY.encode() in part]
    causes = [each for error in errors for each in (error, error.__cause__, error.__context__)]
    told = repr((errors, steps, causes, exchanges)) + "".join(str(each) for each in causes) + caplog.text
    assert simulated.API_KEY not in told


async def test_a_scope_that_lacks_a_service_is_said_and_no_way_around_it_is_tried(
    usual: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = bill_of(usual, "S-1")
    await ledger.check([bill])
    await usual.hook("scope", services=["Erp.BO.VendorSvc", "Erp.BO.APInvGrpSvc"])
    await usual.forget_calls()
    with pytest.raises(Refused) as refused:
        await found_of(ledger, bill)
    assert (refused.value.reason, refused.value.status) == (Reason.RIGHTS_MISSING, 403)
    assert [call.status for call in await usual.calls()] == [403]


@pytest.mark.parametrize("method", ["APInvoice.UpdateMaster", "APInvoice.GetByID", "APInvGrp.Update"])
async def test_a_right_that_is_taken_away_half_way_leaves_nothing_that_is_not_found(
    usual: EpicorKineticBench, ledger: Ledger, method: str
) -> None:
    bill = bill_of(usual, "S-1")
    await ledger.check([bill])
    await usual.hook("rights", object=f"Erp.BO.{method}", allowed=False)
    with pytest.raises((Refused, OutcomeUnknown)) as failed:
        await ledger.create(bill)
    assert method in str(failed.value)
    if isinstance(failed.value, Refused):
        assert failed.value.reason is Reason.RIGHTS_MISSING
        assert await usual.bills() == []
    await usual.hook("rights", object=f"Erp.BO.{method}", allowed=True)
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    await assert_stands_as_said(usual, bill)


async def test_a_posting_that_the_user_may_not_submit_leaves_the_bill_held(
    usual: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = bill_of(usual, "S-1")
    draft = await draft_of(ledger, bill)
    await usual.hook("rights", object="Erp.PROC.APInvoicePost.SubmitToAgent", allowed=False)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.RIGHTS_MISSING
    row = await usual.row("S-1")
    assert (row["held"], row["posted"]) == (True, False)


# ------------------------------------------------------------------ licences


async def test_no_session_is_opened_and_two_calls_run_at_a_time(bench: EpicorKineticBench) -> None:
    ledger = bench.open(bench.side())
    await bench.hook("latency", seconds=0.002)
    bills = [bill_of(bench, f"L-{at}") for at in range(4)]
    await asyncio.gather(*(posted_of(ledger, bill) for bill in bills))
    await ledger.close()
    state = await bench.show("state")
    assert (state["sessions"], state["peak"] <= 2) == (0, True)


@pytest.mark.parametrize("status", [400, 500])
async def test_where_all_licences_are_taken_nothing_is_done_and_all_is_done_later(
    usual: EpicorKineticBench, ledger: Ledger, status: int
) -> None:
    bill = bill_of(usual, "L-1")
    await ledger.check([bill])
    await usual.hook("licences", limit=1, status=status)
    login = f"{usual.base}/{simulated.INSTANCE}/api/v2/odata/EPIC4000/Ice.LIB.SessionModSvc/Login"
    headers = await _headers(usual)
    creating = asyncio.create_task(ledger.create(bill))
    async with usual.amid(r"/UpdateMaster$"), usual.session.post(login, json={}, headers=headers) as reply:
        assert reply.status == 200
    with pytest.raises(Unavailable) as later:
        await creating
    assert later.value.reason is Reason.RATE_LIMITED
    assert await standing(usual, bill) == []
    await usual.hook("licences", free=True)
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    await assert_stands_as_said(usual, bill)


async def _headers(bench: EpicorKineticBench) -> dict[str, str]:
    address = f"{bench.base}/{simulated.INSTANCE}/TokenResource.svc/"
    who = {"username": simulated.USERNAME, "password": simulated.PASSWORD, "Accept": "application/json"}
    async with bench.session.post(address, headers=who) as reply:
        token = (await reply.json())["AccessToken"]
    return {"Authorization": f"Bearer {token}", "x-api-key": simulated.API_KEY}


# ------------------------------------------------------------------ answers in every form


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_refusal_in_whatever_form_leaves_one_bill_or_none(
    usual: EpicorKineticBench, ledger: Ledger, variant: str
) -> None:
    """A page of a gateway (502) says nothing of what was done: that alone is an unknown outcome."""
    wrong = bill_of(usual, "V-1", currency=usual.facts.currency_without_rate)
    fine = bill_of(usual, "V-2")
    await usual.hook("errors", variant=variant)
    with pytest.raises((OutcomeUnknown, Unavailable) if variant == "html" else Refused) as failed:
        await ledger.create(wrong)
    if variant in ("plain", "spelling", "odata", "xml"):
        assert failed.value.reason is Reason.RATE_MISSING
    await usual.hook("errors", variant="plain", count=0)
    assert (await settle(ledger, fine)).status is BillStatus.POSTED
    assert [each.supplier_number for each in await usual.bills()] == ["V-2"]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_number_that_is_taken_is_known_by_a_look_whatever_is_said(
    usual: EpicorKineticBench, ledger: Ledger, variant: str
) -> None:
    first = await posted_of(ledger, bill_of(usual, "Dup-1"))
    await usual.hook("duplicates", status=400 if variant == "odata" else 409)
    await usual.hook("errors", variant=variant)
    with pytest.raises(ConnectorError) as failed:
        await ledger.create(bill_of(usual, "DUP-1", key="c/other/1"))
    # Without a word that hints at it, it is some refusal; with one it is what it is.
    if variant not in ("html", "empty", "bare"):
        assert failed.value.reason is Reason.POSSIBLE_DUPLICATE
    assert [each.id for each in await usual.bills()] == [first.id]


@pytest.mark.parametrize("harm", [Harm("status", status=429, retry_after="0"), Harm("status", status=503)], ids=str)
async def test_a_gateway_that_is_busy_at_any_call_of_a_bill_costs_no_bill(
    usual: EpicorKineticBench, ledger: Ledger, harm: Harm
) -> None:
    bill = bill_of(usual, "B-1")
    await settle(ledger, bill_of(usual, "B-0"))
    count = len(await usual.calls())
    for skip in range(0, count, 7):
        await usual.strike(harm, Site(r"/api/v2/", "POST", skip=skip))
    done: Any = await settle(ledger, bill)
    assert done.status is BillStatus.POSTED
    await assert_stands_as_said(usual, bill)
