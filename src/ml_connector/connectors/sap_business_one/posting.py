"""Writing bills: posted in one request, found again, and followed where the company wants an approval first.

B1 has no drafts of ours. Where an approval procedure steps in, it refuses the document and keeps a draft of its
own (SAP dossier 7.5): the bill then waits under the draft's id until somebody approves and adds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, SessionLost, Unavailable
from ml_connector.connectors.odata import literal
from ml_connector.connectors.order_matching import wanted_orders
from ml_connector.connectors.sap_business_one.books import Books
from ml_connector.connectors.sap_business_one.checking import (
    Knowledge,
    Settings,
    findings_of,
    gather_knowledge,
    respelled,
)
from ml_connector.connectors.sap_business_one.client import ANY_CASE, ServiceLayer, keyed
from ml_connector.connectors.sap_business_one.documents import (
    DRAFT_FIELDS,
    HEADER_FIELDS,
    SORTS,
    BillId,
    Sort,
    Wording,
    document_body,
    draft_status_of,
    is_mirror,
    is_of,
    ledger_bill_of,
    pending_bill_of,
    sort_of_draft,
)
from ml_connector.connectors.sap_business_one.errors import NOT_FOUND, unexpected
from ml_connector.connectors.sap_business_one.manifest import NAME, NUMBER_LENGTH, OR_TERMS
from ml_connector.connectors.sap_business_one.matching import Papers, plan_of, read_papers
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillStatus, LedgerBill
from ml_connector.records.reason import Finding, Reason

Row = Mapping[str, Any]

FILTER_LENGTH: Final = 6_000
"""Characters of a filter once it is in an address, which may take about 8 kB (SAP dossier 12)."""


class Desk:
    """Where bills are written. One document is worked on by one call at a time: the caller sees to that."""

    def __init__(self, client: ServiceLayer, books: Books, settings: Settings) -> None:
        self._client = client
        self._books = books
        self._settings = settings

    async def check(self, bills: Sequence[Bill]) -> Mapping[str, tuple[Finding, ...]]:
        """All that is known to speak against posting, without writing."""
        if not bills:
            return {}
        known = await self._gather(bills)
        told = {bill.key: findings_of(bill, known, self._settings) for bill in bills}
        if any(told.values()) and self._books.forget_older():
            known = await self._gather(bills)
            told = {bill.key: findings_of(bill, known, self._settings) for bill in bills}
        return told

    async def _gather(self, bills: Sequence[Bill]) -> Knowledge:
        papers = await read_papers(self._client, bills) if wanted_orders(bills) else Papers()
        return await gather_knowledge(self._books, bills, self._settings, papers)

    # ------------------------------------------------------------------ finding

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """Bills of the same kind, vendor and number, those that wait for an approval too."""
        found: dict[str, list[LedgerBill]] = {bill.key: [] for bill in bills}
        for kind, sort in SORTS.items():
            of_kind = [bill for bill in bills if bill.kind is kind]
            for row in await self._numbered(sort.entity_set, HEADER_FIELDS, of_kind):
                _file(found, of_kind, row, None if is_mirror(row) else ledger_bill_of(row, sort))
        for row in await self._numbered("Drafts", DRAFT_FIELDS, bills):
            sort = sort_of_draft(row)
            if sort is not None and draft_status_of(row) is BillStatus.PENDING:
                of_kind = [bill for bill in bills if bill.kind is sort.kind]
                _file(found, of_kind, row, _waiting(row, sort))
        return {key: tuple(each) for key, each in found.items()}

    async def _numbered(self, entity_set: str, fields: str, bills: Sequence[Bill]) -> list[Row]:
        """Documents with the vendors and numbers of the bills, in any case of letters (SAP dossier 11.2)."""
        rows: list[Row] = []
        for wanted in _filters(bills):
            options = {"$filter": wanted, "$select": fields}
            rows += await self._client.rows(entity_set, options, headers=ANY_CASE)
        return list({int(row["DocEntry"]): row for row in rows}.values())

    async def read(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id; a draft's leads on to the document it became. None where it is gone."""
        key = _parse(bill_id)
        if key.sort is None:
            return await self._follow(bill, key)
        row = await self._client.get(keyed(key.sort.entity_set, key.entry), {"$select": HEADER_FIELDS}, missing_ok=True)
        return None if row is None else ledger_bill_of(row, key.sort)

    async def _follow(self, bill: Bill, key: BillId) -> LedgerBill | None:
        """A draft that waited: still waiting, added under an id of its own, or rejected."""
        row = await self._draft(key)
        if row is None:
            return await self._added(bill, gross=bill.gross)
        sort = sort_of_draft(row) or SORTS[bill.kind]
        drafted = pending_bill_of(row, sort, status=BillStatus.CANCELLED)
        status = draft_status_of(row)
        if status is BillStatus.PENDING:
            return _waiting(row, sort)
        if status is BillStatus.CANCELLED:
            return drafted
        added = await self._added(bill, gross=None if status is BillStatus.POSTED else drafted.gross)
        if added is None and status is BillStatus.POSTED:
            # Made again it could stand twice: the approver may have changed its number.
            raise unexpected(f"draft {key.entry} was added, but no {sort.word} {bill.number} is there")
        return added or drafted

    async def _draft(self, key: BillId) -> Row | None:
        return await self._client.get(keyed("Drafts", key.entry), {"$select": DRAFT_FIELDS}, missing_ok=True)

    async def _added(self, bill: Bill, *, gross: Decimal | None) -> LedgerBill | None:
        """The document a draft became. There was none of that number when the draft was made: it is newer.

        Where nothing but its number tells that it is the one, its sum has to be `gross`.
        """
        sort = SORTS[bill.kind]
        slack = self._settings.tolerance.get(bill.currency, Decimal(0))
        rows = await self._numbered(sort.entity_set, HEADER_FIELDS, [bill])
        there = [ledger_bill_of(row, sort) for row in rows if not is_mirror(row)]
        same = [each for each in there if gross is None or abs((each.gross or Decimal(0)) - gross) <= slack]
        standing = [each for each in same if each.status is BillStatus.POSTED]
        return max(standing or same, key=lambda each: BillId.parse(each.id), default=None)

    # ------------------------------------------------------------------ creating

    async def create(self, bill: Bill) -> LedgerBill:
        """Posts the bill. Waits (`PENDING`) where the company wants it approved first.

        Raises Refused where nothing was left behind, OutcomeUnknown where something may be there.
        """
        known = await self._gather([bill])
        findings = findings_of(bill, known, self._settings)
        plan = plan_of(bill, known.papers)
        if findings or isinstance(plan, tuple):
            raise Refused(system=NAME, findings=findings)
        sort = SORTS[bill.kind]
        body = document_body(respelled(bill, known), plan, self._wording(bill, known))
        try:
            row = await self._create(bill, body)
        except Refused as refusal:
            if refusal.code != NOT_FOUND:
                raise
            return await self._left_waiting(bill, refusal)
        if not row.get("DocEntry"):
            raise OutcomeUnknown(system=NAME, detail=f"the {sort.word} was created, but its key was not told")
        return ledger_bill_of(row, sort)

    async def _create(self, bill: Bill, body: Mapping[str, Any]) -> Row:
        """A session that was lost under the request most likely means that nothing was done: once more after a look."""
        entity_set = SORTS[bill.kind].entity_set
        try:
            return await self._client.create(entity_set, body, about=_about(bill))
        except SessionLost as lost:
            try:
                there = (await self.find([bill]))[bill.key]
            except ConnectorError as unseen:
                raise lost from unseen
            if any(each.status is not BillStatus.CANCELLED for each in there):
                raise
            return await self._client.create(entity_set, body, about=_about(bill))

    def _wording(self, bill: Bill, known: Knowledge) -> Wording:
        return Wording(
            accounts={
                number: known.accounts[number].code
                for line in bill.lines
                if (number := code(line.account)) in known.accounts
            },
            local_currency=known.company.local_currency,
            tax_field=known.company.tax_field,
            branch=int(self._settings.branch) if known.company.has_branches and self._settings.branch else None,
            price_places=known.company.price_places,
        )

    async def _left_waiting(self, bill: Bill, refusal: Refused) -> LedgerBill:
        """-2028 says that something was not found, or that an approval has begun: a draft tells (SAP dossier 7.5)."""
        try:
            found = (await self.find([bill]))[bill.key]
        except (Refused, Unavailable) as unseen:
            detail = f"answered {refusal}, and whether a draft was left could not be seen: {unseen}"
            raise OutcomeUnknown(system=NAME, detail=detail, status=refusal.status) from unseen
        waiting = [each for each in found if each.status is BillStatus.PENDING]
        if not waiting:
            raise refusal
        return max(waiting, key=lambda each: BillId.parse(each.id))

    # ------------------------------------------------------------------ what comes after

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """The bill as it stands: one request wrote it whole."""
        there = await self.read(bill, draft.id)
        if there is None:
            raise OutcomeUnknown(system=NAME, detail=f"{draft.number} is gone")
        return there

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """The bill as it stands: posted already, or still waiting. Raises Refused where it was turned down."""
        there = await self.complete(bill, draft)
        if there.status is BillStatus.CANCELLED:
            finding = Finding(Reason.APPROVAL_REFUSED, draft.number)
            raise Refused(system=NAME, findings=(finding,))
        return there

    async def discard(self, draft: LedgerBill) -> None:
        """Deletes a draft that waits for an approval; one that is gone is fine, a posted bill is refused."""
        key = _parse(draft.id)
        row = await self._draft(key) if key.sort is None else {}
        if row is None:
            return
        if key.sort is not None or draft_status_of(row) is BillStatus.POSTED:
            finding = Finding(Reason.ALREADY_POSTED, draft.number, "only drafts are removed")
            raise Refused(system=NAME, findings=(finding,))
        await self._client.remove(keyed("Drafts", key.entry))


