"""The suite's own modules tell what an assertion saw, as test modules do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "conformance.ledger",
    "conformance.signing_in",
    "conformance.reading",
    "conformance.posting",
    "conformance.refusals",
    "conformance.lost_replies",
    "conformance.settling",
    "conformance.approving",
    "conformance.enduring",
    "conformance.source_stage",
    "conformance.source_signing_in",
    "conformance.source_pages",
    "conformance.source_changes",
    "conformance.source_invoices",
    "conformance.source_notes",
    "conformance.source_faults",
    "conformance.source_walks",
    "conformance.source_entering",
    "conformance.source_standings",
    "conformance.source_enduring",
)
