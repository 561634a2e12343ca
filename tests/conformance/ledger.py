"""The suite every ledger's connector inherits.

A connector's own test module subclasses `LedgerConformance`, gives it a `bench` fixture (bench.py says what that
is) and names its writes and the ways in which its set-up can be wrong:

    class TestSomeLedger(LedgerConformance):
        writes = (Write(Act.CREATE, Site(r"/bills$", "POST")), ...)
        ping_steps = ("reach", "sign in", ...)
        ping_failures = (PingFailure("wrong secret", "sign in", "secret", secrets={...}), ...)

        @pytest.fixture
        async def bench(self) -> AsyncIterator[Bench]: ...
"""

from __future__ import annotations

from conformance.enduring import Enduring
from conformance.lost_replies import LostReplies
from conformance.posting import Posting
from conformance.reading import Reading
from conformance.refusals import Refusals
from conformance.settling import Settling
from conformance.signing_in import SigningIn


class LedgerConformance(SigningIn, Reading, Posting, Refusals, LostReplies, Enduring, Settling):
    """Everything a ledger's connector must do."""
