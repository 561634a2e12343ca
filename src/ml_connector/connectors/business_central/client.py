"""HTTP to one company of Business Central: reads page by page, single writes, and `$batch`.

No business words here. Every method raises `ConnectorError` and nothing else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ml_connector.connectors.business_central.auth import EntraTokens
from ml_connector.connectors.business_central.errors import (
    REQUEST_ID_HEADERS,
    error_of,
    parse_fault,
    unexpected,
)
from ml_connector.connectors.business_central.manifest import (
    BATCH_PARTS,
    LIMITS,
    NAME,
    PUBLIC_ADDRESS,
    PUBLIC_TOKEN_ADDRESS,
)
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.connectors.http import HttpClient, Reply
from ml_connector.connectors.odata import address, literal, next_link, rows_of
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.reason import Finding, Reason

GUID: Final = re.compile(r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_ENVIRONMENT: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,28}$")
_ENGLISH: Final = {"Accept-Language": "en-US"}
_NO_BATCH: Final = frozenset({404, 405, 501})
_MISSING_ROUTES: Final = frozenset({"BadRequest_NotFound", "BadRequest_ResourceNotFound"})
_ROUTE_WAIT: Final = 1.0
"""Seconds before a missing route is asked for again: after upgrades they come late (BC dossier 16.26)."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a `$batch`. `path` is relative to the company, with its query."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    if_match: str | None = None

    @property
    def writes(self) -> bool:
        """True where it changes something."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class PartReply:
    """What became of one part."""

    part: Part
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    error: ConnectorError | None = None
    """Set where a part sent singly got no clear answer."""

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return self.error is None and 200 <= self.status < 300

    def failure(self, about: Mapping[Reason, str] | None = None) -> ConnectorError:
        """The error of a part that is not ok."""
        if self.error is not None:
            return self.error
        return error_of(self.status, self.body, self.headers, writes=self.part.writes, about=about)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a company is found."""

    base: str
    token_url: str
    company_id: str
    company_name: str

    @classmethod
    def of(cls, side: Side) -> Address:
        """From the settings of a connection. Raises Refused (address wrong) where they cannot be right."""
        values = side.values
        tenant = _text(values, "tenant_id")
        environment = _text(values, "environment") or "Production"
        if not _ENVIRONMENT.match(environment):
            raise _wrong_address(f"{environment!r} cannot be the name of an environment")
        company_id, company_name = _text(values, "company_id"), _text(values, "company_name")
        if company_id and not GUID.match(company_id):
            raise _wrong_address(f"company_id {company_id!r} is not an id; a name goes into company_name")
        base = (_text(values, "base_url") or PUBLIC_ADDRESS).rstrip("/")
        if not urlsplit(base).path.endswith("/api/v2.0"):
            base = f"{base}/v2.0/{quote(tenant, safe='')}/{environment}/api/v2.0"
        token_url = (_text(values, "token_url") or PUBLIC_TOKEN_ADDRESS).replace("{tenant}", tenant)
        return cls(base=base, token_url=token_url, company_id=company_id.lower(), company_name=company_name)

    @property
    def sibling(self) -> str:
        """The address below which other API groups of Microsoft are found."""
        return self.base.removesuffix("/v2.0")


