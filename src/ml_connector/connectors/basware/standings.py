"""What became of invoices that were handed in: accounting documents by their bumid, and the network's refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

from ml_connector.connectors.base import Page
from ml_connector.connectors.basware.client import BaswareClient
from ml_connector.connectors.basware.codes import document_id, fingerprint
from ml_connector.connectors.basware.documents import MEMBER, PATH
from ml_connector.connectors.basware.mapping import parse_date, parse_moment, stamp
from ml_connector.records.supplier_invoice import Standing, StandingStage

OVERLAP: Final = timedelta(minutes=1)
"""Read again each time: a change may show up a little after its stamp."""
MOST_TOLD: Final = 300
"""Documents that a mark names at most."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

STAGES: Final[Mapping[str, StandingStage]] = {
    **dict.fromkeys(
        ("WaitingForTransfer", "TransferInProgress", "Transferred", "TransferFailed", "Completed"),
        StandingStage.APPROVED,
    ),
    "Paid": StandingStage.PAID,
    "Removed": StandingStage.REMOVED,
    "Returned": StandingStage.REMOVED,
}
"""By processing status (Basware dossier 3.3). Every other one says only that the document is there."""

REFUSALS: Final[Mapping[str, str]] = {
    "TechnicalReject": "the network could not deliver it",
    "BusinessReject": "the receiver rejected it",
}
"""The network's response codes that turn an invoice away (dossier 9.2). The others tell nothing that counts."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far was read: the newest document's stamp; in the mailbox the last page, how much of it, and what stood last.

    `told` are the documents around that stamp: read again, they would say what was said. A mailbox may be cleared by
    others: where what stood last is not there any more, all of it is read once more.
    """

    documents: str = ""
    told: tuple[str, ...] = ()
    page: int = 1
    seen: int = 0
    last: str = ""

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([self.documents, self.told, self.page, self.seen, self.last])


def parse_mark(text: str | None) -> Mark:
    """The mark as it was kept, the beginning where there is none."""
    if text is None:
        return Mark()
    documents, told, page, seen, last = json.loads(text)
    return Mark(documents=str(documents), told=tuple(told), page=int(page), seen=int(seen), last=str(last))


Mailbox = Callable[[int], Awaitable[Sequence[Mapping[str, Any]]]]
"""Reads one page of the network's notifications."""


