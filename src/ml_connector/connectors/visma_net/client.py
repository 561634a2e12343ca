"""HTTP to one company of Visma.net: lists page by page, single records, and the one write there is.

No business words here. Every method raises `ConnectorError` and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ml_connector.connectors.errors import ConnectorError, Unavailable
from ml_connector.connectors.http import MAX_WAIT, HttpClient, Reply
from ml_connector.connectors.side import Guard, Side
from ml_connector.connectors.visma_net.allowance import Allowance
from ml_connector.connectors.visma_net.auth import ConnectTokens
from ml_connector.connectors.visma_net.errors import (
    CUSTOMER_TENANT,
    REQUEST_ID_HEADERS,
    error_of,
    is_web_page,
    later,
    unexpected,
    wrong_setting,
)
from ml_connector.connectors.visma_net.manifest import (
    APPLICATION_TYPE,
    LIMITS,
    NAME,
    NOTES,
    OLD_HOST,
    OLD_ROOT,
    PUBLIC_ADDRESS,
    PUBLIC_TOKEN_ADDRESS,
    READ_SCOPE,
    UPDATE_SCOPE,
)
from ml_connector.connectors.visma_net.values import Row
from ml_connector.records.reason import Finding, Reason

AGENT: Final = "ml-connector"
_VERSION: Final = re.compile(r"/v[12]$")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 ._~-]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API and its tokens are found. Paths below `base` begin with `/v1` or `/v2`."""

    base: str
    token_url: str

    @classmethod
    def of(cls, side: Side) -> Address:
        """From the settings of a connection. Raises Refused (address wrong) where they cannot be right."""
        given = setting(side, "base_url") or PUBLIC_ADDRESS
        base = _VERSION.sub("", given.rstrip("/"))
        where = urlsplit(base)
        if where.path.rstrip("/").endswith("/erp/service"):
            raise wrong_setting(f"{given} is the audience of tokens, not an address: set {PUBLIC_ADDRESS} as base_url")
        if where.hostname == OLD_HOST and not where.path:
            base += OLD_ROOT
        return cls(base=base, token_url=setting(side, "token_url") or PUBLIC_TOKEN_ADDRESS)


class VismaHttp(HttpClient):
    """Keeps within what the current window allows, and reads every error body there is."""

    def __init__(self, *, allowance: Allowance, **settings: Any) -> None:
        super().__init__(**settings)
        self.allowance = allowance
        self.was_let_in = False
        """True once any call was not refused for its token."""

    async def _send(self, *given: Any, **named: Any) -> Reply:
        while (wait := self.allowance.take()) > 0:
            if wait > MAX_WAIT:
                detail = f"this hour's calls are used up; {round(wait)} s until the next"
                finding = Finding(Reason.RATE_LIMITED, NAME, detail)
                raise Unavailable(system=NAME, findings=(finding,), retry_after=wait)
            await asyncio.sleep(wait)
        reply = await super()._send(*given, **named)
        self.allowance.learn(reply.headers)
        self.was_let_in = self.was_let_in or reply.status < 400
        return reply

    def unavailable(self, reply: Reply) -> Unavailable:
        """As ever, with the words of whichever body came."""
        error = later(reply)
        return error if isinstance(error, Unavailable) else super().unavailable(reply)