class BusinessCentralClient:
    """Calls to one company with one app registration."""

    def __init__(self, side: Side, *, guard: Guard | None = None) -> None:
        self.address = Address.of(side)
        self.tokens = EntraTokens(
            url=self.address.token_url,
            client_id=_text(side.values, "client_id"),
            client_secret=side.secrets.get("client_secret", ""),
        )
        self.http = HttpClient(
            system=NAME,
            limits=LIMITS,
            authorizer=self.tokens.authorizer,
            headers={"Accept": "application/json", **_ENGLISH},
            request_id_headers=REQUEST_ID_HEADERS,
            guard=guard,
        )
        self._company = self.address.company_id
        self._company_lock = asyncio.Lock()
        self._batches = True

    async def close(self) -> None:
        """Closes the pooled connections."""
        await self.http.close()
        await self.tokens.close()

    # ------------------------------------------------------------------ the company

    async def companies(self) -> list[Row]:
        """The companies of the environment."""
        return rows_of(await self._fetch(f"{self.address.base}/companies"))

    async def company_path(self) -> str:
        """`companies(id)`; the id is looked up once where only the name is set."""
        if not self._company:
            async with self._company_lock:
                if not self._company:
                    self._company = str(self.pick(await self.companies())["id"])
        return f"companies({self._company})"

    def pick(self, companies: Sequence[Row]) -> Row:
        """The company the settings mean. Raises Refused (address wrong) where it is not among them."""
        wanted_id, wanted = self.address.company_id, self.address.company_name
        for row in companies:
            if (wanted_id and str(row["id"]).lower() == wanted_id) or (
                not wanted_id and wanted and wanted in (row.get("name"), row.get("displayName"))
            ):
                return row
        names = ", ".join(f"{row.get('name')} ({row['id']})" for row in companies) or "none"
        raise _wrong_address(f"there is no company {wanted_id or wanted or '(none set)'}; there are: {names}")

    # ------------------------------------------------------------------ reads

    async def get(self, path: str, *, missing_ok: bool = False) -> Row | None:
        """One object below the company; None where it is gone and `missing_ok`."""
        url = f"{self.address.base}/{await self.company_path()}/{path}"
        reply = await self.http.read(url)
        if missing_ok and reply.status == 404 and parse_fault(404, body_of(reply), {}).code not in (
            _MISSING_ROUTES | {"Internal_CompanyNotFound"}
        ):  # fmt: skip
            return None
        return _object(self._checked(reply))

    async def content(self, path: str, *, missing_ok: bool = False) -> bytes:
        """The raw bytes of a stream; none where there is no such stream yet and `missing_ok`."""
        reply = await self.http.read(
            f"{self.address.base}/{await self.company_path()}/{path}", headers={"Accept": "*/*"}
        )
        if missing_ok and reply.status == 404:
            return b""
        if not reply.ok:
            raise error_of(reply.status, body_of(reply), reply.headers, writes=False)
        return reply.body

    async def pages(
        self, path: str, options: Mapping[str, str], *, size: int | None = None, group: str | None = None
    ) -> AsyncIterator[list[Row]]:
        """The rows of a collection below the company, page by page until no link follows.

        `group` is another API group of Microsoft (`microsoft/reportsFinance/beta`) instead of API v2.0.
        """
        root = self.address.base if group is None else f"{self.address.sibling}/{group}"
        url: str | None = address(f"{root}/{await self.company_path()}/{path}", options)
        prefer = {"Prefer": f"odata.maxpagesize={size}"} if size else {}
        while url is not None:
            body = await self._fetch(url, headers=prefer, patient=group is None)
            try:
                rows, url = rows_of(body), next_link(body, within=self.address.base)
            except ValueError as odd:
                raise unexpected(f"{path}: {odd}") from odd
            yield rows

    async def rows(self, path: str, options: Mapping[str, str], *, size: int | None = None) -> list[Row]:
        """All rows of a collection that is known to be small."""
        return [row async for page in self.pages(path, options, size=size) for row in page]

    async def _fetch(self, url: str, *, headers: Mapping[str, str] | None = None, patient: bool = True) -> Row:
        reply = await self.http.read(url, headers=headers)
        if reply.status == 404 and patient and _route_is_missing(reply):
            await asyncio.sleep(_ROUTE_WAIT)
            reply = await self.http.read(url, headers=headers)
        return _object(self._checked(reply))

    def _checked(self, reply: Reply) -> Any:
        if not reply.ok:
            raise error_of(reply.status, body_of(reply), reply.headers, writes=False)
        try:
            return reply.json()
        except ValueError as odd:
            raise unexpected(f"answered {reply.status} with something that is no JSON") from odd

    # ------------------------------------------------------------------ writes

    async def write(self, part: Part, *, content: bytes | None = None, idempotent: bool = False) -> PartReply:
        """One call of its own. Raises Unavailable or OutcomeUnknown; any other answer is returned."""
        headers = {"If-Match": part.if_match} if part.if_match else {}
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
        reply = await self.http.write(
            part.method, f"{self.address.base}/{await self.company_path()}/{part.path}",
            body=part.body, content=content, headers=headers, idempotent=idempotent,
        )  # fmt: skip
        return PartReply(part=part, status=reply.status, headers=reply.headers, body=body_of(reply))

    async def environment_rows(self, path: str) -> list[Row]:
        """All rows of a collection that belongs to the environment, not to one company."""
        rows: list[Row] = []
        url: str | None = f"{self.address.base}/{path}"
        while url is not None:
            body = await self._fetch(url)
            try:
                rows += rows_of(body)
                url = next_link(body, within=self.address.base)
            except ValueError as odd:
                raise unexpected(f"{path}: {odd}") from odd
        return rows

    async def environment_write(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, if_match: str | None = None
    ) -> Row | None:
        """A write to such a collection; None where the answer has no body, or a deleted row was gone."""
        reply = await self.http.write(
            method, f"{self.address.base}/{path}", body=body, headers={"If-Match": if_match} if if_match else {},
        )  # fmt: skip
        if method == "DELETE" and reply.status == 404:
            return None
        answer = body_of(reply)
        if not reply.ok:
            raise error_of(reply.status, answer, reply.headers, writes=True)
        return answer if isinstance(answer, dict) else None

    async def batch(self, parts: Sequence[Part]) -> list[PartReply]:
        """Calls made in one request, in order, up to the first that fails; what went before it stands.

        At most BATCH_PARTS. Where the server has no `$batch` the calls are made one by one.
        Raises Unavailable where nothing at all was done, OutcomeUnknown where that cannot be said.
        """
        if not self._batches:
            return await self._one_by_one(parts)
        company = await self.company_path()
        requests = [_request_of(number, part, company) for number, part in enumerate(parts, start=1)]
        reply = await self.http.write(
            "POST", f"{self.address.base}/$batch", body={"requests": requests},
            idempotent=not any(part.writes for part in parts),
        )  # fmt: skip
        if reply.status in _NO_BATCH:
            self._batches = False
            return await self._one_by_one(parts)
        body = body_of(reply)
        if not reply.ok:
            raise error_of(reply.status, body, reply.headers, writes=True)
        responses = body.get("responses") if isinstance(body, dict) else None
        if not isinstance(responses, list):
            raise error_of(502, body, reply.headers, writes=any(part.writes for part in parts))
        answers = sorted((each for each in responses if isinstance(each, dict)), key=_number_of)
        return [_part_reply(part, answer) for part, answer in zip(parts, answers, strict=False)]

    async def batch_all(self, parts: Sequence[Part]) -> list[PartReply]:
        """Any number of parts, in as many batches as it takes; ends after the first failing one."""
        replies: list[PartReply] = []
        for start in range(0, len(parts), BATCH_PARTS):
            replies += await self.batch(parts[start : start + BATCH_PARTS])
            if len(replies) < min(start + BATCH_PARTS, len(parts)) or not replies[-1].ok:
                break
        return replies

    async def _one_by_one(self, parts: Sequence[Part]) -> list[PartReply]:
        replies: list[PartReply] = []
        for part in parts:
            replies.append(await self._single(part, is_first=not replies))
            if not replies[-1].ok:
                break
        return replies

    async def _single(self, part: Part, *, is_first: bool) -> PartReply:
        try:
            if part.writes:
                return await self.write(part)
            reply = await self.http.read(f"{self.address.base}/{await self.company_path()}/{part.path}")
        except ConnectorError as error:
            if is_first:
                raise
            # What went before stands: that this part failed must not read as if nothing was done.
            return PartReply(part=part, status=error.status or 0, error=error)
        return PartReply(part=part, status=reply.status, headers=reply.headers, body=body_of(reply))


