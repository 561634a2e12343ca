"""The bill that CreateAPBill makes of a receipt (Acumatica dossier 6)."""

from __future__ import annotations

from ml_connector.sandbox.acumatica.bills import put_bill
from ml_connector.sandbox.acumatica.plugs import Body, Visit
from ml_connector.sandbox.acumatica.schema import Row


def bill_of_receipt(visit: Visit, receipt: Row) -> Row:
    """A bill on hold of all that is not billed yet, with the receipt's vendor reference."""
    lines = Body(values={"POReceiptType": receipt["Type"], "POReceiptNbr": receipt["ReceiptNbr"]})
    values = {
        "Type": "Bill",
        "Vendor": receipt["VendorID"],
        "VendorRef": receipt.get("VendorRef"),
        "CurrencyID": receipt["CurrencyID"],
        "Date": receipt.get("BillDate") or visit.today,
        "Hold": True,
    }
    return put_bill(visit, None, Body(values=values, lists={"Details": (lines,)}))
