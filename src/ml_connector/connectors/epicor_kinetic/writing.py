"""An invoice brought to what the bill says: one `UpdateMaster` with header, lines and accounts, read back and proven.

The server may make the accounts' rows itself at the save and lose what came along (Epicor dossier 9.5.3). Then one
more save puts them right. What is on record is only ever judged by reading it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.checking import Plan
from ml_connector.connectors.epicor_kinetic.client import About, Kinetic
from ml_connector.connectors.epicor_kinetic.contract import INVOICE_SERVICE
from ml_connector.connectors.epicor_kinetic.documents import (
    AMOUNTS,
    CODINGS,
    HEADS,
    LINES,
    kind_of,
    lines_of,
    of_line,
    say_place,
    sign_of,
)
from ml_connector.connectors.epicor_kinetic.drafting import Draft, put_together
from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.epicor_kinetic.lines import (
    Claims,
    Entry,
    Uncoded,
    claim,
    empty_accounts,
    entries_of,
    uncoded,
)
from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset, change, only_row, rows_of
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.connectors.rows import Row, integer, is_set, number, text
from ml_connector.records.invoice import Bill
from ml_connector.records.money import add_up
from ml_connector.records.reason import Finding, Reason

_RECEIPT_LINES: Final = "APUninvoicedRcptLines"


class Strayed(Exception):
    """A draft of ours has lines that the bill does not have: it is made anew."""


class Writer:
    """Writes one bill into one group."""

    def __init__(self, client: Kinetic, bill: Bill, plan: Plan, *, group: str, about: About) -> None:
        self._client = client
        self._bill = bill
        self._plan = plan
        self._group = group
        self._about = about
        self._draft = Draft(client, bill, plan, group=group, about=about)
        self._entries = entries_of(bill, plan.matches)

    async def save_new(self) -> None:
        """Stores the invoice: all in one save, the header alone where lines come from receipts, which need it there."""
        head = await self._draft.header()
        parts: list[Tableset] = []
        if not self._plan.matches:
            parts = [await self._new_line(head, entry, place) for place, entry in enumerate(self._entries, 1)]
        await self._client.save(put_together(head, parts), group=self._group, table=HEADS, about=self._about)

    async def read(self) -> Tableset:
        """The invoice with its lines and accounts. Raises OutcomeUnknown where it is gone."""
        keys = {"vendorNum": self._plan.vendor.number, "invoiceNum": self._bill.number.strip()}
        ds = await self._client.get_by_id(INVOICE_SERVICE, **keys)
        if ds is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {self._bill.number} is gone")
        return ds

    async def complete(self) -> Tableset:
        """Adds what is missing, puts accounts and header right, and proves it all; the invoice as it is stored then.

        Raises Strayed where it has lines that the bill does not have, Refused where it does not come to be the bill.
        """
        ds = await self._with_lines(await self.read())
        ds = await self._with_accounts(ds)
        ds = await self._with_header(ds)
        return await self._with_taxes(ds)

    # ------------------------------------------------------------------ lines

    async def _with_lines(self, ds: Tableset) -> Tableset:
        claims = self._claims(ds)
        received = [entry for entry in claims.missing if entry.match is not None and entry.match.is_received]
        if received:
            await self._take_receipts(received)
            ds = await self.read()
            claims = self._claims(ds)
        head = only_row(ds, HEADS)
        first = max((integer(row, "InvoiceLine") for row in lines_of(ds)), default=0) + 1
        parts = [await self._draft.adjusted_line(head, row, entry.position, entry.match)
                 for entry, row in claims.unlike if entry.match is not None]  # fmt: skip
        parts += [await self._new_line(head, entry, place) for place, entry in enumerate(claims.missing, first)]
        if parts:
            await self._client.save(put_together(head, parts), group=self._group, table=LINES, about=self._about)
            ds = await self.read()
        self._prove_lines(ds)
        return ds

    def _claims(self, ds: Mapping[str, Any]) -> Claims:
        claims = claim(self._entries, ds)
        if claims.strays:
            raise Strayed
        return claims

    async def _new_line(self, head: Row, entry: Entry, number_there: int) -> Tableset:
        match = entry.match
        if match is None:
            return await self._draft.coded_line(head, entry.position, number_there=number_there)
        assert not match.is_received, "receipts are taken by a call of their own"
        return await self._draft.unreceived_line(head, entry.position, match, number_there=number_there)

    async def _take_receipts(self, entries: Sequence[Entry]) -> None:
        """Has lines made of receipts, which the server stores itself (Epicor dossier 9.5.4)."""
        slips: dict[tuple[int, str, str], list[Entry]] = {}
        for entry in entries:
            assert entry.match is not None
            place = (entry.match.order, entry.match.purchase_point, entry.match.pack_slip)
            slips.setdefault(place, []).append(entry)
        for (order, point, slip), wanted in slips.items():
            await self._take_slip(order, point, slip, wanted)

    async def _take_slip(self, order: int, point: str, slip: str, wanted: Sequence[Entry]) -> None:
        vendor, invoice = self._plan.vendor.number, self._bill.number.strip()
        answer = await self._called(
            "GetAPUninvoicedReceipts", ds={}, InVendorNum=vendor, InInvoiceNum=invoice, InPONum=order
        )
        ds = answer.ds
        for entry in wanted:
            match = entry.match
            row = next((row for row in rows_of(ds, _RECEIPT_LINES) if match is not None and match.is_of(row)), None)
            if row is None:
                words = f"receipt {slip} of order {order} was invoiced by somebody else meanwhile"
                raise Refused(system=NAME, findings=(Finding(Reason.ORDER_DIFFERS, words),))
            change(row, _RECEIPT_LINES, {"SelectLine": True})
        answer = await self._called(
            "SelectUninvoicedRcptLines", ds=ds, InVendorNum=vendor, InPurPoint=point, InPONum=order, InPackSlip=slip,
            InDropShip=False, InvoiceNum=invoice, InGRNIClearing=False,
        )  # fmt: skip
        await self._called("InvoiceSelectedLines", ds=answer.ds, opLOCMsg="")

    async def _called(self, name: str, **parameters: Any) -> Any:
        return await self._client.call(INVOICE_SERVICE, name, parameters, about=self._about)

    def _prove_lines(self, ds: Mapping[str, Any]) -> None:
        claims = self._claims(ds)
        wrong = list(claims.missing) or [entry for entry, _ in claims.unlike]
        if wrong:
            raise unexpected(f"{self._bill.number} holds row {wrong[0].position + 1} otherwise than it was written")

    # ------------------------------------------------------------------ accounts

    async def _with_accounts(self, ds: Tableset) -> Tableset:
        wrong = uncoded(self._claims(ds), ds, self._plan)
        if wrong:
            await self._client.save(await self._coded(ds, wrong), group=self._group, table=CODINGS, about=self._about)
            ds = await self.read()
        require_coded(self._bill, self._plan, self._claims(ds), ds)
        return ds

    async def _coded(self, ds: Tableset, wrong: Sequence[Uncoded]) -> Tableset:
        """The tableset with the accounts in their rows, which are made where the server made none."""
        whole: Tableset = {name: rows_of(ds, name) for name in (HEADS, LINES, AMOUNTS, CODINGS)}
        for each in wrong:
            if each.row is not None:
                change(each.row, CODINGS, each.wanted.columns())
            else:
                await self._add_coding(whole, each)
        return whole

    async def _add_coding(self, whole: Tableset, missing: Uncoded) -> None:
        """Adds the row of an account, and that of its amount where there is none either; drawn up beside the line."""
        invoice = text(only_row(whole, HEADS), "InvoiceNum")
        lines = of_line(whole[LINES], missing.line)
        ds: Tableset = {HEADS: whole[HEADS], LINES: lines, AMOUNTS: of_line(whole[AMOUNTS], missing.line)}
        if not ds[AMOUNTS]:
            net = abs(number(lines[0], "DocExtCost"))
            ds = await self._draft.new_amount(ds, invoice, missing.line, amount=net)
            whole[AMOUNTS] += [row for row in rows_of(ds, AMOUNTS) if text(row, "RowMod")]
        sequence = min(integer(row, "InvExpSeq") for row in rows_of(ds, AMOUNTS))
        ds = await self._draft.new_coding(ds, invoice, missing.line, sequence, missing.wanted)
        whole[CODINGS] += [row for row in rows_of(ds, CODINGS) if text(row, "RowMod")]

    # ------------------------------------------------------------------ header and taxes

    async def _with_header(self, ds: Tableset) -> Tableset:
        """The supplier's total as the bill says it, and the hold that keeps others from posting it."""
        head = only_row(ds, HEADS)
        gross = sign_of(self._bill.kind) * self._bill.gross
        if number(head, "DocInvoiceVendorAmt") == gross and is_set(head, "InvoiceHeld"):
            return ds
        await change_header(self._client, head, group=self._group, held=True, total=self._bill.gross, about=self._about)
        return await self.read()

    async def _with_taxes(self, ds: Tableset) -> Tableset:
        """Has the taxes calculated where no save did (Epicor dossier 9.6, UNCONFIRMED)."""
        head = only_row(ds, HEADS)
        if number(head, "DocTaxAmt") or not self._bill.tax or is_set(head, "ReadyToCalc"):
            return ds
        await self._called(
            "SetReadyToCalc", ipGroupID=self._group, ipInvoiceNum=text(head, "InvoiceNum"),
            ipVendorNum=self._plan.vendor.number, ipCalcAll=False, ipCalledFromUI=False, ds=ds,
        )  # fmt: skip
        return await self.read()


