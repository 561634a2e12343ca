"""Many invoices at once while the wire fails at every turn: each enters exactly once in the end."""

from __future__ import annotations

import asyncio
from random import Random
from typing import ClassVar, Final

import pytest

from conformance.bench import Harm, Site
from conformance.source_handed import digests_of, handed_of
from conformance.source_inbound_bench import EnteringBench, EnteringWrite, Handed
from conformance.source_standings import LATER, Follower
from ml_connector.connectors.base import Inbound
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import Admission, StandingStage, Whereabouts

INVOICES: Final = 8
TURNS: Final = 40
STEPS: Final = 50
HARMS: Final = (
    Harm("cut"),
    Harm("lost_reply"),
    Harm("status", status=401),
    Harm("status", status=429, retry_after="0"),
    Harm("status", status=503, retry_after="0"),
    Harm("status_after", status=500),
    Harm("status_after", status=502),
    Harm("status_after", status=504),
)
READ_HARMS: Final = (*HARMS, Harm("status", status=503, retry_after="0", count=5), Harm("status", status=400))
_NEXT: Final = {
    StandingStage.PAID: (StandingStage.REMOVED,),  # what is paid is paid, disputed or not
    StandingStage.REFUSED: (),
    StandingStage.REMOVED: (),
}


async def settle(inbound: Inbound, handed: Handed, kept: dict[str, Admission]) -> Admission:
    """What the flow does with one invoice: admits it, keeps that, hands it in, and after any doubt looks first."""
    key = handed.invoice.reference
    is_open = key in kept
    for _ in range(TURNS):
        try:
            if is_open and await inbound.look(kept[key]) is Whereabouts.ENTERED:
                return kept[key]
            if key not in kept:
                kept[key] = await inbound.admit(handed.invoice, key=key)
            is_open = True
            await inbound.hand_in(handed.invoice, handed.files, kept[key])
        except (OutcomeUnknown, Unavailable):
            continue
        except Refused as refused:
            # Turned away for a sign-in that chance broke.
            if refused.reason is not Reason.SIGN_IN_REFUSED:
                raise
        else:
            return kept[key]
    raise AssertionError(f"{key} was not settled in {TURNS} turns")


class SourceEnduring:
    """Faults on every call, reads and writes, in an order chosen by a number: it can be walked again."""

    writes: ClassVar[tuple[EnteringWrite, ...]] = ()

    @pytest.mark.parametrize("walk", range(4))
    async def test_each_invoice_enters_once_whatever_the_wire_does(self, bench: EnteringBench, walk: int) -> None:
        chance = Random(walk)
        many = [handed_of(f"E-{at}") for at in range(INVOICES)]
        for _ in range(TURNS):
            write, harm = chance.choice([*self.writes, None]), chance.choice(HARMS)
            if write is not None and not write.is_signed and harm.status == 401:
                continue
            site = bench.look_site if write is None else write.site
            await bench.strike(harm, Site(site.path, site.method, skip=chance.randrange(12)))
        kept: dict[str, Admission] = {}
        # Two processes, one after the other on each invoice, as the lock on a connection lets them.
        for _ in range(2):
            inbound = bench.open(bench.side())
            try:
                await asyncio.gather(*(settle(inbound, handed, kept) for handed in many))
            finally:
                await inbound.close()
        await bench.mend()
        entered = {each.id: each for each in await bench.entered()}
        assert entered.keys() == {each.id for each in kept.values()}
        assert await bench.duplicates() == []
        for handed in many:
            files = handed.files if bench.carries_all_files else handed.files[:1]
            assert entered[kept[handed.invoice.reference].id].files == digests_of(files)
        await self._follows(bench, set(entered))

    async def _follows(self, bench: EnteringBench, ids: set[str]) -> None:
        inbound = bench.open(bench.side())
        standings = [each async for page in inbound.standings(since=None) for each in page.records]
        await inbound.close()
        assert sorted(each.id for each in standings) == sorted(ids)
        assert {each.stage for each in standings} == {StandingStage.ENTERED}

    @pytest.mark.parametrize("walk", range(4))
    async def test_what_was_told_last_is_where_each_stands(self, bench: EnteringBench, walk: int) -> None:
        chance = Random(walk)
        inbound = bench.open(bench.side())
        follower = Follower(inbound)
        stands: dict[str, StandingStage] = {}
        told: dict[str, StandingStage] = {}
        admissions: list[Admission] = []
        for step in range(STEPS):
            match chance.randrange(5):
                case 0:
                    handed = handed_of(f"W-{step}")
                    admissions.append(await inbound.admit(handed.invoice, key=f"c/{step}"))
                    await inbound.hand_in(handed.invoice, handed.files, admissions[-1])
                    stands[admissions[-1].id] = StandingStage.ENTERED
                case 1 if admissions:
                    moved, stage = chance.choice(admissions), chance.choice(LATER)
                    may_move = stage in _NEXT.get(stands[moved.id], LATER)
                    if may_move and await bench.move(moved, stage, words="for a reason"):
                        stands[moved.id] = stage
                case 2:
                    await bench.pass_time(chance.choice((0.001, 1, 59, 61, 4000)))
                case 3:
                    site = chance.choice((bench.standings_site, Site(r"^/(?!v1/tokens)", "GET")))
                    struck = Site(site.path, site.method, skip=chance.randrange(4))
                    await bench.strike(chance.choice(READ_HARMS), struck)
                case _:
                    told |= await _heard(follower)
        await bench.mend()
        told |= await _heard(follower)
        assert told == stands
        assert await follower.told() == []
        await inbound.close()


async def _heard(follower: Follower) -> dict[str, StandingStage]:
    """What is told, as far as it comes: the mark moves only where it was told to its end."""
    found: dict[str, StandingStage] = {}
    mark = follower.mark
    try:
        async for page in follower.inbound.standings(since=follower.mark):
            found |= {each.id: each.stage for each in page.records}
            mark = page.mark or mark
    except ConnectorError:
        return found
    follower.mark = mark
    return found
