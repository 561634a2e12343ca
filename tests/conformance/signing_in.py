"""Sessions and the connection test."""

from __future__ import annotations

import asyncio
import json
from typing import ClassVar

import pytest

from conformance.bench import Bench, PingFailure
from conformance.stage import Stage, bill_of, found_of, posted_of
from ml_connector.connectors.base import Ledger, PingStep
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.http import recording
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import BillStatus
from ml_connector.records.master_data import Vendor
from ml_connector.records.reason import Reason

WRONG = "a-secret-that-is-wrong"


async def steps_of(ledger: Ledger) -> list[PingStep]:
    """Every step a connection test takes."""
    return [step async for step in ledger.ping()]


def _kept(body: bytes, bench: Bench) -> str:
    """A body as the trail keeps it: without the values of the members that the manifest names."""
    names = {name.lower() for name in bench.connector.manifest.redacted}

    def of(members: list[tuple[str, object]]) -> dict[str, object]:
        return {name: value for name, value in members if name.lower() not in names}

    try:
        return json.dumps(json.loads(body, object_pairs_hook=of), ensure_ascii=False)
    except ValueError:
        return body.decode(errors="replace")


class SigningIn(Stage):
    """Sign in, wrong secret, expired session, ping."""

    sign_ins: ClassVar[int] = 1
    """Calls by which a session begins; none where each call carries user and password itself."""

    async def test_all_who_wait_share_one_sign_in(self, bench: Bench, ledger: Ledger) -> None:
        await asyncio.gather(*(found_of(ledger, bill_of(bench, f"S-{index}")) for index in range(8)))
        assert len([call for call in await bench.calls() if call.is_sign_in]) == self.sign_ins

    async def test_a_wrong_secret_is_a_refused_sign_in_that_tells_no_secret(self, bench: Bench) -> None:
        names = bench.connector.manifest.secret_fields
        ledger = bench.open(bench.side(secrets=dict.fromkeys(names, WRONG)))
        try:
            with pytest.raises(Refused) as refused:
                await found_of(ledger, bill_of(bench, "S-1"))
        finally:
            await ledger.close()
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        assert WRONG not in repr(refused.value)
        assert WRONG not in str(refused.value)
        assert not [call for call in await bench.calls() if call.writes]

    async def test_a_wrong_secret_is_not_tried_over_and_over(self, bench: Bench) -> None:
        names = bench.connector.manifest.secret_fields
        ledger = bench.open(bench.side(secrets=dict.fromkeys(names, WRONG)))
        with pytest.raises(ConnectorError):
            await found_of(ledger, bill_of(bench, "S-1"))
        await ledger.close()
        calls = await bench.calls()
        assert len([call for call in calls if call.is_sign_in]) == self.sign_ins
        assert len(calls) == 1

    async def test_a_session_that_expired_is_renewed_once_for_all_reads(self, bench: Bench, ledger: Ledger) -> None:
        await found_of(ledger, bill_of(bench, "S-1"))
        await bench.expire_sessions()
        await bench.forget_calls()
        await asyncio.gather(*(found_of(ledger, bill_of(bench, f"S-{index}")) for index in range(8)))
        assert len([call for call in await bench.calls() if call.is_sign_in]) == self.sign_ins

    async def test_a_session_that_expires_before_each_write_costs_no_bill(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "S-1")
        await ledger.check([bill])
        await bench.expire_sessions()
        draft = await ledger.create(bill)
        await bench.expire_sessions()
        posted = await ledger.post(bill, draft)
        assert posted.status is BillStatus.POSTED
        assert len([each for each in await bench.bills() if each.supplier_number == "S-1"]) == 1

    async def test_a_session_is_kept_over_a_whole_bill(self, bench: Bench, ledger: Ledger) -> None:
        await posted_of(ledger, bill_of(bench, "S-1"))
        assert len([call for call in await bench.calls() if call.is_sign_in]) == self.sign_ins

    async def test_what_is_kept_of_the_calls_holds_no_secret_and_no_bank_account(
        self, bench: Bench, ledger: Ledger
    ) -> None:
        async with recording() as exchanges:
            await posted_of(ledger, bill_of(bench, "S-1"))
            records = [record async for page in ledger.read(Flow.VENDORS, since=None) for record in page.records]
        kept = "\n".join(_kept(part, bench) for each in exchanges for part in (each.request, each.answer) if part)
        assert bill_of(bench, "S-1").vendor in kept
        assert not [secret for secret in bench.side().secrets.values() if secret in kept]
        banks = [bank for record in records if isinstance(record, Vendor) for bank in record.bank_accounts]
        assert not [each for bank in banks for each in (bank.iban, bank.number) if each and each in kept]

    async def test_ping_names_each_step_when_all_is_well(self, bench: Bench, ledger: Ledger) -> None:
        steps = await steps_of(ledger)
        assert tuple(step.name for step in steps) == self.ping_steps
        assert all(step.ok and step.detail and not step.advice for step in steps)
        assert not [call for call in await bench.calls() if call.writes]

    async def test_ping_stops_at_the_step_that_fails_and_says_what_to_do(
        self, bench: Bench, failure: PingFailure
    ) -> None:
        if failure.arrange is not None:
            await failure.arrange(bench)
        ledger = bench.open(bench.side(values=failure.values, secrets=failure.secrets))
        try:
            steps = await steps_of(ledger)
        finally:
            await ledger.close()
        assert [step.ok for step in steps] == [*[True] * (len(steps) - 1), False]
        assert (steps[-1].name, len(steps)) == (failure.step, self.ping_steps.index(failure.step) + 1)
        assert failure.advice in steps[-1].advice
        assert not any(secret in repr(steps) for secret in failure.secrets.values())
