"""The marketing documents of purchasing and what tells them apart (B1 dossier 7)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One kind of document: where it is kept and how messages name it."""

    entity_set: str
    object_type: int
    object_code: str
    """Member of BoObjectTypes: the DocObjectCode of its drafts."""
    table: str
    """The header table that refusals name."""
    rows: str
    """The table of its lines."""
    series: int
    first_number: int
    journal: str = ""
    """Member of TransTypesEnum; empty for what does not reach the ledger."""
    settled_as: str = ""
    """Member of BoRcptInvTypes under which payments settle it; empty where they cannot."""

    @property
    def is_bill(self) -> bool:
        """True for what is owed or owing."""
        return bool(self.settled_as)


INVOICE = DocumentKind(
    "PurchaseInvoices",
    18,
    "oPurchaseInvoices",
    "OPCH",
    "PCH1",
    series=18,
    first_number=260_001,
    journal="ttAPInvoice",
    settled_as="it_PurchaseInvoice",
)
CREDIT_NOTE = DocumentKind(
    "PurchaseCreditNotes",
    19,
    "oPurchaseCreditNotes",
    "ORPC",
    "RPC1",
    series=19,
    first_number=460_001,
    journal="ttAPCreditNote",
    settled_as="it_PurchaseCreditNote",
)
ORDER = DocumentKind("PurchaseOrders", 22, "oPurchaseOrders", "OPOR", "POR1", series=22, first_number=900_001)
RECEIPT = DocumentKind(
    "PurchaseDeliveryNotes", 20, "oPurchaseDeliveryNotes", "OPDN", "PDN1", series=20, first_number=300_001
)
KINDS = {kind.entity_set: kind for kind in (INVOICE, CREDIT_NOTE, ORDER, RECEIPT)}
BY_OBJECT_TYPE = {kind.object_type: kind for kind in KINDS.values()}
BY_OBJECT_CODE = {kind.object_code: kind for kind in KINDS.values()}
BILLS = (INVOICE, CREDIT_NOTE)
PAYMENT_SERIES = 46
PAYMENT_FIRST_NUMBER = 40_001
BASES: dict[DocumentKind, tuple[int, ...]] = {
    INVOICE: (ORDER.object_type, RECEIPT.object_type),
    CREDIT_NOTE: (INVOICE.object_type, RECEIPT.object_type),
    RECEIPT: (ORDER.object_type,),
    ORDER: (),
}
"""What each kind can be copied from, by object type."""
