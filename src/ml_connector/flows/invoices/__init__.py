"""Approved invoices become posted bills, exactly once.

A document is a row and a small state machine: read the row, do the one next thing, write what came of it.

    received ──► checked ──► posting[create] ──► posting[post] ──► posted ──► transferred
        │            │            │  lost reply        │
        ▼            ▼            ▼                    ▼
      held / rejected        unconfirmed: look before anything else

`intent` names the write that may be under way. A row that is found with an intent, or in `posted`, begins with a
look, since whoever wrote it may have died before or after the call.
"""

from ml_connector.flows.invoices.flow import InvoiceFlow

__all__ = ["InvoiceFlow"]
