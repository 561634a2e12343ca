"""Writing bills: saved on hold, compared, taken off hold and released; found again after a lost answer.

A bill without its number in the body is made anew each time it is sent (Acumatica dossier 5, 10.6), and whether
the company refuses a number twice is its own choice: looking beforehand is what prevents a second bill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.acumatica.books import Books
from ml_connector.connectors.acumatica.checking import Knowledge, findings_of, gather_knowledge, plan_of
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.documents import (
    HEADER,
    NEW,
    ON_HOLD,
    SORTS,
    Plan,
    header_body,
    header_changes,
    ledger_bill_of,
    line_bodies,
    lines_there,
    status_of,
    sum_differences,
    taxes_of,
)
from ml_connector.connectors.acumatica.errors import ENTITY_ERRORS, is_missing, may_be_duplicate, unexpected
from ml_connector.connectors.acumatica.finding import PARTS, WHOLE, Finder
from ml_connector.connectors.acumatica.manifest import (
    LINES_PER_REQUEST,
    NAME,
)
from ml_connector.connectors.acumatica.matching import Papers, read_papers
from ml_connector.connectors.acumatica.releasing import BILL, PATIENCE, Patience, lost, release
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.order_matching import wanted_orders
from ml_connector.connectors.rows import Row, text
from ml_connector.records.invoice import Bill, BillStatus, LedgerBill
from ml_connector.records.reason import Finding, Reason

_ONLY_CHANGE: Final = {"If-Match": "*"}
"""A record that is gone is not made anew (Acumatica dossier 5)."""
_NOT_THERE: Final = 412
_FAULT: Final = 500
_REMOVABLE: Final = frozenset({"On Hold", "Balanced", "Pending Approval", "Rejected"})
"""Never posted; what was is not touched."""
_SAYS_LITTLE: Final = frozenset({Reason.REFUSED, Reason.OUT_OF_ORDER, Reason.UNEXPECTED, Reason.ADDRESS_WRONG})


class Desk:
    """Where bills are written. One document is worked on by one call at a time: the caller sees to that."""

    def __init__(
        self, client: Acumatica, books: Books, *, branch: str = "", tolerance: Mapping[str, Decimal] | None = None,
        tax_ids: Mapping[str, str] | None = None, patience: Patience = PATIENCE,
    ) -> None:  # fmt: skip
        self._client = client
        self._books = books
        self._branch = branch
        self._tolerance = tolerance or {}
        self._tax_ids = tax_ids or {}
        self._patience = patience
        self._finder = Finder(client)

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

    async def _gather(self, books: Books, bills: Sequence[Bill]) -> Knowledge:
        papers = await read_papers(self._client, bills) if wanted_orders(bills) else Papers()
        return await gather_knowledge(books, bills, papers)

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Documents of the same kind, vendor and number (`Finder.find`)."""
        return await self._finder.find(bills)

    async def read(self, bill_id: str) -> LedgerBill | None:
        """One document by its id, None where it is gone (`Finder.read`)."""
        return await self._finder.read(bill_id)

    # ------------------------------------------------------------------ creating

    async def create(self, bill: Bill) -> LedgerBill:
        """Saves the bill on hold: one call, more where it has very many lines.

        Raises Refused where nothing was left behind, OutcomeUnknown where a draft may be there.
        """
        known = await self._gather(self._books, [bill])
        if findings := findings_of(bill, known):
            raise Refused(system=NAME, findings=findings)
        plan = self._plan(bill, known)
        body = header_body(bill, plan) | {"Details": line_bodies(bill, plan)[:LINES_PER_REQUEST]}
        try:
            row = await self._client.put(BILL, body, select=WHOLE, expand=PARTS, about=_about(bill))
        except Refused as refusal:
            raise await self._told_rightly(bill, refusal) from refusal
        except OutcomeUnknown as unknown:
            raise await self._looked_into(bill, unknown) from unknown
        _require_saved(row)
        try:
            return ledger_bill_of(await self._brought_to(bill, plan, row))
        except Unavailable as error:
            raise _left_behind(row, error) from error
        except Refused as error:
            await self._take_back(row, error)
            raise

    def _plan(self, bill: Bill, known: Knowledge) -> Plan:
        return replace(plan_of(bill, known, branch=self._branch), taxes=taxes_of(bill, self._tax_ids))

    async def _told_rightly(self, bill: Bill, refusal: Refused) -> Refused:
        """Both guises of a number that is there already are settled by a look (Acumatica dossier 10.6)."""
        if not may_be_duplicate(refusal):
            return refusal
        try:
            twins = (await self.find([bill]))[bill.key]
        except ConnectorError:
            return refusal
        standing = next((each for each in twins if each.status is not BillStatus.CANCELLED), None)
        words = refusal.findings[0].vendor_text
        if standing is not None:
            subject = f"{SORTS[bill.kind].word} {standing.number} of vendor {standing.vendor}"
            return _refusal(Finding(Reason.POSSIBLE_DUPLICATE, subject, words), refusal)
        if refusal.code == ENTITY_ERRORS and refusal.reason is Reason.POSSIBLE_DUPLICATE:
            return _refusal(Finding(Reason.REFUSED, words, words), refusal)
        return refusal

    async def _looked_into(self, bill: Bill, unknown: OutcomeUnknown) -> ConnectorError:
        """Where the application itself says that it failed, and nothing is there, that is a refusal."""
        if not _is_told(unknown):
            return unknown
        try:
            twins = (await self.find([bill]))[bill.key]
        except ConnectorError:
            return unknown
        if any(each.status is not BillStatus.CANCELLED for each in twins):
            return unknown
        words = unknown.findings[0].vendor_text
        return Refused(system=NAME, findings=(Finding(Reason.REFUSED, words, words),), status=unknown.status)

    async def _take_back(self, row: Row, error: Refused) -> None:
        """Removes a draft that could not be brought to what the bill says: a refusal leaves nothing."""
        try:
            await self._client.delete(BILL, text(row, "id"))
        except ConnectorError as stays:
            raise _left_behind(row, error) from stays

    # ------------------------------------------------------------------ completing

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """The lines and dates of a draft of ours that a crash left unfinished."""
        row = await self._client.get(BILL, draft.id, select=WHOLE, expand=PARTS, missing_ok=True)
        if row is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone")
        if status_of(row) is not BillStatus.DRAFT:
            return ledger_bill_of(row)
        known = await self._gather(self._books, [bill])
        findings = findings_of(bill, known)
        if findings and lines_there(bill, row) != len(bill.lines):
            raise Refused(system=NAME, findings=findings)
        return ledger_bill_of(await self._brought_to(bill, self._plan(bill, known), row))

    async def _brought_to(self, bill: Bill, plan: Plan, row: Row) -> Row:
        """The draft with all lines and with the header that the bill says, as it is stored then."""
        row = await self._with_lines(bill, plan, row)
        changes = header_changes(bill, plan, row)
        if not changes:
            return row
        # Form logic can put its own value over one that came along (Acumatica dossier 5, U14): alone it stays.
        fields = {"id": text(row, "id"), **changes}
        row = await self._client.put(
            BILL, fields, select=WHOLE, expand=PARTS, about=_about(bill), idempotent=True, headers=_ONLY_CHANGE
        )
        if others := header_changes(bill, plan, row):
            raise unexpected(f"{text(row, 'ReferenceNbr')} keeps other values than the bill's: {', '.join(others)}")
        return row

    async def _with_lines(self, bill: Bill, plan: Plan, row: Row) -> Row:
        """Writes the lines that are missing, some hundreds at a time, after those that are there."""
        there = _count_of(bill, row)
        if there == len(bill.lines):
            return row
        bodies = line_bodies(bill, plan)
        for start in range(there, len(bodies), LINES_PER_REQUEST):
            part = bodies[start : start + LINES_PER_REQUEST]
            fields = {"id": text(row, "id"), "Details": part}
            await self._client.put(BILL, fields, select=HEADER, about=_about(bill), headers=_ONLY_CHANGE)
        whole = await self._client.get(BILL, text(row, "id"), select=WHOLE, expand=PARTS)
        if whole is None or _count_of(bill, whole) != len(bill.lines):
            raise unexpected(f"{text(row, 'ReferenceNbr')} does not hold the lines that were written")
        return whole

    # ------------------------------------------------------------------ posting

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Takes a draft off hold and releases it; one that is posted by then is success too.

        PENDING where an approval map has it. Raises Refused where it was turned down or cannot be released.
        """
        row = await self._off_hold(bill, draft)
        there = ledger_bill_of(row)
        if there.status is not BillStatus.DRAFT:
            return _settled(there)
        if text(row, "Status") == ON_HOLD:
            finding = Finding(Reason.NOT_RELEASED, draft.number, "it was taken off hold, yet it is on hold")
            raise Refused(system=NAME, findings=(finding,))
        refusal = await release(self._client, draft.id, patience=self._patience, about=_about(bill))
        return await self._released(bill, draft, refusal)

    async def _off_hold(self, bill: Bill, draft: LedgerBill) -> Row:
        """Once more does no harm; looks before it believes a refusal.

        Where totals are validated and the form's own is off within the tolerance, the bill leaves hold with that one
        only (Acumatica dossier 10.1).
        """
        fields: dict[str, Any] = {"id": draft.id, "Hold": False}
        if draft.gross is not None and 0 < abs(draft.gross - bill.gross) <= self._slack(bill):
            fields["Amount"] = draft.gross
        for is_last in (False, True):
            try:
                return await self._client.put(
                    BILL, fields, select=HEADER, about=_about(bill), idempotent=True, headers=_ONLY_CHANGE
                )
            except (Refused, Unavailable) as error:
                if isinstance(error, Unavailable) and not _is_told(error):
                    raise
                if error.status == _NOT_THERE or is_missing(error):
                    raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone") from error
                row = await self._finder.header(draft.id)
                if row is not None and status_of(row) is not BillStatus.DRAFT:
                    return row
                if isinstance(error, Refused):
                    raise
                if is_last:
                    raise await self._why_not(bill, draft, error) from error
        raise AssertionError("the last try returns or raises")

    def _slack(self, bill: Bill) -> Decimal:
        return self._tolerance.get(bill.currency, Decimal(0))

    async def _released(self, bill: Bill, draft: LedgerBill, refusal: Refused | None) -> LedgerBill:
        """What a release came to, by the bill's own status (Acumatica dossier 6)."""
        try:
            after = await self.read(draft.id)
        except (Refused, Unavailable) as error:
            raise lost(error) from error
        if after is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone")
        if after.status is not BillStatus.DRAFT:
            return _settled(after)
        if refusal is None:
            raise OutcomeUnknown(system=NAME, detail=f"said that {draft.number} is released, yet it is not")
        if refusal.reason not in _SAYS_LITTLE:
            raise refusal
        raise await self._why_not(bill, draft, refusal) from refusal

    async def _why_not(self, bill: Bill, draft: LedgerBill, refusal: Refused | Unavailable) -> Refused:
        """What has changed since the check, read anew; else that it cannot be released, with the ledger's words."""
        try:
            findings = findings_of(bill, await self._gather(Books(self._client), [bill]))
        except ConnectorError:
            findings = ()
        words = "; ".join(each.vendor_text for each in refusal.findings if each.vendor_text)
        found = [replace(each, vendor_text=words) for each in findings] or [
            Finding(Reason.NOT_RELEASED, draft.number, words)
        ]
        return Refused(system=NAME, findings=found, status=refusal.status, code=refusal.code)

    # ------------------------------------------------------------------ removing

    async def discard(self, draft: LedgerBill) -> None:
        """Deletes a draft; one that is gone already is fine, one that was ever posted is refused."""
        row = await self._finder.header(draft.id)
        if row is None:
            return
        if text(row, "Status") not in _REMOVABLE:
            finding = Finding(Reason.ALREADY_POSTED, text(row, "ReferenceNbr"), "only drafts are removed")
            raise Refused(system=NAME, findings=(finding,))
        try:
            await self._client.delete(BILL, draft.id)
        except Refused:
            if text(row, "Status") == ON_HOLD:
                raise
            # In some workflows only what is on hold can be deleted.
            fields = {"id": draft.id, "Hold": True}
            await self._client.put(BILL, fields, select=HEADER, idempotent=True, headers=_ONLY_CHANGE)
            await self._client.delete(BILL, draft.id)


