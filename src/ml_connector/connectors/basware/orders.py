"""Purchase orders for matching: a header, then its lines as a second stage (Basware dossier 6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ml_connector.connectors.basware.codes import cut, exact
from ml_connector.connectors.basware.items import import_item
from ml_connector.connectors.basware.mapping import day
from ml_connector.connectors.import_items import ImportItem
from ml_connector.records.master_data import MatchingMode, OrderLine, PurchaseOrder, Receipt

if TYPE_CHECKING:
    from ml_connector.connectors.basware.imports import Importer

_MODES: Final[Mapping[MatchingMode, str]] = {
    MatchingMode.STANDARD: "Standard",
    MatchingMode.BLANKET: "Blanket",
    MatchingMode.RETURN: "Return",
    MatchingMode.SERVICE: "Service",
}
_SUM_BASED: Final = frozenset({MatchingMode.BLANKET, MatchingMode.SERVICE})

# Codes a coding row of an order line can carry, and their lengths (OrderLineCodingEntity).
CODING_LENGTHS: Final[Mapping[str, int]] = {
    "costCenterCode": 200,
    "projectCode": 25,
    "fixedAssetCode": 250,
    "partnerProfitCenter": 250,
    "network": 250,
    "networkActivity": 250,
    **dict.fromkeys(
        ("fixedAssetSubCode", "internalOrderCode", "profitCenterCode", "businessUnitCode", "projectSubCode",
         "employeeCode", "vehicleNumber", "salesOrderCode", "salesOrderSubCode", "customerCode",
         "accAssignmentCategoryCode", "budgetCode", "serviceCode", "businessAreaCode", "taxJurisdictionCode",
         "workOrderCode", "workOrderSubCode", "commitmentItem", "controllingArea", "functionalArea"),
        50,
    ),
    **{f"dimCode{number}": 100 for number in range(1, 11)},
    **{f"text{number}": 250 for number in range(1, 6)},
}  # fmt: skip


def order_items(importer: Importer, order: PurchaseOrder, *, active: bool) -> tuple[ImportItem, ...]:
    """The header at stage 0 and its lines at stage 1. Lines without a quantity (comments) are left out."""
    header = _header(importer, order, active=active)
    lines = [
        _line(importer, order, line, place=place, header=header.code, active=active)
        for place, line in enumerate(order.lines, start=1)
        if line.quantity != 0 or line.mode in _SUM_BASED
    ]
    return (header, *lines)


def _header(importer: Importer, order: PurchaseOrder, *, active: bool) -> ImportItem:
    of = f"order {order.number}"
    company = exact(importer.company, 25, what="company code", of=of, least=2)  # shorter here than elsewhere
    code = importer.code("O", order.key)
    payload: dict[str, Any] = {
        "externalCode": code,
        "orderNumber": exact(order.number, 100, what="number", of=of),
        # P2P knows an order by number, source system, company and organization: all of them lasting.
        "sourceSystem": importer.source,
        "companyCode": company,
        "organizationElementCode": company,
        "currencyCode": exact(order.currency, 3, what="currency", of=of, least=2),
        "supplierCode": exact(order.vendor, 25, what="vendor number", of=of),
        "isClosed": not active,
    }
    if order.ordered_on is not None:
        payload["created"] = day(order.ordered_on)
    if order.description:
        payload["description"] = cut(order.description, 1_000)
    if order.payment_term:
        payload["paymentTermCode"] = exact(order.payment_term, 25, what="payment term", of=of)
    return import_item("matchingOrders", code, payload)


def _line(
    importer: Importer, order: PurchaseOrder, line: OrderLine, *, place: int, header: str, active: bool
) -> ImportItem:
    of = f"order {order.number} line {line.number}"
    code = importer.code("OL", order.key, line.key)
    mode = _mode(line)
    quantity, price, net = _amounts(line)
    by_receipt = line.mode is MatchingMode.SERVICE or (line.receipt_required and line.mode is not MatchingMode.BLANKET)
    # invoicedQuantity stays out: it may only be told before anything was matched in P2P (dossier 6), and the
    # ledger's figure grows with every invoice that we post from there.
    payload: dict[str, Any] = {
        "externalCode": code,
        "orderExternalCode": header,
        "lineNumber": exact(line.number, 100, what="number", of=of),
        "sortNumber": place,
        "quantity": quantity,
        "netPrice": price,
        "netSum": net,
        "currencyCode": order.currency,
        "matchingMode": _MODES[mode],
        "isReceiptRequired": by_receipt,
        "isReceiptBasedMatching": by_receipt,
        "isClosed": line.closed or not active,
        "isDeleted": False,  # never left out: best-fit matching ignores lines without it
    }
    payload |= _line_texts(line, of) | _line_tax(importer, line, of)
    coding = _coding(importer, order, line, quantity=quantity, net=net)
    if coding and line.mode is not MatchingMode.SERVICE:  # a service line's coding sits on its receipts
        payload["orderLineCoding"] = [coding]
    if line.receipts:
        spread = coding if line.mode is MatchingMode.SERVICE else {}
        payload["goodsReceipts"] = [_receipt(importer, order, line, each, spread) for each in line.receipts]
    return import_item("matchingOrderLines", code, payload, stage=1)


def _mode(line: OrderLine) -> MatchingMode:
    if line.mode is MatchingMode.STANDARD and line.quantity < 0:
        return MatchingMode.RETURN
    return line.mode


def _amounts(line: OrderLine) -> tuple[Decimal, Decimal, Decimal]:
    """Quantity above zero always; a return is told by its negative price; sum-based lines have quantity 1."""
    mode = _mode(line)
    if mode in _SUM_BASED:
        return Decimal(1), line.net, line.net
    if mode is MatchingMode.RETURN:
        return abs(line.quantity), -abs(line.unit_price), -abs(line.net)
    return line.quantity, line.unit_price, line.net


def _line_texts(line: OrderLine, of: str) -> dict[str, Any]:
    texts: dict[str, Any] = {}
    if line.unit:
        unit = exact(line.unit, 25, what="unit", of=of)
        texts |= {"uom": unit, "priceUnit": unit}
    if line.product:
        texts["productCode"] = exact(line.product, 250, what="product", of=of)
    if line.description:
        texts |= {"productName": cut(line.description, 250), "description": cut(line.description, 1_000)}
    return texts


def _line_tax(importer: Importer, line: OrderLine, of: str) -> dict[str, Any]:
    tax: dict[str, Any] = {}
    if line.tax_code:
        tax["taxCode"] = exact(importer.tax_codes(line.tax_code)[0], 25, what="tax code", of=of)
    returned = _mode(line) is MatchingMode.RETURN
    for name, amount in (("grossSum", line.gross), ("taxSum", line.tax)):
        if amount is not None:
            tax[name] = -abs(amount) if returned else amount
    if line.tax_percent is not None and line.tax_percent >= 0:
        tax["taxPercent"] = line.tax_percent
    return tax


def _coding(
    importer: Importer, order: PurchaseOrder, line: OrderLine, *, quantity: Decimal, net: Decimal
) -> dict[str, Any]:
    """The default coding; empty where the ledger gives none."""
    of = f"order {order.number} line {line.number}"
    coded: dict[str, Any] = {}
    if line.account:
        coded["accountCode"] = exact(line.account, 50, what="account", of=of)
    for rule in importer.rules.dimensions:
        value = line.dimensions.get(rule.erp)
        limit = CODING_LENGTHS.get(rule.basware)
        if value and limit:
            coded[rule.basware] = exact(value, limit, what=rule.erp, of=of)
    if not coded:
        return {}
    if line.tax_code:
        coded["taxCode"] = exact(importer.tax_codes(line.tax_code)[0], 25, what="tax code", of=of)
    code = importer.code("OC", order.key, line.key)
    return {"externalCode": code, "rowIndex": 1, "allocatedQuantity": quantity, "netTotal": net} | coded


def _receipt(
    importer: Importer, order: PurchaseOrder, line: OrderLine, receipt: Receipt, coding: Mapping[str, Any]
) -> dict[str, Any]:
    of = f"receipt {receipt.number} of order {order.number}"
    code = importer.code("GR", order.key, line.key, receipt.key)
    payload: dict[str, Any] = {
        "externalCode": code,
        "goodsReceiptNumber": exact(receipt.number, 100, what="number", of=of),
        "quantity": receipt.quantity,
        "netPrice": receipt.unit_price,  # without a price a reversal's sum becomes 0
        "netSum": receipt.quantity * receipt.unit_price,
        "isDeleted": False,
    }
    if receipt.line:
        payload["goodsReceiptLineNumber"] = exact(receipt.line, 25, what="line", of=of)
    if receipt.received_on is not None:
        payload["deliveryDate"] = day(receipt.received_on)
    if coding:
        own = {"externalCode": importer.code("GC", order.key, line.key, receipt.key)}
        amounts = {"allocatedQuantity": receipt.quantity, "netTotal": payload["netSum"]}
        payload["receiptCoding"] = [{**coding, **own, **amounts}]
    return payload
