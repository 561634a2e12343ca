"""The calls by which an invoice enters the Basware Network (Basware dossier 9.2)."""

from __future__ import annotations

import base64
import mimetypes
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

from ml_connector.connectors.basware.errors import SYSTEM, error_of, is_web_page, refused
from ml_connector.connectors.basware.network import FILES_PATH, INVOICES_PATH, NOTIFICATIONS_PATH, file_name
from ml_connector.connectors.errors import OutcomeUnknown
from ml_connector.connectors.http import HttpClient, Reply
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import InvoiceFile

NETWORK: Final = "Basware Network"
TRACE: Final = "X-BW-REQUEST-ID"
NOTHING_ENTERED: Final = frozenset({400, 401, 403, 404, 405, 406, 411, 413, 415, 422})
"""Answers that turn an invoice away. Any other that is no success leaves it open whether it is there."""
FIRST_PAGE: Final = 1
PAGE_SIZE: Final = 100
_MEMBER: Final = "notifications"
"""UNCONFIRMED: pages count from 1, the list stands under this name or bare, the oldest come first."""


class Entrance:
    """HTTP at one address of the network, signed in by HTTP Basic."""

    def __init__(self, *, http: HttpClient, base: Callable[[], Awaitable[str]], username: str, password: str) -> None:
        self._http = http
        self._base = base
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}"}

    async def put_file(self, file: InvoiceFile) -> str:
        """Stores a file and gives the id to refer to it by. One that is never referred to is nothing."""
        name = file_name(file.name)
        reply = await self._http.write(
            "POST",
            await self._base() + FILES_PATH,
            content=file.content,
            headers=self._signed(
                {
                    "Content-Type": mimetypes.guess_type(name)[0] or "application/octet-stream",
                    "Content-Disposition": f'attachment; filename="{name}"',
                }
            ),
            authorized=False,
            idempotent=True,
        )
        if not reply.ok:
            raise error_of(reply, attempted=Reason.RECORD_REFUSED, subject=file.name)
        ref = _object(reply).get("refId")
        if not isinstance(ref, str) or not ref:
            raise refused(Reason.UNEXPECTED, NETWORK, f"a file was taken without a refId: {reply.text(200)}")
        return ref

    async def send(self, document_id: str, body: Mapping[str, Any], *, subject: str) -> None:
        """Sends the invoice once. Raises Refused where it did not enter, OutcomeUnknown where it may have."""
        reply = await self._http.write(
            "POST",
            f"{await self._base()}{INVOICES_PATH}/{document_id}",
            body=body,
            headers=self._signed({}),
            authorized=False,
        )
        if reply.ok and not is_web_page(reply):
            return
        error = error_of(reply, attempted=Reason.RECORD_REFUSED, subject=subject)
        if reply.status in NOTHING_ENTERED:
            raise error
        # 409 above all: the id is known there under another token, so something is there.
        said = error.findings[0].vendor_text
        raise OutcomeUnknown(system=SYSTEM, detail=said, status=reply.status, request_id=error.request_id)

    async def knows(self, document_id: str) -> bool:
        """Whether an invoice of that id is there."""
        reply = await self._read(f"{INVOICES_PATH}/{document_id}", {})
        if reply.ok:
            # Somebody's page in between knows nothing of it; an answer without a body is one (dossier 9.2).
            if reply.body.strip() and not isinstance(_json(reply), dict):
                raise refused(Reason.UNEXPECTED, NETWORK, f"no invoice in the answer: {reply.text(200)}")
            return True
        if reply.status == 404:
            return False
        raise error_of(reply)

    async def notifications(self, page: int, *, size: int = PAGE_SIZE) -> Sequence[Mapping[str, Any]]:
        """One page of the mailbox."""
        reply = await self._read(NOTIFICATIONS_PATH, {"page": str(page), "pageSize": str(size)})
        if reply.status == 404:
            return ()
        if not reply.ok:
            raise error_of(reply)
        body = _json(reply)
        listed: Any = cast("Mapping[str, Any]", body).get(_MEMBER) if isinstance(body, dict) else body
        if not isinstance(listed, list):
            raise refused(Reason.UNEXPECTED, NETWORK, f"no list of notifications: {reply.text(200)}")
        return [cast("Mapping[str, Any]", each) for each in cast("list[Any]", listed) if isinstance(each, dict)]

    async def _read(self, path: str, params: Mapping[str, str]) -> Reply:
        return await self._http.read(
            await self._base() + path, params=params, headers=self._signed({}), authorized=False, follow=False
        )

    def _signed(self, headers: Mapping[str, str]) -> dict[str, str]:
        # Their support finds a call by this id; nothing else depends on it.
        return {**self._headers, TRACE: str(uuid.uuid4()), **headers}


def _object(reply: Reply) -> Mapping[str, Any]:
    body = _json(reply)
    return cast("Mapping[str, Any]", body) if isinstance(body, dict) else {}


def _json(reply: Reply) -> Any:
    try:
        return reply.json()
    except ValueError as error:
        raise refused(Reason.UNEXPECTED, NETWORK, f"no JSON in the answer: {reply.text(200)}") from error