# ------------------------------------------------------------------ pieces


def _is_told(error: ConnectorError) -> bool:
    """True for a 500 in which the application says that it failed, and not the web server (`errors.Fault.is_told`)."""
    return error.status == _FAULT and (
        error.code.startswith("PX") or f"answered {_FAULT} PX" in error.findings[0].vendor_text
    )


def _require_saved(row: Row) -> None:
    """Raises where an answer that is no refusal shows that nothing was saved, or not what (dossier 3.1, 5)."""
    if text(row, "ReferenceNbr") == NEW:
        words = "a bill was entered, and nothing was saved: the user may only view the form AP301000"
        raise Refused(system=NAME, findings=(Finding(Reason.RIGHTS_MISSING, NAME, words),))
    if not text(row, "id") or not text(row, "ReferenceNbr"):
        raise OutcomeUnknown(system=NAME, detail="a bill was saved, but its id or number was not told")


def _count_of(bill: Bill, row: Row) -> int:
    there = lines_there(bill, row)
    if there is None and (differs := sum_differences(bill, row)):
        raise Refused(system=NAME, findings=(Finding(Reason.TOTALS_DIFFER, differs),))
    if there is None:
        raise unexpected(f"the lines of {text(row, 'ReferenceNbr')} are not those of the bill")
    return there


