"""Basware's HTTP: redirects without the token, continuation in headers, empty lists as 404. No business words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urljoin, urlsplit

from ml_connector.connectors.basware.errors import REQUEST_ID, SYSTEM, error_of, refused, request_id_of
from ml_connector.connectors.errors import Unavailable
from ml_connector.connectors.http import HttpClient, Reply
from ml_connector.records.reason import Finding, Reason

CONTINUATION: Final = "x-amz-meta-continuationtoken"
REQUEST_ID_HEADERS: Final = (REQUEST_ID,)
HEADERS: Final = {"Accept": "application/json"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HOPS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """A read's answer: 200 or 404, and what to ask the next page with."""

    reply: Reply
    continuation: str = ""

    @property
    def found(self) -> bool:
        """False for a 404: nothing there, or no more."""
        return self.reply.status != 404


class BaswareClient:
    """Reads and writes at one region's address."""

    def __init__(self, *, http: HttpClient, base: Callable[[], Awaitable[str]]) -> None:
        self.http = http
        self._base = base

    async def get(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A GET with its redirect followed. 404 is an answer; raises for everything else but success."""
        for last in (False, True):
            first = await self.http.read(await self._base() + path, params=params, headers=headers,
                                         follow=False)  # fmt: skip
            token = _continuation(first)
            if first.status not in _REDIRECTS:
                if first.ok or first.status == 404:
                    return Answer(first, token)
                raise error_of(first)
            target = await self._follow(first)
            if target.ok:
                return Answer(target, token or _continuation(target))
            # A pre-signed address lives shortly and once: a fresh one is worth one more try (dossier 1.8).
            if last:
                said = f"{target.status} at the address Basware redirected to: {target.text(200)}"
                raise Unavailable(
                    system=SYSTEM,
                    findings=(Finding(Reason.OUT_OF_ORDER, SYSTEM, said),),
                    status=target.status,
                    request_id=request_id_of(first),
                )
        raise AssertionError("the second turn either returns or raises")

    async def _follow(self, reply: Reply) -> Reply:
        """To where a redirect leads, without the bearer token: it must not be seen there (dossier 1.8)."""
        for _ in range(_HOPS):
            location = _header(reply, "location")
            target = urljoin(reply.url, location)
            if not location or _downgrades(reply.url, target):
                raise refused(Reason.UNEXPECTED, SYSTEM, f"{reply.status} with no address that can be followed")
            reply = await self.http.read(target, authorized=False, follow=False)
            if reply.status not in _REDIRECTS:
                return reply
        raise refused(Reason.UNEXPECTED, SYSTEM, f"more than {_HOPS} redirects in a row")

    async def pages(
        self, path: str, member: str, *, params: Mapping[str, str]
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Pages of a list's `member`, one by one; none where nothing is found."""
        seen: set[str] = set()
        headers: dict[str, str] = {}
        while True:
            answer = await self.get(path, params=params, headers=headers)
            if not answer.found:  # none at all, or no more (dossier 1.7)
                return
            yield members_of(answer.reply, member)
            if not answer.continuation:
                return
            if answer.continuation in seen:
                raise refused(Reason.UNEXPECTED, SYSTEM, f"{path} gave the same continuation token twice")
            seen.add(answer.continuation)
            headers = {CONTINUATION: answer.continuation}

    async def post(
        self, path: str, body: Any = None, *, idempotent: bool, content: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        """A POST; any clear answer is returned, but a refused sign-in or missing right raises.

        `content` is a body that is JSON already.
        """
        reply = await self.http.write(
            "POST",
            await self._base() + path,
            body=body,
            content=content,
            params=params,
            headers={"Content-Type": "application/json"},
            idempotent=idempotent,
        )
        if reply.status in (401, 403):
            raise error_of(reply)
        return reply


def segment(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


def members_of(reply: Reply, member: str) -> Sequence[Mapping[str, Any]]:
    """The records of a list answer. Raises Refused where it is none."""
    try:
        body = reply.json()
    except ValueError as error:
        raise refused(Reason.UNEXPECTED, SYSTEM, f"no JSON in the answer: {reply.text(200)}") from error
    listed: Any = cast("Mapping[str, Any]", body).get(member) if isinstance(body, dict) else body
    if listed is None:  # null members are left out (dossier 1.4)
        return ()
    if not isinstance(listed, list):
        raise refused(Reason.UNEXPECTED, SYSTEM, f"{member!r} is no list: {reply.text(200)}")
    return [cast("Mapping[str, Any]", each) for each in cast("list[Any]", listed) if isinstance(each, dict)]


def _continuation(reply: Reply) -> str:
    return _header(reply, CONTINUATION)


def _header(reply: Reply, name: str) -> str:
    return next((value for key, value in reply.headers.items() if key.lower() == name), "")


def _downgrades(origin: str, target: str) -> bool:
    scheme = urlsplit(target).scheme
    return scheme not in ("http", "https") or (urlsplit(origin).scheme == "https" and scheme != "https")