class VismaClient:
    """Calls to one company as one service application."""

    def __init__(self, side: Side, *, guard: Guard | None = None) -> None:
        self.address = Address.of(side)
        self.tokens = ConnectTokens(
            url=self.address.token_url,
            client_id=setting(side, "client_id"),
            client_secret=side.secrets.get("client_secret", ""),
            tenant_id=setting(side, "tenant_id"),
            scopes=(READ_SCOPE, UPDATE_SCOPE) if setting(side, "write_back") == NOTES else (READ_SCOPE,),
        )
        self.allowance = Allowance()
        self.http = VismaHttp(
            allowance=self.allowance,
            system=NAME,
            limits=LIMITS,
            authorizer=self.tokens.authorizer,
            # The company comes from the token; these two are what the old gateway went by (Visma dossier 3.4).
            headers={
                "Accept": "application/json",
                "User-Agent": AGENT,
                "ipp-application-type": APPLICATION_TYPE,
                "ipp-company-id": setting(side, "company_id"),
            },
            request_id_headers=REQUEST_ID_HEADERS,
            guard=guard,
        )

    async def close(self) -> None:
        """Closes the pooled connections."""
        await self.http.close()
        await self.tokens.close()

    async def rows(self, path: str, options: Mapping[str, str]) -> list[Row]:
        """The rows of one answer of a list; none where the answer is empty (Visma dossier 5)."""
        body = await self.body(path, options)
        found = [] if body is None else body
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise unexpected(f"{path}: the answer is no list")
        return found

    async def body(self, path: str, options: Mapping[str, str] | None = None) -> Any:
        """What an address answers, None where it is empty."""
        return self._read(await self._get(path, options), path)

    async def one(self, path: str) -> tuple[Row, str] | None:
        """A record and its ETag, None where it is gone."""
        reply = await self._get(path, None, missing_ok=True)
        if reply.status == 404:
            return None
        found = self._read(reply, path)
        if not isinstance(found, dict):
            raise unexpected(f"{path}: the answer is no record")
        tag = reply.headers.get("ETag") or (f'"{found["timeStamp"]}"' if found.get("timeStamp") else "")
        return found, tag

    async def content(self, path: str, *, pages: bool = False) -> bytes:
        """The bytes of a file, unchanged. A web page is one of a proxy's, unless `pages` says that the file is one."""
        reply = await self._get(path, None, headers={"Accept": "*/*"})
        if not pages and is_web_page(reply):
            raise unexpected(f"{path}: answered {reply.status} with a web page in place of the file")
        return reply.body

    async def change(self, path: str, members: Row, *, tag: str, about: str) -> bool:
        """Changes members of a record that is still as `tag` says; False where it no longer is.

        Under the tag, sending it twice does no harm. `about` names the record where it is refused.
        """
        headers = {"If-Match": tag} if tag else {}
        reply = await self.http.write(
            "PUT", f"{self.address.base}{path}", body=members, headers=headers, idempotent=True
        )
        if reply.status == 412:
            return False
        if not reply.ok:
            raise self._error(reply, writes=True, about=about)
        if is_web_page(reply):
            raise unexpected(f"{path}: answered {reply.status} with a web page; nothing says that it was changed")
        return True

    async def _get(
        self, path: str, options: Mapping[str, str] | None, *, missing_ok: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        # Never followed elsewhere: our token is for this host alone.
        reply = await self.http.read(f"{self.address.base}{path}", params=options, headers=headers, follow=False)
        if reply.ok or (missing_ok and reply.status == 404):
            return reply
        raise self._error(reply, writes=False)

    def _error(self, reply: Reply, *, writes: bool, about: str = NAME) -> ConnectorError:
        is_customers = reply.status == 401 and not self.http.was_let_in
        return error_of(reply, writes=writes, detail=CUSTOMER_TENANT if is_customers else "", subject=about)

    def _read(self, reply: Reply, path: str) -> Any:
        if not reply.body.strip():
            return None
        try:
            return reply.json()
        except ValueError as odd:
            raise unexpected(f"{path}: answered {reply.status} with something that is no JSON") from odd


def setting(side: Side, name: str) -> str:
    """A setting as text, empty where it is left out."""
    value = side.values.get(name)
    return "" if value is None else str(value).strip()


def segment(key: str) -> str:
    """A key as a segment of a path; with signs that have a meaning there, as base64 (Visma dossier 2)."""
    if not _UNSAFE.search(key):
        return quote(key, safe="")
    return f"b64({base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')})"