def _settled(there: LedgerBill) -> LedgerBill:
    """A bill that is no draft. Raises Refused where it was turned down."""
    if there.status is BillStatus.CANCELLED:
        raise Refused(system=NAME, findings=(Finding(Reason.APPROVAL_REFUSED, there.number),))
    return there


def _left_behind(row: Row, error: ConnectorError) -> OutcomeUnknown:
    detail = f"the draft {text(row, 'ReferenceNbr')} was saved but is not complete: {error}"
    return OutcomeUnknown(system=NAME, detail=detail, status=error.status, request_id=error.request_id)


def _refusal(finding: Finding, of: Refused) -> Refused:
    return Refused(system=NAME, findings=(finding,), status=of.status, code=of.code, request_id=of.request_id)


def _about(bill: Bill) -> dict[Reason, str]:
    """What a refusal is about where its text does not say."""
    accounts: dict[str, Any] = dict.fromkeys(line.account for line in bill.lines)
    return {
        Reason.VENDOR_UNKNOWN: bill.vendor,
        Reason.VENDOR_BLOCKED: bill.vendor,
        Reason.CURRENCY_UNKNOWN: bill.currency,
        Reason.RATE_MISSING: f"{bill.currency} on {bill.invoice_date.isoformat()}",
        Reason.PERIOD_CLOSED: bill.posting_date.isoformat(),
        Reason.POSSIBLE_DUPLICATE: f"{SORTS[bill.kind].word} {bill.number} of vendor {bill.vendor}",
        Reason.ORDER_UNKNOWN: ", ".join(sorted(wanted_orders([bill]))),
        Reason.ACCOUNT_UNKNOWN: ", ".join(accounts),
        Reason.ACCOUNT_BLOCKED: ", ".join(accounts),
    }
