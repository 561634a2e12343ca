"""HTTP to one company's Service Layer: reads page by page, single writes; OData 4 and 3 (SAP dossier 2.1, 5).

No business words here. Every method raises `ConnectorError` and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from ml_connector.connectors.errors import OutcomeUnknown, Refused, SessionLost
from ml_connector.connectors.http import Reply
from ml_connector.connectors.odata import address, literal, rows_of
from ml_connector.connectors.sap_business_one.address import Address, text_of
from ml_connector.connectors.sap_business_one.errors import NOT_FOUND, error_of, parse_fault, unexpected
from ml_connector.connectors.sap_business_one.manifest import LIMITS, NAME
from ml_connector.connectors.sap_business_one.session import ServiceLayerHttp, Session, json_of
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.reason import Reason

Row = dict[str, Any]
About = Mapping[Reason, str]

ANY_CASE: Final = {"B1S-CaseInsensitive": "true"}
"""For one read: text is compared without regard to case (SAP dossier 5.3)."""
_WRONG_VERB: Final = 405


class ServiceLayer:
    """Calls to one company with one user."""

    def __init__(self, side: Side, *, guard: Guard | None = None) -> None:
        self.address = Address.of(side)
        self.session = Session(
            self.address,
            username=text_of(side.values, "username"),
            password=side.secrets.get("password", ""),
        )
        self.http = ServiceLayerHttp(self.session, self.address, guard=guard)
        self._call_verb = "GET" if self.address.is_v4 else "POST"

    async def close(self) -> None:
        """Logs out and closes the pooled connections. Never raises."""
        await self.session.close()
        await self.http.close()

    # ------------------------------------------------------------------ reads

    async def get(self, path: str, options: Mapping[str, str] | None = None, *, missing_ok: bool = False) -> Row | None:
        """One object, such as `keyed("PurchaseInvoices", 9120)`; None where it is gone and `missing_ok`."""
        reply = await self._read(address(f"{self.address.root}/{path}", options or {}))
        if missing_ok and reply.status == 404 and parse_fault(404, json_of(reply)).code == NOT_FOUND:
            return None
        return _object(_checked(reply))

    async def pages(
        self, entity_set: str, options: Mapping[str, str] | None = None, *, key: str | None = None,
        size: int | None = None, headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        """The rows of a collection, page by page; an empty collection is one empty page.

        With `key`, the name of its key property (which must be selected), by that key, which stays right while
        rows come and go; without, by the server's next links, which do not (SAP dossier 5.4).
        """
        size = size or LIMITS.page_size
        # Sent with each page: a next link does not carry the size (SAP dossier 5.4).
        asked = {"Prefer": f"odata.maxpagesize={size}", **(headers or {})}
        source = f"{self.address.root}/{entity_set}"
        if key is not None:
            async for rows in self._by_key(source, options or {}, key=key, size=size, headers=asked):
                yield rows
            return
        url: str | None = address(source, options or {})
        while url is not None:
            body = await self._fetch(url, asked)
            link = _next_link(body)
            url = self.address.resolve(link) if link else None
            yield _rows(body, entity_set)

    async def rows(
        self, entity_set: str, options: Mapping[str, str] | None = None, *, key: str | None = None,
        size: int | None = None, headers: Mapping[str, str] | None = None,
    ) -> list[Row]:  # fmt: skip
        """All rows of a collection that is known to be small."""
        pages = self.pages(entity_set, options, key=key, size=size, headers=headers)
        return [row async for page in pages for row in page]

    async def call(self, function: str) -> Row:
        """An unbound function without side effects, such as `CompanyService_GetCompanyInfo`.

        OData 3 knows them as POST only; OData 4 should know GET: POST where it does not (SAP dossier 2.1, U9).
        """
        url = f"{self.address.root}/{function}"
        if self._call_verb == "GET":
            reply = await self._read(url)
            if reply.status != _WRONG_VERB:
                return _object(_checked(reply))
            self._call_verb = "POST"
        reply = self._settled(await self.http.write("POST", url, idempotent=True), writes=False)
        return _object(json_of(reply))

    async def _by_key(
        self, source: str, options: Mapping[str, str], *, key: str, size: int, headers: Mapping[str, str]
    ) -> AsyncIterator[list[Row]]:
        wanted, last = options.get("$filter", ""), None
        while True:
            filters = [f"({wanted})"] if wanted and last is not None else [wanted] if wanted else []
            if last is not None:
                filters.append(f"{key} gt {said(last)}")
            asked = {**options, "$orderby": f"{key} asc", "$top": str(size)}
            if filters:
                asked["$filter"] = " and ".join(filters)
            body = await self._fetch(address(source, asked), headers)
            rows = _rows(body, source)
            yield rows
            # A server that keeps its pages smaller than asked tells so by a next link.
            if not rows or (len(rows) < size and not _next_link(body)):
                return
            last, before = rows[-1].get(key), last
            if last is None or last == before:
                raise unexpected(f"the pages of {source.rsplit('/', 1)[-1]} do not advance by {key}")

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> Row:
        return _object(_checked(await self._read(url, headers)))

    async def _read(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        reply = await self.http.read(url, headers=headers)
        if reply.status == 400 and parse_fault(400, json_of(reply)).speaks_of_session:
            self.session.drop()
            reply = await self.http.read(url, headers=headers)
        return reply

    # ------------------------------------------------------------------ writes

    async def create(self, entity_set: str, body: Mapping[str, Any], *, about: About | None = None) -> Row:
        """Creates one object and returns it whole, as the server stored it.

        Raises Refused (its `code` is the Service Layer's) where nothing was created but, with `-2028`, a draft
        may have been (SAP dossier 7.5); Unavailable where nothing was done; OutcomeUnknown where that is open.
        """
        reply = await self._write("POST", entity_set, body, about=about)
        try:
            return _object(json_of(reply))
        except Refused as odd:
            raise OutcomeUnknown(system=NAME, detail=f"POST {entity_set} answered no object") from odd

    async def act(self, path: str, body: Mapping[str, Any] | None = None, *, about: About | None = None) -> Row | None:
        """A bound or unbound action, such as `PurchaseInvoices(17)/Cancel`; its object where it answers one."""
        answer = json_of(await self._write("POST", path, body, about=about))
        return answer if isinstance(answer, dict) else None

    async def change(self, path: str, body: Mapping[str, Any], *, about: About | None = None) -> None:
        """Sets the properties that are given; the same change once more does no harm."""
        await self._write("PATCH", path, body, about=about, idempotent=True)

    async def remove(self, path: str) -> bool:
        """Deletes one object; False where it was gone. Documents cannot be deleted, drafts can."""
        try:
            await self._write("DELETE", path, None, idempotent=True)
        except Refused as refusal:
            if refusal.status == 404 and refusal.code == NOT_FOUND:
                return False
            raise
        return True

    async def upload(self, path: str, name: str, content: bytes, *, method: str = "POST") -> Row | None:
        """A file as `multipart/form-data`, to `Attachments2` or, with PATCH, to one entry of it (SAP dossier 7.4).

        A file once more under the same name makes another entry: without a clear answer the outcome is unknown.
        """
        boundary = f"b1{secrets.token_hex(16)}"
        reply = await self.http.write(
            method, f"{self.address.root}/{path}", content=multipart(name, content, boundary=boundary), replays=False,
            # Never quoted: a quoted boundary is answered 405 (SAP dossier 7.4).
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )  # fmt: skip
        self._settled(reply)
        answer = json_of(reply)
        return answer if isinstance(answer, dict) else None

    async def _write(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, about: About | None = None,
        idempotent: bool = False,
    ) -> Reply:  # fmt: skip
        url = f"{self.address.root}/{path}"
        reply = await self.http.write(method, url, body=body, idempotent=idempotent, replays=idempotent)
        return self._settled(reply, about, writes=not idempotent)

    def _settled(self, reply: Reply, about: About | None = None, *, writes: bool = True) -> Reply:
        if reply.ok:
            return reply
        body = json_of(reply)
        if parse_fault(reply.status, body).speaks_of_session:
            self.session.drop()
            if writes:
                raise SessionLost(system=NAME, detail=f"answered {reply.status}: {reply.text(200)}")
        raise error_of(reply.status, body, reply.headers, writes=writes, about=about)


def keyed(entity_set: str, key: int | str) -> str:
    """`PurchaseInvoices(9120)` for a number, `BusinessPartners('V100')` for a text (SAP dossier 5.1)."""
    return f"{entity_set}({key})" if isinstance(key, int) else f"{entity_set}({quote(literal(key), safe='')})"


def said(value: object) -> str:
    """A value as a filter says it: texts quoted, numbers not."""
    return str(value) if isinstance(value, int | Decimal) else literal(str(value))


def multipart(name: str, content: bytes, *, boundary: str) -> bytes:
    """One file as the field `files` (SAP dossier 7.4)."""
    safe = name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


def _checked(reply: Reply) -> Any:
    if not reply.ok:
        raise error_of(reply.status, json_of(reply), reply.headers, writes=False)
    return json_of(reply)


def _object(body: Any) -> Row:
    if not isinstance(body, dict):
        raise unexpected("the answer is no object")
    return body


def _rows(body: Row, of: str) -> list[Row]:
    try:
        return rows_of(body)
    except ValueError as odd:
        raise unexpected(f"{of.rsplit('/', 1)[-1]}: {odd}") from odd


def _next_link(body: Row) -> str:
    return str(body.get("@odata.nextLink") or body.get("odata.nextLink") or "")
