"""Import calls: a batch goes out, what is refused by name is set aside, and the rest goes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ml_connector.connectors.basware.client import BaswareClient
from ml_connector.connectors.basware.errors import Complaint, complaints, error_of, request_id_of
from ml_connector.connectors.basware.imports import path_of
from ml_connector.connectors.http import Reply
from ml_connector.connectors.import_items import ImportItem, ImportReceipt
from ml_connector.records.reason import Reason

SEPARATOR: Final = ","
"""Joins request ids where a batch had to be split: Basware's own ids have none."""
_ROUNDS: Final = 4


class Sending:
    """One `send`: collects the request ids and the refused records of as many calls as it takes."""

    def __init__(self, client: BaswareClient, *, resource: str) -> None:
        self._client = client
        self._path = path_of(resource)
        self._request_ids: list[str] = []
        self._refused: dict[str, str] = {}

    def receipt(self) -> ImportReceipt:
        """What came of it."""
        return ImportReceipt(request_id=SEPARATOR.join(self._request_ids) or None, refused=dict(self._refused))

    async def send(self, items: Sequence[ImportItem], *, rounds: int = 0) -> None:
        """Sends until every item is taken or refused. An upsert may be repeated without harm.

        Raises ConnectorError where the refusal is about the call and not about a record.
        """
        if not items:
            return
        content = f"[{','.join(item.text for item in items)}]".encode()
        reply = await self._client.post(self._path, content=content, idempotent=True)
        if reply.ok:
            self._request_ids += filter(None, [request_id_of(reply)])
            return
        named = self._named(reply, items)
        self._refused |= named
        rest = [item for item in items if item.code not in named]
        if named and rounds < _ROUNDS:
            await self.send(rest, rounds=rounds + 1)
        elif len(rest) > 1 and (named or _is_about_records(reply)):
            middle = len(rest) // 2
            await self.send(rest[:middle], rounds=_ROUNDS)
            await self.send(rest[middle:], rounds=_ROUNDS)
        elif rest and named:
            await self.send(rest, rounds=_ROUNDS)
        elif rest:
            self._refuse_last(reply, rest[0])

    def _named(self, reply: Reply, items: Sequence[ImportItem]) -> dict[str, str]:
        """Records that a refusal names, with its words (dossier 1.9, U7, U8)."""
        if reply.status not in (400, 409, 422):
            return {}
        codes = {item.code for item in items}
        named: dict[str, list[str]] = {}
        for complaint in complaints(reply):
            if complaint.external_code in codes:
                named.setdefault(complaint.external_code, []).append(_words(complaint))
        return {code: "; ".join(dict.fromkeys(words)) for code, words in named.items()}

    def _refuse_last(self, reply: Reply, item: ImportItem) -> None:
        """A refusal of a single record is about that record, named or not."""
        error = error_of(reply, attempted=Reason.RECORD_REFUSED)
        if error.reason is not Reason.RECORD_REFUSED:
            raise error
        self._refused[item.code] = (
            "; ".join(map(_words, complaints(reply))) or f"{reply.status} {reply.text(300)}".strip()
        )


def _is_about_records(reply: Reply) -> bool:
    """True where halving the batch can help: too large, or a record not named."""
    return error_of(reply, attempted=Reason.RECORD_REFUSED).reason is Reason.RECORD_REFUSED


def _words(complaint: Complaint) -> str:
    return complaint.message or complaint.code