class Standings:
    """Reads the standings of one company's documents, and of its mailbox where the route has one."""

    def __init__(
        self, client: BaswareClient, *, company: str, page_size: int, mailbox: Mailbox | None, mailbox_page: int
    ) -> None:
        self._client = client
        self._company = company
        self._page_size = page_size
        self._mailbox = mailbox
        self._mailbox_page = mailbox_page

    async def changed(self, since: str | None) -> AsyncIterator[Page[Standing]]:
        """Standings that changed since the mark.

        Pages of documents come in no promised order (U5): the mark moves with the last of them only.
        """
        mark = start = parse_mark(since)
        newest = parse_moment(start.documents)
        after = None if newest is None else _begin_before(newest)
        told: dict[str, datetime] = {}
        async for listed in self._documents(after):
            fresh = [each for each in listed if _version(each) not in start.told]
            yield Page(records=tuple(standing for each in fresh if (standing := document_standing(each))))
            told |= {_version(each): at for each in listed if (at := parse_moment(each.get("lastUpdated")))}
            newest = max((newest, *told.values()), key=_or_never)
            told = {version: at for version, at in told.items() if newest and at >= _begin_before(newest)}
        if newest is not None:
            # Where there are more they are rather told again: the mark has to stay small.
            kept = tuple(sorted(told)) if len(told) <= MOST_TOLD else ()
            mark = replace(mark, documents=newest.isoformat(), told=kept)
        found, mark = await self._refused(mark)
        if found or mark != start:
            yield Page(records=found, mark=mark.text())

    async def find(self, bum_id: str, *, since: datetime) -> bool:
        """Whether a document of that bumid changed since then."""
        async for listed in self._documents(since - OVERLAP):
            if any(document_id(_text(each, "bumid")) == bum_id for each in listed):
                return True
        return False

    async def _documents(self, after: datetime | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        params = {"companyCode": self._company, "pageSize": str(self._page_size)}
        if after is not None:
            params["lastUpdated"] = stamp(after)
        async for page in self._client.pages(PATH, MEMBER, params=params):
            yield page

    async def _refused(self, mark: Mark) -> tuple[tuple[Standing, ...], Mark]:
        """Refusals in the mailbox beyond the mark. It is read on from the page where it ended."""
        if self._mailbox is None:
            return (), mark
        listed = await self._mailbox(mark.page)
        if mark.seen and (len(listed) < mark.seen or _identity(listed[mark.seen - 1]) != mark.last):
            mark = replace(mark, page=1, seen=0, last="")
            listed = await self._mailbox(mark.page)
        found: list[Standing] = []
        while listed:
            found += [standing for each in listed[mark.seen :] if (standing := refusal_standing(each))]
            mark = replace(mark, seen=len(listed), last=_identity(listed[-1]))
            following = await self._mailbox(mark.page + 1) if len(listed) >= self._mailbox_page else ()
            if not following:  # a full page stays the one to go on from
                break
            mark, listed = replace(mark, page=mark.page + 1, seen=0), following
        return tuple(found), mark


def _identity(notification: Mapping[str, Any]) -> str:
    return "/".join(_text(notification, name) for name in ("id", "resourceId", "responseCode", "notificationCreated"))


def _begin_before(newest: datetime) -> datetime:
    """Where the read after this stamp begins: in whole seconds, which is all that can be asked for."""
    return (newest - OVERLAP).replace(microsecond=0)


def _or_never(moment: datetime | None) -> datetime:
    return moment or _NEVER


def _version(document: Mapping[str, Any]) -> str:
    return fingerprint(*(_text(document, name) for name in ("invoiceId", "lastUpdated", "processingStatus")))


def document_standing(document: Mapping[str, Any]) -> Standing | None:
    """Where an accounting document stands; None for one that nobody handed in."""
    bum_id = _text(document, "bumid")
    if not bum_id:
        return None
    status = _text(document, "processingStatus")
    stage = STAGES.get(status, StandingStage.ENTERED)
    told: Any = document.get("disputeInfo")
    dispute = cast("Mapping[str, Any]", told) if isinstance(told, dict) else {}
    if dispute.get("isDisputed") is True and stage in (StandingStage.ENTERED, StandingStage.APPROVED):
        stage = StandingStage.DISPUTED
    paid = _last_payment(document)
    return Standing(
        id=document_id(bum_id),
        stage=stage,
        status=status,
        message=_message(document, stage, dispute),
        document_id=_text(document, "invoiceId"),
        paid_total=_decimal(paid.get("paidTotal")),
        paid_on=parse_date(paid.get("paymentDate")),
        at=parse_moment(document.get("lastUpdated")),
    )


def refusal_standing(notification: Mapping[str, Any]) -> Standing | None:
    """A notification that tells of a refusal; None for any other."""
    code = _text(notification, "responseCode")
    # v2 says resourceId, v1.1 said bumid (dossier 9.2).
    bum_id = _text(notification, "resourceId") or _text(notification, "bumid")
    if code not in REFUSALS or not bum_id:
        return None
    action = _text(notification, "actionCode")
    return Standing(
        id=document_id(bum_id),
        stage=StandingStage.REFUSED,
        status=" ".join(filter(None, (code, action))),
        message=REFUSALS[code],
        at=parse_moment(notification.get("notificationCreated")),
    )


def _message(document: Mapping[str, Any], stage: StandingStage, dispute: Mapping[str, Any]) -> str:
    match stage:
        case StandingStage.REMOVED:
            words = (_text(document, "removalReason"), _text(document, "removalReasonComment"))
        case StandingStage.DISPUTED:
            words = (_text(dispute, "disputeReason"),)
        case StandingStage.PAID:
            words = (_text(_last_payment(document), "responseMessage"),)
        case _:
            words = (_text(_last(document, "transferResponses"), "responseMessage"),)
    return ": ".join(filter(None, words))


def _last_payment(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest payment that counted: each carries the whole picture (dossier 3.11)."""
    return next((each for each in reversed(_responses(document, "paymentResponses")) if each.get("success")), {})


def _last(document: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    return next(iter(reversed(_responses(document, member))), {})


def _responses(document: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    listed: Any = document.get(member)
    if not isinstance(listed, list):
        return []
    return [cast("Mapping[str, Any]", each) for each in cast("list[Any]", listed) if isinstance(each, dict)]


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _decimal(value: object) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
