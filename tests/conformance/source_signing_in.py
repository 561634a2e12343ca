"""Sessions, rights and the connection test."""

from __future__ import annotations

import asyncio
import json

import pytest

from conformance.bench import Harm, PingFailure
from conformance.source_bench import SourceBench
from conformance.source_stage import Reader, SourceStage, calls_of, sign_ins
from ml_connector.connectors.base import PingStep, Source
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.http import recording
from ml_connector.records.flow import Flow
from ml_connector.records.reason import Reason

WRONG = "a-secret-that-is-wrong"


async def steps_of(source: Source) -> list[PingStep]:
    """Every step a connection test takes."""
    return [step async for step in source.ping()]


def _kept(body: bytes, bench: SourceBench) -> str:
    """A body as the trail keeps it: without the values of the members that the manifest names."""
    names = {name.lower() for name in bench.connector.manifest.redacted}

    def of(members: list[tuple[str, object]]) -> dict[str, object]:
        return {name: value for name, value in members if name.lower() not in names}

    try:
        return json.dumps(json.loads(body, object_pairs_hook=of), ensure_ascii=False)
    except ValueError:
        return body.decode(errors="replace")


class SourceSigningIn(SourceStage):
    """Sign in, wrong secret, expired token, one 401, ping."""

    async def test_all_who_wait_share_one_sign_in(self, bench: SourceBench, source: Source) -> None:
        await asyncio.gather(*(source.read_invoice("Invoice/0") for _ in range(8)))
        assert await sign_ins(bench) == 1

    async def test_a_wrong_secret_is_a_refused_sign_in_that_tells_no_secret(self, bench: SourceBench) -> None:
        source = bench.open(bench.side(secrets=dict.fromkeys(bench.connector.manifest.secret_fields, WRONG)))
        try:
            with pytest.raises(Refused) as refused:
                await Reader(source).invoices()
        finally:
            await source.close()
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        assert WRONG not in repr(refused.value) + str(refused.value)
        assert await sign_ins(bench) == 1  # not tried over and over
        assert await calls_of(bench) == []

    async def test_a_token_that_expired_is_replaced_once_for_all_reads(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001")
        await source.read_invoice(key)
        await bench.expire_sessions()
        await bench.forget_calls()
        found = await asyncio.gather(*(source.read_invoice(key) for _ in range(8)))
        assert all(each is not None for each in found)
        assert await sign_ins(bench) == 1

    async def test_a_token_that_expires_in_the_middle_of_a_list_costs_no_record(
        self, bench: SourceBench, source: Source
    ) -> None:
        await bench.limit_pages(Flow.VENDORS, 5)
        records = []
        async for page in source.read(Flow.VENDORS, since=None):
            records += page.records
            await bench.expire_sessions()
        assert len(records) == await bench.count(Flow.VENDORS)

    async def test_a_token_that_expired_before_a_note_is_written_costs_no_note(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001")
        await source.read_invoice(key)
        await bench.expire_sessions()
        await source.write_note(key, "Approved.")
        assert [each.note for each in await bench.invoices() if each.key == key] == ["Approved."]

    async def test_one_401_is_answered_by_one_sign_in(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001")
        await source.read_invoice(key)
        await bench.forget_calls()
        await bench.strike(Harm("status", status=401), bench.single_site)
        assert await source.read_invoice(key) is not None
        assert (await sign_ins(bench), len(await calls_of(bench))) == (1, 2)

    async def test_a_401_that_stays_is_a_refused_sign_in_and_is_not_asked_for_ever(
        self, bench: SourceBench, source: Source
    ) -> None:
        await bench.strike(Harm("status", status=401, count=99), bench.single_site)
        with pytest.raises(Refused) as refused:
            await source.read_invoice("Invoice/0")
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        assert len(await calls_of(bench)) == 2

    async def test_what_is_kept_of_the_calls_holds_no_secret_and_no_bank_account(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001")
        async with recording() as exchanges:
            invoices = await Reader(source).invoices()
            await source.write_note(key, "Approved.")
        kept = "\n".join(_kept(part, bench) for each in exchanges for part in (each.request, each.answer) if part)
        assert "900001" in kept
        banks = {each.bank_account for each in invoices} - {""}
        assert banks
        secrets = [*bench.side().secrets.values(), *banks]
        assert not [secret for secret in secrets if secret in kept + repr(invoices)]

    async def test_ping_names_each_step_when_all_is_well(self, bench: SourceBench, source: Source) -> None:
        steps = await steps_of(source)
        assert tuple(step.name for step in steps) == self.ping_steps
        assert all(step.ok and step.detail and not step.advice for step in steps)
        assert await bench.written() == []

    async def test_ping_stops_at_the_step_that_fails_and_says_what_to_do(
        self, bench: SourceBench, failure: PingFailure
    ) -> None:
        if failure.arrange is not None:
            await failure.arrange(bench)
        source = bench.open(bench.side(values=failure.values, secrets=failure.secrets))
        try:
            steps = await steps_of(source)
        finally:
            await source.close()
        assert [step.ok for step in steps] == [*[True] * (len(steps) - 1), False]
        assert (steps[-1].name, len(steps)) == (failure.step, self.ping_steps.index(failure.step) + 1)
        assert failure.advice in steps[-1].advice
        assert not any(secret in repr(steps) for secret in failure.secrets.values())
