"""Supplier invoices of the ERP enter the payables system, each once.

A document is a row and a small state machine, as in the other direction:

    received ──► posting[hand in] ──► transferred ──► paid
        │              │  lost reply
        ▼              ▼
       held        unconfirmed: look before anything else

The admission it enters under is kept before anything of it is written, in one transaction with the intent. A row
that is found with the intent begins with a look; whatever is repeated is repeated under the same admission.
"""

from ml_connector.flows.supplier_invoices.flow import SupplierInvoiceFlow
from ml_connector.flows.supplier_invoices.intake import SupplierIntake
from ml_connector.flows.supplier_invoices.waiting import release_waiting

__all__ = ["SupplierIntake", "SupplierInvoiceFlow", "release_waiting"]
