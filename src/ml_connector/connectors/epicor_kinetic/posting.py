"""Writing bills: saved on hold in a group, proven, taken off hold and posted; found again after a lost answer.

The key of an invoice is its supplier and number, which the database keeps unique over all groups: a second one is
impossible, a second line is not. So a draft of ours is gone on with by reading it (Epicor dossier 9.7, 17.32).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final, NoReturn, TypeVar

from ml_connector.connectors.epicor_kinetic.books import Books
from ml_connector.connectors.epicor_kinetic.checking import Knowledge, Plan, findings_of, gather_knowledge, plan_of
from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import INVOICE_SERVICE
from ml_connector.connectors.epicor_kinetic.documents import (
    HEADS,
    is_marked,
    is_ours,
    ledger_bill_of,
    lines_of,
    marker_of,
    say_place,
    sign_of,
    status_of,
)
from ml_connector.connectors.epicor_kinetic.errors import (
    is_group_held,
    is_missing,
    is_stale,
    may_be_duplicate,
    refused_with,
)
from ml_connector.connectors.epicor_kinetic.finding import Finder
from ml_connector.connectors.epicor_kinetic.groups import Groups, held
from ml_connector.connectors.epicor_kinetic.lines import claim, entries_of, matches_as_stored, papers_before
from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.epicor_kinetic.matching import Papers, read_papers
from ml_connector.connectors.epicor_kinetic.releasing import Poster, Verdict, words_for
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset, only_row
from ml_connector.connectors.epicor_kinetic.writing import Strayed, Writer, change_header, require_coded
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.order_matching import wanted_orders
from ml_connector.connectors.rows import Row, integer, is_set, number, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import Bill, BillStatus, LedgerBill
from ml_connector.records.reason import Finding, Reason

T = TypeVar("T")

_GROUPS_TRIED: Final = 4
_SAYS_LITTLE: Final = frozenset({Reason.REFUSED, Reason.NOT_RELEASED, Reason.UNEXPECTED})


class Desk:
    """Where bills are written. One document is worked on by one call at a time: the caller sees to that."""

    def __init__(
        self, client: Kinetic, books: Books, groups: Groups, poster: Poster, *, chart: str = "", terms: str = "",
        tolerance: Mapping[str, Decimal] | None = None,
    ) -> None:  # fmt: skip
        self._client = client
        self._books = books
        self._groups = groups
        self._poster = poster
        self._chart = chart
        self._terms = terms
        self._tolerance = tolerance or {}
        self._finder = Finder(client, books)

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """All that is known to speak against posting, without writing."""
        if not bills:
            return {}
        known = await self._gather(self._books, bills)
        told = {bill.key: findings_of(bill, known) for bill in bills}
        if any(told.values()) and self._books.forget_older():
            known = await self._gather(self._books, bills)
            told = {bill.key: findings_of(bill, known) for bill in bills}
        return told

    async def _gather(self, books: Books, bills: Sequence[Bill], *, there: Tableset | None = None) -> Knowledge:
        papers = await read_papers(self._client, bills) if wanted_orders(bills) else Papers()
        if there is not None:
            papers = papers_before(papers, there)
        return await gather_knowledge(books, bills, papers, terms=self._terms)

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Invoices of the same kind, supplier and number (`Finder.find`)."""
        return await self._finder.find(bills)

    async def read(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id, None where it is gone (`Finder.read`)."""
        return await self._finder.read(bill, bill_id)

    # ------------------------------------------------------------------ creating

    async def create(self, bill: Bill) -> LedgerBill:
        """Saves the bill on hold in a group of ours, and proves what was stored.

        Raises Refused where nothing was left behind, OutcomeUnknown where a draft may be there.
        """
        known = await self._gather(self._books, [bill])
        if findings := findings_of(bill, known):
            raise Refused(system=NAME, findings=findings)
        plan = plan_of(bill, known)
        for _ in range(_GROUPS_TRIED):
            try:
                return await self._created(bill, plan, await self._groups.take(marker_of(bill.key)))
            except Unavailable as error:
                # Somebody opened it in between, or had it posted, by which it is gone: there is another one.
                if not is_group_held(error):
                    raise
        raise held("every group that was found free was taken before it could be written into")

    async def _created(self, bill: Bill, plan: Plan, group: str) -> LedgerBill:
        writer = Writer(self._client, bill, plan, group=group, about=about_of(bill))
        async with self._groups.gate(group), self._groups.unlocked_after(group):
            try:
                await writer.save_new()
            except Refused as refusal:
                if await self._groups.is_gone(group):
                    raise held(f"group {group} was posted meanwhile") from refusal
                told = await self._told_rightly(bill, refusal)
                await self._groups.remove_if_empty(group)
                raise told from refusal
            try:
                return _as_draft(await on_fresh_rows(writer.complete))
            except Unavailable as error:
                raise left_behind(bill, error) from error
            except (Refused, Strayed) as error:
                await self._take_back(bill, plan, group, error)

    async def _take_back(self, bill: Bill, plan: Plan, group: str, error: Exception) -> NoReturn:
        """Removes what could not be brought to what the bill says: a refusal leaves nothing behind."""
        refusal = error if isinstance(error, Refused) else _strange(bill)
        try:
            await self._delete(plan.vendor.number, bill.number.strip())
        except ConnectorError as stays:
            raise left_behind(bill, refusal) from stays
        await self._groups.remove_if_empty(group)
        raise refusal from error

    async def _told_rightly(self, bill: Bill, refusal: Refused) -> ConnectorError:
        """A number that is there already is settled by a look, whatever the text says (Epicor dossier 9.7)."""
        if not may_be_duplicate(refusal):
            return refusal
        try:
            rows = (await self._finder.numbered([bill])).get(bill.key, ())
        except ConnectorError:
            return refusal
        if not rows:
            return refusal
        if is_ours(rows[0], bill):
            return OutcomeUnknown(system=NAME, detail=f"{bill.number} is there already, and it is ours")
        words = "; ".join(each.vendor_text for each in refusal.findings)
        return _duplicate(rows[0], words)

    # ------------------------------------------------------------------ completing

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """What a crash left out of a draft of ours; made anew where it is not what would have been written."""
        row = await self._finder.header(bill, draft.id)
        if row is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone")
        if status_of(row) is not BillStatus.DRAFT:
            return ledger_bill_of(row)
        if not is_ours(row, bill):
            raise _duplicate(row, "")
        there = await self._finder.whole(row)
        known = await self._gather(self._books, [bill], there=there)
        if findings := findings_of(bill, known):
            raise Refused(system=NAME, findings=findings)
        plan, group = plan_of(bill, known), text(row, "GroupID")
        writer = Writer(self._client, bill, plan, group=group, about=about_of(bill))
        async with self._groups.gate(group), self._groups.unlocked_after(group):
            await self._poster.wait_until_free(group)
            now = await self._finder.header(bill, draft.id)
            if now is not None and status_of(now) is not BillStatus.DRAFT:
                return ledger_bill_of(now)  # it was off hold, and its group was posted while we waited
            try:
                return _as_draft(await on_fresh_rows(writer.complete))
            except Strayed:
                await self._delete(plan.vendor.number, text(row, "InvoiceNum"))
        await self._groups.remove_if_empty(group)
        return await self.create(bill)

    # ------------------------------------------------------------------ posting

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Proves the draft once more, takes it off hold and has its group posted; posted by then is success too.

        Raises Refused where it is not posted in the end, with the draft on hold again.
        """
        row = await self._finder.header(bill, draft.id)
        if row is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone")
        if status_of(row) is not BillStatus.DRAFT:
            return _settled(ledger_bill_of(row))
        if not is_ours(row, bill):
            raise _duplicate(row, "")
        group, about = text(row, "GroupID"), about_of(bill)
        async with self._groups.unlocked_after(group):
            await on_fresh_rows(partial(self._off_hold, bill, row, group))
            turn = self._poster.make_ready(group, draft.id)
            try:
                verdict = await self._poster.post(turn, group, draft.id, about=about)
            except Refused as refusal:
                await self._back_on_hold(bill, row, group)
                raise await self._why_not(bill, draft, refusal) from refusal
            except Unavailable:
                await self._back_on_hold(bill, row, group)
                raise
            return await self._judged(bill, draft, row, verdict)

    async def _judged(self, bill: Bill, draft: LedgerBill, row: Row, verdict: Verdict) -> LedgerBill:
        """What a posting came to for this bill: nothing but the invoice itself tells (Epicor dossier 10)."""
        now = verdict.rows.get(draft.id)
        if now is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone")
        if status_of(now) is not BillStatus.DRAFT:
            return _settled(ledger_bill_of(now))
        await self._back_on_hold(bill, row, text(row, "GroupID"))
        words = words_for(verdict.words, row)
        if not words:
            finding = Finding(Reason.NOT_RELEASED, draft.number, "the posting is over, and it is not posted")
            raise await self._why_not(bill, draft, Refused(system=NAME, findings=(finding,)))
        raise await self._why_not(bill, draft, refused_with(words, about=about_of(bill), of_posting=True))

    async def _off_hold(self, bill: Bill, row: Row, group: str) -> None:
        """Everything is proven as it is stored now; then others may post the group as well as we."""
        async with self._groups.gate(group):
            await self._poster.wait_until_free(group)
            ds = await self._finder.whole(row)
            if ds is None:
                raise OutcomeUnknown(system=NAME, detail=f"the draft {bill.number} is gone")
            head = only_row(ds, HEADS)
            if is_set(head, "Posted"):
                return
            total = await self._proven(bill, ds)
            if not is_set(head, "InvoiceHeld") and total is None:
                return
            await change_header(self._client, head, group=group, held=False, total=total, about=about_of(bill))
            after = await self._finder.header(bill, text(row, "SysRowID").lower())
            if after is not None and is_set(after, "InvoiceHeld") and not is_set(after, "Posted"):
                finding = Finding(Reason.NOT_RELEASED, bill.number, "it was taken off hold, yet it is on hold")
                raise Refused(system=NAME, findings=(finding,))

    async def _proven(self, bill: Bill, ds: Tableset) -> Decimal | None:
        """Proves accounts, sums and signs; the total to be said where the server's is off within the tolerance.

        A group with a variance does not post, so within the tolerance the server's own sum has to be agreed to.
        """
        known = await gather_knowledge(self._books, [_coded(bill)], Papers(), terms=self._terms, anew=True)
        if findings := findings_of(_coded(bill), known):
            raise Refused(system=NAME, findings=findings)
        plan = plan_of(bill, known)
        require_coded(bill, plan, claim(entries_of(bill, matches_as_stored(bill, ds)), ds), ds)
        head, sign = only_row(ds, HEADS), sign_of(bill.kind)
        gross, said = sign * number(head, "DocInvoiceAmt"), sign * number(head, "DocInvoiceVendorAmt")
        if gross == said:
            return None
        if abs(gross - bill.gross) > self._tolerance.get(bill.currency, Decimal(0)):
            what = f"{gross} in the ledger, {bill.gross} {bill.currency} on the invoice"
            raise Refused(system=NAME, findings=(Finding(Reason.TOTALS_DIFFER, what),))
        return gross

    async def _back_on_hold(self, bill: Bill, row: Row, group: str) -> None:
        """So that nobody posts what we told of as not posted. Tried only: it is said as it is either way."""
        try:
            async with self._groups.gate(group):
                ds = await self._finder.whole(row)
                head = only_row(ds, HEADS) if ds is not None else None
                if head is not None and not is_set(head, "Posted") and not is_set(head, "InvoiceHeld"):
                    await change_header(self._client, head, group=group, held=True, about=about_of(bill))
        except ConnectorError:
            return

    async def _why_not(self, bill: Bill, draft: LedgerBill, refusal: Refused) -> Refused:
        """What has changed since the check, read anew; else the ledger's own words."""
        try:
            books = Books(self._client, chart=self._chart)
            known = await gather_knowledge(books, [_coded(bill)], Papers(), terms=self._terms)
            findings = findings_of(_coded(bill), known)
        except ConnectorError:
            findings = ()
        words = "; ".join(each.vendor_text for each in refusal.findings if each.vendor_text)
        if not findings and (refusal.reason not in _SAYS_LITTLE or not words):
            return refusal
        found = [replace(each, vendor_text=words) for each in findings] or [
            Finding(Reason.NOT_RELEASED, draft.number, words)
        ]
        return Refused(system=NAME, findings=found, status=refusal.status, code=refusal.code)

    # ------------------------------------------------------------------ removing

    async def discard(self, bill: Bill, draft: LedgerBill) -> None:
        """Deletes a draft of ours, and its group where nothing is left in it; one that is gone already is fine."""
        row = await self._finder.header(bill, draft.id)
        if row is None:
            return
        if status_of(row) is not BillStatus.DRAFT:
            finding = Finding(Reason.ALREADY_POSTED, text(row, "InvoiceNum"), "only drafts are removed")
            raise Refused(system=NAME, findings=(finding,))
        if not is_marked(row):
            raise _duplicate(row, "only what this connection entered is removed")
        group = text(row, "GroupID")
        async with self._groups.gate(group), self._groups.unlocked_after(group):
            await self._poster.wait_until_free(group)
            await self._delete(integer(row, "VendorNum"), text(row, "InvoiceNum"))
        await self._groups.remove_if_empty(group)

    async def _delete(self, vendor: int, invoice: str) -> None:
        """Deletes an invoice that is not posted. Once more does no harm, so a lost answer leaves nothing open."""
        try:
            await self._client.call(INVOICE_SERVICE, "DeleteByID", {"vendorNum": vendor, "invoiceNum": invoice})
        except Refused as refusal:
            if not is_missing(refusal):
                raise
        except OutcomeUnknown as lost:
            raise Unavailable(system=NAME, findings=lost.findings, status=lost.status) from lost


# ------------------------------------------------------------------ pieces


async def on_fresh_rows(act: Callable[[], Awaitable[T]]) -> T:
    """Does what begins with a look, once more where somebody changed a row or took the group: nothing was stored."""
    try:
        return await act()
    except Unavailable as error:
        if not is_stale(error) and not is_group_held(error):
            raise
    return await act()


def about_of(bill: Bill) -> dict[Reason, str]:
    """What a refusal is about where its text does not say."""
    accounts = ", ".join(dict.fromkeys(line.account for line in bill.lines if line.account))
    return {
        Reason.VENDOR_UNKNOWN: bill.vendor,
        Reason.VENDOR_BLOCKED: bill.vendor,
        Reason.CURRENCY_UNKNOWN: code(bill.currency),
        Reason.RATE_MISSING: f"{code(bill.currency)} on {bill.invoice_date.isoformat()}",
        Reason.PERIOD_CLOSED: bill.posting_date.isoformat(),
        Reason.POSSIBLE_DUPLICATE: f"{bill.kind} {bill.number} of supplier {bill.vendor}",
        Reason.NUMBER_MISSING: bill.number,
        Reason.NOT_RELEASED: bill.number,
        Reason.ACCOUNT_UNKNOWN: accounts,
        Reason.ACCOUNT_BLOCKED: accounts,
        Reason.ORDER_UNKNOWN: ", ".join(sorted(wanted_orders([bill]))),
    }


def _as_draft(ds: Tableset) -> LedgerBill:
    return ledger_bill_of(only_row(ds, HEADS), lines=len(lines_of(ds)))


def _coded(bill: Bill) -> Bill:
    """The bill without what it takes off orders, which is gone from them by now: its accounts are looked at."""
    lines = (replace(each, quantity=None) for each in bill.lines if each.account.strip())
    return replace(bill, lines=tuple(lines))


def _settled(there: LedgerBill) -> LedgerBill:
    """A bill that is no draft. Raises Refused where it was taken back in the ledger."""
    if there.status is BillStatus.CANCELLED:
        raise Refused(system=NAME, findings=(Finding(Reason.APPROVAL_REFUSED, there.number),))
    return there


def left_behind(bill: Bill, error: ConnectorError) -> OutcomeUnknown:
    """The error for a bill that was saved, and is not proven to be what it should."""
    detail = f"the draft {bill.number} was saved but is not complete: {error}"
    return OutcomeUnknown(system=NAME, detail=detail, status=error.status, request_id=error.request_id)


def _strange(bill: Bill) -> Refused:
    words = f"{bill.number} came to have lines that were not written"
    return Refused(system=NAME, findings=(Finding(Reason.UNEXPECTED, NAME, words),))


def _duplicate(row: Row, words: str) -> Refused:
    subject = f"{say_place(row)} of supplier {text(row, 'VendorNumVendorID') or text(row, 'VendorNum')}"
    return Refused(system=NAME, findings=(Finding(Reason.POSSIBLE_DUPLICATE, subject, words),))
