"""Many bills at once while the wire fails at every turn: each stands exactly once in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from conformance.bench import Act, Bench, Harm, Site, Write
from conformance.stage import Stage, assert_stands_as_said, bill_of, found_of, line_of
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.reason import Reason

BILLS = 10
TURNS = 40
_ANYWHERE = r"^(?!.*/(?i:login|token)\b)."
"""But where one signs in: to be refused there is no fault of the wire."""
HARMS = (
    Harm("cut"),
    Harm("lost_reply"),
    Harm("status", status=401),
    Harm("status", status=429, retry_after="0"),
    Harm("status", status=503, retry_after="0"),
    Harm("status_after", status=500),
    Harm("status_after", status=502),
    Harm("status_after", status=504),
)


async def settle(ledger: Ledger, bill: Bill) -> LedgerBill:
    """What the flow does with one bill: looks, goes on from what it sees, and after any doubt looks again."""
    for _ in range(TURNS):
        try:
            there = await found_of(ledger, bill)
            draft = there[0] if there else await ledger.create(bill)
            if draft.status is BillStatus.DRAFT:
                draft = await ledger.post(bill, await ledger.complete(bill, draft))
        except (OutcomeUnknown, Unavailable):
            continue
        except Refused as refused:
            # Turned away twice in a row, which chance may want.
            if refused.reason is not Reason.SIGN_IN_REFUSED:
                raise
        else:
            return draft
    raise AssertionError(f"{bill.number} was not settled in {TURNS} turns")


async def strike_at_random(bench: Bench, writes: Sequence[Write], chance: Random) -> None:
    """Puts faults on calls to come, most of them on those that post."""
    posts = [write.site for write in writes if write.act in (Act.CREATE, Act.POST)]
    for _ in range(TURNS):
        site = chance.choice([*posts, Site(_ANYWHERE, "GET"), Site(_ANYWHERE, "POST")])
        await bench.strike(chance.choice(HARMS), Site(site.path, site.method, skip=chance.randrange(12)))


class Enduring(Stage):
    """Faults on every call, reads and writes, in an order chosen by a number: it can be walked again."""

    @pytest.mark.parametrize("walk", range(4))
    async def test_each_bill_stands_once_whatever_the_wire_does(self, bench: Bench, walk: int) -> None:
        chance = Random(walk)
        lines = [line_of(bench, dimensions={bench.facts.dimension: value}) for value in bench.facts.values]
        bills = [bill_of(bench, f"E-{at}", kind=chance.choice(list(DocumentKind)), lines=lines) for at in range(BILLS)]
        await strike_at_random(bench, self.writes, chance)
        ledgers = [bench.open(bench.side()) for _ in range(2)]
        try:
            # Two processes, one after the other on each bill, as the lock on a connection lets them.
            for ledger in ledgers:
                posted = await asyncio.gather(*(settle(ledger, bill) for bill in bills))
                assert {each.status for each in posted} == {BillStatus.POSTED}
        finally:
            for ledger in ledgers:
                await ledger.close()
        for bill in bills:
            await assert_stands_as_said(bench, bill)
        assert len(await bench.bills()) == len(bills)
