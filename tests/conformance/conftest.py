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
)
