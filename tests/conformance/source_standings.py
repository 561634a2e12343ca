"""What becomes of invoices that were handed in: each kind of standing, told once."""

from __future__ import annotations

import asyncio

import pytest

from conformance.bench import Harm
from conformance.source_bench import Garbled
from conformance.source_handed import PLAIN, handed_of
from conformance.source_inbound_bench import EnteringBench
from ml_connector.connectors.base import Inbound
from ml_connector.connectors.errors import ConnectorError, Unavailable
from ml_connector.records.supplier_invoice import Admission, Standing, StandingStage

WORDS = "came by post as well"
LATER = (
    StandingStage.APPROVED, StandingStage.PAID, StandingStage.DISPUTED, StandingStage.REFUSED, StandingStage.REMOVED,
)  # fmt: skip


class Follower:
    """Reads standings as the flow does, each time from the mark it had."""

    def __init__(self, inbound: Inbound) -> None:
        self.inbound = inbound
        self.mark: str | None = None

    async def told(self) -> list[Standing]:
        """What changed since the last time."""
        found: list[Standing] = []
        mark = self.mark
        async for page in self.inbound.standings(since=self.mark):
            found += page.records
            mark = page.mark or mark
        self.mark = mark
        return found


class SourceStandings:
    """Each kind, once; nothing where nothing changed."""

    @pytest.fixture
    async def follower(self, inbound: Inbound) -> Follower:
        """Reads the standings of the way in."""
        return Follower(inbound)

    async def _handed_in(self, inbound: Inbound, reference: str = "N-7") -> Admission:
        handed = handed_of(reference)
        admission = await inbound.admit(handed.invoice, key=f"c/{reference}")
        await inbound.hand_in(handed.invoice, handed.files, admission)
        return admission

    async def test_what_entered_is_told_under_the_id_it_was_handed_in_under(
        self, inbound: Inbound, follower: Follower
    ) -> None:
        admission = await self._handed_in(inbound)
        (standing,) = await follower.told()
        assert (standing.id, standing.stage) == (admission.id, StandingStage.ENTERED)
        assert standing.status
        assert standing.document_id
        assert standing.at is not None

    @pytest.mark.parametrize("stage", LATER)
    async def test_each_kind_of_standing_is_told_once(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower, stage: StandingStage
    ) -> None:
        other, admission = [await self._handed_in(inbound, f"N-{number}") for number in range(2)]
        await follower.told()
        if not await bench.move(admission, stage, words=WORDS):
            pytest.skip(f"{bench.route} does not know {stage}")
        (standing,) = await follower.told()
        assert (standing.id, standing.stage) == (admission.id, stage)
        assert standing.status
        if stage in (StandingStage.DISPUTED, StandingStage.REMOVED):
            assert WORDS in standing.message
        if stage is StandingStage.REFUSED:
            assert standing.message
        assert (standing.paid_total is not None) is (stage is StandingStage.PAID)
        assert await follower.told() == []
        assert other.id != admission.id

    async def test_a_whole_life_is_told_in_its_order(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower
    ) -> None:
        admission = await self._handed_in(inbound)
        stages = [each.stage for each in await follower.told()]
        for stage in (StandingStage.DISPUTED, StandingStage.APPROVED, StandingStage.PAID):
            await bench.pass_time(600)
            await bench.move(admission, stage, words=WORDS)
            stages += [each.stage for each in await follower.told()]
        assert stages == [
            StandingStage.ENTERED, StandingStage.DISPUTED, StandingStage.APPROVED, StandingStage.PAID,
        ]  # fmt: skip

    async def test_with_nothing_changed_nothing_is_told_and_two_calls_do(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower
    ) -> None:
        for number in range(3):
            await self._handed_in(inbound, f"N-{number}")
        assert len(await follower.told()) == 3
        mark = follower.mark
        await bench.pass_time(600)
        fresh = bench.open(bench.side())  # a process that knows nothing but the mark
        again = Follower(fresh)
        again.mark = mark
        await bench.forget_calls()
        assert await again.told() == []
        await fresh.close()
        assert again.mark == mark
        assert len([call for call in await bench.calls() if not call.is_sign_in]) <= 2

    async def test_before_anything_entered_nothing_is_told(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower
    ) -> None:
        assert await follower.told() == []
        admission = await self._handed_in(inbound)
        assert [each.id for each in await follower.told()] == [admission.id]

    async def test_a_change_in_the_very_moment_of_the_mark_is_not_missed(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower
    ) -> None:
        bench.hold_time()
        first, second = [await self._handed_in(inbound, f"N-{number}") for number in range(2)]
        assert {each.id for each in await follower.told()} == {first.id, second.id}
        await bench.move(second, StandingStage.APPROVED)
        assert [(each.id, each.stage) for each in await follower.told()] == [(second.id, StandingStage.APPROVED)]
        third = await self._handed_in(inbound, "N-3")
        assert [each.id for each in await follower.told()] == [third.id]

    async def test_what_nobody_handed_in_is_not_told(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower
    ) -> None:
        await bench.add_others()
        admission = await self._handed_in(inbound)
        assert [each.id for each in await follower.told()] == [admission.id]

    @pytest.mark.parametrize("harm", [
        Harm("status", status=500), Harm("status", status=503), Harm("cut"), Harm("lost_reply"),
        Garbled("status", status=502, body="<html>Bad gateway</html>"), Harm("status", status=429, retry_after="0"),
        Harm("status", status=401),
    ], ids=str)  # fmt: skip
    async def test_standings_come_whole_over_a_passing_fault(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower, harm: Harm
    ) -> None:
        admission = await self._handed_in(inbound)
        await bench.strike(harm, bench.standings_site)
        assert [each.id for each in await follower.told()] == [admission.id]

    @pytest.mark.parametrize("harm", [
        Harm("status", status=503, count=99), Garbled("status", status=200, body="<html>Sign in</html>", count=99),
    ], ids=str)  # fmt: skip
    async def test_standings_that_cannot_be_read_move_no_mark(
        self, bench: EnteringBench, inbound: Inbound, follower: Follower, harm: Harm
    ) -> None:
        admission = await self._handed_in(inbound)
        await bench.strike(harm, bench.standings_site)
        with pytest.raises(ConnectorError):
            await follower.told()
        assert follower.mark is None
        await bench.mend()
        assert [each.id for each in await follower.told()] == [admission.id]

    async def test_a_wait_that_is_too_long_is_handed_up(self, bench: EnteringBench, follower: Follower) -> None:
        await bench.strike(Harm("status", status=429, retry_after="3600"), bench.standings_site)
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable) as later:
                await follower.told()
        assert later.value.retry_after == 3600

    async def test_the_test_of_the_way_in_writes_no_invoice(self, bench: EnteringBench, inbound: Inbound) -> None:
        steps = [step async for step in inbound.ping()]
        assert steps
        assert all(step.ok and step.detail and not step.advice for step in steps)
        assert await bench.entered() == []
        assert PLAIN.invoice.reference not in repr(steps)
