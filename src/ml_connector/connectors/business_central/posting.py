"""Writing bills: created as drafts in one request, completed, posted, removed, and found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_connector.connectors.business_central.books import Books
from ml_connector.connectors.business_central.client import BusinessCentralClient, Part, PartReply, keyed
from ml_connector.connectors.business_central.documents import (
    INVOICES,
    SORTS,
    DimensionChange,
    Sort,
    common_dimensions,
    dimension_changes,
    document_body,
    header_changes,
    is_of,
    ledger_bill_of,
    spellings,
    status_of,
    wanted_dimensions,
)
from ml_connector.connectors.business_central.errors import DIMENSION_EXISTS, unexpected
from ml_connector.connectors.business_central.manifest import FILTER_LENGTH, NAME, NUMBER_LENGTH
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.odata import address, any_of, chunks_of_filter, literal
from ml_connector.connectors.texts import code, units
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.reason import Finding, Reason

Row = dict[str, Any]

_POST: Final = "Microsoft.NAV.post"


class Desk:
    """Where bills are written. One document is worked on by one call at a time: the caller sees to that."""

    def __init__(self, client: BusinessCentralClient, books: Books) -> None:
        self._client = client
        self._books = books

    # ------------------------------------------------------------------ finding

    async def find(self, bills: Sequence[Bill]) -> Mapping[str, tuple[LedgerBill, ...]]:
        """The ledger's bills of the same kind, vendor and number; one read covers many bills."""
        found: dict[str, tuple[LedgerBill, ...]] = {}
        for kind in DocumentKind:
            of_kind = [bill for bill in bills if bill.kind is kind]
            rows = await self._rows_numbered(SORTS[kind], of_kind)
            for bill in of_kind:
                found[bill.key] = tuple(ledger_bill_of(row, SORTS[kind]) for row in rows if is_of(row, bill))
        return found

    async def _rows_numbered(self, sort: Sort, bills: Sequence[Bill]) -> list[Row]:
        numbers = sorted({each for bill in bills for each in _findable(bill.number)})
        rows: list[Row] = []
        for group in chunks_of_filter(sort.number, numbers, length=FILTER_LENGTH):
            options = {"$filter": any_of(sort.number, group), "$select": sort.header_fields}
            rows += await self._client.rows(sort.documents, options)
        return list({str(row["id"]): row for row in rows}.values())

    async def read(self, bill: Bill, bill_id: str) -> LedgerBill | None:
        """One bill by its id, None where it is gone."""
        sort = SORTS[bill.kind]
        row = await self._client.get(_one(sort, bill_id), missing_ok=True)
        return None if row is None else ledger_bill_of(row, sort)

    # ------------------------------------------------------------------ creating

    async def create(self, bill: Bill) -> LedgerBill:
        """Creates the draft whole: usually one call, with the re-read that tells its totals.

        Raises Refused where nothing was left behind, OutcomeUnknown where a draft may be there.
        """
        shared = common_dimensions(bill)
        given = await self._vendor_defaults(bill.vendor) if shared else frozenset[str]()
        on_header = {name: value for name, value in shared.items() if name not in given}
        replies = await self._create_with(bill, on_header)
        if _says_dimension_exists(replies[0]) and on_header:
            replies = await self._create_with(bill, {})
        if not replies[0].ok:
            raise replies[0].failure(_about(bill))
        created = _created(replies[0])
        try:
            row = self._own_row(replies, created["id"]) or await self._whole(bill, created["id"])
            return await self._bring_to(bill, row)
        except Unavailable as error:
            raise _left_behind(created, error) from error
        except Refused as error:
            await self._take_back(bill, created, error)
            raise

    async def _create_with(self, bill: Bill, dimensions: Mapping[str, str]) -> list[PartReply]:
        sort = SORTS[bill.kind]
        reread = {
            "$filter": _numbered(bill, sort),
            "$select": sort.header_fields,
            "$expand": _expansion(bill, sort),
        }
        parts = [
            Part("POST", sort.documents, document_body(bill, dimensions=dimensions)),
            Part("GET", address(sort.documents, reread)),
        ]
        replies = await self._client.batch(parts)
        if not replies:
            raise OutcomeUnknown(system=NAME, detail="the batch was answered without its parts")
        return replies

    async def _vendor_defaults(self, vendor: str) -> frozenset[str]:
        facts = (await self._books.vendors.get({code(vendor)}))[code(vendor)]
        return frozenset() if facts is None else facts.defaults

    def _own_row(self, replies: Sequence[PartReply], document_id: str) -> Row | None:
        """Our document in the re-read; there may be others with the same number."""
        if len(replies) < 2 or not replies[1].ok or not isinstance(replies[1].body, dict):
            return None
        rows = replies[1].body.get("value") or ()
        return next((row for row in rows if str(row["id"]).lower() == document_id.lower()), None)

    async def _whole(self, bill: Bill, document_id: str) -> Row:
        sort = SORTS[bill.kind]
        row = await self._client.get(
            address(keyed(sort.documents, document_id), {
                "$select": sort.header_fields, "$expand": _expansion(bill, sort),
            })
        )  # fmt: skip
        if row is None:
            raise unexpected(f"the {sort.kind} {document_id} is gone")
        return row

    async def _take_back(self, bill: Bill, created: Row, error: Refused) -> None:
        """Removes a draft that could not be brought to what the bill says: a refusal leaves nothing."""
        try:
            await self.discard(bill, str(created["id"]))
        except ConnectorError as stays:
            raise _left_behind(created, error) from stays

    # ------------------------------------------------------------------ completing

    async def complete(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Dates and dimensions of a draft of ours that a crash left unfinished."""
        return await self._bring_to(bill, await self._whole(bill, draft.id))

    async def _bring_to(self, bill: Bill, row: Row) -> LedgerBill:
        sort = SORTS[bill.kind]
        if status_of(row) is not BillStatus.DRAFT:
            return ledger_bill_of(row, sort)
        lines = sorted(row.get(sort.lines) or (), key=lambda line: int(line.get("sequence") or 0))
        if len(lines) != len(bill.lines):
            raise unexpected(f"the draft {row.get('number')} has {len(lines)} lines, not {len(bill.lines)}")
        changes = header_changes(bill, row)
        parts = _dimension_parts(bill, row, lines)
        if changes:
            # First: the lines' writes change the header's tag.
            etag = str(row.get("@odata.etag") or "*")
            parts.insert(0, Part("PATCH", keyed(sort.documents, str(row["id"])), changes, if_match=etag))
        if not parts:
            return ledger_bill_of(row, sort)
        await self._apply(bill, parts)
        if not changes:
            # Dimensions change no sum, and each part said that it was done.
            return ledger_bill_of(row, sort)
        return await self._with_dates(bill, str(row["id"]))

    async def _apply(self, bill: Bill, parts: Sequence[Part]) -> None:
        replies = await self._client.batch_all(parts)
        for reply in replies:
            if not reply.ok:
                raise reply.failure(_about(bill))
        if len(replies) < len(parts):
            raise OutcomeUnknown(system=NAME, detail=f"{len(parts) - len(replies)} parts got no answer")

    async def _with_dates(self, bill: Bill, document_id: str) -> LedgerBill:
        row = await self._whole(bill, document_id)
        if changes := header_changes(bill, row):
            raise unexpected(f"the ledger keeps other dates than the bill's: {', '.join(changes)}")
        return ledger_bill_of(row, SORTS[bill.kind])

    # ------------------------------------------------------------------ posting

    async def post(self, bill: Bill, draft: LedgerBill) -> LedgerBill:
        """Posts a draft; one that turns out to be posted already is success too."""
        sort = SORTS[bill.kind]
        replies = await self._client.batch(
            [
                Part("POST", f"{keyed(sort.documents, draft.id)}/{_POST}"),
                Part("GET", _one(sort, draft.id)),
            ]
        )
        if not replies:
            raise OutcomeUnknown(system=NAME, detail="the batch was answered without its parts")
        if replies[0].ok:
            return await self._posted(bill, draft, replies)
        error = replies[0].failure(_about(bill))
        if not isinstance(error, Refused):
            raise error
        return await self._refused_to_post(bill, draft, error)

    async def _posted(self, bill: Bill, draft: LedgerBill, replies: Sequence[PartReply]) -> LedgerBill:
        sort = SORTS[bill.kind]
        if len(replies) > 1 and replies[1].ok and isinstance(replies[1].body, dict):
            after: LedgerBill | None = ledger_bill_of(replies[1].body, sort)
        else:
            try:
                after = await self.read(bill, draft.id)
            except (Unavailable, Refused) as error:
                raise OutcomeUnknown(
                    system=NAME, detail=f"posted {draft.number}, but could not read it: {error}"
                ) from error
        if after is None or after.status in (BillStatus.DRAFT, BillStatus.PENDING):
            raise OutcomeUnknown(system=NAME, detail=f"said that {draft.number} is posted, yet it is not")
        return after

    async def _refused_to_post(self, bill: Bill, draft: LedgerBill, error: Refused) -> LedgerBill:
        """Looks before it believes a refusal: what was posted meanwhile is posted, in any language."""
        if error.status in (401, 403):
            raise error
        after = await self.read(bill, draft.id)
        if after is None:
            raise OutcomeUnknown(system=NAME, detail=f"the draft {draft.number} is gone") from error
        if after.status in (BillStatus.POSTED, BillStatus.PAID, BillStatus.CANCELLED):
            return after
        if error.reason is Reason.REFUSED:
            twins = (await self.find([bill]))[bill.key]
            for twin in twins:
                if twin.id != draft.id and twin.status in (BillStatus.POSTED, BillStatus.PAID):
                    raise _duplicate(bill, error) from error
        raise error

    # ------------------------------------------------------------------ removing

    async def discard(self, bill: Bill, draft_id: str) -> None:
        """Deletes a draft; one that is gone already is fine, one that is posted is refused."""
        sort = SORTS[bill.kind]
        row = await self._client.get(_one(sort, draft_id), missing_ok=True)
        if row is None:
            return
        if status_of(row) is not BillStatus.DRAFT:
            finding = Finding(Reason.ALREADY_POSTED, str(row.get("number")), "only drafts are removed")
            raise Refused(system=NAME, findings=(finding,))
        tag = str(row.get("@odata.etag") or "*")
        part = Part("DELETE", keyed(sort.documents, draft_id), if_match=tag)
        reply = await self._client.write(part, idempotent=True)
        if not reply.ok and reply.status != 404:
            raise reply.failure(_about(bill))


# ------------------------------------------------------------------ pieces


def _one(sort: Sort, document_id: str) -> str:
    return address(keyed(sort.documents, document_id), {"$select": sort.header_fields})


def _expansion(bill: Bill, sort: Sort) -> str:
    """The lines; with their dimensions, and the header's, where the bill has any to compare."""
    if any(wanted_dimensions(line) for line in bill.lines):
        return f"dimensionSetLines,{sort.lines}($expand=dimensionSetLines)"
    return sort.lines


def _dimension_parts(bill: Bill, row: Row, lines: Sequence[Row]) -> list[Part]:
    """What brings the dimensions of the header and of each line to what the bill says.

    Header dimensions written now do not reach lines that exist (BC dossier 8.5.5): both are written.
    """
    sort = SORTS[bill.kind]
    parts: list[Part] = []
    if "dimensionSetLines" in row:
        changes = dimension_changes(common_dimensions(bill), row["dimensionSetLines"] or ())
        parts += [_dimension_part(keyed(sort.documents, str(row["id"])), change) for change in changes]
    for wanted, line in zip(bill.lines, lines, strict=True):
        changes = dimension_changes(wanted_dimensions(wanted), line.get("dimensionSetLines") or ())
        parts += [_dimension_part(keyed(sort.lines, str(line["id"])), change) for change in changes]
    return parts


def _dimension_part(parent: str, change: DimensionChange) -> Part:
    if change.id is None:
        body = {"code": change.code, "valueCode": change.value}
        return Part("POST", f"{parent}/dimensionSetLines", body)
    path = f"{parent}/{keyed('dimensionSetLines', change.id)}"
    return Part("PATCH", path, {"valueCode": change.value}, if_match="*")


def _numbered(bill: Bill, sort: Sort) -> str:
    """The filter that finds a document just created; where its number may be stored in two spellings the
    vendor is left out, since `or` goes with no other property (BC dossier 4.1)."""
    number, *others = spellings(bill.number)
    if others:
        return any_of(sort.number, (number, *others))
    return f"vendorNumber eq {literal(code(bill.vendor))} and {sort.number} eq {literal(number)}"


def _findable(number: str) -> tuple[str, ...]:
    return tuple(each for each in spellings(number) if each and units(each) <= NUMBER_LENGTH)


def _says_dimension_exists(reply: PartReply) -> bool:
    if reply.ok or reply.error is not None or reply.status != 400:
        return False
    words = str(reply.failure()).lower()
    return DIMENSION_EXISTS in words


def _created(reply: PartReply) -> Row:
    if not isinstance(reply.body, dict) or not reply.body.get("id"):
        raise OutcomeUnknown(system=NAME, detail="a document was created, but its id was not told")
    return reply.body


def _left_behind(created: Row, error: ConnectorError) -> OutcomeUnknown:
    detail = f"the draft {created.get('number')} was created but is not complete: {error}"
    return OutcomeUnknown(system=NAME, detail=detail, status=error.status, request_id=error.request_id)


def _about(bill: Bill) -> dict[Reason, str]:
    """What a refusal is about where its text does not say."""
    return {
        Reason.VENDOR_UNKNOWN: bill.vendor,
        Reason.VENDOR_BLOCKED: bill.vendor,
        Reason.CURRENCY_UNKNOWN: bill.currency,
        Reason.RATE_MISSING: f"{bill.currency} on {bill.posting_date.isoformat()}",
        Reason.PERIOD_CLOSED: bill.posting_date.isoformat(),
        Reason.POSSIBLE_DUPLICATE: _titled(bill),
        Reason.ALREADY_POSTED: bill.number,
        Reason.AWAITS_APPROVAL: bill.number,
        Reason.CODING_MISSING: "nothing to post",
        Reason.ACCOUNT_UNKNOWN: ", ".join(dict.fromkeys(line.account for line in bill.lines)),
    }


def _titled(bill: Bill) -> str:
    word = "invoice" if SORTS[bill.kind] is INVOICES else "credit memo"
    return f"{word} {bill.number} of vendor {bill.vendor}"


def _duplicate(bill: Bill, error: Refused) -> Refused:
    words = error.findings[0].vendor_text
    finding = Finding(Reason.POSSIBLE_DUPLICATE, _titled(bill), words)
    return Refused(system=NAME, findings=(finding,), status=error.status, code=error.code, request_id=error.request_id)
