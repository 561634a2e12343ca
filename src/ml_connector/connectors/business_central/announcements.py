"""What Business Central's notifications mean for us: which flows to run (BC dossier 13.2, 13.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ml_connector.connectors.business_central.subscriptions import handshake_answer, parse_notices
from ml_connector.records.flow import Flow

BODY_LIMIT: Final = 4 * 1024 * 1024
"""Just under a thousand notices of each subscription may come in one call, each of some 500 bytes."""
_ENTITIES: Final[Mapping[Flow, str]] = {
    Flow.ACCOUNTS: "accounts",
    Flow.PAYMENT_TERMS: "paymentTerms",
    Flow.VENDORS: "vendors",
    # An invoice changes when it becomes paid. Credit memos are not announced: the poll finds them.
    Flow.PAYMENTS: "purchaseInvoices",
}
_FLOWS: Final = {entity: flow for flow, entity in _ENTITIES.items()}


def entities_of(flows: frozenset[Flow]) -> frozenset[str]:
    """The entity sets to subscribe to for these flows."""
    return frozenset(_ENTITIES[flow] for flow in flows if flow in _ENTITIES)


class Announced:
    """Reads the calls, as `base.Announcements` says."""

    @property
    def body_limit(self) -> int:
        """Bytes."""
        return BODY_LIMIT

    def answer_handshake(self, query: str) -> str | None:
        """The token of a call made before a subscription is stored or renewed."""
        return handshake_answer(query)

    def parse(self, body: bytes, *, headers: Mapping[str, str], secret: str) -> frozenset[Flow]:
        """The flows of all notices that are genuine, whether they name records or a collection.

        The secret stands in the notices; the headers say nothing.
        """
        del headers
        notices = parse_notices(body, secret=secret)
        return frozenset(_FLOWS[each.entity] for each in notices if each.genuine and each.entity in _FLOWS)


ANNOUNCEMENTS: Final = Announced()