# ------------------------------------------------------------------ pieces


def _waiting(row: Row, sort: Sort) -> LedgerBill:
    return pending_bill_of(row, sort, status=BillStatus.PENDING)


def _file(
    found: Mapping[str, list[LedgerBill]], bills: Iterable[Bill], row: Row, there: LedgerBill | None
) -> None:  # fmt: skip
    """Puts a document to the bills it carries vendor and number of."""
    for bill in bills:
        if there is not None and is_of(row, bill):
            found[bill.key].append(there)


def _filters(bills: Sequence[Bill]) -> Iterator[str]:
    """Filters that together find the bills' vendors and numbers, each short enough for an address."""
    pairs = dict.fromkeys(
        f"(CardCode eq {literal(bill.vendor.strip())} and NumAtCard eq {literal(bill.number.strip())})"
        for bill in bills
        if bill.number.strip() and units(bill.number.strip()) <= NUMBER_LENGTH
    )
    group: list[str] = []
    taken = 0
    for pair in pairs:
        cost = len(quote(f"{pair} or ", safe=""))
        if group and (taken + cost > FILTER_LENGTH or len(group) == OR_TERMS):
            yield " or ".join(group)
            group, taken = [], 0
        group.append(pair)
        taken += cost
    if group:
        yield " or ".join(group)


def _parse(bill_id: str) -> BillId:
    try:
        return BillId.parse(bill_id)
    except ValueError as odd:
        raise unexpected(str(odd)) from odd


def _about(bill: Bill) -> dict[Reason, str]:
    """What a refusal is about where its text does not say."""
    word = SORTS[bill.kind].word
    return {
        Reason.VENDOR_UNKNOWN: bill.vendor,
        Reason.VENDOR_BLOCKED: bill.vendor,
        Reason.CURRENCY_UNKNOWN: bill.currency,
        Reason.RATE_MISSING: f"{bill.currency} on {bill.posting_date.isoformat()}",
        Reason.PERIOD_CLOSED: bill.posting_date.isoformat(),
        Reason.POSSIBLE_DUPLICATE: f"{word} {bill.number} of vendor {bill.vendor}",
        Reason.ORDER_UNKNOWN: ", ".join(sorted(wanted_orders([bill]))),
        Reason.ACCOUNT_UNKNOWN: ", ".join(dict.fromkeys(line.account for line in bill.lines)),
        Reason.ACCOUNT_BLOCKED: ", ".join(dict.fromkeys(line.account for line in bill.lines)),
    }