async def change_header(client: Kinetic, head: Row, *, group: str, held: bool, about: About, total: Any = None) -> None:
    """Puts an invoice on hold or off it, with another total of the supplier's where one is given."""
    row = dict(head)
    change(row, HEADS, {"InvoiceHeld": held})
    ds: Tableset = {HEADS: [row]}
    if total is not None:
        answer = await client.call(
            INVOICE_SERVICE, "ChangeInvoiceVendorAmt", {"ProposedInvoiceVendorAmt": total, "ds": ds}, about=about
        )
        ds = answer.ds
    await client.save(ds, group=group, table=HEADS, about=about)


# ------------------------------------------------------------------ proof


def require_coded(bill: Bill, plan: Plan, claims: Claims, ds: Mapping[str, Any]) -> None:
    """Raises Refused unless every row's account is proven, and every line has its sum and its sign."""
    head = only_row(ds, HEADS)
    sign = sign_of(bill.kind)
    if kind_of(head) is not bill.kind:
        raise unexpected(f"{say_place(head)} is no {bill.kind}")
    if claims.missing or claims.strays:
        raise unexpected(f"{say_place(head)} does not hold the lines of the invoice")
    other = uncoded(claims, ds, plan)
    wrong = [str(each) for each in other]
    told = {each.line for each in other}
    wrong += [f"the account of line {line} is empty in the ledger" for line in empty_accounts(ds) if line not in told]
    wrong += [f"the GL amounts of line {line} do not make up its sum" for line in _split_otherwise(ds)]
    if wrong:
        raise Refused(system=NAME, findings=(Finding(Reason.REFUSED, f"{'; '.join(dict.fromkeys(wrong))}."),))
    stored = add_up(number(row, "DocExtCost") for row in lines_of(ds))
    if stored != sign * bill.net:
        what = f"its lines make {sign * stored} in the ledger, {bill.net} {bill.currency} on the invoice"
        raise Refused(system=NAME, findings=(Finding(Reason.TOTALS_DIFFER, what),))


def _split_otherwise(ds: Mapping[str, Any]) -> list[int]:
    """Lines whose amounts, where there are any, are not the line's."""
    found: list[int] = []
    for row in lines_of(ds):
        line = integer(row, "InvoiceLine")
        amounts = of_line(rows_of(ds, AMOUNTS), line)
        if amounts and add_up(number(each, "DocExpAmt") for each in amounts) != number(row, "DocExtCost"):
            found.append(line)
    return found