def _request_of(number: int, part: Part, company: str) -> dict[str, Any]:
    headers = {"Accept": "application/json", **_ENGLISH}
    request: dict[str, Any] = {
        "id": str(number), "method": part.method, "url": f"{company}/{part.path}", "headers": headers,
    }  # fmt: skip
    if part.if_match:
        headers["If-Match"] = part.if_match
    if part.body is not None:
        headers["Content-Type"] = "application/json"
        request["body"] = part.body
    return request


def _number_of(answer: Row) -> int:
    number = str(answer.get("id"))
    return int(number) if number.isdigit() else 0


def _part_reply(part: Part, answer: Row) -> PartReply:
    headers = answer.get("headers")
    return PartReply(
        part=part,
        status=int(answer.get("status") or 0),
        headers={str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {},
        body=answer.get("body"),
    )


def body_of(reply: Reply) -> Any:
    """The body as JSON, or as text where it is none."""
    try:
        return reply.json() if reply.body else None
    except ValueError:
        return reply.text()


def _object(body: Any) -> Row:
    if not isinstance(body, dict):
        raise unexpected("the answer is no object")
    return body


def _route_is_missing(reply: Reply) -> bool:
    return parse_fault(404, body_of(reply), {}).code in _MISSING_ROUTES


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _wrong_address(detail: str) -> Refused:
    return Refused(system=NAME, findings=(Finding(Reason.ADDRESS_WRONG, NAME, detail),))


def keyed(entity: str, key: str) -> str:
    """`entity(key)`, or `entity('key')` where the key is no GUID."""
    return f"{entity}({key if GUID.match(key) else quote(literal(key), safe='')})"
