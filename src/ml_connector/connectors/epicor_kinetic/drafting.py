"""Invoices drawn up as the screen does it, so that the business defaults run (Epicor dossier 6.2, 9.4, 9.5).

Nothing is stored here. `Change...` methods work on every marked row that they are given: each line is drawn up alone,
beside its header, and all of them are put together afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.checking import Plan
from ml_connector.connectors.epicor_kinetic.client import About, Kinetic
from ml_connector.connectors.epicor_kinetic.coding import Account
from ml_connector.connectors.epicor_kinetic.contract import INVOICE_SERVICE
from ml_connector.connectors.epicor_kinetic.documents import (
    AMOUNTS,
    CODINGS,
    HEADS,
    LINES,
    header_fields,
    line_text,
    part_of,
)
from ml_connector.connectors.epicor_kinetic.matching import Match
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset, change, new_row, rows_of
from ml_connector.connectors.epicor_kinetic.values import wire_date
from ml_connector.connectors.rows import Row, integer, number, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import Bill, DocumentKind

_FIRST: Final = 1
"""The number of a line's first amount."""


class Draft:
    """One bill on its way onto the screen."""

    def __init__(self, client: Kinetic, bill: Bill, plan: Plan, *, group: str, about: About) -> None:
        self._client = client
        self._bill = bill
        self._plan = plan
        self._group = group
        self._about = about

    async def header(self) -> Row:
        """A new header with all that the bill says of it."""
        bill, plan = self._bill, self._plan
        is_memo = bill.kind is DocumentKind.CREDIT_NOTE
        name = "GetNewAPInvHedDebitMemo" if is_memo else "GetNewAPInvHedInvoice"
        ds = await self._done(name, {}, cGroupID=self._group)
        ds = await self._done("ChangeVendorID", ds, ProposedVendorID=plan.vendor.code, confirmCheck=False)
        change(new_row(ds, HEADS), HEADS, {"InvoiceNum": bill.number.strip()})
        ds = await self._in_currency(ds)
        ds = await self._done(
            "ChangeInvoiceDateEx", ds, ProposedInvoiceDate=wire_date(bill.invoice_date), recalcAmts=""
        )
        ds = await self._done(
            "OnChangeofApplyDateEx", ds, VendorNum=plan.vendor.number, InvoiceNum=bill.number.strip(), recalcAmts="",
            NewApplyDate=wire_date(bill.posting_date),
        )  # fmt: skip
        if plan.terms and not text(new_row(ds, HEADS), "TermsCode"):
            ds = await self._done("ChangeTermsCode", ds, ProposedTermsCode=plan.terms)
        ds = await self._done("ChangeInvoiceVendorAmt", ds, ProposedInvoiceVendorAmt=bill.gross)
        if bill.due_date is not None and not is_memo:
            # Last: terms and dates compute it anew (Epicor dossier 9.4).
            ds = await self._done("ChangeDueDate", ds, ProposedDueDate=wire_date(bill.due_date))
        head = new_row(ds, HEADS)
        change(head, HEADS, header_fields(bill))
        return head

    async def _in_currency(self, ds: Tableset) -> Tableset:
        head, wanted = new_row(ds, HEADS), code(self._bill.currency)
        if code(text(head, "CurrencyCode")) == wanted and number(head, "ExchangeRate"):
            return ds
        return await self._done(
            "ChangeCurrencyMaster", ds, ProposedCurrencyCode=wanted, vRateGrpCode=text(head, "RateGrpCode")
        )

    async def coded_line(self, head: Row, position: int, *, number_there: int) -> Tableset:
        """A new line that refers to no order, with its amount and its account; `number_there` is our own for now.

        The account goes along in its row. Whether the server keeps it is looked at after the save (dossier 9.5.3).
        """
        line = self._bill.lines[position]
        ds = await self._new_line("GetNewAPInvDtlMiscellaneous", head, number_there)
        ds = await self._done("ChangePartNum", ds, ProposedPartNum=part_of(self._bill, line))
        change(new_row(ds, LINES), LINES, {"Description": line_text(self._bill, line), "DocExtCost": line.net})
        ds = await self._done("ChangeExtCost", ds, ProposedExtCost=line.net)
        ds = await self._taxed(ds, position)
        account = self._plan.accounts[position]
        return await self._with_coding(ds, number_there, account, amount=line.net)

    async def unreceived_line(self, head: Row, position: int, match: Match, *, number_there: int) -> Tableset:
        """A new line of an order's release that did not come yet; its account is the order's."""
        ds = await self._new_line("GetNewAPInvDtlUnreceived", head, number_there)
        ds = await self._done("ChangePONum", ds, ProposedPONum=match.order)
        ds = await self._done("ChangePOLine", ds, ProposedPOLine=match.line)
        if integer(new_row(ds, LINES), "PORelNum") != match.release:
            ds = await self._done("ChangePORelNum", ds, ProposedPORelNum=match.release)
        return await self._adjusted(ds, position, match)

    async def adjusted_line(self, head: Row, stored: Row, position: int, match: Match) -> Tableset:
        """A stored line with the quantity and the price of the bill."""
        row = dict(stored)
        change(row, LINES, {})
        return await self._adjusted({HEADS: [dict(head)], LINES: [row]}, position, match)

    async def _new_line(self, name: str, head: Row, number_there: int) -> Tableset:
        ds: Tableset = {HEADS: [dict(head)]}
        ds = await self._done(name, ds, iVendorNum=self._plan.vendor.number, cInvoiceNum=text(head, "InvoiceNum"))
        change(new_row(ds, LINES), LINES, {"InvoiceLine": number_there})
        return ds

    async def _adjusted(self, ds: Tableset, position: int, match: Match) -> Tableset:
        ds = await self._done("ChangeVendorQty", ds, ProposedVendorQty=match.quantity)
        price = match.price(text(_marked(ds), "CostPerCode"))
        ds = await self._done("ChangeUnitCost", ds, ProposedUnitCost=price)
        if abs(number(_marked(ds), "DocExtCost")) != match.net:
            # The price has not decimals enough for the sum: then the sum is said, and makes the price.
            ds = await self._done("ChangeExtCost", ds, ProposedExtCost=match.net)
        ds = await self._taxed(ds, position)
        words = line_text(self._bill, self._bill.lines[position])
        change(_marked(ds), LINES, {"Description": words})
        return ds

    async def _taxed(self, ds: Tableset, position: int) -> Tableset:
        category = self._plan.tax_categories.get(position, "")
        if not category or text(_marked(ds), "TaxCatID") == category:
            return ds
        return await self._done("ChangeTaxCatID", ds, ipTaxCatID=category)

    async def _with_coding(self, ds: Tableset, line: int, account: Account, *, amount: Decimal) -> Tableset:
        invoice = text(_marked(ds), "InvoiceNum")
        ds = await self.new_amount(ds, invoice, line, amount=amount)
        return await self.new_coding(ds, invoice, line, _FIRST, account)

    async def new_amount(self, ds: Tableset, invoice: str, line: int, *, amount: Decimal) -> Tableset:
        """The tableset with a GL amount for a line."""
        ds = await self._done(
            "GetNewAPInvExp", ds, vendorNum=self._plan.vendor.number, invoiceNum=invoice, invoiceLine=line
        )
        change(new_row(ds, AMOUNTS), AMOUNTS, {"InvoiceLine": line, "InvExpSeq": _FIRST})
        return await self._done("ChangeExpLineAmt", ds, ProposedAmt=amount)

    async def new_coding(self, ds: Tableset, invoice: str, line: int, sequence: int, account: Account) -> Tableset:
        """The tableset with a row for the account of a line's amount."""
        ds = await self._done(
            "GetNewAPInvExpTGLC", ds, vendorNum=self._plan.vendor.number, invoiceNum=invoice, invoiceLine=line,
            invExpSeq=sequence,
        )  # fmt: skip
        change(new_row(ds, CODINGS), CODINGS, {"InvoiceLine": line, "InvExpSeq": sequence, **account.columns()})
        return ds

    async def _done(self, name: str, ds: Tableset, **parameters: Any) -> Tableset:
        answer = await self._client.call(INVOICE_SERVICE, name, {"ds": ds, **parameters}, about=self._about)
        return answer.ds


def _marked(ds: Tableset) -> Row:
    """The one line that is being drawn up."""
    found = [row for row in rows_of(ds, LINES) if text(row, "RowMod")]
    assert len(found) == 1, "each line is drawn up alone"
    return found[0]


def put_together(head: Row, parts: Iterable[Tableset]) -> Tableset:
    """A header with all lines that were drawn up beside it."""
    whole: Tableset = {HEADS: [head], LINES: [], AMOUNTS: [], CODINGS: []}
    for part in parts:
        for name in (LINES, AMOUNTS, CODINGS):
            whole[name] += [row for row in rows_of(part, name) if text(row, "RowMod")]
    return whole
