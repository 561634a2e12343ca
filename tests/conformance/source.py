"""The suite every source's connector inherits: an ERP whose supplier invoices go into the payables system.

A connector's own test module subclasses `SourceConformance`, gives it a `bench` fixture (source_bench.py says what
that is) and names the ways in which its set-up can be wrong, and in which its ERP is odd:

    class TestSomeSource(SourceConformance):
        ping_steps = ("reach", "sign in", ...)
        ping_failures = (PingFailure("wrong secret", "sign in", "secret", secrets={...}), ...)
        oddities = (Oddity("no fractions", arrange), ...)

        @pytest.fixture
        async def bench(self) -> AsyncIterator[SourceBench]: ...

The ways into the payables system have a suite of their own, `EnteringConformance` in source_entering.py.
"""

from __future__ import annotations

from conformance.source_changes import SourceChanges
from conformance.source_faults import SourceFaults
from conformance.source_invoices import SourceInvoices
from conformance.source_notes import SourceNotes
from conformance.source_pages import SourcePages
from conformance.source_signing_in import SourceSigningIn
from conformance.source_walks import SourceWalks


class SourceConformance(
    SourceSigningIn, SourcePages, SourceChanges, SourceInvoices, SourceNotes, SourceFaults, SourceWalks
):
    """Everything a source's connector must do."""
