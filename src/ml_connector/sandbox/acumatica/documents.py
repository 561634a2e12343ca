"""Writing of documents, by entity; see `plugs.Documents`."""

from __future__ import annotations

from ml_connector.sandbox.acumatica import bills, orders, payments, receipts, releasing
from ml_connector.sandbox.acumatica.errors import Refusal
from ml_connector.sandbox.acumatica.plugs import Body, LongRun, Visit
from ml_connector.sandbox.acumatica.schema import Row


def put(visit: Visit, entity: str, found: Row | None, body: Body) -> Row:
    """Inserts or changes a document and returns it as stored. Raises Invalid and Refusal."""
    write = {
        "Bill": bills.put_bill,
        "Check": payments.put_payment,
        "PurchaseOrder": orders.put_order,
        "PurchaseReceipt": receipts.put_receipt,
    }.get(entity)
    if write is None:
        raise _not_simulated(entity)
    return write(visit, found, body)


def act(visit: Visit, entity: str, action: str, row: Row, parameters: Row) -> LongRun | None:  # noqa: ARG001
    """Runs an action; None is answered with 204. Raises LookupError for one nobody has, and Refusal.

    The one action with parameters, ReleaseRetainage, never gets as far as using them.
    """
    run = {
        "Bill": releasing.act_on_bill,
        "Check": payments.act_on_payment,
        "PurchaseReceipt": receipts.act_on_receipt,
    }.get(entity)
    if run is None:
        raise LookupError(action)
    return run(visit, action, row)


def delete(visit: Visit, entity: str, row: Row) -> None:
    """Removes a document that may be removed. Raises Refusal."""
    remove = {
        "Bill": releasing.delete_bill,
        "Check": payments.delete_payment,
        "PurchaseOrder": orders.delete_order,
        "PurchaseReceipt": receipts.delete_receipt,
    }.get(entity)
    if remove is None:
        raise _not_simulated(entity)
    remove(visit.books, row)


def _not_simulated(entity: str) -> Refusal:
    """Journal entries come from bills and payments; keying them in is not simulated."""
    return Refusal(405, {"message": f"The sandbox does not simulate the writing of {entity}."})
