"""A document in hand, and the words for what may be under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ml_connector.records.invoice import Bill, BillStatus
from ml_connector.store.documents import Document

CREATE: Final = "create"
POST: Final = "post"
DISCARD: Final = "discard"
REJECT: Final = "reject"
DONE: Final = frozenset({BillStatus.POSTED, BillStatus.PAID})
"""A bill that stands so is posted."""


@dataclass(frozen=True, slots=True)
class Work:
    """A document in hand. `fresh` is True while this process itself saw every write of it answered."""

    document: Document
    bill: Bill | None
    fresh: bool = True
