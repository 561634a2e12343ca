"""The suite every way of invoices into the payables system inherits.

A test module subclasses `EnteringConformance`, gives it a `bench` fixture (source_inbound_bench.py says what that
is) and names the way's writes:

    class TestSomeRoute(EnteringConformance):
        writes = (EnteringWrite(Step.HAND_IN, Site(r"/invoices/", "POST"), "invoice", enters=True), ...)

        @pytest.fixture
        async def bench(self) -> AsyncIterator[EnteringBench]: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from conformance.bench import Harm, PingFailure
from conformance.source_bench import Garbled
from conformance.source_enduring import SourceEnduring
from conformance.source_handed import CREDIT_NOTE, FOREIGN, PLAIN, digests_of, handed_of
from conformance.source_inbound_bench import Entered, EnteringBench, EnteringWrite, Handed, Step
from conformance.source_standings import SourceStandings
from ml_connector.connectors.base import Inbound
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import Admission, Whereabouts

WRONG = "a-secret-that-is-wrong"
PAGE = "<!doctype html><html><body><h1>Blocked</h1></body></html>"
AFTER_THE_WORK = (Harm("lost_reply"), *(Harm("status_after", status=status) for status in (500, 502, 504)))
BEFORE_THE_WORK = (Harm("cut"), Harm("status", status=500), Harm("status", status=503))


class Deposed(Exception):
    """Raised by a guard where this process may no longer write."""


async def only(bench: EnteringBench) -> Entered:
    """The one invoice that arrived."""
    (found,) = await bench.entered()
    assert await bench.duplicates() == []
    return found


async def hand_in(inbound: Inbound, handed: Handed, *, key: str = "c/1") -> Admission:
    """Admitted and handed in."""
    admission = await inbound.admit(handed.invoice, key=key)
    await inbound.hand_in(handed.invoice, handed.files, admission)
    return admission


class Entering:
    """Enters once, whatever the wire does, and says what came of it."""

    writes: ClassVar[tuple[EnteringWrite, ...]] = ()
    ping_failures: ClassVar[tuple[PingFailure, ...]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """`write` and `failure` come from the way's class."""
        for name, cases in (("write", self.writes), ("failure", self.ping_failures)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, cases, ids=[str(each).replace(" ", "-") for each in cases])

    @pytest.fixture
    async def inbound(self, bench: EnteringBench) -> AsyncIterator[Inbound]:
        """The way in, set up rightly."""
        opened = bench.open(bench.side())
        yield opened
        await opened.close()

    # ------------------------------------------------------------------ entering

    @pytest.mark.parametrize("handed", [PLAIN, CREDIT_NOTE, FOREIGN], ids=["invoice", "credit note", "foreign"])
    async def test_an_invoice_enters_once_and_unchanged(
        self, bench: EnteringBench, inbound: Inbound, handed: Handed
    ) -> None:
        invoice = handed.invoice
        assert inbound.objection(invoice) is None
        admission = await hand_in(inbound, handed)
        found = await only(bench)
        assert (found.id, found.times, found.is_document) == (admission.id, 1, True)
        assert found.files == digests_of(handed.files if bench.carries_all_files else handed.files[:1])
        if bench.carries_data:
            sign = -1 if invoice.kind is DocumentKind.CREDIT_NOTE else 1
            assert (found.net, found.tax, found.gross) == (
                sign * invoice.net, sign * invoice.tax, sign * invoice.gross,
            )  # fmt: skip
            assert (found.number, found.vendor, found.currency, found.source) == (
                invoice.reference, invoice.vendor_number, invoice.currency, invoice.key,
            )  # fmt: skip
            assert (found.orders, found.lines) == (invoice.order_numbers, len(invoice.lines))

    async def test_an_admission_lets_nothing_in_by_itself(self, bench: EnteringBench, inbound: Inbound) -> None:
        first = await inbound.admit(PLAIN.invoice, key="c/1")
        second = await inbound.admit(PLAIN.invoice, key="c/1")
        assert (first == second) is bench.ids_are_ours
        assert (await inbound.admit(PLAIN.invoice, key="c/2")).id != first.id
        assert await bench.entered() == []
        assert await inbound.look(first) is not Whereabouts.ENTERED

    async def test_twice_under_one_admission_is_one(self, bench: EnteringBench, inbound: Inbound) -> None:
        admission = await hand_in(inbound, PLAIN)
        await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        fresh = bench.open(bench.side())  # a process that knows nothing but the admission
        await fresh.hand_in(PLAIN.invoice, PLAIN.files, admission)
        await fresh.close()
        assert (await only(bench)).id == admission.id

    async def test_at_one_time_under_one_admission_is_one(self, bench: EnteringBench, inbound: Inbound) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        await asyncio.gather(*(inbound.hand_in(PLAIN.invoice, PLAIN.files, admission) for _ in range(4)))
        assert (await only(bench)).id == admission.id

    async def test_many_invoices_are_as_many_documents(self, bench: EnteringBench, inbound: Inbound) -> None:
        many = [handed_of(f"N-{number}") for number in range(12)]
        admissions = await asyncio.gather(*(hand_in(inbound, handed, key=f"c/{at}") for at, handed in enumerate(many)))
        assert sorted(each.id for each in await bench.entered()) == sorted(each.id for each in admissions)
        assert await bench.duplicates() == []

    # ------------------------------------------------------------------ looking

    async def test_a_look_tells_before_and_after(self, bench: EnteringBench, inbound: Inbound) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        before = Whereabouts.ABSENT if bench.tells_absence else Whereabouts.UNKNOWN
        assert await inbound.look(admission) is before
        await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        assert await inbound.look(admission) is Whereabouts.ENTERED

    async def test_one_that_does_not_show_yet_is_never_said_to_be_absent(
        self, bench: EnteringBench, inbound: Inbound
    ) -> None:
        await bench.show_late(1800)
        admission = await hand_in(inbound, PLAIN)
        assert await inbound.look(admission) is not Whereabouts.ABSENT
        await bench.pass_time(1900)
        assert await inbound.look(admission) is Whereabouts.ENTERED

    @pytest.mark.parametrize("harm", [
        Harm("status", status=503, count=99), Harm("cut", count=99), Garbled("status", status=200, body=PAGE),
        Garbled("status", status=302, body=PAGE),
    ], ids=str)  # fmt: skip
    async def test_a_look_that_failed_says_nothing(self, bench: EnteringBench, inbound: Inbound, harm: Harm) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        await bench.strike(harm, bench.look_site)
        with pytest.raises(ConnectorError):
            await inbound.look(admission)

    # ------------------------------------------------------------------ the wire

    @pytest.mark.parametrize("harm", [*AFTER_THE_WORK, *BEFORE_THE_WORK], ids=str)
    async def test_a_write_without_a_clear_answer_is_settled_by_looking(
        self, bench: EnteringBench, inbound: Inbound, write: EnteringWrite, harm: Harm
    ) -> None:
        kept = await self._struck(bench, inbound, write, harm)
        await bench.mend()
        fresh = bench.open(bench.side())
        try:
            is_there = write.enters and harm.comes_after_the_work
            if kept is None:
                kept = await fresh.admit(PLAIN.invoice, key="c/1")
            assert (await fresh.look(kept) is Whereabouts.ENTERED) is is_there
            await fresh.hand_in(PLAIN.invoice, PLAIN.files, kept)
        finally:
            await fresh.close()
        assert (await only(bench)).id == kept.id

    @pytest.mark.parametrize("asked", ["120", None], ids=["retry-after", "none"])
    async def test_a_write_that_was_told_to_wait_did_nothing(
        self, bench: EnteringBench, inbound: Inbound, write: EnteringWrite, asked: str | None
    ) -> None:
        harm = Harm("status", status=429, retry_after=asked)
        await bench.strike(harm, write.site)
        with pytest.raises(Unavailable) as later:
            await hand_in(inbound, PLAIN)
        assert later.value.reason is Reason.RATE_LIMITED
        assert later.value.retry_after == (120 if asked else None)
        assert await bench.entered() == []
        await hand_in(inbound, PLAIN)
        assert (await only(bench)).times == 1

    async def test_a_write_that_is_slow_is_waited_for(
        self, bench: EnteringBench, inbound: Inbound, write: EnteringWrite
    ) -> None:
        await bench.strike(Harm("slow", seconds=0.3), write.site)
        await hand_in(inbound, PLAIN)
        assert (await only(bench)).times == 1

    async def test_a_write_that_takes_too_long_is_unknown_and_found_later(
        self, bench: EnteringBench, inbound: Inbound
    ) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        bench.be_impatient(inbound, 0.3)
        await bench.strike(Harm("slow", seconds=0.9), self._enters.site)
        with pytest.raises(OutcomeUnknown):
            await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        bench.be_impatient(inbound, 30)
        async with asyncio.timeout(20):
            while await inbound.look(admission) is not Whereabouts.ENTERED:
                await asyncio.sleep(0.05)
        assert (await only(bench)).id == admission.id

    async def test_a_page_that_somebody_put_between_is_no_entry(
        self, bench: EnteringBench, inbound: Inbound, write: EnteringWrite
    ) -> None:
        """A proxy's page with 200: nothing got there, whatever the status says."""
        await bench.strike(Garbled("status", status=200, body=PAGE), write.site)
        with pytest.raises(OutcomeUnknown if write.enters else ConnectorError):
            await hand_in(inbound, PLAIN)
        assert await bench.entered() == []

    async def test_a_refusal_is_told_with_its_words_and_nothing_entered(
        self, bench: EnteringBench, inbound: Inbound, write: EnteringWrite
    ) -> None:
        body = '{"errors": [{"type": "VALIDATION", "code": "X1", "message": "The field surprise is not known."}]}'
        answer = Garbled("status", status=400, body=body, content_type="application/json")
        await bench.strike(answer, write.site)
        with pytest.raises(Refused) as refused:
            await hand_in(inbound, PLAIN)
        assert "surprise" in str(refused.value)
        assert await bench.entered() == []
        await hand_in(inbound, PLAIN)
        await only(bench)

    # ------------------------------------------------------------------ admissions that end

    async def test_an_admission_that_is_a_day_old(self, bench: EnteringBench, inbound: Inbound) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        await bench.pass_time(86400)
        if bench.admission_life is None:
            await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
            assert (await only(bench)).id == admission.id
            return
        with pytest.raises(OutcomeUnknown):  # an earlier try may have got there: only a look can tell
            await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        assert await inbound.look(admission) is Whereabouts.UNKNOWN
        assert await bench.entered() == []

    async def test_one_that_arrived_is_found_after_its_admission_ended(
        self, bench: EnteringBench, inbound: Inbound
    ) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        await bench.strike(Harm("lost_reply"), self._enters.site)
        with pytest.raises(OutcomeUnknown):
            await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        await bench.pass_time(86400)
        assert await inbound.look(admission) is Whereabouts.ENTERED
        await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        assert (await only(bench)).id == admission.id

    async def test_an_admission_is_used_up_to_shortly_before_its_end(
        self, bench: EnteringBench, inbound: Inbound
    ) -> None:
        if bench.admission_life is None:
            pytest.skip("admissions never end here")
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        await bench.pass_time(bench.admission_life - 60)
        await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        assert (await only(bench)).id == admission.id

    # ------------------------------------------------------------------ signing in

    async def test_a_wrong_secret_is_a_refused_sign_in_that_tells_no_secret(self, bench: EnteringBench) -> None:
        inbound = bench.open(bench.side(secrets=dict.fromkeys(bench.side().secrets, WRONG)))
        try:
            with pytest.raises(Refused) as refused:
                await hand_in(inbound, PLAIN)
        finally:
            await inbound.close()
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        assert WRONG not in repr(refused.value) + str(refused.value)
        assert await bench.entered() == []

    async def test_a_set_up_that_is_wrong_is_said_by_the_test_of_the_way_with_what_to_do(
        self, bench: EnteringBench, failure: PingFailure
    ) -> None:
        if failure.arrange is not None:
            await failure.arrange(bench)
        inbound = bench.open(bench.side(values=failure.values, secrets=failure.secrets))
        try:
            steps = [step async for step in inbound.ping()]
        finally:
            await inbound.close()
        assert [step.ok for step in steps] == [*[True] * (len(steps) - 1), False]
        assert steps[-1].name == failure.step
        assert steps[-1].detail
        assert failure.advice in steps[-1].advice
        assert not any(secret in repr(steps) for secret in failure.secrets.values())

    async def test_a_session_that_expires_at_each_step_costs_nothing(
        self, bench: EnteringBench, inbound: Inbound
    ) -> None:
        for number in range(3):
            await bench.expire_sessions()
            handed = handed_of(f"N-{number}")
            admission = await inbound.admit(handed.invoice, key=f"c/{number}")
            await bench.expire_sessions()
            await inbound.hand_in(handed.invoice, handed.files, admission)
            await bench.expire_sessions()
            assert await inbound.look(admission) is Whereabouts.ENTERED
        assert [each.times for each in await bench.entered()] == [1, 1, 1]

    async def test_nothing_leaves_where_this_process_may_not_write(self, bench: EnteringBench) -> None:
        is_deposed = False

        def guard() -> None:
            if is_deposed:
                raise Deposed

        inbound = bench.open(bench.side(), guard=guard)
        try:
            admission = await inbound.admit(PLAIN.invoice, key="c/1")
            is_deposed = True
            with pytest.raises(Deposed):
                await inbound.hand_in(PLAIN.invoice, PLAIN.files, admission)
        finally:
            await inbound.close()
        assert await bench.entered() == []

    async def test_what_is_kept_of_the_calls_holds_no_secret(self, bench: EnteringBench, inbound: Inbound) -> None:
        async with recording() as exchanges:
            admission = await hand_in(inbound, PLAIN)
            await inbound.look(admission)
        kept = b"".join(part for each in exchanges for part in (each.request, each.answer) if part)
        assert not [secret for secret in bench.side().secrets.values() if secret.encode() in kept]
        assert PLAIN.invoice.bank_account not in repr(PLAIN.invoice)
        if admission.address:
            assert admission.address not in repr(admission)

    @property
    def _enters(self) -> EnteringWrite:
        (found,) = [write for write in self.writes if write.enters]
        return found

    async def _struck(
        self, bench: EnteringBench, inbound: Inbound, write: EnteringWrite, harm: Harm
    ) -> Admission | None:
        """What was kept when the write failed: the admission, where it was given."""
        kept = await inbound.admit(PLAIN.invoice, key="c/1") if write.step is Step.HAND_IN else None
        await bench.strike(harm, write.site)
        with pytest.raises(OutcomeUnknown if write.enters else Unavailable) as unclear:
            await (
                inbound.hand_in(PLAIN.invoice, PLAIN.files, kept)
                if kept is not None
                else inbound.admit(PLAIN.invoice, key="c/1")
            )
        if write.enters:
            assert unclear.value.reason is Reason.OUTCOME_UNKNOWN
        return kept


class EnteringConformance(Entering, SourceStandings, SourceEnduring):
    """Everything a way in must do."""
